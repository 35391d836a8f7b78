/* SPDX-License-Identifier: BSD-2-Clause */
/* Learns what natural images are like without a label, by Deep InfoMax: the code of an image is to
 * have much information about the image, above all about each place of it.
 *
 *     infomax --data builtin --epochs 1                    the drawn digits that libmi brings along
 *     infomax --data cifar --out out                       a directory with CIFAR-10's six files
 *     infomax --data cifar --encoder infomax-pool --prior kl --z-dim 256
 *             --global code --local concat --views plain --rate 1e-3
 *
 * Labels are read to measure the features, never to learn or to choose. */
#include "quality.h"
#include "options.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *data, *encoder, *bound, *global_bound, *global, *global_critic, *local, *prior,
        *views, *schedule, *out, *save, *restore, *beside;
    long long size, z_dim, batch, epochs, units, embed, layers, negatives, measures, neighbours,
        mlp_epochs, stop, seed, threads;
    double alpha, beta, gamma, delta, rate, temperature, decay, linear_decay, scale_min;
    bool unlabelled, shuffle, eval, bfloat16;
} set = {.data = "builtin",
         .encoder = "infomax",
         .bound = "infonce",
         .global = "map",
         .global_critic = "concat",
         .local = "dot",
         .prior = "none",
         .views = "plain",
         .schedule = "cosine",
         .z_dim = 64,
         .batch = 64,
         .epochs = 10,
         .units = 512,
         .layers = 2,
         .neighbours = 10,
         .mlp_epochs = 50,
         .beta = 1,
         .gamma = 0.1,
         .rate = 1e-3,
         .temperature = 0.1,
         .scale_min = 0.2};

static const option options[] = {
    {"data", OPTION_TEXT, &set.data, 0, 0, "builtin, or a directory (see mi/dataset.h)"},
    {"size", OPTION_INTEGER, &set.size, 0, 4096,
     "side that pictures of train/ and test/ are brought to; 0: all have the same"},
    {"unlabelled", OPTION_FLAG, &set.unlabelled, 0, 0,
     "learn from the images without labels that STL-10 has, too; measure with the others"},
    {"encoder", OPTION_TEXT, &set.encoder, 0, 0,
     "layers with a tap: infomax, infomax-pool, infomax-residual, or others (mi/encoder.h)"},
    {"z-dim", OPTION_INTEGER, &set.z_dim, 1, 65536, "numbers of a code"},
    {"alpha", OPTION_REAL, &set.alpha, 0, 1e6, "weight of the global term"},
    {"beta", OPTION_REAL, &set.beta, 0, 1e6, "weight of the local term"},
    {"gamma", OPTION_REAL, &set.gamma, 0, 1e6, "weight of the prior"},
    {"delta", OPTION_REAL, &set.delta, 0, 1e6, "weight of the term within one image"},
    {"bound", OPTION_TEXT, &set.bound, 0, 0, "infonce, jsd, dv, ... (mi/bound.h), of all terms"},
    {"global-bound", OPTION_TEXT, &set.global_bound, 0, 0, "another one for the global term"},
    {"global", OPTION_TEXT, &set.global, 0, 0, "what codes are compared with: map or code"},
    {"global-critic", OPTION_TEXT, &set.global_critic, 0, 0, "dot or concat"},
    {"local", OPTION_TEXT, &set.local, 0, 0, "critic of the local term: dot or concat"},
    {"prior", OPTION_TEXT, &set.prior, 0, 0,
     "none, kl (codes are Gaussian), adversarial (uniform), or adversarial-normal"},
    {"units", OPTION_INTEGER, &set.units, 1, 65536, "of a critic's hidden layer"},
    {"embed", OPTION_INTEGER, &set.embed, 0, 65536, "outputs of dot's projections; 0: as many"},
    {"layers", OPTION_INTEGER, &set.layers, 1, 16, "hidden layers of concat"},
    {"negatives", OPTION_INTEGER, &set.negatives, -1, 65536, "of concat; -1: all; 0: few"},
    {"shuffle", OPTION_FLAG, &set.shuffle, 0, 0, "concat's negatives may be pairs that belong"},
    {"temperature", OPTION_REAL, &set.temperature, 1e-3, 1e3, "of dot"},
    {"views", OPTION_TEXT, &set.views, 0, 0,
     "plain (images as they are), one (a random crop, flip, colours), two (the code of one meets "
     "the map of the other)"},
    {"scale-min", OPTION_REAL, &set.scale_min, 1e-3, 1, "smallest share of the area in a crop"},
    {"batch", OPTION_INTEGER, &set.batch, 2, 65536, "images a step"},
    {"epochs", OPTION_INTEGER, &set.epochs, 1, 100000, "times through the training images"},
    {"stop", OPTION_INTEGER, &set.stop, 0, 100000, "leave after so many of them; 0: after all"},
    {"rate", OPTION_REAL, &set.rate, 1e-9, 1, "learning rate of Adam"},
    {"schedule", OPTION_TEXT, &set.schedule, 0, 0, "of the rate: constant, or cosine (to 0)"},
    {"decay", OPTION_REAL, &set.decay, 0, 1, "weight decay"},
    {"bfloat16", OPTION_FLAG, &set.bfloat16, 0, 0, "convolutions multiply in bfloat16"},
    {"measures", OPTION_INTEGER, &set.measures, 0, 1000,
     "measure features after so many epochs each; 0: at the end"},
    {"neighbours", OPTION_INTEGER, &set.neighbours, 1, 10000, "that vote"},
    {"linear-decay", OPTION_REAL, &set.linear_decay, -1, 1e6,
     "weight decay of linear classifiers; -1: each is given its best, by training images held out"},
    {"mlp-epochs", OPTION_INTEGER, &set.mlp_epochs, 0, 10000,
     "of classifiers with 200 hidden units; 0: none"},
    {"seed", OPTION_INTEGER, &set.seed, 0, 1e15, "of weights, order and views"},
    {"threads", OPTION_INTEGER, &set.threads, 0, 1024, "0: all processors"},
    {"out", OPTION_TEXT, &set.out, 0, 0, "directory for metrics.csv, knn_cos.png, knn_l2.png"},
    {"save", OPTION_TEXT, &set.save, 0, 0, "write a checkpoint to this file after every epoch"},
    {"restore", OPTION_TEXT, &set.restore, 0, 0, "go on from this checkpoint"},
    {"beside", OPTION_TEXT, &set.beside, 0, 0,
     "a checkpoint of the same encoder: its neighbours stand beside these in knn_beside.png"},
    {"eval", OPTION_FLAG, &set.eval, 0, 0, "no training: only measure"},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
};

