#include "server/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "postern/uuid.h"
#include "server/store/attempts.h"
#include "server/store/engine.h"
#include "server/store/events.h"
#include "server/store/messages.h"
#include "server/store/sql.h"
#include "store_fixture.h"
#include "unit.h"

/* ---- operations -------------------------------------------------------- */

struct event {
    struct pst_uuid id;
    enum pst_err then; /* what the operation returns after it wrote */
    int runs;
};

static enum pst_err write_event(struct pst_tx *tx, void *ctx)
{
    struct event *event = ctx;
    event->runs++;
    enum pst_err r = pst_event_insert(tx, &event->id, "{\"v\":1}");
    return r == PST_OK ? event->then : r;
}

static void new_event(struct event *event, enum pst_err then)
{
    *event = (struct event){.then = then};
    pst_uuid_v7(1700000000000, NULL, &event->id);
}

static enum pst_err has_event(struct pst_tx *tx, void *ctx)
{
    char bytes[64];
    struct pst_buf line = {.max = sizeof bytes};
    int64_t leaf = 0;
    enum pst_err r = pst_event_get(tx, ctx, &line, &leaf);
    if (r == PST_OK) {
        ck_assert_str_eq(pst_buf_str(&line), "{\"v\":1}");
        ck_assert_int_eq(leaf, -1);
    }
    pst_buf_free(&line);
    return r;
}

static int64_t count_events(const struct store_fixture *fixture)
{
    return store_fixture_int(fixture, "SELECT count(*) FROM event");
}

/* ---- cases ------------------------------------------------------------- */

START_TEST(what_an_operation_returns_decides)
{
    struct store_fixture fixture;
    struct event kept, dropped;
    store_fixture_open(&fixture, PST_STORE_WEB);
    new_event(&kept, PST_OK);
    new_event(&dropped, PST_ERR_DENIED);
    ck_assert_int_eq(pst_store_write(fixture.store, write_event, &kept), PST_OK);
    ck_assert_int_eq(pst_store_write(fixture.store, write_event, &dropped), PST_ERR_DENIED);
    ck_assert_int_eq(pst_store_read(fixture.store, has_event, &kept.id), PST_OK);
    ck_assert_int_eq(pst_store_read(fixture.store, has_event, &dropped.id), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_store_write(fixture.store, write_event, &kept), PST_ERR_EXISTS);
    store_fixture_close(&fixture);
}
END_TEST

static enum pst_err write_inside(struct pst_tx *tx, void *ctx)
{
    (void)tx;
    struct event event;
    new_event(&event, PST_OK);
    return pst_store_write(ctx, write_event, &event);
}

