/* SPDX-License-Identifier: BSD-2-Clause */
/* Included by iic_maps.c once a precision: REAL is the type of the caller's buffers, TABLE() the
 * kernels that read and write it. All sums and all intermediate results are float64. */

typedef TYPED(mi_iic_maps) TYPED(maps);

static mi_status TYPED(check_maps)(const mi_iic *iic, const TYPED(maps) * m, int32_t *count) {
    MI__TRY(check_sizes(m->n, m->height, m->width, m->classes, m->reach, m->collapse, count));
    if (m->reserved0 != 0)
        return mi__fail(MI_E_ARG, "reserved0 must be 0, got %" PRId32, m->reserved0);
    if (iic->repeats != 1)
        return mi__fail(MI_E_ARG, "repeats is %" PRId64 ", maps have one twin", iic->repeats);
    if (m->z == NULL || m->zt == NULL)
        return mi__fail(MI_E_ARG, "%s must not be NULL", m->z == NULL ? "z" : "zt");
    return MI_OK;
}

static mi_status TYPED(blame)(const TYPED(maps) * m, const char *name, const REAL *x) {
    const int64_t pixels = m->n * m->height * m->width, k = m->classes;
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t c = 0; c < k && (m->mask == NULL || m->mask[p] != 0); c++) {
            double value = (double)x[p * k + c];
            if (!(value >= 0 && value <= LARGEST))
                return mi__fail(MI_E_NUMERIC,
                                "%s[%" PRId64 "][%" PRId64 "][%" PRId64 "][%" PRId64
                                "] is %g, must be finite and not negative",
                                name, p / m->width / m->height, p / m->width % m->height,
                                p % m->width, c, value);
        }
    return mi__fail(MI_E_NUMERIC, "%s changed while it was read", name);
}

/* -- images in and out: what is not in the mask is 0 and not looked at ------------------------- */

typedef struct TYPED(transfer) {
    const mi_iic *iic;
    const layout *l;
    const uint8_t *mask; /* of the image, or NULL */
    const REAL *from;
    double *image;
    REAL *to;
    int64_t line; /* of the image, in pixels */
    int64_t classes;
    atomic_bool bad;
} TYPED(transfer);

static void TYPED(load_lines)(void *arg, int64_t begin, int64_t end) {
    TYPED(transfer) *t = arg;
    const int64_t width = t->l->width, ld = t->l->ld, k = t->classes;
    for (int64_t y = begin; y < end; y++) {
        const uint8_t *mask = t->mask == NULL ? NULL : t->mask + y * width;
        double *to = t->image + y * t->line * ld;
        for (int64_t x = 0, next; x < width; x = next) {
            next = stretch(mask, x, width);
            if (mask != NULL && mask[x] == 0)
                memset(to + x * ld, 0, (size_t)((next - x) * ld) * sizeof *to);
            else if (!TABLE(t->iic)->widen(next - x, k, t->from + (y * width + x) * k, k, 1, NULL,
                                           to + x * ld, ld))
                atomic_store(&t->bad, true);
        }
    }
}

static void TYPED(store_lines)(void *arg, int64_t begin, int64_t end) {
    const TYPED(transfer) *t = arg;
    const int64_t width = t->l->width, ld = t->l->ld, k = t->classes;
    for (int64_t y = begin; y < end; y++) {
        const uint8_t *mask = t->mask == NULL ? NULL : t->mask + y * width;
        const double *from = t->image + y * t->line * ld;
        for (int64_t x = 0, next; x < width; x = next) {
            REAL *to = t->to + (y * width + x) * k;
            next = stretch(mask, x, width);
            if (mask != NULL && mask[x] == 0)
                memset(to, 0, (size_t)((next - x) * k) * sizeof *to);
            else
                TABLE(t->iic)->narrow(next - x, k, from + x * ld, ld, 1, NULL, to, k);
        }
    }
}

static void TYPED(each_line)(TYPED(transfer) * t, void (*body)(void *arg, int64_t b, int64_t e)) {
    mi__parallel_ranges(t->iic->context, t->l->height, GRAIN / (t->l->width * t->l->ld), body, t);
}

/* The i-th of the images x into image `index`; false if there is a value that is no probability. */
static bool TYPED(load)(const mi_iic *iic, const layout *l, const TYPED(maps) * m, int64_t i,
                        const REAL *x, int64_t index) {
    const int64_t pixels = l->height * l->width;
    TYPED(transfer)
    t = {.iic = iic,
         .l = l,
         .mask = m->mask == NULL ? NULL : m->mask + i * pixels,
         .from = x + i * pixels * m->classes,
         .image = inner_of(iic, l, index),
         .line = l->line,
         .classes = m->classes};
    TYPED(each_line)(&t, TYPED(load_lines));
    return !t.bad;
}

