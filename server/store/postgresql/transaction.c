#include "postern/time.h"
#include "server/store/postgresql/postgresql.h"

/*
 * Marks. Each writing connection has a name and numbers its transactions; each
 * transaction writes its number beside the name. When a connection is lost in
 * the middle of a commit, the number that stands then tells what became of it:
 * on the same server, or on the one that took over from it.
 */

/* A writer that has not written for so long has gone without a word. */
#define MARK_KEPT_MS (7 * PST_DAY_MS)

static bool is_piped(const struct pst_connection *connection)
{
    return connection->use == PST_CONNECTION_READ || connection->use == PST_CONNECTION_WRITE;
}

/* Of tools, which migrate and check, and wait for each command. */
static enum pst_err run(struct pst_connection *connection, const char *sql)
{
    if (connection->pg == NULL)
        return PST_ERR_BUSY;
    PGresult *result = PQexec(connection->pg, sql);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return ok ? PST_OK : PST_ERR_STORE;
}

static enum pst_err mark(struct pst_connection *connection, enum pg_control control,
                         enum pg_owed_kind kind, int64_t number, int64_t at_ms)
{
    const struct pst_value values[] = {
        {.type = 'b', .bytes = pst_bytes(connection->writer, sizeof connection->writer)},
        {.type = 'i', .number = number},
        {.type = 'i', .number = at_ms},
    };
    return pst_pg_control(connection, control, kind, values);
}

static void fresh(struct pst_connection *connection)
{
    connection->failed = false;
    connection->committed = false;
    connection->committing = false;
    connection->error = PST_OK;
    connection->fate = PST_FATE_FAILED;
}

enum pst_err pst_pg_begin(struct pst_connection *connection, unsigned flags)
{
    fresh(connection);
    connection->in_transaction = true;
    if (!is_piped(connection))
        return run(connection, "BEGIN");
    connection->deferring = (flags & PST_BEGIN_DEFER) != 0;
    connection->one = (flags & PST_BEGIN_ONE) != 0;
    if (connection->one)
        return PST_OK;
    if ((flags & PST_BEGIN_WRITE) == 0)
        return pst_pg_control(connection, PG_CONTROL_BEGIN_READ, PG_OWED_CONTROL, NULL);
    enum pst_err r = pst_pg_control(connection, PG_CONTROL_BEGIN_WRITE, PG_OWED_CONTROL, NULL);
    if (r == PST_OK && (flags & PST_BEGIN_SHARED) == 0)
        r = pst_pg_control(connection, PG_CONTROL_ALONE, PG_OWED_CONTROL, NULL);
    connection->mark++;
    return r == PST_OK ? mark(connection, PG_CONTROL_MARK, PG_OWED_CONTROL, connection->mark,
                              pst_clock_now(NULL))
                       : r;
}

/*
 * After a failure the server skips everything up to a synchronisation point.
 * A statement by itself ends with the point behind it.
 */
static void roll_back(struct pst_connection *connection, bool skipping)
{
    enum pst_err r = PST_OK;
    if (skipping || connection->one)
        r = pst_pg_sync(connection);
    if (r == PST_OK && !connection->one)
        r = pst_pg_control(connection, PG_CONTROL_ROLLBACK, PG_OWED_CONTROL, NULL);
    if (r == PST_OK && !connection->one)
        (void)pst_pg_sync(connection);
}

void pst_pg_rollback(struct pst_connection *connection)
{
    const enum pst_err error = connection->error;
    const enum pst_fate fate = connection->fate;
    const bool failed = connection->failed;
    if (connection->pg == NULL || !connection->in_transaction)
        return;
    if (!is_piped(connection)) {
        (void)run(connection, "ROLLBACK");
        connection->in_transaction = false;
        return;
    }
    /* Readers do not wait for it: the next transaction begins behind it. */
    connection->failed = false;
    roll_back(connection, failed);
    if (failed || connection->use == PST_CONNECTION_WRITE)
        (void)pst_pg_settle(connection);
    connection->in_transaction = false;
    connection->failed = failed;
    connection->error = error;
    connection->fate = fate;
}

enum pst_err pst_pg_commit(struct pst_connection *connection)
{
    if (!is_piped(connection)) {
        connection->in_transaction = false;
        return run(connection, "COMMIT");
    }
    enum pst_err r = connection->failed ? connection->error : PST_OK;
    if (r == PST_OK) {
        connection->committing = true;
        r = pst_pg_control(connection, PG_CONTROL_COMMIT, PG_OWED_COMMIT, NULL);
    }
    if (r == PST_OK)
        r = pst_pg_sync(connection);
    if (r == PST_OK)
        r = pst_pg_settle(connection);
    connection->committing = false;
    if (connection->committed)
        return PST_OK;
    pst_pg_rollback(connection);
    return r == PST_OK ? PST_ERR_STORE : r;
}

enum pst_err pst_pg_recover(struct pst_connection *connection, bool *ret_committed)
{
    bool uncertain = connection->fate == PST_FATE_UNCERTAIN;
    *ret_committed = false;
    if (connection->pg == NULL) {
        connection->retries++;
        if (pst_pg_reconnect(connection, NULL) != PST_OK)
            return PST_ERR_BUSY;
    }
    if (!uncertain)
        return PST_OK;
    fresh(connection);
    connection->stands = 0;
    enum pst_err r =
        mark(connection, PG_CONTROL_MARK_LOOK, PG_OWED_LOOK, /* number= */ 0, pst_clock_now(NULL));
    if (r == PST_OK)
        r = pst_pg_sync(connection);
    if (r == PST_OK)
        r = pst_pg_settle(connection);
    if (r != PST_OK) {
        /* Still not known: the next try asks again, over a connection of its own. */
        pst_pg_drop(connection);
        connection->fate = PST_FATE_UNCERTAIN;
        return PST_ERR_BUSY;
    }
    *ret_committed = connection->stands == connection->mark;
    return PST_OK;
}

void pst_pg_marks_sweep(struct pst_connection *connection)
{
    fresh(connection);
    if (mark(connection, PG_CONTROL_MARK_DROP, PG_OWED_CONTROL, pst_clock_now(NULL) - MARK_KEPT_MS,
             0) == PST_OK &&
        pst_pg_sync(connection) == PST_OK)
        (void)pst_pg_settle(connection);
}
