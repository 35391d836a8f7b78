/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads in float32 against the same in float64, for few classes and for many; threads; memory. */
#include "../../lib/base/base.h"
#include "../../lib/base/random.h"
#include "../../lib/objective/iic.h"
#include "failing.h"
#include "iic_objective.h"

#include <stdbool.h>

/* On either side of where float32 changes its way. */
enum { FEW = MI__IIC_FEW, MANY = FEW + 6 };

/* The same values in both precisions, rows of `ld`. */
typedef struct pair {
    int64_t n, twins, classes, ld;
    mi_iic_head_f32 single;
    mi_iic_head_f64 twofold;
    float *s;
    double *d;
} pair;

static pair make(uint64_t seed, int64_t n, int64_t repeats, int64_t classes, int64_t gap,
                 bool weighted) {
    pair p = {.n = n, .twins = n * repeats, .classes = classes, .ld = classes + gap};
    const int64_t ld = p.ld, rows = n + p.twins, size = rows * ld, all = 2 * size + p.twins;
    mi__random r = mi__random_at(seed, 0, 0);
    p.s = calloc((size_t)all, sizeof *p.s);
    p.d = calloc((size_t)all, sizeof *p.d);
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0, *row = p.d + i * ld;
        for (int64_t c = 0; c < classes; c++) {
            double same = i < n ? 0 : log(p.d[(i - n) / repeats * ld + c] * (double)classes);
            sum += row[c] = exp(0.8 * same + mi__random_normal(&r));
        }
        for (int64_t c = 0; c < ld; c++) {
            p.s[i * ld + c] = c < classes ? (float)(row[c] / sum) : NAN;
            row[c] = (double)p.s[i * ld + c];
        }
    }
    for (int64_t i = 0; i < p.twins; i++)
        p.d[2 * size + i] = p.s[2 * size + i] = (float)mi__random_below(&r, 50) / 16;
    float *s = p.s, *ws = s + 2 * size;
    double *d = p.d, *wd = d + 2 * size;
    const int64_t z = n * ld;
    p.single = (mi_iic_head_f32){
        classes, s, ld, s + z, ld, s + size, ld, s + size + z, ld, weighted ? ws : NULL, -77};
    p.twofold = (mi_iic_head_f64){
        classes, d, ld, d + z, ld, d + size, ld, d + size + z, ld, weighted ? wd : NULL, -77};
    return p;
}

static void drop(pair *p) {
    free(p->s);
    free(p->d);
}

static mi_iic *objective(int64_t repeats, int32_t asymmetric, int32_t threads) {
    return iic_objective(0, repeats, asymmetric, threads);
}

/* What lies between rows is left alone. */
static void compare(const pair *p, double tolerance) {
    const int64_t rows = p->n + p->twins;
    const float *s = p->single.dz;
    const double *d = p->twofold.dz;
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < rows * p->ld; i++) {
        worst = fmax(worst, fabs((double)s[i] - d[i]));
        largest = fmax(largest, fabs(d[i]));
        if (i % p->ld >= p->classes)
            ck_assert(s[i] == 0 && d[i] == 0);
    }
    ck_assert_msg(largest > 0 && worst <= tolerance * largest, "K = %d: %g of %g", (int)p->classes,
                  worst, largest);
}

static void check_agreement(pair *p, int64_t repeats, int32_t asymmetric) {
    mi_iic *iic = objective(repeats, asymmetric, 2);
    double single, twofold;
    OK(mi_iic_eval_f32(iic, p->n, 1, &p->single, &single));
    OK(mi_iic_eval_f64(iic, p->n, 1, &p->twofold, &twofold));
    if (p->classes <= FEW)
        ck_assert(single == twofold); /* all sums are float64 */
    ck_assert_msg(fabs(single - twofold) <= 1e-6, "%.17g %.17g", single, twofold);
    compare(p, p->classes <= FEW ? 1e-7 : 1e-6);
    mi_iic_destroy(iic);
}

START_TEST(test_agrees) {
    const int64_t shapes[][4] = {{1024, 1, 10, 0}, {1024, 1, 100, 0},    {700, 1, 1000, 0},
                                 {300, 1, FEW, 3}, {301, 3, FEW + 1, 0}, {90, 5, FEW + 9, 7},
                                 {1, 1, MANY, 0},  {1500, 2, MANY, 1},   {130, 1, 401, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int way = 0; way < 4; way++) {
            if (shapes[i][2] == 1000 && way > 0)
                continue;
            pair p = make(i, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], way & 1);
            if (shapes[i][0] > 1 || way < 2) /* one pair alone has no gradient if asymmetric */
                check_agreement(&p, shapes[i][1], way >> 1);
            drop(&p);
        }
}
END_TEST

/* At the start of training P is nearly uniform, and what drives it away is smaller than float32
 * tells from it. */
