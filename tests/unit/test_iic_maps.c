/* SPDX-License-Identifier: BSD-2-Clause */
/* Segmentation against its formula in plain loops, and against differences. */
#include "../../lib/base/random.h"
#include "iic_objective.h"

#include <stdbool.h>

typedef struct scene {
    mi_iic_maps_f64 io;
    int64_t pixels, size;
    double *z, *zt, *dz, *dzt;
    uint8_t *mask;
} scene;

static void normalize(double *x, int64_t pixels, int64_t k) {
    for (int64_t p = 0; p < pixels; p++) {
        double sum = 0;
        for (int64_t c = 0; c < k; c++)
            sum += x[p * k + c];
        for (int64_t c = 0; c < k; c++)
            x[p * k + c] /= sum;
    }
}

static scene make(uint64_t seed, const int64_t shape[5], int32_t collapse, bool masked) {
    scene s = {.pixels = shape[0] * shape[1] * shape[2]};
    s.size = s.pixels * shape[3];
    s.z = calloc((size_t)s.size * 4, sizeof(double));
    s.zt = s.z + s.size, s.dz = s.zt + s.size, s.dzt = s.dz + s.size;
    s.mask = calloc((size_t)s.pixels, 1);
    mi__random r = mi__random_at(seed, 0, 0);
    for (int64_t i = 0; i < s.size; i++) {
        s.z[i] = exp(2 * mi__random_normal(&r));
        s.zt[i] = s.z[i] * exp(mi__random_normal(&r));
    }
    normalize(s.z, s.pixels, shape[3]);
    normalize(s.zt, s.pixels, shape[3]);
    for (int64_t p = 0; p < s.pixels; p++)
        s.mask[p] = (uint8_t)(mi__random_below(&r, 4) != 0) * 7;
    for (int64_t p = 0; masked && p < s.pixels; p++)
        if (s.mask[p] == 0)
            s.z[p * shape[3]] = NAN; /* is never looked at */
    s.io = (mi_iic_maps_f64){.struct_size = sizeof s.io,
                             .n = shape[0],
                             .height = shape[1],
                             .width = shape[2],
                             .classes = shape[3],
                             .reach = shape[4],
                             .collapse = collapse,
                             .z = s.z,
                             .zt = s.zt,
                             .mask = masked ? s.mask : NULL,
                             .dz = s.dz,
                             .dzt = s.dzt};
    return s;
}

static void drop(scene *s) {
    free(s->z);
    free(s->mask);
}

static mi_iic *objective(double lambda, int32_t asymmetric, int32_t threads) {
    return iic_objective(lambda, 0, asymmetric, threads);
}

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

/* -- the formula ------------------------------------------------------------------------------- */

static double matrix_loss(const double *a, int64_t k, double lambda, int32_t asymmetric) {
    double sum = 0, loss = 0, p[16] = {0}, q[16] = {0};
    for (int64_t i = 0; i < k * k; i++)
        sum += a[i];
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < k; c++)
            for (int64_t d = 0; d < k; d++) {
                double cell = a[c * k + d] / sum;
                if (!asymmetric)
                    cell = (a[c * k + d] + a[d * k + c]) / 2 / sum;
                if (pass == 0) {
                    p[c] += cell;
                    q[d] += cell;
                } else if (cell > 0)
                    loss -= cell * (log(cell) - lambda * log(p[c]) - lambda * log(q[d]));
            }
    return loss;
}

/* The joint matrix of one displacement of all images is added to a. */
static void add_pairs(const scene *s, int64_t dy, int64_t dx, double *a) {
    const mi_iic_maps_f64 *m = &s->io;
    const int64_t k = m->classes;
    for (int64_t p = 0; p < s->pixels; p++) {
        int64_t y = p / m->width % m->height + dy, x = p % m->width + dx;
        int64_t other = p + dy * m->width + dx;
        if (y < 0 || y >= m->height || x < 0 || x >= m->width)
            continue;
        if (m->mask != NULL && (m->mask[p] == 0 || m->mask[other] == 0))
            continue;
        for (int64_t i = 0; i < k * k; i++)
            a[i] += s->z[p * k + i / k] * s->zt[other * k + i % k];
    }
}

