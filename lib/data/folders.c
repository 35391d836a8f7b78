/* SPDX-License-Identifier: BSD-2-Clause */
#include "../io/atomic_file.h"
#include "../io/png.h"
#include "dataset.h"
#include "resize.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char *text; /* a name or a path */
    int32_t label;
} entry;

typedef struct list {
    mi_context *context;
    entry *entries;
    int64_t count, capacity;
} list;

static void clear_list(list *l) {
    for (int64_t i = 0; i < l->count; i++)
        mi__free(l->context, l->entries[i].text, (int64_t)strlen(l->entries[i].text) + 1, 1);
    mi__free(l->context, l->entries, l->capacity, sizeof *l->entries);
}

static mi_status add_entry(list *l, const char *text, int32_t label) {
    if (l->count == l->capacity) {
        int64_t capacity = MI__MAX(2 * l->capacity, 64);
        entry *entries = mi__alloc(l->context, capacity, sizeof *entries);
        if (entries == NULL)
            return MI_E_NOMEM;
        if (l->count > 0)
            memcpy(entries, l->entries, (size_t)l->count * sizeof *entries);
        mi__free(l->context, l->entries, l->capacity, sizeof *entries);
        l->entries = entries;
        l->capacity = capacity;
    }
    size_t bytes = strlen(text) + 1;
    char *copy = mi__alloc(l->context, (int64_t)bytes, 1);
    if (copy == NULL)
        return MI_E_NOMEM;
    memcpy(copy, text, bytes);
    l->entries[l->count++] = (entry){copy, label};
    return MI_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(((const entry *)a)->text, ((const entry *)b)->text);
}

/* Calls add(l, path, name, label) for what is not hidden, then sorts what was added. */
static mi_status list_directory(list *l, const char *path, int32_t label,
                                mi_status (*add)(list *, const char *, const char *, int32_t)) {
    DIR *directory = opendir(path);
    char reason[128];
    if (directory == NULL)
        return mi__fail(MI_E_IO, "cannot open %s: %s", path,
                        mi__errno_text(errno, reason, sizeof reason));
    int64_t begin = l->count;
    mi_status status = MI_OK;
    while (status == MI_OK) {
        errno = 0;
        const struct dirent *found = readdir(directory);
        if (found == NULL) {
            if (errno != 0)
                status = mi__fail(MI_E_IO, "cannot read %s: %s", path,
                                  mi__errno_text(errno, reason, sizeof reason));
            break;
        }
        char whole[MI__PATH];
        if (found->d_name[0] != '.' &&
            (status = mi__path_join(whole, path, found->d_name, "")) == MI_OK)
            status = add(l, whole, found->d_name, label);
    }
    closedir(directory);
    if (l->count > begin)
        qsort(l->entries + begin, (size_t)(l->count - begin), sizeof *l->entries, by_text);
    return status;
}

static mi_status add_folder(list *l, const char *path, const char *name, int32_t label) {
    return mi__path_is_directory(path) ? add_entry(l, name, label) : MI_OK;
}

static mi_status add_png(list *l, const char *path, const char *name, int32_t label) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".png") == 0 ? add_entry(l, path, label) : MI_OK;
}

/* The files of a class, and those in a folder "images" of it, as Tiny ImageNet has them. */
static mi_status list_class(const char *path, int32_t label, list *files) {
    char images[MI__PATH];
    MI__TRY(list_directory(files, path, label, add_png));
    MI__TRY(mi__path_join(images, path, "images", ""));
    return mi__path_is_directory(images) ? list_directory(files, images, label, add_png) : MI_OK;
}

/* The files of all folders in `path`, each with the number that `classes` gives its folder. */
static mi_status list_files(const char *path, const list *classes, list *folders, list *files) {
    MI__TRY(list_directory(folders, path, 0, add_folder));
    for (int64_t i = 0; i < folders->count; i++) {
        const entry *class = classes->count == 0
                                 ? NULL
                                 : bsearch(&folders->entries[i], classes->entries,
                                           (size_t)classes->count, sizeof(entry), by_text);
        char whole[MI__PATH];
        MI__TRY(mi__path_join(whole, path, folders->entries[i].text, ""));
        if (class == NULL)
            return mi__fail(MI_E_FORMAT, "%s is a class that the training part doesn't have",
                            whole);
        MI__TRY(list_class(whole, (int32_t)(class - classes->entries), files));
    }
    if (files->count == 0)
        return mi__fail(MI_E_FORMAT, "%s has no folders with .png files (folders: %" PRId64 ")",
                        path, folders->count);
    return MI_OK;
}

/* Each byte so many times: grey as red, green and blue. */
static void spread(uint8_t *to, const uint8_t *from, int64_t bytes, int32_t times) {
    for (int64_t i = 0; i < bytes; i++)
        for (int32_t k = 0; k < times; k++)
            *to++ = from[i];
}