START_TEST(test_near_the_saddle) {
    for (int64_t way = 0; way < 8; way++) {
        pair p = make(9, 1030, 1 + way % 2 * 2, way & 2 ? MANY : 400, 0, false);
        for (int64_t i = 0; i < (p.n + p.twins) * p.ld; i++) {
            p.s[i] = (1 + (way & 4 ? 1e-3f : 1e-2f) * p.s[i] * (float)p.classes) / (float)p.classes;
            p.d[i] = (double)p.s[i];
        }
        mi_iic *iic = objective(1 + way % 2 * 2, 0, 2);
        OK(mi_iic_eval_f32(iic, p.n, 1, &p.single, NULL));
        OK(mi_iic_eval_f64(iic, p.n, 1, &p.twofold, NULL));
        compare(&p, 1e-4);
        mi_iic_destroy(iic);
        drop(&p);
    }
}
END_TEST

START_TEST(test_wanted_gradients_only) {
    pair p = make(3, 50, 2, MANY, 0, true), q = make(3, 50, 2, MANY, 0, true);
    mi_iic *iic = objective(2, 1, 1);
    OK(mi_iic_eval_f32(iic, 50, 1, &p.single, NULL));
    float *dz = q.single.dz;
    q.single.dz = NULL;
    OK(mi_iic_eval_f32(iic, 50, 1, &q.single, NULL));
    ck_assert(dz[0] == 0 && memcmp(p.single.dzt, q.single.dzt, 100 * MANY * sizeof(float)) == 0);
    q.single.dz = dz, q.single.dzt = NULL;
    OK(mi_iic_eval_f32(iic, 50, 1, &q.single, NULL));
    ck_assert_mem_eq(p.single.dz, dz, 50 * MANY * sizeof(float));
    mi_iic_destroy(iic);
    drop(&p);
    drop(&q);
}
END_TEST

START_TEST(test_batches_add_up) {
    const int64_t cuts[4] = {0, 300, 301, 1100}, k = MANY;
    pair p = make(4, 1100, 1, k, 0, false);
    mi_iic *iic = objective(1, 0, 2);
    double loss, mean;
    OK(mi_iic_eval_f64(iic, 1100, 1, &p.twofold, &loss));
    OK(mi_iic_begin(iic, 1, &k));
    for (int back = 0; back < 2; back++) {
        for (int i = 0; i < 3; i++) {
            mi_iic_head_f32 h = p.single;
            h.z += cuts[i] * k, h.zt += cuts[i] * k, h.dz += cuts[i] * k, h.dzt += cuts[i] * k;
            if (back)
                OK(mi_iic_backward_f32(iic, cuts[i + 1] - cuts[i], 1, &h));
            else
                OK(mi_iic_add_f32(iic, cuts[i + 1] - cuts[i], 1, &h));
        }
        if (!back)
            OK(mi_iic_finish(iic, NULL, &mean));
    }
    ck_assert(fabs(mean - loss) < 1e-6);
    compare(&p, 1e-5);
    mi_iic_destroy(iic);
    drop(&p);
}
END_TEST

START_TEST(test_threads_agree) {
    const int64_t shapes[][3] = {{9000, 1, 10}, {4000, 2, FEW}, {300, 1, 200}, {64, 1, 600}};
    for (int way = 0; way < 8; way++) {
        const int64_t *shape = shapes[way / 2];
        pair first = make(5, shape[0], shape[1], shape[2], 0, false);
        const size_t size = (size_t)(shape[0] * (1 + shape[1]) * shape[2]);
        double losses[3];
        for (int32_t t = 0; t < 3; t++) {
            pair p = make(5, shape[0], shape[1], shape[2], 0, false);
            mi_iic *iic = objective(shape[1], way % 2, t + 1);
            OK(mi_iic_eval_f32(iic, shape[0], 1, &p.single, &losses[t]));
            OK(mi_iic_eval_f64(iic, shape[0], 1, &p.twofold, NULL));
            if (t == 0) {
                memcpy(first.single.dz, p.single.dz, size * sizeof(float));
                memcpy(first.twofold.dz, p.twofold.dz, size * sizeof(double));
            }
            ck_assert(losses[t] == losses[0]);
            ck_assert_mem_eq(first.single.dz, p.single.dz, size * sizeof(float));
            ck_assert_mem_eq(first.twofold.dz, p.twofold.dz, size * sizeof(double));
            mi_iic_destroy(iic);
            drop(&p);
        }
        drop(&first);
    }
}
END_TEST

START_TEST(test_refuses_values) {
    const float wrong[] = {NAN, INFINITY, -1e-30f};
    for (int way = 0; way < 12; way++) {
        const int64_t k = way % 2 ? 11 : MANY, repeats = way % 4 < 2 ? 1 : 2;
        pair p = make(6, 1100, repeats, k, way / 6, way % 3 == 0);
        mi_iic *iic = objective(repeats, 0, 2);
        float *z = p.s + 1077 * p.ld + 3, *zt = p.s + (1100 + p.twins - 1) * p.ld + k - 1;
        float keep = *z;
        *z = -0.f; /* which is 0 */
        OK(mi_iic_eval_f32(iic, 1100, 1, &p.single, NULL));
        memset(p.single.dz, 0, (size_t)((1100 + p.twins) * p.ld) * sizeof(float));
        p.single.loss = -77;
        *z = wrong[way % 3];
        FAILS(MI_E_NUMERIC, "head 0: z[1077][3] is",
              mi_iic_eval_f32(iic, 1100, 1, &p.single, NULL));
        *z = keep;
        *zt = wrong[way % 3];
        FAILS(MI_E_NUMERIC, "head 0: zt[", mi_iic_eval_f32(iic, 1100, 1, &p.single, NULL));
        ck_assert(p.single.loss == -77);
        for (int64_t i = 0; i < (1100 + p.twins) * p.ld; i++)
            ck_assert(p.single.dz[i] == 0);
        mi_iic_destroy(iic);
        drop(&p);
    }
}
END_TEST

