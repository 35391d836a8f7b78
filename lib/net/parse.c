/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the descriptions of mi/encoder.h. */
#include "net.h"

#include <inttypes.h>
#include <string.h>

static const mi__layer_type *const layer_types[] = {
#define MI__LAYER(name) &mi__layer_##name,
#include "layer_list.h"
#undef MI__LAYER
};

static const struct {
    const char *name, *layers;
} presets[] = {
    {"vgg-f",
     "conv 64, bn, relu, maxpool, conv 128, bn, relu, maxpool, conv 256, bn, relu, maxpool, "
     "conv 512, bn, relu"},
    {"vgg-11",
     "conv 64, bn, relu, maxpool, conv 128, bn, relu, maxpool, conv 256, bn, relu, conv 256, bn, "
     "relu, maxpool, conv 512, bn, relu, conv 512, bn, relu, maxpool, conv 512, bn, relu, conv "
     "512, bn, relu, maxpool"},
    {"small",
     "conv 16, bn, relu, maxpool, conv 32, bn, relu, maxpool, conv 64, bn, relu, maxpool, conv "
     "128, bn, relu"},
    {"infomax",
     "conv 64 4x4 stride 2, bn, relu, conv 128 4x4 stride 2, bn, relu, tap, conv 256 4x4 stride 2, "
     "bn, relu, dense 1024, bn, relu"},
    {"infomax-pool",
     "conv 64, bn, leaky 0.2, maxpool, conv 128, bn, leaky 0.2, maxpool, conv 256, bn, leaky 0.2, "
     "maxpool, tap, conv 256, bn, leaky 0.2, conv 256, bn, leaky 0.2, gmp"},
    {"infomax-residual",
     "conv 64, bn, relu, conv 128, bn, relu, maxpool, residual(conv 128, bn, relu, conv 128, bn, "
     "relu), conv 256, bn, relu, maxpool, residual(conv 256, bn, relu, conv 256, bn, relu), tap, "
     "conv 512, bn, relu, maxpool, residual(conv 512, bn, relu, conv 512, bn, relu), gap"},
    {"mlp", "dense 256, relu, dense 256, relu"},
};

#define MOST_DEPTH 8

typedef struct scanner {
    const char *text, *at;
} scanner;

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static void skip_space(scanner *s) {
    while (is_space(*s->at))
        s->at++;
}

/* The message shows some text on both sides of the place. */
static mi_status fail_at(const scanner *s, const char *place, const char *expected) {
    int64_t position = place - s->text;
    const char *from = position > 24 ? place - 24 : s->text;
    return mi__fail(MI_E_FORMAT,
                    "encoder description, character %" PRId64 ": expected %s at \"%.*s>>>%.24s\"",
                    position + 1, expected, (int)(place - from), from, place);
}

static bool take_char(scanner *s, char c) {
    skip_space(s);
    if (*s->at != c)
        return false;
    s->at++;
    return true;
}

/* A whole word equal to `word`, else nothing is taken. Digits may be part of a preset's name. */
static bool take_word(scanner *s, const char *word) {
    skip_space(s);
    size_t length = strlen(word);
    if (strncmp(s->at, word, length) != 0 || is_word(s->at[length]) ||
        (is_digit(word[length - 1]) && is_digit(s->at[length])))
        return false;
    s->at += length;
    return true;
}

static mi_status take_number(scanner *s, int64_t least, int64_t most, const char *expected,
                             int64_t *out) {
    skip_space(s);
    const char *start = s->at;
    int64_t value = 0;
    while (is_digit(*s->at) && value <= most)
        value = value * 10 + (*s->at++ - '0');
    if (s->at == start || value < least || value > most || is_digit(*s->at))
        return fail_at(s, start, expected);
    *out = value;
    return MI_OK;
}

static mi_status take_count(scanner *s, int64_t most, const char *expected, int64_t *out) {
    return take_number(s, 1, most, expected, out);
}

