/* SPDX-License-Identifier: BSD-2-Clause */
#include "quality.h"

#include "options.h"
#include "sheet.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART 500        /* images that are encoded at a time */
#define SHEET_ROWS 10   /* queries of a sheet */
#define SHEET_COLUMNS 9 /* their neighbours */
#define BESIDE 5        /* of each of two encoders */

static const char *const level_names[LEVELS] = {"conv", "fc", "code"};

/* A set at all levels, or some. */
typedef struct features {
    const mi_dataset *set;
    int64_t n, d[LEVELS];
    float *x[LEVELS]; /* [n][d], or NULL */
    int32_t *label;
} features;

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count, size);
    if (memory == NULL) {
        fprintf(stderr, "no memory for features\n");
        exit(1);
    }
    return memory;
}

static void tell(const measurement *m, const char *what) {
    if (m->program != NULL && isatty(2))
        fprintf(stderr, "\r\033[K%s: %s ", m->program, what);
}

/* From a level on. */
static features encode(const measurement *m, mi_infomax *infomax, const mi_dataset *set,
                       int first) {
    mi_dataset_shape shape = {.struct_size = sizeof shape};
    int64_t index[PART];
    need(mi_dataset_info(set, &shape), "images");
    features f = {.set = set, .n = shape.count};
    need(mi_infomax_widths(infomax, &f.d[0], &f.d[1], &f.d[2]), "features");
    for (int level = first; level < LEVELS; level++)
        f.x[level] = room(f.n * f.d[level], sizeof(float));
    f.label = room(f.n, sizeof *f.label);
    float *images = room((int64_t)PART * m->side * m->side * shape.channels, sizeof *images);
    for (int64_t i = 0, n; i < f.n; i += n) {
        float *to[LEVELS];
        n = f.n - i < PART ? f.n - i : PART;
        for (int64_t j = 0; j < n; j++)
            index[j] = i + j;
        for (int level = 0; level < LEVELS; level++)
            to[level] = f.x[level] != NULL ? f.x[level] + i * f.d[level] : NULL;
        need(mi_pairs_plain(set, m->side, n, index, images), "images");
        need(mi_infomax_encode(infomax, n, images, to[LEVEL_CONV], to[LEVEL_FC], to[LEVEL_CODE]),
             "features");
    }
    need(mi_dataset_read(set, f.n, NULL, NULL, f.label), "labels");
    free(images);
    return f;
}

static void release(features *f) {
    for (int level = 0; level < LEVELS; level++)
        free(f->x[level]);
    free(f->label);
}

/* -- classifiers ------------------------------------------------------------------------------ */

static double probe(const measurement *m, const mi_probe_options *o, int level,
                    const features *train, const features *test, mi_probe_report *report) {
    mi_probe *p;
    double accuracy;
    need(mi_probe_create(m->context, train->d[level], m->classes, o, &p), "probe");
    need(mi_probe_fit(p, train->n, train->x[level], 0, train->label, report), "probe");
    need(mi_probe_accuracy(p, test->n, test->x[level], 0, test->label, &accuracy), "probe");
    mi_probe_destroy(p);
    return accuracy;
}

static void probe_level(const measurement *m, int level, const features *train,
                        const features *test, quality *q) {
    const mi_probe_options linear = {.struct_size = sizeof linear, .decay = m->linear_decay};
    const mi_probe_options mlp = {
        .struct_size = sizeof mlp, .layers = "dense 200, bn, relu", .epochs = m->mlp_epochs};
    mi_probe_report report = {.struct_size = sizeof report};
    char text[64];
    snprintf(text, sizeof text, "a linear classifier of %s, %lld numbers", level_names[level],
             (long long)train->d[level]);
    tell(m, text);
    q->linear[level] = probe(m, &linear, level, train, test, &report);
    q->linear_decay[level] = report.decay;
    snprintf(text, sizeof text, "a classifier with 200 hidden units of %s", level_names[level]);
    tell(m, text);
    q->mlp[level] = m->mlp_epochs > 0 ? probe(m, &mlp, level, train, test, NULL) : NAN;
}

/* -- neighbours ------------------------------------------------------------------------------- */

static double vote(const measurement *m, int32_t metric, const features *train,
                   const features *test) {
    const int64_t k = m->neighbours < train->n ? m->neighbours : train->n;
    int64_t *index = room(test->n * k, sizeof *index);
    float *distance = room(test->n * k, sizeof *distance);
    double accuracy;
    const mi_nearest_io io = {.struct_size = sizeof io,
                              .n = train->n,
                              .d = train->d[LEVEL_CODE],
                              .base = train->x[LEVEL_CODE],
                              .m = test->n,
                              .query = test->x[LEVEL_CODE],
                              .k = k,
                              .metric = metric,
                              .index = index,
                              .distance = distance};
    const mi_nearest_vote v = {.struct_size = sizeof v,
                               .m = test->n,
                               .k = k,
                               .index = index,
                               .distance = distance,
                               .n = train->n,
                               .label = train->label,
                               .classes = m->classes};
    need(mi_nearest_search(m->context, &io), "neighbours");
    need(mi_nearest_accuracy(m->context, &v, test->label, &accuracy), "neighbours");
    free(index);
    free(distance);
    return accuracy;
}

