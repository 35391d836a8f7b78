/* SPDX-License-Identifier: BSD-2-Clause */
/* Included by iic_heads.c once a precision: REAL is the type of the caller's buffers, TABLE() the
 * kernels that read and write it. But for many classes in float32, all sums and all intermediate
 * results are float64. */

typedef TYPED(mi_iic_head) TYPED(head);

static mi_status TYPED(check_head)(const mi_iic *iic, int64_t n, int32_t i,
                                   const TYPED(head) * head) {
    MI__TRY(mi__iic_check_classes(head->classes, i));
    if (head->z == NULL || head->zt == NULL)
        return mi__fail(MI_E_ARG, "head %" PRId32 ": %s must not be NULL", i,
                        head->z == NULL ? "z" : "zt");
    int64_t k = head->classes, twins = n * iic->repeats;
    MI__TRY(check_matrix(i, "z", n, k, head->ldz, sizeof(REAL)));
    MI__TRY(check_matrix(i, "zt", twins, k, head->ldzt, sizeof(REAL)));
    if (head->dz != NULL)
        MI__TRY(check_matrix(i, "dz", n, k, head->lddz, sizeof(REAL)));
    if (head->dzt != NULL)
        MI__TRY(check_matrix(i, "dzt", twins, k, head->lddzt, sizeof(REAL)));
    return MI_OK;
}

static mi_status TYPED(check_heads)(const mi_iic *iic, int64_t n, int32_t count,
                                    const TYPED(head) * heads) {
    for (int32_t i = 0; i < count; i++)
        MI__TRY(TYPED(check_head)(iic, n, i, &heads[i]));
    return MI_OK;
}

/* The head with its strides filled in. */
static TYPED(head) TYPED(whole)(const TYPED(head) * head) {
    TYPED(head) h = *head;
    h.ldz = MI__MAX(h.ldz, h.classes);
    h.ldzt = MI__MAX(h.ldzt, h.classes);
    h.lddz = MI__MAX(h.lddz, h.classes);
    h.lddzt = MI__MAX(h.lddzt, h.classes);
    return h;
}

static bool TYPED(single)(const mi__iic_head *h) {
    return sizeof(REAL) == sizeof(float) && h->single != NULL;
}

/* H, which is of the order of 1 / sum, has to fit float32 where it is used in it. */
static mi_status TYPED(check_sums)(const mi_iic *iic) {
    for (int32_t i = 0; i < iic->count; i++)
        if (TYPED(single)(&iic->head[i]) && iic->head[i].sum < LEAST_SUM)
            return mi__fail(MI_E_NUMERIC,
                            "head %" PRId32 ": the joint matrix sums to %g, too little for float32",
                            i, iic->head[i].sum);
    return MI_OK;
}

/* -- values that are no probabilities ---------------------------------------------------------- */

static mi_status TYPED(blame_matrix)(int32_t head, const char *name, const REAL *x, int64_t ldx,
                                     int64_t rows, int64_t classes) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < classes; c++) {
            double value = (double)x[i * ldx + c];
            if (!(value >= 0 && value <= LARGEST))
                return mi__fail(MI_E_NUMERIC,
                                "head %" PRId32 ": %s[%" PRId64 "][%" PRId64 "] is %g, must be "
                                "finite and not negative",
                                head, name, i, c, value);
        }
    return MI_OK;
}

static mi_status TYPED(blame)(const mi_iic *iic, int64_t n, int32_t i, const TYPED(head) * head) {
    MI__TRY(TYPED(blame_matrix)(i, "z", head->z, head->ldz, n, head->classes));
    MI__TRY(TYPED(blame_matrix)(i, "zt", head->zt, head->ldzt, n * iic->repeats, head->classes));
    return mi__fail(MI_E_NUMERIC, "head %" PRId32 ": z or zt changed while it was read", i);
}

static mi_status TYPED(check_weights)(const mi_iic *iic, int64_t n, int32_t i,
                                      const TYPED(head) * head) {
    for (int64_t j = 0; head->weight != NULL && j < n * iic->repeats; j++) {
        double value = (double)head->weight[j];
        if (!(value >= 0 && value <= LARGEST))
            return mi__fail(MI_E_NUMERIC,
                            "head %" PRId32 ": weight[%" PRId64 "] is %g, must be finite and not "
                            "negative",
                            i, j, value);
    }
    return MI_OK;
}

