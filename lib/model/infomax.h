/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_INFOMAX_H
#define LIBMI_LIB_INFOMAX_H

/* Deep InfoMax, as its figure: an encoder, terms that compare its code with what is inside it, and
 * a prior. Buffers are `void *` in the precision of the table of kernels, so that the whole is its
 * own float64 twin. */

#include "../net/optimizer.h"
#include "../objective/bounds.h"

#include <mi/infomax.h>

#define MI__MOST_TERMS (MI__MOST_TAPS + 2)

/* The networks of a critic: dot has no last one. */
enum { MI__SIDE_U, MI__SIDE_V, MI__SIDE_PAIR, MI__SIDES };

/* A network that learns by its own optimizer, which is NULL in float64. */
typedef struct mi__learner {
    mi_encoder *net;
    mi_optimizer *optimizer;
} mi__learner;

/* What a term compares: u, one row a view, with v, `locations` rows a view. */
enum { MI__OF_MAP, MI__OF_CODE, MI__OF_PLACES, MI__OF_PLACE };

/* One bound on what u and v have in common, as a critic scores them. */
typedef struct mi__term {
    const char *name;
    int32_t of; /* u: the code, of MI__OF_PLACE the map at a place. v: the map whole, the code, the
                   map's places, twice */
    int32_t tap;
    int32_t critic;
    double weight, temperature;
    int64_t u_width;
    mi__map v_map;
    mi_bound *bound;
    mi__learner side[MI__SIDES];
    double loss, estimate; /* of the last evaluation, unweighted */
} mi__term;

/* Who meets whom: each view's own partner, then others of the same half of the batch. */
typedef struct mi__meeting {
    int64_t n, rows;        /* images; views, n or 2 n */
    int64_t others;         /* of each view */
    const int64_t *partner; /* [1 + others][rows]: whose u the v of a view meets */
} mi__meeting;

struct mi_infomax {
    mi_context *ctx;
    const mi__kernels *k;
    mi_encoder *encoder;
    mi_optimizer *optimizer;    /* NULL: only encodes, or float64 */
    mi_infomax_options options; /* whole; its texts are no longer the caller's: NULL */
    int64_t steps;
    int32_t terms;
    mi__term term[MI__MOST_TERMS];
    mi__learner discriminator;
    char *room;
    int64_t room_bytes;
};

/* -- infomax.c -------------------------------------------------------------------------------- */

/* All learners, the encoder last: `use` is called with a name for each. */
typedef mi_status mi__infomax_use(void *arg, const char *name, const mi__learner *learner);
mi_status mi__infomax_each(const mi_infomax *infomax, mi__infomax_use *use, void *arg);

/* A network of `inputs` channels at h x w positions, and its optimizer. */
mi_status mi__learner_create(const mi_infomax *infomax, const char *text, const mi__map *in,
                             mi__learner *out);
void mi__learner_destroy(mi__learner *learner);

/* A training pass forward; back, from its dfeatures, with the gradient by the input added to
 * `dx`. */
mi_status mi__learner_forward(mi__learner *learner, int64_t n, const void *x);
void mi__learner_backward(mi__learner *learner, void *dx);

/* -- infomax_step.c --------------------------------------------------------------------------- */

/* Who meets whom in the next step, into the meeting's table. order: [n], scratch. */
void mi__meeting_draw(const mi_infomax *infomax, const mi__meeting *meeting, int64_t *partner,
                      int64_t *order);

/* All gradients of a batch. Weights are as they were, and so are the states of bounds if it
 * fails. */
mi_status mi__infomax_gradient(mi_infomax *infomax, int64_t n, const float *x, const float *xt,
                               mi_infomax_report *report);

/* -- infomax_term.c --------------------------------------------------------------------------- */

/* Whose name, bound, critic, widths and weight are set. */
mi_status mi__term_build(const mi_infomax *infomax, mi__term *term);
void mi__term_destroy(mi__term *term);

/* Others that a view meets, and bytes of `room` that are needed, 64-aligned. */
int64_t mi__term_others(const mi_infomax *infomax, const mi__term *term, int64_t n);
int64_t mi__term_room(const mi_infomax *infomax, const mi__term *term, int64_t n, int64_t rows);

/* Evaluates the bound; adds the gradients of the weighted loss to du and dv. The meeting has as
 * many others as the term wants, or more. */
mi_status mi__term_evaluate(const mi_infomax *infomax, mi__term *term, const mi__meeting *meeting,
                            const void *u, const void *v, void *du, void *dv, char *room);

/* -- infomax_prior.c -------------------------------------------------------------------------- */

/* Codes z from the encoder's heads; NULL as room: z is the head itself. */
mi_status mi__code_draw(const mi_infomax *infomax, int64_t rows, void *room, const void **z);

/* From the gradient by z to that by the heads. */
mi_status mi__code_backward(const mi_infomax *infomax, int64_t rows, const void *z, const void *dz);

mi_status mi__prior_build(mi_infomax *infomax, const char *layers);

/* The prior's loss; its weighted gradients go to the heads' (KL, which it begins), or are added to
 * dz. Scratch: rows numbers for each dimension. */
mi_status mi__prior_evaluate(mi_infomax *infomax, int64_t rows, const void *z, void *dz,
                             void *scratch, mi_infomax_report *report);

#endif
