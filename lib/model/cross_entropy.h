/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_CROSS_ENTROPY_H
#define LIBMI_LIB_CROSS_ENTROPY_H

#include "../net/net.h"

/* The loss of a classifier whose logits are the features of the last training pass: -ln of what
 * their softmax gives to the label, 0 to width - 1, for each row. dfeatures gets the gradient of
 * the mean. Fails where a logit isn't finite. */
mi_status mi__cross_entropy(mi_encoder *encoder, const int32_t *label, double *loss);

#endif