/* Digits with a point, without the help of a locale. */
static mi_status take_slope(scanner *s, double *out) {
    skip_space(s);
    const char *start = s->at;
    if (!is_digit(*s->at) && *s->at != '.')
        return MI_OK; /* the default */
    double value = 0, unit = 1;
    bool digits = is_digit(*s->at);
    while (is_digit(*s->at))
        value = value * 10 + (*s->at++ - '0');
    if (*s->at == '.')
        for (s->at++; is_digit(*s->at); s->at++, digits = true)
            value += (*s->at - '0') * (unit /= 10);
    if (!digits || !(value <= 1))
        return fail_at(s, start, "a slope in 0 to 1");
    *out = value;
    return MI_OK;
}

/* What may follow the width of a convolution. */
static mi_status take_window(scanner *s, mi__layer *l) {
    l->kernel = 3;
    l->stride = 1;
    skip_space(s);
    const char *start = s->at;
    if (is_digit(*s->at)) {
        int64_t other = 0;
        MI__TRY(take_count(s, 15, "a side of the kernel in 1 to 15", &l->kernel));
        if (!take_char(s, 'x'))
            return fail_at(s, s->at, "x between the sides of the kernel");
        MI__TRY(take_count(s, 15, "a side of the kernel in 1 to 15", &other));
        if (other != l->kernel)
            return fail_at(s, start, "two equal sides (kernels are square)");
    }
    l->pad = (l->kernel - 1) / 2;
    if (take_word(s, "stride"))
        MI__TRY(take_count(s, 8, "a stride in 1 to 8", &l->stride));
    if (take_word(s, "pad"))
        MI__TRY(take_number(s, 0, l->kernel - 1, "a pad from 0 to less than the kernel", &l->pad));
    return MI_OK;
}

static mi_status take_layers(scanner *s, mi__plan *plan, int depth);

static mi_status check_room(const mi__plan *plan) {
    if (plan->layers < MI__MOST_LAYERS)
        return MI_OK;
    return mi__fail(MI_E_FORMAT, "encoder description has more than %d layers", MI__MOST_LAYERS);
}

/* What the next layer isn't alone in looking at. */
static void keep(mi__plan *plan) {
    if (plan->layers > 0)
        plan->layer[plan->layers - 1].kept = true;
}

static mi_status take_tap(scanner *s, mi__plan *plan, const char *start) {
    if (plan->layers == 0)
        return fail_at(s, start, "a layer before the tap");
    if (plan->taps == MI__MOST_TAPS)
        return fail_at(s, start, "4 taps at most");
    keep(plan);
    plan->tap[plan->taps++] = plan->layers;
    return MI_OK;
}

/* Its layers, then the one that adds what went in. */
static mi_status take_residual(scanner *s, mi__plan *plan, int depth, const char *start) {
    const int32_t number = plan->words++, from = plan->layers;
    if (!take_char(s, '('))
        return fail_at(s, s->at, "( after residual");
    if (depth == MOST_DEPTH)
        return fail_at(s, start, "residual not more than 8 deep");
    keep(plan);
    MI__TRY(take_layers(s, plan, depth + 1));
    if (!take_char(s, ')'))
        return fail_at(s, s->at, ", or )");
    MI__TRY(check_room(plan));
    plan->layer[plan->layers++] =
        (mi__layer){.type = &mi__layer_residual, .number = number, .from = from};
    return MI_OK;
}

