#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "server/store/postgresql/postgresql.h"
#include "server/store/target.h"

/* "s" and a number, "c" and a number. */
#define NAME_SIZE 16

static void statement_name(enum pst_statement statement, char *ret_name)
{
    (void)snprintf(ret_name, NAME_SIZE, "s%u", (unsigned)statement);
}

static void control_name(enum pg_control control, char *ret_name)
{
    (void)snprintf(ret_name, NAME_SIZE, "c%u", (unsigned)control);
}

/* ---- preparing ------------------------------------------------------------ */

static const struct {
    const char *sql;
    const char *params;
} controls[PG_CONTROL__MAX] = {
    [PG_CONTROL_BEGIN_READ] = {"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", ""},
    [PG_CONTROL_BEGIN_WRITE] = {"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ""},
    [PG_CONTROL_COMMIT] = {"COMMIT", ""},
    [PG_CONTROL_ROLLBACK] = {"ROLLBACK", ""},
    [PG_CONTROL_ALONE] = {"SELECT 1 FROM alone WHERE id = 1 FOR UPDATE", ""},
    [PG_CONTROL_MARK] = {"INSERT INTO writer (id, mark, at_ms) VALUES ($1, $2, $3) "
                         "ON CONFLICT (id) DO UPDATE SET mark = $2, at_ms = $3",
                         "bii"},
    /* Waits until the transaction that marked last has ended, wherever it hangs. */
    [PG_CONTROL_MARK_LOOK] = {"INSERT INTO writer (id, mark, at_ms) VALUES ($1, $2, $3) "
                              "ON CONFLICT (id) DO UPDATE SET at_ms = $3 RETURNING mark",
                              "bii"},
    [PG_CONTROL_MARK_DROP] = {"DELETE FROM writer WHERE id = $1 OR at_ms < $2", "bi"},
};

static bool control_wanted(const struct pst_connection *connection, unsigned control)
{
    return connection->use == PST_CONNECTION_WRITE || control == PG_CONTROL_BEGIN_READ ||
           control == PG_CONTROL_ROLLBACK;
}

static Oid oid_of(char letter)
{
    switch (tolower((unsigned char)letter)) {
    case 'i':
        return PG_TYPE_INT8;
    case 't':
        return PG_TYPE_TEXT;
    default:
        return PG_TYPE_BYTEA;
    }
}

static bool column_fits(char letter, Oid oid)
{
    switch (tolower((unsigned char)letter)) {
    case 'i':
        return oid == PG_TYPE_INT8 || oid == PG_TYPE_INT4 || oid == PG_TYPE_INT2 ||
               oid == PG_TYPE_BOOL;
    case 't':
        return oid == PG_TYPE_TEXT;
    default:
        return oid == PG_TYPE_BYTEA;
    }
}

static bool wanted(const struct pst_connection *connection, enum pst_statement statement)
{
    const struct pst_statement_def *def = pst_statement_def(statement);
    return pst_statement_allowed(statement, connection->role) &&
           (connection->use != PST_CONNECTION_READ || def->access == PST_ACCESS_READ);
}

static bool send_prepare(struct pst_connection *connection, const char *name, const char *sql,
                         const char *params)
{
    Oid types[PST_STATEMENT_PARAMS_MAX];
    size_t count = strlen(params);
    if (count > PST_STATEMENT_PARAMS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        types[i] = oid_of(params[i]);
    return PQsendPrepare(connection->pg, name, sql, (int)count, types) == 1;
}

static bool send_all(struct pst_connection *connection)
{
    char name[NAME_SIZE];
    bool ok = true;
    for (unsigned i = 0; ok && i < PG_CONTROL__MAX; i++) {
        control_name((enum pg_control)i, name);
        ok = !control_wanted(connection, i) ||
             send_prepare(connection, name, controls[i].sql, controls[i].params);
    }
    for (unsigned i = 0; ok && i < PST_STMT__MAX; i++) {
        const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
        if (!wanted(connection, (enum pst_statement)i))
            continue;
        statement_name((enum pst_statement)i, name);
        ok = send_prepare(connection, name, def->sql, def->params) &&
             PQsendDescribePrepared(connection->pg, name) == 1;
    }
    return ok && PQpipelineSync(connection->pg) == 1;
}

/* The next result and the NULL after it. */
static PGresult *next_result(struct pst_connection *connection)
{
    PGresult *result = PQgetResult(connection->pg);
    PQclear(PQgetResult(connection->pg));
    return result;
}

static bool shape_fits(const PGresult *described, const struct pst_statement_def *def)
{
    int columns = (int)strlen(def->columns);
    if (PQnparams(described) != (int)strlen(def->params))
        return false;
    /* What a lock selects is thrown away. */
    if (def->lock)
        return true;
    if (PQnfields(described) != columns)
        return false;
    for (int i = 0; i < columns; i++)
        if (!column_fits(def->columns[i], PQftype(described, i)))
            return false;
    return true;
}

static enum pst_err take_prepared(struct pst_connection *connection, const char *name,
                                  struct pst_store_problem *ret_problem)
{
    PGresult *result = next_result(connection);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!ok)
        pst_store_problem_set(ret_problem, "%s: %s", name, PQresultErrorMessage(result));
    PQclear(result);
    return ok ? PST_OK : PST_ERR_STORE;
}

static enum pst_err take_described(struct pst_connection *connection,
                                   const struct pst_statement_def *def,
                                   struct pst_store_problem *ret_problem)
{
    PGresult *result = next_result(connection);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK && shape_fits(result, def);
    PQclear(result);
    if (ok)
        return PST_OK;
    pst_store_problem_set(ret_problem, "%s: parameters or columns are not as listed", def->name);
    return PST_ERR_STORE;
}

static enum pst_err take_all(struct pst_connection *connection,
                             struct pst_store_problem *ret_problem)
{
    enum pst_err r = PST_OK;
    for (unsigned i = 0; r == PST_OK && i < PG_CONTROL__MAX; i++)
        if (control_wanted(connection, i))
            r = take_prepared(connection, "control", ret_problem);
    for (unsigned i = 0; r == PST_OK && i < PST_STMT__MAX; i++) {
        const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
        if (!wanted(connection, (enum pst_statement)i))
            continue;
        r = take_prepared(connection, def->name, ret_problem);
        if (r == PST_OK)
            r = take_described(connection, def, ret_problem);
    }
    if (r != PST_OK)
        return r;
    PGresult *sync = PQgetResult(connection->pg);
    bool ok = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    PQclear(sync);
    return ok ? PST_OK : PST_ERR_STORE;
}

enum pst_err pst_pg_prepare_all(struct pst_connection *connection,
                                struct pst_store_problem *ret_problem)
{
    if (!send_all(connection)) {
        pst_pg_problem(connection->pg, "preparing statements", ret_problem);
        return PST_ERR_BUSY;
    }
    return take_all(connection, ret_problem);
}

/* ---- sending --------------------------------------------------------------- */

struct params {
    const char *values[PST_STATEMENT_PARAMS_MAX];
    int lengths[PST_STATEMENT_PARAMS_MAX];
    int formats[PST_STATEMENT_PARAMS_MAX];
    uint64_t numbers[PST_STATEMENT_PARAMS_MAX]; /* big-endian */
};

static enum pst_err fill(struct params *params, const struct pst_value *values, size_t count)
{
    if (count > PST_STATEMENT_PARAMS_MAX)
        return PST_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++) {
        const struct pst_value *value = &values[i];
        params->formats[i] = 1;
        if (value->type == 'n') {
            params->values[i] = NULL;
            params->lengths[i] = 0;
        } else if (value->type == 'i') {
            params->numbers[i] = htobe64((uint64_t)value->number);
            params->values[i] = (const char *)&params->numbers[i];
            params->lengths[i] = sizeof params->numbers[i];
        } else {
            if (value->bytes.len > INT32_MAX)
                return PST_ERR_TOO_LONG;
            /* A NULL pointer would be NULL, which no bytes are not. */
            params->values[i] = value->bytes.ptr != NULL ? (const char *)value->bytes.ptr : "";
            params->lengths[i] = (int)value->bytes.len;
        }
    }
    return PST_OK;
}

