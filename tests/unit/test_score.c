/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

/* The confusion matrix of two labelings, as 8 x 8. */
static const int64_t *confusion(int64_t n, const int32_t *cluster, const int32_t *truth) {
    static int64_t counts[64];
    OK(mi_score_confusion(n, cluster, truth, 8, 8, counts));
    return counts;
}

static double nmi(int64_t n, const int32_t *cluster, const int32_t *truth, int32_t norm) {
    double value = -7;
    OK(mi_score_nmi(8, 8, confusion(n, cluster, truth), norm, &value));
    return value;
}

static double ari(int64_t n, const int32_t *cluster, const int32_t *truth) {
    double value = -7;
    OK(mi_score_ari(8, 8, confusion(n, cluster, truth), &value));
    return value;
}

static void near(double a, double b) {
    ck_assert_msg(fabs(a - b) <= 1e-12, "%.17g is not %.17g", a, b);
}

#define LABELS(...) ((const int32_t[]){__VA_ARGS__})

START_TEST(test_confusion) {
    int64_t counts[6];
    OK(mi_score_confusion(6, LABELS(0, 1, 1, 1, 0, 1), LABELS(2, 0, 0, -1, 2, 1), 2, 3, counts));
    const int64_t expected[] = {0, 0, 2, 2, 1, 0};
    ck_assert_mem_eq(counts, expected, sizeof counts);
    OK(mi_score_confusion(0, NULL, NULL, 2, 3, counts));
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(counts[i], 0);
}
END_TEST

START_TEST(test_confusion_refuses) {
    int64_t counts[4] = {9, 9, 9, 9};
    FAILS(MI_E_ARG, "cluster[1] is 2",
          mi_score_confusion(2, LABELS(0, 2), LABELS(0, 0), 2, 2, counts));
    FAILS(MI_E_ARG, "cluster[1] is -1",
          mi_score_confusion(2, LABELS(0, -1), LABELS(0, -1), 2, 2, counts));
    FAILS(MI_E_ARG, "truth[0] is 2",
          mi_score_confusion(2, LABELS(0, 1), LABELS(2, 0), 2, 2, counts));
    FAILS(MI_E_ARG, "truth", mi_score_confusion(1, LABELS(0), NULL, 2, 2, counts));
    FAILS(MI_E_ARG, "got -1", mi_score_confusion(-1, NULL, NULL, 2, 2, counts));
    FAILS(MI_E_ARG, "got 0", mi_score_confusion(0, NULL, NULL, 0, 2, counts));
    FAILS(MI_E_ARG, "counts", mi_score_confusion(0, NULL, NULL, 2, 2, NULL));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(counts[i], 9);
}
END_TEST

START_TEST(test_accuracy) {
    /* Greedy naming would take the 5 and end with 5 of 13. */
    const int64_t counts[] = {5, 4, 4, 0};
    int32_t naming[4];
    double accuracy;
    OK(mi_score_accuracy(NULL, 2, 2, counts, naming, &accuracy));
    near(accuracy, 8. / 13);
    ck_assert(naming[0] == 1 && naming[1] == 0);
    OK(mi_score_accuracy(NULL, 1, 4, counts, NULL, &accuracy));
    near(accuracy, 5. / 13);
    OK(mi_score_accuracy(NULL, 4, 1, counts, naming, &accuracy));
    near(accuracy, 5. / 13);
    ck_assert(naming[0] == 0 && naming[1] == -1 && naming[2] == -1 && naming[3] == -1);
    const int64_t renamed[] = {0, 0, 7, 1, 0, 0, 0, 2, 0};
    OK(mi_score_accuracy(NULL, 3, 3, renamed, naming, &accuracy));
    ck_assert(accuracy == 1);
    ck_assert(naming[0] == 2 && naming[1] == 0 && naming[2] == 1);
}
END_TEST

START_TEST(test_majority) {
    const int64_t counts[] = {5, 4, 3, 3, 0, 0, 1, 9};
    int32_t naming[4];
    double purity;
    OK(mi_score_majority(4, 2, counts, naming, &purity));
    near(purity, 17. / 25);
    const int32_t expected[] = {0, 0, -1, 1};
    ck_assert_mem_eq(naming, expected, sizeof naming);
    OK(mi_score_majority(2, 2, counts, NULL, &purity));
    near(purity, 8. / 15);
}
END_TEST

