/* SPDX-License-Identifier: BSD-2-Clause */
#include "columns.h"

#include <mi/samples.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void stop(int status, const char *what, const char *problem) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, problem);
    exit(status);
}

bool next_word(const char **list, char *word, int room) {
    if (*list == NULL || **list == '\0')
        return false;
    *list += strspn(*list, " ");
    const size_t length = strcspn(*list, ",");
    snprintf(word, (size_t)room, "%.*s", (int)length, *list);
    *list += length + ((*list)[length] == ',');
    return true;
}

static int column_of(const csv *table, const char *name) {
    const int column = csv_find(table, name);
    if (column == -2)
        stop(2, name, "several columns have this name, take its number");
    if (column < 0)
        stop(2, name, "no such column");
    return column;
}

static bool is_among(const csv *table, const char *list, int column) {
    char word[512];
    while (next_word(&list, word, sizeof word))
        if (column_of(table, word) == column)
            return true;
    return false;
}

static int kind_of(const csv *table, const kinds *k, int column) {
    return table->column[column].text || is_among(table, k->discrete, column) ? MI_KIND_DISCRETE
           : is_among(table, k->continuous, column)                           ? MI_KIND_CONTINUOUS
                                                                              : MI_KIND_AUTO;
}

void variable_add(variable *v, const csv *table, const kinds *k, int column) {
    const int kind = kind_of(table, k, column);
    const char *name = table->column[column].name;
    if (v->count == MOST_COLUMNS)
        stop(2, name, "too many columns for one variable");
    if (v->count > 0 && (kind == MI_KIND_DISCRETE) != (v->kind == MI_KIND_DISCRETE))
        stop(2, name, "columns of names and of numbers can't be one variable");
    v->kind = v->count == 0 || kind == v->kind ? kind : MI_KIND_AUTO;
    v->column[v->count++] = column;
}

variable variable_parse(const csv *table, const kinds *k, const char *list) {
    variable v = {.count = 0};
    char word[512];
    for (const char *rest = list; next_word(&rest, word, sizeof word);)
        variable_add(&v, table, k, column_of(table, word));
    if (list != NULL && v.count == 0)
        stop(2, list, "no column is named");
    return v;
}

variable columns_parse(const csv *table, const char *list) {
    variable v = {.count = 0};
    char word[512];
    for (int i = 0; list == NULL && i < table->columns; i++)
        if (table->column[i].values > 0) {
            if (v.count == MOST_COLUMNS)
                stop(1, "the table", "too many columns, name some");
            v.column[v.count++] = i;
        }
    while (next_word(&list, word, sizeof word)) {
        if (v.count == MOST_COLUMNS)
            stop(2, word, "too many columns");
        v.column[v.count++] = column_of(table, word);
    }
    return v;
}

static bool is_whole(const csv *table, const variable *v, int64_t row) {
    for (int i = 0; i < v->count; i++) {
        const csv_column *c = &table->column[v->column[i]];
        char problem[128];
        if (isinf(c->number[row])) {
            snprintf(problem, sizeof problem, "line %lld, column %.40s: not a finite number",
                     (long long)table->line[row], c->name);
            stop(1, c->field[row], problem);
        }
        if (isnan(c->number[row]))
            return false;
    }
    return true;
}

int64_t variables_fill(const csv *table, variable *const v[3]) {
    int64_t rows = 0;
    for (int i = 0; i < 3; i++) {
        v[i]->data = malloc((size_t)table->rows * (size_t)v[i]->count * sizeof(double) + 1);
        if (v[i]->data == NULL)
            stop(1, "columns", "out of memory");
    }
    for (int64_t row = 0; row < table->rows; row++) {
        if (!is_whole(table, v[0], row) || !is_whole(table, v[1], row) ||
            !is_whole(table, v[2], row))
            continue;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < v[i]->count; j++)
                v[i]->data[rows * v[i]->count + j] = table->column[v[i]->column[j]].number[row];
        rows++;
    }
    return rows;
}
