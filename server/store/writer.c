#include "server/store/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* Quiet time after which housekeeping cannot be in anybody's way. */
#define IDLE_MS 50

struct pst_writer {
    const struct pst_engine *engine;
    struct pst_connection *connection;
    enum pst_store_role role;
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

/* How a group's run ended. */
enum outcome {
    OUTCOME_DONE,  /* every job has its result, the transaction stands */
    OUTCOME_DIRTY, /* a failed job left changes behind */
    OUTCOME_LOST,  /* the engine ended the transaction */
};

static enum outcome run_plain(struct pst_writer *writer, struct pst_tx *tx,
                              struct pst_store_job *group)
{
    for (struct pst_store_job *job = group; job != NULL; job = job->next) {
        uint64_t before = writer->engine->changes(tx->connection);
        job->result = job->fn(tx, job->ctx);
        if (!writer->engine->in_transaction(tx->connection))
            return OUTCOME_LOST;
        if (job->result != PST_OK && writer->engine->changes(tx->connection) != before)
            return OUTCOME_DIRTY;
    }
    return OUTCOME_DONE;
}

static enum pst_err run_guarded(struct pst_writer *writer, struct pst_tx *tx,
                                struct pst_store_job *job)
{
    enum pst_err r = writer->engine->savepoint(tx->connection);
    if (r != PST_OK)
        return r;
    r = job->fn(tx, job->ctx);
    if (!writer->engine->in_transaction(tx->connection))
        return r == PST_OK ? PST_ERR_STORE : r;
    if (r != PST_OK) {
        enum pst_err undone = writer->engine->rollback_to(tx->connection);
        return undone == PST_OK ? r : undone;
    }
    return writer->engine->release(tx->connection);
}

static enum outcome run_with_savepoints(struct pst_writer *writer, struct pst_tx *tx,
                                        struct pst_store_job *group)
{
    for (struct pst_store_job *job = group; job != NULL; job = job->next) {
        job->result = run_guarded(writer, tx, job);
        if (!writer->engine->in_transaction(tx->connection))
            return OUTCOME_LOST;
    }
    return OUTCOME_DONE;
}

/* A failure that took the transaction: what seemed well is not. */
static void fail_all(struct pst_store_job *group, enum pst_err why)
{
    for (struct pst_store_job *job = group; job != NULL; job = job->next)
        job->result = why;
}

static void fail_those_that_passed(struct pst_store_job *group, enum pst_err why)
{
    for (struct pst_store_job *job = group; job != NULL; job = job->next) {
        if (job->result == PST_OK)
            job->result = why;
    }
}

/* Runs the group in one transaction; leaves every job its result. */
static bool run_once(struct pst_writer *writer, struct pst_store_job *group, bool savepoints)
{
    struct pst_tx tx = {writer->engine, writer->connection, writer->role, true};
    enum pst_err r = writer->engine->begin(writer->connection, true);
    if (r != PST_OK) {
        fail_all(group, r);
        return true;
    }
    enum outcome outcome =
        savepoints ? run_with_savepoints(writer, &tx, group) : run_plain(writer, &tx, group);
    if (outcome == OUTCOME_DONE) {
        r = writer->engine->commit(writer->connection);
        if (r == PST_OK)
            atomic_fetch_add(&writer->commits, 1);
        else
            fail_those_that_passed(group, r);
        return true;
    }
    writer->engine->rollback(writer->connection);
    bool alone = group->next == NULL;
    if (savepoints || (alone && group->result != PST_OK)) {
        fail_those_that_passed(group, PST_ERR_STORE);
        return true;
    }
    return false;
}

static void run_group(struct pst_writer *writer, struct pst_store_job *group)
{
    /* A job that is never reached must not look as if it had passed. */
    fail_all(group, PST_ERR_STORE);
    atomic_fetch_add(&writer->groups, 1);
    if (!run_once(writer, group, /* savepoints= */ false)) {
        fail_all(group, PST_ERR_STORE);
        atomic_fetch_add(&writer->reruns, 1);
        (void)run_once(writer, group, /* savepoints= */ true);
    }
}

static void report(struct pst_store_job *group)
{
    while (group != NULL) {
        struct pst_store_job *job = group;
        group = job->next; /* done may free it */
        job->next = NULL;
        job->done(job, job->result);
    }
}

/* The first jobs of the queue, at most a group's. Under lock. */
static struct pst_store_job *take_group(struct pst_writer *writer)
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
        struct pst_store_job *group = take_group(writer);
        pthread_mutex_unlock(&writer->lock);
        run_group(writer, group);
        report(group);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static enum pst_err start(struct pst_writer *writer)
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
    if (pthread_create(&writer->thread, NULL, writer_main, writer) == 0)
        return PST_OK;
    (void)pthread_mutex_destroy(&writer->lock);
    (void)pthread_cond_destroy(&writer->more);
    return PST_ERR_NOMEM;
}

enum pst_err pst_writer_new(const struct pst_engine *engine, struct pst_connection *connection,
                            enum pst_store_role role, struct pst_writer **ret_writer)
{
    enum pst_err r = PST_ERR_NOMEM;
    struct pst_writer *writer = calloc(1, sizeof *writer);
    if (writer != NULL) {
        writer->engine = engine;
        writer->connection = connection;
        writer->role = role;
        writer->last = &writer->first;
        r = start(writer);
    }
    if (r != PST_OK) {
        free(writer);
        engine->disconnect(&connection);
        return r;
    }
    *ret_writer = writer;
    return PST_OK;
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
    (void)pthread_mutex_destroy(&ending->lock);
    (void)pthread_cond_destroy(&ending->more);
    ending->engine->disconnect(&ending->connection);
    free(ending);
    *writer = NULL;
}

enum pst_err pst_writer_submit(struct pst_writer *writer, struct pst_store_job *job)
{
    enum pst_err r = PST_ERR_BUSY;
    pthread_mutex_lock(&writer->lock);
    if (writer->waiting < PST_STORE_QUEUE_MAX && !writer->ending) {
        job->next = NULL;
        job->result = PST_ERR_INTERNAL;
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

void pst_writer_counters(struct pst_writer *writer, struct pst_store_counters *ret_counters)
{
    ret_counters->jobs = atomic_load(&writer->jobs);
    ret_counters->groups = atomic_load(&writer->groups);
    ret_counters->commits = atomic_load(&writer->commits);
    ret_counters->reruns = atomic_load(&writer->reruns);
    ret_counters->checkpoints = atomic_load(&writer->checkpoints);
    ret_counters->busy_waits = writer->engine->busy_waits(writer->connection);
}
