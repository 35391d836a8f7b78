/* SPDX-License-Identifier: BSD-2-Clause */
/* Critics from the inside: gradients of all weights and of both inputs against central differences
 * in float64, through the real code; scores against their definitions. */
#include "unit.h"

#include "../../lib/model/critic.h"

#define STEP 0x1p-14 /* exact on inputs that are multiples of 1/64 */
#define TOLERANCE 1e-6

enum { N = 6, DX = 3, DY = 2 };

typedef struct subject {
    mi_mine *mine;
    mi_bound *bound;
    float x[N * DX], y[N * DY];
    bool want_dx;
} subject;

static double value_at(uint32_t i) {
    i = (i + 1) * 2654435761u;
    return (double)((int32_t)(i >> 24) - 128) / 64;
}

static subject make(int32_t critic, const char *bound, int32_t negatives, int32_t layers) {
    subject s = {0};
    const mi_mine_options o = {.struct_size = sizeof o,
                               .seed = 5,
                               .critic = critic,
                               .units = 7,
                               .layers = layers,
                               .embed = 4,
                               .negatives = negatives};
    OK(mi_bound_create(NULL, bound, &s.bound));
    OK(mi__mine_create(NULL, DX, DY, s.bound, &o, NULL, &mi__kernels_f64, &s.mine));
    /* larger weights than those that learning begins with, so that all of it matters */
    for (int i = 0; i < MI__NETS; i++)
        for (int32_t p = 0; s.mine->net[i] != NULL && p < s.mine->net[i]->params; p++) {
            const mi__param *param = s.mine->net[i]->param[p];
            for (int64_t j = 0; j < param->count; j++)
                ((double *)param->value)[j] = 0.4 * value_at((uint32_t)(i * 1000 + p * 100 + j));
        }
    for (uint32_t i = 0; i < N * DX; i++)
        s.x[i] = (float)value_at(i);
    for (uint32_t i = 0; i < N * DY; i++)
        s.y[i] = (float)value_at(i + 500);
    return s;
}

static void unmake(subject *s) {
    mi_mine_destroy(s->mine);
    mi_bound_destroy(s->bound);
}

static mi_bound_result gradient(subject *s, mi__batch *b) {
    mi_bound_result r = {.struct_size = sizeof r};
    const mi_bound_state state = {
        .struct_size = sizeof state, .log_average = 0.3, .steps = (int64_t)1 << 50};
    if (strcmp(s->bound->kind->name, "mine") ==
        0) { /* whose loss is one of an average that stands */
        OK(mi_bound_set(s->bound, "rate", 1e-12));
        OK(mi_bound_state_write(s->bound, &state));
    }
    *b = (mi__batch){.n = N, .train = true, .want_dx = s->want_dx};
    OK(mi__mine_load(s->mine, b, s->x, s->y));
    OK(mi__mine_gradient(s->mine, b, &r));
    return r;
}

/* What the gradient by x and y is of. */
static double bound_loss(subject *s) {
    mi__batch b;
    const mi_bound_result r = gradient(s, &b);
    if (s->mine->critic != &mi__critic_gaussian)
        return r.loss;
    return s->bound->kind->side == MI_BOUND_UPPER ? r.estimate : -r.estimate;
}

static double loss(subject *s) {
    mi__batch b;
    return gradient(s, &b).loss;
}

static void compare(const subject *s, const char *name, int64_t i, double found, double expected,
                    double largest) {
    ck_assert_msg(fabs(found - expected) <= TOLERANCE * fmax(largest, 1),
                  "%s, %s: %s at %d is %.9g, not %.9g", s->mine->critic->name, s->bound->kind->name,
                  name, (int)i, found, expected);
}

static void check_params(subject *s) {
    double grads[400];
    mi__batch b;
    s->want_dx = false;
    for (int net = 0; net < MI__NETS; net++)
        for (int32_t p = 0; s->mine->net[net] != NULL && p < s->mine->net[net]->params; p++) {
            const mi__param *param = s->mine->net[net]->param[p];
            double *w = param->value, largest = 0;
            gradient(s, &b);
            ck_assert_int_le(param->count, 400);
            memcpy(grads, param->grad, (size_t)param->count * sizeof *grads);
            for (int64_t i = 0; i < param->count; i++)
                largest = fmax(largest, fabs(grads[i]));
            for (int64_t i = 0; i < param->count; i++) {
                const double at = w[i], h = 1e-5;
                w[i] = at + h;
                const double above = loss(s);
                w[i] = at - h;
                const double below = loss(s);
                w[i] = at;
                compare(s, param->name, i, grads[i], (above - below) / (2 * h), largest);
            }
        }
}

static void check_side(subject *s, const char *name, int64_t count, float *at,
                       const double *found) {
    for (int64_t i = 0; i < count; i++) {
        const float x = at[i];
        at[i] = x + (float)STEP;
        const double above = bound_loss(s);
        at[i] = x - (float)STEP;
        const double below = bound_loss(s);
        at[i] = x;
        compare(s, name, i, found[i], (above - below) / (2 * STEP), 1);
    }
}

static void check_inputs(subject *s) {
    double gx[N * DX], gy[N * DY];
    mi__batch b;
    s->want_dx = true;
    gradient(s, &b);
    memcpy(gx, b.gx, sizeof gx);
    memcpy(gy, b.gy, sizeof gy);
    check_side(s, "gx", N * DX, s->x, gx);
    check_side(s, "gy", N * DY, s->y, gy);
}

static const char *const lower[] = {"dv",      "mine", "nwj",          "tuba", "jsd",
                                    "infonce", "flo",  "interpolated", "smile"};

static void check_gradients(int32_t critic, const char *bound, int32_t negatives, int32_t layers) {
    subject s = make(critic, bound, negatives, layers);
    check_params(&s);
    check_inputs(&s);
    unmake(&s);
}

START_TEST(gradients_of_pairs) {
    for (size_t i = 0; i < sizeof lower / sizeof *lower; i++)
        for (int32_t negatives = -1; negatives <= 2; negatives++) {
            check_gradients(MI_CRITIC_ADDITIVE, lower[i], negatives, 2);
            check_gradients(MI_CRITIC_CONCAT, lower[i], negatives, 1 + (negatives + 1) % 3);
        }
}
END_TEST

START_TEST(gradients_of_embeddings) {
    for (size_t i = 0; i < sizeof lower / sizeof *lower; i++) {
        check_gradients(MI_CRITIC_SEPARABLE, lower[i], 0, 1 + (int32_t)i % 3);
        check_gradients(MI_CRITIC_BILINEAR, lower[i], 0, 0);
    }
}
END_TEST

START_TEST(gradients_of_a_gaussian) {
    const char *const bounds[] = {"club", "club-sampled", "leave-one-out", "infonce", "dv"};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        check_gradients(MI_CRITIC_GAUSSIAN, bounds[i], 0, 2);
}
END_TEST

UNIT_MAIN("critic", gradients_of_pairs, gradients_of_embeddings, gradients_of_a_gaussian)
