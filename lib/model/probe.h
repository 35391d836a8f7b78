/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_PROBE_H
#define LIBMI_LIB_PROBE_H

#include "../net/net.h"

#include <mi/probe.h>

#define MI__DECAY_CHOSEN (-1)

/* What a fit makes: a network, whose features are logits, behind (x - mean) inverse. */
typedef struct mi__probe_model {
    mi_encoder *encoder;
    float *mean, *inverse; /* [d], inverse 0 of a constant feature */
} mi__probe_model;

struct mi_probe {
    mi_context *ctx;
    mi_probe_options options; /* whole but for epochs; layers are in the description */
    int64_t d;
    int32_t classes;
    char *description;
    int64_t description_size;
    mi__probe_model model; /* encoder NULL: not fitted */
};

/* Rows as they come from the caller; of labelled ones, those that have a label. */
typedef struct mi__probe_samples {
    int64_t n, d, ld;
    const float *x;
    const int32_t *label; /* of all rows */
    int64_t *index;       /* [n] the rows, in the order that they are taken; NULL: 0, 1, ... */
    int64_t room;         /* of index */
} mi__probe_samples;

int64_t mi__probe_row(const mi__probe_samples *s, int64_t i);
const float *mi__probe_features(const mi__probe_samples *s, int64_t i);

/* Whatever is in a model, NULL too. */
void mi__probe_free_model(const mi_probe *probe, mi__probe_model *model);

/* A network with freshly drawn weights. Those of a single layer are 0: whatever is drawn there
 * would have to be unlearnt, and stays where samples don't tell. */
mi_status mi__probe_encoder(const mi_probe *probe, mi_encoder **out);

/* Checks a caller's samples and labels; only rows whose label is known are looked at. */
mi_status mi__probe_take(const mi_probe *probe, int64_t n, const float *x, int64_t ld,
                         const int32_t *label, mi__probe_samples *out);
void mi__probe_free_samples(const mi_probe *probe, mi__probe_samples *s);

/* n samples from the first-th on through the network. */
mi_status mi__probe_forward(const mi__probe_model *model, const mi__probe_samples *s, int64_t first,
                            int64_t n, bool train);

mi_status mi__probe_score(const mi__probe_model *model, const mi__probe_samples *s,
                          double *accuracy);

#endif