static enum pst_err send_prepared(struct pst_connection *connection, const char *name,
                                  enum pg_owed_kind kind, enum pst_statement statement,
                                  const struct pst_value *values, size_t count)
{
    struct params params;
    if (connection->failed)
        return connection->error;
    if (connection->pg == NULL)
        return pst_pg_lost(connection);
    enum pst_err r = fill(&params, values, count);
    if (r == PST_OK)
        r = pst_pg_owe(connection, kind, statement);
    if (r != PST_OK)
        return r;
    if (PQsendQueryPrepared(connection->pg, name, (int)count, params.values, params.lengths,
                            params.formats, /* resultFormat= */ 1) != 1)
        return pst_pg_lost(connection);
    return PST_OK;
}

enum pst_err pst_pg_control(struct pst_connection *connection, enum pg_control control,
                            enum pg_owed_kind kind, const struct pst_value *values)
{
    char name[NAME_SIZE];
    control_name(control, name);
    return send_prepared(connection, name, kind, 0, values, strlen(controls[control].params));
}

enum pst_err pst_pg_exec(struct pst_connection *connection, enum pst_statement statement,
                         const struct pst_value *values, size_t count, int64_t *ret_changes)
{
    char name[NAME_SIZE];
    statement_name(statement, name);
    enum pst_err r = send_prepared(connection, name, PG_OWED_EXEC, statement, values, count);
    connection->changes++;
    if (r != PST_OK || (connection->deferring && ret_changes == NULL))
        return r;
    r = pst_pg_settle(connection);
    if (r == PST_OK && ret_changes != NULL)
        *ret_changes = connection->last_changes;
    return r;
}

