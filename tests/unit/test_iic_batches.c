/* SPDX-License-Identifier: BSD-2-Clause */
/* Accumulation, weights, views that play different parts, and many classes in float32. */
#include "../../lib/base/random.h"
#include "../../lib/objective/iic.h"
#include "iic_objective.h"

#include <stdbool.h>

enum { FEW = MI__IIC_FEW }; /* classes, on either side of which heads are computed differently */

/* A head in float64 whose twins follow their images. */
typedef struct batch {
    int64_t n, repeats, classes;
    mi_iic_head_f64 head;
    double *z, *zt, *dz, *dzt, *weight;
} batch;

static batch make(uint64_t seed, int64_t n, int64_t repeats, int64_t classes, bool weighted) {
    batch b = {.n = n, .repeats = repeats, .classes = classes};
    const int64_t size = n * classes, twins = size * repeats;
    mi__random r = mi__random_at(seed, 0, 0);
    b.z = calloc((size_t)(2 * (size + twins) + n * repeats), sizeof(double));
    b.zt = b.z + size, b.dz = b.zt + twins, b.dzt = b.dz + size, b.weight = b.dzt + twins;
    for (int64_t i = 0; i < size; i++)
        b.z[i] = exp(2 * mi__random_normal(&r));
    for (int64_t i = 0; i < twins; i++)
        b.zt[i] = b.z[i / (classes * repeats) * classes + i % classes] * exp(mi__random_normal(&r));
    for (int64_t i = 0; i < n * (1 + repeats); i++) {
        double sum = 0; /* z and zt are one piece */
        for (int64_t c = 0; c < classes; c++)
            sum += b.z[i * classes + c];
        for (int64_t c = 0; c < classes; c++)
            b.z[i * classes + c] /= sum;
    }
    for (int64_t i = 0; i < n * repeats; i++)
        b.weight[i] = i % 5 == 3 ? 0 : (double)(1 + mi__random_below(&r, 100)) / 64;
    b.head = (mi_iic_head_f64){.classes = classes,
                               .z = b.z,
                               .zt = b.zt,
                               .dz = b.dz,
                               .dzt = b.dzt,
                               .weight = weighted ? b.weight : NULL,
                               .loss = -77};
    return b;
}

static void drop(batch *b) {
    free(b->z);
}

/* Samples first .. first + n - 1 of the batch. */
static mi_iic_head_f64 part(const batch *b, int64_t first) {
    mi_iic_head_f64 h = b->head;
    const int64_t k = b->classes, twin = first * b->repeats;
    h.z += first * k, h.dz += first * k, h.zt += twin * k, h.dzt += twin * k;
    h.weight = h.weight == NULL ? NULL : h.weight + twin;
    return h;
}

static mi_iic *objective(int64_t repeats, int32_t asymmetric, int32_t threads) {
    return iic_objective(1.3, repeats, asymmetric, threads);
}

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

static double largest_of(const double *x, int64_t count) {
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

static int64_t gradients_of(const batch *b) {
    return b->n * (1 + b->repeats) * b->classes;
}

/* -- the formula ------------------------------------------------------------------------------- */

static double plain_loss(const batch *b, double lambda, bool asymmetric) {
    const int64_t k = b->classes;
    double *a = calloc((size_t)(k * k + 2 * k), sizeof *a), *p = a + k * k, *q = p + k;
    double sum = 0, loss = 0;
    for (int64_t j = 0; j < b->n * b->repeats; j++)
        for (int64_t i = 0; i < k * k; i++)
            a[i] += b->z[j / b->repeats * k + i / k] * b->zt[j * k + i % k] *
                    (b->head.weight == NULL ? 1 : b->weight[j]);
    for (int64_t i = 0; i < k * k; i++)
        sum += a[i];
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < k; c++)
            for (int64_t d = 0; d < k; d++) {
                double cell = asymmetric ? a[c * k + d] : (a[c * k + d] + a[d * k + c]) / 2;
                cell /= sum;
                if (pass == 0) {
                    p[c] += cell;
                    q[d] += cell;
                } else if (cell > 0)
                    loss -= cell * (log(cell) - lambda * log(p[c]) - lambda * log(q[d]));
            }
    free(a);
    return loss;
}

START_TEST(test_against_formula) {
    const int64_t shapes[][3] = {{1, 1, 2},    {97, 1, 10},       {64, 3, 8},  {195, 2, 17},
                                 {40, 1, FEW}, {130, 2, FEW + 1}, {50, 1, 90}, {9000, 1, 11}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int way = 0; way < 4; way++) {
            batch b = make(i, shapes[i][0], shapes[i][1], shapes[i][2], way & 1);
            mi_iic *iic = objective(b.repeats, way >> 1, 2);
            double loss;
            OK(mi_iic_eval_f64(iic, b.n, 1, &b.head, &loss));
            near(loss, plain_loss(&b, 1.3, way >> 1), 1e-13);
            mi_iic_destroy(iic);
            drop(&b);
        }
}
END_TEST

