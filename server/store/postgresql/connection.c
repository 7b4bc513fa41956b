#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/postgresql/postgresql.h"
#include "server/store/target.h"

/*
 * Settings of every connection. Constants, not user input.
 *
 * - A transaction that stands still for longer than any of ours takes, and
 *   waits for locks beyond what a client waits, are ended by the database: a
 *   gateway that froze must not stop the others.
 * - Every statement reads by key: one plan for all values is right, and it must
 *   use the index also while a table is new and nearly empty, since nobody may
 *   come by to plan again.
 * - What was answered is on disk. A stronger setting of the server's stays.
 */
static const char settings[] = "SET client_min_messages = warning;"
                               "SET search_path = public, pg_temp;"
                               "SET statement_timeout = '60s';"
                               "SET lock_timeout = '10s';"
                               "SET idle_in_transaction_session_timeout = '30s';"
                               "SET plan_cache_mode = force_generic_plan;"
                               "SET enable_seqscan = off;"
                               "SET enable_bitmapscan = off;"
                               "SET jit = off;"
                               "SET bytea_output = hex;"
                               "SELECT set_config('synchronous_commit', 'on', false) "
                               "WHERE current_setting('synchronous_commit') = 'off'";

/* Migrations and checks may take as long as they take. */
static const char settings_tool[] = "SET client_min_messages = warning;"
                                    "SET search_path = public, pg_temp";

static const struct {
    const char *sqlstate; /* or its class */
    enum pst_err err;
    enum pst_fate fate;
    bool lost;
} states[] = {
    {"23505", PST_ERR_EXISTS, PST_FATE_FAILED, false},  /* unique_violation */
    {"23", PST_ERR_CONFLICT, PST_FATE_FAILED, false},   /* other constraints */
    {"22", PST_ERR_INVALID, PST_FATE_FAILED, false},    /* a value that does not fit */
    {"40", PST_ERR_BUSY, PST_FATE_TRANSIENT, false},    /* serialisation, deadlock */
    {"55P03", PST_ERR_BUSY, PST_FATE_TRANSIENT, false}, /* lock_not_available */
    {"57014", PST_ERR_BUSY, PST_FATE_TRANSIENT, false}, /* query_canceled */
    {"25006", PST_ERR_BUSY, PST_FATE_TRANSIENT, true},  /* this server is no primary now */
    {"25P03", PST_ERR_BUSY, PST_FATE_TRANSIENT, true},  /* idle in transaction, ended */
    {"08", PST_ERR_BUSY, PST_FATE_TRANSIENT, true},     /* connection exceptions */
    {"57P", PST_ERR_BUSY, PST_FATE_TRANSIENT, true},    /* shut down, crashed, starting */
    {"53300", PST_ERR_BUSY, PST_FATE_TRANSIENT, true},  /* too_many_connections */
    {"53200", PST_ERR_NOMEM, PST_FATE_FAILED, false},   /* out_of_memory */
};

enum pst_err pst_pg_err(const char *sqlstate, enum pst_fate *ret_fate, bool *ret_lost)
{
    /* Without one libpq itself speaks: the connection is gone. */
    *ret_fate = sqlstate == NULL ? PST_FATE_TRANSIENT : PST_FATE_FAILED;
    *ret_lost = sqlstate == NULL;
    for (size_t i = 0; sqlstate != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (strncmp(sqlstate, states[i].sqlstate, strlen(states[i].sqlstate)) == 0) {
            *ret_fate = states[i].fate;
            *ret_lost = states[i].lost;
            return states[i].err;
        }
    }
    return sqlstate == NULL ? PST_ERR_BUSY : PST_ERR_STORE;
}

