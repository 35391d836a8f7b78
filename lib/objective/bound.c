/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of bounds, their parameters and handles. */
#include "bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const mi__bound_kind *const kinds[] = {
#define MI__BOUND(name) &mi__bound_##name,
#include "bound_list.h"
#undef MI__BOUND
};

#define KINDS ((int32_t)(sizeof kinds / sizeof *kinds))

/* -- finding ----------------------------------------------------------------------------------- */

static mi_status find_kind(const char *name, const mi__bound_kind **out) {
    char all[384] = "";
    for (int32_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0) {
            *out = kinds[i];
            return MI_OK;
        }
    for (int32_t i = 0; i < KINDS; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "",
                 kinds[i]->name);
    return mi__fail(MI_E_ARG, "there is no bound \"%.40s\"; there are %s", name, all);
}

static mi_status find_param(const mi__bound_kind *kind, const char *name,
                            const mi__bound_param **out) {
    char all[256] = "";
    for (int32_t i = 0; i < kind->params; i++)
        if (strcmp(kind->param[i].name, name) == 0) {
            *out = &kind->param[i];
            return MI_OK;
        }
    for (int32_t i = 0; i < kind->params; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "",
                 kind->param[i].name);
    return mi__fail(MI_E_ARG, "%s has no parameter \"%.40s\"; it has %s", kind->name, name,
                    kind->params > 0 ? all : "none");
}

static double *value_of(mi__bound_values *values, const mi__bound_param *param) {
    return (double *)(void *)((char *)values + param->offset);
}

mi_status mi_bound_list(int32_t index, mi_bound_info *info) {
    MI__NEED(info);
    mi_bound_info found = {.struct_size = sizeof found};
    MI__TRY(mi__report_check(info, sizeof found, sizeof found, "mi_bound_info"));
    if (index < 0 || index >= KINDS)
        return mi__fail(MI_E_ARG, "index must be in 0 to %" PRId32 ", got %" PRId32, KINDS - 1,
                        index);
    const mi__bound_kind *kind = kinds[index];
    found.name = kind->name;
    found.summary = kind->summary;
    found.cap = kind->cap;
    found.variance = kind->variance;
    found.citation = kind->citation;
    found.side = kind->side;
    found.shapes = kind->shapes;
    found.traits = kind->traits;
    found.params = kind->params;
    mi__report_store(info, info->struct_size, &found, sizeof found);
    return MI_OK;
}

mi_status mi_bound_param_list(const char *bound, int32_t index, mi_bound_param *param) {
    const mi__bound_kind *kind;
    MI__NEED(bound);
    MI__NEED(param);
    mi_bound_param found = {.struct_size = sizeof found};
    MI__TRY(mi__report_check(param, sizeof found, sizeof found, "mi_bound_param"));
    MI__TRY(find_kind(bound, &kind));
    if (index < 0 || index >= kind->params)
        return mi__fail(MI_E_ARG, "%s has %" PRId32 " parameters, there is no index %" PRId32,
                        kind->name, kind->params, index);
    found.name = kind->param[index].name;
    found.help = kind->param[index].help;
    found.initial = kind->param[index].initial;
    found.least = kind->param[index].least;
    found.most = kind->param[index].most;
    found.whole = kind->param[index].whole;
    mi__report_store(param, param->struct_size, &found, sizeof found);
    return MI_OK;
}

/* -- life -------------------------------------------------------------------------------------- */

mi_status mi_bound_create(mi_context *context, const char *name, mi_bound **out) {
    const mi__bound_kind *kind;
    mi_context *own;
    MI__NEED(name);
    MI__NEED(out);
    MI__TRY(find_kind(name, &kind));
    MI__TRY(mi__context_take(context, &own));
    mi_bound *bound = mi__alloc_zero(own, 1, sizeof *bound);
    if (bound == NULL) {
        mi_context_destroy(own);
        return MI_E_NOMEM;
    }
    atomic_init(&bound->references, 1);
    bound->context = own;
    bound->kind = kind;
    bound->values.rate = 1;
    for (int32_t i = 0; i < kind->params; i++)
        *value_of(&bound->values, &kind->param[i]) = kind->param[i].initial;
    *out = bound;
    return MI_OK;
}

mi_bound *mi__bound_take(mi_bound *bound) {
    atomic_fetch_add(&bound->references, 1);
    return bound;
}

void mi_bound_destroy(mi_bound *bound) {
    if (bound == NULL || atomic_fetch_sub(&bound->references, 1) > 1)
        return;
    mi_context *context = bound->context;
    for (int i = 0; i < MI__BOUND_ROOMS; i++)
        mi__free(context, bound->room[i].memory, bound->room[i].bytes, 1);
    mi__free(context, bound, 1, sizeof *bound);
    mi_context_destroy(context);
}

int32_t mi__bound_needs(const mi_bound *bound) {
    const mi__bound_kind *kind = bound->kind;
    return kind->needs | (kind->needs_too == NULL ? 0 : kind->needs_too(&bound->values));
}

char *mi__bound_room(mi_bound *bound, int which, int64_t bytes) {
    if (bytes > bound->room[which].bytes) {
        mi__free(bound->context, bound->room[which].memory, bound->room[which].bytes, 1);
        bound->room[which].memory = mi__alloc(bound->context, bytes, 1);
        bound->room[which].bytes = bound->room[which].memory == NULL ? 0 : bytes;
    }
    return bound->room[which].memory;
}

