/* SPDX-License-Identifier: BSD-2-Clause */
/* Speed of the kernels on the shapes of vgg-f: 24x24 images, 64 to 512 channels.
 *
 *     kernel [table [images [threads]]]
 *
 * Then products: those of scores, of their gradients and of joint distributions, each by the
 * table's own product and by the BLAS.
 *
 * Convolutions in GFLOP/s, counted as the direct ones; the others in GB/s of what they must read
 * and write at least once per pass. The first figure is from the shortest time, the second from the
 * median. */
#include "bench.h"

#include "../../lib/kernel/blas.h"
#include "../../lib/kernel/kernel.h"

#include <string.h>

#define RUNS 11

typedef struct bench {
    mi_context *ctx;
    const mi__kernels *k;
    mi__conv conv;
    mi__map map;
    int64_t rows, c;
    float *x, *y, *dy, *dx, *weight, *dweight, *column[6];
    void *work;
} bench;

static void report(const char *name, bench *b, void (*run)(bench *), double amount,
                   const char *unit) {
    double seconds[RUNS];
    run(b);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        run(b);
        seconds[i] = now() - start;
    }
    qsort(seconds, RUNS, sizeof *seconds, ascending);
    printf("  %-22s %8.2f ms %8.1f %s, median %8.1f\n", name, 1e3 * seconds[0],
           1e-9 * amount / seconds[0], unit, 1e-9 * amount / seconds[RUNS / 2]);
    fflush(stdout);
}

static float *filled(int64_t count) {
    float *p = aligned_alloc(64, ((size_t)count * sizeof *p + 63) / 64 * 64);
    if (p == NULL)
        exit(EXIT_FAILURE);
    uint32_t state = 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)(state >> 8) / (1 << 24) - 0.5f;
    }
    return p;
}

static void conv(bench *b) {
    b->k->conv(b->ctx, &b->conv, b->x, b->weight, NULL, b->y, NULL, NULL, b->work);
}

static void conv_backward_data(bench *b) {
    b->k->conv_backward_data(b->ctx, &b->conv, b->dy, b->weight, b->dx, b->work);
}

static void conv_backward_weight(bench *b) {
    b->k->conv_backward_weight(b->ctx, &b->conv, b->x, b->dy, b->dweight, b->work);
}

