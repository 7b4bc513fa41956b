#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/time.h"
#include "server/store/sqlite/sqlite.h"
#include "server/store/target.h"

/*
 * Waiting for another process that writes: steps short enough that nobody
 * waits long after it is done (SQLite's own back off to 100 ms), and an end
 * that no writer of ours comes near.
 */
#define BUSY_STEP_US 200
#define BUSY_BOUND_MS 10000

/* Web, courier and keeper run as users of their own in one group. */
#define FILE_MODE 0660

static int wait_busy(void *ctx, int count)
{
    struct pst_connection *connection = ctx;
    int64_t now_ms = pst_monotonic_ms();
    if (count == 0)
        connection->wait_began_ms = now_ms;
    if (now_ms - connection->wait_began_ms > BUSY_BOUND_MS)
        return 0;
    atomic_fetch_add(&connection->busy_waits, 1);
    (void)usleep(BUSY_STEP_US);
    return 1;
}

static int note_wal_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct pst_connection *connection = ctx;
    if (pages < connection->wal_pages)
        connection->wal_copied = 0; /* it began again */
    connection->wal_pages = pages;
    return SQLITE_OK;
}

enum pst_err pst_sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return PST_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return PST_ERR_BUSY;
    case SQLITE_NOMEM:
        return PST_ERR_NOMEM;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE ||
                       code == SQLITE_CONSTRAINT_ROWID
                   ? PST_ERR_EXISTS
                   : PST_ERR_CONFLICT;
    case SQLITE_TOOBIG:
        return PST_ERR_TOO_LONG;
    default:
        return PST_ERR_STORE;
    }
}

void pst_sqlite_problem(struct pst_connection *connection, const char *doing,
                        struct pst_store_problem *ret_problem)
{
    pst_store_problem_set(ret_problem, "%s: %s", doing,
                          connection->db != NULL ? sqlite3_errmsg(connection->db)
                                                 : "out of memory");
}

/* Before SQLite does: so that the mode is ours, whatever the umask. */
static enum pst_err make_file(const char *path, struct pst_store_problem *ret_problem)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0 && errno == EEXIST)
        return PST_OK;
    if (fd < 0) {
        pst_store_problem_set(ret_problem, "the store's file cannot be made: errno %d", errno);
        return errno == ENOENT ? PST_ERR_NOT_FOUND : PST_ERR_IO;
    }
    int failed = fchmod(fd, FILE_MODE);
    (void)close(fd);
    return failed == 0 ? PST_OK : PST_ERR_IO;
}

/* Settings of every connection. Constants, not user input. */
static const char *const settings[] = {
    /* Durable when COMMIT returns: the log is synced at each. */
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    /* What is deleted (staged parts, drafts) is overwritten, not left in free pages. */
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cell_size_check = ON",
    /* Checkpoints are ours (checkpoint.c): never inside somebody's commit. */
    "PRAGMA wal_autocheckpoint = 0",
};

/* 16 MiB for the writer keep the upper pages of every index at hand; readers have less. */
static const char *cache_setting(enum pst_connection_use use)
{
    return use == PST_CONNECTION_WRITE ? "PRAGMA cache_size = -16384" : "PRAGMA cache_size = -4096";
}

static int run(struct pst_connection *connection, const char *sql)
{
    return sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
}

static int configure(struct pst_connection *connection)
{
    static const struct {
        int what, on;
    } switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < sizeof switches / sizeof switches[0]; i++)
        code = sqlite3_db_config(connection->db, switches[i].what, switches[i].on, NULL);
    (void)sqlite3_limit(connection->db, SQLITE_LIMIT_ATTACHED, 0);
    for (size_t i = 0; code == SQLITE_OK && i < sizeof settings / sizeof settings[0]; i++)
        code = run(connection, settings[i]);
    if (code == SQLITE_OK)
        code = run(connection, cache_setting(connection->use));
    if (code == SQLITE_OK && connection->use == PST_CONNECTION_MIGRATE)
        code = run(connection, "PRAGMA journal_mode = WAL");
    if (code == SQLITE_OK && connection->use == PST_CONNECTION_READ)
        code = run(connection, "PRAGMA query_only = ON");
    return code;
}

