#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/postgresql/postgresql.h"
#include "server/store/target.h"

/* Which migrations were applied, by their text's hash. Kept for ever. */
static const char make_table[] = "CREATE TABLE IF NOT EXISTS migration ("
                                 "version BIGINT PRIMARY KEY, name TEXT NOT NULL, "
                                 "hash BYTEA NOT NULL, at_ms BIGINT NOT NULL)";

static void clear(PGresult **result)
{
    PQclear(*result);
}
#define RESULT __attribute__((cleanup(clear)))

static enum pst_err err_of(const PGresult *result)
{
    enum pst_fate fate = PST_FATE_FAILED;
    bool lost = false;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return PST_OK;
    return pst_pg_err(PQresultErrorField(result, PG_DIAG_SQLSTATE), &fate, &lost);
}

enum pst_err pst_pg_script(struct pst_connection *connection, const char *sql,
                           struct pst_store_problem *ret_problem)
{
    RESULT PGresult *result = PQexec(connection->pg, sql);
    enum pst_err r = err_of(result);
    if (r != PST_OK)
        pst_pg_problem(connection->pg, "migrating", ret_problem);
    return r;
}

enum pst_err pst_pg_migration_last(struct pst_connection *connection, int *ret_version)
{
    RESULT PGresult *has =
        PQexec(connection->pg, "SELECT 1 WHERE to_regclass('public.migration') IS NOT NULL");
    enum pst_err r = err_of(has);
    if (r != PST_OK || PQntuples(has) == 0) {
        *ret_version = 0;
        return r;
    }
    RESULT PGresult *last =
        PQexec(connection->pg, "SELECT coalesce(max(version), 0) FROM migration");
    r = err_of(last);
    if (r == PST_OK)
        *ret_version = (int)strtol(PQgetvalue(last, 0, 0), NULL, 10);
    return r;
}

/* Bytes in and out travel as they are, numbers in network order. */
enum pst_err pst_pg_migration_hash(struct pst_connection *connection, int version,
                                   uint8_t *ret_hash)
{
    static const Oid types[] = {PG_TYPE_INT8};
    const uint64_t number = htobe64((uint64_t)version);
    const char *const values[] = {(const char *)&number};
    const int lengths[] = {sizeof number}, formats[] = {1};
    RESULT PGresult *result =
        PQexecParams(connection->pg, "SELECT hash FROM migration WHERE version = $1", 1, types,
                     values, lengths, formats, /* resultFormat= */ 1);
    enum pst_err r = err_of(result);
    if (r != PST_OK)
        return r;
    if (PQntuples(result) == 0 || PQgetlength(result, 0, 0) != PST_MIGRATION_HASH_BYTES)
        return PST_ERR_NOT_FOUND;
    memcpy(ret_hash, PQgetvalue(result, 0, 0), PST_MIGRATION_HASH_BYTES);
    return PST_OK;
}

enum pst_err pst_pg_migration_record(struct pst_connection *connection, int version,
                                     const char *name, const uint8_t *hash, int64_t at_ms)
{
    static const Oid types[] = {PG_TYPE_INT8, PG_TYPE_TEXT, PG_TYPE_BYTEA, PG_TYPE_INT8};
    const uint64_t number = htobe64((uint64_t)version), at = htobe64((uint64_t)at_ms);
    const char *const values[] = {(const char *)&number, name, (const char *)hash,
                                  (const char *)&at};
    const int lengths[] = {sizeof number, (int)strlen(name), PST_MIGRATION_HASH_BYTES, sizeof at};
    const int formats[] = {1, 1, 1, 1};
    RESULT PGresult *made = PQexec(connection->pg, make_table);
    enum pst_err r = err_of(made);
    if (r != PST_OK)
        return r;
    RESULT PGresult *result =
        PQexecParams(connection->pg,
                     "INSERT INTO migration (version, name, hash, at_ms) VALUES ($1, $2, $3, $4)",
                     4, types, values, lengths, formats, /* resultFormat= */ 1);
    return err_of(result);
}

/* What the database must be for an answer to be a promise: each names what is wrong. */
static const struct {
    const char *sql, *problem;
} checks[] = {
    {"SELECT 1 WHERE pg_is_in_recovery()", "the database is a replica: nothing can be written"},
    {"SELECT 1 WHERE current_setting('fsync') = 'off'",
     "the database runs with fsync = off: what is answered is not on disk"},
    {"SELECT 1 WHERE current_setting('full_page_writes') = 'off'",
     "the database runs with full_page_writes = off: a power cut can tear its pages"},
    {"SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
     "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' "
     "AND NOT i.indisvalid",
     "an index of the store is not valid: REINDEX it"},
    {"SELECT 1 FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace "
     "WHERE n.nspname = 'public' AND NOT k.convalidated",
     "a constraint of the store is not valid: VALIDATE it"},
    {"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM alone WHERE id = 1)",
     "the row is missing by which writes take turns (table alone)"},
};

enum pst_err pst_pg_integrity(struct pst_connection *connection,
                              struct pst_store_problem *ret_problem)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        RESULT PGresult *result = PQexec(connection->pg, checks[i].sql);
        enum pst_err r = err_of(result);
        if (r != PST_OK) {
            pst_pg_problem(connection->pg, "checking the store", ret_problem);
            return r;
        }
        if (PQntuples(result) > 0) {
            pst_store_problem_set(ret_problem, "%s", checks[i].problem);
            return PST_ERR_STORE;
        }
    }
    return PST_OK;
}
