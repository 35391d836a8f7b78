/* SPDX-License-Identifier: BSD-2-Clause */
/* Speed of the parts of a clustering run, through the public headers.
 *
 *     parts [threads]
 *
 * The shortest and the median of several runs, in milliseconds and in what is counted. */
#include "bench.h"

#include <mi/mi.h>

#define RUNS 9
enum { BATCH = 128, REPEATS = 4, SIDE = 24 };

static mi_context *context;

/* `amount` of `unit` a run. */
static void report(const char *name, void (*run)(void *), void *arg, double amount,
                   const char *unit) {
    double seconds[RUNS];
    run(arg);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        run(arg);
        seconds[i] = now() - start;
    }
    qsort(seconds, RUNS, sizeof *seconds, ascending);
    printf("%-42s %9.3f ms, median %9.3f ms %12.4g %s\n", name, 1e3 * seconds[0],
           1e3 * seconds[RUNS / 2], amount / seconds[0], unit);
}

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        exit(1);
    return memory;
}

/* -- a step of training ------------------------------------------------------------------------ */

typedef struct training {
    mi_pairs *pairs;
    mi_cluster *cluster;
    float *x, *xt;
} training;

static void next_batch(void *arg) {
    training *t = arg;
    TRY(mi_pairs_next(t->pairs, t->x, t->xt, NULL));
}

/* Of the size of CIFAR-10's. */
static void bench_colour_pairs(void) {
    enum { IMAGES = 512, VALUES = 32 * 32 * 3, COLOURS = 64 };
    mi_pairs_options po = {.struct_size = sizeof po, .batch = COLOURS, .workers = -1};
    mi_dataset *set;
    training t = {0};
    uint8_t *pixels = room(IMAGES * VALUES, 1);
    for (int64_t i = 0; i < IMAGES * VALUES; i++)
        pixels[i] = (uint8_t)(i * 7919 % 251);
    TRY(mi_dataset_from_u8(context, IMAGES, 32, 32, 3, pixels, NULL, &set));
    TRY(mi_pairs_create(context, set, &po, &t.pairs));
    t.x = room(COLOURS * VALUES, sizeof *t.x);
    t.xt = room(COLOURS * VALUES, sizeof *t.xt);
    report("pairs, 64 colour images with a twin", next_batch, &t, COLOURS, "twins/s");
    mi_pairs_destroy(t.pairs);
    mi_dataset_destroy(set);
    free(pixels);
    free(t.x);
    free(t.xt);
}

static void step(void *arg) {
    training *t = arg;
    TRY(mi_cluster_step(t->cluster, BATCH, t->x, REPEATS, t->xt, NULL));
}

static void bench_training(const char *network, double megaflops) {
    training t;
    mi_dataset *set;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    char text[128], name[64];
    mi_pairs_options po = {
        .struct_size = sizeof po, .batch = BATCH, .repeats = REPEATS, .workers = -1};
    TRY(mi_dataset_digits(context, 1, 0, 4096, &set));
    TRY(mi_pairs_create(context, set, &po, &t.pairs));
    snprintf(text, sizeof text, "%s | 5 x softmax 10, 5 x softmax 50", network);
    TRY(mi_encoder_create(context, text, NULL, &encoder));
    TRY(mi_optimizer_create(encoder, NULL, &optimizer));
    TRY(mi_cluster_create(encoder, optimizer, NULL, &t.cluster));
    t.x = room(BATCH * SIDE * SIDE, sizeof *t.x);
    t.xt = room(BATCH * REPEATS * SIDE * SIDE, sizeof *t.xt);
    double rows = BATCH * (1 + REPEATS);
    report("pairs, 128 images with 4 twins", next_batch, &t, BATCH * REPEATS, "twins/s");
    snprintf(name, sizeof name, "step of %s, 640 views", network);
    report(name, step, &t, 3e-3 * megaflops * rows, "GFLOP/s of convolution");
    mi_cluster_destroy(t.cluster);
    mi_optimizer_destroy(optimizer);
    mi_encoder_destroy(encoder);
    mi_pairs_destroy(t.pairs);
    mi_dataset_destroy(set);
    free(t.x);
    free(t.xt);
}

/* -- tier 1 ------------------------------------------------------------------------------------ */

typedef struct objective {
    mi_iic *iic;
    mi_iic_head_f32 head;
} objective;

static void evaluate(void *arg) {
    objective *o = arg;
    double loss;
    TRY(mi_iic_eval_f32(o->iic, 1024, 1, &o->head, &loss));
}