START_TEST(test_nmi) {
    const int32_t *a = LABELS(0, 1, 0, 1), *b = LABELS(0, 1, 0, 2);
    near(nmi(4, a, b, MI_NMI_ARITHMETIC), .8);
    near(nmi(4, a, b, MI_NMI_GEOMETRIC), sqrt(2. / 3));
    near(nmi(4, a, b, MI_NMI_MAX), 2. / 3);
    near(nmi(4, a, b, MI_NMI_MIN), 1);
    for (int32_t norm = 1; norm <= 4; norm++) {
        near(nmi(4, b, a, norm), nmi(4, a, b, norm));
        near(nmi(6, LABELS(0, 0, 1, 1, 2, 2), LABELS(5, 5, 0, 0, 3, 3), norm), 1);
        near(nmi(4, LABELS(0, 0, 1, 1), LABELS(0, 1, 0, 1), norm), 0);
        ck_assert(nmi(4, LABELS(0, 0, 1, 1), LABELS(0, 1, 0, 1), norm) >= 0);
        ck_assert(nmi(3, LABELS(1, 1, 1), LABELS(2, 2, 2), norm) == 1);
        ck_assert(nmi(3, LABELS(1, 1, 1), LABELS(2, 3, 2), norm) == 0);
        ck_assert(nmi(3, LABELS(2, 3, 2), LABELS(1, 1, 1), norm) == 0);
        ck_assert(nmi(1, LABELS(4), LABELS(3), norm) == 1);
    }
}
END_TEST

START_TEST(test_ari) {
    near(ari(4, LABELS(0, 0, 1, 2), LABELS(0, 0, 1, 1)), 4. / 7);
    near(ari(4, LABELS(0, 0, 1, 1), LABELS(0, 0, 1, 2)), 4. / 7);
    near(ari(4, LABELS(0, 0, 0, 0), LABELS(0, 1, 2, 3)), 0);
    near(ari(4, LABELS(0, 0, 1, 1), LABELS(0, 1, 0, 1)), -.5);
    near(ari(4, LABELS(0, 0, 1, 1), LABELS(1, 1, 0, 0)), 1);
    near(ari(6, LABELS(0, 0, 0, 1, 1, 1), LABELS(0, 0, 1, 1, 2, 2)), 8. / 33);
    ck_assert(ari(4, LABELS(0, 0, 0, 0), LABELS(2, 2, 2, 2)) == 1);
    ck_assert(ari(4, LABELS(0, 1, 2, 3), LABELS(3, 2, 1, 0)) == 1);
    ck_assert(ari(1, LABELS(0), LABELS(5)) == 1);
}
END_TEST

START_TEST(test_many_samples) {
    /* Products of pair counts go far beyond 64 bits. */
    const int64_t n = (int64_t)1 << 60, counts[] = {n, 0, 0, n}, crossed[] = {n, n, n, n};
    double value;
    OK(mi_score_ari(2, 2, counts, &value));
    near(value, 1);
    OK(mi_score_ari(2, 2, crossed, &value));
    near(value, 0);
    OK(mi_score_nmi(2, 2, counts, MI_NMI_ARITHMETIC, &value));
    near(value, 1);
    OK(mi_score_accuracy(NULL, 2, 2, crossed, NULL, &value));
    near(value, .5);
}
END_TEST

START_TEST(test_refuses) {
    int64_t counts[4] = {0};
    int32_t naming[2] = {9, 9};
    double value = 7;
    FAILS(MI_E_NUMERIC, "all 0", mi_score_accuracy(NULL, 2, 2, counts, naming, &value));
    FAILS(MI_E_NUMERIC, "all 0", mi_score_majority(2, 2, counts, naming, &value));
    FAILS(MI_E_NUMERIC, "all 0", mi_score_nmi(2, 2, counts, MI_NMI_MIN, &value));
    FAILS(MI_E_NUMERIC, "all 0", mi_score_ari(2, 2, counts, &value));
    counts[0] = counts[1] = INT64_MAX;
    FAILS(MI_E_NUMERIC, "more than", mi_score_ari(2, 2, counts, &value));
    counts[2] = -4;
    counts[1] = 0;
    FAILS(MI_E_NUMERIC, "counts[1][0] is -4", mi_score_ari(2, 2, counts, &value));
    FAILS(MI_E_ARG, "norm", mi_score_nmi(2, 2, counts, 0, &value));
    FAILS(MI_E_ARG, "norm", mi_score_nmi(2, 2, counts, 5, &value));
    FAILS(MI_E_ARG, "got 2 and 0", mi_score_ari(2, 0, counts, &value));
    FAILS(MI_E_ARG, "counts", mi_score_ari(2, 2, NULL, &value));
    counts[2] = 4;
    FAILS(MI_E_ARG, "ari", mi_score_ari(1, 1, counts, NULL));
    ck_assert(value == 7 && naming[0] == 9 && naming[1] == 9);
}
END_TEST

UNIT_MAIN("score", test_confusion, test_confusion_refuses, test_accuracy, test_majority, test_nmi,
          test_ari, test_many_samples, test_refuses)
