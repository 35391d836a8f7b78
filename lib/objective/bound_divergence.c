/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics trained by another divergence between P and Q than Kullback and Leibler's, in the forms
 * of f-GAN. At the optimum the score tells the density ratio r; the estimate reads ln r out of it
 * and puts it into 1 + E ln r - E r, which is a lower bound for any critic:
 *
 *     jsd         ln r = f          reverse-kl   ln r = f
 *     hellinger   ln r = 2 f        pearson      r = 1 + f / 2, or 0 if that is negative
 *
 * Total variation's best critic tells no more than whether r > 1; Pinsker's inequality serves
 * there. */
#include "bounds.h"

#define LN_2 0.693147180559945309417232121458

/* sums[0] += sp(-f), [1] += sp(g), [2] += f; returns the sum of exp g */
static double softplus(mi__row *row) {
    double sums[2] = {0}, exps = 0;
    const mi__piece *j = &row->joint;
    row->sums[2] = mi__row_joint_sum(row);
    if (j->count > 0) {
        row->k->scale(j->count, -1, j->x, j->dx);
        row->k->softplus_sum(j->count, j->dx, j->dx, sums);
        row->sums[0] = sums[0];
        row->k->scale(j->count, -1 / row->e->pairs, j->dx, j->dx);
    }
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        if (p->count == 0)
            continue;
        row->k->softplus_sum(p->count, p->x, p->dx, sums);
        row->sums[1] += sums[0];
        exps += sums[1];
    }
    row->scale = 1 / row->e->others;
    return exps;
}

static void jsd_row(mi__row *row) {
    row->sums[3] = softplus(row);
}

static double jsd_loss(const mi__evaluation *e, const double *sums) {
    return sums[0] / e->pairs + sums[1] / e->others - (e->values.shift != 0 ? 2 * LN_2 : 0);
}

static void jsd_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = jsd_loss(e, sums);
    result->estimate = 1 + sums[2] / e->pairs - sums[3] / e->others;
    result->cap = mi__diagonal_cap(e);
}

/* -- smile: trained as jsd, read out as dv with clipped scores of Q --------------------------- */

/* Up to here exp(-2 tau) is a number; beyond, the largest score of all must be known first. */
#define MOST_TAU 300

static int32_t smile_needs(const mi__bound_values *values) {
    return values->tau > MOST_TAU ? MI__NEED_LSE : 0;
}

static double clip(double x, double tau) {
    return fmin(fmax(x, -tau), tau);
}

static double smile_reference(const mi__evaluation *e) {
    return e->values.tau > MOST_TAU ? clip(e->most, e->values.tau) : e->values.tau;
}

static void smile_row(mi__row *row) {
    const mi__evaluation *e = row->e;
    double tau = e->values.tau, shift = clip(row->most, tau), exps = 0;
    if (row->k->real == sizeof(float))
        shift = (float)shift;
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        exps += p->count == 0 ? 0 : row->k->exp_clipped(p->count, p->x, tau, shift);
    }
    (void)softplus(row);
    row->sums[3] = exps * exp(shift - smile_reference(e));
}

static void smile_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = jsd_loss(e, sums);
    result->estimate = sums[2] / e->pairs - (smile_reference(e) + log(sums[3] / e->others));
}

/* -- reverse KL and Hellinger ------------------------------------------------------------------ */

/* sums[0] += exp(-f), sums[2] += f */
static void exp_of_minus_joint(mi__row *row) {
    const mi__piece *j = &row->joint;
    if (j->count == 0)
        return;
    double factor = exp(-row->joint_least);
    row->sums[2] = mi__row_joint_sum(row);
    row->k->scale(j->count, -1, j->x, j->dx);
    row->sums[0] = row->k->exp_sum(j->count, j->dx, -row->joint_least, j->dx) * factor;
    row->k->scale(j->count, -factor / row->e->pairs, j->dx, j->dx);
    row->peak = factor / row->e->pairs;
}

static void reverse_kl_row(mi__row *row) {
    exp_of_minus_joint(row);
    row->sums[1] = mi__row_product_sum(row);
    row->sums[3] = mi__row_exp(row) * exp(row->most);
    mi__row_fill_product(row, 1);
    row->scale = 1 / row->e->others;
}