enum pst_err pst_pg_query(struct pst_connection *connection, enum pst_statement statement,
                          const struct pst_value *values, size_t count, struct pst_rows **ret_rows)
{
    char name[NAME_SIZE];
    struct pg_rows *rows = &connection->rows[statement];
    if (rows->open)
        return PST_ERR_INTERNAL;
    statement_name(statement, name);
    enum pst_err r = send_prepared(connection, name, PG_OWED_QUERY, statement, values, count);
    if (r != PST_OK)
        return r;
    rows->open = true;
    rows->row = -1;
    *ret_rows = &rows->base;
    return PST_OK;
}

/* ---- rows ------------------------------------------------------------------- */

/* UNSAFE: base is the first member; every pst_rows of this engine is one of ours. */
static struct pg_rows *mine(struct pst_rows *rows)
{
    return (struct pg_rows *)rows;
}

enum pst_err pst_pg_rows_next(struct pst_rows *rows)
{
    struct pg_rows *own = mine(rows);
    /* Closed at its end, or because the connection went: the latter is no end. */
    if (!own->open)
        return own->connection->failed ? own->connection->error : PST_ERR_NOT_FOUND;
    if (own->result == NULL) {
        enum pst_err r = pst_pg_await_rows(own->connection, own);
        if (r != PST_OK)
            return r;
    }
    if (++own->row < PQntuples(own->result))
        return PST_OK;
    pst_pg_rows_close(rows);
    return PST_ERR_NOT_FOUND;
}

bool pst_pg_row_is_null(struct pst_rows *rows, int column)
{
    return PQgetisnull(mine(rows)->result, mine(rows)->row, column) == 1;
}

int64_t pst_pg_row_int(struct pst_rows *rows, int column)
{
    const PGresult *result = mine(rows)->result;
    int row = mine(rows)->row;
    const char *value = PQgetvalue(result, row, column);
    uint64_t eight = 0;
    uint32_t four = 0;
    uint16_t two = 0;
    if (PQgetisnull(result, row, column) == 1)
        return 0;
    switch (PQgetlength(result, row, column)) {
    case sizeof eight:
        memcpy(&eight, value, sizeof eight);
        return (int64_t)be64toh(eight);
    case sizeof four:
        memcpy(&four, value, sizeof four);
        return (int32_t)ntohl(four);
    case sizeof two:
        memcpy(&two, value, sizeof two);
        return (int16_t)ntohs(two);
    default:
        return value[0];
    }
}

struct pst_bytes pst_pg_row_bytes(struct pst_rows *rows, int column)
{
    const PGresult *result = mine(rows)->result;
    int row = mine(rows)->row;
    if (PQgetisnull(result, row, column) == 1)
        return (struct pst_bytes){NULL, 0};
    return pst_bytes(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

void pst_pg_rows_close(struct pst_rows *rows)
{
    struct pg_rows *own = mine(rows);
    if (!own->open)
        return;
    /* Not arrived yet: the place must be free before it is used again. */
    if (own->result == NULL && own->connection->pg != NULL)
        (void)pst_pg_await_rows(own->connection, own);
    PQclear(own->result);
    own->result = NULL;
    own->open = false;
}