static void check_side(mi_iic *iic, batch *b, double *x, const double *dx, int64_t count) {
    mi_iic_head_f64 probe = b->head;
    probe.dz = probe.dzt = NULL;
    double error = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        double at = x[i], slope[2], up, down;
        for (int half = 0; half < 2; half++) {
            double step = (half ? 5e-4 : 1e-3) * at;
            x[i] = at + step;
            OK(mi_iic_eval_f64(iic, b->n, 1, &probe, &up));
            x[i] = at - step;
            OK(mi_iic_eval_f64(iic, b->n, 1, &probe, &down));
            slope[half] = (up - down) / (2 * step);
        }
        x[i] = at;
        error = fmax(error, at * fabs((4 * slope[1] - slope[0]) / 3 - dx[i]));
        size = fmax(size, at * fabs(dx[i]));
    }
    ck_assert_msg(error <= 1e-6 * size + 1e-12, "off by %g of %g", error, size);
}

START_TEST(test_gradient) {
    const int64_t shapes[][3] = {{7, 1, 5}, {6, 3, 3}, {5, 2, FEW + 2}};
    for (int i = 0; i < 3; i++)
        for (int way = 0; way < 4; way++) {
            batch b = make(10 + (uint64_t)i, shapes[i][0], shapes[i][1], shapes[i][2], way & 1);
            mi_iic *iic = objective(b.repeats, way >> 1, 1);
            OK(mi_iic_eval_f64(iic, b.n, 1, &b.head, NULL));
            check_side(iic, &b, b.z, b.dz, b.n * b.classes);
            check_side(iic, &b, b.zt, b.dzt, b.n * b.repeats * b.classes);
            mi_iic_destroy(iic);
            drop(&b);
        }
}
END_TEST

START_TEST(test_asymmetric_degree_zero) {
    batch b = make(15, 30, 2, 12, true);
    mi_iic *iic = objective(2, 1, 1);
    double loss, again, along = 0;
    OK(mi_iic_eval_f64(iic, 30, 1, &b.head, &loss));
    for (int i = 0; i < 30 * 12; i++) {
        along += b.z[i] * b.dz[i];
        b.z[i] *= 8;
    }
    near(along, 0, 1e-14);
    OK(mi_iic_eval_f64(iic, 30, 1, &b.head, &again));
    ck_assert(again == loss);
    for (int i = 0; i < 30 * 24; i++) /* views in other roles */
        b.zt[i] = b.zt[i] * (1 + i % 3);
    mi_iic *symmetric = objective(2, 0, 1);
    OK(mi_iic_eval_f64(iic, 30, 1, &b.head, &loss));
    OK(mi_iic_eval_f64(symmetric, 30, 1, &b.head, &again));
    ck_assert(fabs(loss - again) > 1e-6);
    mi_iic_destroy(iic);
    mi_iic_destroy(symmetric);
    drop(&b);
}
END_TEST

/* -- weights ----------------------------------------------------------------------------------- */

START_TEST(test_weights_leave_out_and_repeat) {
    enum { N = 60, K = 7 };
    batch b = make(20, N, 1, K, true), c = make(20, 2 * N, 1, K, false);
    int64_t kept = 0;
    for (int64_t i = 0; i < N; i++) {
        b.weight[i] = (double)(i % 3);
        for (int64_t j = 0; j < i % 3; j++, kept++) { /* left out, once, twice */
            memcpy(c.z + kept * K, b.z + i * K, K * sizeof(double));
            memcpy(c.zt + kept * K, b.zt + i * K, K * sizeof(double));
        }
    }
    mi_iic *iic = objective(1, 0, 1);
    double with, without;
    OK(mi_iic_eval_f64(iic, N, 1, &b.head, &with));
    OK(mi_iic_eval_f64(iic, kept, 1, &c.head, &without));
    near(with, without, 1e-14);
    kept = 0;
    for (int64_t i = 0; i < N; i++) {
        for (int64_t k = 0; k < K; k++) {
            near(b.dz[i * K + k], (double)(i % 3) * (i % 3 == 0 ? 0 : c.dz[kept * K + k]), 1e-15);
            near(b.dzt[i * K + k], (double)(i % 3) * (i % 3 == 0 ? 0 : c.dzt[kept * K + k]), 1e-15);
        }
        kept += i % 3;
    }
    mi_iic_destroy(iic);
    drop(&b);
    drop(&c);
}
END_TEST

