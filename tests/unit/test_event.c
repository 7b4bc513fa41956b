#include "postern/event.h"

#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "unit.h"

#define T0 INT64_C(1795262400000)

static void fill_five(void *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    memset(ret_bytes, 5, len);
}

static const struct pst_random fives = {.fill = fill_five};

static struct pst_event sample_exchange(void)
{
    struct pst_event event;
    pst_event_init(&event, PST_EVENT_EXCHANGE, T0, &fives);
    event.has = PST_EVENT_HAS_ACTOR | PST_EVENT_HAS_ROLE | PST_EVENT_HAS_PATIENT |
                PST_EVENT_HAS_THREAD | PST_EVENT_HAS_MESSAGE | PST_EVENT_HAS_DIRECTION |
                PST_EVENT_HAS_CHANNEL | PST_EVENT_HAS_FROM | PST_EVENT_HAS_TO |
                PST_EVENT_HAS_CATEGORY | PST_EVENT_HAS_ATTACHMENTS | PST_EVENT_HAS_SIZE |
                PST_EVENT_HAS_SHA256 | PST_EVENT_HAS_CODE | PST_EVENT_HAS_CONSENT |
                PST_EVENT_HAS_BASIS;
    event.actor.bytes[0] = 1;
    event.role = PST_ROLE_CLINICIAN;
    event.patient.bytes[0] = 2;
    event.thread.bytes[0] = 3;
    event.message.bytes[0] = 4;
    event.direction = PST_DIRECTION_OUT;
    event.channel = PST_CHANNEL_PORTAL;
    event.from.bytes[0] = 1;
    event.to[0] = (struct pst_event_party){.id = {{2}}, .role = PST_ROLE_PATIENT};
    event.to[1] = (struct pst_event_party){.id = {{6}}};
    event.to_count = 2;
    event.category = PST_CATEGORY_RESULT;
    event.attachments = 2;
    event.images = 1;
    event.size = 4711;
    event.sha256.bytes[0] = 9;
    strncpy(event.code, "accepted", sizeof event.code - 1);
    event.consent.bytes[0] = 7;
    event.consent_version = 3;
    event.basis = PST_BASIS_SPECIALTY;
    return event;
}

START_TEST(an_exchange_is_one_canonical_line)
{
    static const char want[] =
        "{\"actor\":\"01000000-0000-0000-0000-000000000000\",\"at\":\"2026-11-21T12:00:00.000Z\","
        "\"attachments\":2,\"basis\":\"specialty\",\"category\":\"result\",\"channel\":\"portal\","
        "\"code\":\"accepted\",\"consent\":{\"id\":\"07000000-0000-0000-0000-000000000000\","
        "\"version\":3},\"direction\":\"out\",\"from\":\"01000000-0000-0000-0000-000000000000\","
        "\"id\":\"01a1fdfa-4600-7505-8505-050505050505\",\"images\":1,\"kind\":\"exchange\","
        "\"message\":\"04000000-0000-0000-0000-000000000000\","
        "\"patient\":\"02000000-0000-0000-0000-000000000000\",\"role\":\"clinician\","
        "\"salt\":\"BQUFBQUFBQUFBQUFBQUFBQ\","
        "\"sha256\":\"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"size\":4711,"
        "\"thread\":\"03000000-0000-0000-0000-000000000000\","
        "\"to\":[{\"id\":\"02000000-0000-0000-0000-000000000000\",\"role\":\"patient\"},"
        "{\"id\":\"06000000-0000-0000-0000-000000000000\",\"role\":\"team\"}],\"v\":1}";
    struct pst_event event = sample_exchange();
    struct pst_event again;
    PST_BUF struct pst_buf line = {.max = 65536};
    ck_assert_int_eq(pst_event_write(&event, &line), PST_OK);
    ck_assert_str_eq(pst_buf_str(&line), want);
    ck_assert_int_eq(pst_event_parse(pst_buf_bytes(&line), &again), PST_OK);
    ck_assert_uint_eq(again.has, event.has);
    ck_assert_uint_eq(again.to_count, 2);
    ck_assert_uint_eq(again.to[0].role, PST_ROLE_PATIENT);
    ck_assert_uint_eq(again.to[1].role, 0);
    ck_assert_int_eq(again.consent_version, 3);
    ck_assert_str_eq(again.code, "accepted");
    ck_assert_int_eq(again.basis, PST_BASIS_SPECIALTY);
    ck_assert_int_eq(again.at_ms, T0);
    ck_assert_mem_eq(again.salt, event.salt, sizeof again.salt);
}
END_TEST

START_TEST(every_kind_is_written_and_read)
{
    for (unsigned kind = 0; kind < PST_EVENT__MAX; kind++) {
        struct pst_event event;
        struct pst_event again;
        PST_BUF struct pst_buf line = {.max = 65536};
        pst_event_init(&event, (enum pst_event_kind)kind, T0, NULL);
        event.has =
            PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL | PST_EVENT_HAS_COUNT | PST_EVENT_HAS_MINUTE;
        strncpy(event.code, "rate-limited", sizeof event.code - 1);
        ck_assert_int_eq(pst_event_write(&event, &line), PST_OK);
        ck_assert_int_eq(pst_event_parse(pst_buf_bytes(&line), &again), PST_OK);
        ck_assert_uint_eq((unsigned)again.kind, kind);
        ck_assert(pst_uuid_equal(&again.id, &event.id));
    }
    ck_assert_ptr_null(pst_event_kind_name(PST_EVENT__MAX));
    ck_assert_ptr_null(pst_basis_name(PST_BASIS__MAX));
}
END_TEST

