/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorts images into classes without a label, by invariant information clustering.
 *
 *     iic --data builtin                     the drawn digits that libmi brings along
 *     iic --data mnist --out out             a directory with the four IDX files
 *     iic --data mnist --save run.st         then Ctrl-C, and later
 *     iic --data mnist --restore run.st      goes on where it stopped, to the bit
 *
 * Labels are read to measure the result, never to learn or to choose. */
#include "options.h"
#include "pictures.h"
#include "watch.h"

#include <mi/mi.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *data, *encoder, *out, *save, *restore;
    long long heads, over_heads, over, epochs, measures, restarts, batch, repeats, crop, seed,
        threads;
    double lambda, over_lambda, rate;
    bool bfloat16, eval;
} set = {.data = "builtin",
         .encoder = "vgg-f",
         .heads = 5,
         .over_heads = 5,
         .over = 50,
         .epochs = 4,
         .measures = 1,
         .restarts = 1,
         .batch = 128,
         .repeats = 4,
         .lambda = 1,
         .over_lambda = 1,
         .rate = 1e-3};

static const option options[] = {
    {"data", OPTION_TEXT, &set.data, 0, 0, "builtin, or a directory (see mi/dataset.h)"},
    {"encoder", OPTION_TEXT, &set.encoder, 0, 0, "trunk of the network (see mi/encoder.h)"},
    {"heads", OPTION_INTEGER, &set.heads, 1, 64, "heads of as many clusters as classes"},
    {"over-heads", OPTION_INTEGER, &set.over_heads, 0, 64,
     "heads of more clusters, which keep the others from getting stuck"},
    {"over", OPTION_INTEGER, &set.over, 2, 4096, "clusters of each of those"},
    {"epochs", OPTION_INTEGER, &set.epochs, 1, 100000, "times through the training images"},
    {"measures", OPTION_INTEGER, &set.measures, 1, 1000,
     "how often in an epoch the test images are sorted"},
    {"restarts", OPTION_INTEGER, &set.restarts, 0, 100000,
     "after that many first epochs, stuck heads start anew"},
    {"batch", OPTION_INTEGER, &set.batch, 2, 65536, "images a step"},
    {"repeats", OPTION_INTEGER, &set.repeats, 1, 64, "transformed twins of each image"},
    {"crop", OPTION_INTEGER, &set.crop, 0, 4096,
     "side of the smallest random crops; others have 2 and 4 pixels more; 0: 20 of 28"},
    {"lambda", OPTION_REAL, &set.lambda, 0.01, 100,
     "weight of the entropy of the clusters: more works against unequal ones"},
    {"over-lambda", OPTION_REAL, &set.over_lambda, 0.01, 100, "the same of the over-clusters"},
    {"rate", OPTION_REAL, &set.rate, 1e-9, 1, "learning rate of Adam; falls to 0 along a cosine"},
    {"seed", OPTION_INTEGER, &set.seed, 0, 1e15, "of weights, order and transforms"},
    {"threads", OPTION_INTEGER, &set.threads, 0, 1024, "0: all processors"},
    {"bfloat16", OPTION_FLAG, &set.bfloat16, 0, 0,
     "convolutions multiply in bfloat16 (AVX512_BF16)"},
    {"out", OPTION_TEXT, &set.out, 0, 0, "directory for metrics.csv, clusters.png, confusion.png"},
    {"save", OPTION_TEXT, &set.save, 0, 0, "write a checkpoint to this file after every epoch"},
    {"restore", OPTION_TEXT, &set.restore, 0, 0, "begin from this checkpoint"},
    {"eval", OPTION_FLAG, &set.eval, 0, 0, "no training: only measure"},
    {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
};

#define RESTART_BATCHES 80  /* enough to know the joint matrix of 50 clusters well */
#define MEASURE_BATCHES 100 /* and the losses of heads to a thousandth of a nat */

static void *room(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "iic: no memory for %zu x %zu bytes\n", count, size);
        exit(1);
    }
    return memory;
}

/* Whether stuck heads start anew after this epoch; after the last one it would be too late. */
static bool restarts_after(long long epoch) {
    return set.over_heads > 0 && epoch <= set.restarts && epoch < set.epochs;
}

/* What the parts below share. */
typedef struct run {
    mi_dataset *train, *test;
    mi_dataset_shape shape; /* of the training images */
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_cluster *cluster;
    mi_cluster_score *score;    /* [heads] */
    int32_t side;               /* of a view */
    double loss, begin, images; /* running loss, start, images seen since */
    FILE *metrics;
    bool failed_to_save;
} run;

