/* SPDX-License-Identifier: BSD-2-Clause */
#include "pictures.h"

#include "canvas.h"

#include <mi/pairs.h>
#include <mi/score.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that the pictures are drawn from. */
typedef struct result {
    int64_t images, numbers; /* numbers in one image */
    int side, channels, classes;
    float *x, *probability; /* [images][numbers], [images][classes] */
    int32_t *label, *truth, *naming;
    int64_t *counts; /* [classes][classes] */
    int *order;      /* [classes]: the cluster in each row */
} result;

static int measure(result *r, mi_cluster *cluster, const mi_dataset *set) {
    double accuracy;
    int status = mi_pairs_plain(set, r->side, r->images, NULL, r->x);
    if (status == MI_OK)
        status = mi_cluster_predict(cluster, -1, r->images, r->x, r->label, r->probability);
    if (status == MI_OK)
        status = mi_dataset_read(set, r->images, NULL, NULL, r->truth);
    if (status == MI_OK)
        status =
            mi_score_confusion(r->images, r->label, r->truth, r->classes, r->classes, r->counts);
    if (status == MI_OK)
        status = mi_score_accuracy(NULL, r->classes, r->classes, r->counts, r->naming, &accuracy);
    for (int c = 0; status == MI_OK && c < r->classes; c++)
        r->order[r->naming[c]] = c;
    return status;
}

/* The image of a cluster that comes after `last` in falling probability; -1 if none is left. */
static int64_t next_surest(const result *r, int cluster, int64_t last) {
    int64_t best = -1;
    for (int64_t i = 0; i < r->images; i++) {
        float p = r->probability[i * r->classes + cluster];
        float before = last < 0 ? 2 : r->probability[last * r->classes + cluster];
        bool later = p < before || (p == before && i > last);
        if (r->label[i] == cluster && later &&
            (best < 0 || p > r->probability[best * r->classes + cluster]))
            best = i;
    }
    return best;
}

static int draw_clusters(const result *r, const char *path) {
    const int columns = 20, gap = 2, margin = 40, zoom = 2, cell = r->side * zoom + gap;
    canvas c = canvas_create(r->classes * cell + gap, margin + columns * cell + gap);
    for (int row = 0; row < r->classes; row++) {
        int64_t image = -1;
        canvas_number(&c, row * cell + gap + cell / 2, margin / 2, 4, r->order[row], 0);
        for (int j = 0; j < columns; j++) {
            image = next_surest(r, r->order[row], image);
            if (image < 0)
                break;
            canvas_image(&c, row * cell + gap, margin + j * cell + gap, zoom, r->side, r->channels,
                         r->x + image * r->numbers);
        }
    }
    return canvas_write(&c, path);
}

static int draw_confusion(const result *r, const char *path) {
    const int cell = 44, margin = 40, n = r->classes;
    canvas c = canvas_create(margin + n * cell, margin + n * cell);
    for (int row = 0; row < n; row++) {
        const int64_t *counts = r->counts + (int64_t)r->order[row] * n;
        int64_t sum = 0;
        for (int j = 0; j < n; j++)
            sum += counts[j];
        canvas_number(&c, margin / 2, margin + row * cell + cell / 2, 3, row, 90);
        canvas_number(&c, margin + row * cell + cell / 2, margin / 2, 3, r->order[row], 90);
        for (int j = 0; j < n; j++) {
            double share = sum > 0 ? (double)counts[j] / (double)sum : 0;
            int light = 255 - (int)(share * 215), top = margin + row * cell,
                left = margin + j * cell;
            canvas_fill(&c, top, left, cell - 1, cell - 1, light, light, 255);
            canvas_number(&c, top + cell / 2, left + cell / 2, 2, counts[j],
                          share > 0.5     ? 255
                          : counts[j] > 0 ? 0
                                          : 200);
        }
    }
    return canvas_write(&c, path);
}

int draw_result(const char *directory, mi_cluster *cluster, const mi_dataset *set, int side,
                int classes) {
    mi_dataset_shape shape = {.struct_size = sizeof shape};
    int status = mi_dataset_info(set, &shape);
    if (status != MI_OK)
        return status;
    result r = {
        .images = shape.count, .side = side, .channels = shape.channels, .classes = classes};
    size_t n = (size_t)r.images, k = (size_t)classes;
    r.numbers = (int64_t)side * side * shape.channels;
    r.x = calloc(n * (size_t)r.numbers, sizeof *r.x);
    r.probability = calloc(n * k, sizeof *r.probability);
    r.label = calloc(n, sizeof *r.label);
    r.truth = calloc(n, sizeof *r.truth);
    r.naming = calloc(k, sizeof *r.naming);
    r.counts = calloc(k * k, sizeof *r.counts);
    r.order = calloc(k, sizeof *r.order);
    if (!r.x || !r.probability || !r.label || !r.truth || !r.naming || !r.counts || !r.order)
        status = MI_E_NOMEM;
    char path[4096];
    if (status == MI_OK)
        status = measure(&r, cluster, set);
    snprintf(path, sizeof path, "%s/clusters.png", directory);
    if (status == MI_OK)
        status = draw_clusters(&r, path);
    snprintf(path, sizeof path, "%s/confusion.png", directory);
    if (status == MI_OK)
        status = draw_confusion(&r, path);
    free(r.x), free(r.probability), free(r.label), free(r.truth);
    free(r.naming), free(r.counts), free(r.order);
    return status;
}
