/* SPDX-License-Identifier: BSD-2-Clause */
/* Included by prior.c once a precision: REAL is the type of the caller's buffers. Every function
 * goes through its inputs twice, to find what could fail, and then to write. */

/* -- Gaussian codes ---------------------------------------------------------------------------- */

static mi_status TYPED(check_finite)(const char *name, int64_t i, int64_t d, const REAL *row) {
    for (int64_t j = 0; j < d; j++)
        if (!isfinite(row[j]))
            return refuse(name, i, j, row[j], "must be finite");
    return MI_OK;
}

/* Adds the divergences of row i. */
static mi_status TYPED(add_divergence)(int64_t i, int64_t d, const REAL *mean,
                                       const REAL *log_variance, double *sum) {
    MI__TRY(TYPED(check_finite)("mean", i, d, mean));
    MI__TRY(TYPED(check_finite)("log_variance", i, d, log_variance));
    for (int64_t j = 0; j < d; j++) {
        double square = (double)mean[j] * mean[j], more = excess(log_variance[j]);
        if (log_variance[j] > 0 && more > LARGEST)
            return refuse("log_variance", i, j, log_variance[j], "the variance is beyond range");
        if (!isfinite(square))
            return refuse("mean", i, j, mean[j], "its square is beyond range");
        *sum += square / 2 + more / 2;
    }
    return MI_OK;
}

mi_status TYPED(mi_prior_kl)(int64_t n, int64_t d, const REAL *mean, int64_t ldmean,
                             const REAL *log_variance, int64_t ldlog, int32_t reduce, double *loss,
                             REAL *dmean, REAL *dlog) {
    MI__TRY(check_codes(n, d, mean, ldmean, log_variance, ldlog, sizeof(REAL)));
    if (reduce != MI_PRIOR_SUM && reduce != MI_PRIOR_MEAN)
        return mi__fail(MI_E_ARG, "reduce must be an mi_prior_reduce, got %" PRId32, reduce);
    double sum = 0, weight = 1 / ((double)n * (reduce == MI_PRIOR_MEAN ? (double)d : 1));
    ldmean = MI__MAX(ldmean, d);
    ldlog = MI__MAX(ldlog, d);
    for (int64_t i = 0; i < n; i++)
        MI__TRY(TYPED(add_divergence)(i, d, mean + i * ldmean, log_variance + i * ldlog, &sum));
    if (!isfinite(sum))
        return mi__fail(MI_E_NUMERIC, "the divergence of %" PRId64 " samples is beyond range", n);
    for (int64_t i = 0; i < n && dmean != NULL; i++)
        for (int64_t j = 0; j < d; j++)
            dmean[i * d + j] = (REAL)(mean[i * ldmean + j] * weight);
    for (int64_t i = 0; i < n && dlog != NULL; i++)
        for (int64_t j = 0; j < d; j++)
            dlog[i * d + j] = (REAL)(expm1(log_variance[i * ldlog + j]) * weight / 2);
    if (loss != NULL)
        *loss = sum * weight;
    return MI_OK;
}

/* Whether no noise at all could carry row i beyond range: what is refused must not depend on
 * chance. */
static mi_status TYPED(check_spread)(int64_t i, int64_t d, const REAL *mean,
                                     const REAL *log_variance) {
    MI__TRY(TYPED(check_finite)("mean", i, d, mean));
    MI__TRY(TYPED(check_finite)("log_variance", i, d, log_variance));
    for (int64_t j = 0; j < d; j++)
        if (!(fabs((double)mean[j]) + FARTHEST * exp(0.5 * log_variance[j]) <= LARGEST))
            return refuse("log_variance", i, j, log_variance[j], "samples would be beyond range");
    return MI_OK;
}

mi_status TYPED(mi_prior_sample)(uint64_t seed, uint64_t draw, int64_t n, int64_t d,
                                 const REAL *mean, int64_t ldmean, const REAL *log_variance,
                                 int64_t ldlog, REAL *z) {
    MI__TRY(check_codes(n, d, mean, ldmean, log_variance, ldlog, sizeof(REAL)));
    MI__NEED(z);
    ldmean = MI__MAX(ldmean, d);
    ldlog = MI__MAX(ldlog, d);
    for (int64_t i = 0; i < n; i++)
        MI__TRY(TYPED(check_spread)(i, d, mean + i * ldmean, log_variance + i * ldlog));
    seed = seed_of_draw(seed, draw);
    for (int64_t i = 0; i < n; i++, mean += ldmean, log_variance += ldlog, z += d) {
        double noise[2];
        for (int64_t j = 0; j < d; j++) {
            if (j % 2 == 0)
                normal_pair(seed, i, j, noise);
            z[j] = (REAL)(mean[j] + exp(0.5 * log_variance[j]) * noise[j % 2]);
        }
    }
    return MI_OK;
}

