/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_THREAD_H
#define LIBMI_LIB_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Starts a thread of the library's own, with `stack` bytes and all signals blocked that the host
 * may wait for. False if the system has none to give. */
bool mi__thread_start(pthread_t *thread, size_t stack, void *(*body)(void *arg), void *arg);

#endif
