/* SPDX-License-Identifier: BSD-2-Clause */
/* How much the columns of a table tell about each other, with error bars.
 *
 *     estimate table.csv                          every column about every other
 *     estimate table.csv --y price                which column tells most about price
 *     estimate table.csv --x a,b --y price        a and b together, by every --methods
 *     estimate table.csv --x a --y price --given c
 *
 * Columns are named by the first line, or numbered from 1. Those of text are names: only whether
 * two are the same counts. Rows with a missing value in a column that is used are left out. Ctrl-C
 * stops, and tells what was found so far. */
#include "columns.h"
#include "estimate_pairs.h"
#include "options.h"
#include "watch.h"

#include <mi/mi.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *x, *y, *given, *methods, *unit, *scale, *discrete, *continuous, *bin_kind;
    const char *correction, *out;
    long long k, bins, resamples, permutations, seed, threads;
    double level, noise;
    bool bootstrap, euclidean, matrix, no_header;
} set = {.methods = "auto",
         .unit = "nats",
         .scale = "default",
         .bin_kind = "width",
         .correction = "none",
         .level = 0.95};

static const option options[] = {
    {"x", OPTION_TEXT, &set.x, 0, 0, "columns, names or numbers with commas between"},
    {"y", OPTION_TEXT, &set.y, 0, 0, "columns that x tells about"},
    {"given", OPTION_TEXT, &set.given, 0, 0, "columns that are known already"},
    {"methods", OPTION_TEXT, &set.methods, 0, 0,
     "several with commas between, or all: auto, discrete, histogram, ksg, ksg2, ross, gao, "
     "gaussian, copula, student, neural, canonical (see mi/estimate.h)"},
    {"unit", OPTION_TEXT, &set.unit, 0, 0, "nats or bits"},
    {"scale", OPTION_TEXT, &set.scale, 0, 0, "default, none, standard or rank"},
    {"discrete", OPTION_TEXT, &set.discrete, 0, 0, "columns whose numbers are names"},
    {"continuous", OPTION_TEXT, &set.continuous, 0, 0, "columns whose whole numbers are not"},
    {"k", OPTION_INTEGER, &set.k, 0, 1e9, "neighbours; 0: 3"},
    {"euclidean", OPTION_FLAG, &set.euclidean, 0, 0, "their distance, instead of the greatest"},
    {"bins", OPTION_INTEGER, &set.bins, 0, 65536, "cells a column of a histogram; 0: by a rule"},
    {"bin-kind", OPTION_TEXT, &set.bin_kind, 0, 0, "width, or quantile: cells of equal counts"},
    {"correction", OPTION_TEXT, &set.correction, 0, 0,
     "none, miller-madow or grassberger: for the bias of discrete and histogram"},
    {"noise", OPTION_REAL, &set.noise, 0, 1, "added against equal numbers, in deviations"},
    {"resamples", OPTION_INTEGER, &set.resamples, 0, 1e6, "for error and interval; 100 is good"},
    {"bootstrap", OPTION_FLAG, &set.bootstrap, 0, 0, "instead of halves of the samples"},
    {"level", OPTION_REAL, &set.level, 0.01, 0.9999, "of the interval"},
    {"permutations", OPTION_INTEGER, &set.permutations, 0, 1e6, "for a p-value; 199 is good"},
    {"seed", OPTION_INTEGER, &set.seed, 0, 1e15, "of all that is random"},
    {"threads", OPTION_INTEGER, &set.threads, 0, 1024, "0: all processors"},
    {"matrix", OPTION_FLAG, &set.matrix, 0, 0, "the columns of --x (or all) about each other"},
    {"no-header", OPTION_FLAG, &set.no_header, 0, 0, "the first line has no names"},
    {"out", OPTION_TEXT, &set.out, 0, 0, "directory for matrix.csv and matrix.png"},
    {0}};

enum { ALL_METHODS = MI_METHOD_CANONICAL + 1 };

static const char *file;
static csv table;
static kinds marked;
static mi_context *context;
/* -- estimates --------------------------------------------------------------------------------- */

