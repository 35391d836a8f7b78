/* SPDX-License-Identifier: BSD-2-Clause */
/* Matches the rows of a matrix to its columns, one to one, at the least total cost. */
#include <mi/assign.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: assign [--maximize] < MATRIX\n"
                           "  MATRIX: a row of numbers a line, between blanks; inf (-inf with\n"
                           "          --maximize) where a pair is forbidden; '#' begins a comment\n"
                           "Writes the column and the cost of each row, then the total.\n";

static void fail(long line, const char *what, const char *where) {
    fprintf(stderr, "assign: line %ld: %s: %.24s\n", line, what, where);
    exit(2);
}

/* Adds a line's numbers to cost[*count]; how many. */
static int64_t read_row(char *text, long line, double **cost, int64_t *count) {
    int64_t cols = 0;
    text[strcspn(text, "#\r\n")] = '\0';
    for (char *at = text, *end;; at = end, cols++) {
        at += strspn(at, " \t,;");
        if (*at == '\0')
            return cols;
        const double value = strtod(at, &end);
        if (end == at || strchr(" \t,;", *end) == NULL)
            fail(line, "not a number", at);
        if ((*count & (*count - 1)) == 0) { /* room for twice as many */
            double *more = realloc(*cost, (size_t)(*count == 0 ? 1 : 2 * *count) * sizeof *more);
            if (more == NULL)
                fail(line, "no memory", at);
            *cost = more;
        }
        (*cost)[(*count)++] = value;
    }
}

static double *read_matrix(int64_t *rows, int64_t *cols) {
    double *cost = NULL;
    char *text = NULL;
    size_t room = 0;
    int64_t count = 0;
    *rows = *cols = 0;
    for (long line = 1; getline(&text, &room, stdin) >= 0; line++) {
        const int64_t found = read_row(text, line, &cost, &count);
        if (found == 0)
            continue;
        if (*rows > 0 && found != *cols)
            fail(line, "not as many numbers as in the first row", text);
        *cols = found;
        ++*rows;
    }
    if (ferror(stdin))
        fail(0, "cannot read", strerror(errno));
    free(text);
    return cost;
}

int main(int argc, char **argv) {
    const int maximize = argc == 2 && strcmp(argv[1], "--maximize") == 0;
    if (argc > 1 && !maximize) {
        const int asked = argc == 2 && strcmp(argv[1], "--help") == 0;
        fputs(help, asked ? stdout : stderr);
        return asked ? 0 : 2;
    }
    int64_t rows, cols;
    double *cost = read_matrix(&rows, &cols), total;
    int64_t *column = malloc((size_t)(rows + 1) * sizeof *column);
    mi_assign *assign = NULL;
    if (column == NULL || mi_assign_create(NULL, &assign) != MI_OK ||
        mi_assign_solve_f64(assign, rows, cols, cost, 0, maximize, column, NULL, &total) != MI_OK) {
        fprintf(stderr, "assign: %s\n", column == NULL ? "no memory" : mi_error_message());
        return 1;
    }
    for (int64_t i = 0; i < rows; i++)
        if (column[i] >= 0)
            printf("%lld %lld %.10g\n", (long long)i, (long long)column[i],
                   cost[i * cols + column[i]]);
    printf("total %.17g\n", total);
    mi_assign_destroy(assign);
    free(column);
    free(cost);
    return 0;
}
