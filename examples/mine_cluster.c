/* SPDX-License-Identifier: BSD-2-Clause */
/* Learns what digits are without a label, by mutual information between codes: an encoder and a
 * critic together raise a bound on the information that the code of an image has about the code of
 * its transformed twin.
 *
 *     mine_cluster --data builtin --encoder small        the drawn digits that libmi brings along
 *     mine_cluster --data mnist --latent 16 --out out    a directory with the four IDX files
 *
 * Labels are read to measure the codes, never to learn or to choose: a linear classifier is trained
 * on the codes of training images and scored on those of test images. */
#include "code_pictures.h"
#include "options.h"
#include "watch.h"

#include <mi/mi.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *data, *encoder, *critic, *bound, *out, *save, *restore;
    long long latent, units, batch, epochs, measures, crop, seed, threads;
    double rate, temperature;
    bool eval;
} set = {.data = "builtin",
         .encoder = "vgg-f",
         .critic = "cosine",
         .bound = "infonce",
         .latent = 10,
         .units = 1024,
         .batch = 64,
         .epochs = 4,
         .measures = 1,
         .rate = 4e-3,
         .crop = 18,
         .temperature = 1};

static const option options[] = {
    {"data", OPTION_TEXT, &set.data, 0, 0, "builtin, or a directory (see mi/dataset.h)"},
    {"encoder", OPTION_TEXT, &set.encoder, 0, 0, "network in front of the codes (mi/encoder.h)"},
    {"latent", OPTION_INTEGER, &set.latent, 1, 4096, "numbers of a code"},
    {"critic", OPTION_TEXT, &set.critic, 0, 0,
     "how two codes get a score: additive, concat, separable, bilinear (mi/mine.h), or cosine of "
     "the angle between them, over the temperature"},
    {"temperature", OPTION_REAL, &set.temperature, 0.001, 1000, "of the critic cosine"},
    {"units", OPTION_INTEGER, &set.units, 1, 65536, "of a hidden layer of the critic"},
    {"bound", OPTION_TEXT, &set.bound, 0, 0,
     "on the information: mine, dv, infonce, jsd, smile, "
     "nwj, ... (mi/bound.h)"},
    {"batch", OPTION_INTEGER, &set.batch, 2, 65536, "pairs a step"},
    {"epochs", OPTION_INTEGER, &set.epochs, 1, 100000, "times through the training images"},
    {"measures", OPTION_INTEGER, &set.measures, 1, 1000,
     "how often in an epoch codes are measured"},
    {"rate", OPTION_REAL, &set.rate, 1e-9, 1, "learning rate of Adam; falls to 0 along a cosine"},
    {"crop", OPTION_INTEGER, &set.crop, 0, 4096,
     "side of the smallest random crops; others have 2 and 4 pixels more; 0: 20 of 28"},
    {"seed", OPTION_INTEGER, &set.seed, 0, 1e15, "of weights, order and transforms"},
    {"threads", OPTION_INTEGER, &set.threads, 0, 1024, "0: all processors"},
    {"out", OPTION_TEXT, &set.out, 0, 0, "directory for metrics.csv, likeness.png, neighbours.png"},
    {"save", OPTION_TEXT, &set.save, 0, 0, "write the encoder to this file after every epoch"},
    {"restore", OPTION_TEXT, &set.restore, 0, 0, "begin with this encoder"},
    {"eval", OPTION_FLAG, &set.eval, 0, 0, "no training: only measure"},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
};

#define PART 1000 /* images that are encoded at a time */

static void fail(const char *problem, const char *which) {
    fprintf(stderr, "mine_cluster: %s: %s\n", which, problem);
    exit(1);
}

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        fail("no memory", "data");
    return memory;
}

/* A set with its codes. */
typedef struct coded {
    mi_dataset *set;
    int64_t n;
    float *code;
    int32_t *label;
} coded;

/* What the parts below share. */
typedef struct run {
    mi_context *context;
    coded train, test;
    mi_dataset_shape shape;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_bound *bound;
    mi_mine *mine; /* NULL: the critic cosine */
    int32_t side;
    double estimate, begin, images; /* running estimate, start, images seen since */
    double accuracy, own_accuracy;  /* of a linear classifier; of one fitted to the test codes */
    FILE *metrics;
    bool failed_to_save;
} run;

/* -- building --------------------------------------------------------------------------------- */