static void reverse_kl_finish(const mi__evaluation *e, const double *sums,
                              mi_bound_result *result) {
    result->loss = sums[0] / e->pairs + sums[1] / e->others - 1;
    result->estimate = 1 + sums[2] / e->pairs - sums[3] / e->others;
    result->cap = mi__diagonal_cap(e);
}

static void hellinger_row(mi__row *row) {
    double factor = exp(row->most), squares = 0;
    exp_of_minus_joint(row);
    row->sums[1] = mi__row_exp(row) * factor;
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        squares += p->count == 0 ? 0 : row->k->dot(p->count, p->dx, p->dx);
    }
    row->sums[3] = squares * factor * factor;
    row->scale = factor / row->e->others;
    row->peak = fmax(row->peak, row->scale);
}

static void hellinger_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = sums[0] / e->pairs + sums[1] / e->others - 2;
    result->estimate = 1 + 2 * sums[2] / e->pairs - sums[3] / e->others;
    result->cap = mi__diagonal_cap(e);
}

/* -- those without exponentials ---------------------------------------------------------------- */

/* Squares, which float32 may have no room for, and the density ratios 1 + x / 2. */
static void pearson_sums(const mi__kernels *k, const mi__piece *p, mi__row *row) {
    double squares = 0, ratios = 0;
    for (int64_t i = 0; i < p->count; i++) {
        double x = mi__real_get(k, p->x, i), ratio = 1 + x / 2;
        squares += x * x;
        ratios += ratio > 0 ? ratio : 0;
    }
    row->sums[2] += squares;
    row->sums[4] += ratios;
}

/* y = a + b x */
static void affine(const mi__kernels *k, int64_t n, double a, double b, const void *x, void *y) {
    if (k->real == sizeof(float))
        for (int64_t i = 0; i < n; i++)
            ((float *)y)[i] = (float)a + (float)b * ((const float *)x)[i];
    else
        for (int64_t i = 0; i < n; i++)
            ((double *)y)[i] = a + b * ((const double *)x)[i];
}

static void pearson_row(mi__row *row) {
    const mi__kernels *k = row->k;
    row->sums[0] = mi__row_joint_sum(row);
    row->sums[1] = mi__row_product_sum(row);
    for (int64_t l = 0; l < row->joint.count; l++)
        row->sums[3] += log1p(fmax(mi__real_get(k, row->joint.x, l) / 2, -1));
    for (int i = 0; i < MI__PIECES; i++) {
        const mi__piece *p = &row->product[i];
        pearson_sums(k, p, row);
        affine(k, p->count, 1, 0.5, p->x, p->dx);
    }
    mi__row_fill_joint(row, -1 / row->e->pairs);
    row->scale = 1 / row->e->others;
}

static void pearson_finish(const mi__evaluation *e, const double *sums, mi_bound_result *result) {
    result->loss = (sums[1] + sums[2] / 4) / e->others - sums[0] / e->pairs;
    result->estimate = 1 + sums[3] / e->pairs - sums[4] / e->others;
    result->cap = mi__diagonal_cap(e);
}

/* dx = 1 - tanh(x)^2; returns the sum of tanh */
static double tanh_piece(const mi__kernels *k, const mi__piece *p) {
    if (p->count == 0)
        return 0;
    double sum = k->tanh_sum(p->count, p->x, p->dx);
    if (k->real == sizeof(float))
        for (int64_t i = 0; i < p->count; i++)
            ((float *)p->dx)[i] = 1 - ((float *)p->dx)[i] * ((float *)p->dx)[i];
    else
        for (int64_t i = 0; i < p->count; i++)
            ((double *)p->dx)[i] = 1 - ((double *)p->dx)[i] * ((double *)p->dx)[i];
    return sum;
}

static void total_variation_row(mi__row *row) {
    const mi__piece *j = &row->joint;
    row->sums[0] = tanh_piece(row->k, j);
    if (j->count > 0)
        row->k->scale(j->count, -0.5 / row->e->pairs, j->dx, j->dx);
    for (int i = 0; i < MI__PIECES; i++)
        row->sums[1] += tanh_piece(row->k, &row->product[i]);
    row->scale = 0.5 / row->e->others;
}

static void total_variation_finish(const mi__evaluation *e, const double *sums,
                                   mi_bound_result *result) {
    double t = (sums[0] / e->pairs - sums[1] / e->others) / 2;
    result->loss = -t;
    result->estimate = 2 * fmax(t, 0) * fmax(t, 0);
    result->cap = 2;
}

