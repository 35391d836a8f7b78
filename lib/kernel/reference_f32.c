/* SPDX-License-Identifier: BSD-2-Clause */
#define MI__REAL float
#include "template.h"

#include "activation_tmpl.c"
#include "joint_plain_tmpl.c"
#include "tree_plain_tmpl.c"
#include "columns_tmpl.c"
#include "norm_tmpl.c"
#include "pairing_tmpl.c"
#include "pool_tmpl.c"
#include "product_blas_tmpl.c"
#include "random_tmpl.c"
#include "rows_tmpl.c"
#include "scores_linear_tmpl.c"
#include "scores_tmpl.c"
#include "update_tmpl.c"

#include "softmax_tmpl.c"

#include "assign_plain_tmpl.c"

#include "assign_small_tmpl.c"

#include "conv_tmpl.c"

const mi__kernels mi__kernels_reference = KERNELS("reference");