static void open_set(run *r, int32_t split, coded *out) {
    need(mi_dataset_open(r->context, set.data, split, &out->set), "images");
    r->shape = (mi_dataset_shape){.struct_size = sizeof r->shape};
    need(mi_dataset_info(out->set, &r->shape), "images");
    out->n = r->shape.count;
    out->code = room(out->n * set.latent, sizeof *out->code);
    out->label = room(out->n, sizeof *out->label);
    need(mi_dataset_read(out->set, out->n, NULL, NULL, out->label), "labels");
}

static void build_encoder(run *r) {
    char text[4096];
    if (snprintf(text, sizeof text, "%s, dense %lld, bn", set.encoder, set.latent) >=
        (int)sizeof text)
        fail("the description is too long", "encoder");
    mi_encoder_options eo = {.struct_size = sizeof eo,
                             .height = r->side,
                             .width = r->side,
                             .channels = r->shape.channels};
    need(mi_encoder_create(r->context, text, &eo, &r->encoder), "encoder");
    if (set.restore != NULL)
        need(mi_encoder_load(r->encoder, set.restore), "restore");
}

static void build_critic(run *r, const mi_optimizer_options *oo) {
    static const char *const names[] = {"cosine", "additive", "concat", "separable", "bilinear"};
    int critic = 0; /* but for the first, an mi_critic */
    while (critic < 5 && strcmp(set.critic, names[critic]) != 0)
        critic++;
    if (critic == 5)
        fail("the critic is one of cosine, additive, concat, separable, bilinear", set.critic);
    need(mi_bound_create(r->context, set.bound, &r->bound), "bound");
    if (critic == 0)
        return;
    mi_mine_options mo = {.struct_size = sizeof mo, .critic = critic, .units = (int32_t)set.units};
    need(mi_mine_create(r->context, set.latent, set.latent, r->bound, &mo, oo, &r->mine), "critic");
}

static void build(run *r) {
    mi_context_options co = {
        .struct_size = sizeof co, .seed = (uint64_t)set.seed, .threads = (int32_t)set.threads};
    need(mi_context_create(&co, &r->context), "context");
    open_set(r, MI_SPLIT_TEST, &r->test);
    open_set(r, MI_SPLIT_TRAIN, &r->train);
    mi_pairs_options po = {.struct_size = sizeof po, .batch = set.batch};
    for (int i = 0; i < 3 && set.crop > 0; i++)
        po.crops[i] = (int32_t)set.crop + 2 * i;
    need(mi_pairs_create(r->context, r->train.set, &po, &r->pairs), "pairs");
    need(mi_pairs_sizes(r->pairs, NULL, NULL, &r->side, NULL), "pairs");
    build_encoder(r);
    mi_optimizer_options oo = {.struct_size = sizeof oo,
                               .rate = set.rate,
                               .schedule = MI_SCHEDULE_COSINE,
                               .total = set.epochs * mi_pairs_batches(r->pairs)};
    need(mi_optimizer_create(r->encoder, &oo, &r->optimizer), "optimizer");
    build_critic(r, &oo);
}

static void open_out(run *r) {
    char path[4096];
    if (set.out == NULL)
        return;
    if (mkdir(set.out, 0777) != 0 && errno != EEXIST)
        fail(strerror(errno), set.out);
    snprintf(path, sizeof path, "%s/metrics.csv", set.out);
    r->metrics = fopen(path, "w");
    if (r->metrics == NULL)
        fail(strerror(errno), path);
    fprintf(r->metrics, "epoch,seconds,estimate,accuracy,own_accuracy\n");
}

/* -- measuring -------------------------------------------------------------------------------- */

static void encode(run *r, coded *c) {
    const int64_t numbers = mi_encoder_input(r->encoder, NULL, NULL, NULL);
    float *x = room(PART * numbers, sizeof *x);
    int64_t index[PART];
    for (int64_t i = 0; i < c->n; i += PART) {
        int64_t n = c->n - i < PART ? c->n - i : PART;
        for (int64_t j = 0; j < n; j++)
            index[j] = i + j;
        need(mi_pairs_plain(c->set, r->side, n, index, x), "images");
        need(mi_encoder_forward(r->encoder, MI_MODE_EVAL, n, x), "encoder");
        need(mi_encoder_output(r->encoder, -1, c->code + i * set.latent), "encoder");
    }
    free(x);
}

