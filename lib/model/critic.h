/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_CRITIC_H
#define LIBMI_LIB_CRITIC_H

/* Critics: networks that score pairs (x, y), from a batch to a bound on its scores and back to the
 * gradients of the weights. Buffers are `void *` in the precision of the table of kernels, so that
 * a critic is its own float64 twin. */

#include "../net/optimizer.h"
#include "../objective/bounds.h"

#include <mi/mine.h>

/* The networks that a critic may have. */
enum { MI__NET_X, MI__NET_Y, MI__NET_PAIR, MI__NET_BASELINE, MI__NETS };

typedef struct mi__scaling mi__scaling;

#define MI__NO_NEGATIVES INT32_MIN

/* The samples of one call, and what is found on the way. The caller sets the first five. */
typedef struct mi__batch {
    int64_t n;         /* samples */
    int32_t negatives; /* as mi_mine_eval() takes them, or MI__NO_NEGATIVES */
    bool scaled;       /* they are so already */
    bool train;        /* all at once, and kept for the way back */
    bool want_dx;      /* gradients by x and y */

    int64_t k;            /* how many others a critic that scores pair by pair compares with */
    int64_t *shift;       /* [k] as in mi__pairing */
    void *x, *y;          /* [n][dx], [n][dy] scaled */
    const void *a, *b;    /* [n][width] what the networks of x and y say; y itself if it has none */
    const void *baseline; /* [n], NULL: none */
    void *room_a, *room_b, *room_baseline; /* for these in evaluation */
    void *scores, *dscores;                /* own [n], then others [n][k] */
    void *u, *v, *du, *dv;                 /* [n][...] embeddings that differ from a and b */
    double *base_u, *base_v;               /* see mi__scaling_base() */
    void *gx, *gy;                         /* [n][dx], [n][dy], if want_dx */
} mi__batch;

typedef struct mi__critic {
    const char *name;
    bool pairs; /* scores the pairs that it is asked for; else all n x n cost little more than n */
    mi_status (*build)(mi_mine *mine);
    /* Takes what it needs from the batch's room. */
    void (*lay_out)(const mi_mine *mine, mi__batch *b, char *room, int64_t *used);
    /* The bound on the scores; in training with gradients by them. */
    mi_status (*evaluate)(mi_mine *mine, mi__batch *b, mi_bound_result *result);
    /* From there to the gradients of all weights, and to gx and gy. */
    mi_status (*backward)(mi_mine *mine, mi__batch *b);
    /* Of each x with its own y. */
    mi_status (*own_scores)(mi_mine *mine, mi__batch *b, void *scores);
} mi__critic;

extern const mi__critic mi__critic_additive, mi__critic_concat, mi__critic_separable,
    mi__critic_bilinear, mi__critic_gaussian;

struct mi_mine {
    mi_context *ctx;
    const mi__kernels *k;
    int64_t dx, dy;
    mi_mine_options options; /* whole */
    const mi__critic *critic;
    mi_bound *bound;
    mi_encoder *net[MI__NETS];         /* NULL: there is none */
    mi_optimizer *optimizer[MI__NETS]; /* NULL in float64, too */
    mi__scaling *scaling;              /* NULL: none */
    int64_t steps;
    double estimate_sum, estimate_mass; /* the average is their quotient */
    char *room;
    int64_t room_bytes;
};

/* A network on `inputs` numbers: `layers` hidden layers of `units` each, then `outputs`. The
 * weights of its first layer are drawn as if it had `fan_in` inputs. */
mi_status mi__critic_net(mi_mine *mine, int which, int64_t inputs, int64_t fan_in, int32_t layers,
                         int64_t units, int64_t outputs);

/* The networks of x, of y and of the baseline, as far as there are any. */
mi_status mi__critic_forward(mi_mine *mine, mi__batch *b);

/* Back through one of them from its dfeatures; gradients by the batch's x and y are added to what
 * gx and gy have, or, by the first network, put there. */
void mi__critic_backward(mi_mine *mine, mi__batch *b, int which);

/* -- mine.c ----------------------------------------------------------------------------------- */

mi_status mi__mine_create(mi_context *context, int64_t dx, int64_t dy, mi_bound *bound,
                          const mi_mine_options *options, const mi_optimizer_options *optimizer,
                          const mi__kernels *kernel, mi_mine **out);

/* Takes samples into a batch, whose memory is the handle's. */
mi_status mi__mine_load(mi_mine *mine, mi__batch *b, const float *x, const float *y);

/* The value of a batch; in training with all gradients, which are all finite. Weights and the
 * state of the bound are as they were, unless it succeeds. */
mi_status mi__mine_gradient(mi_mine *mine, mi__batch *b, mi_bound_result *result);

/* Whether all numbers are finite. */
mi_status mi__mine_check_samples(const mi_mine *mine, int64_t n, const float *x, const float *y);

mi_mine_report mi__mine_report(const mi_mine *mine, const mi_bound_result *result);

/* One step. */
mi_status mi__mine_learn(mi_mine *mine, mi__batch *b, mi_bound_result *result);

#endif
