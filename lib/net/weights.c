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

/* Its share of a buffer for several, in which all are aligned. */
static int64_t room_of(const mi__tensor *t) {
    return (bytes_of(t) + 7) / 8 * 8;
}

static mi_status check_finite(const mi__pass *pass, const char *path, const mi__tensor *t) {
    int64_t size = mi__dtype_size(t->dtype), count = bytes_of(t) / size, bad = -1;
    if (t->dtype == MI__F32)
        bad = mi__find_not_finite(pass, count, t->data);
    for (int64_t i = 0; t->dtype == MI__F64 && bad < 0 && i < count; i++)
        if (!isfinite(((const double *)t->data)[i]))
            bad = i;
    if (bad >= 0)
        return mi__fail(MI_E_NUMERIC, "%s: tensor %s is not finite at %" PRId64, path, t->name,
                        bad);
    return MI_OK;
}

/* Tensors as `wanted`, but with what the file holds, in `stage`. */
static mi_status read_all(const mi__pass *pass, mi__safetensors *file, const char *path,
                          int32_t count, const mi__tensor *wanted, mi__tensor *read, char *stage) {
    for (int32_t i = 0; i < count; i++) {
        mi__tensor *t = &read[i];
        *t = wanted[i];
        t->data = stage;
        MI__TRY(mi__safetensors_read_as(file, t->name, t->dtype, t->dims, t->shape, stage));
        MI__TRY(check_finite(pass, path, t));
        stage += room_of(t);
    }
    return MI_OK;
}

mi_status mi__tensors_load(const mi_encoder *e, const char *path, int32_t count,
                           const mi__tensor *tensor, mi__tensors_accept *accept, void *arg) {
    mi__safetensors *file;
    MI__TRY(mi__safetensors_open(e->ctx, path, &file));
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += room_of(&tensor[i]);
    char *stage = mi__alloc(e->ctx, total, 1);
    mi__tensor *read = mi__alloc(e->ctx, count, sizeof *read);
    mi_status status = MI_E_NOMEM;
    if (stage != NULL && read != NULL)
        status = read_all(&e->pass, file, path, count, tensor, read, stage);
    if (status == MI_OK && accept != NULL)
        status = accept(arg, path, count, read);
    for (int32_t i = 0; status == MI_OK && i < count; i++)
        memcpy((void *)tensor[i].data, read[i].data, (size_t)bytes_of(&read[i]));
    mi__free(e->ctx, read, count, sizeof *read);
    mi__free(e->ctx, stage, total, 1);
    mi__safetensors_close(file);
    return status;
}

typedef mi_status tensors_use(const mi_encoder *e, const char *path, const mi__tensor *tensor);

static mi_status save(const mi_encoder *e, const char *path, const mi__tensor *tensor) {
    return mi__tensors_save(e, path, e->params, tensor);
}

static mi_status load(const mi_encoder *e, const char *path, const mi__tensor *tensor) {
    return mi__tensors_load(e, path, e->params, tensor, NULL, NULL);
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
