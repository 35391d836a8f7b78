/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/base/random.h"
#include "iic_objective.h"

#include <float.h>
#include <stdbool.h>

/* A head with its buffers in float64, rows of `ld` elements. */
typedef struct fixture {
    int64_t n, repeats, ld;
    mi_iic_head_f64 head;
    double *z, *zt, *dz, *dzt;
} fixture;

static fixture make(uint64_t seed, int64_t n, int64_t repeats, int64_t classes, int64_t ld) {
    fixture f = {.n = n, .repeats = repeats, .ld = ld};
    size_t size = (size_t)(n * ld), twins = size * (size_t)repeats;
    f.z = calloc(size, sizeof(double));
    f.dz = calloc(size, sizeof(double));
    f.zt = calloc(twins, sizeof(double));
    f.dzt = calloc(twins, sizeof(double));
    mi__random r = mi__random_at(seed, 0, 0);
    for (size_t i = 0; i < size; i++)
        f.z[i] = exp(2 * mi__random_normal(&r));
    for (size_t i = 0; i < twins; i++)
        f.zt[i] = f.z[i / (size_t)(ld * repeats) * (size_t)ld + i % (size_t)ld] *
                  exp(mi__random_normal(&r));
    for (int64_t i = 0; i < n * (1 + repeats); i++) {
        double *row = i < n ? f.z + i * ld : f.zt + (i - n) * ld, sum = 0;
        for (int64_t c = 0; c < classes; c++)
            sum += row[c];
        for (int64_t c = 0; c < classes; c++)
            row[c] /= sum;
        for (int64_t c = classes; c < ld; c++)
            row[c] = NAN; /* what lies between rows is nobody's business */
    }
    f.head = (mi_iic_head_f64){classes, f.z, ld, f.zt, ld, f.dz, ld, f.dzt, ld, NULL, -77};
    return f;
}

static void drop(fixture *f) {
    free(f->z);
    free(f->zt);
    free(f->dz);
    free(f->dzt);
}

static mi_iic *objective(double lambda, int64_t repeats, int32_t threads) {
    return iic_objective(lambda, repeats, 0, threads);
}

/* Straight from the formula. */
static double plain_loss(const fixture *f, double lambda) {
    int64_t k = f->head.classes;
    double *a = calloc((size_t)(k * k), sizeof(double)), sum = 0, loss = 0;
    double *p = calloc((size_t)k, sizeof(double));
    for (int64_t j = 0; j < f->n * f->repeats; j++)
        for (int64_t c = 0; c < k; c++)
            for (int64_t d = 0; d < k; d++)
                a[c * k + d] += f->z[j / f->repeats * f->ld + c] * f->zt[j * f->ld + d];
    for (int64_t i = 0; i < k * k; i++)
        sum += a[i];
    for (int64_t c = 0; c < k; c++)
        for (int64_t d = 0; d < k; d++)
            p[c] += (a[c * k + d] + a[d * k + c]) / 2 / sum;
    for (int64_t c = 0; c < k; c++)
        for (int64_t d = 0; d < k; d++) {
            double cell = (a[c * k + d] + a[d * k + c]) / 2 / sum;
            if (cell > 0)
                loss -= cell * (log(cell) - lambda * log(p[c]) - lambda * log(p[d]));
        }
    free(a);
    free(p);
    return loss;
}

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

static const double crossed[4] = {.4, .1, .1, .4};

START_TEST(test_known_joint) {
    double loss = 7;
    OK(mi_iic_joint_loss(2, crossed, 0, 0, &loss));
    near(loss, -0.19274475702175753, 1e-15);
    OK(mi_iic_joint_loss(2, crossed, 0, 1.5, &loss));
    near(loss, -0.8858919375817029, 1e-15);
    const double skewed[] = {8, 4, 99, 0, 8, 99}; /* symmetrised and normalised: the same */
    OK(mi_iic_joint_loss(2, skewed, 3, 1, &loss));
    near(loss, -0.19274475702175753, 1e-15);
    const double empty[9] = {1, 0, 0, 0, 1, 0, 0, 0, 0};
    OK(mi_iic_joint_loss(3, empty, 0, 1, &loss));
    near(loss, -log(2), 1e-15);
}
END_TEST