static void fail(const char *problem, const char *which) {
    fprintf(stderr, "infomax: %s: %s\n", which, problem);
    exit(1);
}

static void *room(int64_t count, size_t size) {
    void *memory = calloc((size_t)count, size);
    if (memory == NULL)
        fail("no memory", "data");
    return memory;
}

/* What the parts below share. */
typedef struct run {
    mi_context *context;
    mi_dataset *train, *test; /* what is measured with */
    mi_dataset *learnt;       /* what is learnt from: train, or unlabelled images */
    mi_dataset_shape shape;   /* of train */
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_infomax *infomax, *beside;
    int32_t side;
    double begin, pause, images; /* start, seconds of measuring, images seen since */
    mi_infomax_report report;    /* of the last step */
    quality quality;
    bool measured, failed_to_save;
    FILE *metrics;
} run;

/* -- building --------------------------------------------------------------------------------- */

/* The number of a word in a list, counted from 1. */
static int32_t word(const char *name, const char *text, int count, const char *const *words) {
    char problem[128] = "is one of";
    for (int i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return i + 1;
        strcat(strcat(problem, " "), words[i]);
    }
    fail(problem, name);
    return 0;
}

static const char *const critics[] = {"dot", "concat"};
static const char *const globals[] = {"map", "code"};
static const char *const priors[] = {"none", "kl", "adversarial", "adversarial-normal"};
static const char *const views[] = {"plain", "one", "two"};
static const char *const schedules[] = {"constant", "cosine"};

static mi_dataset *open_set(const run *r, int32_t split, const char *what) {
    char path[4096];
    mi_dataset *out;
    snprintf(path, sizeof path, "%s/%s", set.data, split == MI_SPLIT_TEST ? "test" : "train");
    if (set.size > 0)
        need(mi_dataset_open_folders_at(r->context, path, (int32_t)set.size, &out), what);
    else
        need(mi_dataset_open(r->context, set.data, split, &out), what);
    return out;
}

