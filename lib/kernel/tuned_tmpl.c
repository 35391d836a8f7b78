/* SPDX-License-Identifier: BSD-2-Clause */
/* All of the tuned kernels in float, in vectors of MI__VECTOR_BYTES. */
#define MI__REAL float
#include "half.h"
#include "template.h"
#include "vector.h"

#include "activation_tmpl.c"
#include "columns_tmpl.c"
#include "norm_tmpl.c"
#include "pairing_vector_tmpl.c"
#include "pool_tmpl.c"
#include "random_vector_tmpl.c"
#include "rows_tmpl.c"
#include "scores_linear_tmpl.c"
#include "scores_vector_tmpl.c"
#include "update_tmpl.c"

#include "softmax_tmpl.c"

#include "joint_tmpl.c"
#include "moments_tmpl.c"
#include "multiply_tmpl.c"
#include "product_tmpl.c"

#include "tile_tmpl.c"

#include "form_tmpl.c"

#include "plan_tmpl.c"

#include "winograd_tmpl.c"

#include "winograd_weight_tmpl.c"

#include "patch_tmpl.c"

#include "direct_tmpl.c"

#include "direct_weight_tmpl.c"

#include "convolve_tmpl.c"

#include "search_vector.h"

#include "assign_tmpl.c"

#include "assign_small_tmpl.c"

#include "sieve_tmpl.c"

#include "tree_tmpl.c"

#include "nearest_tmpl.c"