START_TEST(test_joint_refuses) {
    double loss = 7, bad[4] = {.4, .1, .1, .4};
    FAILS(MI_E_ARG, "joint", mi_iic_joint_loss(2, NULL, 0, 0, &loss));
    FAILS(MI_E_ARG, "loss", mi_iic_joint_loss(2, bad, 0, 0, NULL));
    FAILS(MI_E_ARG, "got 1", mi_iic_joint_loss(1, bad, 0, 0, &loss));
    FAILS(MI_E_SHAPE, "ld is 1", mi_iic_joint_loss(2, bad, 1, 0, &loss));
    FAILS(MI_E_SHAPE, "too large", mi_iic_joint_loss(INT64_MAX / 2, bad, 0, 0, &loss));
    FAILS(MI_E_ARG, "lambda", mi_iic_joint_loss(2, bad, 0, -1, &loss));
    FAILS(MI_E_ARG, "lambda", mi_iic_joint_loss(2, bad, 0, NAN, &loss));
    bad[1] = -1;
    FAILS(MI_E_NUMERIC, "joint[0][1] is -1", mi_iic_joint_loss(2, bad, 0, 0, &loss));
    bad[1] = INFINITY;
    FAILS(MI_E_NUMERIC, "joint[0][1] is inf", mi_iic_joint_loss(2, bad, 0, 0, &loss));
    memset(bad, 0, sizeof bad);
    FAILS(MI_E_NUMERIC, "sums to 0", mi_iic_joint_loss(2, bad, 0, 0, &loss));
    ck_assert(loss == 7);
}
END_TEST

START_TEST(test_known_batches) {
    double one_hot[100] = {0}, dz[100], dzt[100], loss;
    for (int i = 0; i < 10; i++)
        one_hot[i * 11] = 1;
    mi_iic *iic = objective(1, 1, 1);
    mi_iic_head_f64 head = {10, one_hot, 0, one_hot, 0, dz, 0, dzt, 0, NULL, 7};
    OK(mi_iic_eval_f64(iic, 10, 1, &head, &loss));
    near(loss, -log(10), 1e-14);
    ck_assert(head.loss == loss);
    for (int i = 0; i < 100; i++) /* the very bottom is flat */
        ck_assert_msg(fabs(dz[i]) < 1e-15 && fabs(dzt[i]) < 1e-15, "%g %g", dz[i], dzt[i]);

    double even[100]; /* the saddle from which training must break away */
    for (int i = 0; i < 100; i++)
        even[i] = .1;
    head.z = head.zt = even;
    OK(mi_iic_eval_f64(iic, 10, 1, &head, &loss));
    near(loss, 0, 1e-14);
    for (int i = 0; i < 100; i++)
        ck_assert_msg(fabs(dz[i]) < 1e-15 && fabs(dzt[i]) < 1e-15, "%g %g", dz[i], dzt[i]);

    const double single[] = {.25, .75}; /* one sample is independent of its twin */
    head = (mi_iic_head_f64){2, single, 0, single, 0, dz, 0, dzt, 0, NULL, 7};
    OK(mi_iic_eval_f64(iic, 1, 1, &head, &loss));
    near(loss, 0, 1e-15);
    const double alone[] = {0, 1};
    head.z = head.zt = alone;
    OK(mi_iic_eval_f64(iic, 1, 1, &head, &loss));
    ck_assert(loss == 0 && dz[0] == 0 && dz[1] == 0 && dzt[0] == 0 && dzt[1] == 0);
    mi_iic_destroy(iic);
}
END_TEST

/* Every derivative of the mean over heads against central differences. */
static void check_gradient(mi_iic *iic, fixture *f, int heads, int which) {
    mi_iic_head_f64 h[3], probe[3];
    for (int i = 0; i < heads; i++)
        h[i] = f[i].head;
    double loss, up, down;
    OK(mi_iic_eval_f64(iic, f[0].n, heads, h, &loss));
    for (int i = 0; i < heads; i++) {
        probe[i] = h[i];
        probe[i].dz = probe[i].dzt = NULL;
    }
    for (int twin = 0; twin < 2; twin++) {
        double *x = twin ? f[which].zt : f[which].z, *dx = twin ? f[which].dzt : f[which].dz;
        double error = 0, size = 0;
        int64_t rows = f[which].n * (twin ? f[which].repeats : 1);
        for (int64_t i = 0; i < rows * f[which].ld; i++) {
            if (i % f[which].ld >= f[which].head.classes) {
                ck_assert(dx[i] == 0); /* between the rows nothing is written */
                continue;
            }
            double at = x[i], step = 1e-3 * at;
            double coarse[2];
            for (int half = 0; half < 2; half++, step /= 2) {
                x[i] = at + step;
                OK(mi_iic_eval_f64(iic, f[0].n, heads, probe, &up));
                x[i] = at - step;
                OK(mi_iic_eval_f64(iic, f[0].n, heads, probe, &down));
                coarse[half] = (up - down) / (2 * step);
            }
            x[i] = at;
            double slope = (4 * coarse[1] - coarse[0]) / 3; /* Richardson */
            /* per relative change of x: small probabilities have large, badly seen slopes */
            error = fmax(error, fabs(slope - dx[i]) * at);
            size = fmax(size, fabs(dx[i]) * at);
        }
        ck_assert_msg(error < 1e-6 * size, "off by %g of %g", error, size);
    }
}

