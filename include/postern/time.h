/*
 * Times: milliseconds since 1970-01-01 UTC in an int64_t (names end in _ms),
 * on the wire YYYY-MM-DDTHH:MM:SS.mmmZ and nothing else (RFC 3339, UTC).
 * Dates: struct pst_date, proleptic Gregorian, YYYY-MM-DD.
 *
 * libpostern reads no clock but the one it is passed (struct pst_clock); the
 * monotonic one here is for programs.
 * Any thread; nothing allocates.
 */
#ifndef POSTERN_TIME_H
#define POSTERN_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

#define PST_TIME_TEXT_LEN 24
#define PST_TIME_TEXT_SIZE (PST_TIME_TEXT_LEN + 1)
#define PST_DATE_TEXT_LEN 10
#define PST_DATE_TEXT_SIZE (PST_DATE_TEXT_LEN + 1)

#define PST_SECOND_MS INT64_C(1000)
#define PST_MINUTE_MS (60 * PST_SECOND_MS)
#define PST_HOUR_MS (60 * PST_MINUTE_MS)
#define PST_DAY_MS (24 * PST_HOUR_MS)

/* Years that four digits can say; earlier than 1970 is for birth dates. */
#define PST_YEAR_MIN 1
#define PST_YEAR_MAX 9999
/* 9999-12-31T23:59:59.999Z: the last time that can be written. */
#define PST_TIME_MAX_MS INT64_C(253402300799999)

struct pst_clock {
    /* Milliseconds since 1970, UTC. */
    int64_t (*now_ms)(void *ctx);
    void *ctx;
};

/* CLOCK_REALTIME. Static, never NULL. */
const struct pst_clock *pst_clock_system(void);

/* clock->now_ms, for short. clock NULL: the system's. */
int64_t pst_clock_now(const struct pst_clock *clock);

/* For deadlines: milliseconds since some moment, which nobody sets. */
int64_t pst_monotonic_ms(void);
/* Let so much time pass; a signal may end it early. */
void pst_pause_ms(int64_t ms);

/*
 * Exactly 24 characters; month, day, hour, minute and second in range, no leap
 * second, year 1970 or later.
 *   text   borrowed, need not be NUL-terminated
 * Returns PST_OK; PST_ERR_SYNTAX.
 */
PST_MUST_CHECK enum pst_err pst_time_parse(const char *text, size_t text_len, int64_t *ret_ms);

/*
 * ret_text: PST_TIME_TEXT_SIZE bytes, NUL-terminated. Times outside
 * 0..PST_TIME_MAX_MS are written as the nearer end.
 */
void pst_time_format(int64_t at_ms, char *ret_text);

struct pst_date {
    int year;  /* PST_YEAR_MIN..PST_YEAR_MAX */
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

bool pst_year_is_leap(int year);

/* 28..31; 0 for a month out of range. */
int pst_month_days(int year, int month);

bool pst_date_valid(const struct pst_date *date);

/* Exactly YYYY-MM-DD, a day that exists. Returns PST_OK; PST_ERR_SYNTAX. */
PST_MUST_CHECK enum pst_err pst_date_parse(const char *text, size_t text_len,
                                           struct pst_date *ret_date);

/* ret_text: PST_DATE_TEXT_SIZE bytes, NUL-terminated; date must be valid. */
void pst_date_format(const struct pst_date *date, char *ret_text);

/* -1, 0, 1. */
int pst_date_compare(const struct pst_date *a, const struct pst_date *b);

/* Days since 1970-01-01, negative before; and back. */
int64_t pst_date_days(const struct pst_date *date);
void pst_date_from_days(int64_t days, struct pst_date *ret_date);

/* The UTC day a time falls on; the first millisecond of a day. */
void pst_date_of_ms(int64_t at_ms, struct pst_date *ret_date);
int64_t pst_date_start_ms(const struct pst_date *date);

/* The same day years later (earlier when negative); 29 February becomes 28. */
void pst_date_add_years(const struct pst_date *date, int years, struct pst_date *ret_date);

#endif
