/* SPDX-License-Identifier: BSD-2-Clause */
#include "base.h"

#include <string.h>

#define LARGEST 4096 /* beyond this, struct_size is garbage rather than a newer release */

static mi_status check_size(uint64_t size, size_t own_size, size_t oldest, const char *type_name) {
    if (size < oldest || size > LARGEST)
        return mi__fail(MI_E_ABI, "%s.struct_size is %llu, expected %zu: set it to sizeof",
                        type_name, (unsigned long long)size, own_size);
    return MI_OK;
}

mi_status mi__options_load(void *own, size_t own_size, size_t oldest, const void *theirs,
                           const char *type_name) {
    if (theirs == NULL)
        return MI_OK;
    uint64_t size;
    memcpy(&size, theirs, sizeof size);
    MI__TRY(check_size(size, own_size, oldest, type_name));
    const unsigned char *bytes = theirs;
    for (uint64_t i = own_size; i < size; i++)
        if (bytes[i] != 0)
            return mi__fail(MI_E_ABI,
                            "%s has members (byte %llu) that libmi of this version doesn't know",
                            type_name, (unsigned long long)i);
    memcpy(own, theirs, (size_t)MI__MIN(size, own_size));
    size = own_size;
    memcpy(own, &size, sizeof size);
    return MI_OK;
}

mi_status mi__report_check(const void *theirs, size_t own_size, size_t oldest,
                           const char *type_name) {
    uint64_t size;
    memcpy(&size, theirs, sizeof size);
    return check_size(size, own_size, oldest, type_name);
}

void mi__report_store(void *theirs, uint64_t size, const void *own, size_t own_size) {
    memcpy(theirs, own, (size_t)MI__MIN(size, own_size));
    memcpy(theirs, &size, sizeof size);
}
