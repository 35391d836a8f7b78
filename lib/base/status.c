/* SPDX-License-Identifier: BSD-2-Clause */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[512];

mi_status mi__fail(mi_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *c = message; *c != '\0'; c++) /* names and texts of others may hold line ends */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return status;
}

const char *mi_error_message(void) {
    return message;
}

size_t mi_error_copy(char *text, size_t size) {
    size_t length = strlen(message);
    if (text != NULL && size > 0) {
        size_t kept = MI__MIN(length, size - 1);
        memcpy(text, message, kept);
        text[kept] = '\0';
    }
    return length;
}

const char *mi_status_name(mi_status status) {
    switch (status) {
    case MI_OK: return "MI_OK";
    case MI_E_ARG: return "MI_E_ARG";
    case MI_E_SHAPE: return "MI_E_SHAPE";
    case MI_E_DTYPE: return "MI_E_DTYPE";
    case MI_E_NOMEM: return "MI_E_NOMEM";
    case MI_E_STATE: return "MI_E_STATE";
    case MI_E_NUMERIC: return "MI_E_NUMERIC";
    case MI_E_INFEASIBLE: return "MI_E_INFEASIBLE";
    case MI_E_IO: return "MI_E_IO";
    case MI_E_FORMAT: return "MI_E_FORMAT";
    case MI_E_CANCELLED: return "MI_E_CANCELLED";
    case MI_E_ABI: return "MI_E_ABI";
    case MI_E_UNSUPPORTED: return "MI_E_UNSUPPORTED";
    case MI_E_INTERNAL: return "MI_E_INTERNAL";
    default: return "MI_E_?";
    }
}
