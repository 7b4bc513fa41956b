/*
 * What every unit test shares: PST_UNIT_MAIN("name", case, ...) runs the cases
 * (made with Check's START_TEST) and exits 0 only when all passed.
 */
#ifndef POSTERN_TESTS_UNIT_H
#define POSTERN_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

#include "postern/secret.h"

/* Seconds one case may take, also under sanitizers on a slow machine. */
#define PST_UNIT_TIMEOUT_S 240

#define PST_UNIT_MAIN(name, ...)                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const cases[] = {__VA_ARGS__};                                                \
        if (pst_secret_init() != PST_OK)                                                           \
            return EXIT_FAILURE;                                                                   \
        Suite *suite = suite_create(name);                                                         \
        TCase *tcase = tcase_create(name);                                                         \
        tcase_set_timeout(tcase, PST_UNIT_TIMEOUT_S);                                              \
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)                                \
            tcase_add_test(tcase, cases[i]);                                                       \
        suite_add_tcase(suite, tcase);                                                             \
        SRunner *runner = srunner_create(suite);                                                   \
        srunner_run_all(runner, CK_ENV);                                                           \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                                          \
    }

#endif