/* A classifier is fitted to one set of codes and scored on another, or the same. */
static double probe(const run *r, const char *layers, const coded *fitted, const coded *scored) {
    mi_probe_options o = {.struct_size = sizeof o, .layers = layers};
    mi_probe *p;
    double accuracy;
    need(mi_probe_create(r->context, set.latent, r->shape.classes, &o, &p), "probe");
    need(mi_probe_fit(p, fitted->n, fitted->code, 0, fitted->label, NULL), "probe");
    need(mi_probe_accuracy(p, scored->n, scored->code, 0, scored->label, &accuracy), "probe");
    mi_probe_destroy(p);
    return accuracy;
}

static void measure(run *r, double epoch) {
    encode(r, &r->train);
    encode(r, &r->test);
    r->accuracy = probe(r, NULL, &r->train, &r->test);
    r->own_accuracy = probe(r, "dense 256", &r->test, &r->test);
    fprintf(stderr,
            "%sepoch %g: %.3f nats, test accuracy %.4f, fitted to the test codes "
            "themselves %.4f  [%.0f s]\n",
            isatty(2) ? "\r\033[K" : "", epoch, r->estimate, r->accuracy, r->own_accuracy,
            now() - r->begin);
    if (r->metrics == NULL)
        return;
    fprintf(r->metrics, "%.6g,%.1f,%.6f,%.6f,%.6f\n", epoch, now() - r->begin, r->estimate,
            r->accuracy, r->own_accuracy);
    if (fflush(r->metrics) != 0 || ferror(r->metrics)) {
        fprintf(stderr, "mine_cluster: cannot write metrics.csv: %s\n", strerror(errno));
        r->failed_to_save = true;
    }
}

static void save(run *r) {
    if (set.save == NULL || mi_encoder_save(r->encoder, set.save) == MI_OK)
        return;
    fprintf(stderr, "mine_cluster: the encoder was not written: %s\n", mi_error_message());
    r->failed_to_save = true;
}

/* -- training --------------------------------------------------------------------------------- */

/* The score of two codes is the cosine of their angle over the temperature: nothing is learnt but
 * the codes. */
static double cosine_step(run *r, int64_t n, const float *z, float *dz) {
    mi_bound_result result = {.struct_size = sizeof result};
    mi_bound_embeddings_f32 e = {.struct_size = sizeof e,
                                 .n = n,
                                 .d = set.latent,
                                 .u = z,
                                 .v = z + n * set.latent,
                                 .temperature = set.temperature,
                                 .normalize = 1,
                                 .du = dz,
                                 .dv = dz + n * set.latent};
    need(mi_bound_eval_embeddings_f32(r->bound, &e, &result), "bound");
    return result.estimate;
}

static double mine_step(run *r, int64_t n, const float *z, float *dz) {
    mi_mine_report report = {.struct_size = sizeof report};
    need(mi_mine_step(r->mine, n, z, z + n * set.latent, dz, dz + n * set.latent, &report),
         "critic");
    return report.estimate;
}

/* Images and their twins go through the encoder as one batch. */
static void step(run *r, float *x, float *z, float *dz) {
    const int64_t n = set.batch, numbers = mi_encoder_input(r->encoder, NULL, NULL, NULL);
    need(mi_pairs_next(r->pairs, x, x + n * numbers, NULL), "pairs");
    need(mi_encoder_forward(r->encoder, MI_MODE_TRAIN, 2 * n, x), "encoder");
    need(mi_encoder_output(r->encoder, -1, z), "encoder");
    double estimate = r->mine != NULL ? mine_step(r, n, z, dz) : cosine_step(r, n, z, dz);
    need(mi_encoder_backward(r->encoder, NULL, dz, NULL), "encoder");
    need(mi_optimizer_step(r->optimizer), "optimizer");
    r->estimate = r->images == 0 ? estimate : 0.98 * r->estimate + 0.02 * estimate;
    r->images += (double)n;
}

static void show_progress(const run *r, int64_t epoch, int64_t step, int64_t steps) {
    double rate = r->images / (now() - r->begin);
    int64_t left = set.epochs * steps - (epoch - 1) * steps - step;
    int seconds = (int)((double)(left * set.batch) / rate);
    fprintf(stderr,
            "\repoch %lld of %lld, step %lld of %lld, %.4f nats, %.0f pairs/s, %d:%02d left ",
            (long long)epoch, set.epochs, (long long)step, (long long)steps, r->estimate, rate,
            seconds / 60, seconds % 60);
}

