/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_WATCH_H
#define EXAMPLES_WATCH_H

/* What long work looks at: Ctrl-C and the clock. */

#include <signal.h>

extern volatile sig_atomic_t interrupted;

/* From now on Ctrl-C, or SIGTERM, is only noted in `interrupted`; a second one ends the program. */
void watch_interrupts(void);

/* Seconds since some moment. */
double now(void);

#endif
