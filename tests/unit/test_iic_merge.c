/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../lib/base/random.h"
#include "unit.h"

#include <stdbool.h>

static const double crossed[4] = {.4, .1, .1, .4};

static void near(double a, double b, double tolerance) {
    ck_assert_msg(fabs(a - b) <= tolerance, "%.17g is not %.17g to %g", a, b, tolerance);
}

static void random_joint(uint64_t seed, int64_t k, double *joint) {
    mi__random r = mi__random_at(seed, 1, 0);
    for (int64_t i = 0; i < k * k; i++)
        joint[i] = mi__random_below(&r, 4) == 0 ? 0 : exp(2 * mi__random_normal(&r));
}

/* The information of a joint matrix whose clusters are grouped. */
static double grouped(int64_t k, const double *joint, const int32_t *group) {
    double merged[64] = {0}, loss;
    for (int64_t c = 0; c < k; c++)
        for (int64_t d = 0; d < k; d++)
            merged[group[c] * 8 + group[d]] += joint[c * k + d];
    OK(mi_iic_joint_loss(8, merged, 0, 1, &loss));
    return -loss;
}

/* Tries every pair at every level; relabels b as a. */
static void greedy(int64_t k, const double *joint, int64_t target, int32_t *group) {
    for (int32_t c = 0; c < k; c++)
        group[c] = c;
    for (int64_t left = k; left > target; left--) {
        double most = -1;
        int32_t best[8], trial[8];
        for (int32_t a = 0; a < k; a++)
            for (int32_t b = a + 1; b < k; b++) {
                bool both = group[a] == a && group[b] == b;
                for (int c = 0; c < k; c++)
                    trial[c] = group[c] == b ? a : group[c];
                if (both && grouped(k, joint, trial) > most) {
                    most = grouped(k, joint, trial);
                    memcpy(best, trial, sizeof best);
                }
            }
        memcpy(group, best, (size_t)k * sizeof *group);
    }
}

/* Then clusters move one by one, as long as one gains. */
static void climb(int64_t k, const double *joint, int32_t *group) {
    for (bool moved = true; moved;) {
        moved = false;
        for (int64_t c = 0; c < k; c++) {
            int32_t from = group[c], to = from;
            double most = grouped(k, joint, group) + 1e-12;
            for (int32_t g = 0; g < k; g++) {
                bool lives = false;
                for (int64_t d = 0; d < k; d++)
                    lives = lives || (d != c && group[d] == g);
                group[c] = g;
                if (lives && g != from && grouped(k, joint, group) > most) {
                    most = grouped(k, joint, group) + 1e-12;
                    to = g;
                }
            }
            group[c] = to;
            moved = moved || to != from;
        }
    }
}

START_TEST(test_merge_follows_its_naive_twin) {
    for (uint64_t seed = 0; seed < 40; seed++)
        for (int64_t target = 1; target <= 6; target++) {
            double joint[36], information;
            int32_t group[6], expected[8], names[8], next = 0;
            memset(names, -1, sizeof names);
            random_joint(seed, 6, joint);
            OK(mi_iic_merge(NULL, 6, joint, 0, target, group, &information));
            greedy(6, joint, target, expected);
            climb(6, joint, expected);
            for (int c = 0; c < 6; c++) {
                if (names[expected[c]] < 0)
                    names[expected[c]] = next++;
                ck_assert_int_eq(group[c], names[expected[c]]);
            }
            near(information, grouped(6, joint, expected), 1e-13);
        }
}
END_TEST

START_TEST(test_merge_finds_blocks) {
    enum { K = 60 };
    static double joint[K * K];
    mi__random r = mi__random_at(3, 2, 0);
    for (int c = 0; c < K; c++)
        for (int d = 0; d < K; d++)
            joint[c * K + d] = c % 7 == d % 7 ? 1 + mi__random_uniform(&r) : 1e-3;
    int32_t group[K];
    double information, before;
    OK(mi_iic_merge(NULL, K, joint, 0, 7, group, &information));
    for (int c = 0; c < K; c++)
        ck_assert_int_eq(group[c], c % 7);
    OK(mi_iic_joint_loss(K, joint, 0, 1, &before));
    ck_assert(information < -before && information > -before - .05);
}
END_TEST

START_TEST(test_merge_ties_go_low) {
    double even[25];
    int32_t group[5];
    for (int i = 0; i < 25; i++)
        even[i] = i % 6 == 0 ? .1 : 0; /* five equal clusters */
    double information;
    OK(mi_iic_merge(NULL, 5, even, 0, 3, group, &information));
    const int32_t expected[] = {0, 0, 1, 1, 2};
    ck_assert_mem_eq(group, expected, sizeof group);
    double alike[30 * 30]; /* and thirty, whose losses drift apart by roundings */
    int32_t pairs[30];
    for (int i = 0; i < 900; i++)
        alike[i] = i % 31 == 0 ? 1.1 : .03;
    OK(mi_iic_merge(NULL, 30, alike, 0, 15, pairs, NULL));
    for (int c = 0; c < 30; c++)
        ck_assert_int_eq(pairs[c], c / 2);
    OK(mi_iic_merge(NULL, 5, even, 0, 5, group, &information));
    for (int c = 0; c < 5; c++)
        ck_assert_int_eq(group[c], c);
    near(information, log(5), 1e-14);
    OK(mi_iic_merge(NULL, 5, even, 0, 1, group, &information));
    near(information, 0, 1e-15);
    ck_assert_int_eq(group[4], 0);
}
END_TEST

START_TEST(test_merge_threads_agree) {
    enum { K = 150 };
    static double joint[K * K];
    int32_t one[K], several[K];
    double information[2];
    random_joint(5, K, joint);
    for (int t = 0; t < 2; t++) {
        mi_context_options o = {.struct_size = sizeof o, .threads = t ? 4 : 1};
        mi_context *context;
        OK(mi_context_create(&o, &context));
        OK(mi_iic_merge(context, K, joint, 0, 10, t ? several : one, &information[t]));
        mi_context_destroy(context);
    }
    ck_assert_mem_eq(one, several, sizeof one);
    ck_assert(information[0] == information[1]);
}
END_TEST

START_TEST(test_merge_refuses) {
    int32_t group[2] = {-7, -7};
    double information = 7, zero[4] = {0};
    FAILS(MI_E_ARG, "got 0", mi_iic_merge(NULL, 2, crossed, 0, 0, group, &information));
    FAILS(MI_E_ARG, "got 3", mi_iic_merge(NULL, 2, crossed, 0, 3, group, &information));
    FAILS(MI_E_ARG, "group", mi_iic_merge(NULL, 2, crossed, 0, 1, NULL, &information));
    FAILS(MI_E_NUMERIC, "sums to 0", mi_iic_merge(NULL, 2, zero, 0, 1, group, &information));
    FAILS(MI_E_SHAPE, "ld", mi_iic_merge(NULL, 2, crossed, 1, 1, group, &information));
    ck_assert(group[0] == -7 && group[1] == -7 && information == 7);
}
END_TEST

UNIT_MAIN("iic_merge", test_merge_follows_its_naive_twin, test_merge_finds_blocks,
          test_merge_ties_go_low, test_merge_threads_agree, test_merge_refuses)