START_TEST(test_refuses_weights) {
    const double wrong[] = {NAN, INFINITY, -1};
    for (int i = 0; i < 6; i++) {
        batch b = make(21, 40, 2, i < 3 ? 5 : FEW + 3, true);
        mi_iic *iic = objective(2, 0, 1);
        b.weight[77] = wrong[i % 3];
        FAILS(MI_E_NUMERIC, "head 0: weight[77] is", mi_iic_eval_f64(iic, 40, 1, &b.head, NULL));
        memset(b.weight, 0, 80 * sizeof(double));
        FAILS(MI_E_NUMERIC, "head 0: the joint matrix is all 0",
              mi_iic_eval_f64(iic, 40, 1, &b.head, NULL));
        b.weight[0] = 1;
        b.zt[79 * b.classes] = wrong[i % 3]; /* counts 0, and yet it is no probability */
        FAILS(MI_E_NUMERIC, "head 0: zt[79][0] is", mi_iic_eval_f64(iic, 40, 1, &b.head, NULL));
        ck_assert(largest_of(b.dz, gradients_of(&b)) == 0 && b.head.loss == -77);
        mi_iic_destroy(iic);
        drop(&b);
    }
}
END_TEST

/* -- accumulation ------------------------------------------------------------------------------ */

static const int64_t cuts[4] = {0, 100, 101, 237};

START_TEST(test_batches_add_up) {
    for (int way = 0; way < 12; way++) {
        const int64_t k = way < 4 ? 9 : way < 8 ? FEW : FEW + 9;
        batch b = make(30, 237, 2, k, way & 1), whole = make(30, 237, 2, k, way & 1);
        mi_iic *iic = objective(2, way >> 1 & 1, 2), *other = objective(2, way >> 1 & 1, 1);
        double loss, losses[2], mean;
        OK(mi_iic_eval_f64(other, 237, 1, &whole.head, &loss));
        OK(mi_iic_begin(iic, 1, &k));
        for (int i = 0; i < 3; i++) {
            mi_iic_head_f64 h = part(&b, cuts[i]);
            OK(mi_iic_add_f64(iic, cuts[i + 1] - cuts[i], 1, &h));
            ck_assert(h.loss == -77);
        }
        ck_assert(largest_of(b.dz, gradients_of(&b)) == 0);
        OK(mi_iic_finish(iic, losses, &mean));
        ck_assert(losses[0] == mean);
        near(mean, loss, 1e-14 * fabs(loss));
        for (int i = 2; i >= 0; i--) {
            mi_iic_head_f64 h = part(&b, cuts[i]);
            OK(mi_iic_backward_f64(iic, cuts[i + 1] - cuts[i], 1, &h));
            ck_assert(h.loss == -77);
        }
        const double largest = largest_of(whole.dz, gradients_of(&whole));
        for (int64_t i = 0; i < gradients_of(&b); i++)
            near(b.dz[i], whole.dz[i], 1e-14 * largest);
        mi_iic_destroy(iic);
        mi_iic_destroy(other);
        drop(&b);
        drop(&whole);
    }
}
END_TEST

START_TEST(test_machines_add_up) {
    batch b[2] = {make(31, 237, 1, 6, false), make(32, 237, 1, 3, false)};
    const int64_t classes[2] = {6, 3};
    mi_iic *one = objective(1, 0, 1), *machine[2] = {objective(1, 0, 1), objective(1, 0, 1)};
    mi_iic_head_f64 heads[2] = {b[0].head, b[1].head};
    double loss, losses[2], mine[36], other[36], single[2];
    OK(mi_iic_eval_f64(one, 237, 2, heads, &loss));
    for (int m = 0; m < 2; m++) {
        int64_t first = m * 100, n = m == 0 ? 100 : 137;
        mi_iic_head_f64 parts[2] = {part(&b[0], first), part(&b[1], first)};
        OK(mi_iic_begin(machine[m], 2, classes));
        OK(mi_iic_add_f64(machine[m], n, 2, parts));
    }
    for (int32_t h = 0; h < 2; h++) {
        OK(mi_iic_joint_read(machine[0], h, mine));
        OK(mi_iic_joint_read(machine[1], h, other));
        for (int64_t i = 0; i < classes[h] * classes[h]; i++)
            mine[i] += other[i];
        double plain = 0; /* neither symmetric nor normalised */
        for (int64_t i = 0; i < 237; i++)
            plain += b[h].z[i * classes[h]] * b[h].zt[i * classes[h] + 1];
        near(mine[1], plain, 1e-12);
        OK(mi_iic_joint_write(machine[0], h, mine));
        OK(mi_iic_joint_write(machine[1], h, mine));
        OK(mi_iic_joint_loss(classes[h], mine, 0, 1.3, &single[h]));
    }
    for (int m = 0; m < 2; m++) {
        double mean, before = b[0].dz[m * 600], twin = b[1].dzt[m * 300];
        mi_iic_head_f64 parts[2] = {part(&b[0], m * 100), part(&b[1], m * 100)};
        OK(mi_iic_finish(machine[m], losses, &mean));
        near(mean, loss, 1e-14);
        near(losses[0], single[0], 1e-14);
        near(losses[1], single[1], 1e-14);
        b[0].dz[m * 600] = b[1].dzt[m * 300] = 0;
        OK(mi_iic_backward_f64(machine[m], m == 0 ? 100 : 137, 2, parts));
        near(b[0].dz[m * 600], before, 1e-14 * fabs(before));
        near(b[1].dzt[m * 300], twin, 1e-14 * fabs(twin));
        mi_iic_destroy(machine[m]);
    }
    mi_iic_destroy(one);
    drop(&b[0]);
    drop(&b[1]);
}
END_TEST

