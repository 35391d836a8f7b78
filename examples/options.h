/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_OPTIONS_H
#define EXAMPLES_OPTIONS_H

/* The command line of the examples: --name value, --flag, --help. */

#include <stdbool.h>
#include <stddef.h>

typedef struct option {
    const char *name; /* without the dashes; NULL ends the list */
    enum { OPTION_INTEGER, OPTION_REAL, OPTION_TEXT, OPTION_FLAG } kind;
    void *value;        /* long long, double, const char *, bool; holds the default */
    double least, most; /* of numbers */
    const char *help;
} option;

/* Ends the program, with status 0 after --help and 2 after a mistake, which it names. */
void options_parse(const char *program, const char *summary, const option *options, int argc,
                   char **argv);

/* If a call failed, prints `what` and the library's message, and ends the program. */
void need(int status, const char *what);

/* Whether a file of this name can be written, which is better asked before hours of work: else as
 * above. NULL is fine. */
void need_folder(const char *program, const char *path);

#endif
