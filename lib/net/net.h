/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_NET_H
#define LIBMI_LIB_NET_H

/* A network: a chain of layers, and heads on its end. Layers hold no arithmetic, they call the
 * kernels of one table; with the table of doubles the same network is its own float64 twin. */

#include "../kernel/kernel.h"

#include <mi/encoder.h>

#define MI__MOST_LAYERS 128
#define MI__MOST_HEADS 256
#define MI__MOST_TAPS 4
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
    bool half; /* convolutions multiply in bfloat16 */
    double bn_momentum, bn_epsilon;
    void *work; /* the largest of all layers' work() */
} mi__pass;

/* What follows the layer's word in a description. */
typedef enum mi__argument {
    MI__ARGUMENT_NONE,
    MI__ARGUMENT_WIDTH,
    MI__ARGUMENT_SLOPE,
    MI__ARGUMENT_LAYERS /* in brackets */
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
    /* The gradient by x [n][in] replaces x, if wanted; dy [n][out] may be overwritten. Gradients of
     * parameters replace what was there. */
    void (*backward)(mi__layer *layer, const mi__pass *pass, void *x, void *dy, bool want_dx);
    /* Takes a training forward over into parameters that are states; NULL: has none. */
    void (*update_states)(mi__layer *layer, const mi__pass *pass);
    /* Of a layer with a branch: adds the gradient by it to dbranch. dy is as backward left it. */
    void (*branch_backward)(mi__layer *layer, const mi__pass *pass, const void *dy, void *dbranch);
} mi__layer_type;

struct mi__layer {
    const mi__layer_type *type;
    int32_t number; /* its place in the description, which its parameters' names tell */
    int64_t width;  /* conv, dense */
    int64_t kernel, stride, pad; /* conv */
    double slope; /* leaky; bn: of the activation that was folded into it, 1 if none */
    bool bias;
    bool pool;          /* bn: a maxpool was folded into it, too */
    bool has_moments;   /* bn: the convolution before it finds them on its way ... */
    mi__layer *norm;    /* ... conv: for this one, or NULL */
    bool kept;          /* others than the next layer look at what comes out */
    int32_t from;       /* residual: in a plan, the layers before its branch; then its y ... */
    mi__map branch_map; /* ... the shape of that ... */
    const void *branch; /* ... and where it is in a pass */
    mi__map in, out;    /* of one image: n = 1 */
    int32_t params;
    mi__param param[MI__LAYER_PARAMS];
    void *saved;
};

/* Declares a parameter of 1, 2 or 4 dimensions; zeros at the end of shape are no dimensions. */
mi__param *mi__layer_param(mi__layer *layer, const char *name, int32_t kind, int64_t s0, int64_t s1,
                           int64_t s2, int64_t s3);

/* bn: where the batch's mean and variance go. */
void *mi__bn_mean(const mi__layer *layer);
void *mi__bn_variance(const mi__layer *layer, const mi__pass *pass);

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
    int32_t words;                    /* layers in the description, those that others do too */
    mi__layer layer[MI__MOST_LAYERS]; /* type, number, width, slope, bias */
    mi__head_plan head[MI__MOST_HEADS];
    int32_t preset_layers; /* so many first ones are a preset's: pools of too small maps drop out */
    int32_t taps;
    int32_t tap[MI__MOST_TAPS]; /* layers before it */
} mi__plan;

mi_status mi__parse(const char *description, mi__plan *plan);

/* A map inside the trunk that is looked at, too. */
typedef struct mi__tap {
    int32_t at; /* it is y[at] */
    bool use;   /* dy has a part in the way back */
    void *dy;   /* [n][map] in training */
} mi__tap;

typedef struct mi__head {
    mi__layer dense;
    bool softmax;
    void *y, *dy; /* [n][classes] */
} mi__head;

/* All heads are one product: side by side their weights are a matrix, [features][all classes].
 * A single head is its own matrix already, and these are NULL. */
typedef struct mi__bench {
    void *weight; /* then its gradient */
    void *bias;
    void *logits; /* [n][all classes], then their gradient */
} mi__bench;

