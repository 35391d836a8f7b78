/* SPDX-License-Identifier: BSD-2-Clause */
#define MI__VECTOR_BYTES 16
#include "tuned_tmpl.c"

extern const mi__kernels mi__kernels_generic;
const mi__kernels mi__kernels_generic = KERNELS("generic");
