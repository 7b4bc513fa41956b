/* Every fact that admission is decided on, switched by itself in the store. */
#include "server/store/facts.h"

#include "practice_fixture.h"
#include "server/web/admit.h"
#include "server/web/exchange.h"
#include "server/web/web.h"

struct asking {
    struct pst_request request;
    struct pst_admit_ask ask;
    struct pst_admit_result result;
};

static enum pst_err run_ask(struct pst_tx *tx, void *ctx)
{
    struct asking *asking = ctx;
    return pst_admit_thread(tx, &asking->request, &asking->ask, &asking->result);
}

static void ask(struct practice *p, enum who who, const struct pst_uuid *thread, uint32_t images,
                struct asking *ret_asking)
{
    static struct pst_web_peer peer;
    static struct pst_web_exchange exchange;
    peer.facts.tls_version = PST_TLS_1_3;
    peer.facts.aead = true;
    exchange.peer = &peer;
    *ret_asking = (struct asking){0};
    ret_asking->request.config = p->config;
    ret_asking->request.store = p->fixture.store;
    ret_asking->request.vault = p->vault;
    ret_asking->request.origin = PRACTICE_ORIGIN;
    ret_asking->request.now_ms = p->now_ms;
    ret_asking->request.exchange = &exchange;
    ret_asking->request.caller.signed_in = true;
    ret_asking->request.caller.person = p->people[who].id;
    ret_asking->ask.mode = PST_ADMIT_THREAD;
    ret_asking->ask.thread = *thread;
    ret_asking->ask.images = images;
    ck_assert_int_eq(pst_store_read(p->fixture.store, run_ask, ret_asking), PST_OK);
}

static enum pst_refusal code_for(struct practice *p, enum who who, uint32_t images)
{
    struct asking asking;
    ask(p, who, &p->thread, images, &asking);
    return asking.result.verdict.code;
}

/* In the SQL $T is today in days, $N now in milliseconds; $T3 three years before today. */
static void run_case(struct practice *p, const char *sql)
{
    char text[1024] = "";
    struct pst_date today;
    struct pst_date past;
    size_t len = 0;
    pst_date_of_ms(p->now_ms, &today);
    pst_date_add_years(&today, -3, &past);
    for (const char *at = sql; *at != '\0'; at++) {
        ck_assert_uint_lt(len, sizeof text - 32);
        if (strncmp(at, "$T3", 3) == 0) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%lld",
                                    (long long)pst_date_days(&past));
            at += 2;
        } else if (strncmp(at, "$T", 2) == 0) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%lld",
                                    (long long)(p->now_ms / PST_DAY_MS));
            at += 1;
        } else if (strncmp(at, "$N", 2) == 0) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%lld", (long long)p->now_ms);
            at += 1;
        } else {
            text[len++] = *at;
            text[len] = '\0';
        }
    }
    practice_exec(p, text);
}

#define ADA_ID "(SELECT person FROM credential WHERE specialty = 'cardiology')"
#define CARA_ID "(SELECT person FROM credential WHERE specialty = 'dermatology')"
#define PAT_ID "(SELECT person FROM patient)"
#define REP_ID "(SELECT person FROM representative)"
#define RESTRICT(kind, team, ended)                                                                \
    "INSERT INTO restriction (id, patient, kind, team, recorded_by, recorded_at_ms, "              \
    "ended_at_ms) VALUES (x'01', " PAT_ID ", '" kind "', " team ", x'01', 0, " ended ")"
/* In milliseconds; a product of smaller numbers would be too large for PostgreSQL. */
#define THIRTY_DAYS "2592000000"
#define NEWER_TERMS(version, at)                                                                   \
    "INSERT INTO terms VALUES ('messages', " version ", 'en', x'01', 'New.', " at ")"
#define BREAK_GLASS(until)                                                                         \
    "DELETE FROM visit; INSERT INTO break_glass VALUES (x'01', " PAT_ID ", " ADA_ID                \
    ", x'00', $N - 1000, " until ")"