static void build_pairs(run *r) {
    mi_pairs_options o = {.struct_size = sizeof o,
                          .batch = set.batch,
                          .recipe = MI_RECIPE_NATURAL,
                          .scale_min = set.scale_min};
    if (word("views", set.views, 3, views) == 1) {
        o.scale_min = o.flip_share = o.jitter_share = o.grey_share = -1;
        o.first_plain = 1;
    }
    need(mi_pairs_create(r->context, r->learnt, &o, &r->pairs), "pairs");
    need(mi_pairs_sizes(r->pairs, NULL, NULL, &r->side, NULL), "pairs");
}

static mi_encoder *build_encoder(const run *r) {
    mi_encoder *encoder;
    char text[4096];
    const char *heads = word("prior", set.prior, 4, priors) == MI_INFOMAX_PRIOR_KL ? "2 x " : "";
    if (snprintf(text, sizeof text, "%s | %slinear %lld", set.encoder, heads, set.z_dim) >=
        (int)sizeof text)
        fail("the description is too long", "encoder");
    const mi_encoder_options eo = {.struct_size = sizeof eo,
                                   .height = r->side,
                                   .width = r->side,
                                   .channels = r->shape.channels,
                                   .precision =
                                       set.bfloat16 ? MI_PRECISION_BFLOAT16 : MI_PRECISION_FLOAT32};
    need(mi_encoder_create(r->context, text, &eo, &encoder), "encoder");
    return encoder;
}

static mi_infomax *build_infomax(mi_encoder *encoder, mi_optimizer *optimizer) {
    mi_infomax *infomax;
    const mi_infomax_options o = {
        .struct_size = sizeof o,
        .alpha = set.alpha,
        .beta = set.beta,
        .gamma = set.gamma,
        .delta = set.delta,
        .global_bound = set.global_bound != NULL ? set.global_bound : set.bound,
        .local_bound = set.bound,
        .within_bound = set.bound,
        .global_critic = word("global-critic", set.global_critic, 2, critics),
        .local_critic = word("local", set.local, 2, critics),
        .global_of = word("global", set.global, 2, globals),
        .prior = word("prior", set.prior, 4, priors),
        .units = (int32_t)set.units,
        .embed = (int32_t)set.embed,
        .layers = (int32_t)set.layers,
        .negatives = (int32_t)set.negatives,
        .shuffle = set.shuffle,
        .temperature = set.temperature};
    need(mi_infomax_create(encoder, optimizer, &o, &infomax), "infomax");
    return infomax;
}

/* What another run has learnt, only to be looked at. */
static void build_beside(run *r) {
    mi_encoder *encoder = build_encoder(r);
    need(mi_encoder_load(encoder, set.beside), "beside");
    r->beside = build_infomax(encoder, NULL);
    mi_encoder_destroy(encoder); /* the other handle keeps it */
}

static void build(run *r) {
    const mi_context_options co = {
        .struct_size = sizeof co, .seed = (uint64_t)set.seed, .threads = (int32_t)set.threads};
    need(mi_context_create(&co, &r->context), "context");
    r->test = open_set(r, MI_SPLIT_TEST, "test images");
    r->train = open_set(r, MI_SPLIT_TRAIN, "training images");
    r->learnt =
        set.unlabelled ? open_set(r, MI_SPLIT_UNLABELLED, "images without labels") : r->train;
    r->shape.struct_size = sizeof r->shape;
    need(mi_dataset_info(r->train, &r->shape), "images");
    build_pairs(r);
    r->encoder = build_encoder(r);
    const bool constant = word("schedule", set.schedule, 2, schedules) == 1;
    const int64_t total = set.epochs * mi_pairs_batches(r->pairs);
    const mi_optimizer_options oo = {.struct_size = sizeof oo,
                                     .rate = set.rate,
                                     .decay = set.decay,
                                     .schedule =
                                         constant ? MI_SCHEDULE_CONSTANT : MI_SCHEDULE_COSINE,
                                     .total = constant ? 0 : total};
    need(mi_optimizer_create(r->encoder, &oo, &r->optimizer), "optimizer");
    r->infomax = build_infomax(r->encoder, r->optimizer);
    if (set.restore != NULL)
        need(mi_infomax_restore(r->infomax, r->pairs, set.restore), "restore");
    if (set.beside != NULL)
        build_beside(r);
}

