/* SPDX-License-Identifier: BSD-2-Clause */
#include "estimate_pairs.h"

#include "heatmap.h"
#include "options.h"
#include "watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pair of columns, or of a column and what was named. */
static estimate run_pair(const pairs_job *job, variable *x, variable *y) {
    variable z = variable_parse(job->table, job->marked, job->given);
    variable *const v[3] = {x, y, &z};
    estimate e = {.asked = job->method};
    const int64_t n = variables_fill(job->table, v);
    if (n > 0)
        job->run(&e, v, n);
    else
        e = (estimate){.asked = job->method, .status = MI_E_ARG, .problem = "no row is left"};
    for (int i = 0; i < 3; i++)
        free(v[i]->data);
    return e;
}

static variable column_variable(const pairs_job *job, int column) {
    variable v = {.count = 0};
    variable_add(&v, job->table, job->marked, column);
    return v;
}

static bool is_used(const variable *v, int column) {
    for (int i = 0; i < v->count; i++)
        if (v->column[i] == column)
            return true;
    return false;
}

static int longest_name(const csv *table) {
    int longest = 6;
    for (int i = 0; i < table->columns; i++) {
        const int length = report_letters(table->column[i].name);
        longest = length > longest ? length : longest;
    }
    return longest;
}

typedef struct ranked {
    int column;
    estimate e;
} ranked;

/* Failures last. */
static int by_value(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if ((x->e.status == MI_OK) != (y->e.status == MI_OK))
        return x->e.status == MI_OK ? -1 : 1;
    return (x->e.r.value < y->e.r.value) - (x->e.r.value > y->e.r.value);
}

static void print_ranked_json(const pairs_job *job, const variable *target, const variable *given,
                              const ranked *r, int count) {
    printf("\n{");
    json_columns("y", job->table, target);
    printf(", ");
    json_columns("given", job->table, given);
    printf(", \"unit\": \"%s\", ", job->report.unit);
    json_truth("interrupted", interrupted);
    printf(", \"columns\": [");
    for (int i = 0; i < count; i++) {
        printf("%s{\"name\": ", i > 0 ? ", " : "");
        json_text(job->table->column[r[i].column].name);
        printf(", \"estimate\": ");
        json_estimate(&r[i].e);
        printf("}");
    }
    printf("]}\n");
}

bool compare_with(const pairs_job *job, const char *list) {
    const csv *table = job->table;
    variable target = variable_parse(table, job->marked, list);
    const variable given = variable_parse(table, job->marked, job->given);
    ranked *r = malloc((size_t)table->columns * sizeof *r);
    int count = 0;
    if (r == NULL)
        stop(1, list, "out of memory");
    for (int i = 0; i < table->columns && !interrupted; i++) {
        if (is_used(&target, i) || is_used(&given, i))
            continue;
        variable v = column_variable(job, i);
        report_progress("column", i, table->columns);
        report_column_kinds(table, &v);
        r[count] = (ranked){i, run_pair(job, &v, &target)};
        count += r[count].e.status != MI_E_CANCELLED;
    }
    report_progress("column", table->columns, table->columns);
    if (count == 0 && !interrupted)
        stop(2, list, "there is no other column");
    qsort(r, (size_t)count, sizeof *r, by_value);
    report head = job->report;
    head.width = longest_name(table);
    printf("What each column tells about %s\n\n", list);
    report_head(&head, "column");
    for (int i = 0; i < count; i++)
        report_line(&head, table->column[r[i].column].name, &r[i].e);
    report_interrupted(interrupted);
    print_ranked_json(job, &target, &given, r, count);
    const bool any = count > 0 && r[0].e.status == MI_OK;
    free(r);
    return any;
}

/* -- every column about every other ------------------------------------------------------------ */

typedef struct matrix {
    variable columns;
    int n;
    const char **name; /* [n] */
    double *value;     /* [n][n], NaN where there is none */
    int32_t *method;   /* [n][n] */
    int32_t warnings;  /* of any pair */
} matrix;

static bool fill_matrix(const pairs_job *job, matrix *m) {
    const int pairs = m->n * (m->n - 1) / 2;
    bool any = false;
    for (int i = 0; i < m->n * m->n; i++)
        m->value[i] = NAN;
    for (int i = 0, done = 0; i < m->n; i++) {
        for (int j = 0; j < i && !interrupted; j++, done++) {
            variable x = column_variable(job, m->columns.column[j]);
            variable y = column_variable(job, m->columns.column[i]);
            report_progress("pair", done, pairs);
            const estimate e = run_pair(job, &x, &y);
            report_progress("pair", pairs, pairs);
            if (e.status == MI_E_CANCELLED)
                break;
            if (e.status != MI_OK)
                printf("%s and %s: %s\n", m->name[j], m->name[i], e.problem);
            m->value[i * m->n + j] = m->value[j * m->n + i] = e.status == MI_OK ? e.r.value : NAN;
            m->method[i * m->n + j] = m->method[j * m->n + i] = e.r.method;
            m->warnings |= e.r.warnings;
            any = any || e.status == MI_OK;
        }
    }
    return any;
}

