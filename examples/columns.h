/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_COLUMNS_H
#define EXAMPLES_COLUMNS_H

/* Variables made of columns of a table. Mistakes end the program, with a line that names them. */

#include "csv.h"

enum { MOST_COLUMNS = 256 };

typedef struct variable {
    int count, column[MOST_COLUMNS];
    int kind;     /* an mi_kind */
    double *data; /* [rows][count], without rows that lack something */
} variable;

/* Prints one line and ends the program: status 2 for mistakes on the command line, else 1. */
_Noreturn void stop(int status, const char *what, const char *problem);

/* Takes the next of some words with commas between; false at their end. */
bool next_word(const char **list, char *word, int room);

/* Columns whose numbers are names, or are not though they look like it; NULL: none. */
typedef struct kinds {
    const char *discrete, *continuous;
} kinds;

void variable_add(variable *v, const csv *table, const kinds *k, int column);

/* From a list of names or numbers; NULL makes a variable without columns. */
variable variable_parse(const csv *table, const kinds *k, const char *list);

/* The same, whatever their kinds, for a list of columns; NULL: all that have a value. */
variable columns_parse(const csv *table, const char *list);

/* Copies rows that lack nothing into all three, and counts them. Free the data of each. */
int64_t variables_fill(const csv *table, variable *const v[3]);

#endif
