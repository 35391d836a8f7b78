/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_ESTIMATE_REPORT_H
#define EXAMPLES_ESTIMATE_REPORT_H

/* Estimates as lines of a table for people, and as JSON for programs. */

#include "columns.h"

#include <mi/estimate.h>

typedef struct estimate {
    int32_t asked; /* an mi_method */
    int status;
    char problem[256]; /* unless status is MI_OK */
    mi_estimate_result r;
} estimate;

/* What the table has, besides values. */
typedef struct report {
    const char *unit;
    bool errors, p_values;
    double level;
    int width; /* of what stands first */
} report;

void report_head(const report *r, const char *first);
void report_line(const report *r, const char *first, const estimate *e);
void report_name(const char *name, int width);

/* How many letters a name takes on the screen. */
int report_letters(const char *name);

/* "what: 3 of 10", on a terminal; done == of wipes it away, and the share behind it. */
void report_progress(const char *what, int done, int of);

/* How far one of them is, 0 to 1, after so many seconds. */
void report_share(double share, double seconds);

/* What was not asked any more. */
void report_interrupted(bool interrupted);

/* Says which columns were taken for names though they look like numbers. */
void report_column_kinds(const csv *table, const variable *v);

void json_text(const char *text);
void json_number(const char *name, double value); /* null if it isn't finite */
void json_truth(const char *name, bool value);
void json_columns(const char *name, const csv *table, const variable *v);
void json_estimate(const estimate *e);

#endif
