/* SPDX-License-Identifier: BSD-2-Clause */
/* How weights start: each array draws from a stream of its own. */
#include "net.h"

#include "../base/random.h"

#include <math.h>
#include <string.h>

static double deviation(const mi_encoder *e, const mi__param *p, int32_t init) {
    switch (init) {
    case MI_INIT_HE_NORMAL:
    case MI_INIT_HE_UNIFORM: return sqrt(2.0 / (double)p->fan_in);
    case MI_INIT_GLOROT_NORMAL:
    case MI_INIT_GLOROT_UNIFORM: return sqrt(2.0 / (double)(p->fan_in + p->fan_out));
    default: return e->options.init_scale;
    }
}

static void set(const mi_encoder *e, mi__param *p, int64_t i, double value) {
    if (e->pass.kernel->real == sizeof(double))
        ((double *)p->value)[i] = value;
    else
        ((float *)p->value)[i] = (float)value;
}

static void draw_param(const mi_encoder *e, mi__param *p, int32_t index, int32_t init) {
    bool uniform = init == MI_INIT_HE_UNIFORM || init == MI_INIT_GLOROT_UNIFORM;
    double s = deviation(e, p, init), edge = sqrt(3.0) * s;
    mi__random r = mi__random_at(e->options.seed, MI__STREAM_WEIGHTS + (uint64_t)index, 0);
    for (int64_t i = 0; i < p->count; i++)
        set(e, p, i, uniform ? mi__random_range(&r, -edge, edge) : s * mi__random_normal(&r));
}

static bool is_one(const mi__param *p) {
    size_t length = strlen(p->name);
    const char *const ones[] = {".scale", ".running_variance"};
    for (int i = 0; i < 2; i++)
        if (length > strlen(ones[i]) && strcmp(p->name + length - strlen(ones[i]), ones[i]) == 0)
            return true;
    return false;
}

void mi__encoder_draw(mi_encoder *e) {
    int32_t heads_begin = 0;
    for (int32_t i = 0; i < e->layers; i++)
        heads_begin += e->layer[i].params;
    for (int32_t i = 0; i < e->params; i++) {
        mi__param *p = e->param[i];
        if (p->kind == MI_PARAM_WEIGHT)
            draw_param(e, p, i, i < heads_begin ? e->options.trunk_init : e->options.head_init);
        else
            for (int64_t j = 0; j < p->count; j++)
                set(e, p, j, is_one(p) ? 1 : 0);
    }
}
