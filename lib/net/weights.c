/* SPDX-License-Identifier: BSD-2-Clause */
#include "weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void mi__encoder_tensors(const mi_encoder *e, mi__tensor *tensor) {
    for (int32_t i = 0; i < e->params; i++) {
        const mi__param *p = e->param[i];
        tensor[i] =
            (mi__tensor){.name = p->name,
                         .dims = p->dims,
                         .data = p->value,
                         .dtype = e->pass.kernel->real == sizeof(float) ? MI__F32 : MI__F64};
        memcpy(tensor[i].shape, p->shape, sizeof p->shape);
    }
}

mi_status mi__tensors_save(const mi_encoder *e, const char *path, int32_t count,
                           const mi__tensor *tensor) {
    char input[64];
    snprintf(input, sizeof input, "%" PRId64 " %" PRId64 " %" PRId64, e->in.h, e->in.w, e->in.c);
    const char *const keys[] = {"encoder", "input", "writer"};
    const char *const values[] = {e->description, input, "libmi"};
    return mi__safetensors_write(e->ctx, path, count, tensor, 3, keys, values);
}

static int64_t bytes_of(const mi__tensor *t) {
    int64_t bytes = mi__dtype_size(t->dtype);
    for (int32_t i = 0; i < t->dims; i++)
        bytes *= t->shape[i];
    return bytes;
}

static mi_status check_finite(const char *path, const mi__tensor *t, const void *data) {
    int64_t bad = t->dtype == MI__F32 ? mi__find_not_finite(bytes_of(t) / 4, data) : -1;
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "%s: tensor %s has the value %g at %" PRId64, path, t->name,
                        (double)((const float *)data)[bad], bad);
    return MI_OK;
}

static mi_status read_all(mi__safetensors *file, const char *path, int32_t count,
                          const mi__tensor *tensor, char *stage) {
    for (int32_t i = 0; i < count; i++) {
        const mi__tensor *t = &tensor[i];
        MI__TRY(mi__safetensors_read_as(file, t->name, t->dtype, t->dims, t->shape, stage));
        MI__TRY(check_finite(path, t, stage));
        stage += bytes_of(t);
    }
    return MI_OK;
}

mi_status mi__tensors_load(mi_context *ctx, const char *path, int32_t count,
                           const mi__tensor *tensor) {
    mi__safetensors *file;
    MI__TRY(mi__safetensors_open(ctx, path, &file));
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += bytes_of(&tensor[i]);
    char *stage = mi__alloc(ctx, total, 1), *from = stage;
    mi_status status = stage == NULL ? MI_E_NOMEM : read_all(file, path, count, tensor, stage);
    for (int32_t i = 0; status == MI_OK && i < count; i++) {
        memcpy((void *)tensor[i].data, from, (size_t)bytes_of(&tensor[i]));
        from += bytes_of(&tensor[i]);
    }
    mi__free(ctx, stage, total, 1);
    mi__safetensors_close(file);
    return status;
}

typedef mi_status tensors_use(const mi_encoder *e, const char *path, const mi__tensor *tensor);

static mi_status save(const mi_encoder *e, const char *path, const mi__tensor *tensor) {
    return mi__tensors_save(e, path, e->params, tensor);
}

static mi_status load(const mi_encoder *e, const char *path, const mi__tensor *tensor) {
    return mi__tensors_load(e->ctx, path, e->params, tensor);
}

static mi_status with_tensors(const mi_encoder *e, const char *path, tensors_use *use) {
    MI__NEED(e);
    MI__NEED(path);
    mi__tensor *tensor = mi__alloc(e->ctx, e->params, sizeof *tensor);
    if (tensor == NULL)
        return MI_E_NOMEM;
    mi__encoder_tensors(e, tensor);
    mi_status status = use(e, path, tensor);
    mi__free(e->ctx, tensor, e->params, sizeof *tensor);
    return status;
}

mi_status mi_encoder_save(const mi_encoder *encoder, const char *path) {
    return with_tensors(encoder, path, save);
}

mi_status mi_encoder_load(mi_encoder *encoder, const char *path) {
    return with_tensors(encoder, path, load);
}
