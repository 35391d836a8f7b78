/* SPDX-License-Identifier: BSD-2-Clause */
/* A random byte: how much there is to know, and how much its four high bits tell of that. First
 * from the table of all cases, which is exact; then from samples, where corrections show what they
 * do. */
#include "options.h"

#include <mi/entropy.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 256, HALF = 16, CORRECTIONS = 3 };
static const char *const correction_name[CORRECTIONS] = {"plain", "Miller-Madow", "Grassberger"};

static int32_t unit_of(const char *text) {
    for (int32_t unit = MI_UNIT_NATS; unit <= MI_UNIT_BITS; unit++)
        if (strcmp(text, mi_unit_name(unit)) == 0)
            return unit;
    fprintf(stderr, "entropy: unit: needs bits or nats, got %.24s (see --help)\n", text);
    exit(2);
}

/* Rows are the values of the high bits, columns those of the byte. */
static mi_information by_table(int32_t unit) {
    static double table[HALF][VALUES];
    mi_entropy_options o = {.struct_size = sizeof o, .unit = unit};
    mi_information i = {.struct_size = sizeof i};
    for (int byte = 0; byte < VALUES; byte++)
        table[byte >> 4][byte] = 1. / VALUES;
    need(mi_entropy_joint(NULL, HALF, VALUES, table[0], 0, &o, &i), "table");
    return i;
}

static uint8_t draw(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint8_t)(z >> 56);
}

static mi_information by_samples(int64_t n, const uint8_t *x, const uint8_t *y, int32_t unit,
                                 int32_t correction) {
    mi_samples sx = {.struct_size = sizeof sx, .data = x, .n = n, .dtype = MI_DTYPE_U8};
    mi_samples sy = {.struct_size = sizeof sy, .data = y, .n = n, .dtype = MI_DTYPE_U8};
    mi_entropy_options o = {.struct_size = sizeof o, .unit = unit, .correction = correction};
    mi_information i = {.struct_size = sizeof i};
    need(mi_entropy_samples(NULL, &sx, &sy, &o, &i), "samples");
    return i;
}

/* What samples say, by each correction. */
typedef struct findings {
    double entropy[CORRECTIONS], mutual[CORRECTIONS], nothing[CORRECTIONS];
} findings;

static findings sample(int64_t n, uint64_t state, int32_t unit) {
    findings f;
    uint8_t *byte = malloc((size_t)n), *high = malloc((size_t)n), *low = malloc((size_t)n);
    if (byte == NULL || high == NULL || low == NULL) {
        fprintf(stderr, "entropy: no memory for %lld samples\n", (long long)n);
        exit(1);
    }
    for (int64_t i = 0; i < n; i++) {
        byte[i] = draw(&state);
        high[i] = byte[i] >> 4;
        low[i] = byte[i] & 15;
    }
    for (int32_t c = 0; c < CORRECTIONS; c++) {
        const mi_information told = by_samples(n, high, byte, unit, c);
        f.entropy[c] = told.entropy_y;
        f.mutual[c] = told.mutual;
        f.nothing[c] = by_samples(n, high, low, unit, c).mutual;
    }
    free(low);
    free(high);
    free(byte);
    return f;
}

static void print_row(const char *what, const double found[CORRECTIONS], double truth) {
    printf("%-40s", what);
    for (int c = 0; c < CORRECTIONS; c++)
        printf("%14.4f", found[c]);
    printf("%10.4f\n", truth);
}

static void print_figures(const char *name, const double found[CORRECTIONS]) {
    printf(", \"%s\": [%.6f, %.6f, %.6f]", name, found[0], found[1], found[2]);
}

int main(int argc, char **argv) {
    static long long samples = 500, seed = 1;
    static const char *unit_text = "bits";
    static const option options[] = {
        {"samples", OPTION_INTEGER, &samples, 1, 1e8, "random bytes to draw"},
        {"seed", OPTION_INTEGER, &seed, 0, 1e15, "of these"},
        {"unit", OPTION_TEXT, &unit_text, 0, 0, "bits or nats"},
        {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
    };
    options_parse("entropy", "Tells how much four bits say of eight.", options, argc, argv);
    const int32_t unit = unit_of(unit_text),
                  other = unit == MI_UNIT_NATS ? MI_UNIT_BITS : MI_UNIT_NATS;
    const mi_information exact = by_table(unit), again = by_table(other);
    printf("There are %.4f %s to know of a random byte (%.4f %s).\n", exact.entropy_y, unit_text,
           again.entropy_y, mi_unit_name(other));
    printf("Its four high bits tell %.4f, and then %.4f are left.\n\n", exact.mutual,
           exact.y_given_x);

    const findings f = sample(samples, (uint64_t)seed, unit);
    printf("%-40s", "from samples");
    for (int c = 0; c < CORRECTIONS; c++)
        printf("%14s", correction_name[c]);
    printf("%10s\n", "truth");
    print_row("entropy of the byte", f.entropy, exact.entropy_y);
    print_row("what the high bits tell of it", f.mutual, exact.mutual);
    print_row("what the high bits tell of the low ones", f.nothing, 0);
    printf("{\"unit\": \"%s\", \"entropy\": %.6f, \"mutual\": %.6f, \"left\": %.6f", unit_text,
           exact.entropy_y, exact.mutual, exact.y_given_x);
    printf(", \"samples\": %lld", samples);
    print_figures("sampled_entropy", f.entropy);
    print_figures("sampled_mutual", f.mutual);
    print_figures("sampled_nothing", f.nothing);
    printf("}\n");
    return fflush(stdout) == 0 ? 0 : 1;
}
