/* SPDX-License-Identifier: BSD-2-Clause */
/* The method `neural`: mine.h on rows. */
#include "method.h"

#include <mi/mine.h>

mi_status mi__estimate_neural(const mi__question *q, mi__answer *answer) {
    (void)q;
    (void)answer;
    return mi__fail(MI_E_UNSUPPORTED, "neural is not there yet");
}