/* -- descriptors ------------------------------------------------------------------------------- */

#define SHAPES (MI_BOUND_VECTORS | MI_BOUND_MATRIX | MI_BOUND_EMBEDDINGS)
#define F_GAN "S. Nowozin, B. Cseke, R. Tomioka, \"f-GAN\", NIPS 2016"

static const mi__bound_param jsd_params[] = {MI__PARAM_DIAGONAL(0), MI__PARAM_SHIFT};

const mi__bound_kind mi__bound_jsd = {
    .name = "jsd",
    .summary = "Jensen and Shannon's divergence as in Deep InfoMax; read out through KL",
    .cap = "none for the estimate (with the diagonal, ln n); the loss is at least -2 ln 2 (0 "
           "without the shift)",
    .variance = "the loss is calm; the read-out is as nwj",
    .citation = "R. D. Hjelm et al., \"Learning deep representations by mutual information "
                "estimation and maximization\", ICLR 2019; S. Nowozin et al., NIPS 2016",
    .side = MI_BOUND_LOWER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = jsd_params,
    .params = 2,
    .row = jsd_row,
    .finish = jsd_finish,
};

static const mi__bound_param smile_params[] = {
    MI__PARAM_DIAGONAL(0), MI__PARAM_SHIFT,
    MI__PARAM(tau, "tau", 5, 1e-6, INFINITY, "scores of Q are clipped to -tau .. tau")};

const mi__bound_kind mi__bound_smile = {
    .name = "smile",
    .summary = "trained as jsd, read out as dv with clipped scores of Q",
    .cap = "none; scores of P are not clipped",
    .variance = "at most (exp(tau) - exp(-tau))^2 / 4 m; the bias grows as tau falls",
    .citation = "J. Song, S. Ermon, \"Understanding the limitations of variational mutual "
                "information estimators\", ICLR 2020",
    .side = MI_BOUND_NEITHER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = smile_params,
    .params = 3,
    .needs_too = smile_needs,
    .row = smile_row,
    .finish = smile_finish,
};

static const mi__bound_param diagonal_params[] = {MI__PARAM_DIAGONAL(0)};

const mi__bound_kind mi__bound_reverse_kl = {
    .name = "reverse-kl",
    .summary = "f-GAN's reverse KL divergence: best at f = ln p/q; read out through KL",
    .cap = "none for the estimate (with the diagonal, ln n)",
    .variance = "one low score of P can outweigh all; the read-out is as nwj",
    .citation = F_GAN,
    .side = MI_BOUND_LOWER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = diagonal_params,
    .params = 1,
    .needs = MI__NEED_PROOF,
    .row = reverse_kl_row,
    .finish = reverse_kl_finish,
};

const mi__bound_kind mi__bound_hellinger = {
    .name = "hellinger",
    .summary = "f-GAN's squared Hellinger distance: best at f = (ln p/q) / 2; read out through KL",
    .cap = "none for the estimate (with the diagonal, ln n); the loss is at least -2",
    .variance = "between jsd and nwj; the read-out is as nwj",
    .citation = F_GAN,
    .side = MI_BOUND_LOWER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = diagonal_params,
    .params = 1,
    .needs = MI__NEED_PROOF,
    .row = hellinger_row,
    .finish = hellinger_finish,
};

const mi__bound_kind mi__bound_pearson = {
    .name = "pearson",
    .summary =
        "f-GAN's Pearson chi-squared divergence: best at f = 2 (p/q - 1); read out through KL",
    .cap = "none for the estimate (with the diagonal, ln n)",
    .variance = "high: the divergence itself grows as exp of the information",
    .citation = F_GAN,
    .side = MI_BOUND_LOWER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = diagonal_params,
    .params = 1,
    .row = pearson_row,
    .finish = pearson_finish,
};

const mi__bound_kind mi__bound_total_variation = {
    .name = "total-variation",
    .summary = "f-GAN's total variation, with tanh; read out through Pinsker's inequality",
    .cap = "2 nats, by Pinsker's inequality",
    .variance = "low; loose for all but small information",
    .citation = F_GAN "; M. Pinsker, 1964",
    .side = MI_BOUND_LOWER,
    .shapes = SHAPES,
    .traits = MI_BOUND_SURROGATE,
    .param = diagonal_params,
    .params = 1,
    .row = total_variation_row,
    .finish = total_variation_finish,
};
