/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_MODEL_H
#define LIBMI_LIB_MODEL_H

#include "../net/net.h"
#include "../net/optimizer.h"

#include <mi/cluster.h>

/* What is remembered of a head's loss: a moving average that forgets its empty beginning. */
typedef struct mi__running {
    double sum, mass; /* the average is sum / mass */
} mi__running;

struct mi_cluster {
    mi_encoder *encoder;
    mi_optimizer *optimizer; /* NULL: only evaluation */
    mi_cluster_options options;
    mi_iic *iic[2];       /* of heads that count, and of others; NULL before the first step */
    int64_t repeats;      /* that they were made for */
    int64_t restarts;     /* calls of mi_cluster_restart() so far */
    mi__running *running; /* [heads] */
};

/* The joint matrices of all heads, over the batches that come next from the pairs. */
typedef struct mi__joints {
    mi_cluster *cluster;
    mi_pairs *pairs;
    int64_t position;    /* that the pairs go back to */
    int64_t batch, rows; /* images; with their twins */
    int32_t repeats;
    int64_t numbers; /* of one view */
    float *x, *xt;
    double **joint; /* [heads] -> [K][K]: sums of z zt^T */
} mi__joints;

/* Whether it fails or not, mi__joints_end() gives memory and batches back. */
mi_status mi__joints_begin(mi__joints *joints, mi_cluster *cluster, mi_pairs *pairs,
                           int64_t batches);
mi_status mi__joints_end(mi__joints *joints);

/* One more batch through the encoder, with running statistics. */
mi_status mi__joints_next(mi__joints *joints);

/* A head with `classes` outputs is one of those that count. */
bool mi__cluster_counts(const mi_cluster *cluster, int32_t head);

/* Whether a head learns now; see late_heads. */
bool mi__cluster_learns(const mi_cluster *cluster, int32_t head);

#endif
