/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_NET_H
#define LIBMI_LIB_NET_H

/* A network: a chain of layers, and heads on its end. Layers hold no arithmetic, they call the
 * kernels of one table; with the table of doubles the same network is its own float64 twin. */

#include "../kernel/kernel.h"

#include <mi/encoder.h>

#define MI__MOST_LAYERS 128
#define MI__MOST_HEADS 256
#define MI__LAYER_PARAMS 4

typedef struct mi__layer mi__layer;

typedef struct mi__param {
    char name[64];
    int32_t kind, dims; /* mi_param_kind */
    int64_t shape[4], count;
    int64_t fan_in, fan_out; /* of weights */
    void *value, *grad;      /* [count]; states have no grad */
} mi__param;

/* What a pass over the layers needs beside its buffers. */
typedef struct mi__pass {
    mi_context *ctx;
    const mi__kernels *kernel;
    int64_t n; /* images */
    bool train;
    double bn_momentum, bn_epsilon;
    void *work; /* the largest of all layers' work() */
} mi__pass;

/* What follows the layer's word in a description. */
typedef enum mi__argument {
    MI__ARGUMENT_NONE,
    MI__ARGUMENT_WIDTH,
    MI__ARGUMENT_SLOPE
} mi__argument;

/* One kind of layer. To add one: a file with its descriptor, and a line in layer_list.h. */
typedef struct mi__layer_type {
    const char *name;
    mi__argument argument;
    bool optional_bias; /* "bias" may follow */

    /* Sets layer->out from layer->in and declares parameters with mi__layer_param(). */
    mi_status (*plan)(mi__layer *layer);
    size_t (*work)(const mi__layer *layer, const mi__pass *pass); /* NULL: none */
    /* Numbers of the layer's own (not per image) that forward keeps for backward; NULL: none */
    int64_t (*saved)(const mi__layer *layer);

    /* x [n][in], y [n][out] */
    void (*forward)(mi__layer *layer, const mi__pass *pass, const void *x, void *y);
    /* dy [n][out] may be overwritten; dx [n][in], NULL: not wanted. Gradients of parameters replace
     * what was there. */
    void (*backward)(mi__layer *layer, const mi__pass *pass, const void *x, const void *y, void *dy,
                     void *dx);
    /* Takes a training forward over into parameters that are states; NULL: has none. */
    void (*update_states)(mi__layer *layer, const mi__pass *pass);
} mi__layer_type;

struct mi__layer {
    const mi__layer_type *type;
    int64_t width;               /* conv, dense */
    int64_t kernel, stride, pad; /* conv */
    double slope;  /* leaky; bn: of the activation that was folded into it, 1 if none */
    bool bias;
    mi__map in, out; /* of one image: n = 1 */
    int32_t params;
    mi__param param[MI__LAYER_PARAMS];
    void *saved;
};

/* Declares a parameter of 1, 2 or 4 dimensions; zeros at the end of shape are no dimensions. */
mi__param *mi__layer_param(mi__layer *layer, const char *name, int32_t kind, int64_t s0, int64_t s1,
                           int64_t s2, int64_t s3);

#define MI__LAYER(name) extern const mi__layer_type mi__layer_##name;
#include "layer_list.h"
#undef MI__LAYER

typedef struct mi__head_plan {
    int64_t classes;
    bool softmax;
} mi__head_plan;

/* What a description says. */
typedef struct mi__plan {
    int32_t layers, heads;
    mi__layer layer[MI__MOST_LAYERS]; /* type, width, slope, bias */
    mi__head_plan head[MI__MOST_HEADS];
    int32_t preset_layers; /* so many first ones are a preset's: pools of too small maps drop out */
} mi__plan;

mi_status mi__parse(const char *description, mi__plan *plan);

typedef struct mi__head {
    mi__layer dense;
    bool softmax;
    void *y, *dy; /* [n][classes] */
} mi__head;

struct mi_encoder {
    atomic_int references;
    mi_context *ctx;
    mi_encoder_options options; /* whole */
    char *description;
    int64_t description_size;
    mi__pass pass;
    mi__map in;
    int32_t layers, heads, params;
    int32_t layer_room, head_room;
    mi__layer *layer;  /* [layer_room], layers in use */
    mi__head *head;    /* [head_room], heads in use */
    mi__param **param; /* [params]: all of the layers' and heads', in order */

    int64_t capacity; /* images that the buffers hold */
    size_t work_bytes;
    void **y;          /* [layers + 1]: y[0] is the input, y[i + 1] the output of layer i */
    void *gradient[2]; /* backward: dy and dx take turns; NULL before the first backward */
    int64_t widest;    /* numbers an image in the widest of the feature maps */
    bool forward_done, backward_done;
};

/* The trunk's features, of the last forward pass. */
#define MI__FEATURES(encoder) ((encoder)->y[(encoder)->layers])

mi_status mi__encoder_create(mi_context *context, const char *description,
                             const mi_encoder_options *options, const mi__kernels *kernel,
                             mi_encoder **out);

mi_encoder *mi__encoder_take(mi_encoder *encoder);

/* A forward pass in pieces, so that a batch may come from several buffers: room for n images, then
 * rows, then the run; and, when all that follows a training one went well, the states. */
mi_status mi__encoder_begin(mi_encoder *encoder, int64_t n);
mi_status mi__encoder_put(mi_encoder *encoder, int64_t row, int64_t count, const float *x);
void mi__encoder_run(mi_encoder *encoder, bool train);
void mi__encoder_update_states(mi_encoder *encoder);

/* Makes room for gradients, for code that fills some in by itself. */
mi_status mi__encoder_need_gradients(mi_encoder *encoder);

/* The number of a head's weight among the parameters; its bias is the next one. */
int32_t mi__encoder_head_param(const mi_encoder *encoder, int32_t head);

/* Makes room for gradients; then head h's dy is filled by the caller where use[h], and the run
 * goes down: with dfeatures ([n][features] of the kernel's precision, or NULL) added at the trunk's
 * end. */
mi_status mi__encoder_begin_backward(mi_encoder *encoder);
void mi__encoder_run_backward(mi_encoder *encoder, const bool *use, const void *dfeatures,
                              bool want_dx);
/* After a run with want_dx: the gradient by the input. */
const void *mi__encoder_dx(const mi_encoder *encoder);

void mi__encoder_free_buffers(mi_encoder *encoder);

/* Draws all weights. */
void mi__encoder_draw(mi_encoder *encoder);

/* Copies between the kernel's precision and float. */
void mi__reals_to_float(size_t real, int64_t count, const void *from, float *to);
void mi__reals_from_float(size_t real, int64_t count, const float *from, void *to);
/* First position that is not finite, or -1. */
int64_t mi__find_not_finite(int64_t count, const float *x);

#endif