START_TEST(test_gradient) {
    for (int r = 1; r <= 3; r += 2)
        for (double lambda = 1; lambda < 2; lambda += .5) {
            mi_iic *iic = objective(lambda, r, 1);
            fixture f[3] = {make(1, 7, r, 5, 5), make(2, 7, r, 2, 6), make(3, 7, r, 9, 11)};
            for (int i = 0; i < 3; i++) {
                check_gradient(iic, &f[i], 1, 0);
                check_gradient(iic, f, 3, i);
            }
            for (int i = 0; i < 3; i++)
                drop(&f[i]);
            mi_iic_destroy(iic);
        }
}
END_TEST

START_TEST(test_gradient_normalizer) {
    /* Degree 0: scaling z changes nothing, so <z, dz> is 0, for any non-negative z. */
    mi_iic *iic = objective(1.3, 2, 1);
    fixture f = make(4, 30, 2, 12, 12);
    for (int i = 0; i < 30 * 12; i++)
        f.z[i] *= 1 + i % 7;
    double loss, again, along = 0;
    OK(mi_iic_eval_f64(iic, 30, 1, &f.head, &loss));
    near(loss, plain_loss(&f, 1.3), 1e-13);
    for (int i = 0; i < 30 * 12; i++) {
        along += f.z[i] * f.dz[i];
        f.z[i] *= 8;
    }
    near(along, 0, 1e-14);
    OK(mi_iic_eval_f64(iic, 30, 1, &f.head, &again));
    ck_assert(again == loss);
    drop(&f);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(test_against_formula) {
    const int64_t shapes[][4] = {{1, 1, 2, 2},    {63, 1, 10, 10}, {64, 3, 8, 8},
                                 {65, 2, 17, 20}, {200, 1, 3, 3},  {130, 5, 33, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        fixture f = make(10 + s, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
        mi_iic *iic = objective(1.5, f.repeats, 2);
        double loss;
        OK(mi_iic_eval_f64(iic, f.n, 1, &f.head, &loss));
        near(loss, plain_loss(&f, 1.5), 1e-13);
        ck_assert(loss > -2 * log((double)f.head.classes) && loss < 0);
        mi_iic_destroy(iic);
        drop(&f);
    }
}
END_TEST

START_TEST(test_heads_average) {
    mi_iic *iic = objective(1, 1, 1);
    fixture a = make(5, 40, 1, 4, 4), b = make(6, 40, 1, 70, 70);
    mi_iic_head_f64 heads[2] = {a.head, b.head};
    double both, one, dz = 0;
    OK(mi_iic_eval_f64(iic, 40, 2, heads, &both));
    near(both, (heads[0].loss + heads[1].loss) / 2, 1e-15);
    near(heads[0].loss, plain_loss(&a, 1), 1e-13);
    near(heads[1].loss, plain_loss(&b, 1), 1e-13);
    dz = a.dz[3];
    ck_assert(dz != 0);
    OK(mi_iic_eval_f64(iic, 40, 1, &a.head, &one));
    near(a.dz[3], 2 * dz, 1e-15);
    OK(mi_iic_eval_f64(iic, 40, 1, &a.head, NULL));
    drop(&a);
    drop(&b);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(test_float_agrees) {
    fixture f = make(7, 100, 2, 23, 23);
    size_t size = 100 * 23;
    float *z = calloc(6 * size, sizeof(float)), *zt = z + size, *dz = zt + 2 * size,
          *dzt = dz + size;
    for (size_t i = 0; i < size; i++)
        f.z[i] = z[i] = (float)f.z[i];
    for (size_t i = 0; i < 2 * size; i++)
        f.zt[i] = zt[i] = (float)f.zt[i];
    mi_iic *iic = objective(1.2, 2, 1);
    mi_iic_head_f32 head = {23, z, 0, zt, 0, dz, 0, dzt, 0, NULL, 0};
    double loss32, loss64, worst = 0, largest = 0;
    OK(mi_iic_eval_f32(iic, 100, 1, &head, &loss32));
    OK(mi_iic_eval_f64(iic, 100, 1, &f.head, &loss64));
    ck_assert(loss32 == loss64); /* all sums are float64 */
    for (size_t i = 0; i < 3 * size; i++) {
        double exact = i < size ? f.dz[i] : f.dzt[i - size];
        worst = fmax(worst, fabs(exact - (i < size ? dz[i] : dzt[i - size])));
        largest = fmax(largest, fabs(exact));
    }
    ck_assert_msg(worst < 1e-7 * largest, "%g of %g", worst, largest);
    free(z);
    drop(&f);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(test_rows_permute) {
    fixture f = make(8, 90, 2, 12, 12), g = make(8, 90, 2, 12, 12);
    for (int i = 0; i < 90; i++) {
        int from = i * 37 % 90;
        memcpy(g.z + i * 12, f.z + from * 12, 12 * sizeof(double));
        memcpy(g.zt + i * 24, f.zt + from * 24, 24 * sizeof(double));
    }
    mi_iic *iic = objective(1, 2, 1);
    double a, b;
    OK(mi_iic_eval_f64(iic, 90, 1, &f.head, &a));
    OK(mi_iic_eval_f64(iic, 90, 1, &g.head, &b));
    near(a, b, 1e-14);
    for (int i = 0; i < 90 * 12; i++)
        near(g.dz[i], f.dz[i / 12 * 37 % 90 * 12 + i % 12], 1e-14);
    drop(&f);
    drop(&g);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(test_threads_agree) {
    double loss[3];
    double *first = NULL;
    for (int t = 0; t < 3; t++) {
        fixture f = make(9, 100, 1, 300, 300);
        mi_iic *iic = objective(1, 1, t == 2 ? 5 : t + 1);
        OK(mi_iic_eval_f64(iic, 100, 1, &f.head, &loss[t]));
        ck_assert(loss[t] == loss[0]);
        size_t size = 100 * 300 * sizeof(double);
        if (first == NULL)
            first = memcpy(malloc(size), f.dz, size);
        ck_assert(memcmp(first, f.dz, size) == 0);
        mi_iic_destroy(iic);
        drop(&f);
    }
    free(first);
}
END_TEST

START_TEST(test_one_hot_extremes) {
    /* Hard labels in float32, empty clusters, probabilities that underflow: all stays finite. */
    const float z[24] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 1,      0, 0,
                         1, 0, 0, 0, 0, 1, 0, 0, 1, 1e-45f, 0, 1e-38f};
    float dz[24], dzt[24];
    mi_iic *iic = objective(1.5, 1, 1);
    mi_iic_head_f32 head = {4, z, 0, z, 0, dz, 0, dzt, 0, NULL, 0};
    double loss;
    OK(mi_iic_eval_f32(iic, 6, 1, &head, &loss));
    near(loss, -2 * log(2), 1e-10);
    for (int i = 0; i < 24; i++)
        ck_assert(isfinite(dz[i]) && isfinite(dzt[i]));
    ck_assert(dz[2] == 0 && dzt[14] == 0); /* nothing of class 2: no pull either way */
    const float huge[4] = {FLT_MAX, 0, 0, FLT_MAX};
    head = (mi_iic_head_f32){2, huge, 0, huge, 0, dz, 0, dzt, 0, NULL, 0};
    OK(mi_iic_eval_f32(iic, 2, 1, &head, &loss));
    near(loss, -2 * log(2), 1e-14);
    mi_iic_destroy(iic);
}
END_TEST

static void untouched(const fixture *f) {
    ck_assert(f->head.loss == -77);
    for (int64_t i = 0; i < f->n * f->ld; i++)
        ck_assert(f->dz[i] == 0 && f->dzt[i] == 0);
}

START_TEST(test_refuses_values) {
    mi_iic *iic = objective(1, 2, 1);
    fixture f[2] = {make(11, 70, 2, 6, 8), make(12, 70, 2, 3, 3)};
    const double wrong[] = {NAN, INFINITY, -1e-30};
    double loss = -77;
    for (int i = 0; i < 3; i++) {
        mi_iic_head_f64 heads[2] = {f[0].head, f[1].head};
        double keep = f[1].z[67 * 3 + 2];
        f[1].z[67 * 3 + 2] = wrong[i];
        FAILS(MI_E_NUMERIC, "head 1: z[67][2] is", mi_iic_eval_f64(iic, 70, 2, heads, &loss));
        f[1].z[67 * 3 + 2] = keep;
        keep = f[1].zt[139 * 3];
        f[1].zt[139 * 3] = wrong[i];
        FAILS(MI_E_NUMERIC, "head 1: zt[139][0] is", mi_iic_eval_f64(iic, 70, 2, heads, &loss));
        f[1].zt[139 * 3] = keep;
        ck_assert(heads[0].loss == -77 && heads[1].loss == -77 && loss == -77);
        untouched(&f[0]);
        untouched(&f[1]);
    }
    memset(f[1].z, 0, 70 * 3 * sizeof(double));
    FAILS(MI_E_NUMERIC, "all 0", mi_iic_eval_f64(iic, 70, 1, &f[1].head, &loss));
    for (int i = 0; i < 210; i++)
        f[1].z[i] = DBL_MAX;
    FAILS(MI_E_NUMERIC, "beyond range", mi_iic_eval_f64(iic, 70, 1, &f[1].head, &loss));
    untouched(&f[1]);
    drop(&f[0]);
    drop(&f[1]);
    mi_iic_destroy(iic);
}
END_TEST

START_TEST(test_refuses_shapes) {
    mi_iic *iic = objective(1, 2, 1);
    fixture f = make(13, 4, 2, 3, 3);
    mi_iic_head_f64 h = f.head;
    FAILS(MI_E_ARG, "iic", mi_iic_eval_f64(NULL, 4, 1, &h, NULL));
    FAILS(MI_E_ARG, "heads", mi_iic_eval_f64(iic, 4, 1, NULL, NULL));
    FAILS(MI_E_ARG, "got 0", mi_iic_eval_f64(iic, 0, 1, &h, NULL));
    FAILS(MI_E_ARG, "got -1", mi_iic_eval_f64(iic, 4, -1, &h, NULL));
    FAILS(MI_E_SHAPE, "repeats", mi_iic_eval_f64(iic, INT64_MAX, 1, &h, NULL));
    FAILS(MI_E_SHAPE, "too large", mi_iic_eval_f64(iic, INT64_MAX / 4, 1, &h, NULL));
    h.classes = 1;
    FAILS(MI_E_ARG, "got 1", mi_iic_eval_f64(iic, 4, 1, &h, NULL));
    h.classes = 65537;
    FAILS(MI_E_ARG, "got 65537", mi_iic_eval_f64(iic, 4, 1, &h, NULL));
    h = f.head;
    h.zt = NULL;
    FAILS(MI_E_ARG, "zt must not be NULL", mi_iic_eval_f64(iic, 4, 1, &h, NULL));
    int64_t *strides[] = {&h.ldz, &h.ldzt, &h.lddz, &h.lddzt};
    const char *names[] = {"ldz is 2", "ldzt is 2", "lddz is 2", "lddzt is 2"};
    for (int i = 0; i < 4; i++) {
        h = f.head;
        *strides[i] = 2;
        FAILS(MI_E_SHAPE, names[i], mi_iic_eval_f64(iic, 4, 1, &h, NULL));
        *strides[i] = -3;
        FAILS(MI_E_SHAPE, "is -3", mi_iic_eval_f64(iic, 4, 1, &h, NULL));
    }
    untouched(&f);
    drop(&f);
    mi_iic_destroy(iic);

    mi_iic *none = NULL;
    mi_iic_options o = {.struct_size = sizeof o, .lambda = -1};
    FAILS(MI_E_ARG, "lambda", mi_iic_create(NULL, &o, &none));
    o.lambda = INFINITY;
    FAILS(MI_E_ARG, "lambda", mi_iic_create(NULL, &o, &none));
    o.lambda = 1.1e6;
    FAILS(MI_E_ARG, "got 1.1e+06", mi_iic_create(NULL, &o, &none));
    o = (mi_iic_options){.struct_size = sizeof o, .repeats = -2};
    FAILS(MI_E_ARG, "got -2", mi_iic_create(NULL, &o, &none));
    o.struct_size = 0;
    FAILS(MI_E_ABI, "struct_size", mi_iic_create(NULL, &o, &none));
    FAILS(MI_E_ARG, "out", mi_iic_create(NULL, NULL, NULL));
    ck_assert_ptr_null(none);
    mi_iic_destroy(NULL);
}
END_TEST

UNIT_MAIN("iic", test_known_joint, test_joint_refuses, test_known_batches, test_gradient,
          test_gradient_normalizer, test_against_formula, test_heads_average, test_float_agrees,
          test_rows_permute, test_threads_agree, test_one_hot_extremes, test_refuses_values,
          test_refuses_shapes)
