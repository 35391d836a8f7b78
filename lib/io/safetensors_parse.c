/* SPDX-License-Identifier: BSD-2-Clause */
#include "safetensors_file.h"

#include "json.h"

#include <inttypes.h>
#include <string.h>

/* The shortest texts of a tensor and of a pair, which bound how many a header can hold. */
#define TENSOR_SHORTEST                                                                            \
    ((int64_t)sizeof "\"\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,0]}" - 1)
#define PAIR_SHORTEST ((int64_t)sizeof "\"\":\"\"" - 1)

/* -- the header's parts ----------------------------------------------------------------------- */

static mi_status parse_dtype(mi__json *j, int32_t *dtype) {
    char *name;
    MI__TRY(mi__json_string(j, &name));
    for (int32_t i = 1; mi__dtype_size(i) > 0; i++)
        if (strcmp(name, mi__dtype_name(i)) == 0) {
            *dtype = i;
            return MI_OK;
        }
    return mi__fail(MI_E_FORMAT, "%s: unknown dtype \"%.64s\"", j->path, name);
}

/* As many numbers as there are, at most `most`. */
static mi_status parse_ints(mi__json *j, int32_t most, int64_t *number, int32_t *count) {
    int64_t index = 0;
    bool more;
    MI__TRY(mi__json_expect(j, '['));
    for (;;) {
        MI__TRY(mi__json_next(j, ']', &index, &more));
        if (!more)
            break;
        if (index > most)
            return mi__fail(MI_E_FORMAT, "%s: a list of more than %d numbers", j->path, most);
        MI__TRY(mi__json_int(j, &number[index - 1]));
    }
    *count = (int32_t)index;
    return MI_OK;
}

static mi_status parse_offsets(mi__json *j, mi__entry *e) {
    int64_t offset[2];
    int32_t count;
    MI__TRY(parse_ints(j, 2, offset, &count));
    if (count != 2)
        return mi__json_fail(j, "data_offsets must be two numbers");
    e->begin = offset[0];
    e->end = offset[1];
    return MI_OK;
}

static mi_status parse_member(mi__json *j, mi__entry *e, uint32_t *seen) {
    char *key;
    MI__TRY(mi__json_key(j, &key));
    uint32_t which = strcmp(key, "dtype") == 0          ? 1
                     : strcmp(key, "shape") == 0        ? 2
                     : strcmp(key, "data_offsets") == 0 ? 4
                                                        : 0;
    if (which == 0)
        return mi__fail(MI_E_FORMAT, "%s: tensor %.64s has an unknown member \"%.64s\"", j->path,
                        e->tensor.name, key);
    if ((*seen & which) != 0)
        return mi__fail(MI_E_FORMAT, "%s: tensor %.64s has two members \"%s\"", j->path,
                        e->tensor.name, key);
    *seen |= which;
    if (which == 1)
        return parse_dtype(j, &e->tensor.dtype);
    if (which == 2)
        return parse_ints(j, MI__DIMS_MAX, e->tensor.shape, &e->tensor.dims);
    return parse_offsets(j, e);
}

static mi_status check_entry(const mi__json *j, const mi__entry *e, int64_t data_size) {
    const char *name = e->tensor.name;
    int64_t bytes;
    if (e->begin > e->end || e->end > data_size)
        return mi__fail(MI_E_FORMAT,
                        "%s: tensor %.64s lies at %" PRId64 " to %" PRId64 ", the data has %" PRId64
                        " bytes",
                        j->path, name, e->begin, e->end, data_size);
    if (!mi__tensor_bytes(&e->tensor, &bytes))
        return mi__fail(MI_E_FORMAT, "%s: tensor %.64s has a shape beyond 63 bits", j->path, name);
    if (bytes != e->end - e->begin)
        return mi__fail(MI_E_FORMAT,
                        "%s: tensor %.64s has %" PRId64 " bytes, its shape of %s needs %" PRId64,
                        j->path, name, e->end - e->begin, mi__dtype_name(e->tensor.dtype), bytes);
    return MI_OK;
}

static mi_status parse_tensor(mi__json *j, char *name, mi__entry *e, int64_t data_size) {
    uint32_t seen = 0;
    int64_t index = 0;
    bool more;
    e->tensor.name = name;
    MI__TRY(mi__json_expect(j, '{'));
    for (;;) {
        MI__TRY(mi__json_next(j, '}', &index, &more));
        if (!more)
            break;
        MI__TRY(parse_member(j, e, &seen));
    }
    if (seen != 7)
        return mi__fail(MI_E_FORMAT, "%s: tensor %.64s lacks its %s", j->path, name,
                        (seen & 1) == 0   ? "dtype"
                        : (seen & 2) == 0 ? "shape"
                                          : "data_offsets");
    return check_entry(j, e, data_size);
}

/* -- the header ------------------------------------------------------------------------------- */

static int64_t count_byte(const char *begin, const char *end, char c) {
    int64_t count = 0;
    for (; begin < end; begin++)
        count += *begin == c;
    return count;
}

static mi_status parse_metadata(mi__safetensors *s, mi__json *j) {
    int64_t index = 0;
    bool more;
    if (s->has_metadata)
        return mi__fail(MI_E_FORMAT, "%s: " MI__METADATA " is there twice", j->path);
    s->has_metadata = true;
    MI__TRY(mi__json_expect(j, '{'));
    s->pairs_room = MI__MIN(count_byte(j->at, j->end, ':'), (j->end - j->at) / PAIR_SHORTEST);
    s->pairs = mi__alloc(s->ctx, s->pairs_room, sizeof *s->pairs);
    s->by_key = mi__alloc(s->ctx, s->pairs_room, sizeof *s->by_key);
    if (s->pairs == NULL || s->by_key == NULL)
        return MI_E_NOMEM;
    for (;;) {
        char *key, *value;
        MI__TRY(mi__json_next(j, '}', &index, &more));
        if (!more)
            return MI_OK;
        MI__TRY(mi__json_key(j, &key));
        MI__TRY(mi__json_string(j, &value));
        mi__pair *p = &s->pairs[s->pair_count];
        *p = (mi__pair){key, value};
        s->by_key[s->pair_count++] = p;
    }
}

mi_status mi__safetensors_parse(mi__safetensors *s) {
    mi__json j = {s->path, s->header, s->header, s->header + s->header_size};
    int64_t index = 0;
    bool more;
    /* All whole ones, and the one at which a damaged header gives up. */
    s->entries_room = MI__MIN(count_byte(j.at, j.end, '{'), s->header_size / TENSOR_SHORTEST + 1);
    s->entries = mi__alloc_zero(s->ctx, s->entries_room, sizeof *s->entries);
    s->by_data = mi__alloc(s->ctx, s->entries_room, sizeof *s->by_data);
    s->by_name = mi__alloc(s->ctx, s->entries_room, sizeof *s->by_name);
    if (s->entries == NULL || s->by_data == NULL || s->by_name == NULL)
        return MI_E_NOMEM;
    MI__TRY(mi__json_expect(&j, '{'));
    for (;;) {
        char *name;
        MI__TRY(mi__json_next(&j, '}', &index, &more));
        if (!more)
            return mi__json_end(&j);
        MI__TRY(mi__json_key(&j, &name));
        if (strcmp(name, MI__METADATA) == 0) {
            MI__TRY(parse_metadata(s, &j));
            continue;
        }
        mi__entry *e = &s->entries[s->count];
        MI__TRY(parse_tensor(&j, name, e, s->data_size));
        s->by_data[s->count] = s->by_name[s->count] = e;
        s->count++;
    }
}