struct mi_encoder {
    atomic_int references;
    mi_context *ctx;
    mi_encoder_options options; /* whole */
    char *description;
    int64_t description_size;
    mi__pass pass;
    mi__map in;
    int32_t layers, heads, params, taps;
    int32_t last_map; /* y[last_map] is the last that has more than one position; 0: the input */
    int32_t layer_room, head_room;
    mi__layer *layer; /* [layer_room], layers in use */
    mi__head *head;   /* [head_room], heads in use */
    mi__tap tap[MI__MOST_TAPS];
    mi__param **param; /* [params]: all of the layers' and heads', in order */

    /* All that a pass computes lies in one room, laid out for each batch size and mode. */
    void *room;
    int64_t room_bytes;
    /* [layers + 1]: y[0] is the input, y[i + 1] the output of layer i. A training pass has a place
     * for each, and on the way back the gradient by y[i] takes its place; in evaluation two places
     * take turns. The features, y[layers], have one of their own, and so has what is kept. */
    void **y;
    void *dfeatures; /* training: the gradient by the features */
    mi__bench bench;
    bool forward_done, backward_done;
};

/* The trunk's features, of the last forward pass. */
#define MI__FEATURES(encoder) ((encoder)->y[(encoder)->layers])

mi_status mi__encoder_create(mi_context *context, const char *description,
                             const mi_encoder_options *options, const mi__kernels *kernel,
                             mi_encoder **out);

mi_encoder *mi__encoder_take(mi_encoder *encoder);

/* Whether a pass may be asked for. */
mi_status mi__check_pass(int32_t mode, int64_t n);

/* The shape of y[i] for one image, and how many numbers it has. */
const mi__map *mi__encoder_map(const mi_encoder *encoder, int32_t i);
int64_t mi__encoder_numbers(const mi_encoder *encoder, int32_t i);

/* Makes room for a pass of n images, and lays it out. */
mi_status mi__encoder_make_room(mi_encoder *encoder, int64_t n, bool train);
void mi__encoder_free_room(mi_encoder *encoder);

/* A forward pass in pieces, so that a batch may come from several buffers: room for n images, then
 * rows, then the run; and, when all that follows a training one went well, the states. */
mi_status mi__encoder_begin(mi_encoder *encoder, int64_t n, bool train);
mi_status mi__encoder_put(mi_encoder *encoder, int64_t row, int64_t count, const float *x);
void mi__encoder_run(mi_encoder *encoder);
void mi__encoder_update_states(mi_encoder *encoder);

/* The number of a head's weight among the parameters; its bias is the next one. */
int32_t mi__encoder_head_param(const mi_encoder *encoder, int32_t head);

/* The way back: the caller fills head h's dy where use[h], dfeatures if `add`, and the dy of taps
 * in use, before the run goes down. */
mi_status mi__encoder_begin_backward(const mi_encoder *encoder);
void mi__encoder_run_backward(mi_encoder *encoder, const bool *use, bool add, bool want_dx);

/* All heads' outputs; and the gradients of those in use, whose dy is by y or, in the second, by the
 * logits. The first adds up the gradient by the features, to what is there if `add`. */
int64_t mi__heads_width(const mi_encoder *encoder);
size_t mi__heads_work(const mi_encoder *encoder, const mi__pass *pass);
void mi__heads_forward(mi_encoder *encoder);
void mi__heads_backward(mi_encoder *encoder, const bool *use, bool add);
void mi__heads_learn(mi_encoder *encoder, const bool *use);

/* Draws all weights. */
void mi__encoder_draw(mi_encoder *encoder);

/* y = x, and y += x, on all threads. */
void mi__copy_numbers(const mi__pass *pass, int64_t count, const void *x, void *y);
void mi__add_numbers(const mi__pass *pass, int64_t count, const void *x, void *y);

/* Copies between the kernel's precision and float. */
void mi__reals_to_float(size_t real, int64_t count, const void *from, float *to);
void mi__reals_from_float(size_t real, int64_t count, const float *from, void *to);
/* First position that is not finite, or -1. */
int64_t mi__find_not_finite(const mi__pass *pass, int64_t count, const float *x);

#endif
