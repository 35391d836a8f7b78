/* SPDX-License-Identifier: BSD-2-Clause */
#include "checks.h"

#include <inttypes.h>

#define MOST ((int64_t)1 << 62) /* of anything counted, so that counting on can't overflow */

mi_status mi__check_range(const char *name, int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most)
        return mi__fail(MI_E_ARG, "%s must be in %" PRId64 " to %" PRId64 ", got %" PRId64, name,
                        least, most, value);
    return MI_OK;
}

mi_status mi__check_counts(const char *path, const mi__tensor *t, int64_t except) {
    const int64_t *count = t->data;
    for (int64_t i = 0; i < t->shape[0]; i++)
        if ((count[i] < 0 || count[i] > MOST) && i != except)
            return mi__fail(MI_E_FORMAT,
                            "%s: %s[%" PRId64 "] is %" PRId64 ", must be in 0 to %" PRId64, path,
                            t->name, i, count[i], MOST);
    return MI_OK;
}

mi_status mi__place_describe(const mi_pairs *pairs, int64_t place[MI__PLACE_NUMBERS]) {
    int32_t repeats;
    MI__TRY(mi_pairs_sizes(pairs, &place[MI__PLACE_BATCH], &repeats, NULL, NULL));
    place[MI__PLACE_REPEATS] = repeats;
    place[MI__PLACE_POSITION] = mi_pairs_position(pairs);
    return MI_OK;
}

/* A position means the same images only with the same batches. */
mi_status mi__place_seek(const char *path, mi_pairs *pairs,
                         const int64_t place[MI__PLACE_NUMBERS]) {
    int64_t now[MI__PLACE_NUMBERS];
    if (pairs == NULL || place[MI__PLACE_BATCH] == 0)
        return MI_OK;
    MI__TRY(mi__place_describe(pairs, now));
    if (place[MI__PLACE_BATCH] != now[MI__PLACE_BATCH] ||
        place[MI__PLACE_REPEATS] != now[MI__PLACE_REPEATS])
        return mi__fail(MI_E_SHAPE,
                        "%s: was made with batches of %" PRId64 " images and %" PRId64
                        " twins, these pairs give %" PRId64 " and %" PRId64,
                        path, place[MI__PLACE_BATCH], place[MI__PLACE_REPEATS],
                        now[MI__PLACE_BATCH], now[MI__PLACE_REPEATS]);
    return mi_pairs_seek(pairs, place[MI__PLACE_POSITION]);
}
