/* SPDX-License-Identifier: BSD-2-Clause */
#include "json.h"

#include <inttypes.h>
#include <string.h>

mi_status mi__json_fail(const mi__json *j, const char *what) {
    return mi__fail(MI_E_FORMAT, "%s: byte %" PRId64 " of the header: %s", j->path,
                    (int64_t)(j->at - j->begin), what);
}

static void skip_space(mi__json *j) {
    while (j->at < j->end && *j->at != '\0' && strchr(" \t\n\r", *j->at) != NULL)
        j->at++;
}

static bool accept(mi__json *j, char c) {
    skip_space(j);
    if (j->at == j->end || *j->at != c)
        return false;
    j->at++;
    return true;
}

mi_status mi__json_expect(mi__json *j, char c) {
    char what[] = "' ' is expected";
    what[1] = c;
    return accept(j, c) ? MI_OK : mi__json_fail(j, what);
}

mi_status mi__json_next(mi__json *j, char close, int64_t *index, bool *more) {
    *more = false;
    if (*index == 0 && accept(j, close))
        return MI_OK;
    if (*index > 0 && !accept(j, ','))
        return mi__json_expect(j, close);
    *more = true;
    ++*index;
    return MI_OK;
}

mi_status mi__json_end(mi__json *j) {
    skip_space(j);
    return j->at == j->end ? MI_OK : mi__json_fail(j, "nothing more is expected");
}

/* -- strings ---------------------------------------------------------------------------------- */

/* The well-formed sequences of the Unicode Standard, table 3-7. */
int32_t mi__utf8_length(const char *text, int64_t size) {
    const unsigned char *b = (const unsigned char *)text;
    if (size < 1 || b[0] < 0x80)
        return size < 1 ? 0 : 1;
    int32_t length = b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high)
        return 0;
    for (int32_t i = 2; i < length; i++)
        if (b[i] < 0x80 || b[i] > 0xbf)
            return 0;
    return length;
}

static char *put_utf8(char *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* The four digits after \u. */
static mi_status hex(mi__json *j, uint32_t *out) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        const char *digit = j->at < j->end && *j->at != '\0' ? strchr(digits, *j->at) : NULL;
        if (digit == NULL)
            return mi__json_fail(j, "a hexadecimal digit is expected");
        value = value << 4 | (uint32_t)(digit - digits) % 16;
    }
    *out = value;
    return MI_OK;
}

/* After \u: one escape, or two that are a surrogate pair. */
static mi_status escape_unicode(mi__json *j, char **to) {
    uint32_t c = 0, low = 0; /* compilers don't see that hex() writes them */
    MI__TRY(hex(j, &c));
    if (c >= 0xd800 && c < 0xe000) {
        if (c >= 0xdc00 || j->end - j->at < 2 || memcmp(j->at, "\\u", 2) != 0)
            return mi__json_fail(j, "a surrogate stands alone");
        j->at += 2;
        MI__TRY(hex(j, &low));
        if (low < 0xdc00 || low >= 0xe000)
            return mi__json_fail(j, "a surrogate stands alone");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c == 0)
        return mi__json_fail(j, "\\u0000 is not supported");
    *to = put_utf8(*to, c);
    return MI_OK;
}

/* After the backslash. */
static mi_status escape(mi__json *j, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->end ? *j->at : '\0';
    if (c == 'u') {
        j->at++;
        return escape_unicode(j, to);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL)
        return mi__json_fail(j, "an unknown escape");
    *(*to)++ = into[found - from];
    j->at++;
    return MI_OK;
}

mi_status mi__json_string(mi__json *j, char **text) {
    MI__TRY(mi__json_expect(j, '"'));
    char *start = j->at, *to = start;
    for (;;) {
        if (j->at == j->end)
            return mi__json_fail(j, "a string has no end");
        if (*j->at == '"')
            break;
        if (*j->at == '\\') {
            j->at++;
            MI__TRY(escape(j, &to));
            continue;
        }
        int32_t length = mi__utf8_length(j->at, j->end - j->at);
        if (length == 0 || (unsigned char)*j->at < 0x20)
            return mi__json_fail(j, length == 0 ? "not UTF-8" : "a control character in a string");
        memmove(to, j->at, (size_t)length);
        to += length;
        j->at += length;
    }
    j->at++;
    *to = '\0';
    *text = start;
    return MI_OK;
}

mi_status mi__json_key(mi__json *j, char **text) {
    MI__TRY(mi__json_string(j, text));
    return mi__json_expect(j, ':');
}

/* -- numbers ---------------------------------------------------------------------------------- */

static bool digit_at(const mi__json *j) {
    return j->at < j->end && *j->at >= '0' && *j->at <= '9';
}

mi_status mi__json_int(mi__json *j, int64_t *value) {
    skip_space(j);
    if (!digit_at(j))
        return mi__json_fail(j, "a number of digits only is expected");
    int64_t number = 0;
    bool leading_zero = *j->at == '0';
    for (int64_t i = 0; digit_at(j); i++, j->at++) {
        int32_t digit = *j->at - '0';
        if (i > 0 && leading_zero)
            return mi__json_fail(j, "a number starts with 0");
        if (number > (INT64_MAX - digit) / 10)
            return mi__json_fail(j, "a number is beyond 63 bits");
        number = number * 10 + digit;
    }
    *value = number;
    return MI_OK;
}