static double plain_loss(const scene *s, double lambda, int32_t asymmetric) {
    const int64_t t = s->io.reach, k = s->io.classes, side = 2 * t + 1;
    double a[256] = {0}, loss = 0;
    for (int64_t i = 0; i < side * side; i++) {
        add_pairs(s, i / side - t, i % side - t, a);
        if (s->io.collapse == MI_IIC_UNCOLLAPSED) {
            loss += matrix_loss(a, k, lambda, asymmetric) / (double)(side * side);
            memset(a, 0, sizeof a);
        }
    }
    return s->io.collapse == MI_IIC_COLLAPSED ? matrix_loss(a, k, lambda, asymmetric) : loss;
}

static const int64_t shapes[][5] = {{1, 1, 1, 2, 0},  {2, 5, 4, 3, 1},  {1, 7, 9, 5, 2},
                                    {3, 3, 6, 2, 2},  {1, 4, 13, 5, 3}, {2, 11, 8, 12, 4},
                                    {1, 30, 3, 4, 1}, {1, 9, 9, 3, 0}};

#define SHAPES (sizeof shapes / sizeof shapes[0])

START_TEST(test_against_formula) {
    for (size_t i = 0; i < SHAPES; i++)
        for (int way = 0; way < 8; way++) {
            bool masked = (way & 1) && shapes[i][1] > 2;
            scene s = make(i, shapes[i], way >> 1 & 1, masked);
            mi_iic *iic = objective(1.3, way >> 2, 1 + way % 3);
            double loss;
            OK(mi_iic_eval_maps_f64(iic, &s.io, &loss));
            near(loss, plain_loss(&s, 1.3, way >> 2), 1e-13);
            mi_iic_destroy(iic);
            drop(&s);
        }
}
END_TEST

/* Every derivative, by the library's own losses, which the test above has seen. */
static void check_side(mi_iic *iic, scene *s, double *x, const double *dx) {
    const int64_t k = s->io.classes;
    mi_iic_maps_f64 probe = s->io;
    probe.dz = probe.dzt = NULL;
    double error = 0, size = 0;
    for (int64_t i = 0; i < s->size; i++) {
        if (s->io.mask != NULL && s->io.mask[i / k] == 0) {
            ck_assert(dx[i] == 0);
            continue;
        }
        double at = x[i], slope[2], up, down;
        for (int half = 0; half < 2; half++) {
            double step = (half ? 5e-4 : 1e-3) * at;
            x[i] = at + step;
            OK(mi_iic_eval_maps_f64(iic, &probe, &up));
            x[i] = at - step;
            OK(mi_iic_eval_maps_f64(iic, &probe, &down));
            slope[half] = (up - down) / (2 * step);
        }
        x[i] = at;
        error = fmax(error, at * fabs((4 * slope[1] - slope[0]) / 3 - dx[i]));
        size = fmax(size, at * fabs(dx[i]));
    }
    ck_assert_msg(error <= 1e-6 * size + 1e-12, "off by %g of %g", error, size);
}

START_TEST(test_gradient) {
    const int64_t small[][5] = {{2, 3, 4, 2, 1}, {1, 5, 4, 3, 2}, {1, 4, 3, 5, 0}, {1, 3, 7, 3, 1}};
    for (int i = 0; i < 4; i++)
        for (int way = 0; way < 8; way++) {
            scene s = make(20 + (uint64_t)i, small[i], way >> 1 & 1, way & 1);
            mi_iic *iic = objective(1.5, way >> 2, 1);
            OK(mi_iic_eval_maps_f64(iic, &s.io, NULL));
            check_side(iic, &s, s.z, s.dz);
            check_side(iic, &s, s.zt, s.dzt);
            mi_iic_destroy(iic);
            drop(&s);
        }
}
END_TEST