static void bench_iic(int64_t classes) {
    objective o = {.head = {.classes = classes}};
    int64_t count = 1024 * classes;
    float *z = room(4 * count, sizeof *z);
    char name[64];
    for (int64_t i = 0; i < 2 * count; i++)
        z[i] = (float)(1 + i * 7919 % 104729) / 1e5f;
    o.head.z = z, o.head.zt = z + count, o.head.dz = z + 2 * count, o.head.dzt = z + 3 * count;
    TRY(mi_iic_create(context, NULL, &o.iic));
    snprintf(name, sizeof name, "IIC, n = 1024, K = %lld", (long long)classes);
    report(name, evaluate, &o, 6e-9 * 1024 * (double)(classes * classes), "GFLOP/s");
    mi_iic_destroy(o.iic);
    free(z);
}

typedef struct segmentation {
    mi_iic *iic;
    mi_iic_maps_f32 io;
} segmentation;

static void segment(void *arg) {
    segmentation *s = arg;
    double loss;
    TRY(mi_iic_eval_maps_f32(s->iic, &s->io, &loss));
}

static void bench_maps(int64_t reach, int32_t collapse) {
    const int64_t n = 8, side = 64, classes = 12, count = n * side * side * classes;
    segmentation s = {.io = {.struct_size = sizeof s.io,
                             .n = n,
                             .height = side,
                             .width = side,
                             .classes = classes,
                             .reach = reach,
                             .collapse = collapse}};
    float *z = room(4 * count, sizeof *z);
    char name[64];
    for (int64_t i = 0; i < 2 * count; i++)
        z[i] = (float)(1 + i * 7919 % 104729) / 1e5f;
    s.io.z = z, s.io.zt = z + count, s.io.dz = z + 2 * count, s.io.dzt = z + 3 * count;
    TRY(mi_iic_create(context, NULL, &s.iic));
    snprintf(name, sizeof name, "IIC, 8 maps 64 x 64, K = 12, T = %lld%s", (long long)reach,
             collapse == MI_IIC_COLLAPSED ? "" : " each");
    report(name, segment, &s, (double)(n * side * side), "pixels/s");
    mi_iic_destroy(s.iic);
    free(z);
}

typedef struct square {
    mi_assign *assign;
    int64_t n, *match;
    double *cost;
    int32_t *group;
} square;

static void assign(void *arg) {
    square *s = arg;
    TRY(mi_assign_solve_f64(s->assign, s->n, s->n, s->cost, 0, MI_ASSIGN_MINIMIZE, s->match, NULL,
                            NULL));
}

static void merge(void *arg) {
    square *s = arg;
    TRY(mi_iic_merge(context, s->n, s->cost, 0, 10, s->group, NULL));
}

static void bench_square(const char *what, void (*run)(void *), int64_t n) {
    square s = {.n = n};
    char name[64];
    uint64_t state = 1;
    s.match = room(n, sizeof *s.match);
    s.group = room(n, sizeof *s.group);
    s.cost = room(n * n, sizeof *s.cost);
    for (int64_t i = 0; i < n * n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        s.cost[i] = (double)(state >> 11) * 0x1p-53;
    }
    TRY(mi_assign_create(context, &s.assign));
    snprintf(name, sizeof name, "%s, n = %lld", what, (long long)n);
    report(name, run, &s, 1, "a second");
    mi_assign_destroy(s.assign);
    free(s.match);
    free(s.group);
    free(s.cost);
}

int main(int argc, char **argv) {
    char info[512];
    mi_context_options o = {.struct_size = sizeof o, .threads = argc > 1 ? atoi(argv[1]) : 0};
    TRY(mi_context_create(&o, &context));
    mi_build_info(info, sizeof info);
    printf("%s, %d threads\n", info, mi_context_threads(context));
    bench_colour_pairs();
    bench_training("vgg-f", 64.4); /* multiplications and additions of a view, forward, direct */
    bench_training("small", 4.15);
    bench_iic(10);
    bench_iic(50);
    bench_iic(100);
    bench_iic(1000);
    bench_maps(5, MI_IIC_COLLAPSED);
    bench_maps(10, MI_IIC_COLLAPSED);
    bench_maps(5, MI_IIC_UNCOLLAPSED);
    bench_maps(10, MI_IIC_UNCOLLAPSED);
    bench_square("assignment, uniform costs", assign, 10);
    bench_square("assignment, uniform costs", assign, 100);
    bench_square("assignment, uniform costs", assign, 1000);
    bench_square("merging to 10 clusters", merge, 50);
    bench_square("merging to 10 clusters", merge, 200);
    mi_context_destroy(context);
    return 0;
}
