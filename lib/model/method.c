/* SPDX-License-Identifier: BSD-2-Clause */
/* What each method is called, and what it can. */
#include "method.h"

#include <stdio.h>
#include <string.h>

const mi__method mi__methods[MI__METHODS] = {
    [MI_METHOD_AUTO] = {"auto", NULL, MI__CAN_NAMES | MI__CAN_GIVEN | MI__CAN_ENTROPY,
                        MI_SCALE_RANK, true},
    [MI_METHOD_DISCRETE] = {"discrete", mi__estimate_discrete,
                            MI__CAN_NAMES | MI__CAN_GIVEN | MI__CAN_ENTROPY | MI__CAN_BOOTSTRAP,
                            MI_SCALE_NONE, false},
    [MI_METHOD_HISTOGRAM] = {"histogram", mi__estimate_histogram,
                             MI__CAN_NAMES | MI__CAN_GIVEN | MI__CAN_ENTROPY | MI__CAN_BOOTSTRAP |
                                 MI__CAN_RESCALE,
                             MI_SCALE_NONE, false},
    [MI_METHOD_KSG] = {"ksg", mi__estimate_neighbour,
                       MI__CAN_GIVEN | MI__CAN_ENTROPY | MI__CAN_RESCALE, MI_SCALE_STANDARD, true},
    [MI_METHOD_KSG2] = {"ksg2", mi__estimate_neighbour, MI__CAN_RESCALE, MI_SCALE_STANDARD, true},
    [MI_METHOD_ROSS] = {"ross", mi__estimate_neighbour, MI__CAN_NAMES | MI__CAN_RESCALE,
                        MI_SCALE_STANDARD, true},
    [MI_METHOD_GAO] = {"gao", mi__estimate_neighbour,
                       MI__CAN_NAMES | MI__CAN_GIVEN | MI__CAN_RESCALE, MI_SCALE_STANDARD, false},
    [MI_METHOD_GAUSSIAN] = {"gaussian", mi__estimate_gaussian,
                            MI__CAN_GIVEN | MI__CAN_ENTROPY | MI__CAN_BOOTSTRAP | MI__CAN_RESCALE,
                            MI_SCALE_NONE, false},
    [MI_METHOD_COPULA] = {"copula", mi__estimate_gaussian, MI__CAN_GIVEN | MI__CAN_BOOTSTRAP,
                          MI_SCALE_RANK, true},
    [MI_METHOD_NEURAL] = {"neural", mi__estimate_neural, MI__CAN_RESCALE, MI_SCALE_STANDARD, false},
    [MI_METHOD_STUDENT] = {"student", mi__estimate_student, MI__CAN_GIVEN | MI__CAN_BOOTSTRAP,
                           MI_SCALE_RANK, false},
    [MI_METHOD_CANONICAL] = {"canonical", mi__estimate_canonical, 0, MI_SCALE_RANK, true}};

int64_t mi__method_least(int32_t method, int64_t columns, int32_t k) {
    switch (method) {
    case MI_METHOD_KSG:
    case MI_METHOD_KSG2:
    case MI_METHOD_ROSS:
    case MI_METHOD_GAO: return (int64_t)k + 1;
    case MI_METHOD_GAUSSIAN:
    case MI_METHOD_COPULA:
    case MI_METHOD_STUDENT: return MI__MAX(columns + 1, 2);
    case MI_METHOD_CANONICAL: return 2 * (mi__canonical_far(k) + 1);
    case MI_METHOD_NEURAL: return MI__NEURAL_LEAST;
    default: return 2;
    }
}

const char *mi_method_name(int32_t method) {
    return method >= MI_METHOD_AUTO && method < MI__METHODS ? mi__methods[method].name : "?";
}

const char *mi_warning_text(int32_t warning) {
    switch (warning) {
    case MI_WARNING_CAP:
        return "this is about the most that the method can say for so many samples: there may be "
               "more";
    case MI_WARNING_FEW: return "too few samples for so many columns, values or cells";
    case MI_WARNING_TIES: return "equal numbers where there should be none: try noise, or gao";
    case MI_WARNING_CONSTANT: return "a variable has one value only, which tells nothing";
    case MI_WARNING_SINGULAR:
        return "columns depend on each other exactly, or one variable decides the other: the truth "
               "may be infinite";
    case MI_WARNING_UNSURE: return "methods that should agree do not, or training did not settle";
    default: return "?";
    }
}

/* "a, b and c", of the methods that can. */
static void list(int32_t needs, char *text, size_t room) {
    int32_t left = 0;
    text[0] = '\0';
    for (int32_t m = MI_METHOD_DISCRETE; m < MI__METHODS; m++)
        left += (mi__methods[m].can & needs) == needs;
    for (int32_t m = MI_METHOD_DISCRETE; m < MI__METHODS; m++)
        if ((mi__methods[m].can & needs) == needs) {
            const size_t used = strlen(text);
            left--;
            snprintf(text + used, room - used, "%s%s", mi__methods[m].name,
                     left > 1    ? ", "
                     : left == 1 ? " and "
                                 : "");
        }
}

mi_status mi__method_check(int32_t method, int32_t needs) {
    static const struct {
        int32_t need;
        const char *what;
    } words[] = {{MI__CAN_NAMES, "take a variable that was declared discrete"},
                 {MI__CAN_GIVEN, "take z"},
                 {MI__CAN_ENTROPY, "estimate an entropy"},
                 {MI__CAN_BOOTSTRAP, "be bootstrapped"},
                 {MI__CAN_RESCALE, "have another scale"}};
    char able[128];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((needs & words[i].need) != 0 && (mi__methods[method].can & words[i].need) == 0) {
            list(needs, able, sizeof able);
            return mi__fail(MI_E_UNSUPPORTED, "%s can't %s: %s%s", mi__methods[method].name,
                            words[i].what,
                            able[0] == '\0' ? "no method can all that is asked" : able,
                            able[0] == '\0' ? "" : " can");
        }
    return MI_OK;
}