START_TEST(test_states) {
    batch b = make(33, 20, 1, 4, false), c = make(33, 20, 1, 5, false);
    mi_iic *iic = objective(1, 0, 1);
    const int64_t k = 4, wrong = 1;
    double joint[16] = {0}, loss = -77;
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_add_f64(iic, 20, 1, &b.head));
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_finish(iic, NULL, &loss));
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_backward_f64(iic, 20, 1, &b.head));
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_joint_read(iic, 0, joint));
    FAILS(MI_E_ARG, "got 0", mi_iic_begin(iic, 0, &k));
    FAILS(MI_E_ARG, "classes", mi_iic_begin(iic, 1, NULL));
    FAILS(MI_E_ARG, "got 1", mi_iic_begin(iic, 1, &wrong));
    OK(mi_iic_begin(iic, 1, &k));
    FAILS(MI_E_STATE, "not finished", mi_iic_backward_f64(iic, 20, 1, &b.head));
    FAILS(MI_E_NUMERIC, "all 0", mi_iic_finish(iic, NULL, &loss));
    FAILS(MI_E_SHAPE, "has 5 classes, 4 were begun", mi_iic_add_f64(iic, 20, 1, &c.head));
    FAILS(MI_E_ARG, "2 heads are given, 1 were begun", mi_iic_add_f64(iic, 20, 2, &b.head));
    FAILS(MI_E_ARG, "got 1", mi_iic_joint_read(iic, 1, joint));
    FAILS(MI_E_ARG, "got -1", mi_iic_joint_write(iic, -1, joint));
    b.zt[78] = NAN;
    FAILS(MI_E_NUMERIC, "zt[19][2]", mi_iic_add_f64(iic, 20, 1, &b.head));
    OK(mi_iic_joint_read(iic, 0, joint));
    ck_assert(largest_of(joint, 16) == 0); /* nothing was added */
    b.zt[78] = .25;
    OK(mi_iic_add_f64(iic, 20, 1, &b.head));
    joint[6] = -1;
    FAILS(MI_E_NUMERIC, "joint[1][2] is -1", mi_iic_joint_write(iic, 0, joint));
    OK(mi_iic_joint_read(iic, 0, joint));
    ck_assert(joint[6] > 0);
    OK(mi_iic_finish(iic, NULL, &loss));
    FAILS(MI_E_STATE, "finished", mi_iic_add_f64(iic, 20, 1, &b.head));
    FAILS(MI_E_STATE, "finished", mi_iic_finish(iic, NULL, &loss));
    FAILS(MI_E_STATE, "finished", mi_iic_joint_write(iic, 0, joint));
    b.z[1] = -1;
    FAILS(MI_E_NUMERIC, "z[0][1]", mi_iic_backward_f64(iic, 20, 1, &b.head));
    ck_assert(largest_of(b.dz, gradients_of(&b)) == 0);
    FAILS(MI_E_NUMERIC, "z[0][1]", mi_iic_eval_f64(iic, 20, 1, &b.head, NULL));
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_finish(iic, NULL, NULL)); /* eval began anew */
    b.z[1] = .25;
    OK(mi_iic_eval_f64(iic, 20, 1, &b.head, NULL));
    FAILS(MI_E_STATE, "mi_iic_begin", mi_iic_backward_f64(iic, 20, 1, &b.head));
    mi_iic_destroy(iic);
    drop(&b);
    drop(&c);
}
END_TEST

UNIT_MAIN("iic_batches", test_against_formula, test_gradient, test_asymmetric_degree_zero,
          test_weights_leave_out_and_repeat, test_refuses_weights, test_batches_add_up,
          test_machines_add_up, test_states)