/* Image 2, whose lines are so many pixels, to the i-th of the gradients. */
static void TYPED(store)(const mi_iic *iic, const layout *l, const TYPED(maps) * m, int64_t i,
                         int64_t line, REAL *out) {
    const int64_t pixels = l->height * l->width;
    TYPED(transfer)
    t = {.iic = iic,
         .l = l,
         .mask = m->mask == NULL ? NULL : m->mask + i * pixels,
         .to = out + i * pixels * m->classes,
         .image = image_of(iic, l, 2),
         .line = line,
         .classes = m->classes};
    TYPED(each_line)(&t, TYPED(store_lines));
}

/* -- both ways --------------------------------------------------------------------------------- */

static mi_status TYPED(add_images)(const mi_iic *iic, const layout *l, const TYPED(maps) * m) {
    shift_job j = {iic, l, 1};
    for (int64_t i = 0; i < m->n; i++) {
        if (!TYPED(load)(iic, l, m, i, m->z, 0))
            return TYPED(blame)(m, "z", m->z);
        if (!TYPED(load)(iic, l, m, i, m->zt, 1))
            return TYPED(blame)(m, "zt", m->zt);
        if (iic->count == 1)
            add_collapsed(iic, l);
        else
            mi__parallel_for(iic->context, iic->count, add_displacement, &j);
    }
    return MI_OK;
}

/* The gradient of one side; `twin` is the image that the other one is loaded into. */
static void TYPED(map_images)(const mi_iic *iic, const layout *l, const TYPED(maps) * m,
                              const REAL *x, int64_t twin, REAL *out) {
    shift_job j = {iic, l, twin};
    for (int64_t i = 0; i < m->n && out != NULL; i++) {
        TYPED(load)(iic, l, m, i, x, twin);
        if (iic->count == 1)
            map_collapsed(iic, l, twin, twin == 1 ? iic->head->turned : iic->head->joint);
        else
            mi__parallel_for(iic->context, l->height, map_line, &j);
        TYPED(store)(iic, l, m, i, iic->count == 1 ? l->width : gradient_line(l), out);
    }
}

static mi_status TYPED(forward)(mi_iic *iic, const layout *l, const TYPED(maps) * m) {
    char what[64] = "maps";
    MI__TRY(reserve_images(iic, l));
    memset(image_of(iic, l, 0), 0, (size_t)(2 * l->pixels * l->ld) * sizeof(double));
    MI__TRY(TYPED(add_images)(iic, l, m));
    mi__iic_sums(iic);
    for (int32_t i = 0; i < iic->count; i++) {
        if (iic->count > 1)
            snprintf(what, sizeof what, "displacement (%" PRId64 ", %" PRId64 ")",
                     i / l->side - l->reach, i % l->side - l->reach);
        if (iic->head[i].sum == 0)
            return mi__fail(MI_E_NUMERIC,
                            "%s: no pair of pixels in the mask has probabilities "
                            "above 0",
                            what);
        MI__TRY(mi__iic_check_sum(what, iic->head[i].sum));
    }
    return MI_OK;
}

static mi_status TYPED(evaluate)(mi_iic *iic, const TYPED(maps) * m, int32_t count, double *mean) {
    MI__TRY(mi__iic_reserve(iic, count, &m->classes, 0));
    const layout l = layout_of(iic, m->height, m->width, m->reach, count == 1);
    MI__TRY(TYPED(forward)(iic, &l, m));
    *mean = mi__iic_slopes(iic);
    TYPED(map_images)(iic, &l, m, m->zt, 1, m->dz);
    TYPED(map_images)(iic, &l, m, m->z, 0, m->dzt);
    return MI_OK;
}

mi_status TYPED(mi_iic_eval_maps)(mi_iic *iic, const TYPED(maps) * io, double *loss) {
    TYPED(maps) m = {0};
    int32_t count;
    double mean;
    MI__NEED(iic);
    MI__NEED(io);
    MI__TRY(mi__options_load(&m, sizeof m, sizeof m, io, "mi_iic_maps"));
    MI__TRY(TYPED(check_maps)(iic, &m, &count));
    mi_status status = TYPED(evaluate)(iic, &m, count, &mean);
    iic->phase = MI__IIC_IDLE;
    if (status == MI_OK && loss != NULL)
        *loss = mean;
    return status;
}