/* out[i][j] += step, unless that is only `tried`; NULL: not wanted. */
static mi_status TYPED(add)(bool tried, const char *name, int64_t i, int64_t d, int64_t j,
                            double step, REAL *out) {
    if (out == NULL)
        return MI_OK;
    double value = out[i * d + j] + step;
    if (!(fabs(value) <= LARGEST))
        return refuse(name, i, j, value, "must be finite");
    if (!tried)
        out[i * d + j] = (REAL)value;
    return MI_OK;
}

static mi_status TYPED(add_gradients)(bool tried, int64_t n, int64_t d, const REAL *mean,
                                      int64_t ldmean, const REAL *z, const REAL *dz, REAL *dmean,
                                      REAL *dlog) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            double slope = dz[i * d + j], spread = (double)z[i * d + j] - mean[i * ldmean + j];
            MI__TRY(TYPED(add)(tried, "dmean", i, d, j, slope, dmean));
            MI__TRY(TYPED(add)(tried, "dlog", i, d, j, slope * spread / 2, dlog));
        }
    return MI_OK;
}

mi_status TYPED(mi_prior_sample_backward)(int64_t n, int64_t d, const REAL *mean, int64_t ldmean,
                                          const REAL *z, const REAL *dz, REAL *dmean, REAL *dlog) {
    MI__NEED(mean);
    MI__NEED(z);
    MI__NEED(dz);
    MI__TRY(check_matrix("mean", n, d, ldmean, sizeof(REAL)));
    ldmean = MI__MAX(ldmean, d);
    for (int64_t i = 0; i < n; i++) {
        MI__TRY(TYPED(check_finite)("mean", i, d, mean + i * ldmean));
        MI__TRY(TYPED(check_finite)("z", i, d, z + i * d));
        MI__TRY(TYPED(check_finite)("dz", i, d, dz + i * d));
    }
    MI__TRY(TYPED(add_gradients)(true, n, d, mean, ldmean, z, dz, dmean, dlog));
    return TYPED(add_gradients)(false, n, d, mean, ldmean, z, dz, dmean, dlog);
}

/* -- scores of a discriminator ----------------------------------------------------------------- */

/* `*mean` += mean of softplus(sign * score). */
static mi_status TYPED(add_softplus)(const char *name, int64_t n, const REAL *score, double sign,
                                     double *mean) {
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(score[i]))
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is %g, must be finite", name, i,
                            (double)score[i]);
        *mean += softplus(sign * score[i]) / (double)n;
    }
    return MI_OK;
}

/* The gradient of `weight` times that; NULL: not wanted. */
static void TYPED(write_slopes)(int64_t n, const REAL *score, double sign, double weight,
                                REAL *out) {
    for (int64_t i = 0; i < n && out != NULL; i++)
        out[i] = (REAL)(weight * sign * sigmoid(sign * score[i]) / (double)n);
}

mi_status TYPED(mi_prior_adversarial)(int32_t side, int64_t n, const REAL *code, int64_t m,
                                      const REAL *prior, double *loss, REAL *dcode, REAL *dprior) {
    MI__TRY(check_scores(side, n, code, m, prior, sizeof(REAL)));
    double sign = side == MI_PRIOR_ENCODER ? -1 : 1;
    double weight = side == MI_PRIOR_ENCODER_MINIMAX ? -1 : 1;
    double of_code = 0, of_prior = 0;
    MI__TRY(TYPED(add_softplus)("code", n, code, sign, &of_code));
    if (side == MI_PRIOR_DISCRIMINATOR)
        MI__TRY(TYPED(add_softplus)("prior", m, prior, -1, &of_prior));
    double total = weight * of_code + of_prior;
    if (!isfinite(total))
        return mi__fail(MI_E_NUMERIC, "the loss is beyond range: %g of code, %g of prior", of_code,
                        of_prior);
    TYPED(write_slopes)(n, code, sign, weight, dcode);
    if (side == MI_PRIOR_DISCRIMINATOR)
        TYPED(write_slopes)(m, prior, -1, 1, dprior);
    else
        for (int64_t i = 0; i < m && dprior != NULL; i++)
            dprior[i] = 0;
    if (loss != NULL)
        *loss = total;
    return MI_OK;
}
