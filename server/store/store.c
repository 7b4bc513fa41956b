#include "server/store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/migrate.h"
#include "server/store/target.h"
#include "server/store/writer.h"

/* Reading connections kept for the next reader; more are opened when needed. */
#define READERS_KEPT 16

struct pst_store {
    const struct pst_engine *engine;
    char *target;
    enum pst_store_role role;
    struct pst_writer *writer;
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
    enum pst_err r = store->engine->connect(store->target, PST_CONNECTION_WRITE, store->role,
                                            &connection, ret_problem);
    if (r == PST_OK)
        r = pst_writer_new(store->engine, connection, store->role, &store->writer);
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

enum pst_err pst_store_open(const char *url, enum pst_store_role role, struct pst_store **ret_store,
                            struct pst_store_problem *ret_problem)
{
    const struct pst_engine *engine = NULL;
    const char *target = NULL;
    enum pst_err r = pst_store_target(url, &engine, &target, ret_problem);
    if (r == PST_OK)
        r = pst_migrate_same_version(engine, target, NULL, NULL, ret_problem);
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
    pst_writer_free(&closing->writer);
    while (closing->readers_free > 0)
        closing->engine->disconnect(&closing->readers[--closing->readers_free]);
    (void)pthread_mutex_destroy(&closing->lock);
    free(closing->target);
    free(closing);
    *store = NULL;
}

enum pst_err pst_store_read(struct pst_store *store, pst_store_fn fn, void *ctx)
{
    struct pst_connection *reader = NULL;
    enum pst_err r = reader_take(store, &reader);
    if (r != PST_OK)
        return r;
    r = store->engine->begin(reader, false);
    if (r == PST_OK) {
        struct pst_tx tx = {store->engine, reader, store->role, false};
        r = fn(&tx, ctx);
        store->engine->rollback(reader);
    }
    reader_put(store, reader);
    return r;
}

enum pst_err pst_store_submit(struct pst_store *store, struct pst_store_job *job)
{
    return pst_writer_submit(store->writer, job);
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

enum pst_err pst_store_write(struct pst_store *store, pst_store_fn fn, void *ctx)
{
    /* Would wait for itself for ever. */
    if (pst_writer_is_self(store->writer))
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
    pst_writer_counters(store->writer, ret_counters);
    pthread_mutex_lock(&store->lock);
    ret_counters->readers = store->readers_opened;
    pthread_mutex_unlock(&store->lock);
}
