#include "server/store/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "postern/time.h"

/* Quiet time after which housekeeping cannot be in anybody's way. */
#define IDLE_MS 50
/*
 * From its submission a job is run again for so long when the database goes
 * away or says to try again: a fail-over takes seconds, and no caller waits
 * much longer.
 */
#define RETRY_MS 20000
/* Between two tries; doubled each time, up to the second. */
#define RETRY_STEP_MS 5
#define RETRY_STEP_MAX_MS 400

struct pst_writer {
    const struct pst_engine *engine;
    enum pst_store_role role;
    unsigned flags; /* PST_BEGIN_… of every transaction */
    struct pst_connection *connection;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    /* Under lock: */
    struct pst_store_job *first, **last;
    size_t waiting;
    bool ending;
    /* Read from any thread: */
    atomic_uint_fast64_t jobs, groups, commits, reruns, checkpoints;
};

/* How a transaction ended. */
enum ending {
    ENDING_SETTLED, /* committed, or rightly not: every job has its result */
    ENDING_UNDONE,  /* rolled back; which job failed, and how, is to be found out guarded */
    ENDING_AGAIN,   /* nothing was written, through nobody's fault */
    ENDING_UNKNOWN, /* nobody knows yet whether it was committed */
};

/* ---- one transaction ------------------------------------------------------- */

static void fail_all(struct pst_store_job *group, size_t count, enum pst_err why)
{
    for (struct pst_store_job *job = group; count > 0; job = job->next, count--)
        job->result = why;
}

/* A failure that took the transaction: what seemed well is not. */
static void fail_those_that_passed(struct pst_store_job *group, size_t count, enum pst_err why)
{
    for (struct pst_store_job *job = group; count > 0; job = job->next, count--) {
        if (job->result == PST_OK)
            job->result = why;
    }
}

static enum ending ending_of(const struct pst_writer *writer, enum ending failed)
{
    switch (writer->engine->fate(writer->connection)) {
    case PST_FATE_TRANSIENT:
        return ENDING_AGAIN;
    case PST_FATE_UNCERTAIN:
        return ENDING_UNKNOWN;
    default:
        return failed;
    }
}

/* UNDONE: a job failed that had changed something, or the engine ended the transaction. */
static enum ending run_plain(struct pst_writer *writer, struct pst_tx *tx,
                             struct pst_store_job *group, size_t count)
{
    const struct pst_engine *engine = writer->engine;
    for (struct pst_store_job *job = group; count > 0; job = job->next, count--) {
        uint64_t before = engine->changes(tx->connection);
        job->result = job->fn(tx, job->ctx);
        if (!engine->in_transaction(tx->connection) ||
            (job->result != PST_OK && engine->changes(tx->connection) != before))
            return ENDING_UNDONE;
    }
    return ENDING_SETTLED;
}

static enum pst_err run_guarded(const struct pst_engine *engine, struct pst_tx *tx,
                                struct pst_store_job *job)
{
    enum pst_err r = engine->savepoint(tx->connection);
    if (r != PST_OK)
        return r;
    r = job->fn(tx, job->ctx);
    if (!engine->in_transaction(tx->connection))
        return r == PST_OK ? PST_ERR_STORE : r;
    if (r != PST_OK) {
        enum pst_err undone = engine->rollback_to(tx->connection);
        return undone == PST_OK ? r : undone;
    }
    return engine->release(tx->connection);
}

static enum ending run_with_savepoints(struct pst_writer *writer, struct pst_tx *tx,
                                       struct pst_store_job *group, size_t count)
{
    const struct pst_engine *engine = writer->engine;
    for (struct pst_store_job *job = group; count > 0; job = job->next, count--) {
        job->result = run_guarded(engine, tx, job);
        if (!engine->in_transaction(tx->connection))
            return ENDING_UNDONE;
    }
    return ENDING_SETTLED;
}

typedef enum ending (*run_fn)(struct pst_writer *writer, struct pst_tx *tx,
                              struct pst_store_job *group, size_t count);

/*
 * Runs jobs in one transaction and commits it. Where it does not stand, the
 * results of jobs that returned PST_OK mean nothing.
 */
static enum ending run_once(struct pst_writer *writer, struct pst_store_job *group, size_t count,
                            run_fn run, unsigned flags)
{
    const struct pst_engine *engine = writer->engine;
    struct pst_tx tx = {
        .engine = engine, .connection = writer->connection, .role = writer->role, .write = true};
    /* A job that is never reached must not look as if it had passed. */
    fail_all(group, count, PST_ERR_STORE);
    enum pst_err r = engine->begin(writer->connection, writer->flags | flags);
    if (r != PST_OK) {
        fail_all(group, count, r);
        return ending_of(writer, ENDING_SETTLED);
    }
    enum ending ending = run(writer, &tx, group, count);
    if (ending != ENDING_SETTLED) {
        engine->rollback(writer->connection);
        return ending_of(writer, ending);
    }
    r = engine->commit(writer->connection);
    if (r == PST_OK) {
        atomic_fetch_add(&writer->commits, 1);
        return ENDING_SETTLED;
    }
    if ((flags & PST_BEGIN_DEFER) != 0)
        return ending_of(writer, ENDING_UNDONE);
    ending = ending_of(writer, ENDING_SETTLED);
    if (ending == ENDING_SETTLED)
        fail_those_that_passed(group, count, r);
    return ending;
}