/* Neighbours of queries that are spread over the set, `count` of each: `found` has a place for
 * `columns`. False if there are fewer images. */
static bool find_neighbours(const measurement *m, int32_t metric, const features *f, int count,
                            int columns, int64_t query[SHEET_ROWS], int64_t *found) {
    int64_t index[SHEET_ROWS * SHEET_COLUMNS];
    if (f->n <= count || f->n < SHEET_ROWS)
        return false;
    const int64_t d = f->d[LEVEL_CODE];
    const float *base = f->x[LEVEL_CODE];
    float *x = room(SHEET_ROWS * d, sizeof *x);
    for (int64_t i = 0; i < SHEET_ROWS; i++) {
        query[i] = i * f->n / SHEET_ROWS;
        memcpy(x + i * d, base + query[i] * d, (size_t)d * sizeof *x);
    }
    const mi_nearest_io io = {.struct_size = sizeof io,
                              .n = f->n,
                              .d = d,
                              .base = base,
                              .m = SHEET_ROWS,
                              .query = x,
                              .exclude = query,
                              .k = count,
                              .metric = metric,
                              .index = index};
    need(mi_nearest_search(m->context, &io), "neighbours");
    for (int i = 0; i < SHEET_ROWS * count; i++)
        found[i / count * columns + i % count] = index[i];
    free(x);
    return true;
}

static void write_sheet(const measurement *m, const char *name, const features *f, int columns,
                        const int64_t *query, const int64_t *found) {
    char path[4096];
    const sheet s = {
        .set = f->set, .rows = SHEET_ROWS, .columns = columns, .image = query, .other = found};
    snprintf(path, sizeof path, "%s/%s", m->sheets, name);
    need(draw_sheet(path, &s), "pictures");
}

static void draw_neighbours(const measurement *m, int32_t metric, const char *name,
                            const features *test) {
    int64_t query[SHEET_ROWS], found[SHEET_ROWS * SHEET_COLUMNS];
    if (find_neighbours(m, metric, test, SHEET_COLUMNS, SHEET_COLUMNS, query, found))
        write_sheet(m, name, test, SHEET_COLUMNS, query, found);
}

/* In each row the same query, with neighbours by the one encoder, a gap, and by the other. */
static void draw_beside(const measurement *m, const features *test) {
    enum { COLUMNS = 2 * BESIDE + 1 };
    int64_t query[SHEET_ROWS], found[SHEET_ROWS * COLUMNS];
    features other = encode(m, m->beside, m->test, LEVEL_CODE);
    for (int i = 0; i < SHEET_ROWS * COLUMNS; i++)
        found[i] = -1;
    if (find_neighbours(m, MI_NEAREST_COSINE, test, BESIDE, COLUMNS, query, found) &&
        find_neighbours(m, MI_NEAREST_COSINE, &other, BESIDE, COLUMNS, query, found + BESIDE + 1))
        write_sheet(m, "knn_beside.png", test, COLUMNS, query, found);
    release(&other);
}

static void spread_of(const features *f, quality *q) {
    const float *x = f->x[LEVEL_CODE];
    const int64_t count = f->n * f->d[LEVEL_CODE];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)x[i];
    q->code_mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++)
        squares += ((double)x[i] - q->code_mean) * ((double)x[i] - q->code_mean);
    q->code_std = sqrt(squares / (double)count);
}

quality measure_features(const measurement *m) {
    quality q;
    tell(m, "features");
    features train = encode(m, m->infomax, m->train, 0), test = encode(m, m->infomax, m->test, 0);
    for (int level = 0; level < LEVELS; level++)
        probe_level(m, level, &train, &test, &q);
    tell(m, "neighbours");
    spread_of(&train, &q);
    q.knn_cos = vote(m, MI_NEAREST_COSINE, &train, &test);
    q.knn_l2 = vote(m, MI_NEAREST_EUCLIDEAN, &train, &test);
    if (m->sheets != NULL) {
        draw_neighbours(m, MI_NEAREST_COSINE, "knn_cos.png", &test);
        draw_neighbours(m, MI_NEAREST_EUCLIDEAN, "knn_l2.png", &test);
    }
    if (m->sheets != NULL && m->beside != NULL)
        draw_beside(m, &test);
    release(&train);
    release(&test);
    tell(m, "");
    return q;
}
