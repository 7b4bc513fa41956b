/*
 * No message commits after the withdrawal that forbids it, also when two
 * gateways write at once: what each of the two waits for, what would happen
 * without, and that the order holds however they meet.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "practice_fixture.h"
#include "server/store/consents.h"
#include "server/store/events.h"
#include "server/store/facts.h"
#include "server/store/patients.h"
#include "unit.h"

#define ALONE() STORE_FIXTURE_POSTGRESQL_ALONE("one transaction writes at a time")

/* Longest until somebody waits for a lock who must. */
#define DEADLINE_MS 30000
/* Messages and changes of consent that meet by chance. */
#define MEETINGS 300

/* Two gateways: two stores open on one database. */
struct gateways {
    struct practice practice;
    struct pst_store *other;
};

static void gateways_open(struct gateways *g)
{
    practice_open(&g->practice);
    ck_assert_int_eq(pst_store_open(g->practice.fixture.url, PST_STORE_WEB, &g->other, NULL),
                     PST_OK);
}

static void gateways_close(struct gateways *g)
{
    pst_store_close(&g->other);
    practice_close(&g->practice);
}

/* ---- the two operations ---- */

/* One write, run by a thread or job of its own, that may stop in the middle. */
struct act {
    struct pst_store_job job; /* first: done() gets it */
    struct practice *practice;
    bool locks; /* messages: as the gateway does; false: what would be without */
    bool stops; /* posts entered and waits for leave, once it has read or written */
    sem_t entered, leave;
    enum pst_decision decision; /* seen by a message; written by a consent */
    int64_t seq;                /* of a consent */
    struct pst_uuid event;      /* of a message, or the consent's id */
    atomic_bool is_done;
    enum pst_err result;
};

static void act_init(struct act *act, struct practice *practice, pst_store_fn fn)
{
    memset(act, 0, sizeof *act);
    act->practice = practice;
    act->locks = true;
    sem_init(&act->entered, 0, 0);
    sem_init(&act->leave, 0, 0);
    pst_uuid_v7(practice->now_ms, NULL, &act->event);
    act->job = (struct pst_store_job){.fn = fn, .ctx = act};
}

static void stop_here(struct act *act)
{
    if (!act->stops)
        return;
    sem_post(&act->entered);
    sem_wait(&act->leave);
    act->stops = false;
}

/* What a message does about consent; its event tells under which record it was decided. */
static enum pst_err write_message(struct pst_tx *tx, void *ctx)
{
    struct act *act = ctx;
    struct practice *p = act->practice;
    const struct pst_facts_of of = {.thread = p->thread,
                                    .sender = p->people[ADA].id,
                                    .now_ms = p->now_ms,
                                    .rate_since_ms = p->now_ms,
                                    .rate_max = 100};
    struct pst_thread_facts facts;
    char line[64] = "{\"c\":\"";
    enum pst_err r = act->locks ? pst_facts_lock(tx, &p->thread, &of.sender) : PST_OK;
    if (r == PST_OK)
        r = pst_facts_thread(tx, &of, &facts);
    if (r != PST_OK)
        return r;
    act->decision = (enum pst_decision)facts.consent_decision;
    stop_here(act);
    for (size_t i = 0; i < sizeof facts.consent.bytes; i++)
        snprintf(line + 6 + 2 * i, 3, "%02x", facts.consent.bytes[i]);
    snprintf(line + 6 + 2 * sizeof facts.consent.bytes, 3, "\"}");
    return pst_event_insert(tx, &act->event, line);
}

/* A withdrawal, or a consent given again, as server/web/consents.c writes it. */
static enum pst_err write_consent(struct pst_tx *tx, void *ctx)
{
    struct act *act = ctx;
    const struct practice *p = act->practice;
    struct pst_consent_row row = {.id = act->event,
                                  .patient = p->people[PAT].id,
                                  .seq = act->seq,
                                  .decision = act->decision,
                                  .purposes = 1U << PST_PURPOSE_MESSAGES,
                                  .terms_id = "messages",
                                  .terms_version = 1,
                                  .language = "en",
                                  .at_ms = p->now_ms,
                                  .recorded_at_ms = p->now_ms,
                                  .recorded_by = p->people[PAT].id,
                                  .record_enc = pst_bytes_str("sealed")};
    enum pst_err r = pst_consent_insert(tx, &row);
    if (r == PST_OK)
        r = pst_patient_touch(tx, &row.patient);
    if (r == PST_OK)
        stop_here(act);
    return r;
}

static void act_done(struct pst_store_job *job, enum pst_err result)
{
    struct act *act = job->ctx;
    act->result = result;
    atomic_store(&act->is_done, true);
}

static void begin(struct pst_store *store, struct act *act)
{
    act->job.done = act_done;
    act->job.shared = act->job.fn == write_message;
    ck_assert_int_eq(pst_store_submit(store, &act->job), PST_OK);
}

/* ---- waiting ---- */

static void until_done(struct act *act)
{
    for (int waited = 0; !atomic_load(&act->is_done); waited++) {
        ck_assert_int_lt(waited, DEADLINE_MS);
        usleep(1000);
    }
    ck_assert_int_eq(act->result, PST_OK);
}

