/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_CODE_PICTURES_H
#define EXAMPLES_CODE_PICTURES_H

#include <stdint.h>

/* Images with their codes. */
typedef struct code_set {
    int64_t n;
    int side, channels, latent, classes;
    const float *x;       /* [n][side][side][channels] */
    const float *code;    /* [n][latent] */
    const int32_t *label; /* [n], for colours; negative: unknown */
} code_set;

/* Draws what codes are like, into a directory; an mi_status. Two codes are alike as far as they
 * point the same way: the cosine of the angle between them.
 *
 *   likeness.png    codes against codes, in the order of their classes: from white, 0 or less, to
 *                   blue, 1. Where classes are told apart, there are squares on the diagonal
 *   neighbours.png  an image of each class, and at its right those whose codes are most alike;
 *                   framed in red where the class is another one */
int draw_codes(const char *directory, const code_set *set);

#endif
