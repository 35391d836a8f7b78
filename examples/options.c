/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <mi/status.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(const char *program, const char *summary, const option *options) {
    printf("usage: %s [options]\n%s\n\n", program, summary);
    for (const option *o = options; o->name != NULL; o++) {
        char text[64] = "";
        if (o->kind == OPTION_INTEGER)
            snprintf(text, sizeof text, " N (%lld)", *(long long *)o->value);
        if (o->kind == OPTION_REAL)
            snprintf(text, sizeof text, " F (%g)", *(double *)o->value);
        if (o->kind == OPTION_TEXT)
            snprintf(text, sizeof text, *(char **)o->value ? " TEXT (%s)" : " TEXT",
                     *(char **)o->value);
        printf("  --%s%s\n        %s\n", o->name, text, o->help);
    }
}

static void fail(const char *program, const char *problem, const char *which) {
    fprintf(stderr, "%s: %s: %s (see --help)\n", program, which, problem);
    exit(2);
}

static void set(const char *program, const option *o, const char *text) {
    char *end = NULL;
    double number = 0;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)o->value = true; return;
    case OPTION_TEXT: *(const char **)o->value = text; return;
    case OPTION_INTEGER:
        *(long long *)o->value = strtoll(text, &end, 10);
        number = (double)*(long long *)o->value;
        break;
    case OPTION_REAL: number = *(double *)o->value = strtod(text, &end); break;
    }
    char problem[96];
    snprintf(problem, sizeof problem, "needs %s in %g to %g, got %.24s",
             o->kind == OPTION_REAL ? "a number" : "a whole number", o->least, o->most, text);
    if (end == text || *end != '\0' || !(number >= o->least && number <= o->most))
        fail(program, problem, o->name);
}

void options_parse(const char *program, const char *summary, const option *options, int argc,
                   char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : "";
        if (strcmp(name, "help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(program, summary, options);
            exit(0);
        }
        const option *o = options;
        while (o->name != NULL && strcmp(o->name, name) != 0)
            o++;
        if (o->name == NULL)
            fail(program, "no such option", argv[i]);
        if (o->kind != OPTION_FLAG && ++i == argc)
            fail(program, "needs a value", o->name);
        set(program, o, argv[i]);
    }
}

void need(int status, const char *what) {
    if (status == MI_OK)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, mi_error_message(), mi_status_name(status));
    exit(1);
}

void need_folder(const char *program, const char *path) {
    char folder[4096] = ".";
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash > path ? (int)(slash - path) : 1, path);
    if (path == NULL || access(folder, W_OK) == 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", program, folder, strerror(errno));
    exit(1);
}
