/* SPDX-License-Identifier: BSD-2-Clause */
#include "csv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *at; /* in the file's text */
    int64_t line;   /* that `at` is in */
    char separator;
    char *to;     /* behind the last field's text */
    char **field; /* of all rows, one after another */
    int64_t fields, field_room;
    int64_t *line_of; /* [rows] */
    int64_t rows, row_room;
    int columns;
    char *message;
    int message_room;
} reader;

static bool fail(reader *r, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(r->message, (size_t)r->message_room, format, values);
    va_end(values);
    return false;
}

/* Room for one more element in an array that doubles. */
static bool grow(reader *r, void *array, int64_t used, int64_t *room, size_t size) {
    void *old, *larger;
    if (used < *room)
        return true;
    memcpy(&old, array, sizeof old);
    *room = *room < 64 ? 64 : 2 * *room;
    larger = realloc(old, (size_t)*room * size);
    if (larger == NULL)
        return fail(r, "out of memory");
    memcpy(array, &larger, sizeof larger);
    return true;
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, got = 1;
    *size = 0;
    while (file != NULL && got > 0) {
        if (*size + 65536 > room) {
            char *larger = realloc(text, room = 2 * room + 65537);
            if (larger == NULL)
                break;
            text = larger;
        }
        got = fread(text + *size, 1, 65536, file);
        *size += got;
    }
    const bool fine = file != NULL && got == 0 && !ferror(file);
    const int reason = errno;
    if (file != NULL)
        fclose(file);
    errno = reason;
    if (fine) {
        text[*size] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

/* -- fields ------------------------------------------------------------------------------------ */

/* Tabs and semicolons are rare inside of fields, commas are not. */
static char find_separator(const char *text) {
    bool tab = false, semicolon = false, quoted = false;
    while (*text == '\n' || *text == '\r')
        text++;
    for (; *text != '\0' && (quoted || (*text != '\n' && *text != '\r')); text++) {
        quoted ^= *text == '"';
        tab = tab || (!quoted && *text == '\t');
        semicolon = semicolon || (!quoted && *text == ';');
    }
    return tab ? '\t' : semicolon ? ';' : ',';
}

static bool is_blank(const reader *r, char c) {
    return (c == ' ' || c == '\t') && c != r->separator;
}

static bool at_end(const reader *r) {
    return *r->at == '\0' || *r->at == '\n' || *r->at == '\r' || *r->at == r->separator;
}

static void skip_blanks(reader *r) {
    while (is_blank(r, *r->at))
        r->at++;
}

static bool copy_quoted(reader *r) {
    const int64_t begin = r->line;
    for (r->at++; *r->at != '"' || r->at[1] == '"'; r->at++) {
        if (*r->at == '\0')
            return fail(r, "line %lld: a quote is never closed", (long long)begin);
        r->line += *r->at == '\n';
        r->at += *r->at == '"';
        *r->to++ = *r->at;
    }
    r->at++;
    skip_blanks(r);
    return at_end(r) || fail(r, "line %lld: text behind a closing quote", (long long)r->line);
}

static bool read_field(reader *r) {
    if (!grow(r, &r->field, r->fields, &r->field_room, sizeof *r->field))
        return false;
    char *begin = r->field[r->fields++] = r->to;
    skip_blanks(r);
    if (*r->at == '"') {
        if (!copy_quoted(r))
            return false;
    } else {
        while (!at_end(r))
            *r->to++ = *r->at++;
        while (r->to > begin && is_blank(r, r->to[-1]))
            r->to--;
    }
    *r->to++ = '\0';
    return true;
}

static bool read_row(reader *r) {
    const int64_t first = r->fields;
    if (!grow(r, &r->line_of, r->rows, &r->row_room, sizeof *r->line_of))
        return false;
    r->line_of[r->rows++] = r->line;
    bool more = true;
    while (more) {
        if (!read_field(r))
            return false;
        more = *r->at == r->separator;
        r->at += more;
    }
    if (r->rows == 1)
        r->columns = (int)(r->fields - first);
    if (r->fields - first != r->columns)
        return fail(r, "line %lld has %lld fields, the first has %d",
                    (long long)r->line_of[r->rows - 1], (long long)(r->fields - first), r->columns);
    return true;
}

/* Over ends of lines, and lines of nothing else. */
static void skip_lines(reader *r) {
    for (;;) {
        const char *ahead = r->at;
        while (is_blank(r, *ahead))
            ahead++;
        if (*ahead != '\n' && *ahead != '\r')
            break;
        r->line += *ahead == '\n';
        r->at = ahead + 1;
    }
}

static bool read_rows(reader *r, const char *text, size_t size) {
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return fail(r, "the file is in UTF-16, it must be in UTF-8");
    r->at = text + (memcmp(text, "\xef\xbb\xbf", size < 3 ? size : 3) == 0 && size >= 3 ? 3 : 0);
    r->line = 1;
    r->separator = find_separator(r->at);
    for (skip_lines(r); *r->at != '\0'; skip_lines(r))
        if (!read_row(r))
            return false;
    if (r->at != text + size)
        return fail(r, "line %lld has a zero byte: is it a text file?", (long long)r->line);
    return r->rows > 0 || fail(r, "the file is empty");
}

/* -- columns ----------------------------------------------------------------------------------- */

enum field_kind { FIELD_NUMBER, FIELD_MISSING, FIELD_TEXT };

static bool is_missing(const char *s) {
    static const char *const words[] = {"", "na", "n/a", "nan", "null", "none", "?"};
    char small[8] = "";
    for (size_t i = 0; i < sizeof small - 1 && s[i] != '\0'; i++)
        small[i] = (char)tolower((unsigned char)s[i]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(s) < sizeof small && strcmp(small, words[i]) == 0)
            return true;
    return false;
}

/* Where commas don't separate, they may stand for the point. */
static enum field_kind read_number(const char *s, char separator, double *number) {
    char own[64], *end;
    *number = NAN;
    if (is_missing(s))
        return FIELD_MISSING;
    if (strlen(s) >= sizeof own || strpbrk(s, "xXpP(") != NULL) /* strtod() would take more */
        return FIELD_TEXT;
    strcpy(own, s);
    if (separator != ',' && strchr(own, '.') == NULL && strchr(own, ',') != NULL)
        *strchr(own, ',') = '.';
    const double value = strtod(own, &end);
    if (end == own || *end != '\0' || isnan(value))
        return FIELD_TEXT;
    *number = value;
    return FIELD_NUMBER;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

/* Gives each different text of a column a number. */
static bool number_texts(csv_column *c, int64_t rows) {
    char ***order = malloc((size_t)rows * sizeof *order);
    double value = 0;
    if (order == NULL)
        return false;
    for (int64_t i = 0; i < rows; i++)
        order[i] = &c->field[i];
    qsort(order, (size_t)rows, sizeof *order, compare_texts);
    for (int64_t i = 0; i < rows; i++) {
        value += i > 0 && strcmp(*order[i], *order[i - 1]) != 0;
        c->number[order[i] - c->field] = is_missing(*order[i]) ? NAN : value;
    }
    free(order);
    return true;
}

static bool fill_column(const reader *r, csv *t, int index, int64_t first) {
    csv_column *c = &t->column[index];
    char number[16];
    snprintf(number, sizeof number, "%d", index + 1);
    const char *name = first > 0 && r->field[index][0] != '\0' ? r->field[index] : number;
    c->name = malloc(strlen(name) + 1);
    c->field = malloc((size_t)(t->rows + 1) * sizeof *c->field);
    c->number = malloc((size_t)(t->rows + 1) * sizeof *c->number);
    if (c->name == NULL || c->field == NULL || c->number == NULL)
        return false;
    strcpy(c->name, name);
    for (int64_t i = 0; i < t->rows; i++) {
        c->field[i] = r->field[(first + i) * r->columns + index];
        const enum field_kind kind = read_number(c->field[i], r->separator, &c->number[i]);
        c->values += kind != FIELD_MISSING;
        if (kind == FIELD_TEXT && c->odd++ == 0)
            c->odd_row = i;
    }
    c->text = c->odd > 0;
    return !c->text || number_texts(c, t->rows);
}

static bool is_header(const reader *r) {
    double number;
    for (int i = 0; i < r->columns; i++)
        if (read_number(r->field[i], r->separator, &number) == FIELD_NUMBER)
            return false;
    return true;
}

static bool fill_table(reader *r, int header, csv *t) {
    t->header = header >= 0 ? header > 0 : is_header(r);
    t->columns = r->columns;
    t->rows = r->rows - t->header;
    t->line = malloc((size_t)r->rows * sizeof *t->line);
    t->column = calloc((size_t)t->columns, sizeof *t->column);
    bool fine = t->line != NULL && t->column != NULL;
    if (fine)
        memcpy(t->line, r->line_of + t->header, (size_t)t->rows * sizeof *t->line);
    for (int i = 0; i < t->columns && fine; i++)
        fine = fill_column(r, t, i, t->header);
    if (!fine)
        return fail(r, "out of memory");
    return t->rows > 0 || fail(r, "the file has a line of names and no rows");
}

/* -- tables ------------------------------------------------------------------------------------ */

bool csv_read(const char *path, int header, csv *out, char *message, int room) {
    reader r = {.message = message, .message_room = room};
    csv t = {.rows = 0};
    size_t size;
    char *text = read_file(path, &size);
    if (text == NULL)
        return fail(&r, "%s", strerror(errno));
    t.memory = r.to = malloc(size + 2); /* a field is followed by at least what ends it */
    bool fine = t.memory != NULL || fail(&r, "out of memory");
    fine = fine && read_rows(&r, text, size) && fill_table(&r, header, &t);
    free(text);
    free(r.field);
    free(r.line_of);
    if (fine)
        *out = t;
    else
        csv_free(&t);
    return fine;
}

void csv_free(csv *table) {
    for (int i = 0; table->column != NULL && i < table->columns; i++) {
        free(table->column[i].name);
        free(table->column[i].field);
        free(table->column[i].number);
    }
    free(table->column);
    free(table->line);
    free(table->memory);
}

int csv_find(const csv *table, const char *name) {
    int found = -1;
    for (int i = 0; i < table->columns; i++)
        if (strcmp(table->column[i].name, name) == 0)
            found = found == -1 ? i : -2;
    if (found != -1)
        return found;
    char *end;
    const long number = strtol(name, &end, 10);
    const bool whole = end != name && *end == '\0';
    return whole && number >= 1 && number <= table->columns ? (int)number - 1 : -1;
}

void csv_write(FILE *f, const char *text) {
    if (strpbrk(text, ",;\t\"\r\n") == NULL) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', f);
        fputc(*text, f);
    }
    fputc('"', f);
}
