/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_IIC_H
#define LIBMI_LIB_IIC_H

#include "../kernel/kernel.h"

#include <mi/iic.h>

#define MI__IIC_BLOCK 96     /* samples at a time, whole tiles: what they need stays in cache */
#define MI__IIC_FEW 64       /* classes up to which float32 would be little faster */
#define MI__IIC_SHARES 16    /* parts that many samples of few classes are shared out in */
#define MI__IIC_WORTH 524288 /* multiplications that pay for waking another thread */
#define MI__IIC_GATHER 512   /* samples at a time whose twins are added up for float32 */
#define MI__IIC_PANEL 384    /* columns at a time of a joint matrix in float32 */

/* What one head adds up and becomes. Rows are padded with zeros to whole tiles. */
typedef struct mi__iic_head {
    int64_t classes, ld;
    double *joint;        /* [classes, padded][ld]: A, then H */
    double *turned;       /* H transposed; the same as `joint` where it is symmetric */
    float *single;        /* [classes][classes]: H for many classes in float32, or NULL */
    double *row, *column; /* [ld]: sums of A, then lambda ln p */
    double *part;         /* [ld]: of the loss */
    double sum, loss;
} mi__iic_head;

typedef enum mi__iic_phase { MI__IIC_IDLE, MI__IIC_BEGUN, MI__IIC_FINISHED } mi__iic_phase;

/* Room of one share. */
typedef struct mi__iic_share {
    double *z, *w, *gradient; /* [BLOCK][ld] */
    double *joint;            /* [classes, padded][ld]; the head's own for the first */
} mi__iic_share;

struct mi_iic {
    mi_context *context;
    const mi__kernels *kernels; /* for float, and for all that is float64 in every table */
    double lambda;
    int64_t repeats;
    bool symmetric;
    mi__iic_phase phase;
    int32_t count;      /* heads */
    mi__iic_head *head; /* [count] */
    int64_t capacity;   /* of head */
    double *space;      /* `scratch` doubles, then what the heads own */
    int64_t scratch, space_count;
    double *maps; /* images at work */
    int64_t maps_count;
};

/* -- iic_room.c -- */

int64_t mi__iic_round_up(int64_t n, int64_t unit);

/* Whether a share can be anything but the first. */
bool mi__iic_few(const mi__iic_head *h);

/* Makes room for heads with these numbers of classes, `step` 0: all have the first one's, and sets
 * them to 0. On failure nothing is accumulated any more. */
mi_status mi__iic_reserve(mi_iic *iic, int32_t count, const int64_t *classes, int64_t step);

/* `*out` is at least `count` doubles; what was in there is lost if it grows. */
mi_status mi__iic_grow(mi_iic *iic, double **out, int64_t *have, int64_t count);

mi__iic_share mi__iic_share_of(const mi_iic *iic, const mi__iic_head *h, int64_t index);

/* Room for products of float32: rows of images, of twins' sums, a panel of the joint matrix; and
 * what was taken away from the rows, see iic_float.c. */
typedef struct mi__iic_float_room {
    float *z, *w;                          /* [GATHER][classes]; z for gradients, too */
    double *wide;                          /* [GATHER][ld] */
    float *panel;                          /* [classes][PANEL] */
    double *low_z, *low_w, *sum_z, *sum_w; /* [ld] */
    float *least_z, *least_w;              /* [ld] */
    void *work;                            /* of the kernels' product */
} mi__iic_float_room;

mi__iic_float_room mi__iic_floats_of(const mi_iic *iic, const mi__iic_head *h);

/* -- iic_product.c -- */

/* In how many shares so many samples are dealt, whatever the threads; the last one's end. */
int64_t mi__iic_shares(const mi__iic_head *h, int64_t samples);

/* Adds the shares' joint matrices to the head's, in their order. */
void mi__iic_join(const mi_iic *iic, mi__iic_head *h, int64_t shares);

/* joint += a^T b over so many rows of ld; on the calling thread where `alone`. */
void mi__iic_add_rows(const mi_iic *iic, const mi__iic_head *h, bool alone, int64_t rows,
                      const double *a, const double *b, double *joint);

/* out (+)= x slope over so many rows of ld, rounded up to whole tiles; the same. */
void mi__iic_map_rows(const mi_iic *iic, const mi__iic_head *h, bool alone, int64_t rows,
                      const double *x, const double *slope, bool add, double *out);

/* -- iic_float.c: what heads with `single` do in float32. Strides are filled in. -- */

/* Adds a batch to the joint matrix; false if there is a value that is no probability. */
bool mi__iic_add_floats(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                        const mi_iic_head_f32 *head);

/* Writes the gradients that are wanted. */
void mi__iic_map_floats(const mi_iic *iic, const mi__iic_head *h, int64_t n,
                        const mi_iic_head_f32 *head);

/* -- iic_box.c: images of `width` pixels a line, `height` lines, `ld` doubles a pixel -- */

typedef struct mi__iic_box {
    int64_t height, width, ld, reach;
    double *half; /* as large as the image */
    double *run;  /* [max(height, width)][ld] */
} mi__iic_box;

/* out(p) = sum of in(p + t) over all displacements t within reach, what is outside being 0. */
void mi__iic_sum_boxes(mi_context *context, const mi__iic_box *box, const double *in, double *out);

/* -- iic_loss.c -- */

/* The sums of every head's joint matrix; iic_slopes() needs them. */
void mi__iic_sums(mi_iic *iic);

/* MI_OK if a loss can be had from a matrix that sums to this; `what` names it. */
mi_status mi__iic_check_sum(const char *what, double sum);

/* From A to the losses and H: that of the mean over heads, which is returned. */
double mi__iic_slopes(mi_iic *iic);

/* Sums and slopes with the checks between. */
mi_status mi__iic_finish(mi_iic *iic, double *mean);

/* -- iic.c -- */

mi_status mi__iic_check_classes(int64_t classes, int32_t head);
mi_status mi__iic_check_count(int32_t count);
mi_status mi__iic_check_phase(const mi_iic *iic, mi__iic_phase phase);

#endif