/* The first picture in colour makes all those before it so. */
static mi_status add_colours(mi_dataset *set, mi__bytes *pixels) {
    mi__bytes wide = {0};
    int64_t grey = pixels->used;
    MI__TRY(mi__dataset_set_shape(set, set->count, set->height, set->width, 3));
    MI__TRY(mi__bytes_reserve(set->context, &wide, 3 * grey, set->count * set->values));
    spread(wide.data, pixels->data, grey, 3);
    wide.used = 3 * grey;
    mi__free(set->context, pixels->data, pixels->capacity, 1);
    *pixels = wide;
    return MI_OK;
}

typedef struct picture {
    const char *path;
    int32_t height, width, channels;
    uint8_t *pixels;
    int64_t bytes;
} picture;

static void free_picture(mi_context *context, picture *p) {
    mi__free(context, p->pixels, p->bytes, 1);
}

static mi_status resize(mi_context *context, picture *p, int32_t size) {
    picture q = {p->path, size, size, p->channels, NULL, (int64_t)size * size * p->channels};
    if ((q.pixels = mi__alloc(context, q.bytes, 1)) == NULL)
        return MI_E_NOMEM;
    mi_status status =
        mi__resize_square(context, p->pixels, p->height, p->width, p->channels, size, q.pixels);
    free_picture(context, status == MI_OK ? p : &q);
    if (status == MI_OK)
        *p = q;
    return status;
}

/* The set takes the shape of the first picture; the others have to have it too. */
static mi_status join_shape(mi_dataset *set, const list *files, const picture *p,
                            mi__bytes *pixels) {
    if (p->height > MI__LARGEST_SIDE || p->width > MI__LARGEST_SIDE)
        return mi__fail(MI_E_SHAPE, "%s has %d x %d pixels, at most %d x %d are read", p->path,
                        p->height, p->width, MI__LARGEST_SIDE, MI__LARGEST_SIDE);
    if (pixels->used == 0)
        return mi__dataset_set_shape(set, files->count, p->height, p->width, p->channels);
    if (p->height != set->height || p->width != set->width)
        return mi__fail(MI_E_SHAPE, "%s is %d x %d, %s is %d x %d", p->path, p->height, p->width,
                        files->entries[0].text, set->height, set->width);
    return p->channels > set->channels ? add_colours(set, pixels) : MI_OK;
}

static mi_status append_image(mi_dataset *set, const list *files, int64_t number, int32_t size,
                              mi__bytes *pixels) {
    picture p = {.path = files->entries[number].text};
    MI__TRY(
        mi__png_read(set->context, p.path, &p.height, &p.width, &p.channels, &p.pixels, &p.bytes));
    mi_status status = size > 0 ? resize(set->context, &p, size) : MI_OK;
    if (status == MI_OK)
        status = join_shape(set, files, &p, pixels);
    if (status == MI_OK)
        status = mi__bytes_reserve(set->context, pixels, set->values, set->count * set->values);
    if (status == MI_OK) {
        spread(pixels->data + pixels->used, p.pixels, p.bytes, set->channels / p.channels);
        pixels->used += set->values;
    }
    free_picture(set->context, &p);
    return status;
}

static mi_status read_files(mi_dataset *set, const list *files, int32_t size) {
    mi__bytes pixels = {0};
    mi_status status = MI_OK;
    for (int64_t i = 0; status == MI_OK && i < files->count; i++)
        status = append_image(set, files, i, size, &pixels);
    if (status == MI_OK) {
        set->labels = mi__alloc(set->context, files->count, sizeof *set->labels);
        status = set->labels == NULL ? MI_E_NOMEM : MI_OK;
    }
    if (status != MI_OK) {
        mi__free(set->context, pixels.data, pixels.capacity, 1);
        return status;
    }
    set->bytes = pixels.data;
    for (int64_t i = 0; i < files->count; i++)
        set->labels[i] = files->entries[i].label;
    return MI_OK;
}

mi_status mi__dataset_open_classes(mi_context *context, const char *path, const char *classes_path,
                                   int32_t size, mi_dataset **out) {
    mi_dataset *set;
    MI__TRY(mi__dataset_new(context, &set));
    list classes = {.context = set->context}, folders = classes, files = classes;
    mi_status status = list_directory(&classes, classes_path, 0, add_folder);
    if (status == MI_OK)
        status = list_files(path, &classes, &folders, &files);
    if (status == MI_OK)
        status = read_files(set, &files, size);
    clear_list(&classes);
    clear_list(&folders);
    clear_list(&files);
    return mi__dataset_finish(set, status, out);
}

mi_status mi_dataset_open_folders(mi_context *context, const char *path, mi_dataset **out) {
    MI__NEED(path);
    MI__NEED(out);
    return mi__dataset_open_classes(context, path, path, 0, out);
}

mi_status mi_dataset_open_folders_at(mi_context *context, const char *path, int32_t size,
                                     mi_dataset **out) {
    MI__NEED(path);
    MI__NEED(out);
    if (size < 1 || size > MI__LARGEST_SIDE)
        return mi__fail(MI_E_ARG, "size must be in 1 to %d, got %d", MI__LARGEST_SIDE, size);
    return mi__dataset_open_classes(context, path, path, size, out);
}