/* libpq's words, in one line. They name hosts, logins and objects, never values. */
void pst_pg_problem(const PGconn *pg, const char *doing, struct pst_store_problem *ret_problem)
{
    if (ret_problem == NULL)
        return;
    pst_store_problem_set(ret_problem, "%s: %s", doing,
                          pg != NULL ? PQerrorMessage(pg) : "out of memory");
    size_t len = strlen(ret_problem->text);
    while (len > 0 && ret_problem->text[len - 1] == '\n')
        ret_problem->text[--len] = '\0';
    for (char *at = ret_problem->text; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
}

static enum pst_err run(struct pst_connection *connection, const char *sql, const char *doing,
                        struct pst_store_problem *ret_problem)
{
    PGresult *result = PQexec(connection->pg, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        pst_pg_problem(connection->pg, doing, ret_problem);
    PQclear(result);
    return ok ? PST_OK : PST_ERR_STORE;
}

/* Warnings go nowhere: what the database says is not for our log, and may name people. */
static void ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

static bool is_tool(const struct pst_connection *connection)
{
    return connection->use == PST_CONNECTION_MIGRATE || connection->use == PST_CONNECTION_CHECK;
}

static enum pst_err dial(struct pst_connection *connection, struct pst_store_problem *ret_problem)
{
    struct pg_conninfo info = {.count = 0};
    enum pst_err r = pst_pg_conninfo(connection->target, connection->role, &info, ret_problem);
    if (r != PST_OK)
        return r;
    connection->pg =
        PQconnectdbParams(info.keywords, (const char *const *)info.values, /* expand_dbname= */ 0);
    pst_pg_conninfo_free(&info);
    if (PQstatus(connection->pg) == CONNECTION_OK) {
        (void)PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
        return PST_OK;
    }
    pst_pg_problem(connection->pg, "connecting to the store", ret_problem);
    PQfinish(connection->pg);
    connection->pg = NULL;
    return PST_ERR_BUSY;
}

static enum pst_err set_up(struct pst_connection *connection, struct pst_store_problem *ret_problem)
{
    bool tool = is_tool(connection);
    enum pst_err r =
        run(connection, tool ? settings_tool : settings, "settings of the store", ret_problem);
    if (r != PST_OK || tool)
        return r;
    if (PQenterPipelineMode(connection->pg) != 1)
        return PST_ERR_STORE;
    return pst_pg_prepare_all(connection, ret_problem);
}

void pst_pg_drop(struct pst_connection *connection)
{
    PGconn *pg = connection->pg;
    connection->pg = NULL; /* rows that have not come are not waited for */
    for (size_t i = 0; i < PST_STMT__MAX; i++)
        pst_pg_rows_close(&connection->rows[i].base);
    PQfinish(pg);
    connection->owed_first = connection->owed_count = 0;
    connection->flushed = false;
}

enum pst_err pst_pg_reconnect(struct pst_connection *connection,
                              struct pst_store_problem *ret_problem)
{
    pst_pg_drop(connection);
    enum pst_err r = dial(connection, ret_problem);
    if (r == PST_OK)
        r = set_up(connection, ret_problem);
    if (r != PST_OK)
        pst_pg_drop(connection);
    return r;
}

enum pst_err pst_pg_connect(const char *target, enum pst_connection_use use,
                            enum pst_store_role role, struct pst_connection **ret_connection,
                            struct pst_store_problem *ret_problem)
{
    struct pst_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return PST_ERR_NOMEM;
    connection->use = use;
    connection->role = role;
    connection->target = strdup(target);
    for (size_t i = 0; i < PST_STMT__MAX; i++)
        connection->rows[i] = (struct pg_rows){
            .base = {.engine = &pst_engine_postgresql, .statement = (enum pst_statement)i},
            .connection = connection};
    randombytes_buf(connection->writer, sizeof connection->writer);
    enum pst_err r =
        connection->target == NULL ? PST_ERR_NOMEM : pst_pg_reconnect(connection, ret_problem);
    if (r != PST_OK)
        pst_pg_disconnect(&connection);
    else
        *ret_connection = connection;
    return r;
}

void pst_pg_disconnect(struct pst_connection **connection)
{
    if (connection == NULL || *connection == NULL)
        return;
    struct pst_connection *closing = *connection;
    if (closing->use == PST_CONNECTION_WRITE && closing->pg != NULL)
        pst_pg_marks_sweep(closing);
    pst_pg_drop(closing);
    free(closing->target);
    free(closing);
    *connection = NULL;
}