static mi_status take_layer(scanner *s, mi__plan *plan, int depth) {
    skip_space(s);
    const char *start = s->at;
    if (take_word(s, "tap"))
        return take_tap(s, plan, start);
    if (take_word(s, mi__layer_residual.name))
        return take_residual(s, plan, depth, start);
    MI__TRY(check_room(plan));
    mi__layer *l = &plan->layer[plan->layers];
    for (size_t i = 0; i < sizeof layer_types / sizeof layer_types[0]; i++)
        if (l->type == NULL && take_word(s, layer_types[i]->name))
            l->type = layer_types[i];
    if (l->type == NULL)
        return fail_at(s, start,
                       "a layer (conv, bn, ln, relu, leaky, maxpool, avgpool, gap, gmp, dense, "
                       "residual, tap) or a preset (vgg-f, vgg-11, small, infomax, infomax-pool, "
                       "infomax-residual, mlp)");

    l->number = plan->words++;
    l->slope = l->type == &mi__layer_leaky ? 0.01 : l->type == &mi__layer_bn ? 1 : 0;
    if (l->type->argument == MI__ARGUMENT_WIDTH)
        MI__TRY(take_count(s, 1 << 20, "a number of outputs in 1 to 1048576", &l->width));
    if (l->type == &mi__layer_conv)
        MI__TRY(take_window(s, l));
    if (l->type->argument == MI__ARGUMENT_SLOPE)
        MI__TRY(take_slope(s, &l->slope));
    l->bias = l->type->optional_bias && take_word(s, "bias");

    /* An activation after bn is done by bn, and a convolution has no bias unless bn is absent. */
    mi__layer *before = plan->layers > 0 ? &plan->layer[plan->layers - 1] : NULL;
    bool activation = l->type == &mi__layer_relu || l->type == &mi__layer_leaky;
    if (activation && before != NULL && before->type == &mi__layer_bn && before->slope == 1 &&
        !before->kept) {
        before->slope = l->slope;
        *l = (mi__layer){0};
        return MI_OK;
    }
    plan->layers++;
    return MI_OK;
}

static mi_status take_layers(scanner *s, mi__plan *plan, int depth) {
    do
        MI__TRY(take_layer(s, plan, depth));
    while (take_char(s, ','));
    return MI_OK;
}

static mi_status take_trunk(scanner *s, mi__plan *plan) {
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (!take_word(s, presets[i].name))
            continue;
        scanner own = {presets[i].layers, presets[i].layers};
        MI__TRY(take_layers(&own, plan, 0));
        plan->preset_layers = plan->layers;
        return take_char(s, ',') ? take_layers(s, plan, 0) : MI_OK;
    }
    return take_layers(s, plan, 0);
}

static mi_status take_head(scanner *s, mi__plan *plan) {
    skip_space(s);
    int64_t count = 1;
    if (is_digit(*s->at)) {
        MI__TRY(take_count(s, MI__MOST_HEADS, "a number of heads in 1 to 256", &count));
        if (!take_char(s, 'x'))
            return fail_at(s, s->at, "x between the number of heads and their kind");
    }
    mi__head_plan head = {.softmax = take_word(s, "softmax")};
    if (!head.softmax && !take_word(s, "linear"))
        return fail_at(s, s->at, "a head (softmax or linear)");
    MI__TRY(take_count(s, 65536, "a number of classes in 1 to 65536", &head.classes));
    if (plan->heads + count > MI__MOST_HEADS)
        return mi__fail(MI_E_FORMAT, "encoder description has more than %d heads", MI__MOST_HEADS);
    while (count-- > 0)
        plan->head[plan->heads++] = head;
    return MI_OK;
}

/* A bias before bn would have no effect. */
static void settle_biases(mi__plan *plan) {
    for (int32_t i = 0; i < plan->layers; i++)
        if (plan->layer[i].type == &mi__layer_conv &&
            (i + 1 == plan->layers || plan->layer[i + 1].type != &mi__layer_bn))
            plan->layer[i].bias = true;
}

mi_status mi__parse(const char *description, mi__plan *plan) {
    scanner s = {description, description};
    MI__TRY(take_trunk(&s, plan));
    if (take_char(&s, '|'))
        do
            MI__TRY(take_head(&s, plan));
        while (take_char(&s, ','));
    skip_space(&s);
    if (*s.at != '\0')
        return fail_at(&s, s.at, plan->heads > 0 ? ", or the end" : ", or | or the end");
    settle_biases(plan);
    return MI_OK;
}
