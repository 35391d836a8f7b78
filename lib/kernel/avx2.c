/* SPDX-License-Identifier: BSD-2-Clause */
#define MI__VECTOR_BYTES 32
#include "tuned_tmpl.c"

extern const mi__kernels mi__kernels_avx2;
const mi__kernels mi__kernels_avx2 = KERNELS("avx2");
