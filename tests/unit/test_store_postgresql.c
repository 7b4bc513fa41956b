/*
 * What PostgreSQL alone has: connections that are lost, commits whose answer is
 * lost, transactions that meet.
 */
#include "server/store/postgresql/postgresql.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "postern/uuid.h"
#include "server/store/events.h"
#include "server/store/people.h"
#include "server/store/store.h"

#include "store_fixture.h"
#include "unit.h"

#define ALONE(why) STORE_FIXTURE_POSTGRESQL_ALONE(why)
#define EVENTS "SELECT count(*) FROM event"

/* ---- by the store ---- */

/* Ends every connection of web's, as a fail-over does. A login may end its own. */
static void cut(const struct store_fixture *fixture)
{
    struct raw_database db;
    char url[192];
    const char *at = strchr(fixture->url, '@');
    snprintf(url, sizeof url, "%.*s_web%s", (int)(at - fixture->url), fixture->url, at);
    raw_open(&db, url);
    raw_exec(&db, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                  "WHERE datname = current_database() AND usename = current_user "
                  "AND pid <> pg_backend_pid()");
    raw_close(&db);
}

struct writing {
    struct store_fixture *fixture;
    struct pst_uuid event;
    int runs;
    int cuts; /* how often the connection is cut in the middle */
};

static enum pst_err write_and_be_cut(struct pst_tx *tx, void *ctx)
{
    struct writing *writing = ctx;
    writing->runs++;
    enum pst_err r = pst_event_insert(tx, &writing->event, "{}");
    if (writing->runs <= writing->cuts)
        cut(writing->fixture);
    return r;
}

START_TEST(a_lost_connection_runs_the_operation_again)
{
    ALONE("a file is not lost and found again");
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    struct writing writing = {.fixture = &fixture, .cuts = 2};
    pst_uuid_v7(1, NULL, &writing.event);
    ck_assert_int_eq(pst_store_write(fixture.store, write_and_be_cut, &writing), PST_OK);
    ck_assert_int_eq(writing.runs, 3);
    ck_assert_int_eq(store_fixture_int(&fixture, EVENTS), 1);
    store_fixture_close(&fixture);
}
END_TEST

struct reading {
    struct store_fixture *fixture;
    int runs;
    int cuts;
};

static enum pst_err read_and_be_cut(struct pst_tx *tx, void *ctx)
{
    struct reading *reading = ctx;
    struct pst_uuid nobody = {{9}};
    struct pst_person person;
    enum pst_err r = pst_person_get(tx, &nobody, &person);
    reading->runs++;
    if (r == PST_ERR_NOT_FOUND && reading->runs <= reading->cuts)
        cut(reading->fixture);
    return r == PST_ERR_NOT_FOUND ? pst_person_get(tx, &nobody, &person) : r;
}

START_TEST(a_lost_connection_runs_the_read_again)
{
    ALONE("a file is not lost and found again");
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    struct reading reading = {.fixture = &fixture, .cuts = 1};
    ck_assert_int_eq(pst_store_read(fixture.store, read_and_be_cut, &reading), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(reading.runs, 2);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(an_idle_connection_that_was_lost_troubles_nobody)
{
    ALONE("a file is not lost and found again");
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    cut(&fixture);
    struct writing writing = {.fixture = &fixture};
    struct reading reading = {.fixture = &fixture};
    pst_uuid_v7(1, NULL, &writing.event);
    ck_assert_int_eq(pst_store_read(fixture.store, read_and_be_cut, &reading), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_store_write(fixture.store, write_and_be_cut, &writing), PST_OK);
    ck_assert_int_eq(store_fixture_int(&fixture, EVENTS), 1);
    store_fixture_close(&fixture);
}
END_TEST

/* ---- operations that meet ---- */

struct meeting {
    struct pst_store_job job;
    struct pst_uuid first, second, event;
    pthread_barrier_t *barrier; /* passed once by each, holding its first row */
    bool met;
    atomic_int *done;
    enum pst_err result;
};

static enum pst_err lock_crosswise(struct pst_tx *tx, void *ctx)
{
    struct meeting *meeting = ctx;
    struct pst_person person;
    enum pst_err r = pst_sql_lock(tx, PST_STMT_PERSON_LOCK, PST_V_UUID(&meeting->first));
    if (r == PST_OK)
        r = pst_person_get(tx, &meeting->first, &person);
    if (r == PST_OK && !meeting->met) {
        meeting->met = true;
        (void)pthread_barrier_wait(meeting->barrier);
    }
    if (r == PST_OK)
        r = pst_sql_lock(tx, PST_STMT_PERSON_LOCK, PST_V_UUID(&meeting->second));
    return r == PST_OK ? pst_event_insert(tx, &meeting->event, "{}") : r;
}

static void met(struct pst_store_job *job, enum pst_err result)
{
    struct meeting *meeting = job->ctx;
    meeting->result = result;
    atomic_fetch_add(meeting->done, 1);
}

static void add_person(const struct store_fixture *fixture, int number, struct pst_uuid *ret_id)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO person (id, roles, state, name_enc, created_at_ms) "
             "VALUES (x'000000000000000000000000000000%02x', 8, 1, x'00', 0)",
             number);
    store_fixture_exec(fixture, sql);
    *ret_id = (struct pst_uuid){{0}};
    ret_id->bytes[15] = (uint8_t)number;
}