START_TEST(test_without_reach_as_rows) {
    const int64_t shape[5] = {2, 9, 10, 6, 0};
    for (int32_t collapse = 0; collapse < 2; collapse++) {
        scene s = make(30, shape, collapse, false);
        double *dz = malloc((size_t)s.size * 2 * sizeof *dz), maps, rows;
        mi_iic_head_f64 head = {.classes = 6, .z = s.z, .zt = s.zt, .dz = dz, .dzt = dz + s.size};
        mi_iic *iic = objective(1.2, 0, 2);
        OK(mi_iic_eval_maps_f64(iic, &s.io, &maps));
        OK(mi_iic_eval_f64(iic, s.pixels, 1, &head, &rows));
        near(maps, rows, 1e-14);
        for (int64_t i = 0; i < 2 * s.size; i++)
            near(dz[i], s.dz[i], 1e-15);
        free(dz);
        mi_iic_destroy(iic);
        drop(&s);
    }
}
END_TEST

START_TEST(test_threads_agree) {
    const int64_t shape[5] = {2, 40, 33, 12, 3}, many[5] = {1, 20, 20, 40, 1};
    for (int way = 0; way < 4; way++) {
        scene first = make(40, way > 1 ? many : shape, way & 1, true);
        double losses[3];
        for (int32_t t = 0; t < 3; t++) {
            scene s = make(40, way > 1 ? many : shape, way & 1, true);
            mi_iic *iic = objective(1, 1, t + 1);
            OK(mi_iic_eval_maps_f64(iic, &s.io, &losses[t]));
            if (t == 0)
                memcpy(first.dz, s.dz, 2 * (size_t)s.size * sizeof(double));
            ck_assert(losses[t] == losses[0]);
            ck_assert_mem_eq(first.dz, s.dz, 2 * (size_t)s.size * sizeof(double));
            mi_iic_destroy(iic);
            drop(&s);
        }
        drop(&first);
    }
}
END_TEST

START_TEST(test_float_agrees) {
    const int64_t shape[5] = {2, 17, 12, 7, 2};
    for (int32_t collapse = 0; collapse < 2; collapse++) {
        scene s = make(50, shape, collapse, true);
        float *x = calloc((size_t)s.size * 4, sizeof *x);
        double loss32, loss64, largest = 0;
        for (int64_t i = 0; i < 2 * s.size; i++)
            s.z[i] = x[i] = (float)s.z[i];
        mi_iic_maps_f32 io = {.struct_size = sizeof io,
                              .n = shape[0],
                              .height = shape[1],
                              .width = shape[2],
                              .classes = shape[3],
                              .reach = shape[4],
                              .collapse = collapse,
                              .z = x,
                              .zt = x + s.size,
                              .mask = s.mask,
                              .dz = x + 2 * s.size,
                              .dzt = x + 3 * s.size};
        mi_iic *iic = objective(1, 0, 1);
        OK(mi_iic_eval_maps_f64(iic, &s.io, &loss64));
        OK(mi_iic_eval_maps_f32(iic, &io, &loss32));
        ck_assert(loss32 == loss64); /* all sums are float64 */
        for (int64_t i = 0; i < 2 * s.size; i++)
            largest = fmax(largest, fabs(s.dz[i]));
        for (int64_t i = 0; i < 2 * s.size; i++)
            near((double)io.dz[i], s.dz[i], 1e-7 * largest);
        free(x);
        mi_iic_destroy(iic);
        drop(&s);
    }
}
END_TEST

/* -- refusals ---------------------------------------------------------------------------------- */

static void refused(mi_iic *iic, const mi_iic_maps_f64 *io, const scene *s, mi_status code,
                    const char *text) {
    double loss = -77;
    FAILS(code, text, mi_iic_eval_maps_f64(iic, io, &loss));
    ck_assert(loss == -77);
    for (int64_t i = 0; i < 2 * s->size; i++)
        ck_assert(s->dz[i] == 0);
}

