/* What strangers were refused: counted by code, address and minute, then told once. */
#include "postern/event.h"
#include "postern/time.h"
#include "practice_fixture.h"
#include "server/web/strangers.h"
#include "unit.h"

#define MINUTE INT64_C(29000000)
#define MINUTE_OVER_MS ((MINUTE + 1) * PST_MINUTE_MS + PST_STRANGERS_LATE_MS)
/* More than go into one transaction. */
#define MANY 300

static void open_both(struct practice *p, struct pst_strangers **ret_strangers)
{
    memset(p, 0, sizeof *p);
    practice_open(p);
    ck_assert_int_eq(pst_strangers_new(p->fixture.store, p->vault, ret_strangers), PST_OK);
}

static void close_both(struct practice *p, struct pst_strangers **strangers)
{
    pst_strangers_free(strangers);
    practice_close(p);
}

static struct pst_peer peer(uint16_t host)
{
    return (struct pst_peer){.family = 4, .address = {192, 0, (uint8_t)(host >> 8), (uint8_t)host}};
}

static void refuse(struct pst_strangers *strangers, const char *code, uint16_t host, int64_t count)
{
    struct pst_peer from = peer(host);
    pst_strangers_add(strangers, code, &from, MINUTE, count);
}

static int64_t events(struct practice *p)
{
    return practice_count(p, "SELECT count(*) FROM event WHERE line LIKE '%\"stranger\"%'");
}

static void flush(struct pst_strangers *strangers, int64_t now_ms)
{
    ck_assert_int_eq(pst_strangers_flush(strangers, now_ms), PST_OK);
}

START_TEST(a_minute_is_told_once_when_it_is_over)
{
    struct practice p;
    struct pst_strangers *strangers = NULL;
    open_both(&p, &strangers);
    refuse(strangers, "not-authenticated", 1, 1);
    flush(strangers, MINUTE * PST_MINUTE_MS + 1000);
    refuse(strangers, "not-authenticated", 1, 4);
    flush(strangers, MINUTE_OVER_MS - 1);
    ck_assert_int_eq(events(&p), 0);
    refuse(strangers, "not-authenticated", 1, 2); /* late, but not too late */
    flush(strangers, MINUTE_OVER_MS);
    ck_assert_int_eq(events(&p), 1);
    flush(strangers, MINUTE_OVER_MS + 2 * PST_MINUTE_MS);
    ck_assert_int_eq(events(&p), 1);
    ck_assert_int_eq(practice_count(&p, "SELECT count(*) FROM stranger"), 0);
    close_both(&p, &strangers);
}
END_TEST

START_TEST(the_event_says_code_address_minute_and_count)
{
    struct practice p;
    struct pst_strangers *strangers = NULL;
    struct pst_event event;
    uint8_t index[PST_VAULT_HASH_BYTES];
    struct pst_peer from = peer(7);
    open_both(&p, &strangers);
    refuse(strangers, "tls-required", 7, 41);
    refuse(strangers, "tls-required", 7, 1);
    flush(strangers, MINUTE_OVER_MS);
    char *line = raw_text(&p.db, "SELECT line FROM event WHERE line LIKE '%\"stranger\"%'");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(pst_event_parse(pst_bytes_str(line), &event), PST_OK);
    free(line);
    ck_assert_int_eq(event.kind, PST_EVENT_STRANGER);
    ck_assert_str_eq(event.code, "tls-required");
    ck_assert_int_eq(event.minute_ms, MINUTE * PST_MINUTE_MS);
    ck_assert_int_eq(event.count, 42);
    ck_assert_int_eq(event.at_ms, MINUTE_OVER_MS);
    ck_assert_uint_eq(event.has & PST_EVENT_HAS_ACTOR, 0);
    ck_assert_int_eq(pst_peer_index(p.vault, &from, index), PST_OK);
    ck_assert_mem_eq(event.address, index, sizeof event.address);
    close_both(&p, &strangers);
}
END_TEST

START_TEST(codes_and_addresses_are_told_apart_however_many)
{
    struct practice p;
    struct pst_strangers *strangers = NULL;
    open_both(&p, &strangers);
    for (uint16_t host = 0; host < MANY; host++)
        refuse(strangers, "not-authenticated", host, 1);
    refuse(strangers, "rate-limited", 0, 1);
    flush(strangers, MINUTE_OVER_MS);
    flush(strangers, MINUTE_OVER_MS + PST_SECOND_MS);
    ck_assert_int_eq(events(&p), MANY + 1);
    close_both(&p, &strangers);
}
END_TEST

START_TEST(what_a_stopped_gateway_counted_is_told_by_the_next)
{
    struct practice p;
    struct pst_strangers *strangers = NULL;
    open_both(&p, &strangers);
    refuse(strangers, "not-authenticated", 1, 1);
    flush(strangers, MINUTE * PST_MINUTE_MS);
    pst_strangers_free(&strangers);
    ck_assert_int_eq(pst_strangers_new(p.fixture.store, p.vault, &strangers), PST_OK);
    flush(strangers, MINUTE_OVER_MS);
    ck_assert_int_eq(events(&p), 1);
    close_both(&p, &strangers);
}
END_TEST

PST_UNIT_MAIN("strangers", a_minute_is_told_once_when_it_is_over,
              the_event_says_code_address_minute_and_count,
              codes_and_addresses_are_told_apart_however_many,
              what_a_stopped_gateway_counted_is_told_by_the_next)
