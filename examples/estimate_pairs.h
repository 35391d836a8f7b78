/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_ESTIMATE_PAIRS_H
#define EXAMPLES_ESTIMATE_PAIRS_H

/* Many columns at once. Where Ctrl-C was noted (watch.h), they tell what there is so far. */

#include "estimate_report.h"

typedef struct pairs_job {
    const csv *table;
    const kinds *marked;
    const char *given;
    int32_t method;
    report report;
    /* Fills in I(v[0]; v[1] | v[2]) of n rows. */
    void (*run)(estimate *e, variable *const v[3], int64_t n);
} pairs_job;

/* What every other column tells about those in the list, the most first. False if nothing could be
 * estimated. */
bool compare_with(const pairs_job *job, const char *list);

/* Every column of the list about every other, as a table, and as matrix.csv and matrix.png in a
 * directory. NULL: of all columns; no files. */
bool compare_all(const pairs_job *job, const char *list, const char *directory);

#endif