static const struct fact_case {
    const char *name;
    const char *sql;
    enum who who;
    uint32_t images;
    enum pst_refusal expected;
} fact_cases[] = {
    {"a clinician", "SELECT 1", ADA, 0, PST_REFUSAL_NONE},
    {"a colleague of another specialty", "SELECT 1", BEN, 0, PST_REFUSAL_NONE},
    {"the patient", "SELECT 1", PAT, 0, PST_REFUSAL_NONE},
    {"the representative", "SELECT 1", REP, 0, PST_REFUSAL_NONE},
    {"images within consent", "SELECT 1", ADA, 2, PST_REFUSAL_NONE},
    {"somebody of another team", "SELECT 1", CARA, 0, PST_REFUSAL_NOT_PERMITTED},
    {"a clinician whose role ended", "UPDATE person SET roles = 4 WHERE id = " ADA_ID, ADA, 0,
     PST_REFUSAL_NOT_PERMITTED},
    {"a disabled clinician", "UPDATE person SET state = 2 WHERE id = " ADA_ID, ADA, 0,
     PST_REFUSAL_NOT_PERMITTED},
    {"a representative who ended", "UPDATE representative SET ended_at_ms = 1", REP, 0,
     PST_REFUSAL_NOT_PERMITTED},
    {"a representative on the last day", "UPDATE representative SET until_days = $T", REP, 0,
     PST_REFUSAL_NONE},
    {"a representative a day later", "UPDATE representative SET until_days = $T - 1", REP, 0,
     PST_REFUSAL_NOT_PERMITTED},
    {"no credential", "DELETE FROM credential WHERE specialty = 'nursing'", BEN, 0,
     PST_REFUSAL_CREDENTIAL},
    {"a credential on its last day", "UPDATE credential SET until_days = $T", ADA, 0,
     PST_REFUSAL_NONE},
    {"a credential a day later", "UPDATE credential SET until_days = $T - 1", ADA, 0,
     PST_REFUSAL_CREDENTIAL},
    {"a newer check that it has lapsed",
     "INSERT INTO credential SELECT x'ff', person, kind, number_enc, specialty, subspecialty, "
     "checked_by, checked_at_ms, $T - 1, disclosure FROM credential WHERE specialty = 'cardiology'",
     ADA, 0, PST_REFUSAL_CREDENTIAL},
    {"one clinician of the team is enough for the patient",
     "UPDATE credential SET until_days = $T - 1 WHERE specialty = 'nursing'", PAT, 0,
     PST_REFUSAL_NONE},
    {"none is not", "UPDATE credential SET until_days = $T - 1", PAT, 0, PST_REFUSAL_CREDENTIAL},
    {"no visit", "DELETE FROM visit", ADA, 0, PST_REFUSAL_NOT_ESTABLISHED},
    {"no visit, for the patient", "DELETE FROM visit", PAT, 0, PST_REFUSAL_NOT_ESTABLISHED},
    {"three years ago", "UPDATE visit SET date_days = $T3", ADA, 0, PST_REFUSAL_NONE},
    {"a day before that", "UPDATE visit SET date_days = $T3 - 1", ADA, 0,
     PST_REFUSAL_NOT_ESTABLISHED},
    {"tomorrow", "UPDATE visit SET date_days = $T + 1", ADA, 0, PST_REFUSAL_NOT_ESTABLISHED},
    {"the same specialty elsewhere in the practice",
     "UPDATE visit SET clinician = " CARA_ID ", specialty = 'cardiology'", ADA, 0,
     PST_REFUSAL_NONE},
    {"another specialty elsewhere",
     "UPDATE visit SET clinician = " CARA_ID ", specialty = 'dermatology'", ADA, 0,
     PST_REFUSAL_NOT_ESTABLISHED},
    {"another subspecialty elsewhere",
     "UPDATE visit SET clinician = " CARA_ID ", subspecialty = 'children'", ADA, 0,
     PST_REFUSAL_NOT_ESTABLISHED},
    {"a live break-glass", BREAK_GLASS("$N + 1000"), ADA, 0, PST_REFUSAL_NONE},
    {"one that is over", BREAK_GLASS("$N"), ADA, 0, PST_REFUSAL_NOT_ESTABLISHED},
    {"no consent", "DELETE FROM consent_purpose; DELETE FROM consent", ADA, 0,
     PST_REFUSAL_CONSENT_MISSING},
    {"refused", "UPDATE consent SET decision = 1", ADA, 0, PST_REFUSAL_CONSENT_REFUSED},
    {"withdrawn", "UPDATE consent SET decision = 2", PAT, 0, PST_REFUSAL_CONSENT_WITHDRAWN},
    {"only the latest record counts",
     "INSERT INTO consent SELECT x'09', patient, 2, 2, purposes, terms_id, terms_version, "
     "language, expires_at_ms, at_ms, recorded_at_ms, recorded_by, x'09', record_enc FROM consent",
     ADA, 0, PST_REFUSAL_CONSENT_WITHDRAWN},
    {"expired", "UPDATE consent SET expires_at_ms = $N", ADA, 0, PST_REFUSAL_CONSENT_EXPIRED},
    {"a millisecond before", "UPDATE consent SET expires_at_ms = $N + 1", ADA, 0, PST_REFUSAL_NONE},
    {"not for messages", "UPDATE consent SET purposes = purposes - 1", ADA, 0,
     PST_REFUSAL_CONSENT_SCOPE},
    {"not for images", "UPDATE consent SET purposes = purposes - 2", ADA, 1,
     PST_REFUSAL_CONSENT_SCOPE},
    {"not for images, and none sent", "UPDATE consent SET purposes = purposes - 2", ADA, 0,
     PST_REFUSAL_NONE},
    {"not for this representative", "DELETE FROM consent_purpose WHERE purpose = 5", REP, 0,
     PST_REFUSAL_CONSENT_SCOPE},
    {"newer terms within grace", NEWER_TERMS("2", "$N - 1000"), ADA, 0, PST_REFUSAL_NONE},
    {"newer terms, not in effect", NEWER_TERMS("2", "$N + 1000"), ADA, 0, PST_REFUSAL_NONE},
    {"newer terms after grace", NEWER_TERMS("2", "$N - " THIRTY_DAYS), ADA, 0,
     PST_REFUSAL_CONSENT_OUTDATED},
    {"still newer ones do not begin the grace again",
     NEWER_TERMS("2", "$N - " THIRTY_DAYS) ";" NEWER_TERMS("3", "$N - 1000"), ADA, 0,
     PST_REFUSAL_CONSENT_OUTDATED},
    {"no messages asked for", RESTRICT("no-messages", "NULL", "NULL"), ADA, 0,
     PST_REFUSAL_RESTRICTED},
    {"and taken back", RESTRICT("no-messages", "NULL", "1"), ADA, 0, PST_REFUSAL_NONE},
    {"not this team", RESTRICT("not-team", "(SELECT team FROM thread WHERE team NOTNULL)", "NULL"),
     ADA, 0, PST_REFUSAL_RESTRICTED},
    {"not another team", RESTRICT("not-team", "x'07'", "NULL"), ADA, 0, PST_REFUSAL_NONE},
    {"no notices only", RESTRICT("no-email-notice", "NULL", "NULL"), ADA, 0, PST_REFUSAL_NONE},
    {"nobody enrolled on the patient's side",
     "UPDATE person SET state = 0 WHERE id IN (" PAT_ID ", " REP_ID ")", ADA, 0,
     PST_REFUSAL_NOT_ENROLLED},
    {"the representative alone", "UPDATE person SET state = 0 WHERE id = " PAT_ID, ADA, 0,
     PST_REFUSAL_NONE},
    {"the patient alone", "UPDATE person SET state = 0 WHERE id = " REP_ID, ADA, 0,
     PST_REFUSAL_NONE},
    {"a disabled patient", "UPDATE person SET state = 2 WHERE id = " PAT_ID, ADA, 0,
     PST_REFUSAL_NOT_ENROLLED},
    {"a merged patient", "UPDATE patient SET merged_into = x'01'", ADA, 0,
     PST_REFUSAL_NOT_ENROLLED},
    {"an ended patient", "UPDATE patient SET ended_at_ms = 1", ADA, 0, PST_REFUSAL_NOT_ENROLLED},
    {"a key that ran out", "UPDATE statement SET until_ms = $N WHERE person = " PAT_ID, ADA, 0,
     PST_REFUSAL_NOT_ENROLLED},
    {"a closed team", "UPDATE team SET state = 2", ADA, 0, PST_REFUSAL_NOT_ENROLLED},
    {"no records key", "DELETE FROM records_key", ADA, 0, PST_REFUSAL_NOT_ENROLLED},
    {"the quota used up", "UPDATE thread SET size_bytes = 6000000000", ADA, 0,
     PST_REFUSAL_TOO_LARGE},
};