/* ---- again ------------------------------------------------------------------ */

/*
 * After AGAIN or UNKNOWN: get the connection back and learn what happened.
 * SETTLED: it had been committed. Waits between tries; past the deadline it is
 * what it was.
 */
static enum ending recover(struct pst_writer *writer, enum ending ending, int64_t deadline_ms)
{
    int64_t step_ms = RETRY_STEP_MS;
    for (;;) {
        bool committed = false;
        enum pst_err r = writer->engine->recover(writer->connection, &committed);
        if (r == PST_OK)
            return committed ? ENDING_SETTLED : ENDING_AGAIN;
        if (pst_monotonic_ms() >= deadline_ms)
            return ending;
        pst_pause_ms(step_ms);
        step_ms = step_ms * 2 < RETRY_STEP_MAX_MS ? step_ms * 2 : RETRY_STEP_MAX_MS;
    }
}

/* One job in a transaction of its own, until it has a result or its time is over. */
static void run_alone(struct pst_writer *writer, struct pst_store_job *job)
{
    int64_t deadline_ms = job->submitted_ms + RETRY_MS;
    int64_t step_ms = RETRY_STEP_MS;
    for (;;) {
        enum ending ending = run_once(writer, job, 1, run_plain, 0);
        /* Its own failure; rolled back already when it had changed something. */
        if (ending == ENDING_UNDONE && job->result == PST_OK)
            job->result = PST_ERR_STORE;
        if (ending == ENDING_AGAIN || ending == ENDING_UNKNOWN)
            ending = recover(writer, ending, deadline_ms);
        if (ending == ENDING_SETTLED || ending == ENDING_UNDONE)
            return;
        if (pst_monotonic_ms() >= deadline_ms) {
            job->result = ending == ENDING_UNKNOWN ? PST_ERR_STORE : PST_ERR_BUSY;
            return;
        }
        /* Whoever it met is given time to end: else they meet again. */
        pst_pause_ms(step_ms);
        step_ms = step_ms * 2 < RETRY_STEP_MAX_MS ? step_ms * 2 : RETRY_STEP_MAX_MS;
    }
}

static void run_guarded_group(struct pst_writer *writer, struct pst_store_job *group, size_t count)
{
    if (writer->engine->savepoint == NULL) {
        for (struct pst_store_job *job = group; count > 0; job = job->next, count--)
            run_alone(writer, job);
        return;
    }
    if (run_once(writer, group, count, run_with_savepoints, 0) != ENDING_SETTLED)
        fail_those_that_passed(group, count, PST_ERR_STORE);
}

static void run_group(struct pst_writer *writer, struct pst_store_job *group, size_t count)
{
    atomic_fetch_add(&writer->groups, 1);
    unsigned defer = writer->engine->savepoint == NULL ? PST_BEGIN_DEFER : 0U;
    enum ending ending = run_once(writer, group, count, run_plain, defer);
    if (ending == ENDING_AGAIN || ending == ENDING_UNKNOWN)
        ending = recover(writer, ending, group->submitted_ms + RETRY_MS);
    if (ending == ENDING_SETTLED)
        return;
    if (ending == ENDING_UNKNOWN) {
        fail_all(group, count, PST_ERR_STORE);
        return;
    }
    /* One job alone that failed by itself, at once, has had its say. */
    if (ending == ENDING_UNDONE && count == 1 && group->result != PST_OK &&
        writer->engine->savepoint != NULL)
        return;
    atomic_fetch_add(&writer->reruns, 1);
    run_guarded_group(writer, group, count);
}

/* ---- the queue --------------------------------------------------------------- */

static void report(struct pst_store_job *group)
{
    while (group != NULL) {
        struct pst_store_job *job = group;
        group = job->next; /* done may free it */
        job->next = NULL;
        job->done(job, job->result);
    }
}

/*
 * By lanes, each lane's in their order: so two groups that lock the same rows,
 * here or at another gateway, lock them in the same order, and neither waits
 * for what the other cannot give.
 */
static struct pst_store_job *sort_by_lane(struct pst_store_job *group)
{
    struct pst_store_job *sorted = NULL;
    while (group != NULL) {
        struct pst_store_job *job = group;
        struct pst_store_job **at = &sorted;
        group = job->next;
        while (*at != NULL && (*at)->lane <= job->lane)
            at = &(*at)->next;
        job->next = *at;
        *at = job;
    }
    return sorted;
}

