/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_SAFETENSORS_H
#define LIBMI_LIB_SAFETENSORS_H

/* Named arrays in a file, in Hugging Face's safetensors format: the length of a JSON header as 8
 * bytes, little-endian; the header; the arrays' bytes, little-endian and row-major, without holes.
 * Whatever a file holds, reading it is safe: it is wholly checked when it is opened. */

#include "../base/base.h"

enum { MI__DIMS_MAX = 8 };

/* Element types; the values are internal, files hold the names. */
enum mi__dtype {
    MI__F32 = 1,
    MI__F64,
    MI__I64,
    MI__I32,
    MI__I16,
    MI__I8,
    MI__U64,
    MI__U32,
    MI__U16,
    MI__U8,
    MI__BOOL,
    MI__F16,
    MI__BF16
};

typedef struct mi__tensor {
    const char *name;
    int32_t dtype;
    int32_t dims; /* 0 is a scalar */
    int64_t shape[MI__DIMS_MAX];
    const void *data; /* what is written; NULL in tensors of a file */
} mi__tensor;

/* "F32" for MI__F32; "?" if unknown. */
const char *mi__dtype_name(int32_t dtype);

/* Bytes of an element; 0 if unknown. */
int64_t mi__dtype_size(int32_t dtype);

/* Bytes of all elements; false if the dtype or the number of dimensions is unknown, a size is
 * negative, or the product overflows. */
bool mi__tensor_bytes(const mi__tensor *t, int64_t *bytes);

/* What the headers of other programs are limited to as well. */
enum { MI__HEADER_MOST = 100000000 };

/* Writes the tensors in the order given, and the pairs key[i], value[i] as "__metadata__". Names
 * and keys are unique UTF-8. The file appears whole or not at all. */
mi_status mi__safetensors_write(mi_context *ctx, const char *path, int32_t tensors,
                                const mi__tensor *tensor, int32_t metas, const char *const *key,
                                const char *const *value);

typedef struct mi__safetensors mi__safetensors;

/* Reads and checks the header and the file's size; data is read on demand. `ctx` must outlive the
 * result. */
mi_status mi__safetensors_open(mi_context *ctx, const char *path, mi__safetensors **out);
void mi__safetensors_close(mi__safetensors *s); /* NULL is fine */

/* The tensors in the order of their data. */
int32_t mi__safetensors_count(const mi__safetensors *s);
const mi__tensor *mi__safetensors_at(const mi__safetensors *s, int32_t i);

/* NULL if there is none of that name. Valid until the close. */
const mi__tensor *mi__safetensors_find(const mi__safetensors *s, const char *name);

/* The value of a key of "__metadata__", NULL if there is none. */
const char *mi__safetensors_meta(const mi__safetensors *s, const char *key);

/* Finds a tensor and reads all of its data into `out`, after checking that it has this type and
 * this shape: MI_E_FORMAT if it is missing or the file ended, MI_E_DTYPE, MI_E_SHAPE. */
mi_status mi__safetensors_read_as(mi__safetensors *s, const char *name, int32_t dtype, int32_t dims,
                                  const int64_t *shape, void *out);

/* The whole of one of the file's tensors. `out` is unspecified after a failure. */
mi_status mi__safetensors_read(mi__safetensors *s, const mi__tensor *t, void *out);

#endif
