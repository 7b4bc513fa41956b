#include <string.h>

#include "server/store/sqlite/sqlite.h"
#include "server/store/target.h"

/* Which migrations were applied, by their text's hash. Kept for ever. */
static const char make_table[] = "CREATE TABLE IF NOT EXISTS migration ("
                                 "version INTEGER PRIMARY KEY, name TEXT NOT NULL, "
                                 "hash BLOB NOT NULL, at_ms BIGINT NOT NULL)";

/* A statement of this file's own, finalized at the end of its scope. */
static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}
#define STMT __attribute__((cleanup(finalize)))

enum pst_err pst_sqlite_script(struct pst_connection *connection, const char *sql,
                               struct pst_store_problem *ret_problem)
{
    int code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        pst_sqlite_problem(connection, "migrating", ret_problem);
    return pst_sqlite_err(code);
}

static int has_table(struct pst_connection *connection, bool *ret_has)
{
    STMT sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(
        connection->db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'",
        -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    *ret_has = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

enum pst_err pst_sqlite_migration_last(struct pst_connection *connection, int *ret_version)
{
    bool has = false;
    int code = has_table(connection, &has);
    if (code != SQLITE_OK)
        return pst_sqlite_err(code);
    if (!has) {
        *ret_version = 0;
        return PST_OK;
    }
    STMT sqlite3_stmt *stmt = NULL;
    code = sqlite3_prepare_v2(connection->db, "SELECT coalesce(max(version), 0) FROM migration", -1,
                              &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code != SQLITE_ROW)
        return pst_sqlite_err(code);
    *ret_version = sqlite3_column_int(stmt, 0);
    return PST_OK;
}

enum pst_err pst_sqlite_migration_hash(struct pst_connection *connection, int version,
                                       uint8_t *ret_hash)
{
    STMT sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(connection->db, "SELECT hash FROM migration WHERE version = ?1",
                                  -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int(stmt, 1, version);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_DONE ||
        (code == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) != PST_MIGRATION_HASH_BYTES))
        return PST_ERR_NOT_FOUND;
    if (code != SQLITE_ROW)
        return pst_sqlite_err(code);
    memcpy(ret_hash, sqlite3_column_blob(stmt, 0), PST_MIGRATION_HASH_BYTES);
    return PST_OK;
}

enum pst_err pst_sqlite_migration_record(struct pst_connection *connection, int version,
                                         const char *name, const uint8_t *hash, int64_t at_ms)
{
    STMT sqlite3_stmt *stmt = NULL;
    int code = sqlite3_exec(connection->db, make_table, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection->db,
                                  "INSERT INTO migration (version, name, hash, at_ms) "
                                  "VALUES (?1, ?2, ?3, ?4)",
                                  -1, &stmt, NULL);
    if (code != SQLITE_OK)
        return pst_sqlite_err(code);
    (void)sqlite3_bind_int(stmt, 1, version);
    (void)sqlite3_bind_text(stmt, 2, name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(stmt, 3, hash, PST_MIGRATION_HASH_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 4, at_ms);
    return pst_sqlite_err(sqlite3_step(stmt));
}

/* The first row of a checking pragma must be absent or "ok". */
static enum pst_err check(struct pst_connection *connection, const char *pragma,
                          struct pst_store_problem *ret_problem)
{
    STMT sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(connection->db, pragma, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_DONE)
        return PST_OK;
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (text != NULL && strcmp(text, "ok") == 0)
            return PST_OK;
        pst_store_problem_set(ret_problem, "the store is damaged: %s", text != NULL ? text : "");
        return PST_ERR_STORE;
    }
    pst_sqlite_problem(connection, "checking the store", ret_problem);
    return pst_sqlite_err(code);
}

enum pst_err pst_sqlite_integrity(struct pst_connection *connection,
                                  struct pst_store_problem *ret_problem)
{
    enum pst_err r = check(connection, "PRAGMA quick_check(1)", ret_problem);
    return r == PST_OK ? check(connection, "PRAGMA foreign_key_check", ret_problem) : r;
}
