/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libFuzzer where there is none: tries every file of a corpus, and then, for a second
 * or so, mutations of them, always the same ones.
 *
 *     fuzz_x_test DIRECTORY [SECONDS] */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUTS 64
#define ROOM 4096
#define MOST_MUTATIONS 20000

typedef struct input {
    char name[256];
    uint8_t data[ROOM];
    size_t size;
} input;

static input inputs[INPUTS];
static int count;
static uint64_t state = 0x9e3779b97f4a7c15u;

static size_t draw(size_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % below;
}

/* -- the corpus ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const input *)a)->name, ((const input *)b)->name);
}

static int load(const char *directory) {
    DIR *dir = opendir(directory);
    if (dir == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < INPUTS;) {
        char path[1024];
        input *in = &inputs[count];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(in->name, sizeof in->name, "%s", entry->d_name);
        snprintf(path, sizeof path, "%s/%s", directory, in->name);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            continue;
        in->size = fread(in->data, 1, ROOM, file);
        fclose(file);
        count++;
    }
    closedir(dir);
    qsort(inputs, (size_t)count, sizeof inputs[0], by_name);
    return count;
}

/* -- mutations -------------------------------------------------------------------------------- */

static size_t insert(uint8_t *data, size_t size, size_t at, const uint8_t *what, size_t length) {
    if (size + length > ROOM)
        return size;
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, what, length);
    return size + length;
}

static size_t splice(uint8_t *data, size_t size) {
    const input *other = &inputs[draw((size_t)count)];
    if (other->size == 0)
        return size;
    size_t from = draw(other->size), length = 1 + draw(other->size - from);
    return insert(data, size, draw(size + 1), other->data + from, length);
}

static size_t cut_out(uint8_t *data, size_t size) {
    size_t at = draw(size), length = 1 + draw(size - at);
    memmove(data + at, data + at + length, size - at - length);
    return size - length;
}

static size_t mutate(uint8_t *data, size_t size) {
    static const uint8_t likely[] = "\0\1\x7f\x80\xff\"\\{}[],:0189-";
    uint8_t c = likely[draw(sizeof likely - 1)];
    if (size == 0)
        return insert(data, size, 0, &c, 1);
    size_t at = draw(size);
    switch (draw(8)) {
    case 0: data[at] ^= (uint8_t)(1u << draw(8)); break;
    case 1: data[at] = c; break;
    case 2: data[at] = (uint8_t)draw(256); break;
    case 3: data[at]++; break;
    case 4: return insert(data, size, at, &c, 1);
    case 5: return cut_out(data, size);
    case 6: return draw(8) == 0 ? at : size;
    default: return splice(data, size);
    }
    return size;
}

/* A copy that ends where its memory does, so that tools notice who reads on. */
static void try_bytes(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv) {
    if (argc < 2 || load(argv[1]) < 1) {
        fprintf(stderr, "usage: %s DIRECTORY [SECONDS]\n", argv[0]);
        return EXIT_FAILURE;
    }
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    for (int i = 0; i < count; i++)
        try_bytes(inputs[i].data, inputs[i].size);
    int mutations = 0;
    clock_t begin = clock();
    while ((double)(clock() - begin) < seconds * CLOCKS_PER_SEC &&
           (argc > 2 || mutations < MOST_MUTATIONS)) {
        static uint8_t data[ROOM];
        const input *in = &inputs[draw((size_t)count)];
        size_t size = in->size;
        memcpy(data, in->data, size);
        for (size_t times = 1 + draw(4); times > 0; times--)
            size = mutate(data, size);
        try_bytes(data, size);
        mutations++;
    }
    printf("%d files, %d mutations\n", count, mutations);
    return EXIT_SUCCESS;
}
