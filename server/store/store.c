#include "server/store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/time.h"
#include "server/store/copy.h"
#include "server/store/migrate.h"
#include "server/store/target.h"
#include "server/store/writer.h"

/* Reading connections kept for the next reader; more are opened when needed. */
#define READERS_KEPT 16

/*
 * A read whose connection is lost is tried again while a fail-over may be under
 * way, for as long as it does not hold up all others: it has one of the few
 * threads that serve requests. In steps that grow to the longest.
 */
#define READ_RETRY_MS 10000
#define READ_STEP_MS 10
#define READ_STEP_MAX_MS 500

struct pst_store {
    const struct pst_engine *engine;
    char *target;
    enum pst_store_role role;
    struct pst_writer *alone; /* its jobs take turns with all others */
    struct pst_writer *shared[PST_SHARED_WRITERS_MAX];
    size_t shared_count; /* 0: the engine has none, all take turns */
    pthread_mutex_t lock;
    /* Under lock: */
    struct pst_connection *readers[READERS_KEPT];
    size_t readers_free;
    uint64_t readers_opened;
};

/* A connection nobody else uses: an idle one, or a new one. Nobody ever waits. */
static enum pst_err reader_take(struct pst_store *store, struct pst_connection **ret_reader)
{
    struct pst_connection *reader = NULL;
    pthread_mutex_lock(&store->lock);
    if (store->readers_free > 0)
        reader = store->readers[--store->readers_free];
    else
        store->readers_opened++;
    pthread_mutex_unlock(&store->lock);
    if (reader == NULL) {
        enum pst_err r =
            store->engine->connect(store->target, PST_CONNECTION_READ, store->role, &reader, NULL);
        if (r != PST_OK)
            return r;
    }
    *ret_reader = reader;
    return PST_OK;
}

static void reader_put(struct pst_store *store, struct pst_connection *reader)
{
    pthread_mutex_lock(&store->lock);
    if (store->readers_free < READERS_KEPT) {
        store->readers[store->readers_free++] = reader;
        reader = NULL;
    }
    pthread_mutex_unlock(&store->lock);
    if (reader != NULL)
        store->engine->disconnect(&reader);
}

/* Opens one reader and keeps it: what is wrong shows now, not at a request. */
static enum pst_err open_connections(struct pst_store *store, struct pst_store_problem *ret_problem)
{
    struct pst_connection *connection = NULL;
    size_t shared = store->engine->shared_writers(store->role);
    enum pst_err r = pst_writer_new(store->engine, store->target, store->role, /* shared= */ false,
                                    &store->alone, ret_problem);
    while (r == PST_OK && store->shared_count < shared) {
        r = pst_writer_new(store->engine, store->target, store->role, /* shared= */ true,
                           &store->shared[store->shared_count], ret_problem);
        store->shared_count += r == PST_OK ? 1 : 0;
    }
    if (r != PST_OK)
        return r;
    r = store->engine->connect(store->target, PST_CONNECTION_READ, store->role, &connection,
                               ret_problem);
    if (r == PST_OK) {
        store->readers_opened = 1;
        reader_put(store, connection);
    }
    return r;
}

static enum pst_err is_whole(struct pst_tx *tx, void *ctx)
{
    return pst_copy_whole(tx, ctx);
}

/* Half a practice is not opened: what is missing would look as if it had never been. */
static enum pst_err check_whole(struct pst_store *store, struct pst_store_problem *ret_problem)
{
    return store->role == PST_STORE_COPY ? PST_OK : pst_store_read(store, is_whole, ret_problem);
}

enum pst_err pst_store_open(const char *url, enum pst_store_role role, struct pst_store **ret_store,
                            struct pst_store_problem *ret_problem)
{
    const struct pst_engine *engine = NULL;
    const char *target = NULL;
    enum pst_err r = pst_store_target(url, &engine, &target, ret_problem);
    if (r == PST_OK)
        r = pst_migrate_same_version(engine, target, role, NULL, NULL, ret_problem);
    if (r != PST_OK)
        return r;
    struct pst_store *store = calloc(1, sizeof *store);
    char *copy = strdup(target);
    if (store == NULL || copy == NULL) {
        free(copy);
        free(store);
        return PST_ERR_NOMEM;
    }
    store->engine = engine;
    store->target = copy;
    store->role = role;
    (void)pthread_mutex_init(&store->lock, NULL);
    r = open_connections(store, ret_problem);
    if (r == PST_OK)
        r = check_whole(store, ret_problem);
    if (r != PST_OK)
        pst_store_close(&store);
    else
        *ret_store = store;
    return r;
}

void pst_store_close(struct pst_store **store)
{
    if (store == NULL || *store == NULL)
        return;
    struct pst_store *closing = *store;
    pst_writer_free(&closing->alone);
    for (size_t i = 0; i < closing->shared_count; i++)
        pst_writer_free(&closing->shared[i]);
    while (closing->readers_free > 0)
        closing->engine->disconnect(&closing->readers[--closing->readers_free]);
    (void)pthread_mutex_destroy(&closing->lock);
    free(closing->target);
    free(closing);
    *store = NULL;
}

