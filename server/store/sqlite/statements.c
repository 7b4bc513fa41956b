#include <stdio.h>
#include <string.h>

#include "server/store/sqlite/sqlite.h"
#include "server/store/target.h"

/* Parameters are $1, $2, …, each used, nothing else; columns as declared. */
static bool shape_fits(struct sqlite_statement *slot, const struct pst_statement_def *def)
{
    size_t count = strlen(def->params);
    if (count > PST_STATEMENT_PARAMS_MAX || sqlite3_bind_parameter_count(slot->stmt) != (int)count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "$%zu", i + 1);
        slot->index[i] = sqlite3_bind_parameter_index(slot->stmt, name);
        if (slot->index[i] == 0)
            return false;
    }
    return sqlite3_column_count(slot->stmt) == (int)strlen(def->columns) &&
           (sqlite3_stmt_readonly(slot->stmt) != 0) == (def->access == PST_ACCESS_READ);
}

static enum pst_err prepare(struct pst_connection *connection, enum pst_statement statement,
                            struct pst_store_problem *ret_problem)
{
    const struct pst_statement_def *def = pst_statement_def(statement);
    struct sqlite_statement *slot = &connection->statements[statement];
    const char *rest = NULL;
    int code = sqlite3_prepare_v3(connection->db, def->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &slot->stmt, &rest);
    if (code != SQLITE_OK) {
        pst_sqlite_problem(connection, def->name, ret_problem);
        return code == SQLITE_NOMEM ? PST_ERR_NOMEM : PST_ERR_STORE;
    }
    if (*rest != '\0' || !shape_fits(slot, def)) {
        pst_store_problem_set(ret_problem, "%s: parameters, columns or access are not as listed",
                              def->name);
        return PST_ERR_STORE;
    }
    slot->rows = (struct sqlite_rows){
        .base = {.engine = &pst_engine_sqlite, .statement = statement}, .connection = connection};
    return PST_OK;
}

enum pst_err pst_sqlite_prepare_all(struct pst_connection *connection,
                                    struct pst_store_problem *ret_problem)
{
    for (int i = 0; i < PST_STMT__MAX; i++) {
        enum pst_statement statement = (enum pst_statement)i;
        bool reads = pst_statement_def(statement)->access == PST_ACCESS_READ;
        if (pst_statement_def(statement)->postgresql ||
            !pst_statement_allowed(statement, connection->role) ||
            (connection->use == PST_CONNECTION_READ && !reads))
            continue;
        enum pst_err r = prepare(connection, statement, ret_problem);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

void pst_sqlite_finalize_all(struct pst_connection *connection)
{
    for (int i = 0; i < PST_STMT__MAX; i++)
        (void)sqlite3_finalize(connection->statements[i].stmt);
}

static int bind_bytes(sqlite3_stmt *stmt, int index, char letter, struct pst_bytes bytes,
                      sqlite3_destructor_type lifetime)
{
    /* A NULL pointer would bind NULL, which no bytes are not. */
    const void *ptr = bytes.ptr != NULL ? (const void *)bytes.ptr : "";
    if (letter == 't' || letter == 'T')
        return sqlite3_bind_text64(stmt, index, ptr, bytes.len, lifetime, SQLITE_UTF8);
    return sqlite3_bind_blob64(stmt, index, ptr, bytes.len, lifetime);
}

static int bind_all(struct sqlite_statement *slot, const char *letters,
                    const struct pst_value *values, size_t count, sqlite3_destructor_type lifetime)
{
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++) {
        const struct pst_value *value = &values[i];
        int index = slot->index[i];
        if (value->type == 'n')
            code = sqlite3_bind_null(slot->stmt, index);
        else if (value->type == 'i')
            code = sqlite3_bind_int64(slot->stmt, index, value->number);
        else
            code = bind_bytes(slot->stmt, index, letters[i], value->bytes, lifetime);
    }
    return code;
}

static struct sqlite_statement *slot_of(struct pst_connection *connection,
                                        enum pst_statement statement)
{
    struct sqlite_statement *slot = &connection->statements[statement];
    return slot->stmt == NULL || slot->rows.open ? NULL : slot;
}

enum pst_err pst_sqlite_exec(struct pst_connection *connection, enum pst_statement statement,
                             const struct pst_value *values, size_t count, int64_t *ret_changes)
{
    struct sqlite_statement *slot = slot_of(connection, statement);
    if (pst_statement_def(statement)->lock)
        return PST_OK;
    if (slot == NULL)
        return PST_ERR_INTERNAL;
    int code = bind_all(slot, pst_statement_def(statement)->params, values, count, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(slot->stmt);
    enum pst_err r = code == SQLITE_ROW ? PST_ERR_INTERNAL : pst_sqlite_err(code);
    if (r == PST_OK && ret_changes != NULL)
        *ret_changes = sqlite3_changes64(connection->db);
    (void)sqlite3_reset(slot->stmt);
    (void)sqlite3_clear_bindings(slot->stmt);
    return r;
}

enum pst_err pst_sqlite_query(struct pst_connection *connection, enum pst_statement statement,
                              const struct pst_value *values, size_t count,
                              struct pst_rows **ret_rows)
{
    struct sqlite_statement *slot = slot_of(connection, statement);
    if (slot == NULL)
        return PST_ERR_INTERNAL;
    /* Rows outlive the caller's values: SQLite keeps copies. */
    int code =
        bind_all(slot, pst_statement_def(statement)->params, values, count, SQLITE_TRANSIENT);
    if (code != SQLITE_OK) {
        (void)sqlite3_clear_bindings(slot->stmt);
        return pst_sqlite_err(code);
    }
    slot->rows.open = true;
    *ret_rows = &slot->rows.base;
    return PST_OK;
}

/* UNSAFE: base is the first member; every pst_rows of this engine is one of ours. */
static struct sqlite_rows *mine(struct pst_rows *rows)
{
    return (struct sqlite_rows *)rows;
}

static sqlite3_stmt *stmt_of(struct pst_rows *rows)
{
    return mine(rows)->connection->statements[rows->statement].stmt;
}

enum pst_err pst_sqlite_rows_next(struct pst_rows *rows)
{
    if (!mine(rows)->open)
        return PST_ERR_NOT_FOUND;
    int code = sqlite3_step(stmt_of(rows));
    if (code == SQLITE_ROW)
        return PST_OK;
    pst_sqlite_rows_close(rows);
    return code == SQLITE_DONE ? PST_ERR_NOT_FOUND : pst_sqlite_err(code);
}

bool pst_sqlite_row_is_null(struct pst_rows *rows, int column)
{
    return sqlite3_column_type(stmt_of(rows), column) == SQLITE_NULL;
}

int64_t pst_sqlite_row_int(struct pst_rows *rows, int column)
{
    return sqlite3_column_int64(stmt_of(rows), column);
}

struct pst_bytes pst_sqlite_row_bytes(struct pst_rows *rows, int column)
{
    sqlite3_stmt *stmt = stmt_of(rows);
    /* Texts end in a NUL this way. */
    const void *ptr = sqlite3_column_type(stmt, column) == SQLITE_TEXT
                          ? (const void *)sqlite3_column_text(stmt, column)
                          : sqlite3_column_blob(stmt, column);
    return pst_bytes(ptr, (size_t)sqlite3_column_bytes(stmt, column));
}

void pst_sqlite_rows_close(struct pst_rows *rows)
{
    if (!mine(rows)->open)
        return;
    mine(rows)->open = false;
    (void)sqlite3_reset(stmt_of(rows));
    (void)sqlite3_clear_bindings(stmt_of(rows));
}
