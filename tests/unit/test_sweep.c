/* What is over leaves the store, and what is not stays. */
#include "server/web/sweep.h"

#include "practice_fixture.h"

static const char *const tables[] = {"staging", "attempt", "session", "notice"};
#define TABLES (sizeof tables / sizeof tables[0])

/* One row of each kind at that time. */
static void add_rows(struct practice *p, int64_t at_ms, int64_t notice_state)
{
    struct pst_uuid id, token;
    const struct pst_uuid *person = &p->people[PAT].id;
    pst_uuid_v7(p->now_ms, NULL, &id);
    pst_uuid_v7(p->now_ms, NULL, &token);
    practice_bind(p,
                  "INSERT INTO staging (upload, part, person, at_ms, bytes) "
                  "VALUES (?1, 1, ?2, ?3, x'00')",
                  "uui", &id, person, at_ms);
    practice_bind(p, "INSERT INTO attempt (subject, at_ms, nonce) VALUES (?1, ?2, ?1)", "ui", &id,
                  at_ms);
    practice_bind(
        p,
        "INSERT INTO session (token_hash, id, person, created_at_ms, used_at_ms, step_up_at_ms, "
        "expires_at_ms) VALUES (?1, ?2, ?3, 0, 0, 0, ?4)",
        "uuui", &token, &id, person, at_ms);
    practice_bind(p,
                  "INSERT INTO notice (id, patient, person, thread, kind, state, created_at_ms, "
                  "next_at_ms) VALUES (?1, ?2, ?2, ?3, 'email', ?4, ?5, ?5)",
                  "uuuii", &id, person, &p->thread, notice_state, at_ms);
}

static void expect_rows(struct practice *p, const int64_t *want)
{
    char sql[64];
    for (size_t i = 0; i < TABLES; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
        int64_t found = practice_count(p, sql);
        ck_assert_msg(found == want[i], "%s: %lld", tables[i], (long long)found);
    }
}

START_TEST(at_the_start_every_staged_part_is_a_leftover)
{
    struct practice p;
    int64_t parts = 0;
    practice_open(&p);
    add_rows(&p, p.now_ms + PST_HOUR_MS, 0);
    add_rows(&p, p.now_ms - PST_HOUR_MS, 1);
    ck_assert_int_eq(pst_sweep(p.fixture.store, p.now_ms, true, &parts), PST_OK);
    ck_assert_int_eq(parts, 2);
    expect_rows(&p, (const int64_t[TABLES]){0, 2, 1, 2});
    practice_close(&p);
}
END_TEST

START_TEST(later_only_what_is_older_than_it_may_be_goes)
{
    struct practice p;
    int64_t parts = 0;
    practice_open(&p);
    add_rows(&p, p.now_ms + PST_HOUR_MS, 2);
    add_rows(&p, p.now_ms - 47 * PST_HOUR_MS, 3);
    add_rows(&p, p.now_ms - 49 * PST_HOUR_MS, 1);
    ck_assert_int_eq(pst_sweep(p.fixture.store, p.now_ms, false, &parts), PST_OK);
    ck_assert_int_eq(parts, 1);
    expect_rows(&p, (const int64_t[TABLES]){2, 1, 1, 3});
    practice_close(&p);
}
END_TEST

START_TEST(a_notice_that_nobody_sends_any_more_goes)
{
    struct practice p;
    int64_t parts = 0;
    practice_open(&p);
    for (int64_t state = 0; state < 4; state++)
        add_rows(&p, p.now_ms - 31 * PST_DAY_MS, state);
    ck_assert_int_eq(pst_sweep(p.fixture.store, p.now_ms, false, &parts), PST_OK);
    ck_assert_int_eq(practice_count(&p, "SELECT count(*) FROM notice WHERE state < 2"), 2);
    ck_assert_int_eq(practice_count(&p, "SELECT count(*) FROM notice WHERE state > 1"), 0);
    practice_close(&p);
}
END_TEST

PST_UNIT_MAIN("sweep", at_the_start_every_staged_part_is_a_leftover,
              later_only_what_is_older_than_it_may_be_goes,
              a_notice_that_nobody_sends_any_more_goes)
