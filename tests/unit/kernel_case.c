/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel_case.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t random_state = 1;

int64_t below(int64_t n) {
    random_state = random_state * 1664525u + 1013904223u;
    return (int64_t)(random_state >> 8) % n;
}

double get(const void *p, size_t real, int64_t i) {
    return real == sizeof(float) ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

void *guarded(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes += bytes == 0 ? sizeof(double) : 0;
    const size_t pages = 1 + (bytes + page - 1) / page; /* the first holds this number */
    char *begin = aligned_alloc(page, (pages + 1) * page);
    ck_assert_ptr_nonnull(begin);
    char *end = begin + pages * page;
    memcpy(begin, &pages, sizeof pages);
    memset(end - bytes, 0xff, bytes);
    ck_assert_int_eq(mprotect(end, page, PROT_NONE), 0);
    return end - bytes;
}

void give_back(void *p) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *begin = (char *)p - (uintptr_t)p % page - page;
    size_t pages;
    memcpy(&pages, begin, sizeof pages);
    ck_assert_int_eq(mprotect(begin + pages * page, page, PROT_READ | PROT_WRITE), 0);
    free(begin);
}

void *room(const mi__kernels *k, int64_t count) {
    return guarded((size_t)count * k->real);
}

void *values(const mi__kernels *k, int64_t count, uint32_t seed, double offset) {
    void *p = room(k, count);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        double x = (double)((int32_t)(seed >> 23) - 256) / 64 + offset;
        if (k->real == sizeof(float))
            ((float *)p)[i] = (float)x;
        else
            ((double *)p)[i] = x;
    }
    return p;
}

void *work_room(size_t bytes) {
    return guarded((bytes + 63) / 64 * 64);
}

void *section(const mi__kernels *k, result *r, int64_t count) {
    r->real = k->real;
    r->count[r->sections] = count;
    return r->data[r->sections++] = room(k, count);
}

void release(result *r) {
    for (int64_t i = 0; i < r->sections; i++)
        give_back(r->data[i]);
    *r = (result){0};
}

int64_t map_rows(const shape *s) {
    return s->map.n * s->map.h * s->map.w;
}

mi_context *make_context(int32_t threads) {
    mi_context_options options = {.struct_size = sizeof options, .threads = threads};
    mi_context *ctx = NULL;
    OK(mi_context_create(&options, &ctx));
    return ctx;
}

/* -- the largest errors ------------------------------------------------------------------------ */

static struct record {
    const char *run, *table;
    int64_t shapes;
    double error[MAX_SECTIONS];
} records[64];

static void tell_records(void) {
    for (struct record *r = records; r->run != NULL; r++) {
        printf("# %s, %s, %d shapes: largest error", r->run, r->table, (int)r->shapes);
        for (int i = 0; i < MAX_SECTIONS && r->error[i] >= 0; i++)
            printf(" %.2g", r->error[i]);
        printf("\n");
    }
}

static struct record *record_of(const char *run, const char *table) {
    struct record *r = records;
    if (r->run == NULL)
        atexit(tell_records);
    while (r->run != NULL && (strcmp(r->run, run) != 0 || strcmp(r->table, table) != 0))
        r++;
    ck_assert(r < records + 63);
    if (r->run == NULL) {
        *r = (struct record){.run = run, .table = table};
        for (int i = 0; i < MAX_SECTIONS; i++)
            r->error[i] = -1;
    }
    r->shapes++;
    return r;
}

static void compare(const char *run, const char *name, const shape *s, const result *r,
                    const result *reference, double tolerance) {
    struct record *record = record_of(run, name);
    ck_assert_int_eq(r->sections, reference->sections);
    for (int64_t i = 0; i < r->sections; i++) {
        double largest = 0, error = 0;
        ck_assert_int_eq(r->count[i], reference->count[i]);
        for (int64_t j = 0; j < r->count[i]; j++) {
            double x = get(reference->data[i], reference->real, j);
            double e = fabs(get(r->data[i], r->real, j) - x);
            largest = fmax(largest, fabs(x));
            error = e <= error ? error : e; /* a NaN stays */
        }
        if (largest > 0)
            record->error[i] = fmax(record->error[i], error / largest);
        ck_assert_msg(error <= tolerance * largest,
                      "%s: section %d of %dx%dx%dx%d -> %d: error %g, largest %g", name, (int)i,
                      (int)s->map.n, (int)s->map.h, (int)s->map.w, (int)s->map.c, (int)s->out,
                      error, largest);
    }
}

void check_shape_of(const char *name, run_kernels run, const shape *s, double tolerance) {
    mi_context *contexts[] = {make_context(1), make_context(2), make_context(3)};
    const mi__kernels *k;
    result reference = {0};
    run(&mi__kernels_f64, contexts[2], s, &reference);
    for (int32_t t = 0; (k = mi__kernels_list(t)) != NULL; t++) {
        result one = {0};
        run(k, contexts[0], s, &one);
        compare(name, k->name, s, &one, &reference, tolerance);
        for (int i = 1; i < 3; i++) {
            result other = {0};
            run(k, contexts[i], s, &other);
            for (int64_t j = 0; j < one.sections; j++)
                ck_assert_mem_eq(one.data[j], other.data[j], (size_t)one.count[j] * k->real);
            release(&other);
        }
        release(&one);
    }
    release(&reference);
    for (int i = 0; i < 3; i++)
        mi_context_destroy(contexts[i]);
}

static int64_t some_channels(void) {
    static const int64_t channels[] = {1, 3, 5, 16, 17, 64, 100};
    return channels[below(7)];
}

void check_random_of(const char *name, run_kernels run, int64_t shapes, double tolerance) {
    for (int64_t i = 0; i < shapes; i++) {
        shape s = {.map = {1 + below(4), 1 + below(13), 1 + below(13), some_channels()}};
        s.out = some_channels();
        s.slope = (double)below(3) / 4;
        s.pool = below(2);
        if (map_rows(&s) * s.map.c * s.out < 700000)
            check_shape_of(name, run, &s, tolerance);
    }
}
