/* SPDX-License-Identifier: BSD-2-Clause */
#define MI__VECTOR_BYTES 64
#include "tuned_tmpl.c"

extern const mi__kernels mi__kernels_avx512;
const mi__kernels mi__kernels_avx512 = KERNELS("avx512");