START_TEST(two_events_of_one_moment_differ_by_their_salt)
{
    struct pst_event a;
    struct pst_event b;
    pst_event_init(&a, PST_EVENT_DAY, T0, NULL);
    pst_event_init(&b, PST_EVENT_DAY, T0, NULL);
    ck_assert_mem_ne(a.salt, b.salt, sizeof a.salt);
    ck_assert(!pst_uuid_equal(&a.id, &b.id));
}
END_TEST

START_TEST(values_out_of_range_are_not_written)
{
    struct pst_event cases[8];
    for (size_t i = 0; i < 8; i++)
        cases[i] = sample_exchange();
    strncpy(cases[0].code, "Ada Example", sizeof cases[0].code - 1);
    cases[1].has &= ~PST_EVENT_HAS_CODE;
    cases[2].role = (enum pst_role)3;
    cases[3].channel = PST_CHANNEL__MAX;
    cases[4].to[0].role = 3;
    cases[5].attachments = -1;
    cases[6].size = UINT64_MAX;
    cases[7].to_count = PST_EVENT_TO_MAX + 1;
    for (size_t i = 0; i < 8; i++) {
        PST_BUF struct pst_buf line = {.max = 65536};
        ck_assert_msg(pst_event_write(&cases[i], &line) == PST_ERR_INVALID, "case %zu", i);
        ck_assert_uint_eq(line.len, 0);
    }
}
END_TEST

START_TEST(lines_beyond_4_kib_are_not_written)
{
    struct pst_event event = sample_exchange();
    PST_BUF struct pst_buf line = {.max = 65536};
    for (size_t i = 0; i < PST_EVENT_TO_MAX; i++)
        event.to[i] = (struct pst_event_party){.id = {{(uint8_t)i}}, .role = PST_ROLE_CLINICIAN};
    event.to_count = 40;
    ck_assert_int_eq(pst_event_write(&event, &line), PST_OK);
    pst_buf_clear(&line);
    event.to_count = PST_EVENT_TO_MAX;
    ck_assert_int_eq(pst_event_write(&event, &line), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(line.len, 0);
}
END_TEST

#define HEAD "{\"at\":\"2026-11-21T12:00:00.000Z\","
#define ID "\"id\":\"01a1fdfa-4600-7505-8505-050505050505\","
#define TAIL ",\"salt\":\"BQUFBQUFBQUFBQUFBQUFBQ\",\"v\":1}"

START_TEST(lines_are_read_strictly)
{
    static const struct {
        const char *line;
        enum pst_err want;
    } cases[] = {
        {HEAD ID "\"kind\":\"day\"" TAIL, PST_OK},
        {HEAD ID "\"kind\":\"day\",\"name\":\"Ada\"" TAIL, PST_ERR_SYNTAX},
        {HEAD ID "\"kind\":\"gossip\"" TAIL, PST_ERR_UNSUPPORTED},
        {HEAD ID "\"kind\":\"day\",\"salt\":\"BQUFBQUFBQUFBQUFBQUFBQ\",\"v\":2}",
         PST_ERR_UNSUPPORTED},
        {HEAD ID "\"kind\":\"day\",\"v\":1}", PST_ERR_SYNTAX},
        {HEAD "\"kind\":\"day\"" TAIL, PST_ERR_SYNTAX},
        {HEAD ID "\"kind\":\"exchange\"" TAIL, PST_ERR_SYNTAX}, /* no code */
        {HEAD "\"channel\":\"portal\",\"code\":\"maybe\"," ID "\"kind\":\"exchange\"" TAIL,
         PST_ERR_UNSUPPORTED},
        {HEAD "\"channel\":\"portal\",\"code\":\"accepted\"," ID "\"kind\":\"exchange\"" TAIL,
         PST_OK},
        {HEAD "\"attachments\":1," ID "\"kind\":\"day\"" TAIL, PST_ERR_SYNTAX},
        {HEAD ID "\"kind\":\"day\",\"role\":\"king\"" TAIL, PST_ERR_UNSUPPORTED},
        {HEAD ID "\"kind\":\"day\",\"record\":\"short\"" TAIL, PST_ERR_SYNTAX},
        {HEAD ID "\"kind\": \"day\"" TAIL, PST_ERR_NOT_CANONICAL},
        {HEAD ID "\"kind\":\"day\"" TAIL "\n", PST_ERR_NOT_CANONICAL},
        {"", PST_ERR_SYNTAX},
        {"[]", PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_event event;
        enum pst_err r = pst_event_parse(pst_bytes_str(cases[i].line), &event);
        ck_assert_msg(r == cases[i].want, "%s: %s", cases[i].line, pst_err_name(r));
    }
}
END_TEST

PST_UNIT_MAIN("event", an_exchange_is_one_canonical_line, every_kind_is_written_and_read,
              two_events_of_one_moment_differ_by_their_salt, values_out_of_range_are_not_written,
              lines_beyond_4_kib_are_not_written, lines_are_read_strictly)