START_TEST(a_write_within_a_write_is_refused_not_waited_for)
{
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    ck_assert_int_eq(pst_store_write(fixture.store, write_inside, fixture.store), PST_ERR_INTERNAL);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(a_url_must_be_one_of_ours)
{
    static const struct {
        const char *url;
        enum pst_err expected;
        const char *word;
    } cases[] = {
        {"postgresql:///postern", PST_ERR_INVALID, "no login"},
        {"postgresql://gateway:secret@127.0.0.1/postern", PST_ERR_INVALID, "passfile"},
        {"postgresql://gateway@db1/postern?sslmode=require", PST_ERR_INVALID, "verify-full"},
        {"postgresql://gateway@127.0.0.1:1/postern", PST_ERR_BUSY, "connecting"},
        {"postgres://db1", PST_ERR_INVALID, "postgresql://"},
        {"mysql://db1", PST_ERR_INVALID, "sqlite:"},
        {"", PST_ERR_INVALID, "sqlite:"},
        {"sqlite:relative.db", PST_ERR_INVALID, "slash"},
        {"sqlite:/nonexistent/folder/store.db", PST_ERR_NOT_FOUND, "posternd init"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_store *store = NULL;
        struct pst_store_problem problem = {""};
        ck_assert_int_eq(pst_store_open(cases[i].url, PST_STORE_WEB, &store, &problem),
                         cases[i].expected);
        ck_assert_ptr_null(store);
        ck_assert_msg(strstr(problem.text, cases[i].word) != NULL, "%s", problem.text);
    }
}
END_TEST

START_TEST(a_new_store_is_not_open_to_others)
{
    STORE_FIXTURE_SQLITE_ALONE("a file's mode; logins and grants are test_store_statements'");
    struct store_fixture fixture;
    struct stat found;
    store_fixture_open(&fixture, PST_STORE_WEB);
    ck_assert_int_eq(stat(fixture.path, &found), 0);
    ck_assert_int_eq(found.st_mode & 0777, 0660);
    store_fixture_close(&fixture);
}
END_TEST

/* A job that says when it is in its transaction, and stays there until told. */
struct slow {
    sem_t entered, leave;
    struct event event;
};

static enum pst_err write_slowly(struct pst_tx *tx, void *ctx)
{
    struct slow *slow = ctx;
    enum pst_err r = write_event(tx, &slow->event);
    sem_post(&slow->entered);
    sem_wait(&slow->leave);
    return r;
}

static void *write_slowly_main(void *arg)
{
    void **args = arg;
    enum pst_err r = pst_store_write(args[0], write_slowly, args[1]);
    return r == PST_OK ? args : NULL;
}

START_TEST(readers_do_not_wait_for_a_writer_and_see_no_half)
{
    struct store_fixture fixture;
    struct slow slow;
    struct event other;
    pthread_t thread;
    void *done = NULL;
    store_fixture_open(&fixture, PST_STORE_WEB);
    sem_init(&slow.entered, 0, 0);
    sem_init(&slow.leave, 0, 0);
    new_event(&slow.event, PST_OK);
    new_event(&other, PST_OK);
    ck_assert_int_eq(pst_store_write(fixture.store, write_event, &other), PST_OK);
    void *args[] = {fixture.store, &slow};
    pthread_create(&thread, NULL, write_slowly_main, args);
    sem_wait(&slow.entered);
    /* The writer is inside its transaction now and stays there. */
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(pst_store_read(fixture.store, has_event, &other.id), PST_OK);
        ck_assert_int_eq(pst_store_read(fixture.store, has_event, &slow.event.id),
                         PST_ERR_NOT_FOUND);
    }
    sem_post(&slow.leave);
    pthread_join(thread, &done);
    ck_assert_ptr_nonnull(done);
    ck_assert_int_eq(pst_store_read(fixture.store, has_event, &slow.event.id), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

struct snapshot {
    struct pst_store *store;
    struct event event;
};

static enum pst_err read_twice(struct pst_tx *tx, void *ctx)
{
    struct snapshot *snapshot = ctx;
    enum pst_err before = has_event(tx, &snapshot->event.id);
    ck_assert_int_eq(pst_store_write(snapshot->store, write_event, &snapshot->event), PST_OK);
    enum pst_err after = has_event(tx, &snapshot->event.id);
    ck_assert_int_eq(before, PST_ERR_NOT_FOUND);
    ck_assert_int_eq(after, PST_ERR_NOT_FOUND);
    return PST_OK;
}

START_TEST(one_read_sees_one_moment)
{
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    struct snapshot snapshot = {.store = fixture.store};
    new_event(&snapshot.event, PST_OK);
    ck_assert_int_eq(pst_store_read(fixture.store, read_twice, &snapshot), PST_OK);
    ck_assert_int_eq(pst_store_read(fixture.store, has_event, &snapshot.event.id), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

#define JOBS 1000

struct counted_job {
    struct pst_store_job job;
    struct event event;
    atomic_int *left;
    sem_t *all;
    enum pst_err result;
};

static void count_done(struct pst_store_job *job, enum pst_err result)
{
    struct counted_job *counted = (struct counted_job *)job;
    counted->result = result;
    if (atomic_fetch_sub(counted->left, 1) == 1)
        sem_post(counted->all);
}

static void submit_all(struct pst_store *store, struct counted_job *jobs, size_t count,
                       atomic_int *left, sem_t *all)
{
    atomic_store(left, (int)count);
    sem_init(all, 0, 0);
    for (size_t i = 0; i < count; i++) {
        jobs[i].job =
            (struct pst_store_job){.fn = write_event, .ctx = &jobs[i].event, .done = count_done};
        jobs[i].left = left;
        jobs[i].all = all;
        ck_assert_int_eq(pst_store_submit(store, &jobs[i].job), PST_OK);
    }
    sem_wait(all);
}

START_TEST(waiting_jobs_share_commits)
{
    struct store_fixture fixture;
    struct pst_store_counters counters;
    static struct counted_job jobs[JOBS];
    atomic_int left;
    sem_t all;
    store_fixture_open(&fixture, PST_STORE_WEB);
    for (size_t i = 0; i < JOBS; i++)
        new_event(&jobs[i].event, PST_OK);
    submit_all(fixture.store, jobs, JOBS, &left, &all);
    for (size_t i = 0; i < JOBS; i++) {
        ck_assert_int_eq(jobs[i].result, PST_OK);
        ck_assert_int_eq(jobs[i].event.runs, 1);
    }
    pst_store_counters(fixture.store, &counters);
    ck_assert_uint_eq(counters.jobs, JOBS);
    ck_assert_uint_eq(counters.reruns, 0);
    ck_assert_uint_ge(counters.commits, JOBS / PST_STORE_GROUP_MAX);
    ck_assert_uint_lt(counters.commits, JOBS / 2);
    ck_assert_int_eq(count_events(&fixture), JOBS);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(one_that_fails_takes_no_other_with_it)
{
    struct store_fixture fixture;
    struct pst_store_counters counters;
    static struct counted_job jobs[JOBS];
    atomic_int left;
    sem_t all;
    store_fixture_open(&fixture, PST_STORE_WEB);
    for (size_t i = 0; i < JOBS; i++)
        new_event(&jobs[i].event, i % 10 == 3 ? PST_ERR_DENIED : PST_OK);
    submit_all(fixture.store, jobs, JOBS, &left, &all);
    for (size_t i = 0; i < JOBS; i++) {
        enum pst_err expected = i % 10 == 3 ? PST_ERR_DENIED : PST_OK;
        ck_assert_int_eq(jobs[i].result, expected);
        ck_assert_int_eq(pst_store_read(fixture.store, has_event, &jobs[i].event.id),
                         expected == PST_OK ? PST_OK : PST_ERR_NOT_FOUND);
    }
    pst_store_counters(fixture.store, &counters);
    ck_assert_uint_gt(counters.reruns, 0);
    ck_assert_int_eq(count_events(&fixture), JOBS - JOBS / 10);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(a_full_queue_says_busy)
{
    struct store_fixture fixture;
    struct slow slow;
    pthread_t thread;
    static struct counted_job jobs[PST_STORE_QUEUE_MAX + 1];
    atomic_int left = PST_STORE_QUEUE_MAX;
    sem_t all;
    sem_init(&all, 0, 0);
    store_fixture_open(&fixture, PST_STORE_WEB);
    sem_init(&slow.entered, 0, 0);
    sem_init(&slow.leave, 0, 0);
    new_event(&slow.event, PST_OK);
    void *args[] = {fixture.store, &slow};
    pthread_create(&thread, NULL, write_slowly_main, args);
    sem_wait(&slow.entered);
    for (size_t i = 0; i <= PST_STORE_QUEUE_MAX; i++) {
        new_event(&jobs[i].event, PST_OK);
        jobs[i].job =
            (struct pst_store_job){.fn = write_event, .ctx = &jobs[i].event, .done = count_done};
        jobs[i].left = &left;
        jobs[i].all = &all;
        ck_assert_int_eq(pst_store_submit(fixture.store, &jobs[i].job),
                         i < PST_STORE_QUEUE_MAX ? PST_OK : PST_ERR_BUSY);
    }
    sem_post(&slow.leave);
    pthread_join(thread, NULL);
    sem_wait(&all);
    ck_assert_int_eq(count_events(&fixture), PST_STORE_QUEUE_MAX + 1);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(closing_finishes_what_waits)
{
    struct store_fixture fixture;
    static struct counted_job jobs[200];
    atomic_int left = 200;
    sem_t all;
    sem_init(&all, 0, 0);
    store_fixture_open(&fixture, PST_STORE_WEB);
    for (size_t i = 0; i < 200; i++) {
        new_event(&jobs[i].event, PST_OK);
        jobs[i].job =
            (struct pst_store_job){.fn = write_event, .ctx = &jobs[i].event, .done = count_done};
        jobs[i].left = &left;
        jobs[i].all = &all;
        ck_assert_int_eq(pst_store_submit(fixture.store, &jobs[i].job), PST_OK);
    }
    pst_store_close(&fixture.store);
    ck_assert_int_eq(atomic_load(&left), 0);
    ck_assert_int_eq(count_events(&fixture), 200);
    store_fixture_close(&fixture);
}
END_TEST

/* ---- other processes --------------------------------------------------- */

/* Keeps every other writer waiting; at least one does. */
static void keep_writers(struct raw_database *other)
{
    raw_exec(other, other->sqlite != NULL ? "BEGIN IMMEDIATE"
                                          : "BEGIN; SELECT 1 FROM alone WHERE id = 1 FOR UPDATE");
}

static bool writers_wait(struct raw_database *other, struct pst_store *store)
{
    struct pst_store_counters counters;
    if (other->pg != NULL)
        return raw_int(other, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0;
    pst_store_counters(store, &counters);
    return counters.busy_waits > 0;
}

START_TEST(a_writer_waits_for_another_process)
{
    struct store_fixture fixture;
    struct raw_database other;
    pthread_t thread;
    store_fixture_open(&fixture, PST_STORE_WEB);
    struct slow slow;
    sem_init(&slow.entered, 0, 0);
    sem_init(&slow.leave, 0, 1);
    new_event(&slow.event, PST_OK);
    raw_open(&other, fixture.url);
    keep_writers(&other);
    void *args[] = {fixture.store, &slow};
    pthread_create(&thread, NULL, write_slowly_main, args);
    while (!writers_wait(&other, fixture.store))
        usleep(1000);
    raw_exec(&other, "COMMIT");
    void *done = NULL;
    pthread_join(thread, &done);
    ck_assert_ptr_nonnull(done);
    raw_close(&other);
    store_fixture_close(&fixture);
}
END_TEST

/*
 * The child writes jobs and tells of each that is done through a pipe, until
 * it is killed at some moment; everything it told of must be there.
 */
static int child_pipe = -1;

static void tell_done(struct pst_store_job *job, enum pst_err result)
{
    struct counted_job *counted = (struct counted_job *)job;
    if (result == PST_OK && write(child_pipe, &counted->event.id, sizeof counted->event.id) < 0)
        _exit(1);
    free(counted);
}

static _Noreturn void child_main(const char *url)
{
    struct pst_store *store = NULL;
    if (pst_store_open(url, PST_STORE_WEB, &store, NULL) != PST_OK)
        _exit(1);
    for (;;) {
        struct counted_job *job = calloc(1, sizeof *job);
        new_event(&job->event, PST_OK);
        job->job = (struct pst_store_job){.fn = write_event, .ctx = &job->event, .done = tell_done};
        while (pst_store_submit(store, &job->job) != PST_OK)
            usleep(100);
    }
}

static enum pst_err read_all_ids(struct pst_tx *tx, void *ctx)
{
    struct pst_uuid id;
    int fd = *(int *)ctx;
    while (read(fd, &id, sizeof id) == (ssize_t)sizeof id)
        ck_assert_int_eq(has_event(tx, &id), PST_OK);
    return PST_OK;
}

START_TEST(what_was_reported_done_survives_a_kill)
{
    for (int round = 0; round < 5; round++) {
        struct store_fixture fixture;
        int ends[2], status = 0;
        struct pst_uuid first[301];
        size_t count = (size_t)round * 75 + 1;
        store_fixture_open(&fixture, PST_STORE_WEB);
        pst_store_close(&fixture.store);
        ck_assert_int_eq(pipe(ends), 0);
        /* Room for what the child says, so that it never waits for us. */
        (void)fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            child_pipe = ends[1];
            child_main(fixture.url);
        }
        close(ends[1]);
        /* Once some are done, kill it in the middle of others. */
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(read(ends[0], &first[i], sizeof first[i]), sizeof first[i]);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(pst_store_version_check(fixture.url, NULL, NULL, NULL), PST_OK);
        ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, NULL), PST_OK);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(pst_store_read(fixture.store, has_event, &first[i]), PST_OK);
        ck_assert_int_eq(pst_store_read(fixture.store, read_all_ids, &ends[0]), PST_OK);
        close(ends[0]);
        store_fixture_close(&fixture);
    }
}
END_TEST

/* ---- the write-ahead log ------------------------------------------------- */

/* Parts of 64 pages and more each, of all of which the log keeps a fraction. */
#define LONG_PARTS 500
#define LONG_PART_BYTES ((size_t)256 * 1024)
/*
 * What is written while 2048 pages are copied, and while those are, and so on for four passes
 * (sqlite/checkpoint.c): at the most, where writing is somewhat faster than copying.
 */
#define LOG_MAX_BYTES ((off_t)8 * 2048 * 4120)

struct long_write {
    struct pst_uuid upload;
    struct pst_uuid person;
    int64_t part;
    uint8_t *bytes;
};

static enum pst_err write_long(struct pst_tx *tx, void *ctx)
{
    struct long_write *at = ctx;
    return pst_staging_add(tx, &at->upload, at->part, &at->person, /* now_ms= */ 1700000000000,
                           /* quota= */ INT64_C(1) << 40, pst_bytes(at->bytes, LONG_PART_BYTES));
}

static struct long_write long_write_new(void)
{
    struct long_write at = {.bytes = malloc(LONG_PART_BYTES)};
    memset(at.bytes, 'l', LONG_PART_BYTES);
    pst_uuid_v7(1700000000000, NULL, &at.upload);
    pst_uuid_v7(1700000000000, NULL, &at.person);
    return at;
}

static off_t log_bytes(const struct store_fixture *fixture)
{
    struct stat facts;
    char path[128];
    snprintf(path, sizeof path, "%s-wal", fixture->path);
    return stat(path, &facts) == 0 ? facts.st_size : 0;
}

/* Under load, with readers coming and going, and never quiet for a moment. */
START_TEST(the_log_begins_again_while_there_is_work)
{
    STORE_FIXTURE_SQLITE_ALONE("PostgreSQL's log is its server's");
    struct store_fixture fixture;
    struct pst_uuid nobody = {{0}};
    store_fixture_open(&fixture, PST_STORE_WEB);
    struct long_write at = long_write_new();
    for (at.part = 1; at.part <= LONG_PARTS; at.part++) {
        ck_assert_int_eq(pst_store_write(fixture.store, write_long, &at), PST_OK);
        ck_assert_int_eq(pst_store_read(fixture.store, has_event, &nobody), PST_ERR_NOT_FOUND);
    }
    ck_assert_int_lt(log_bytes(&fixture), LOG_MAX_BYTES);
    free(at.bytes);
    store_fixture_close(&fixture);
}
END_TEST

static _Noreturn void child_writes_long(struct store_fixture *fixture, struct long_write *at,
                                        int say)
{
    if (pst_store_open(fixture->url, PST_STORE_WEB, &fixture->store, NULL) != PST_OK)
        _exit(1);
    for (at->part = 1;; at->part++) {
        if (pst_store_write(fixture->store, write_long, at) != PST_OK ||
            write(say, &at->part, sizeof at->part) != (ssize_t)sizeof at->part)
            _exit(1);
    }
}

static int64_t parts_staged(const struct store_fixture *fixture)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    ck_assert_int_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM staging WHERE length(bytes) = ?1",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(stmt, 1, (int64_t)LONG_PART_BYTES);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return count;
}

/* Killed while the log is being brought into the file and goes on growing. */
START_TEST(what_was_reported_done_survives_a_kill_during_a_checkpoint)
{
    STORE_FIXTURE_SQLITE_ALONE("PostgreSQL's log is its server's; tests/fault/ kills that");
    for (int64_t round = 0; round < 6; round++) {
        struct store_fixture fixture;
        int ends[2], status = 0;
        int64_t part = 0;
        store_fixture_open(&fixture, PST_STORE_WEB);
        pst_store_close(&fixture.store);
        struct long_write at = long_write_new();
        ck_assert_int_eq(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            child_writes_long(&fixture, &at, ends[1]);
        close(ends[1]);
        /* The 32nd brings the log to where it is copied; kills fall around that. */
        while (part < 31 + round)
            ck_assert_int_eq(read(ends[0], &part, sizeof part), sizeof part);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ck_assert(WIFSIGNALED(status));
        while (read(ends[0], &at.part, sizeof at.part) == (ssize_t)sizeof at.part)
            part = at.part;
        ck_assert_int_eq(pst_store_version_check(fixture.url, NULL, NULL, NULL), PST_OK);
        int64_t staged = parts_staged(&fixture);
        ck_assert_int_ge(staged, part);
        ck_assert_int_le(staged, part + 1);
        close(ends[0]);
        free(at.bytes);
        store_fixture_close(&fixture);
    }
}
END_TEST

/* ---- strangers and attempts --------------------------------------------- */

static enum pst_err count_three(struct pst_tx *tx, void *ctx)
{
    uint8_t address[PST_STRANGER_ADDRESS_BYTES] = {7};
    (void)ctx;
    for (int i = 0; i < 3; i++) {
        enum pst_err r = pst_stranger_count(tx, "tls-required", pst_bytes(address, 32), 100, 1);
        if (r != PST_OK)
            return r;
    }
    return pst_stranger_count(tx, "tls-required", pst_bytes(address, 32), 101, 1);
}

static enum pst_err take_counts(struct pst_tx *tx, void *ctx)
{
    struct pst_stranger found[4];
    size_t count = 0;
    (void)ctx;
    enum pst_err r = pst_stranger_take(tx, 101, found, 4, &count);
    if (r != PST_OK)
        return r;
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(found[0].code, "tls-required");
    ck_assert_int_eq(found[0].minute, 100);
    ck_assert_int_eq(found[0].count, 3);
    r = pst_stranger_take(tx, 101, found, 4, &count);
    ck_assert_uint_eq(count, 0);
    return r;
}

START_TEST(refusals_of_strangers_are_counted_and_taken_out_once)
{
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    ck_assert_int_eq(pst_store_write(fixture.store, count_three, NULL), PST_OK);
    ck_assert_int_eq(pst_store_write(fixture.store, take_counts, NULL), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

static enum pst_err try_often(struct pst_tx *tx, void *ctx)
{
    uint8_t subject[32] = {1}, nonce[PST_ATTEMPT_NONCE_BYTES] = {0};
    struct pst_bytes who = pst_bytes(subject, sizeof subject);
    struct pst_attempt_limit limit = {.limit = 3, .window_ms = 1000};
    int64_t wait_ms = -1;
    (void)ctx;
    for (uint8_t i = 0; i < 3; i++) {
        nonce[0] = i;
        ck_assert_int_eq(pst_attempt_check(tx, who, limit, 5000, &wait_ms), PST_OK);
        ck_assert_int_eq(wait_ms, 0);
        ck_assert_int_eq(pst_attempt_add(tx, who, 5000, nonce), PST_OK);
    }
    ck_assert_int_eq(pst_attempt_check(tx, who, limit, 5400, &wait_ms), PST_OK);
    ck_assert_int_eq(wait_ms, 600);
    /* The clock stepped back: nobody waits longer than a window. */
    ck_assert_int_eq(pst_attempt_check(tx, who, limit, 4500, &wait_ms), PST_OK);
    ck_assert_int_eq(wait_ms, 1000);
    ck_assert_int_eq(pst_attempt_check(tx, who, limit, 6000, &wait_ms), PST_OK);
    ck_assert_int_eq(wait_ms, 0);
    ck_assert_int_eq(pst_attempt_clear(tx, who), PST_OK);
    ck_assert_int_eq(pst_attempt_check(tx, who, limit, 5000, &wait_ms), PST_OK);
    ck_assert_int_eq(wait_ms, 0);
    return pst_attempt_sweep(tx, 9000);
}

START_TEST(attempts_count_within_their_window)
{
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    ck_assert_int_eq(pst_store_write(fixture.store, try_often, NULL), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

PST_UNIT_MAIN("store", what_an_operation_returns_decides,
              a_write_within_a_write_is_refused_not_waited_for, a_url_must_be_one_of_ours,
              a_new_store_is_not_open_to_others, readers_do_not_wait_for_a_writer_and_see_no_half,
              one_read_sees_one_moment, waiting_jobs_share_commits,
              one_that_fails_takes_no_other_with_it, a_full_queue_says_busy,
              closing_finishes_what_waits, a_writer_waits_for_another_process,
              what_was_reported_done_survives_a_kill, the_log_begins_again_while_there_is_work,
              what_was_reported_done_survives_a_kill_during_a_checkpoint,
              refusals_of_strangers_are_counted_and_taken_out_once,
              attempts_count_within_their_window)