START_TEST(two_that_wait_for_each_other_both_get_through)
{
    ALONE("one transaction writes at a time");
    struct store_fixture fixture;
    struct pst_store_counters counters;
    struct pst_uuid one, two;
    pthread_barrier_t barrier;
    atomic_int done = 0;
    store_fixture_open(&fixture, PST_STORE_WEB);
    add_person(&fixture, 1, &one);
    add_person(&fixture, 2, &two);
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
    struct meeting meetings[2] = {{.first = one, .second = two}, {.first = two, .second = one}};
    for (uint32_t i = 0; i < 2; i++) {
        pst_uuid_v7(i + 1, NULL, &meetings[i].event);
        meetings[i].barrier = &barrier;
        meetings[i].done = &done;
        meetings[i].job = (struct pst_store_job){
            .fn = lock_crosswise, .ctx = &meetings[i], .done = met, .shared = true, .lane = i};
        ck_assert_int_eq(pst_store_submit(fixture.store, &meetings[i].job), PST_OK);
    }
    for (int waited = 0; atomic_load(&done) < 2; waited++) {
        ck_assert_int_lt(waited, 30000);
        usleep(1000);
    }
    ck_assert_int_eq(meetings[0].result, PST_OK);
    ck_assert_int_eq(meetings[1].result, PST_OK);
    pst_store_counters(fixture.store, &counters);
    ck_assert_uint_ge(counters.reruns, 1);
    ck_assert_int_eq(store_fixture_int(&fixture, EVENTS), 2);
    (void)pthread_barrier_destroy(&barrier);
    store_fixture_close(&fixture);
}
END_TEST

/* ---- commits whose answer is lost ---- */

static struct pst_connection *connect_web(const struct store_fixture *fixture)
{
    struct pst_connection *connection = NULL;
    struct pst_store_problem problem = {""};
    enum pst_err r =
        pst_engine_postgresql.connect(fixture->url + strlen("postgresql:"), PST_CONNECTION_WRITE,
                                      PST_STORE_WEB, &connection, &problem);
    ck_assert_msg(r == PST_OK, "%s", problem.text);
    return connection;
}

static void put_event(struct pst_connection *connection, int64_t at_ms)
{
    struct pst_tx tx = {.engine = &pst_engine_postgresql,
                        .connection = connection,
                        .role = PST_STORE_WEB,
                        .write = true};
    struct pst_uuid id;
    pst_uuid_v7(at_ms, NULL, &id);
    ck_assert_int_eq(pst_engine_postgresql.begin(connection, PST_BEGIN_WRITE | PST_BEGIN_SHARED),
                     PST_OK);
    ck_assert_int_eq(pst_event_insert(&tx, &id, "{}"), PST_OK);
}

/* The answer to COMMIT never came: nobody knows. */
static bool was_committed(struct pst_connection *connection)
{
    bool committed = false;
    pst_pg_drop(connection);
    connection->failed = true;
    connection->fate = PST_FATE_UNCERTAIN;
    ck_assert_int_eq(pst_engine_postgresql.recover(connection, &committed), PST_OK);
    return committed;
}

START_TEST(an_uncertain_commit_is_found_out)
{
    ALONE("a commit has no way on which its answer could be lost");
    struct store_fixture fixture;
    store_fixture_new(&fixture);
    struct pst_connection *connection = connect_web(&fixture);
    put_event(connection, 1);
    ck_assert_int_eq(pst_engine_postgresql.commit(connection), PST_OK);
    ck_assert(was_committed(connection));
    /* The next one never reached the server whole. */
    put_event(connection, 2);
    ck_assert(!was_committed(connection));
    put_event(connection, 3);
    ck_assert_int_eq(pst_engine_postgresql.commit(connection), PST_OK);
    ck_assert(was_committed(connection));
    pst_engine_postgresql.disconnect(&connection);
    ck_assert_int_eq(store_fixture_int(&fixture, EVENTS), 2);
    ck_assert_int_eq(store_fixture_int(&fixture, "SELECT count(*) FROM writer"), 0);
    store_fixture_close(&fixture);
}
END_TEST

/* The old connection lives on at the server, in its transaction: the look waits for its end. */
START_TEST(a_transaction_that_still_hangs_is_waited_for)
{
    ALONE("a commit has no way on which its answer could be lost");
    struct store_fixture fixture;
    store_fixture_new(&fixture);
    struct pst_connection *connection = connect_web(&fixture);
    put_event(connection, 1);
    ck_assert_int_eq(pst_pg_settle(connection), PST_OK);
    /* Taken over by another object, so that it is not closed. */
    PGconn *hanging = connection->pg;
    connection->pg = NULL;
    bool committed = true;
    connection->failed = true;
    connection->fate = PST_FATE_UNCERTAIN;
    ck_assert_int_eq(pst_engine_postgresql.recover(connection, &committed), PST_ERR_BUSY);
    PQfinish(hanging);
    connection->fate = PST_FATE_UNCERTAIN;
    ck_assert_int_eq(pst_engine_postgresql.recover(connection, &committed), PST_OK);
    ck_assert(!committed);
    pst_engine_postgresql.disconnect(&connection);
    store_fixture_close(&fixture);
}
END_TEST

PST_UNIT_MAIN("store_postgresql", a_lost_connection_runs_the_operation_again,
              a_lost_connection_runs_the_read_again,
              an_idle_connection_that_was_lost_troubles_nobody,
              two_that_wait_for_each_other_both_get_through, an_uncertain_commit_is_found_out,
              a_transaction_that_still_hangs_is_waited_for)