static void build(run *r) {
    mi_context_options co = {
        .struct_size = sizeof co, .seed = (uint64_t)set.seed, .threads = (int32_t)set.threads};
    mi_context *context;
    need(mi_context_create(&co, &context), "context");
    need(mi_dataset_open(context, set.data, MI_SPLIT_TRAIN, &r->train), "training images");
    need(mi_dataset_open(context, set.data, MI_SPLIT_TEST, &r->test), "test images");
    r->shape = (mi_dataset_shape){.struct_size = sizeof r->shape};
    need(mi_dataset_info(r->train, &r->shape), "training images");

    mi_pairs_options po = {
        .struct_size = sizeof po, .batch = set.batch, .repeats = (int32_t)set.repeats};
    for (int i = 0; i < 3 && set.crop > 0; i++)
        po.crops[i] = (int32_t)set.crop + 2 * i;
    need(mi_pairs_create(context, r->train, &po, &r->pairs), "pairs");
    need(mi_pairs_sizes(r->pairs, NULL, NULL, &r->side, NULL), "pairs");

    char text[4096], over[64] = "";
    if (set.over_heads > 0)
        snprintf(over, sizeof over, ", %lld x softmax %lld", set.over_heads, set.over);
    int length = snprintf(text, sizeof text, "%s | %lld x softmax %d%s", set.encoder, set.heads,
                          r->shape.classes, over);
    if (length >= (int)sizeof text) {
        fprintf(stderr, "iic: the description of the encoder is too long\n");
        exit(2);
    }
    mi_encoder_options eo = {.struct_size = sizeof eo,
                             .height = r->side,
                             .width = r->side,
                             .channels = r->shape.channels,
                             .precision =
                                 set.bfloat16 ? MI_PRECISION_BFLOAT16 : MI_PRECISION_FLOAT32};
    need(mi_encoder_create(context, text, &eo, &r->encoder), "encoder");

    int64_t steps = set.epochs * mi_pairs_batches(r->pairs);
    mi_optimizer_options oo = {
        .struct_size = sizeof oo, .rate = set.rate, .schedule = MI_SCHEDULE_COSINE, .total = steps};
    mi_optimizer *optimizer;
    need(mi_optimizer_create(r->encoder, &oo, &optimizer), "optimizer");
    mi_cluster_options ko = {.struct_size = sizeof ko,
                             .classes = r->shape.classes,
                             .lambda = set.lambda,
                             .over_lambda = set.over_lambda,
                             .late_heads = restarts_after(1)};
    need(mi_cluster_create(r->encoder, optimizer, &ko, &r->cluster), "clustering");
    if (set.restore != NULL)
        need(mi_cluster_restore(r->cluster, r->pairs, set.restore), "restore");
    r->score = room((size_t)mi_encoder_heads(r->encoder), sizeof *r->score);
    r->score[0].struct_size = sizeof *r->score;
    mi_optimizer_destroy(optimizer); /* the clustering keeps it alive */
    mi_context_destroy(context);
}

static void open_out(run *r) {
    char path[4096];
    if (set.out == NULL)
        return;
    snprintf(path, sizeof path, "%s/metrics.csv", set.out);
    if (mkdir(set.out, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "iic: cannot make the directory %s: %s\n", set.out, strerror(errno));
        exit(1);
    }
    if (set.eval)
        return;
    r->metrics = fopen(path, set.restore != NULL ? "a" : "w");
    if (r->metrics == NULL) {
        fprintf(stderr, "iic: cannot write %s: %s\n", path, strerror(errno));
        exit(1);
    }
    fseek(r->metrics, 0, SEEK_END);
    if (ftell(r->metrics) == 0)
        fprintf(r->metrics, "epoch,seconds,loss,head,head_loss,accuracy,nmi,ari\n");
}

static void show_progress(const run *r, long long epoch, long long step, long long steps) {
    double spent = now() - r->begin, rate = r->images / spent;
    long long total = set.epochs * steps, done = (epoch - 1) * steps + step;
    double left = (double)(total - done) * (double)set.batch / rate;
    fprintf(stderr,
            "\repoch %lld of %lld, step %lld of %lld, loss %.4f, %.0f images/s, %d:%02d left ",
            epoch, set.epochs, step, steps, r->loss, rate, (int)left / 60, (int)left % 60);
}

static void measure(run *r, double epoch, bool ends) {
    /* what the heads are chosen by, more surely than by the running losses of training */
    if (ends)
        need(mi_cluster_measure(r->cluster, r->pairs, MEASURE_BATCHES, NULL), "measuring");
    need(mi_cluster_evaluate(r->cluster, r->test, r->score), "evaluation");
    const mi_cluster_score *best = &r->score[mi_cluster_select(r->cluster)];
    fprintf(stderr,
            "%sepoch %g: loss %.4f, selected head %d, test accuracy %.4f, NMI %.4f  [%.0f s]\n",
            isatty(2) ? "\r\033[K" : "", epoch, r->loss, mi_cluster_select(r->cluster),
            best->accuracy, best->nmi, now() - r->begin);
    for (long long h = 0; r->metrics != NULL && h < set.heads; h++)
        fprintf(r->metrics, "%.6g,%.1f,%.6f,%lld,%.6f,%.6f,%.6f,%.6f\n", epoch, now() - r->begin,
                r->loss, h, r->score[h].loss, r->score[h].accuracy, r->score[h].nmi,
                r->score[h].ari);
    if (r->metrics != NULL && (fflush(r->metrics) != 0 || ferror(r->metrics))) {
        fprintf(stderr, "iic: cannot write metrics.csv: %s\n", strerror(errno));
        r->failed_to_save = true;
    }
}