static void train(run *r) {
    const int64_t steps = mi_pairs_batches(r->pairs),
                  numbers = mi_encoder_input(r->encoder, NULL, NULL, NULL);
    float *x = room(2 * set.batch * numbers, sizeof *x);
    float *z = room(2 * set.batch * set.latent, sizeof *z);
    float *dz = room(2 * set.batch * set.latent, sizeof *dz);
    for (int64_t done = 0; !interrupted && done < set.epochs * steps; done++) {
        const int64_t i = done % steps + 1;
        step(r, x, z, dz);
        if (isatty(2) && (i % 5 == 0 || i == steps))
            show_progress(r, done / steps + 1, i, steps);
        if (i * set.measures / steps != (i - 1) * set.measures / steps)
            measure(r, (double)(done + 1) / (double)steps);
        if (i == steps)
            save(r);
    }
    free(x);
    free(z);
    free(dz);
}

/* -- the result ------------------------------------------------------------------------------- */

static void draw(run *r) {
    code_set c = {.n = r->test.n,
                  .side = r->side,
                  .channels = r->shape.channels,
                  .latent = (int)set.latent,
                  .classes = r->shape.classes,
                  .code = r->test.code,
                  .label = r->test.label};
    float *x = room(c.n * mi_encoder_input(r->encoder, NULL, NULL, NULL), sizeof *x);
    c.x = x;
    need(mi_pairs_plain(r->test.set, r->side, c.n, NULL, x), "pictures");
    need(draw_codes(set.out, &c), "pictures");
    free(x);
}

static void report(const run *r, double seconds) {
    double epochs = (double)mi_pairs_position(r->pairs) / (double)mi_pairs_batches(r->pairs);
    printf("%s after %g epochs. Test images in the right class by a linear classifier of their "
           "codes:\n"
           "  %.2f %% trained on the codes of the training images\n"
           "  %.2f %% trained on the very codes that are scored\n",
           interrupted ? "Interrupted" : "Done", epochs, 100 * r->accuracy, 100 * r->own_accuracy);
    if (set.out != NULL)
        printf("Pictures: %s/likeness.png and %s/neighbours.png\n", set.out, set.out);
    printf("{\"test_accuracy\": %.4f, \"own_accuracy\": %.4f, \"estimate\": %.4f, \"latent\": "
           "%lld, \"epochs\": %.6g, \"seconds\": %.1f, \"pairs_per_second\": %.1f, "
           "\"interrupted\": %s}\n",
           r->accuracy, r->own_accuracy, r->estimate, set.latent, epochs, seconds,
           seconds > 0 ? r->images / seconds : 0, interrupted ? "true" : "false");
}

static void destroy(run *r) {
    coded *sets[2] = {&r->train, &r->test};
    for (int i = 0; i < 2; i++) {
        mi_dataset_destroy(sets[i]->set);
        free(sets[i]->code);
        free(sets[i]->label);
    }
    mi_mine_destroy(r->mine);
    mi_bound_destroy(r->bound);
    mi_optimizer_destroy(r->optimizer);
    mi_encoder_destroy(r->encoder);
    mi_pairs_destroy(r->pairs);
    mi_context_destroy(r->context);
}

int main(int argc, char **argv) {
    options_parse("mine_cluster",
                  "Learns codes of images by the information that they have about their twins'.",
                  options, argc, argv);
    watch_interrupts();

    run r = {0};
    build(&r);
    open_out(&r);
    need_folder("mine_cluster", set.save);
    char summary[8192];
    mi_encoder_summary(r.encoder, summary, sizeof summary);
    fprintf(stderr, "%lld training images\n%s", (long long)r.train.n, summary);

    r.begin = now();
    if (!set.eval)
        train(&r);
    double seconds = now() - r.begin;
    if (interrupted)
        save(&r);
    if (interrupted || set.eval)
        measure(&r, (double)mi_pairs_position(r.pairs) / (double)mi_pairs_batches(r.pairs));
    if (set.out != NULL)
        draw(&r);
    report(&r, seconds);
    bool fine = !r.failed_to_save;
    if (r.metrics != NULL)
        fine = fclose(r.metrics) == 0 && fine;
    destroy(&r);
    return interrupted ? 130 : fine && fflush(stdout) == 0 ? 0 : 1;
}
