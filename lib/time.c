#include "postern/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t system_now_ms(void *ctx)
{
    (void)ctx;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * PST_SECOND_MS + now.tv_nsec / 1000000;
}

static const struct pst_clock system_clock = {.now_ms = system_now_ms};

const struct pst_clock *pst_clock_system(void)
{
    return &system_clock;
}

int64_t pst_clock_now(const struct pst_clock *clock)
{
    if (clock == NULL)
        clock = &system_clock;
    return clock->now_ms(clock->ctx);
}

int64_t pst_monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * PST_SECOND_MS + now.tv_nsec / 1000000;
}

void pst_pause_ms(int64_t ms)
{
    const struct timespec step = {.tv_sec = (time_t)(ms / PST_SECOND_MS),
                                  .tv_nsec = (long)(ms % PST_SECOND_MS) * 1000000};
    (void)nanosleep(&step, NULL);
}

bool pst_year_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int pst_month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12)
        return 0;
    return month == 2 && pst_year_is_leap(year) ? 29 : days[month - 1];
}

bool pst_date_valid(const struct pst_date *date)
{
    return date->year >= PST_YEAR_MIN && date->year <= PST_YEAR_MAX && date->day >= 1 &&
           date->day <= pst_month_days(date->year, date->month);
}

/* text against a pattern in which 0 stands for any digit. */
static bool matches(const char *text, size_t text_len, const char *pattern)
{
    if (text_len != strlen(pattern))
        return false;
    for (size_t i = 0; i < text_len; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (pattern[i] == '0' ? !digit : text[i] != pattern[i])
            return false;
    }
    return true;
}

/* The number that len digits at text say. */
static int number(const char *text, int len)
{
    int value = 0;
    for (int i = 0; i < len; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

enum pst_err pst_date_parse(const char *text, size_t text_len, struct pst_date *ret_date)
{
    if (!matches(text, text_len, "0000-00-00"))
        return PST_ERR_SYNTAX;
    struct pst_date date = {number(text, 4), number(text + 5, 2), number(text + 8, 2)};
    if (!pst_date_valid(&date))
        return PST_ERR_SYNTAX;
    *ret_date = date;
    return PST_OK;
}

void pst_date_format(const struct pst_date *date, char *ret_text)
{
    /* Modulo says to the compiler what pst_date_valid says of the fields. */
    (void)snprintf(ret_text, PST_DATE_TEXT_SIZE, "%04u-%02u-%02u", (unsigned)date->year % 10000,
                   (unsigned)date->month % 100, (unsigned)date->day % 100);
}

int pst_date_compare(const struct pst_date *a, const struct pst_date *b)
{
    int64_t difference = pst_date_days(a) - pst_date_days(b);
    return difference < 0 ? -1 : difference > 0;
}

/*
 * Both ways by Howard Hinnant's "chrono-compatible low-level date algorithms":
 * years begin in March, so that the leap day comes last; an era is 400 years.
 */
#define ERA_DAYS 146097
#define DAYS_TO_1970 719468

int64_t pst_date_days(const struct pst_date *date)
{
    int64_t year = date->month <= 2 ? date->year - 1 : date->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date->month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - DAYS_TO_1970;
}

void pst_date_from_days(int64_t days, struct pst_date *ret_date)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_date = (struct pst_date){
        .year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0)),
        .month = (int)month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

void pst_date_of_ms(int64_t at_ms, struct pst_date *ret_date)
{
    int64_t days = at_ms / PST_DAY_MS - (at_ms % PST_DAY_MS < 0 ? 1 : 0);
    pst_date_from_days(days, ret_date);
}

int64_t pst_date_start_ms(const struct pst_date *date)
{
    return pst_date_days(date) * PST_DAY_MS;
}

void pst_date_add_years(const struct pst_date *date, int years, struct pst_date *ret_date)
{
    struct pst_date moved = *date;
    moved.year += years;
    int last = pst_month_days(moved.year, moved.month);
    if (moved.day > last)
        moved.day = last;
    *ret_date = moved;
}

enum pst_err pst_time_parse(const char *text, size_t text_len, int64_t *ret_ms)
{
    struct pst_date date = {0};
    if (!matches(text, text_len, "0000-00-00T00:00:00.000Z"))
        return PST_ERR_SYNTAX;
    if (pst_date_parse(text, PST_DATE_TEXT_LEN, &date) != PST_OK || date.year < 1970)
        return PST_ERR_SYNTAX;
    int hour = number(text + 11, 2);
    int minute = number(text + 14, 2);
    int second = number(text + 17, 2);
    if (hour > 23 || minute > 59 || second > 59)
        return PST_ERR_SYNTAX;
    *ret_ms = pst_date_start_ms(&date) + hour * PST_HOUR_MS + minute * PST_MINUTE_MS +
              second * PST_SECOND_MS + number(text + 20, 3);
    return PST_OK;
}

void pst_time_format(int64_t at_ms, char *ret_text)
{
    if (at_ms < 0)
        at_ms = 0;
    if (at_ms > PST_TIME_MAX_MS)
        at_ms = PST_TIME_MAX_MS;
    struct pst_date date = {0};
    pst_date_of_ms(at_ms, &date);
    unsigned ms = (unsigned)(at_ms % PST_DAY_MS);
    pst_date_format(&date, ret_text);
    (void)snprintf(ret_text + PST_DATE_TEXT_LEN, PST_TIME_TEXT_SIZE - PST_DATE_TEXT_LEN,
                   "T%02u:%02u:%02u.%03uZ", ms / 3600000U % 24U, ms / 60000U % 60U,
                   ms / 1000U % 60U, ms % 1000U);
}
