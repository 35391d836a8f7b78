/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "thread.h"

#include <signal.h>

/* What a thread brings upon itself must still reach the host's handlers. */
static void all_from_outside(sigset_t *set) {
    const int own[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(set, own[i]);
}

bool mi__thread_start(pthread_t *thread, size_t stack, void *(*body)(void *arg), void *arg) {
    sigset_t blocked, kept;
    pthread_attr_t attributes;
    all_from_outside(&blocked);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack);
    pthread_sigmask(SIG_SETMASK, &blocked, &kept); /* which the new thread inherits */
    bool started = pthread_create(thread, &attributes, body, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}
