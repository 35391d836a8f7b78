/* SPDX-License-Identifier: BSD-2-Clause */
/* A garbage collector chooses the order in which handles go: every order must do. */
#include "../unit/unit.h"

#include <stdbool.h>

enum { CONTEXT, ASSIGN, IIC, DATASET, PAIRS, ENCODER, OPTIMIZER, CLUSTER, KINDS };

#define IMAGES 6
#define SIDE 8

typedef struct house {
    mi_context *context;
    mi_assign *assign;
    mi_iic *iic;
    mi_dataset *dataset;
    mi_pairs *pairs;
    mi_encoder *encoder;
    mi_optimizer *optimizer;
    mi_cluster *cluster;
} house;

/* Counts what is taken and given back, so that a leak shows without a sanitizer too. */
static int64_t live;

static void *count_alloc(void *user, size_t size, size_t align) {
    (void)user;
    __atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
    return aligned_alloc(align, size);
}

static void count_release(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    __atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
    free(memory);
}

static mi_dataset *make_dataset(mi_context *context) {
    uint8_t pixels[IMAGES * SIDE * SIDE];
    int32_t labels[IMAGES];
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * 37 % 251);
    for (int i = 0; i < IMAGES; i++)
        labels[i] = i % 2;
    mi_dataset *dataset = NULL;
    OK(mi_dataset_from_u8(context, IMAGES, SIDE, SIDE, 1, pixels, labels, &dataset));
    return dataset;
}

static house build(bool shared_context) {
    house h = {0};
    if (shared_context) {
        mi_context_options options = {.struct_size = sizeof options, .threads = 2,
                                      .alloc = count_alloc, .release = count_release};
        OK(mi_context_create(&options, &h.context));
    }
    mi_pairs_options pairs = {.struct_size = sizeof pairs, .batch = 4, .size = 6, .crops = {4, 5}};
    mi_encoder_options encoder = {.struct_size = sizeof encoder, .height = 6};
    OK(mi_assign_create(h.context, &h.assign));
    OK(mi_iic_create(h.context, NULL, &h.iic));
    h.dataset = make_dataset(h.context);
    OK(mi_pairs_create(h.context, h.dataset, &pairs, &h.pairs));
    OK(mi_encoder_create(h.context, "conv 4, bn, relu, gap | 2 x softmax 2, softmax 4", &encoder,
                         &h.encoder));
    OK(mi_optimizer_create(h.encoder, NULL, &h.optimizer));
    OK(mi_cluster_create(h.encoder, h.optimizer, NULL, &h.cluster));
    return h;
}

/* One turn through everything that is still there. */
static void use(const house *h) {
    float x[4 * 6 * 6], xt[4 * 6 * 6];
    if (h->pairs != NULL)
        OK(mi_pairs_next(h->pairs, x, xt, NULL));
    else
        for (int i = 0; i < 4 * 6 * 6; i++)
            x[i] = xt[i] = (float)(i % 7) / 7;
    if (h->cluster != NULL)
        OK(mi_cluster_step(h->cluster, 4, x, 1, xt, NULL));
    if (h->encoder != NULL)
        OK(mi_encoder_forward(h->encoder, MI_MODE_EVAL, 4, x));
    if (h->optimizer != NULL)
        ck_assert_int_eq(mi_optimizer_steps(h->optimizer), h->cluster != NULL);
    if (h->dataset != NULL)
        OK(mi_dataset_read(h->dataset, 1, NULL, x, NULL));
    if (h->assign != NULL) {
        double cost[4] = {1, 2, 3, 1}, total = 0;
        OK(mi_assign_solve_f64(h->assign, 2, 2, cost, 0, MI_ASSIGN_MINIMIZE, NULL, NULL, &total));
        ck_assert(total == 2);
    }
    if (h->iic != NULL) {
        double z[4] = {1, 0, 0, 1};
        mi_iic_head_f64 head = {.classes = 2, .z = z, .zt = z};
        OK(mi_iic_eval_f64(h->iic, 2, 1, &head, NULL));
        ck_assert_double_eq_tol(head.loss, -log(2), 1e-12);
    }
}

