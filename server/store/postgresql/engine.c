#include "server/store/postgresql/postgresql.h"

/*
 * Connections of web that write shared operations: enough that one waits for
 * the database while the other prepares, few enough that each commit carries a
 * group (docs/performance.md). Other roles write little.
 */
#define SHARED_WRITERS_WEB 3

extern const struct pst_migration pst_migrations_postgresql[];
extern const size_t pst_migrations_postgresql_count;
extern const char pst_grants_postgresql[];

static size_t shared_writers(enum pst_store_role role)
{
    return role == PST_STORE_WEB ? SHARED_WRITERS_WEB : 0;
}

static uint64_t changes(struct pst_connection *connection)
{
    return connection->changes;
}

static bool in_transaction(struct pst_connection *connection)
{
    return connection->in_transaction && !connection->failed;
}

static enum pst_fate fate(struct pst_connection *connection)
{
    return connection->fate;
}

/* The database keeps house by itself. */
static bool idle(struct pst_connection *connection)
{
    (void)connection;
    return false;
}

static uint64_t busy_waits(struct pst_connection *connection)
{
    return connection->retries;
}

const struct pst_engine pst_engine_postgresql = {
    .scheme = "postgresql:",
    .migrations = pst_migrations_postgresql,
    .migrations_count = &pst_migrations_postgresql_count,
    .grants = pst_grants_postgresql,
    .connect = pst_pg_connect,
    .disconnect = pst_pg_disconnect,
    .shared_writers = shared_writers,
    .begin = pst_pg_begin,
    .commit = pst_pg_commit,
    .rollback = pst_pg_rollback,
    .fate = fate,
    .recover = pst_pg_recover,
    .changes = changes,
    .in_transaction = in_transaction,
    .exec = pst_pg_exec,
    .query = pst_pg_query,
    .rows_next = pst_pg_rows_next,
    .row_is_null = pst_pg_row_is_null,
    .row_int = pst_pg_row_int,
    .row_bytes = pst_pg_row_bytes,
    .rows_close = pst_pg_rows_close,
    .idle = idle,
    .busy_waits = busy_waits,
    .script = pst_pg_script,
    .migration_last = pst_pg_migration_last,
    .migration_hash = pst_pg_migration_hash,
    .migration_record = pst_pg_migration_record,
    .integrity = pst_pg_integrity,
};
