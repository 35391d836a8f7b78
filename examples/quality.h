/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_QUALITY_H
#define EXAMPLES_QUALITY_H

/* How good the features of a trained encoder are: classifiers on them, neighbours in them. Labels
 * are looked at here alone. */

#include <mi/mi.h>

enum { LEVEL_CONV, LEVEL_FC, LEVEL_CODE, LEVELS };

typedef struct quality {
    double linear[LEVELS], mlp[LEVELS]; /* accuracy on test images, of probes fitted to training
                                           images; NaN: not measured */
    double linear_decay[LEVELS];        /* weight decay of the linear ones, given or chosen */
    double knn_cos, knn_l2;             /* of the vote of the nearest training images' codes */
    double code_mean, code_std;         /* over all dimensions and training images */
} quality;

/* What is asked for. */
typedef struct measurement {
    mi_context *context;
    mi_infomax *infomax;
    const mi_dataset *train, *test;
    int side, classes;
    int neighbours;      /* that vote */
    double linear_decay; /* weight decay of linear probes, -1: chosen */
    int mlp_epochs;      /* of probes with a hidden layer; 0: none is fitted */
    const char *sheets;  /* a directory for knn_cos.png and knn_l2.png; NULL: none */
    mi_infomax *beside;  /* another one, for knn_beside.png: whose neighbours are better? or NULL */
    const char *program; /* tells of itself on stderr; NULL: silently */
} measurement;

/* The program ends with a message if something fails. */
quality measure_features(const measurement *m);

#endif