static int32_t word_among(const char *word, const char *const *words, int32_t count,
                          const char *what) {
    for (int32_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    stop(2, word, what);
}

static int32_t parse_unit(void) {
    static const char *const units[] = {"nats", "bits"};
    return word_among(set.unit, units, 2, "the unit must be nats or bits");
}

/* Fills in the methods that are asked for, and returns how many there are. */
static int parse_methods(estimate *e) {
    const char *list = set.methods, *names[ALL_METHODS];
    char word[64];
    int count = 0;
    for (int32_t m = 0; m < ALL_METHODS; m++)
        names[m] = mi_method_name(m);
    if (strcmp(list, "all") == 0)
        for (; count < ALL_METHODS; count++)
            e[count].asked = count;
    else
        while (count < ALL_METHODS && next_word(&list, word, sizeof word))
            e[count++].asked = word_among(word, names, ALL_METHODS, "no such method");
    if (count == 0)
        stop(2, "methods", "none is named");
    return count;
}

typedef struct watch {
    double begin, shown;
} watch;

/* Shows how far an estimate is that takes long, and stops it unless it is finished. */
static int32_t tell(void *user, double done, int64_t total) {
    watch *w = user;
    const double time = now();
    if (time - w->begin > 0.5 && time - w->shown > 0.1) {
        w->shown = time;
        report_share(done / (double)total, time - w->begin);
    }
    return interrupted && done < (double)total;
}

static mi_estimate_options options_for(int32_t method, watch *w) {
    static const char *const scales[] = {"default", "none", "standard", "rank"};
    static const char *const bin_kinds[] = {"width", "quantile"};
    static const char *const corrections[] = {"none", "miller-madow", "grassberger"};
    return (mi_estimate_options){
        .struct_size = sizeof(mi_estimate_options),
        .seed = (uint64_t)set.seed,
        .method = method,
        .unit = parse_unit(),
        .scale = word_among(set.scale, scales, 4, "the scale must be one of those in --help"),
        .k = (int32_t)set.k,
        .metric = set.euclidean ? MI_METRIC_EUCLIDEAN : MI_METRIC_MAX,
        .correction = word_among(set.correction, corrections, 3, "no such correction"),
        .bins = (int32_t)set.bins,
        .bin_kind = word_among(set.bin_kind, bin_kinds, 2, "cells are by width or quantile"),
        .noise = set.noise,
        .resamples = (int32_t)set.resamples,
        .resample = set.bootstrap ? MI_RESAMPLE_BOOTSTRAP : MI_RESAMPLE_HALVES,
        .level = set.level,
        .permutations = (int32_t)set.permutations,
        .progress = tell,
        .progress_user = w};
}

/* I(v[0]; v[1] | v[2]). */
static void run(estimate *e, variable *const v[3], int64_t n) {
    watch w = {.begin = now()};
    const mi_estimate_options o = options_for(e->asked, &w);
    mi_samples s[3];
    for (int i = 0; i < 3; i++)
        s[i] = (mi_samples){.struct_size = sizeof s[i],
                            .data = v[i]->data,
                            .n = n,
                            .d = v[i]->count,
                            .kind = v[i]->kind};
    e->r = (mi_estimate_result){.struct_size = sizeof e->r};
    e->status =
        mi_estimate_mi(context, &s[0], &s[1], v[2]->count > 0 ? &s[2] : NULL, &o, NULL, &e->r);
    if (e->status != MI_OK)
        snprintf(e->problem, sizeof e->problem, "%s", mi_error_message());
}

/* -- what is told ------------------------------------------------------------------------------ */

static void tell_dropped(int64_t rows) {
    if (rows < table.rows)
        printf("%lld of %lld rows are left out, since they lack a value.\n",
               (long long)(table.rows - rows), (long long)table.rows);
    if (rows == 0)
        stop(1, file, "no row is left");
}

static report report_of(int width) {
    return (report){.unit = set.unit,
                    .errors = set.resamples > 0,
                    .p_values = set.permutations > 0,
                    .level = set.level,
                    .width = width};
}

/* -- some columns about some others, by several methods ---------------------------------------- */

static void print_methods_json(variable *const v[3], int64_t n, const estimate *e, int methods) {
    static const char *const names[] = {"x", "y", "given"};
    printf("\n{");
    for (int i = 0; i < 3; i++) {
        json_columns(names[i], &table, v[i]);
        printf(", ");
    }
    printf("\"unit\": \"%s\", \"dropped\": %lld, ", set.unit, (long long)(table.rows - n));
    json_truth("interrupted", interrupted);
    printf(", \"estimates\": [");
    for (int i = 0; i < methods; i++) {
        printf("%s", i > 0 ? ", " : "");
        json_estimate(&e[i]);
    }
    printf("]}\n");
}

static bool compare_methods(void) {
    variable x = variable_parse(&table, &marked, set.x);
    variable y = variable_parse(&table, &marked, set.y);
    variable z = variable_parse(&table, &marked, set.given);
    variable *const v[3] = {&x, &y, &z};
    estimate e[ALL_METHODS];
    const int methods = parse_methods(e);
    int told = 0;
    const int64_t n = variables_fill(&table, v);
    bool any = false;
    for (int i = 0; i < 3; i++)
        report_column_kinds(&table, v[i]);
    tell_dropped(n);
    printf("I(%s; %s%s%s), %lld samples\n\n", set.x, set.y, z.count > 0 ? " | " : "",
           z.count > 0 ? set.given : "", (long long)n);
    const report r = report_of(9);
    report_head(&r, "asked");
    for (; told < methods && !interrupted; told++) {
        report_progress("method", told, methods);
        run(&e[told], v, n);
        report_progress("method", methods, methods);
        if (e[told].status == MI_E_CANCELLED)
            break;
        report_line(&r, mi_method_name(e[told].asked), &e[told]);
        any = any || e[told].status == MI_OK;
    }
    report_interrupted(interrupted);
    print_methods_json(v, n, e, told);
    for (int i = 0; i < 3; i++)
        free(v[i]->data);
    return any;
}

/* -- all of it --------------------------------------------------------------------------------- */

static bool compare_columns(void) {
    estimate e[ALL_METHODS];
    if (parse_methods(e) > 1)
        stop(2, "methods", "several are for one x and one y");
    const pairs_job job = {.table = &table,
                           .marked = &marked,
                           .given = set.given,
                           .method = e[0].asked,
                           .report = report_of(0),
                           .run = run};
    if (set.matrix || (set.x == NULL && set.y == NULL))
        return compare_all(&job, set.x, set.out);
    return compare_with(&job, set.x != NULL ? set.x : set.y);
}

static void check(int argc, char **argv) {
    char help[] = "--help", *ask[] = {argv[0], help};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        options_parse("estimate FILE.csv", "How much columns tell about each other.", options, 2,
                      ask);
    if (strncmp(argv[1], "--", 2) == 0)
        stop(2, argv[1], "the first argument is the file (see --help)");
    file = argv[1];
    options_parse("estimate", "", options, argc - 1, argv + 1);
    if (set.matrix && set.y != NULL)
        stop(2, "matrix", "is of the columns in --x, or of all");
    if (set.out != NULL && mkdir(set.out, 0777) != 0 && errno != EEXIST)
        stop(1, set.out, strerror(errno));
}

int main(int argc, char **argv) {
    char message[512];
    /* Once more ends it at once: a single estimate has no end before its own. */
    watch_interrupts();
    check(argc, argv);
    if (!csv_read(file, set.no_header ? 0 : -1, &table, message, sizeof message))
        stop(1, file, message);
    const mi_context_options co = {.struct_size = sizeof co, .threads = (int32_t)set.threads};
    need(mi_context_create(&co, &context), "context");
    marked = (kinds){.discrete = set.discrete, .continuous = set.continuous};
    const bool both = set.x != NULL && set.y != NULL;
    const bool fine = both ? compare_methods() : compare_columns();
    mi_context_destroy(context);
    csv_free(&table);
    return interrupted ? 130 : fine && fflush(stdout) == 0 ? 0 : 1;
}