static void print_matrix(const report *r, const matrix *m) {
    printf("Mutual information in %s\n\n", r->unit);
    report_name("", r->width);
    for (int j = 0; j < m->n; j++) {
        printf("  %*s", 8 - report_letters(m->name[j]) > 0 ? 8 - report_letters(m->name[j]) : 0,
               "");
        printf("%s", m->name[j]);
    }
    printf("\n");
    for (int i = 0; i < m->n; i++) {
        report_name(m->name[i], r->width);
        for (int j = 0; j < m->n; j++) {
            const int width = report_letters(m->name[j]) > 8 ? report_letters(m->name[j]) : 8;
            if (isnan(m->value[i * m->n + j]))
                printf("  %*s", width, "-");
            else
                printf("  %*.4f", width, m->value[i * m->n + j]);
        }
        printf("\n");
    }
}

static void print_matrix_json(const pairs_job *job, const matrix *m) {
    printf("\n{");
    json_columns("columns", job->table, &m->columns);
    printf(", \"unit\": \"%s\", ", job->report.unit);
    json_truth("interrupted", interrupted);
    printf(", \"values\": [");
    for (int i = 0; i < m->n * m->n; i++) {
        printf("%s", i == 0 ? "[" : i % m->n == 0 ? "], [" : ", ");
        if (isfinite(m->value[i]))
            printf("%.9g", m->value[i]);
        else
            printf("null");
    }
    printf("]], \"methods\": [");
    for (int i = 0; i < m->n * m->n; i++)
        printf("%s\"%s\"",
               i == 0          ? "["
               : i % m->n == 0 ? "], ["
                               : ", ",
               isnan(m->value[i]) ? "" : mi_method_name(m->method[i]));
    printf("]]}\n");
}

static void write_files(const pairs_job *job, const matrix *m, const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/matrix.csv", directory);
    FILE *f = fopen(path, "w");
    for (int i = -1; f != NULL && i < m->n; i++) {
        csv_write(f, i < 0 ? "" : m->name[i]);
        for (int j = 0; j < m->n; j++) {
            fputc(',', f);
            if (i < 0)
                csv_write(f, m->name[j]);
            else if (!isnan(m->value[i * m->n + j]))
                fprintf(f, "%.9g", m->value[i * m->n + j]);
        }
        fputc('\n', f);
    }
    if (f == NULL || fclose(f) != 0)
        stop(1, path, "could not be written");
    snprintf(path, sizeof path, "%s/matrix.png", directory);
    const double nats = strcmp(job->report.unit, "bits") == 0 ? log(2) : 1;
    need(draw_heatmap(path, m->n, m->name, m->value, job->report.unit, nats), "picture");
}

static void print_warnings(int32_t warnings) {
    for (int32_t w = 1; w <= MI_WARNING_UNSURE; w *= 2)
        if (warnings & w)
            printf("(somewhere: %s)\n", mi_warning_text(w));
}

bool compare_all(const pairs_job *job, const char *list, const char *directory) {
    matrix m = {.columns = columns_parse(job->table, list)};
    report head = job->report;
    const size_t n = (size_t)m.columns.count;
    if (n < 2)
        stop(2, list != NULL ? list : "the table", "there is only one column");
    m.n = m.columns.count;
    m.name = malloc(n * sizeof *m.name);
    m.value = malloc(n * n * sizeof *m.value);
    m.method = calloc(n * n, sizeof *m.method);
    if (m.name == NULL || m.value == NULL || m.method == NULL)
        stop(1, "matrix", "out of memory");
    for (int i = 0; i < m.n; i++) {
        const variable v = column_variable(job, m.columns.column[i]);
        m.name[i] = job->table->column[m.columns.column[i]].name;
        report_column_kinds(job->table, &v);
    }
    const bool any = fill_matrix(job, &m);
    head.width = longest_name(job->table);
    print_matrix(&head, &m);
    print_warnings(m.warnings);
    report_interrupted(interrupted);
    if (directory != NULL)
        write_files(job, &m, directory);
    print_matrix_json(job, &m);
    free(m.name);
    free(m.value);
    free(m.method);
    return any;
}