static void save(run *r) {
    if (set.save == NULL || mi_cluster_save(r->cluster, r->pairs, set.save) == MI_OK)
        return;
    fprintf(stderr, "iic: the checkpoint was not written: %s\n", mi_error_message());
    r->failed_to_save = true;
}

/* The loop that this program is about. */
static void train(run *r) {
    int64_t steps = mi_pairs_batches(r->pairs),
            numbers = (int64_t)r->side * r->side * r->shape.channels;
    float *x = room((size_t)(set.batch * numbers), sizeof *x);
    float *xt = room((size_t)(set.batch * set.repeats * numbers), sizeof *xt);
    mi_cluster_report report = {.struct_size = sizeof report};

    while (!interrupted) {
        int64_t done = mi_pairs_position(r->pairs);
        if (done >= set.epochs * steps)
            break;
        long long epoch = done / steps + 1, step = done % steps + 1;
        need(mi_pairs_next(r->pairs, x, xt, NULL), "pairs");
        need(mi_cluster_step(r->cluster, set.batch, x, (int32_t)set.repeats, xt, &report), "step");
        r->images += (double)set.batch;
        r->loss =
            r->images == (double)set.batch ? report.loss : 0.98 * r->loss + 0.02 * report.loss;
        if (isatty(2) && (step % 5 == 0 || step == steps))
            show_progress(r, epoch, step, steps);
        if (step * set.measures / steps == (step - 1) * set.measures / steps)
            continue;
        if (step == steps && restarts_after(epoch)) {
            int32_t count;
            need(mi_cluster_restart(r->cluster, r->pairs, RESTART_BATCHES, &count), "restart");
            fprintf(stderr, "%s%d of %lld heads start anew from merged over-clusters\n",
                    isatty(2) ? "\r\033[K" : "", count, set.heads);
        }
        measure(r, (double)(done + 1) / (double)steps, step == steps);
        if (step == steps)
            save(r);
    }
    free(x);
    free(xt);
}

static void report(const run *r, double seconds) {
    int32_t selected = mi_cluster_select(r->cluster);
    const mi_cluster_score *s = &r->score[selected];
    int64_t steps = mi_pairs_batches(r->pairs);
    double epochs = (double)mi_pairs_position(r->pairs) / (double)steps;
    printf("%s after %g epochs: head %d, chosen by its loss alone, puts %.2f %% of the test images "
           "in the right class.\n",
           interrupted ? "Interrupted" : "Done", epochs, selected, 100 * s->accuracy);
    if (set.out != NULL)
        printf("Pictures: %s/clusters.png and %s/confusion.png\n", set.out, set.out);
    mi_pairs_times times = {.struct_size = sizeof times};
    need(mi_pairs_waited(r->pairs, &times), "pairs");
    printf("Waited for pairs %.2f s of %.1f s (%.1f %%).\n", times.waited, seconds,
           seconds > 0 ? 100 * times.waited / seconds : 0);
    printf("{\"test_accuracy\": [");
    for (long long h = 0; h < set.heads; h++)
        printf("%s%.4f", h > 0 ? ", " : "", r->score[h].accuracy);
    printf("], \"selected_head\": %d, \"selected_accuracy\": %.4f, \"nmi\": %.4f, \"ari\": %.4f, "
           "\"loss\": %.6f, "
           "\"epochs\": %.6g, \"seconds\": %.1f, \"images_per_second\": %.1f, \"pairs_waited\": "
           "%.3f, \"interrupted\": %s}\n",
           selected, s->accuracy, s->nmi, s->ari, s->loss, epochs, seconds,
           seconds > 0 ? r->images / seconds : 0, times.waited, interrupted ? "true" : "false");
}

int main(int argc, char **argv) {
    options_parse("iic", "Sorts images into classes without a label.", options, argc, argv);
    watch_interrupts();

    run r = {0};
    build(&r);
    open_out(&r);
    need_folder("iic", set.save);
    char summary[8192];
    mi_encoder_summary(r.encoder, summary, sizeof summary);
    fprintf(stderr, "%lld training images\n%s", (long long)r.shape.count, summary);

    r.begin = now();
    if (!set.eval)
        train(&r);
    double seconds = now() - r.begin;
    if (interrupted)
        save(&r);
    need(mi_cluster_evaluate(r.cluster, r.test, r.score), "evaluation");
    if (set.out != NULL)
        need(draw_result(set.out, r.cluster, r.test, r.side, r.shape.classes), "pictures");
    report(&r, seconds);

    bool fine = !r.failed_to_save;
    if (r.metrics != NULL)
        fine = fclose(r.metrics) == 0 && fine;
    mi_cluster_destroy(r.cluster);
    mi_encoder_destroy(r.encoder);
    mi_pairs_destroy(r.pairs);
    mi_dataset_destroy(r.train);
    mi_dataset_destroy(r.test);
    free(r.score);
    return interrupted ? 130 : fine && fflush(stdout) == 0 ? 0 : 1;
}
