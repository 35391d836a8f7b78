/* SPDX-License-Identifier: BSD-2-Clause */
/* Codes, and what draws them towards a simple distribution. */
#include "infomax.h"

#include "../base/random.h"

#include <mi/prior.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_TEXT 512

static bool doubles(const mi_infomax *m) {
    return m->k->real == sizeof(double);
}

static int64_t dimensions(const mi_infomax *m) {
    return m->encoder->head[0].dense.width;
}

/* -- Gaussian codes --------------------------------------------------------------------------- */

mi_status mi__code_draw(const mi_infomax *m, int64_t rows, void *room, const void **z) {
    const mi__head *h = m->encoder->head;
    const uint64_t seed = m->options.seed, draw = (uint64_t)m->steps;
    *z = room != NULL ? room : h[0].y;
    if (room == NULL)
        return MI_OK;
    if (doubles(m))
        return mi_prior_sample_f64(seed, draw, rows, dimensions(m), h[0].y, 0, h[1].y, 0, room);
    return mi_prior_sample_f32(seed, draw, rows, dimensions(m), h[0].y, 0, h[1].y, 0, room);
}

mi_status mi__code_backward(const mi_infomax *m, int64_t rows, const void *z, const void *dz) {
    const mi__head *h = m->encoder->head;
    if (z == h[0].y)
        return MI_OK;
    if (doubles(m))
        return mi_prior_sample_backward_f64(rows, dimensions(m), h[0].y, 0, z, dz, h[0].dy,
                                            h[1].dy);
    return mi_prior_sample_backward_f32(rows, dimensions(m), h[0].y, 0, z, dz, h[0].dy, h[1].dy);
}

static mi_status evaluate_kl(const mi_infomax *m, int64_t rows, double *loss) {
    const mi__head *h = m->encoder->head;
    const int64_t d = dimensions(m);
    if (m->options.gamma == 0) {
        for (int i = 0; i < 2; i++)
            memset(h[i].dy, 0, (size_t)(rows * d) * m->k->real);
        return MI_OK;
    }
    MI__TRY(doubles(m) ? mi_prior_kl_f64(rows, d, h[0].y, 0, h[1].y, 0, MI_PRIOR_MEAN, loss,
                                         h[0].dy, h[1].dy)
                       : mi_prior_kl_f32(rows, d, h[0].y, 0, h[1].y, 0, MI_PRIOR_MEAN, loss,
                                         h[0].dy, h[1].dy));
    for (int i = 0; i < 2; i++)
        m->k->scale(rows * d, m->options.gamma, h[i].dy, h[i].dy);
    return MI_OK;
}

/* -- a discriminator -------------------------------------------------------------------------- */

mi_status mi__prior_build(mi_infomax *m, const char *layers) {
    const mi__map in = {1, 1, 1, dimensions(m)};
    char text[MOST_TEXT];
    const int length = snprintf(text, sizeof text, "%s, dense 1", layers);
    if (length < 0 || (size_t)length >= sizeof text)
        return mi__fail(MI_E_ARG, "discriminator must have at most %d characters, got %d",
                        MOST_TEXT - 10, length - 9);
    return mi__learner_create(m, text, &in, &m->discriminator);
}

/* What the discriminator sees of codes. */
static void show_codes(const mi_infomax *m, int64_t count, const void *z, void *seen) {
    if (m->options.prior == MI_INFOMAX_PRIOR_NORMAL) {
        memcpy(seen, z, (size_t)count * m->k->real);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        mi__real_put(m->k, seen, i, 1 / (1 + exp(-mi__real_get(m->k, z, i))));
}

static void draw_prior(const mi_infomax *m, int64_t count, void *out) {
    const int64_t first = m->steps * count;
    (m->options.prior == MI_INFOMAX_PRIOR_NORMAL ? m->k->normals : m->k->uniforms)(
        m->options.seed, MI__STREAM_DISCRIMINATOR, first, count, out);
}

static mi_status side_loss(const mi_infomax *m, int32_t side, int64_t rows, int64_t others,
                           double *loss) {
    const mi_encoder *e = m->discriminator.net;
    const void *scores = MI__FEATURES(e);
    void *gradient = e->dfeatures;
    if (doubles(m))
        return mi_prior_adversarial_f64(side, rows, scores, others, (const double *)scores + rows,
                                        loss, gradient,
                                        others > 0 ? (double *)gradient + rows : NULL);
    return mi_prior_adversarial_f32(side, rows, scores, others, (const float *)scores + rows, loss,
                                    gradient, others > 0 ? (float *)gradient + rows : NULL);
}

/* Through the discriminator, whose own gradients are then made anew, to the codes. */
static mi_status deceive(mi_infomax *m, int64_t rows, void *dz, const void *seen, double *loss) {
    mi_encoder *e = m->discriminator.net;
    const int64_t count = rows * dimensions(m);
    MI__TRY(mi__learner_forward(&m->discriminator, rows, seen));
    MI__TRY(side_loss(m, MI_PRIOR_ENCODER, rows, 0, loss));
    m->k->scale(rows, m->options.gamma, e->dfeatures, e->dfeatures);
    mi__encoder_run_backward(e, NULL, true, true);
    for (int64_t i = 0; i < count; i++) {
        const double s = mi__real_get(m->k, seen, i), g = mi__real_get(m->k, e->y[0], i);
        const double slope = m->options.prior == MI_INFOMAX_PRIOR_NORMAL ? 1 : s * (1 - s);
        mi__real_put(m->k, dz, i, mi__real_get(m->k, dz, i) + g * slope);
    }
    return MI_OK;
}

static mi_status discriminate(mi_infomax *m, int64_t rows, const void *seen, double *loss) {
    mi_encoder *e = m->discriminator.net;
    const int64_t count = rows * dimensions(m);
    MI__TRY(mi__encoder_begin(e, 2 * rows, true));
    memcpy(e->y[0], seen, (size_t)count * m->k->real);
    draw_prior(m, count, mi__real_at(m->k, e->y[0], count));
    mi__encoder_run(e);
    MI__TRY(side_loss(m, MI_PRIOR_DISCRIMINATOR, rows, rows, loss));
    mi__encoder_run_backward(e, NULL, true, false);
    return MI_OK;
}

mi_status mi__prior_evaluate(mi_infomax *m, int64_t rows, const void *z, void *dz, void *scratch,
                             mi_infomax_report *report) {
    if (m->options.prior == MI_INFOMAX_PRIOR_KL)
        return evaluate_kl(m, rows, &report->prior);
    if (m->discriminator.net == NULL)
        return MI_OK;
    show_codes(m, rows * dimensions(m), z, scratch);
    MI__TRY(deceive(m, rows, dz, scratch, &report->prior));
    return discriminate(m, rows, scratch, &report->discriminator);
}
