/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a training step's time goes: each layer forward and backward, beside what the processor and
 * the memory allow.
 *
 *     layers [description [images [side [channels [threads [precision]]]]]]
 *
 * GB/s counts the maps that a layer must read and write at least, once each, as if nothing of them
 * were in a cache; GFLOP/s the multiplications and additions of the definition, so that a scheme
 * that needs fewer may pass the peak. The last column is the layer's time by the larger of both
 * floors: those bytes at the speed of a plain copy, that arithmetic at the speed of a large
 * product. Times are the shortest of several steps. */
#include "bench.h"

#include "../../lib/net/net.h"

#include <string.h>

enum { RUNS = 7, MOST_PARTS = 2 * MI__MOST_LAYERS + 4 };

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (p == NULL)
        exit(EXIT_FAILURE);
    memset(p, 0, bytes);
    return p;
}

/* -- the floors ------------------------------------------------------------------------------- */

typedef struct copy {
    const char *from;
    char *to;
} copy;

static void copy_range(void *arg, int64_t begin, int64_t end) {
    const copy *c = arg;
    memcpy(c->to + begin, c->from + begin, (size_t)(end - begin));
}

/* Bytes a second, read and written. */
static double memory_speed(mi_context *ctx) {
    const int64_t bytes = (int64_t)256 << 20;
    copy c = {room((size_t)bytes), room((size_t)bytes)};
    double least = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        mi__parallel_ranges(ctx, bytes, 4096, copy_range, &c);
        least = MI__MIN(least, now() - start);
    }
    free((void *)c.from);
    free(c.to);
    return 2 * (double)bytes / least;
}

static double product_speed(mi_context *ctx, const mi__kernels *k) {
    const int64_t n = 1536;
    void *a = room((size_t)(n * n) * k->real), *b = room((size_t)(n * n) * k->real);
    void *c = room((size_t)(n * n) * k->real), *work = room(k->product_work(ctx));
    double least = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        k->product(ctx, false, false, n, n, n, a, n, b, n, 0, c, n, work);
        least = MI__MIN(least, now() - start);
    }
    free(a), free(b), free(c), free(work);
    return 2 * (double)n * (double)n * (double)n / least;
}

/* -- the layers ------------------------------------------------------------------------------- */

typedef struct part {
    char name[64];
    double bytes, flop, seconds;
} part;

static double numbers(const mi__map *m) {
    return (double)(m->h * m->w * m->c);
}

/* Multiplications and additions of an image, by definition. */
static double flop_of(const mi__layer *l) {
    if (l->type == &mi__layer_conv)
        return 2 * numbers(&l->out) * (double)(l->kernel * l->kernel * l->in.c);
    return l->type == &mi__layer_dense ? 2 * numbers(&l->in) * numbers(&l->out) : 0;
}

static void describe(const mi_encoder *e, int32_t i, bool back, part *p) {
    const mi__layer *l = &e->layer[i];
    double in = numbers(&l->in), out = numbers(&l->out), maps = in + out;
    bool product = l->type == &mi__layer_conv || l->type == &mi__layer_dense;
    bool norm = l->type == &mi__layer_bn;
    if (!back && norm && !l->has_moments)
        maps += in;
    if (back && product)
        maps = i > 0 ? 2 * (in + out) : in + out;
    if (back && norm)
        maps = 2 * (in + out) + in;
    p->bytes = 4 * maps * (double)e->pass.n;
    p->flop = flop_of(l) * (double)e->pass.n * (back && i > 0 ? 2 : 1);
    snprintf(p->name, sizeof p->name, "%s %d %s%s, %d x %d x %d", back ? "back" : "forward", (int)i,
             l->type->name, l->pool ? ", maxpool" : "", (int)l->out.h, (int)l->out.w,
             (int)l->out.c);
}

static void clock_part(part *p, double *start) {
    double end = now(), taken = end - *start;
    p->seconds = p->seconds == 0 ? taken : MI__MIN(p->seconds, taken);
    *start = now();
}

