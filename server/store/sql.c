#include "server/store/sql.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/uuid.h"
#include "server/store/engine.h"

/* Our bug: going on would mean writing something nobody meant. */
static _Noreturn void panic(enum pst_statement statement, const char *what)
{
    (void)fprintf(stderr, "store: statement %s: %s\n", pst_statement_def(statement)->name, what);
    abort();
}

struct pst_value pst_value_text(const char *text)
{
    if (text == NULL)
        return pst_value_null();
    return (struct pst_value){.type = 't', .bytes = pst_bytes_str(text)};
}

struct pst_value pst_value_uuid(const struct pst_uuid *uuid)
{
    if (uuid == NULL)
        return pst_value_null();
    return (struct pst_value){.type = 'u', .bytes = pst_bytes(uuid->bytes, sizeof uuid->bytes)};
}

/* Does a value fit a parameter's letter? UUIDs are bytes of one length. */
static bool value_fits(char letter, const struct pst_value *value)
{
    if (value->type == 'n')
        return isupper((unsigned char)letter) != 0;
    char type = (char)tolower((unsigned char)letter);
    if (type == 'u')
        return (value->type == 'u' || value->type == 'b') && value->bytes.len == PST_UUID_BYTES;
    if (type == 'b')
        return value->type == 'b' || value->type == 'u';
    return value->type == type;
}

static void check(struct pst_tx *tx, enum pst_statement statement, const struct pst_value *values,
                  size_t count)
{
    const struct pst_statement_def *def = pst_statement_def(statement);
    if (!pst_statement_allowed(statement, tx->role))
        panic(statement, "not this role's");
    if (def->access == PST_ACCESS_WRITE && !tx->write)
        panic(statement, "writes in a reading operation");
    if (tx->one && tx->commands > 0)
        panic(statement, "a second statement where one was said");
    tx->commands++;
    if (count != strlen(def->params))
        panic(statement, "wrong number of values");
    for (size_t i = 0; i < count; i++) {
        if (!value_fits(def->params[i], &values[i]))
            panic(statement, "value of the wrong type");
    }
}

bool pst_sql_has(const struct pst_tx *tx, enum pst_statement statement)
{
    return !pst_statement_def(statement)->postgresql || tx->engine == &pst_engine_postgresql;
}

enum pst_err pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                 int64_t *ret_changes, const struct pst_value *values, size_t count)
{
    check(tx, statement, values, count);
    return tx->engine->exec(tx->connection, statement, values, count, ret_changes);
}

enum pst_err pst_sql_exec_found(struct pst_tx *tx, enum pst_statement statement,
                                const struct pst_value *values, size_t count)
{
    int64_t changes = 0;
    enum pst_err r = pst_sql_exec_values(tx, statement, &changes, values, count);
    return r == PST_OK && changes == 0 ? PST_ERR_NOT_FOUND : r;
}

enum pst_err pst_sql_query_values(struct pst_tx *tx, enum pst_statement statement,
                                  struct pst_rows **ret_rows, const struct pst_value *values,
                                  size_t count)
{
    check(tx, statement, values, count);
    return tx->engine->query(tx->connection, statement, values, count, ret_rows);
}

enum pst_err pst_sql_first_values(struct pst_tx *tx, enum pst_statement statement,
                                  struct pst_rows **ret_rows, const struct pst_value *values,
                                  size_t count)
{
    struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query_values(tx, statement, &rows, values, count);
    if (r == PST_OK)
        r = pst_sql_next(rows);
    if (r != PST_OK) {
        pst_rows_free(&rows);
        return r;
    }
    *ret_rows = rows;
    return PST_OK;
}

/* What came must be what the list says, or the schema is not what we think. */
static enum pst_err row_check(struct pst_rows *rows)
{
    const char *columns = pst_statement_def(rows->statement)->columns;
    for (int i = 0; columns[i] != '\0'; i++) {
        if (islower((unsigned char)columns[i]) && rows->engine->row_is_null(rows, i))
            return PST_ERR_STORE;
    }
    return PST_OK;
}

enum pst_err pst_sql_next(struct pst_rows *rows)
{
    enum pst_err r = rows->engine->rows_next(rows);
    return r == PST_OK ? row_check(rows) : r;
}

bool pst_sql_each(struct pst_rows *rows, enum pst_err *r)
{
    if (*r != PST_OK)
        return false;
    enum pst_err next = pst_sql_next(rows);
    if (next != PST_OK && next != PST_ERR_NOT_FOUND)
        *r = next;
    return next == PST_OK;
}

void pst_rows_free(struct pst_rows **rows)
{
    if (rows == NULL || *rows == NULL)
        return;
    (*rows)->engine->rows_close(*rows);
    *rows = NULL;
}

static void column_check(const struct pst_rows *rows, int column, const char *letters)
{
    const char *columns = pst_statement_def(rows->statement)->columns;
    if (column < 0 || (size_t)column >= strlen(columns))
        panic(rows->statement, "no such column");
    if (strchr(letters, tolower((unsigned char)columns[column])) == NULL)
        panic(rows->statement, "column of another type");
}

bool pst_row_is_null(struct pst_rows *rows, int column)
{
    column_check(rows, column, "itbu");
    return rows->engine->row_is_null(rows, column);
}

int64_t pst_row_int(struct pst_rows *rows, int column)
{
    column_check(rows, column, "i");
    return rows->engine->row_int(rows, column);
}

const char *pst_row_text(struct pst_rows *rows, int column)
{
    column_check(rows, column, "t");
    struct pst_bytes bytes = rows->engine->row_bytes(rows, column);
    return bytes.ptr == NULL ? "" : (const char *)bytes.ptr;
}

struct pst_bytes pst_row_bytes(struct pst_rows *rows, int column)
{
    column_check(rows, column, "btu");
    return rows->engine->row_bytes(rows, column);
}

void pst_row_uuid(struct pst_rows *rows, int column, struct pst_uuid *ret_uuid)
{
    column_check(rows, column, "u");
    struct pst_bytes bytes = rows->engine->row_bytes(rows, column);
    *ret_uuid = (struct pst_uuid){0};
    if (bytes.len == sizeof ret_uuid->bytes)
        memcpy(ret_uuid->bytes, bytes.ptr, sizeof ret_uuid->bytes);
}

enum pst_err pst_row_array(struct pst_rows *rows, int column, uint8_t *ret_bytes, size_t len)
{
    struct pst_bytes bytes = pst_row_bytes(rows, column);
    if (bytes.len != len)
        return PST_ERR_STORE;
    memcpy(ret_bytes, bytes.ptr, len);
    return PST_OK;
}

enum pst_err pst_row_append(struct pst_rows *rows, int column, struct pst_buf *out)
{
    return pst_buf_append_bytes(out, pst_row_bytes(rows, column));
}

enum pst_err pst_row_text_array(struct pst_rows *rows, int column, char *ret_text, size_t cap)
{
    const char *text = pst_row_text(rows, column);
    size_t len = strlen(text);
    if (len >= cap)
        return PST_ERR_STORE;
    memcpy(ret_text, text, len + 1);
    return PST_OK;
}
