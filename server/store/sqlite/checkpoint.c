/*
 * Bringing the write-ahead log into the file without the writer waiting for it.
 *
 * Copying thousands of pages and syncing them takes tens of milliseconds, in
 * which a writer that does it itself answers nobody. Under load a thread with a
 * connection of its own does it while the writer goes on appending (SQLite
 * allows that: a checkpoint holds no lock that a writer takes). What was
 * appended meanwhile is little, and that the writer copies itself: only when
 * nothing is left can the log begin again at its start instead of growing.
 *
 * The thread is started when it is first needed: tools and quiet roles have none.
 */
#include <pthread.h>
#include <stdlib.h>

#include "server/store/sqlite/sqlite.h"

/* Pages to copy for which it is worth waking the thread (8 MiB; docs/performance.md). */
#define PAGES_LOAD 2048
/* Little enough for the writer to copy between two groups: one group's pages or two. */
#define PAGES_REST 512
/* Passes after which the writer copies the rest however much it is: the log must end. */
#define PASSES_MAX 4
/* Pages in the log at which the writer waits for the thread, should a slow disk keep it (32 MiB).
 */
#define PAGES_MAX 8192

struct sqlite_checkpointer {
    struct pst_connection *connection; /* the thread's alone */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under lock: */
    bool wanted; /* a pass is to be made, or under way */
    bool ending;
    int copied; /* pages of the log that are in the file, as the last pass found */
    /* The writer's: */
    int passes; /* since the log began */
};

/* Pages copied of those in the log; -1: it could not be done now. */
static int pass(sqlite3 *db, int *ret_in_log)
{
    int copied = -1;
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_in_log, &copied);
    return code == SQLITE_OK ? copied : -1;
}

static void *checkpointer_main(void *arg)
{
    struct sqlite_checkpointer *checkpointer = arg;
    pthread_mutex_lock(&checkpointer->lock);
    while (!checkpointer->ending) {
        if (!checkpointer->wanted) {
            pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
            continue;
        }
        pthread_mutex_unlock(&checkpointer->lock);
        int in_log = 0;
        int copied = pass(checkpointer->connection->db, &in_log);
        pthread_mutex_lock(&checkpointer->lock);
        checkpointer->wanted = false;
        if (copied >= 0)
            checkpointer->copied = copied;
        pthread_cond_signal(&checkpointer->changed);
    }
    pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

/* A connection finds out that there is a log when it first reads. */
static enum pst_err connect(const struct pst_connection *writer, struct pst_connection **ret_mine)
{
    struct pst_connection *mine = NULL;
    enum pst_err r = pst_sqlite_connect(sqlite3_db_filename(writer->db, "main"),
                                        PST_CONNECTION_CHECK, writer->role, &mine, NULL);
    if (r == PST_OK)
        r = pst_sqlite_err(sqlite3_exec(mine->db, "PRAGMA schema_version", NULL, NULL, NULL));
    if (r == PST_OK)
        *ret_mine = mine;
    else
        pst_sqlite_disconnect(&mine);
    return r;
}

static struct sqlite_checkpointer *checkpointer_new(const struct pst_connection *writer)
{
    struct sqlite_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    if (checkpointer == NULL)
        return NULL;
    (void)pthread_mutex_init(&checkpointer->lock, NULL);
    (void)pthread_cond_init(&checkpointer->changed, NULL);
    if (connect(writer, &checkpointer->connection) == PST_OK &&
        pthread_create(&checkpointer->thread, NULL, checkpointer_main, checkpointer) == 0)
        return checkpointer;
    pst_sqlite_disconnect(&checkpointer->connection);
    (void)pthread_cond_destroy(&checkpointer->changed);
    (void)pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
    return NULL;
}

void pst_sqlite_checkpointer_free(struct sqlite_checkpointer **checkpointer)
{
    struct sqlite_checkpointer *gone = *checkpointer;
    if (gone == NULL)
        return;
    pthread_mutex_lock(&gone->lock);
    gone->ending = true;
    pthread_cond_signal(&gone->changed);
    pthread_mutex_unlock(&gone->lock);
    (void)pthread_join(gone->thread, NULL);
    pst_sqlite_disconnect(&gone->connection);
    (void)pthread_cond_destroy(&gone->changed);
    (void)pthread_mutex_destroy(&gone->lock);
    free(gone);
    *checkpointer = NULL;
}

/* By the writer itself. */
static bool copy_here(struct pst_connection *connection)
{
    int in_log = 0;
    int copied = pass(connection->db, &in_log);
    if (copied >= 0 && copied == in_log)
        connection->wal_copied = connection->wal_pages;
    return copied >= 0;
}

/* Is the thread at rest? And what its last pass came to. */
static bool at_rest(struct sqlite_checkpointer *checkpointer, int *ret_copied)
{
    pthread_mutex_lock(&checkpointer->lock);
    bool rests = !checkpointer->wanted;
    *ret_copied = checkpointer->copied;
    pthread_mutex_unlock(&checkpointer->lock);
    return rests;
}

static void ask(struct sqlite_checkpointer *checkpointer)
{
    checkpointer->passes++;
    pthread_mutex_lock(&checkpointer->lock);
    checkpointer->wanted = true;
    checkpointer->copied = 0; /* should it fail, nothing of an earlier log counts */
    pthread_cond_signal(&checkpointer->changed);
    pthread_mutex_unlock(&checkpointer->lock);
}

/* The thread has made a pass: again, or is so little left that the writer ends it? */
static void go_on(struct pst_connection *connection)
{
    struct sqlite_checkpointer *checkpointer = connection->checkpointer;
    int copied = 0;
    if (!at_rest(checkpointer, &copied)) {
        if (connection->wal_pages >= PAGES_MAX)
            (void)pst_sqlite_checkpoint(connection, /* least_pages= */ 0);
        return;
    }
    if (copied <= connection->wal_pages)
        connection->wal_copied = copied;
    if (connection->wal_pages - connection->wal_copied > PAGES_REST &&
        checkpointer->passes < PASSES_MAX) {
        ask(checkpointer);
        return;
    }
    checkpointer->passes = 0;
    (void)copy_here(connection);
}

void pst_sqlite_checkpoint_under_load(struct pst_connection *connection)
{
    if (connection->checkpointer != NULL && connection->checkpointer->passes > 0) {
        go_on(connection);
        return;
    }
    if (connection->wal_pages - connection->wal_copied < PAGES_LOAD)
        return;
    if (connection->checkpointer == NULL)
        connection->checkpointer = checkpointer_new(connection);
    if (connection->checkpointer != NULL)
        ask(connection->checkpointer);
    else
        (void)copy_here(connection);
}

bool pst_sqlite_checkpoint(struct pst_connection *connection, int least_pages)
{
    struct sqlite_checkpointer *checkpointer = connection->checkpointer;
    if (connection->wal_pages - connection->wal_copied < least_pages)
        return false;
    if (checkpointer != NULL) {
        pthread_mutex_lock(&checkpointer->lock);
        while (checkpointer->wanted)
            pthread_cond_wait(&checkpointer->changed, &checkpointer->lock);
        pthread_mutex_unlock(&checkpointer->lock);
        checkpointer->passes = 0;
    }
    return copy_here(connection);
}