mi_status mi_bound_set(mi_bound *bound, const char *name, double value) {
    const mi__bound_param *param;
    MI__NEED(bound);
    MI__NEED(name);
    MI__TRY(find_param(bound->kind, name, &param));
    if (!(value >= param->least && value <= param->most) || (param->whole && value != floor(value)))
        return mi__fail(MI_E_ARG, "%s must be %s %g to %g, got %g", name,
                        param->whole ? "a whole number in" : "in", param->least, param->most,
                        value);
    *value_of(&bound->values, param) = value;
    return MI_OK;
}

mi_status mi_bound_get(const mi_bound *bound, const char *name, double *value) {
    const mi__bound_param *param;
    MI__NEED(bound);
    MI__NEED(name);
    MI__NEED(value);
    MI__TRY(find_param(bound->kind, name, &param));
    mi__bound_values values = bound->values;
    *value = *value_of(&values, param);
    return MI_OK;
}

mi_status mi_bound_state_read(const mi_bound *bound, mi_bound_state *state) {
    MI__NEED(bound);
    MI__NEED(state);
    mi_bound_state found = {sizeof found, bound->log_average, bound->steps};
    MI__TRY(mi__report_check(state, sizeof found, sizeof found, "mi_bound_state"));
    mi__report_store(state, state->struct_size, &found, sizeof found);
    return MI_OK;
}

mi_status mi_bound_state_write(mi_bound *bound, const mi_bound_state *state) {
    MI__NEED(bound);
    MI__NEED(state);
    mi_bound_state s = {0};
    MI__TRY(mi__options_load(&s, sizeof s, sizeof s, state, "mi_bound_state"));
    if (s.steps < 0)
        return mi__fail(MI_E_ARG, "steps must not be negative, got %" PRId64, s.steps);
    if (!isfinite(s.log_average))
        return mi__fail(MI_E_ARG, "log_average must be finite, got %g", s.log_average);
    bound->log_average = s.log_average;
    bound->steps = s.steps;
    return MI_OK;
}

int32_t mi_bound_at_cap(const mi_bound_result *result) {
    return result != NULL && isfinite(result->cap) && result->estimate >= 0.95 * result->cap;
}

/* -- what all shapes check --------------------------------------------------------------------- */

mi_status mi__bound_check(const mi_bound *bound, int32_t shapes, bool baseline,
                          const mi_bound_result *result) {
    if ((bound->kind->shapes & shapes) == 0)
        return mi__fail(MI_E_UNSUPPORTED, "%s can't be asked on this shape", bound->kind->name);
    if (baseline && (bound->kind->traits & MI_BOUND_BASELINE) == 0)
        return mi__fail(MI_E_UNSUPPORTED,
                        "%s has no baselines: baseline and dbaseline must be NULL",
                        bound->kind->name);
    if (result != NULL)
        MI__TRY(mi__report_check(result, sizeof *result, sizeof *result, "mi_bound_result"));
    return MI_OK;
}

mi_status mi__bound_count(const mi_bound *bound, mi__source *source, int64_t n) {
    if (source->pairs == 0)
        return mi__fail(MI_E_SHAPE, "the mask leaves no pair of P");
    if (bound->kind->paired && (int64_t)bound->values.offset % n == 0)
        return mi__fail(MI_E_SHAPE,
                        "offset is %g, a multiple of the %" PRId64 " rows: each would "
                        "be compared with itself",
                        bound->values.offset, n);
    if (bound->values.diagonal != 0)
        source->others += source->pairs;
    if (source->others == 0 && (bound->kind->shapes & MI_BOUND_VECTORS) != 0)
        return mi__fail(MI_E_SHAPE, "%s needs scores of Q, and there are none: n is %" PRId64,
                        bound->kind->name, n);
    return MI_OK;
}

void mi__bound_conclude(mi_bound *bound, const mi__source *source, mi_bound_result *result,
                        const mi_bound_result *found) {
    if ((bound->kind->traits & MI_BOUND_STATE) != 0 && source->gradient) {
        bound->log_average = bound->next_average;
        bound->steps += bound->steps < INT64_MAX;
    }
    if (result != NULL)
        mi__report_store(result, result->struct_size, found, sizeof *found);
}

mi_status mi__bound_check_finite(const mi__kernels *k, const char *name, int64_t n, const void *x) {
    const double limit = mi__largest_score(k);
    double least = 0, most = 0;
    if (k->extent(n, x, &least, &most) && fmax(-least, most) <= limit)
        return MI_OK;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(mi__real_get(k, x, i)) <= limit))
            return mi__fail(MI_E_NUMERIC, "%s[%" PRId64 "] is %g, must be finite and within %g",
                            name, i, mi__real_get(k, x, i), limit);
    return mi__fail(MI_E_NUMERIC, "%s changed while it was read", name);
}

mi_status mi__bound_fault(const mi_bound *bound, int fault, int64_t row) {
    if (fault == MI__ROW_LONELY)
        return mi__fail(MI_E_SHAPE,
                        "row %" PRId64 " has nothing to compare with: %s needs "
                        "scores of Q in each row",
                        row, bound->kind->name);
    return mi__fail(MI_E_NUMERIC,
                    "the loss or a gradient of %s overflows in row %" PRId64
                    ": its scores are too large for this bound",
                    bound->kind->name, row);
}