static void open_out(run *r) {
    char path[4096];
    if (set.out == NULL)
        return;
    if (mkdir(set.out, 0777) != 0 && errno != EEXIST)
        fail(strerror(errno), set.out);
    snprintf(path, sizeof path, "%s/metrics.csv", set.out);
    r->metrics = fopen(path, set.restore != NULL ? "a" : "w");
    if (r->metrics == NULL)
        fail(strerror(errno), path);
    if (ftell(r->metrics) == 0)
        fprintf(r->metrics, "step,epoch,seconds,rate,loss,global_loss,global_estimate,local_loss,"
                            "local_estimate,within_loss,within_estimate,prior,discriminator\n");
}

/* -- measuring -------------------------------------------------------------------------------- */

static void measure(run *r, double epoch) {
    const double start = now();
    const measurement m = {.context = r->context,
                           .infomax = r->infomax,
                           .train = r->train,
                           .test = r->test,
                           .side = r->side,
                           .classes = r->shape.classes,
                           .neighbours = (int)set.neighbours,
                           .linear_decay = set.linear_decay,
                           .mlp_epochs = (int)set.mlp_epochs,
                           .sheets = set.out,
                           .beside = r->beside,
                           .program = "measuring"};
    const quality *q = &r->quality;
    r->quality = measure_features(&m);
    r->measured = true;
    r->pause += now() - start;
    fprintf(stderr,
            "%sepoch %g: test images right, linear: conv %.4f, fc %.4f, code %.4f; 200 units: "
            "%.4f, %.4f, %.4f; neighbours: cosine %.4f, Euclidean %.4f; codes %.3f +- %.3f  "
            "[%.0f s]\n",
            isatty(2) ? "\r\033[K" : "", epoch, q->linear[0], q->linear[1], q->linear[2], q->mlp[0],
            q->mlp[1], q->mlp[2], q->knn_cos, q->knn_l2, q->code_mean, q->code_std,
            now() - r->begin - r->pause);
}

static void note(run *r, double epoch) {
    const mi_infomax_report *p = &r->report;
    if (r->metrics == NULL)
        return;
    fprintf(r->metrics, "%lld,%.6g,%.1f,%.6g,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f\n",
            (long long)p->step, epoch, now() - r->begin - r->pause, p->rate, p->loss,
            p->global_loss, p->global_estimate, p->local_loss, p->local_estimate, p->within_loss,
            p->within_estimate, p->prior, p->discriminator);
    if (fflush(r->metrics) != 0 || ferror(r->metrics)) {
        fprintf(stderr, "infomax: cannot write metrics.csv: %s\n", strerror(errno));
        r->failed_to_save = true;
    }
}

static void save(run *r) {
    if (set.save == NULL || mi_infomax_save(r->infomax, r->pairs, set.save) == MI_OK)
        return;
    fprintf(stderr, "infomax: the checkpoint was not written: %s\n", mi_error_message());
    r->failed_to_save = true;
}

/* -- training --------------------------------------------------------------------------------- */

