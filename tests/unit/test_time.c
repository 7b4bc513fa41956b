#include "postern/time.h"

#include <string.h>

#include "unit.h"

START_TEST(times_are_read_strictly)
{
    static const struct {
        const char *text;
        int64_t want_ms; /* -1: refused */
    } cases[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"2026-11-21T12:00:00.000Z", INT64_C(1795262400000)},
        {"2024-02-29T23:59:59.999Z", INT64_C(1709251199999)},
        {"9999-12-31T23:59:59.999Z", PST_TIME_MAX_MS},
        {"2023-02-29T00:00:00.000Z", -1},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2026-13-01T00:00:00.000Z", -1},
        {"2026-00-01T00:00:00.000Z", -1},
        {"2026-01-00T00:00:00.000Z", -1},
        {"2026-01-01T24:00:00.000Z", -1},
        {"2026-01-01T00:60:00.000Z", -1},
        {"2026-06-30T23:59:60.000Z", -1},
        {"2026-01-01T00:00:00Z", -1},
        {"2026-01-01T00:00:00.000+00:00", -1},
        {"2026-01-01t00:00:00.000z", -1},
        {"2026-01-01 00:00:00.000Z", -1},
        {"2026-01-01T00:00:00.00 Z", -1},
        {"+026-01-01T00:00:00.000Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t at_ms = -7;
        char again[PST_TIME_TEXT_SIZE];
        enum pst_err r = pst_time_parse(cases[i].text, strlen(cases[i].text), &at_ms);
        ck_assert_msg((r == PST_OK) == (cases[i].want_ms >= 0), "%s", cases[i].text);
        ck_assert_int_eq(at_ms, r == PST_OK ? cases[i].want_ms : -7);
        if (r != PST_OK)
            continue;
        pst_time_format(at_ms, again);
        ck_assert_str_eq(again, cases[i].text);
    }
}
END_TEST

START_TEST(times_out_of_range_are_written_as_the_end)
{
    char text[PST_TIME_TEXT_SIZE];
    pst_time_format(-1, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    pst_time_format(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
END_TEST

/* Every day of four centuries and more, counted by hand beside the functions. */
START_TEST(days_and_dates_agree_for_every_day)
{
    struct pst_date want = {1600, 1, 1};
    int64_t days = pst_date_days(&want);
    while (want.year < 2101) {
        struct pst_date got;
        pst_date_from_days(days, &got);
        ck_assert_int_eq(pst_date_compare(&got, &want), 0);
        ck_assert_int_eq(got.day, want.day);
        ck_assert_int_eq(pst_date_days(&want), days);
        days++;
        if (++want.day > pst_month_days(want.year, want.month)) {
            want.day = 1;
            if (++want.month > 12) {
                want.month = 1;
                want.year++;
            }
        }
    }
    ck_assert_int_eq(days, 47847); /* 2101-01-01 */
}
END_TEST

START_TEST(days_begin_at_midnight_also_before_1970)
{
    struct pst_date date;
    pst_date_of_ms(-1, &date);
    ck_assert_int_eq(date.year * 10000 + date.month * 100 + date.day, 19691231);
    pst_date_of_ms(-PST_DAY_MS, &date);
    ck_assert_int_eq(date.day, 31);
    pst_date_of_ms(PST_DAY_MS - 1, &date);
    ck_assert_int_eq(date.day, 1);
    ck_assert_int_eq(pst_date_start_ms(&date), 0);
}
END_TEST

START_TEST(clocks_can_be_given)
{
    ck_assert_int_gt(pst_clock_now(NULL), INT64_C(1600000000000));
    ck_assert_int_ge(pst_clock_now(pst_clock_system()), pst_clock_now(NULL) - PST_HOUR_MS);
}
END_TEST

PST_UNIT_MAIN("time", times_are_read_strictly, times_out_of_range_are_written_as_the_end,
              days_and_dates_agree_for_every_day, days_begin_at_midnight_also_before_1970,
              clocks_can_be_given)