/* True: the connection was lost on the way, and the result means nothing. */
static bool read_once(struct pst_store *store, struct pst_connection *reader, unsigned flags,
                      pst_store_fn fn, void *ctx, enum pst_err *ret_result)
{
    enum pst_err r = store->engine->begin(reader, flags);
    if (r == PST_OK) {
        struct pst_tx tx = {.engine = store->engine,
                            .connection = reader,
                            .role = store->role,
                            .one = (flags & PST_BEGIN_ONE) != 0};
        r = fn(&tx, ctx);
        store->engine->rollback(reader);
    }
    *ret_result = r;
    return r != PST_OK && store->engine->fate(reader) != PST_FATE_FAILED;
}

/* A connection that is fit for a read; takes one where there is none yet. */
static enum pst_err reader_ready(struct pst_store *store, struct pst_connection **reader)
{
    bool committed = false;
    if (*reader == NULL)
        return reader_take(store, reader);
    return store->engine->recover(*reader, &committed);
}

static enum pst_err read_with(struct pst_store *store, unsigned flags, pst_store_fn fn, void *ctx)
{
    struct pst_connection *reader = NULL;
    int64_t deadline_ms = 0;
    enum pst_err r = PST_ERR_BUSY;
    for (int64_t step_ms = READ_STEP_MS;; step_ms = step_ms * 2) {
        r = reader_ready(store, &reader);
        bool again = r == PST_OK ? read_once(store, reader, flags, fn, ctx, &r) : r == PST_ERR_BUSY;
        if (!again)
            break;
        if (deadline_ms == 0)
            deadline_ms = pst_monotonic_ms() + READ_RETRY_MS;
        if (pst_monotonic_ms() >= deadline_ms)
            break;
        pst_pause_ms(step_ms < READ_STEP_MAX_MS ? step_ms : READ_STEP_MAX_MS);
    }
    if (reader != NULL)
        reader_put(store, reader);
    return r;
}

enum pst_err pst_store_read(struct pst_store *store, pst_store_fn fn, void *ctx)
{
    return read_with(store, PST_BEGIN_READ, fn, ctx);
}

enum pst_err pst_store_read_one(struct pst_store *store, pst_store_fn fn, void *ctx)
{
    return read_with(store, PST_BEGIN_READ | PST_BEGIN_ONE, fn, ctx);
}

enum pst_err pst_store_submit(struct pst_store *store, struct pst_store_job *job)
{
    struct pst_writer *writer = job->shared && store->shared_count > 0
                                    ? store->shared[job->lane % store->shared_count]
                                    : store->alone;
    return pst_writer_submit(writer, job);
}

/* A job whose submitter waits. */
struct waiter {
    struct pst_store_job job;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    bool is_ready;
    enum pst_err result;
};

static void wake(struct pst_store_job *job, enum pst_err result)
{
    /* UNSAFE: job is the waiter's first member. */
    struct waiter *waiter = (struct waiter *)job;
    pthread_mutex_lock(&waiter->lock);
    waiter->result = result;
    waiter->is_ready = true;
    pthread_cond_signal(&waiter->ready);
    pthread_mutex_unlock(&waiter->lock);
}

static bool is_writer(const struct pst_store *store)
{
    bool is = pst_writer_is_self(store->alone);
    for (size_t i = 0; !is && i < store->shared_count; i++)
        is = pst_writer_is_self(store->shared[i]);
    return is;
}

enum pst_err pst_store_write(struct pst_store *store, pst_store_fn fn, void *ctx)
{
    /* Would wait for itself for ever. */
    if (is_writer(store))
        return PST_ERR_INTERNAL;
    struct waiter waiter = {.job = {.fn = fn, .ctx = ctx, .done = wake},
                            .lock = PTHREAD_MUTEX_INITIALIZER,
                            .ready = PTHREAD_COND_INITIALIZER,
                            .result = PST_ERR_INTERNAL};
    enum pst_err r = pst_store_submit(store, &waiter.job);
    if (r == PST_OK) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.is_ready)
            pthread_cond_wait(&waiter.ready, &waiter.lock);
        pthread_mutex_unlock(&waiter.lock);
        r = waiter.result;
    }
    (void)pthread_mutex_destroy(&waiter.lock);
    (void)pthread_cond_destroy(&waiter.ready);
    return r;
}

void pst_store_counters(struct pst_store *store, struct pst_store_counters *ret_counters)
{
    *ret_counters = (struct pst_store_counters){.jobs = 0};
    pst_writer_counters(store->alone, ret_counters);
    for (size_t i = 0; i < store->shared_count; i++)
        pst_writer_counters(store->shared[i], ret_counters);
    pthread_mutex_lock(&store->lock);
    ret_counters->readers = store->readers_opened;
    pthread_mutex_unlock(&store->lock);
}