START_TEST(each_fact_is_read_and_decides)
{
    for (size_t i = 0; i < sizeof fact_cases / sizeof fact_cases[0]; i++) {
        struct practice p;
        practice_open(&p);
        run_case(&p, fact_cases[i].sql);
        enum pst_refusal code = code_for(&p, fact_cases[i].who, fact_cases[i].images);
        ck_assert_msg(code == fact_cases[i].expected, "%s: %s", fact_cases[i].name,
                      pst_refusal_code(code));
        practice_close(&p);
    }
}
END_TEST

START_TEST(the_keys_are_the_members_and_the_records_key)
{
    struct practice p;
    struct asking asking;
    practice_open(&p);
    ask(&p, PAT, &p.thread, 0, &asking);
    ck_assert_uint_eq(asking.result.key_ids_count, 4);
    ck_assert_uint_eq(asking.result.to_count, 2);
    ck_assert(!pst_uuid_equal(&asking.result.to[0], &p.people[PAT].id));
    ask(&p, BEN, &p.thread, 0, &asking);
    ck_assert_uint_eq(asking.result.key_ids_count, 4);
    ck_assert_uint_eq(asking.result.to_count, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert(!pst_uuid_equal(&asking.result.to[i], &p.team.id));
    for (size_t i = 1; i < 4; i++)
        ck_assert_int_lt(
            pst_key_id_compare_text(&asking.result.key_ids[i - 1], &asking.result.key_ids[i]), 0);
    practice_exec(&p, "DELETE FROM consent_purpose WHERE purpose = 5");
    ask(&p, ADA, &p.thread, 0, &asking);
    ck_assert_uint_eq(asking.result.key_ids_count, 3);
    ck_assert_uint_eq(asking.result.to_count, 1);
    ck_assert(pst_uuid_equal(&asking.result.to[0], &p.people[PAT].id));
    practice_close(&p);
}
END_TEST

START_TEST(a_room_needs_every_credential_and_no_consent)
{
    struct practice p;
    struct asking asking;
    practice_open(&p);
    practice_exec(&p, "DELETE FROM consent_purpose; DELETE FROM consent; DELETE FROM visit");
    ask(&p, CARA, &p.room, 0, &asking);
    ck_assert_int_eq(asking.result.verdict.code, PST_REFUSAL_NONE);
    ck_assert_uint_eq(asking.result.key_ids_count, 3);
    ck_assert_uint_eq(asking.result.to_count, 1);
    ck_assert(pst_uuid_equal(&asking.result.to[0], &p.people[ADA].id));
    ask(&p, BEN, &p.room, 0, &asking);
    ck_assert_int_eq(asking.result.verdict.code, PST_REFUSAL_NOT_PERMITTED);
    practice_exec(&p, "UPDATE credential SET until_days = 1 WHERE specialty = 'cardiology'");
    ask(&p, CARA, &p.room, 0, &asking);
    ck_assert_int_eq(asking.result.verdict.code, PST_REFUSAL_CREDENTIAL);
    practice_close(&p);
}
END_TEST

static void put_message(struct practice *p, const char *sql, const struct pst_uuid *sender,
                        int64_t seq, int64_t at_ms)
{
    struct pst_uuid id;
    pst_uuid_v7(p->now_ms, NULL, &id);
    practice_bind(p, sql, "uuiuiu", &id, &p->thread, seq, sender, at_ms, &p->consent);
}

#define PUT_MESSAGE                                                                                \
    "INSERT INTO message (id, thread, seq, sender, category, sent_ms, accepted_ms, size_bytes, "   \
    "attachments, images, hash, event, consent) "                                                  \
    "VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, 1, 0, 0, x'00', ?1, ?6)"

START_TEST(after_a_lapse_only_what_was_received_can_be_answered)
{
    struct practice p;
    practice_open(&p);
    run_case(&p, "UPDATE consent SET expires_at_ms = $N - 1000");
    practice_exec(&p, "UPDATE thread SET last_seq = 1");
    put_message(&p, PUT_MESSAGE, &p.people[PAT].id, 1, 1);
    ck_assert_int_eq(code_for(&p, ADA, 0), PST_REFUSAL_NONE);
    ck_assert_int_eq(code_for(&p, PAT, 0), PST_REFUSAL_CONSENT_EXPIRED);
    run_case(&p, "UPDATE consent SET expires_at_ms = $N - 14 * 86400000");
    ck_assert_int_eq(code_for(&p, ADA, 0), PST_REFUSAL_CONSENT_EXPIRED);
    run_case(&p, "UPDATE consent SET decision = 2, expires_at_ms = $N - 1000");
    ck_assert_int_eq(code_for(&p, ADA, 0), PST_REFUSAL_CONSENT_WITHDRAWN);
    practice_close(&p);
}
END_TEST

START_TEST(the_rate_is_of_one_sender_and_a_minute)
{
    struct practice p;
    practice_open(&p);
    for (int64_t i = 1; i <= p.config->limits.messages_per_minute; i++)
        put_message(&p, PUT_MESSAGE, &p.people[PAT].id, i, p.now_ms - 1000);
    ck_assert_int_eq(code_for(&p, PAT, 0), PST_REFUSAL_RATE_LIMITED);
    ck_assert_int_eq(code_for(&p, ADA, 0), PST_REFUSAL_NONE);
    run_case(&p, "UPDATE message SET accepted_ms = $N - 60000 WHERE seq = 1");
    ck_assert_int_eq(code_for(&p, PAT, 0), PST_REFUSAL_NONE);
    p.config->limits.messages_per_minute = 60000;
    ck_assert_int_eq(code_for(&p, PAT, 0), PST_REFUSAL_NONE);
    practice_close(&p);
}
END_TEST

PST_UNIT_MAIN("facts", each_fact_is_read_and_decides, the_keys_are_the_members_and_the_records_key,
              a_room_needs_every_credential_and_no_consent,
              after_a_lapse_only_what_was_received_can_be_answered,
              the_rate_is_of_one_sender_and_a_minute)