static void convolutions(bench *b, int64_t size, int64_t in, int64_t out) {
    mi__conv s = b->conv = (mi__conv){b->map.n, size, size, in, out, 3, 1, 1, false};
    int64_t pixels = s.n * s.h * s.w;
    double flop = 18. * (double)(pixels * in * out);
    printf(" %dx%d %d->%d\n", (int)size, (int)size, (int)in, (int)out);
    b->x = filled(pixels * in);
    b->dx = filled(pixels * in);
    b->y = filled(pixels * out);
    b->dy = filled(pixels * out);
    b->weight = filled(9 * in * out);
    b->dweight = filled(9 * in * out);
    b->work = filled((int64_t)(b->k->conv_work(b->ctx, &s) / sizeof(float)) + 1);
    report("conv", b, conv, flop, "GFLOP/s");
    if (in > 1)
        report("conv_backward_data", b, conv_backward_data, flop, "GFLOP/s");
    report("conv_backward_weight", b, conv_backward_weight, flop, "GFLOP/s");
    void *all[] = {b->x, b->dx, b->y, b->dy, b->weight, b->dweight, b->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void moments(bench *b) {
    b->k->moments(b->ctx, b->rows, b->c, b->x, b->column[2], b->column[3], b->work);
}

static void norm_with(bench *b, bool pool) {
    const mi__norm shape = {b->map, 0, pool};
    float **v = b->column;
    b->k->norm(b->ctx, &shape, b->x, v[0], v[1], v[2], v[4], b->y);
}

static void norm(bench *b) {
    norm_with(b, false);
}

static void norm_pool(bench *b) {
    norm_with(b, true);
}

static void norm_backward_with(bench *b, bool pool) {
    const mi__norm shape = {b->map, 0, pool};
    float **v = b->column;
    b->k->norm_backward(b->ctx, &shape, b->x, v[0], v[1], v[2], v[4], b->dy, b->dx, v[3], v[5],
                        b->work);
}

static void norm_backward(bench *b) {
    norm_backward_with(b, false);
}

static void norm_pool_backward(bench *b) {
    norm_backward_with(b, true);
}

static void max_pool(bench *b) {
    b->k->max_pool(b->ctx, &b->map, b->x, b->y);
}

static void max_pool_backward(bench *b) {
    b->k->max_pool_backward(b->ctx, &b->map, b->x, b->dy, b->dx);
}

static void leaky(bench *b) {
    b->k->leaky(b->ctx, b->rows * b->c, 0, b->x, b->y);
}

static void leaky_backward(bench *b) {
    b->k->leaky_backward(b->ctx, b->rows * b->c, 0, b->x, b->dy, b->dx);
}

static void passes(bench *b, int64_t size, int64_t c) {
    b->map.h = b->map.w = size;
    b->map.c = b->c = c;
    b->rows = b->map.n * size * size;
    double bytes = 4. * (double)(b->rows * c);
    printf(" %dx%d of %d\n", (int)size, (int)size, (int)c);
    b->x = filled(b->rows * c);
    b->dx = filled(b->rows * c);
    b->y = filled(b->rows * c);
    b->dy = filled(b->rows * c);
    for (int i = 0; i < 6; i++)
        b->column[i] = filled(c);
    b->work = filled((int64_t)(b->k->norm_work(b->ctx, b->rows, c) / sizeof(float)) + 1);
    report("moments", b, moments, bytes, "GB/s");
    report("norm", b, norm, 2 * bytes, "GB/s");
    report("norm_pool", b, norm_pool, 1.25 * bytes, "GB/s");
    report("norm_backward", b, norm_backward, 5 * bytes, "GB/s");
    report("norm_pool_backward", b, norm_pool_backward, 3.5 * bytes, "GB/s");
    report("max_pool", b, max_pool, 1.25 * bytes, "GB/s");
    report("max_pool_backward", b, max_pool_backward, 2.25 * bytes, "GB/s");
    report("leaky", b, leaky, 2 * bytes, "GB/s");
    report("leaky_backward", b, leaky_backward, 3 * bytes, "GB/s");
    void *all[] = {b->x, b->dx, b->y, b->dy, b->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    for (int i = 0; i < 6; i++)
        free(b->column[i]);
}

typedef struct factors {
    const char *name;
    bool ta, tb;
    int64_t m, n, depth;
    double beta;
} factors;

static const factors *chosen(const bench *b) {
    static const factors all[] = {
        {"scores", false, true, 64, 64, 128, 0},
        {"scores", false, true, 64, 1024, 128, 0},
        {"scores", false, true, 256, 8192, 64, 0},
        {"scores", false, true, 1024, 32768, 16, 0},
        {"scores", false, true, 1024, 32768, 256, 0},
        {"gradient of u", false, false, 64, 64, 4096, 0},
        {"gradient of u", false, false, 1024, 128, 32768, 0},
        {"gradient of v", true, false, 4096, 16, 256, 1},
        {"gradient of v", true, false, 32768, 128, 1024, 1},
        {"joint", true, false, 100, 100, 1024, 0},
        {"joint", true, false, 1000, 1000, 1024, 0},
        {"gradient of z", false, false, 1024, 100, 100, 0},
        {"gradient of z", false, false, 1024, 1000, 1000, 0},
        {"dense", false, false, 64, 256, 256, 0},
        {"dense", false, false, 64, 1024, 4096, 0},
        {"dense, gradient of x", false, true, 64, 4096, 1024, 0},
        {"heads, gradient of weights", true, false, 4096, 300, 1024, 0},
        {"heads, gradient of x", false, true, 1024, 4608, 300, 0},
    };
    return b->c < (int64_t)(sizeof all / sizeof *all) ? &all[b->c] : NULL;
}

static void product(bench *b) {
    const factors *f = chosen(b);
    b->k->product(b->ctx, f->ta, f->tb, f->m, f->n, f->depth, b->x, f->ta ? f->m : f->depth, b->dx,
                  f->tb ? f->depth : f->n, f->beta, b->y, f->n, b->work);
}

static void gemm(bench *b) {
    const factors *f = chosen(b);
    mi__gemm_f32(f->ta, f->tb, f->m, f->n, f->depth, b->x, f->ta ? f->m : f->depth, b->dx,
                 f->tb ? f->depth : f->n, f->beta, b->y, f->n);
}

static void products(bench *b) {
    const factors *f;
    for (b->c = 0; (f = chosen(b)) != NULL; b->c++) {
        double flop = 2. * (double)(f->m * f->n * f->depth);
        printf(" %s: %dx%d, %d terms\n", f->name, (int)f->m, (int)f->n, (int)f->depth);
        b->x = filled(f->m * f->depth);
        b->dx = filled(f->depth * f->n);
        b->y = filled(f->m * f->n);
        b->work = filled((int64_t)(b->k->product_work(b->ctx) / sizeof(float)) + 1);
        report("product", b, product, flop, "GFLOP/s");
        report("gemm", b, gemm, flop, "GFLOP/s");
        free(b->x), free(b->dx), free(b->y), free(b->work);
    }
}

int main(int argc, char **argv) {
    static const int64_t shapes[][3] = {{24, 1, 64}, {12, 64, 128}, {6, 128, 256}, {3, 256, 512}};
    int64_t images = argc > 2 ? atoll(argv[2]) : 600;
    mi_context_options options = {.struct_size = sizeof options,
                                  .threads = argc > 3 ? atoi(argv[3]) : 0};
    bench b = {.map.n = images > 0 ? images : 600};
    if (mi_context_create(&options, &b.ctx) != MI_OK) {
        fprintf(stderr, "%s\n", mi_error_message());
        return EXIT_FAILURE;
    }
    for (int32_t t = 0; (b.k = mi__kernels_list(t)) != NULL; t++) {
        if (argc > 1 && strcmp(argv[1], b.k->name) != 0)
            continue;
        printf("%s, %d threads, %d images\n", b.k->name, mi_context_threads(b.ctx), (int)b.map.n);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            convolutions(&b, shapes[i][0], shapes[i][1], shapes[i][2]);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            passes(&b, shapes[i][0], shapes[i][2]);
        products(&b);
    }
    mi_context_destroy(b.ctx);
    return EXIT_SUCCESS;
}
