/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_WEIGHTS_H
#define LIBMI_LIB_WEIGHTS_H

/* Files of weights. One list of tensors that point at live memory serves writing and reading. */

#include "net.h"

#include "../io/safetensors.h"

/* The encoder's parameters as tensors: [params] of them. */
void mi__encoder_tensors(const mi_encoder *encoder, mi__tensor *tensor);

/* Writes the tensors, and what the encoder is as metadata. */
mi_status mi__tensors_save(const mi_encoder *encoder, const char *path, int32_t count,
                           const mi__tensor *tensor);

/* Looks at what was read from a file before it is taken over, and may refuse. */
typedef mi_status mi__tensors_accept(void *arg, const char *path, int32_t count,
                                     const mi__tensor *read);

/* Reads all of the tensors from a file to where they point, or none of them. Numbers are finite;
 * `accept`, if not NULL, has the last word. */
mi_status mi__tensors_load(const mi_encoder *e, const char *path, int32_t count,
                           const mi__tensor *tensor, mi__tensors_accept *accept, void *arg);

#endif