static const char *const controls[CONTROL__MAX] = {
    [CONTROL_BEGIN] = "BEGIN",
    [CONTROL_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
    [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",
    [CONTROL_SAVEPOINT] = "SAVEPOINT operation",
    [CONTROL_RELEASE] = "RELEASE operation",
    [CONTROL_ROLLBACK_TO] = "ROLLBACK TO operation",
};

static int prepare_controls(struct pst_connection *connection)
{
    int code = SQLITE_OK;
    for (int i = 0; code == SQLITE_OK && i < CONTROL__MAX; i++)
        code = sqlite3_prepare_v3(connection->db, controls[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &connection->control[i], NULL);
    return code;
}

/*
 * Before the first connection: nobody asks SQLite how much memory it has, and
 * no two threads use one connection, so that it need not lock for either. Too
 * late is no error: then it locks in vain.
 */
static void set_up_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    pst_sqlite_log_register();
}

static enum pst_err open_file(struct pst_connection *connection, const char *path,
                              struct pst_store_problem *ret_problem)
{
    if (path[0] != '/') {
        pst_store_problem_set(ret_problem, "the store's path must begin with a slash");
        return PST_ERR_INVALID;
    }
    if (connection->use == PST_CONNECTION_MIGRATE) {
        enum pst_err r = make_file(path, ret_problem);
        if (r != PST_OK)
            return r;
    }
    if (access(path, F_OK) != 0) {
        pst_store_problem_set(ret_problem, "there is no store yet: run posternd init");
        return PST_ERR_NOT_FOUND;
    }
    /* One thread at a time uses a connection: SQLite need not lock for us. */
    int code = sqlite3_open_v2(path, &connection->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               connection->use == PST_CONNECTION_WRITE ? PST_SQLITE_VFS : NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_handler(connection->db, wait_busy, connection);
    if (code == SQLITE_OK)
        code = configure(connection);
    if (code == SQLITE_OK)
        code = prepare_controls(connection);
    if (code != SQLITE_OK)
        pst_sqlite_problem(connection, "opening the store", ret_problem);
    return pst_sqlite_err(code);
}

enum pst_err pst_sqlite_connect(const char *target, enum pst_connection_use use,
                                enum pst_store_role role, struct pst_connection **ret_connection,
                                struct pst_store_problem *ret_problem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up_library);
    struct pst_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return PST_ERR_NOMEM;
    connection->use = use;
    connection->role = role;
    enum pst_err r = open_file(connection, target, ret_problem);
    if (r == PST_OK && (use == PST_CONNECTION_READ || use == PST_CONNECTION_WRITE)) {
        (void)sqlite3_wal_hook(connection->db, note_wal_pages, connection);
        (void)sqlite3_set_authorizer(connection->db, pst_sqlite_authorize, connection);
        r = pst_sqlite_prepare_all(connection, ret_problem);
    }
    if (r != PST_OK)
        pst_sqlite_disconnect(&connection);
    else
        *ret_connection = connection;
    return r;
}

void pst_sqlite_disconnect(struct pst_connection **connection)
{
    if (connection == NULL || *connection == NULL)
        return;
    struct pst_connection *closing = *connection;
    pst_sqlite_checkpointer_free(&closing->checkpointer);
    pst_sqlite_finalize_all(closing);
    for (int i = 0; i < CONTROL__MAX; i++)
        (void)sqlite3_finalize(closing->control[i]);
    (void)sqlite3_close(closing->db);
    free(closing);
    *connection = NULL;
}

enum pst_err pst_sqlite_control(struct pst_connection *connection, enum sqlite_control control)
{
    sqlite3_stmt *stmt = connection->control[control];
    int code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return code == SQLITE_DONE ? PST_OK : pst_sqlite_err(code);
}