/* Whether what is read is fit to be added, without adding it. */
static mi_status TYPED(inspect)(const mi_iic *iic, int64_t n, int32_t count,
                                const TYPED(head) * heads) {
    const mi__kernels *table = TABLE(iic);
    for (int32_t i = 0; i < count; i++) {
        const TYPED(head) head = TYPED(whole)(&heads[i]);
        bool good = true;
        double least = 0, most = 0;
        MI__TRY(TYPED(check_weights)(iic, n, i, &head));
        for (int64_t j = 0; j < n && good; j++)
            good = table->extent(head.classes, head.z + j * head.ldz, &least, &most);
        for (int64_t j = 0; j < n * iic->repeats && good; j++)
            good = table->extent(head.classes, head.zt + j * head.ldzt, &least, &most);
        if (!good || least < 0)
            return TYPED(blame)(iic, n, i, &head);
    }
    return MI_OK;
}

/* -- in float64, in shares of the samples ------------------------------------------------------ */

typedef struct TYPED(job) {
    const mi_iic *iic;
    const mi__iic_head *h;
    const TYPED(head) * head;
    int64_t n, shares;
    atomic_bool bad;
} TYPED(job);

static int64_t TYPED(border)(const TYPED(job) * j, int64_t share) {
    return j->n / j->shares * share + j->n % j->shares * share / j->shares;
}

static bool TYPED(load_images)(const TYPED(job) * j, int64_t first, int64_t rows, double *out) {
    return TABLE(j->iic)->widen(rows, j->h->classes, j->head->z + first * j->head->ldz,
                                j->head->ldz, 1, NULL, out, j->h->ld);
}

static const REAL *TYPED(weights_at)(const TYPED(job) * j, int64_t twin) {
    return j->head->weight == NULL ? NULL : j->head->weight + twin;
}

static bool TYPED(load_twins)(const TYPED(job) * j, int64_t first, int64_t rows, double *out) {
    const int64_t repeats = j->iic->repeats, twin = first * repeats;
    return TABLE(j->iic)->widen(rows, j->h->classes, j->head->zt + twin * j->head->ldzt,
                                j->head->ldzt, repeats, TYPED(weights_at)(j, twin), out, j->h->ld);
}

static void TYPED(add_share)(void *arg, int64_t index) {
    TYPED(job) *j = arg;
    const mi__iic_share s = mi__iic_share_of(j->iic, j->h, index);
    const int64_t end = TYPED(border)(j, index + 1);
    if (index > 0)
        memset(s.joint, 0, (size_t)(j->h->classes * j->h->ld) * sizeof(double));
    for (int64_t first = TYPED(border)(j, index); first < end; first += MI__IIC_BLOCK) {
        const int64_t rows = MI__MIN(MI__IIC_BLOCK, end - first);
        if (!TYPED(load_images)(j, first, rows, s.z) || !TYPED(load_twins)(j, first, rows, s.w))
            atomic_store(&j->bad, true);
        mi__iic_add_rows(j->iic, j->h, j->shares > 1, rows, s.z, s.w, s.joint);
    }
}

static mi_status TYPED(add)(const mi_iic *iic, int64_t n, int32_t i, const TYPED(head) * given) {
    const TYPED(head) head = TYPED(whole)(given);
    mi__iic_head *h = &iic->head[i];
    MI__TRY(TYPED(check_weights)(iic, n, i, &head));
    if (TYPED(single)(h))
        return mi__iic_add_floats(iic, h, n, (const void *)&head) ? MI_OK
                                                                  : TYPED(blame)(iic, n, i, &head);
    TYPED(job) j = {.iic = iic, .h = h, .head = &head, .n = n, .shares = mi__iic_shares(h, n)};
    mi__parallel_for(iic->context, j.shares, TYPED(add_share), &j);
    if (j.bad)
        return TYPED(blame)(iic, n, i, &head);
    mi__iic_join(iic, h, j.shares);
    return MI_OK;
}

