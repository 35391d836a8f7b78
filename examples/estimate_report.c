/* SPDX-License-Identifier: BSD-2-Clause */
#include "estimate_report.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* JSON has neither NaN nor infinity. */
void json_number(const char *name, double value) {
    if (isfinite(value))
        printf("\"%s\": %.9g", name, value);
    else
        printf("\"%s\": null", name);
}

void json_truth(const char *name, bool value) {
    printf("\"%s\": %s", name, value ? "true" : "false");
}

void json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 32)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    putchar('"');
}

void json_columns(const char *name, const csv *table, const variable *v) {
    printf("\"%s\": [", name);
    for (int i = 0; i < v->count; i++) {
        printf("%s", i > 0 ? ", " : "");
        json_text(table->column[v->column[i]].name);
    }
    printf("]");
}

void json_estimate(const estimate *e) {
    const mi_estimate_result *r = &e->r;
    const char *const names[] = {"value", "cap", "error", "low", "high", "p_value", "null_mean"};
    const double values[] = {r->value, r->cap, r->error, r->low, r->high, r->p_value, r->null_mean};
    printf("{\"asked\": \"%s\"", mi_method_name(e->asked));
    if (e->status != MI_OK) {
        printf(", \"problem\": ");
        json_text(e->problem);
    } else {
        printf(", \"method\": \"%s\", \"samples\": %lld", mi_method_name(r->method),
               (long long)r->n);
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            printf(", ");
            json_number(names[i], values[i]);
        }
        printf(", \"warnings\": %d", r->warnings);
    }
    printf("}");
}

int report_letters(const char *text) {
    int count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void report_name(const char *name, int width) {
    printf("%s%*s", name, width - report_letters(name) > 0 ? width - report_letters(name) : 0, "");
}

void report_head(const report *r, const char *first) {
    report_name(first, r->width);
    printf("  %10s", r->unit);
    if (r->errors)
        printf("  %9s  %7.4g %% interval", "error", 100 * r->level);
    if (r->p_values)
        printf("  %8s", "p");
    printf("  method\n");
}

void report_line(const report *r, const char *first, const estimate *e) {
    const mi_estimate_result *v = &e->r;
    report_name(first, r->width);
    if (e->status != MI_OK) {
        printf("  %10s  %s\n", "-", e->problem);
        return;
    }
    printf("  %10.4f", v->value);
    if (r->errors)
        printf("  %9.4f  %8.4f to %7.4f", v->error, v->low, v->high);
    if (r->p_values)
        printf("  %8.4f", v->p_value);
    printf("  %s\n", mi_method_name(v->method));
    for (int32_t w = 1; w <= MI_WARNING_UNSURE; w *= 2)
        if (v->warnings & w)
            printf("%*s  (%s)\n", r->width, "", mi_warning_text(w));
}

static char place[64]; /* among several estimates */

void report_progress(const char *what, int done, int of) {
    place[0] = '\0';
    if (of > 1 && done < of)
        snprintf(place, sizeof place, "%s: %d of %d ", what, done + 1, of);
    if (isatty(2))
        fprintf(stderr, "\r\033[K%s", place);
}

void report_share(double share, double seconds) {
    const double left = share > 0 ? seconds / share - seconds : 0;
    if (!isatty(2))
        return;
    fprintf(stderr, "\r\033[K%s%.0f %% ", place, 100 * share);
    if (share > 0)
        fprintf(stderr, "%d:%02d left ", (int)left / 60, (int)left % 60);
}

void report_interrupted(bool interrupted) {
    if (interrupted)
        printf("\nInterrupted: this is what there is so far.\n");
}

void report_column_kinds(const csv *table, const variable *v) {
    for (int i = 0; i < v->count; i++) {
        const csv_column *c = &table->column[v->column[i]];
        if (c->odd > 0 && c->odd <= table->rows / 10)
            printf("Column %s is taken for names because of %lld of %lld fields, such as \"%.40s\" "
                   "in line %lld.\n",
                   c->name, (long long)c->odd, (long long)table->rows, c->field[c->odd_row],
                   (long long)table->line[c->odd_row]);
    }
}
