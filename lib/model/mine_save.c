/* SPDX-License-Identifier: BSD-2-Clause */
#include "critic.h"
mi_status mi_mine_save(const mi_mine *mine, const char *path) {
    (void)mine;
    (void)path;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_save() is not there yet");
}

mi_status mi_mine_restore(mi_mine *mine, const char *path) {
    (void)mine;
    (void)path;
    return mi__fail(MI_E_UNSUPPORTED, "mi_mine_restore() is not there yet");
}