static void TYPED(map_share)(void *arg, int64_t index) {
    const TYPED(job) *j = arg;
    const TYPED(head) *head = j->head;
    const mi__iic_share s = mi__iic_share_of(j->iic, j->h, index);
    const int64_t end = TYPED(border)(j, index + 1), k = j->h->classes;
    for (int64_t first = TYPED(border)(j, index); first < end; first += MI__IIC_BLOCK) {
        const int64_t rows = MI__MIN(MI__IIC_BLOCK, end - first), twin = first * j->iic->repeats;
        if (head->dz != NULL) {
            TYPED(load_twins)(j, first, rows, s.w);
            mi__iic_map_rows(j->iic, j->h, j->shares > 1, rows, s.w, j->h->turned, false,
                             s.gradient);
            TABLE(j->iic)->narrow(rows, k, s.gradient, j->h->ld, 1, NULL,
                                  head->dz + first * head->lddz, head->lddz);
        }
        if (head->dzt != NULL) {
            TYPED(load_images)(j, first, rows, s.z);
            mi__iic_map_rows(j->iic, j->h, j->shares > 1, rows, s.z, j->h->joint, false,
                             s.gradient);
            TABLE(j->iic)->narrow(rows, k, s.gradient, j->h->ld, j->iic->repeats,
                                  TYPED(weights_at)(j, twin), head->dzt + twin * head->lddzt,
                                  head->lddzt);
        }
    }
}

static void TYPED(map)(const mi_iic *iic, int64_t n, int32_t count, const TYPED(head) * heads) {
    for (int32_t i = 0; i < count; i++) {
        const TYPED(head) head = TYPED(whole)(&heads[i]);
        mi__iic_head *h = &iic->head[i];
        TYPED(job) j = {.iic = iic, .h = h, .head = &head, .n = n, .shares = mi__iic_shares(h, n)};
        if (TYPED(single)(h))
            mi__iic_map_floats(iic, h, n, (const void *)&head);
        else
            mi__parallel_for(iic->context, j.shares, TYPED(map_share), &j);
    }
}

/* -- entries ----------------------------------------------------------------------------------- */

static mi_status TYPED(check_batch)(const mi_iic *iic, mi__iic_phase phase, int64_t n,
                                    int32_t count, const TYPED(head) * heads) {
    MI__TRY(mi__iic_check_phase(iic, phase));
    MI__TRY(check_sizes(iic, n, count));
    MI__TRY(check_begun(iic, count));
    MI__TRY(TYPED(check_heads)(iic, n, count, heads));
    for (int32_t i = 0; i < count; i++)
        if (heads[i].classes != iic->head[i].classes)
            return mi__fail(MI_E_SHAPE,
                            "head %" PRId32 " has %" PRId64 " classes, %" PRId64 " were begun", i,
                            heads[i].classes, iic->head[i].classes);
    return TYPED(inspect)(iic, n, count, heads);
}

mi_status TYPED(mi_iic_add)(mi_iic *iic, int64_t n, int32_t count, const TYPED(head) * heads) {
    MI__NEED(iic);
    MI__NEED(heads);
    MI__TRY(TYPED(check_batch)(iic, MI__IIC_BEGUN, n, count, heads));
    for (int32_t i = 0; i < count; i++)
        MI__TRY(TYPED(add)(iic, n, i, &heads[i]));
    return MI_OK;
}

mi_status TYPED(mi_iic_backward)(mi_iic *iic, int64_t n, int32_t count, TYPED(head) * heads) {
    MI__NEED(iic);
    MI__NEED(heads);
    MI__TRY(TYPED(check_batch)(iic, MI__IIC_FINISHED, n, count, heads));
    MI__TRY(TYPED(check_sums)(iic));
    TYPED(map)(iic, n, count, heads);
    return MI_OK;
}

/* All that can fail comes before the first thing that is written. */
static mi_status TYPED(forward)(mi_iic *iic, int64_t n, int32_t count, const TYPED(head) * heads,
                                double *mean) {
    MI__TRY(mi__iic_reserve(iic, count, &heads->classes,
                            (int64_t)(sizeof *heads / sizeof heads->classes)));
    for (int32_t i = 0; i < count; i++)
        MI__TRY(TYPED(add)(iic, n, i, &heads[i]));
    MI__TRY(mi__iic_finish(iic, mean));
    return TYPED(check_sums)(iic);
}

mi_status TYPED(mi_iic_eval)(mi_iic *iic, int64_t n, int32_t count, TYPED(head) * heads,
                             double *loss) {
    double mean;
    MI__NEED(iic);
    MI__NEED(heads);
    MI__TRY(check_sizes(iic, n, count));
    MI__TRY(TYPED(check_heads)(iic, n, count, heads));
    mi_status status = TYPED(forward)(iic, n, count, heads, &mean);
    iic->phase = MI__IIC_IDLE;
    if (status != MI_OK)
        return status;
    TYPED(map)(iic, n, count, heads);
    for (int32_t i = 0; i < count; i++)
        heads[i].loss = iic->head[i].loss;
    if (loss != NULL)
        *loss = mean;
    return MI_OK;
}
