/* SPDX-License-Identifier: BSD-2-Clause */
/* Included by iic.c once a precision: REAL is the type of the caller's buffers. All sums and all
 * intermediate results are float64. */

static mi_status TYPED(check_head)(const mi_iic *iic, int64_t n, int32_t i,
                                   const TYPED(mi_iic_head) * head) {
    MI__TRY(check_classes(head->classes, i));
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

/* Checks the heads and makes room for them all: every one must be valid before one is written. */
static mi_status TYPED(prepare)(mi_iic *iic, int64_t n, int32_t count,
                                const TYPED(mi_iic_head) * heads) {
    int64_t size = 0, scratch = 0;
    for (int32_t i = 0; i < count; i++) {
        MI__TRY(TYPED(check_head)(iic, n, i, &heads[i]));
        if (room_size(heads[i].classes) > INT64_MAX / 2 - size)
            return mi__fail(MI_E_SHAPE, "%" PRId32 " heads are too many", count);
        size += room_size(heads[i].classes);
        scratch = MI__MAX(scratch, 3 * BLOCK * stride_of(heads[i].classes));
    }
    iic->scratch = scratch;
    return reserve(iic, scratch + size);
}

/* out = the sums of each `repeats` rows of x; false if there is a value that is no probability. */
static bool TYPED(load)(const REAL *x, int64_t ldx, int64_t repeats, int64_t rows, const room *r,
                        double *restrict out) {
    int good = 1;
    memset(out, 0, (size_t)(round_up(rows, TILE_ROWS) * r->ld) * sizeof *out);
    for (int64_t i = 0; i < rows; i++, out += r->ld)
        for (int64_t j = 0; j < repeats; j++, x += ldx)
            for (int64_t c = 0; c < r->classes; c++) {
                good &= (x[c] >= 0) & (x[c] <= LARGEST);
                out[c] += x[c];
            }
    return good;
}

static mi_status TYPED(blame)(int32_t head, const char *name, const REAL *x, int64_t ldx,
                              int64_t rows, int64_t classes) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < classes; c++) {
            double value = x[i * ldx + c];
            if (!(value >= 0 && value <= LARGEST))
                return mi__fail(MI_E_NUMERIC,
                                "head %" PRId32 ": %s[%" PRId64 "][%" PRId64 "] is %g, must be "
                                "finite and not negative",
                                head, name, i, c, value);
        }
    return mi__fail(MI_E_NUMERIC, "head %" PRId32 ": %s changed while it was read", head, name);
}

/* Loss and H of one head, into its room; writes nothing of the caller's. */
static mi_status TYPED(measure)(const mi_iic *iic, int64_t n, int32_t count, int32_t i,
                                const TYPED(mi_iic_head) * head, const room *r) {
    int64_t k = r->classes, repeats = iic->repeats;
    int64_t ldz = MI__MAX(head->ldz, k), ldzt = MI__MAX(head->ldzt, k);
    memset(r->joint, 0, (size_t)(round_up(k, TILE_COLS) * r->ld) * sizeof(double));
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t rows = MI__MIN(BLOCK, n - first);
        if (!TYPED(load)(head->z + first * ldz, ldz, 1, rows, r, r->z))
            return TYPED(blame)(i, "z", head->z, ldz, n, k);
        if (!TYPED(load)(head->zt + first * repeats * ldzt, ldzt, repeats, rows, r, r->w))
            return TYPED(blame)(i, "zt", head->zt, ldzt, n * repeats, k);
        add_joint(iic->context, r, rows);
    }
    return differentiate(r, iic->lambda, 1.0 / count, i);
}

/* Each row of the gradient goes to `repeats` rows of out. */
static void TYPED(store)(const room *r, int64_t rows, int64_t repeats, REAL *out, int64_t ld) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < repeats; j++, out += ld)
            for (int64_t c = 0; c < r->classes; c++)
                out[c] = (REAL)r->gradient[i * r->ld + c];
}

static void TYPED(write_gradients)(const mi_iic *iic, int64_t n, const TYPED(mi_iic_head) * head,
                                   const room *r) {
    int64_t k = r->classes, repeats = iic->repeats;
    int64_t ldz = MI__MAX(head->ldz, k), ldzt = MI__MAX(head->ldzt, k);
    int64_t lddz = MI__MAX(head->lddz, k), lddzt = MI__MAX(head->lddzt, k);
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t rows = MI__MIN(BLOCK, n - first), twin = first * repeats;
        if (head->dz != NULL) {
            TYPED(load)(head->zt + twin * ldzt, ldzt, repeats, rows, r, r->w);
            find_gradient(iic->context, r, r->w, rows);
            TYPED(store)(r, rows, 1, head->dz + first * lddz, lddz);
        }
        if (head->dzt != NULL) {
            TYPED(load)(head->z + first * ldz, ldz, 1, rows, r, r->z);
            find_gradient(iic->context, r, r->z, rows);
            TYPED(store)(r, rows, repeats, head->dzt + twin * lddzt, lddzt);
        }
    }
}

mi_status TYPED(mi_iic_eval)(mi_iic *iic, int64_t n, int32_t count, TYPED(mi_iic_head) * heads,
                             double *loss) {
    MI__NEED(iic);
    MI__NEED(heads);
    MI__TRY(check_sizes(iic, n, count));
    MI__TRY(TYPED(prepare)(iic, n, count, heads));
    double *next = iic->space + iic->scratch, mean = 0;
    for (int32_t i = 0; i < count; i++) {
        room r = room_of(iic, heads[i].classes, &next);
        MI__TRY(TYPED(measure)(iic, n, count, i, &heads[i], &r));
    }
    next = iic->space + iic->scratch;
    for (int32_t i = 0; i < count; i++) {
        room r = room_of(iic, heads[i].classes, &next);
        TYPED(write_gradients)(iic, n, &heads[i], &r);
        heads[i].loss = *r.loss;
        mean += *r.loss / count;
    }
    if (loss != NULL)
        *loss = mean;
    return MI_OK;
}