/* One step, timed in parts: forward 0 .., heads, heads back, .. back 0. */
static void step(mi_encoder *e, part *p) {
    bool use[MI__MOST_HEADS];
    memset(use, true, sizeof use);
    if (mi__encoder_begin(e, e->pass.n, true) != MI_OK)
        exit(EXIT_FAILURE);
    for (int64_t i = 0; i < e->pass.n * (int64_t)numbers(&e->in); i++)
        ((float *)e->y[0])[i] = (float)(i * 7919 % 1009) / 1009;
    double start = now();
    for (int32_t i = 0; i < e->layers; i++, p++) {
        e->layer[i].type->forward(&e->layer[i], &e->pass, e->y[i], e->y[i + 1]);
        clock_part(p, &start);
    }
    mi__heads_forward(e);
    clock_part(p++, &start);
    for (int32_t h = 0; h < e->heads; h++)
        memcpy(e->head[h].dy, e->head[h].y, (size_t)(e->pass.n * e->head[h].dense.width) * 4);
    start = now();
    mi__heads_backward(e, use, false);
    clock_part(p++, &start);
    for (int32_t i = e->layers - 1; i >= 0; i--, p++) {
        e->layer[i].type->backward(&e->layer[i], &e->pass, e->y[i],
                                   i + 1 < e->layers ? e->y[i + 1] : e->dfeatures, i > 0);
        clock_part(p, &start);
    }
}

static void report(const part *p, double memory, double product) {
    double floor = MI__MAX(p->bytes / memory, p->flop / product);
    printf("%-38s %8.2f %8.1f %8.0f %8.2f\n", p->name, 1e3 * p->seconds,
           1e-9 * p->bytes / p->seconds, 1e-9 * p->flop / p->seconds, p->seconds / floor);
}

int main(int argc, char **argv) {
    const char *text = argc > 1 ? argv[1] : "vgg-f | 5 x softmax 10, 5 x softmax 50";
    int64_t n = argc > 2 ? atoll(argv[2]) : 1024;
    mi_encoder_options o = {.struct_size = sizeof o};
    o.height = argc > 3 ? atoi(argv[3]) : 0;
    o.channels = argc > 4 ? atoi(argv[4]) : 0;
    o.precision = argc > 6 ? atoi(argv[6]) : 0;
    mi_context_options co = {.struct_size = sizeof co, .threads = argc > 5 ? atoi(argv[5]) : 0};
    mi_context *ctx;
    mi_encoder *e;
    if (mi_context_create(&co, &ctx) != MI_OK || mi_encoder_create(ctx, text, &o, &e) != MI_OK) {
        fprintf(stderr, "%s\n", mi_error_message());
        return EXIT_FAILURE;
    }
    static part parts[MOST_PARTS];
    int32_t count = 2 * e->layers + 2;
    e->pass.n = n;
    for (int32_t i = 0; i < e->layers; i++) {
        describe(e, i, false, &parts[i]);
        describe(e, i, true, &parts[count - 1 - i]);
    }
    const mi__map *f = &e->layer[e->layers - 1].out;
    double classes = (double)mi__heads_width(e), features = numbers(f);
    for (int back = 0; back < 2 && e->heads > 0; back++) {
        part *p = &parts[e->layers + back];
        snprintf(p->name, sizeof p->name, "%s heads, %d", back ? "back" : "forward", (int)classes);
        p->bytes = 4 * (1 + back) * (features + classes) * (double)n;
        p->flop = 2 * features * classes * (double)n * (1 + back);
    }
    for (int i = 0; i < RUNS; i++)
        step(e, parts);
    double memory = memory_speed(ctx), product = product_speed(ctx, e->pass.kernel), sum = 0;
    printf("%s kernels, %d threads, %d images; a copy %.1f GB/s, a product %.0f GFLOP/s\n",
           e->pass.kernel->name, (int)ctx->threads, (int)n, 1e-9 * memory, 1e-9 * product);
    printf("%-38s %8s %8s %8s %8s\n", "", "ms", "GB/s", "GFLOP/s", "floors");
    for (int32_t i = 0; i < count; i++) {
        if (parts[i].name[0] != '\0')
            report(&parts[i], memory, product);
        sum += parts[i].seconds;
    }
    printf("%-38s %8.2f\n", "in all", 1e3 * sum);
    mi_encoder_destroy(e);
    mi_context_destroy(ctx);
    return EXIT_SUCCESS;
}
