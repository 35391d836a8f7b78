/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_JSON_H
#define LIBMI_LIB_JSON_H

/* A strict cursor on JSON text (RFC 8259) of a known structure: who reads it asks for what must
 * come next, so that nothing recurses. Failures are MI_E_FORMAT and name the file and the byte. */

#include "../base/base.h"

typedef struct mi__json {
    const char *path; /* for messages */
    char *begin, *at, *end;
} mi__json;

mi_status mi__json_fail(const mi__json *j, const char *what);

/* Takes this character, after white space. */
mi_status mi__json_expect(mi__json *j, char c);

/* Goes to the next element of an object or array whose opening was taken: `*more` is false once
 * `close` was taken. `*index` starts at 0 and counts. */
mi_status mi__json_next(mi__json *j, char close, int64_t *index, bool *more);

/* Takes a string. It is decoded to UTF-8 in place, never longer than its source, and ends with a
 * zero; it may not hold one (\u0000), since C strings can't. */
mi_status mi__json_string(mi__json *j, char **text);

/* Takes a string and the colon after it. */
mi_status mi__json_key(mi__json *j, char **text);

/* Takes an integer of 0 to INT64_MAX: digits only, no sign, fraction or exponent. */
mi_status mi__json_int(mi__json *j, int64_t *value);

/* Nothing but white space is left. */
mi_status mi__json_end(mi__json *j);

/* Bytes of the UTF-8 sequence at the front of `text`, 1 to 4; 0 if it is none. */
int32_t mi__utf8_length(const char *text, int64_t size);

#endif