START_TEST(test_refuses_values) {
    const int64_t shape[5] = {2, 5, 6, 3, 1};
    const double wrong[] = {NAN, INFINITY, -1e-30};
    for (int way = 0; way < 6; way++) {
        scene s = make(60, shape, way % 2, false);
        mi_iic *iic = objective(1, 0, 2);
        s.zt[((1 * 5 + 3) * 6 + 4) * 3 + 2] = wrong[way / 2];
        refused(iic, &s.io, &s, MI_E_NUMERIC, "zt[1][3][4][2] is");
        mi_iic_destroy(iic);
        drop(&s);
    }
    scene s = make(61, shape, MI_IIC_UNCOLLAPSED, true);
    mi_iic *iic = objective(1, 0, 1);
    memset(s.mask, 0, (size_t)s.pixels);
    refused(iic, &s.io, &s, MI_E_NUMERIC, "displacement (-1, -1): no pair of pixels");
    s.io.collapse = MI_IIC_COLLAPSED;
    refused(iic, &s.io, &s, MI_E_NUMERIC, "maps: no pair of pixels");
    s.z[0] = s.zt[0] = s.z[3] = s.zt[3] = 1;
    s.mask[0] = s.mask[1] = 1; /* two neighbours in a line */
    OK(mi_iic_eval_maps_f64(iic, &s.io, NULL));
    memset(s.dz, 0, 2 * (size_t)s.size * sizeof(double));
    s.io.collapse = MI_IIC_UNCOLLAPSED;
    refused(iic, &s.io, &s, MI_E_NUMERIC, "displacement (-1, -1)");
    mi_iic_destroy(iic);
    drop(&s);
}
END_TEST

START_TEST(test_refuses_shapes) {
    const int64_t shape[5] = {2, 5, 6, 3, 1};
    scene s = make(62, shape, 0, false);
    mi_iic *iic = objective(1, 0, 1), *repeating = NULL;
    FAILS(MI_E_ARG, "iic", mi_iic_eval_maps_f64(NULL, &s.io, NULL));
    FAILS(MI_E_ARG, "io", mi_iic_eval_maps_f64(iic, NULL, NULL));
#define REFUSED(code, text, member, value)                                                         \
    do {                                                                                           \
        mi_iic_maps_f64 io = s.io;                                                                 \
        io.member = value;                                                                         \
        refused(iic, &io, &s, code, text);                                                         \
    } while (0)
    REFUSED(MI_E_ABI, "struct_size", struct_size, 0);
    REFUSED(MI_E_ARG, "n must be at least 1, got 0", n, 0);
    REFUSED(MI_E_ARG, "height must be", height, 0);
    REFUSED(MI_E_ARG, "width must be", width, -1);
    REFUSED(MI_E_ARG, "classes must be in 2 to 65536, got 1", classes, 1);
    REFUSED(MI_E_ARG, "classes must be", classes, 65537);
    REFUSED(MI_E_ARG, "reach must be in 0 to 4, got 5", reach, 5);
    REFUSED(MI_E_ARG, "reach must be", reach, -1);
    REFUSED(MI_E_ARG, "collapse must be in 0 to 1, got 2", collapse, 2);
    REFUSED(MI_E_ARG, "reserved0", reserved0, 1);
    REFUSED(MI_E_ARG, "z must not be NULL", z, NULL);
    REFUSED(MI_E_ARG, "zt must not be NULL", zt, NULL);
    REFUSED(MI_E_SHAPE, "too large", n, INT64_MAX / 4);
    mi_iic_options o = {.struct_size = sizeof o, .repeats = 3};
    OK(mi_iic_create(NULL, &o, &repeating));
    refused(repeating, &s.io, &s, MI_E_ARG, "repeats is 3");
    mi_iic_destroy(repeating);
    mi_iic_destroy(iic);
    drop(&s);
}
END_TEST

UNIT_MAIN("iic_maps", test_against_formula, test_gradient, test_without_reach_as_rows,
          test_threads_agree, test_float_agrees, test_refuses_values, test_refuses_shapes)
