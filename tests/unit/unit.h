/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_TESTS_UNIT_H
#define LIBMI_TESTS_UNIT_H

/* What every test program shares. Check runs each test in a process of its own, unless CK_FORK=no
 * (which the sanitizers want), and reports as TAP. */

#include <check.h>
#include <mi/mi.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The call succeeds; if not, the library's own message is shown. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        mi_status unit_status = (call);                                                            \
        ck_assert_msg(unit_status == MI_OK, "%s: %s: %s", #call, mi_status_name(unit_status),      \
                      mi_error_message());                                                         \
    } while (0)

/* The call fails with this code, and its message contains this text. */
#define FAILS(code, text, call)                                                                    \
    do {                                                                                           \
        mi_status unit_status = (call);                                                            \
        ck_assert_msg(unit_status == (code), "%s: %s, not %s", #call,                              \
                      mi_status_name(unit_status), #code);                                         \
        ck_assert_msg(strstr(mi_error_message(), (text)) != NULL, "%s: \"%s\" lacks \"%s\"",       \
                      #call, mi_error_message(), (text));                                          \
    } while (0)

/* A function that runs the tests and returns the program's exit status. */
#define UNIT_SUITE(function, title, ...)                                                           \
    static int function(void) {                                                                    \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        Suite *suite = suite_create(title);                                                        \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {                              \
            TCase *tcase = tcase_create(tests[i]->name);                                           \
            tcase_set_timeout(tcase, 120);                                                         \
            tcase_add_test(tcase, tests[i]);                                                       \
            suite_add_tcase(suite, tcase);                                                         \
        }                                                                                          \
        SRunner *runner = srunner_create(suite);                                                   \
        srunner_set_tap(runner, "-");                                                              \
        srunner_run_all(runner, CK_SILENT);                                                        \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                          \
    }

/* Runs the tests: UNIT_MAIN("name", test_a, test_b, ...) */
#define UNIT_MAIN(title, ...)                                                                      \
    UNIT_SUITE(unit_run, title, __VA_ARGS__)                                                       \
    int main(void) {                                                                               \
        return unit_run();                                                                         \
    }

#endif
