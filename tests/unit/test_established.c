#include "postern/established.h"

#include "unit.h"

START_TEST(three_years_to_the_day)
{
    static const struct {
        struct pst_date visit;
        struct pst_date on;
        bool want;
    } cases[] = {
        {{2023, 11, 21}, {2026, 11, 21}, true},  /* exactly three years */
        {{2023, 11, 20}, {2026, 11, 21}, false}, /* a day more */
        {{2026, 11, 21}, {2026, 11, 21}, true},  /* the same day */
        {{2026, 11, 22}, {2026, 11, 21}, false}, /* a visit to come */
        {{2024, 2, 29}, {2027, 2, 28}, true},    /* no such day three years on */
        {{2024, 2, 29}, {2027, 3, 1}, false},
        {{2025, 2, 28}, {2028, 2, 28}, true}, /* a leap year ends it no later */
        {{2025, 2, 28}, {2028, 2, 29}, false},
        {{2025, 3, 1}, {2028, 2, 29}, true},
        {{1999, 12, 31}, {2002, 12, 31}, true},
        {{1999, 12, 31}, {2003, 1, 1}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(pst_established(&cases[i].visit, &cases[i].on) == cases[i].want, "case %zu",
                      i);
}
END_TEST

PST_UNIT_MAIN("established", three_years_to_the_day)