static void show_progress(const run *r, int64_t done, int64_t steps) {
    const double rate = r->images / (now() - r->begin - r->pause);
    const int seconds = (int)((double)((set.epochs * steps - done) * set.batch) / rate);
    fprintf(stderr,
            "\repoch %lld of %lld, step %lld of %lld: loss %.4f, global %.3f, local %.3f nats, "
            "%.0f images/s, %d:%02d:%02d left ",
            (long long)((done - 1) / steps + 1), set.epochs, (long long)((done - 1) % steps + 1),
            (long long)steps, r->report.loss, r->report.global_estimate, r->report.local_estimate,
            rate, seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static void train(run *r) {
    const int64_t steps = mi_pairs_batches(r->pairs),
                  numbers = set.batch * mi_encoder_input(r->encoder, NULL, NULL, NULL);
    const int64_t end = (set.stop > 0 && set.stop < set.epochs ? set.stop : set.epochs) * steps;
    const bool two = word("views", set.views, 3, views) == 3;
    float *x = room(numbers, sizeof *x), *xt = room(numbers, sizeof *xt);
    while (!interrupted && mi_pairs_position(r->pairs) < end) {
        need(mi_pairs_next(r->pairs, x, xt, NULL), "pairs");
        r->report.struct_size = sizeof r->report;
        need(mi_infomax_step(r->infomax, set.batch, x, two ? xt : NULL, &r->report), "step");
        r->images += (double)set.batch;

        const int64_t done = mi_pairs_position(r->pairs);
        const double epoch = (double)done / (double)steps;
        r->measured = false;
        if (done % 20 == 0 || done % steps == 0)
            note(r, epoch);
        if (isatty(2) && (done % 10 == 0 || done % steps == 0))
            show_progress(r, done, steps);
        if (done % steps == 0)
            save(r);
        if (set.measures > 0 && done % (set.measures * steps) == 0 && done < end)
            measure(r, epoch);
    }
    free(x);
    free(xt);
}

/* -- the result ------------------------------------------------------------------------------- */

static void print_levels(const char *name, const double accuracy[LEVELS]) {
    printf("\"%s\": {\"conv\": %.4f, \"fc\": %.4f, \"code\": %.4f}, ", name, accuracy[0],
           accuracy[1], accuracy[2]);
}

static void report(const run *r, double seconds) {
    const quality *q = &r->quality;
    const double epochs = (double)mi_pairs_position(r->pairs) / (double)mi_pairs_batches(r->pairs);
    const bool mlp = set.mlp_epochs > 0;
    printf("%s after %g epochs. Test images in the right class:\n"
           "                       conv     fc   code\n"
           "  linear classifier  %6.2f %6.2f %6.2f %%\n",
           interrupted ? "Interrupted" : "Done", epochs, 100 * q->linear[0], 100 * q->linear[1],
           100 * q->linear[2]);
    if (mlp)
        printf("  200 hidden units   %6.2f %6.2f %6.2f %%\n", 100 * q->mlp[0], 100 * q->mlp[1],
               100 * q->mlp[2]);
    printf("  %3lld neighbours                   %6.2f %% by angle, %.2f %% by distance\n"
           "Codes have mean %.3f and standard deviation %.3f.\n",
           set.neighbours, 100 * q->knn_cos, 100 * q->knn_l2, q->code_mean, q->code_std);
    if (set.out != NULL)
        printf("Pictures: %s/knn_cos.png and %s/knn_l2.png\n", set.out, set.out);
    printf("{");
    print_levels("probe_linear", q->linear);
    print_levels("linear_decay", q->linear_decay);
    if (mlp)
        print_levels("probe_mlp", q->mlp);
    printf("\"knn_cos\": %.4f, \"knn_l2\": %.4f, \"code_mean\": %.4f, \"code_std\": %.4f, "
           "\"epochs\": %.6g, \"seconds\": %.1f, \"images_per_second\": %.1f, "
           "\"interrupted\": %s}\n",
           q->knn_cos, q->knn_l2, q->code_mean, q->code_std, epochs, seconds,
           seconds > 0 ? r->images / seconds : 0, interrupted ? "true" : "false");
}

static void destroy(run *r) {
    mi_infomax_destroy(r->infomax);
    mi_infomax_destroy(r->beside);
    mi_optimizer_destroy(r->optimizer);
    mi_encoder_destroy(r->encoder);
    mi_pairs_destroy(r->pairs);
    if (r->learnt != r->train)
        mi_dataset_destroy(r->learnt);
    mi_dataset_destroy(r->train);
    mi_dataset_destroy(r->test);
    mi_context_destroy(r->context);
}

int main(int argc, char **argv) {
    options_parse("infomax", "Learns features of images by Deep InfoMax, and measures them.",
                  options, argc, argv);
    watch_interrupts();

    run r = {0};
    build(&r);
    open_out(&r);
    need_folder("infomax", set.save);
    char summary[8192];
    mi_encoder_summary(r.encoder, summary, sizeof summary);
    fprintf(stderr, "%lld training images\n%s", (long long)r.shape.count, summary);

    r.begin = now();
    if (!set.eval)
        train(&r);
    const double seconds = now() - r.begin - r.pause;
    if (interrupted)
        save(&r);
    if (!r.measured)
        measure(&r, (double)mi_pairs_position(r.pairs) / (double)mi_pairs_batches(r.pairs));
    report(&r, seconds);
    bool fine = !r.failed_to_save;
    if (r.metrics != NULL)
        fine = fclose(r.metrics) == 0 && fine;
    destroy(&r);
    return interrupted ? 130 : fine && fflush(stdout) == 0 ? 0 : 1;
}