static void destroy(house *h, int kind) {
    switch (kind) {
    case CONTEXT: mi_context_destroy(h->context); h->context = NULL; break;
    case ASSIGN: mi_assign_destroy(h->assign); h->assign = NULL; break;
    case IIC: mi_iic_destroy(h->iic); h->iic = NULL; break;
    case DATASET: mi_dataset_destroy(h->dataset); h->dataset = NULL; break;
    case PAIRS: mi_pairs_destroy(h->pairs); h->pairs = NULL; break;
    case ENCODER: mi_encoder_destroy(h->encoder); h->encoder = NULL; break;
    case OPTIMIZER: mi_optimizer_destroy(h->optimizer); h->optimizer = NULL; break;
    case CLUSTER: mi_cluster_destroy(h->cluster); h->cluster = NULL; break;
    default: ck_abort_msg("no such kind");
    }
}

/* Heap's algorithm's next order of n things; false after the last. */
static bool next_order(int *order, int *count, int *i, int n) {
    while (*i < n) {
        if (count[*i] < *i) {
            int other = *i % 2 == 0 ? 0 : count[*i], moved = order[other];
            order[other] = order[*i];
            order[*i] = moved;
            count[*i]++;
            *i = 1;
            return true;
        }
        count[*i] = 0;
        (*i)++;
    }
    return false;
}

/* The six that keep each other alive, in all 720 orders; the two that only keep the context go in
 * between and last. */
START_TEST(any_order_of_destruction) {
    int order[] = {CONTEXT, DATASET, PAIRS, ENCODER, OPTIMIZER, CLUSTER};
    int count[6] = {0}, i = 1, orders = 0;
    do {
        house h = build(true);
        for (int k = 0; k < 6; k++) {
            destroy(&h, order[k]);
            if (k == 2)
                destroy(&h, orders % 2 == 0 ? ASSIGN : IIC);
        }
        destroy(&h, ASSIGN);
        destroy(&h, IIC);
        ck_assert_msg(live == 0, "order %d: %d blocks are left", orders, (int)live);
        orders++;
    } while (next_order(order, count, &i, 6));
    ck_assert_int_eq(orders, 720);
}
END_TEST

/* What others hold goes on working when its owner has let go of it. */
START_TEST(survivors_work) {
    for (int first = 0; first < KINDS; first++) {
        house h = build(true);
        destroy(&h, CONTEXT);
        destroy(&h, first);
        use(&h);
        for (int kind = KINDS - 1; kind >= 0; kind--)
            destroy(&h, kind);
        ck_assert_int_eq(live, 0);
    }
}
END_TEST

START_TEST(private_contexts) {
    house h = build(false);
    use(&h);
    for (int kind = 0; kind < KINDS; kind++)
        destroy(&h, kind);
}
END_TEST

START_TEST(destroying_null) {
    house h = {0};
    for (int kind = 0; kind < KINDS; kind++)
        destroy(&h, kind);
}
END_TEST

/* Creating fails without a trace, and a later attempt succeeds. */
START_TEST(failed_creation) {
    mi_context_options options = {.struct_size = sizeof options, .alloc = count_alloc,
                                  .release = count_release};
    mi_context *context = NULL;
    OK(mi_context_create(&options, &context));
    int64_t before = live;
    mi_encoder *encoder = NULL;
    FAILS(MI_E_FORMAT, "", mi_encoder_create(context, "conv 4, nonsense", NULL, &encoder));
    ck_assert_ptr_null(encoder);
    mi_dataset *dataset = NULL;
    FAILS(MI_E_IO, "no-such-place",
          mi_dataset_open(context, "/no-such-place", MI_SPLIT_TRAIN, &dataset));
    ck_assert_ptr_null(dataset);
    ck_assert_int_eq(live, before);
    OK(mi_encoder_create(context, "gap | softmax 2", NULL, &encoder));
    mi_encoder_destroy(encoder);
    mi_context_destroy(context);
    ck_assert_int_eq(live, 0);
}
END_TEST

UNIT_MAIN("lifecycle", any_order_of_destruction, survivors_work, private_contexts, destroying_null,
          failed_creation)