/* The slopes of a matrix that sums to next to nothing exceed float32; those of what isn't refused
 * don't. */
START_TEST(test_next_to_nothing) {
    pair p = make(11, 64, 1, MANY, 0, true);
    float *weight = p.s + 2 * 128 * MANY;
    mi_iic *iic = objective(1, 0, 1);
    for (int way = 0; way < 2; way++) {
        double loss = -77;
        for (int i = 0; i < 64; i++)
            weight[i] = way == 0 ? 1e-42f : 1e-31f;
        memset(p.single.dz, 0, 128 * MANY * sizeof(float));
        if (way == 0)
            FAILS(MI_E_NUMERIC, "too little for float32",
                  mi_iic_eval_f32(iic, 64, 1, &p.single, &loss));
        else
            OK(mi_iic_eval_f32(iic, 64, 1, &p.single, &loss));
        ck_assert((loss == -77) == (way == 0));
        for (int i = 0; i < 128 * MANY; i++)
            ck_assert(way == 0 ? p.single.dz[i] == 0 : isfinite(p.single.dz[i]));
    }
    const int64_t k = MANY;
    OK(mi_iic_begin(iic, 1, &k));
    weight[0] = 1e-35f;
    OK(mi_iic_add_f32(iic, 1, 1, &p.single));
    OK(mi_iic_finish(iic, NULL, NULL));
    memset(p.single.dz, 0, 128 * MANY * sizeof(float));
    FAILS(MI_E_NUMERIC, "too little", mi_iic_backward_f32(iic, 1, 1, &p.single));
    ck_assert(p.single.dz[0] == 0);
    OK(mi_iic_backward_f64(iic, 1, 1, &p.twofold));
    mi_iic_destroy(iic);
    drop(&p);
}
END_TEST

/* -- memory ------------------------------------------------------------------------------------ */

static mi_status use(mi_iic *iic, pair *few, pair *many, uint8_t *mask) {
    const int64_t classes[2] = {10, MANY};
    mi_iic_head_f32 heads[2] = {few->single, many->single};
    mi_iic_maps_f32 maps = {.struct_size = sizeof maps,
                            .n = 1,
                            .height = 6,
                            .width = 5,
                            .classes = 10,
                            .reach = 2,
                            .z = few->single.z,
                            .zt = few->single.zt,
                            .mask = mask,
                            .dz = few->single.dz,
                            .dzt = few->single.dzt};
    MI__TRY(mi_iic_eval_f32(iic, 30, 1, heads, NULL));
    MI__TRY(mi_iic_begin(iic, 2, classes));
    MI__TRY(mi_iic_add_f32(iic, 30, 2, heads));
    MI__TRY(mi_iic_finish(iic, NULL, NULL));
    MI__TRY(mi_iic_backward_f32(iic, 30, 2, heads));
    MI__TRY(mi_iic_eval_maps_f32(iic, &maps, NULL));
    maps.collapse = MI_IIC_UNCOLLAPSED;
    return mi_iic_eval_maps_f32(iic, &maps, NULL);
}

START_TEST(test_every_allocation_may_fail) {
    pair few = make(7, 30, 1, 10, 0, true), many = make(8, 30, 1, MANY, 0, true);
    uint8_t mask[30];
    memset(mask, 1, sizeof mask);
    int64_t failures = 0;
    for (bool whole = false; !whole;) {
        failing f = {.fail_at = failures + 1};
        mi_context *context = NULL;
        mi_iic *iic = NULL;
        mi_status status = failing_context(&f, 1, 0, &context);
        status = status != MI_OK ? status : mi_iic_create(context, NULL, &iic);
        status = status != MI_OK ? status : use(iic, &few, &many, mask);
        whole = f.calls < f.fail_at;
        failures += !whole;
        ck_assert_int_eq(status, whole ? MI_OK : MI_E_NOMEM);
        if (iic != NULL) { /* the same handle works once there is memory again */
            OK(use(iic, &few, &many, mask));
            int64_t calls = f.calls;
            OK(use(iic, &few, &many, mask));
            ck_assert_int_eq(f.calls, calls);
        }
        mi_iic_destroy(iic);
        mi_context_destroy(context);
        ck_assert_int_eq(f.living, 0);
    }
    ck_assert_int_gt(failures, 6);
    drop(&few);
    drop(&many);
}
END_TEST

UNIT_MAIN("iic_float", test_agrees, test_near_the_saddle, test_wanted_gradients_only,
          test_batches_add_up, test_threads_agree, test_refuses_values, test_next_to_nothing,
          test_every_allocation_may_fail)