/* The first jobs of the queue, at most a group's. Under lock. */
static struct pst_store_job *take_group(struct pst_writer *writer, size_t *ret_count)
{
    struct pst_store_job *group = writer->first, *end = group;
    size_t count = 1;
    for (; count < PST_STORE_GROUP_MAX && end->next != NULL; count++)
        end = end->next;
    writer->first = end->next;
    if (writer->first == NULL)
        writer->last = &writer->first;
    end->next = NULL;
    writer->waiting -= count;
    atomic_fetch_add(&writer->jobs, count);
    *ret_count = count;
    return group;
}

/* Waits for jobs; keeps house once it was quiet for a while. Under lock. */
static void wait_for_more(struct pst_writer *writer)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    int timed_out = 0;
    while (writer->first == NULL && !writer->ending && timed_out == 0)
        timed_out = pthread_cond_timedwait(&writer->more, &writer->lock, &until);
    if (writer->first != NULL || writer->ending)
        return;
    pthread_mutex_unlock(&writer->lock);
    if (writer->engine->idle(writer->connection))
        atomic_fetch_add(&writer->checkpoints, 1);
    pthread_mutex_lock(&writer->lock);
    while (writer->first == NULL && !writer->ending)
        pthread_cond_wait(&writer->more, &writer->lock);
}

static void *writer_main(void *arg)
{
    struct pst_writer *writer = arg;
    pthread_mutex_lock(&writer->lock);
    while (writer->first != NULL || !writer->ending) {
        if (writer->first == NULL) {
            wait_for_more(writer);
            continue;
        }
        size_t count = 0;
        struct pst_store_job *group = take_group(writer, &count);
        pthread_mutex_unlock(&writer->lock);
        if ((writer->flags & PST_BEGIN_SHARED) != 0)
            group = sort_by_lane(group);
        run_group(writer, group, count);
        report(group);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* ---- making and ending --------------------------------------------------------- */

static enum pst_err locks_make(struct pst_writer *writer)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return PST_ERR_NOMEM;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&writer->more, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (failed != 0)
        return PST_ERR_NOMEM;
    (void)pthread_mutex_init(&writer->lock, NULL);
    return PST_OK;
}

static void let_go(struct pst_writer *writer)
{
    writer->engine->disconnect(&writer->connection);
    (void)pthread_mutex_destroy(&writer->lock);
    (void)pthread_cond_destroy(&writer->more);
    free(writer);
}

enum pst_err pst_writer_new(const struct pst_engine *engine, const char *target,
                            enum pst_store_role role, bool shared, struct pst_writer **ret_writer,
                            struct pst_store_problem *ret_problem)
{
    struct pst_writer *writer = calloc(1, sizeof *writer);
    enum pst_err r = writer == NULL ? PST_ERR_NOMEM : locks_make(writer);
    if (r != PST_OK) {
        free(writer);
        return r;
    }
    writer->engine = engine;
    writer->role = role;
    writer->flags = PST_BEGIN_WRITE | (shared ? PST_BEGIN_SHARED : 0U);
    writer->last = &writer->first;
    r = engine->connect(target, PST_CONNECTION_WRITE, role, &writer->connection, ret_problem);
    if (r == PST_OK && pthread_create(&writer->thread, NULL, writer_main, writer) != 0)
        r = PST_ERR_NOMEM;
    if (r == PST_OK)
        *ret_writer = writer;
    else
        let_go(writer);
    return r;
}

void pst_writer_free(struct pst_writer **writer)
{
    if (writer == NULL || *writer == NULL)
        return;
    struct pst_writer *ending = *writer;
    pthread_mutex_lock(&ending->lock);
    ending->ending = true;
    pthread_cond_signal(&ending->more);
    pthread_mutex_unlock(&ending->lock);
    (void)pthread_join(ending->thread, NULL);
    let_go(ending);
    *writer = NULL;
}

enum pst_err pst_writer_submit(struct pst_writer *writer, struct pst_store_job *job)
{
    enum pst_err r = PST_ERR_BUSY;
    job->next = NULL;
    job->result = PST_ERR_INTERNAL;
    job->submitted_ms = pst_monotonic_ms();
    pthread_mutex_lock(&writer->lock);
    if (writer->waiting < PST_STORE_QUEUE_MAX && !writer->ending) {
        *writer->last = job;
        writer->last = &job->next;
        writer->waiting++;
        pthread_cond_signal(&writer->more);
        r = PST_OK;
    }
    pthread_mutex_unlock(&writer->lock);
    return r;
}

bool pst_writer_is_self(const struct pst_writer *writer)
{
    return pthread_equal(writer->thread, pthread_self()) != 0;
}

void pst_writer_counters(struct pst_writer *writer, struct pst_store_counters *counters)
{
    counters->jobs += atomic_load(&writer->jobs);
    counters->groups += atomic_load(&writer->groups);
    counters->commits += atomic_load(&writer->commits);
    counters->reruns += atomic_load(&writer->reruns);
    counters->checkpoints += atomic_load(&writer->checkpoints);
    counters->busy_waits += writer->engine->busy_waits(writer->connection);
}
