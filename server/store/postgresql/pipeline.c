#include <endian.h>
#include <string.h>

#include "server/store/postgresql/postgresql.h"

/*
 * Commands are sent without waiting and their results taken in order, when
 * somebody needs one. Outside the commit no synchronisation point is sent:
 * inside a transaction a failure makes the server skip what follows, which is
 * what we want.
 */

enum pst_err pst_pg_lost(struct pst_connection *connection)
{
    pst_pg_drop(connection);
    if (!connection->failed) {
        connection->fate = connection->committing ? PST_FATE_UNCERTAIN : PST_FATE_TRANSIENT;
        connection->error = PST_ERR_BUSY;
    }
    connection->failed = true;
    connection->in_transaction = false;
    connection->committing = false;
    return connection->error;
}

/* The first failure is what counts: everything after it was only skipped. */
static void note_failure(struct pst_connection *connection, const PGresult *result)
{
    enum pst_fate fate = PST_FATE_FAILED;
    bool lost = false;
    if (connection->failed)
        return;
    enum pst_err err = pst_pg_err(PQresultErrorField(result, PG_DIAG_SQLSTATE), &fate, &lost);
    if (lost) {
        (void)pst_pg_lost(connection);
        return;
    }
    connection->failed = true;
    connection->fate = fate;
    connection->error = err;
}

static struct pg_owed pop(struct pst_connection *connection)
{
    struct pg_owed owed = connection->owed[connection->owed_first];
    connection->owed_first = (connection->owed_first + 1) % PG_OWED_MAX;
    connection->owed_count--;
    return owed;
}

/* COMMIT answers "ROLLBACK" when there was nothing left to commit. */
static void note_commit(struct pst_connection *connection, PGresult *result)
{
    connection->committing = false;
    connection->in_transaction = false;
    connection->committed = !connection->failed && strcmp(PQcmdStatus(result), "COMMIT") == 0;
}

static int64_t look_of(const PGresult *result)
{
    uint64_t mark = 0;
    if (PQntuples(result) != 1 || PQgetlength(result, 0, 0) != sizeof mark)
        return 0;
    memcpy(&mark, PQgetvalue(result, 0, 0), sizeof mark);
    return (int64_t)be64toh(mark);
}

static void note_success(struct pst_connection *connection, const struct pg_owed *owed,
                         PGresult **result)
{
    struct pg_rows *rows = &connection->rows[owed->statement];
    if (owed->kind == PG_OWED_COMMIT)
        note_commit(connection, *result);
    if (owed->kind == PG_OWED_EXEC) {
        /* Digits, or nothing for statements without a count. */
        const char *tuples = PQcmdTuples(*result);
        connection->last_changes = 0;
        for (; *tuples >= '0' && *tuples <= '9'; tuples++)
            connection->last_changes = connection->last_changes * 10 + (*tuples - '0');
    }
    if (owed->kind == PG_OWED_LOOK)
        connection->stands = look_of(*result);
    if (owed->kind == PG_OWED_QUERY && rows->open) {
        rows->result = *result;
        *result = NULL;
    }
}

/* The next result. False: the connection is gone. */
static bool take(struct pst_connection *connection)
{
    struct pg_owed owed = pop(connection);
    PGresult *result = PQgetResult(connection->pg);
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC:
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        note_success(connection, &owed, &result);
        break;
    case PGRES_PIPELINE_ABORTED:
        connection->committing = connection->committing && owed.kind != PG_OWED_COMMIT;
        break;
    default:
        note_failure(connection, result);
        break;
    }
    PQclear(result);
    if (connection->pg == NULL)
        return false;
    if (PQstatus(connection->pg) != CONNECTION_OK) {
        (void)pst_pg_lost(connection);
        return false;
    }
    /* Each command's results end with a NULL, a synchronisation point's do not. */
    if (owed.kind != PG_OWED_SYNC)
        PQclear(PQgetResult(connection->pg));
    return true;
}

/* Ask for an answer to everything sent so far, once. */
static bool flush(struct pst_connection *connection)
{
    if (connection->flushed)
        return true;
    connection->flushed = PQsendFlushRequest(connection->pg) == 1 && PQflush(connection->pg) == 0;
    return connection->flushed;
}

static bool take_next(struct pst_connection *connection)
{
    if (flush(connection))
        return take(connection);
    (void)pst_pg_lost(connection);
    return false;
}

enum pst_err pst_pg_owe(struct pst_connection *connection, enum pg_owed_kind kind,
                        enum pst_statement statement)
{
    if (connection->owed_count == PG_OWED_MAX && !take_next(connection))
        return connection->error;
    size_t at = (connection->owed_first + connection->owed_count) % PG_OWED_MAX;
    connection->owed[at] = (struct pg_owed){kind, statement};
    connection->owed_count++;
    connection->flushed = false;
    return PST_OK;
}

enum pst_err pst_pg_settle(struct pst_connection *connection)
{
    while (connection->owed_count > 0)
        if (!take_next(connection))
            break;
    return connection->failed ? connection->error : PST_OK;
}

enum pst_err pst_pg_await_rows(struct pst_connection *connection, struct pg_rows *rows)
{
    while (rows->result == NULL && rows->open && connection->owed_count > 0)
        if (!take_next(connection))
            break;
    if (rows->result != NULL)
        return PST_OK;
    return connection->failed ? connection->error : PST_ERR_INTERNAL;
}

enum pst_err pst_pg_sync(struct pst_connection *connection)
{
    if (PQpipelineSync(connection->pg) != 1)
        return pst_pg_lost(connection);
    enum pst_err r = pst_pg_owe(connection, PG_OWED_SYNC, 0);
    /* A synchronisation point is answered without being asked. */
    connection->flushed = r == PST_OK;
    return r;
}
