#include <stdatomic.h>

#include "server/store/sqlite/sqlite.h"

/* Pages in the write-ahead log that are brought into the file when nobody waits for an answer. */
#define WAL_PAGES_QUIET 256

extern const struct pst_migration pst_migrations_sqlite[];
extern const size_t pst_migrations_sqlite_count;

/* One file, one writer. */
static size_t shared_writers(enum pst_store_role role)
{
    (void)role;
    return 0;
}

static enum pst_err begin(struct pst_connection *connection, unsigned flags)
{
    bool write = (flags & PST_BEGIN_WRITE) != 0;
    if ((flags & PST_BEGIN_ONE) != 0)
        return PST_OK;
    return pst_sqlite_control(connection, write ? CONTROL_BEGIN_IMMEDIATE : CONTROL_BEGIN);
}

/* A file is not lost and found again: what failed has failed. */
static enum pst_fate fate(struct pst_connection *connection)
{
    (void)connection;
    return PST_FATE_FAILED;
}

static enum pst_err recover(struct pst_connection *connection, bool *ret_committed)
{
    (void)connection;
    *ret_committed = false;
    return PST_OK;
}

static void rollback(struct pst_connection *connection)
{
    if (sqlite3_get_autocommit(connection->db) == 0)
        (void)pst_sqlite_control(connection, CONTROL_ROLLBACK);
}

static enum pst_err commit(struct pst_connection *connection)
{
    enum pst_err r = pst_sqlite_control(connection, CONTROL_COMMIT);
    if (r != PST_OK) {
        rollback(connection);
        return PST_ERR_STORE;
    }
    pst_sqlite_checkpoint_under_load(connection);
    return PST_OK;
}

static enum pst_err savepoint(struct pst_connection *connection)
{
    return pst_sqlite_control(connection, CONTROL_SAVEPOINT);
}

static enum pst_err release(struct pst_connection *connection)
{
    return pst_sqlite_control(connection, CONTROL_RELEASE);
}

/* Rolls back to the savepoint and ends it. */
static enum pst_err rollback_to(struct pst_connection *connection)
{
    enum pst_err r = pst_sqlite_control(connection, CONTROL_ROLLBACK_TO);
    return r == PST_OK ? release(connection) : r;
}

static uint64_t changes(struct pst_connection *connection)
{
    return (uint64_t)sqlite3_total_changes64(connection->db);
}

static bool in_transaction(struct pst_connection *connection)
{
    return sqlite3_get_autocommit(connection->db) == 0;
}

static bool idle(struct pst_connection *connection)
{
    return pst_sqlite_checkpoint(connection, WAL_PAGES_QUIET);
}

static uint64_t busy_waits(struct pst_connection *connection)
{
    return atomic_load(&connection->busy_waits);
}

const struct pst_engine pst_engine_sqlite = {
    .scheme = "sqlite:",
    .migrations = pst_migrations_sqlite,
    .migrations_count = &pst_migrations_sqlite_count,
    .connect = pst_sqlite_connect,
    .disconnect = pst_sqlite_disconnect,
    .shared_writers = shared_writers,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .fate = fate,
    .recover = recover,
    .savepoint = savepoint,
    .release = release,
    .rollback_to = rollback_to,
    .changes = changes,
    .in_transaction = in_transaction,
    .exec = pst_sqlite_exec,
    .query = pst_sqlite_query,
    .rows_next = pst_sqlite_rows_next,
    .row_is_null = pst_sqlite_row_is_null,
    .row_int = pst_sqlite_row_int,
    .row_bytes = pst_sqlite_row_bytes,
    .rows_close = pst_sqlite_rows_close,
    .idle = idle,
    .busy_waits = busy_waits,
    .script = pst_sqlite_script,
    .migration_last = pst_sqlite_migration_last,
    .migration_hash = pst_sqlite_migration_hash,
    .migration_record = pst_sqlite_migration_record,
    .integrity = pst_sqlite_integrity,
};
