/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_CSV_H
#define EXAMPLES_CSV_H

/* Tables as programs export them: fields between commas, semicolons or tabs (whichever the first
 * line has), in quotes or not, with a line of names at the top or not. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct csv_column {
    char *name;      /* from the first line, else its number, from 1 */
    char **field;    /* [rows] text */
    double *number;  /* [rows]; NaN if missing. Of a column of text: its values, numbered */
    bool text;       /* at least one field is neither a number nor missing */
    int64_t values;  /* fields that aren't missing */
    int64_t odd;     /* how many are so */
    int64_t odd_row; /* the first of them */
} csv_column;

typedef struct csv {
    int64_t rows;
    int columns;
    bool header; /* there was a line of names */
    csv_column *column;
    int64_t *line; /* [rows] of the file, from 1 */
    char *memory;
} csv;

/* Reads a file. A field is missing if it is empty, or one of NA, N/A, NaN, null, none and ?. A
 * first line without a single number is the line of names, if `header` is -1; 0 and 1 decide it.
 * False after a mistake, which is in `message`, with its line; nothing is to be freed then. */
bool csv_read(const char *path, int header, csv *out, char *message, int room);
void csv_free(csv *table);

/* Writes a field, in quotes if it must be. */
void csv_write(FILE *f, const char *text);

/* Its column of this name or number, -1 if there is none, -2 if several. */
int csv_find(const csv *table, const char *name);

#endif