/* For a lock that another holds. It must: else it is done, and the order wrong. */
static void until_it_waits(struct practice *p, struct act *act)
{
    for (int waited = 0; practice_count(p, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0;
         waited++) {
        ck_assert_msg(!atomic_load(&act->is_done), "it did not wait: %d", (int)act->result);
        ck_assert_int_lt(waited, DEADLINE_MS);
        usleep(1000);
    }
}

/* ---- cases ---- */

START_TEST(a_withdrawal_waits_for_the_message_that_was_decided_before)
{
    ALONE();
    struct gateways g;
    struct act message, withdrawal;
    gateways_open(&g);
    act_init(&message, &g.practice, write_message);
    act_init(&withdrawal, &g.practice, write_consent);
    withdrawal.decision = PST_DECISION_WITHDRAWN;
    withdrawal.seq = 2; /* practice_consent wrote the first */
    message.stops = true;
    begin(g.practice.fixture.store, &message);
    sem_wait(&message.entered);
    begin(g.other, &withdrawal);
    until_it_waits(&g.practice, &withdrawal);
    sem_post(&message.leave);
    until_done(&message);
    until_done(&withdrawal);
    ck_assert_int_eq(message.decision, PST_DECISION_GIVEN);
    gateways_close(&g);
}
END_TEST

START_TEST(a_message_waits_for_the_withdrawal_and_sees_it)
{
    ALONE();
    struct gateways g;
    struct act message, withdrawal;
    gateways_open(&g);
    act_init(&message, &g.practice, write_message);
    act_init(&withdrawal, &g.practice, write_consent);
    withdrawal.decision = PST_DECISION_WITHDRAWN;
    withdrawal.seq = 2; /* practice_consent wrote the first */
    withdrawal.stops = true;
    begin(g.other, &withdrawal);
    sem_wait(&withdrawal.entered);
    begin(g.practice.fixture.store, &message);
    until_it_waits(&g.practice, &message);
    sem_post(&withdrawal.leave);
    until_done(&withdrawal);
    until_done(&message);
    ck_assert_int_eq(message.decision, PST_DECISION_WITHDRAWN);
    gateways_close(&g);
}
END_TEST

/* That the locks are what the two cases above show: without, the wrong order happens. */
START_TEST(without_the_locks_a_message_commits_after_the_withdrawal)
{
    ALONE();
    struct gateways g;
    struct act message, withdrawal;
    gateways_open(&g);
    act_init(&message, &g.practice, write_message);
    act_init(&withdrawal, &g.practice, write_consent);
    withdrawal.decision = PST_DECISION_WITHDRAWN;
    withdrawal.seq = 2; /* practice_consent wrote the first */
    message.locks = false;
    message.stops = true;
    begin(g.practice.fixture.store, &message);
    sem_wait(&message.entered);
    begin(g.other, &withdrawal);
    until_done(&withdrawal);
    ck_assert(!atomic_load(&message.is_done));
    sem_post(&message.leave);
    until_done(&message);
    ck_assert_int_eq(message.decision, PST_DECISION_GIVEN);
    gateways_close(&g);
}
END_TEST

static void *write_messages(void *arg)
{
    struct gateways *g = arg;
    for (int i = 0; i < MEETINGS; i++) {
        struct act message;
        act_init(&message, &g->practice, write_message);
        begin(g->practice.fixture.store, &message);
        until_done(&message);
    }
    return NULL;
}

static void *write_consents(void *arg)
{
    struct gateways *g = arg;
    for (int i = 0; i < MEETINGS; i++) {
        struct act consent;
        act_init(&consent, &g->practice, write_consent);
        consent.seq = i + 2;
        consent.decision = i % 2 == 0 ? PST_DECISION_WITHDRAWN : PST_DECISION_GIVEN;
        begin(g->other, &consent);
        until_done(&consent);
    }
    return NULL;
}

/* The server notes when each transaction committed: no event outside the time of its consent. */
#define MISPLACED                                                                                  \
    "SELECT count(*) FROM event e "                                                                \
    "JOIN consent c ON e.line = '{\"c\":\"' || encode(c.id, 'hex') || '\"}' "                      \
    "LEFT JOIN consent n ON n.patient = c.patient AND n.seq = c.seq + 1 "                          \
    "WHERE pg_xact_commit_timestamp(e.xmin) > pg_xact_commit_timestamp(n.xmin) "                   \
    "OR pg_xact_commit_timestamp(e.xmin) < pg_xact_commit_timestamp(c.xmin)"
/* Of how many consents were messages decided: did the two meet at all? */
#define MET                                                                                        \
    "SELECT count(DISTINCT e.line) FROM event e "                                                  \
    "JOIN consent c ON e.line = '{\"c\":\"' || encode(c.id, 'hex') || '\"}'"

START_TEST(however_they_meet_each_message_is_within_its_consent)
{
    ALONE();
    struct gateways g;
    pthread_t messages[2], consents;
    gateways_open(&g);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&messages[i], NULL, write_messages, &g), 0);
    ck_assert_int_eq(pthread_create(&consents, NULL, write_consents, &g), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(messages[i], NULL);
    pthread_join(consents, NULL);
    ck_assert_int_eq(
        practice_count(&g.practice, "SELECT count(*) FROM event WHERE line LIKE '{\"c\"%'"),
        INT64_C(2) * MEETINGS);
    ck_assert_int_eq(practice_count(&g.practice, MISPLACED), 0);
    ck_assert_int_gt(practice_count(&g.practice, MET), MEETINGS / 10);
    gateways_close(&g);
}
END_TEST

PST_UNIT_MAIN("withdrawal", a_withdrawal_waits_for_the_message_that_was_decided_before,
              a_message_waits_for_the_withdrawal_and_sees_it,
              without_the_locks_a_message_commits_after_the_withdrawal,
              however_they_meet_each_message_is_within_its_consent)
