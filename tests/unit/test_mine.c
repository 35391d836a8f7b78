/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"
START_TEST(a){}END_TEST
UNIT_MAIN("mine", a)
