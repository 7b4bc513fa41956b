/*
 * Running statements inside an operation. Only for server/store/<domain>.c.
 *
 *     r = pst_sql_exec(tx, PST_STMT_SESSION_TOUCH, PST_V_BYTES(hash), PST_V_INT(now));
 *
 *     PST_ROWS struct pst_rows *rows = NULL;
 *     enum pst_err r = pst_sql_query(tx, PST_STMT_VISITS_OF, &rows, PST_V_UUID(&patient));
 *     while (pst_sql_each(rows, &r))
 *         r = take_visit(rows, list);
 *     return r;
 *
 * Values are checked against the statement's types, statements against the
 * role and the kind of transaction: a mistake there is our bug and ends the
 * process. A statement's rows must be read to the end or freed before the same
 * statement is used again. On the thread of the operation alone.
 */
#ifndef POSTERN_SERVER_STORE_SQL_H
#define POSTERN_SERVER_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "server/store/statement.h"
#include "server/store/store.h"

struct pst_uuid;

/* One value to bind; borrowed bytes need only last for the call. */
struct pst_value {
    char type; /* as in statement.h, lower case; 'n' for NULL */
    int64_t number;
    struct pst_bytes bytes;
};

static inline struct pst_value pst_value_int(int64_t number)
{
    return (struct pst_value){.type = 'i', .number = number};
}

static inline struct pst_value pst_value_bytes(struct pst_bytes bytes)
{
    return (struct pst_value){.type = 'b', .bytes = bytes};
}

static inline struct pst_value pst_value_null(void)
{
    return (struct pst_value){.type = 'n'};
}

/* NULL pointers become NULL. */
struct pst_value pst_value_text(const char *text);
struct pst_value pst_value_uuid(const struct pst_uuid *uuid);

#define PST_V_INT(number) pst_value_int(number)
#define PST_V_TEXT(text) pst_value_text(text)
/* A struct pst_bytes; an array of fixed length; a struct pst_buf *. */
#define PST_V_BYTES(bytes) pst_value_bytes(bytes)
#define PST_V_ARRAY(array) pst_value_bytes(pst_bytes((array), sizeof(array)))
#define PST_V_BUF(buf) pst_value_bytes(pst_buf_bytes(buf))
/* A const struct pst_uuid *. */
#define PST_V_UUID(uuid) pst_value_uuid(uuid)
#define PST_V_NULL pst_value_null()
/* NULL unless the condition holds. */
#define PST_V_INT_IF(given, number) ((given) ? pst_value_int(number) : pst_value_null())
#define PST_V_UUID_IF(given, uuid) ((given) ? pst_value_uuid(uuid) : pst_value_null())
#define PST_V_BYTES_IF(given, bytes) ((given) ? pst_value_bytes(bytes) : pst_value_null())

/*
 * Run a statement that gives no rows.
 *   ret_changes  rows inserted, changed or deleted; may be NULL
 * PST_OK; PST_ERR_EXISTS: a primary or unique key is taken; PST_ERR_CONFLICT:
 * another constraint (a row that is referred to, a check); PST_ERR_STORE;
 * PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                                int64_t *ret_changes,
                                                const struct pst_value *values, size_t count);

#define PST_SQL_VALUES(...)                                                                        \
    (const struct pst_value[]){__VA_ARGS__},                                                       \
        sizeof((const struct pst_value[]){__VA_ARGS__}) / sizeof(struct pst_value)

#define pst_sql_exec(tx, statement, ...)                                                           \
    pst_sql_exec_values((tx), (statement), NULL, PST_SQL_VALUES(__VA_ARGS__))
#define pst_sql_change(tx, statement, ret_changes, ...)                                            \
    pst_sql_exec_values((tx), (statement), (ret_changes), PST_SQL_VALUES(__VA_ARGS__))

/* Has this engine such a statement (X_POSTGRESQL)? */
bool pst_sql_has(const struct pst_tx *tx, enum pst_statement statement);

/*
 * Run a statement that locks rows (X_LOCK): they stay as they are until the
 * transaction ends. Where one transaction writes at a time it does nothing.
 */
#define pst_sql_lock(tx, statement, ...) pst_sql_exec((tx), (statement), __VA_ARGS__)

/* The same as pst_sql_exec, and PST_ERR_NOT_FOUND when it changed no row. */
PST_MUST_CHECK enum pst_err pst_sql_exec_found(struct pst_tx *tx, enum pst_statement statement,
                                               const struct pst_value *values, size_t count);
#define pst_sql_update(tx, statement, ...)                                                         \
    pst_sql_exec_found((tx), (statement), PST_SQL_VALUES(__VA_ARGS__))

/* A result being read. Freed by PST_ROWS or pst_rows_free, NULL accepted. */
struct pst_rows;
void pst_rows_free(struct pst_rows **rows);
#define PST_ROWS __attribute__((cleanup(pst_rows_free)))

/* Begin a query; no row is there until pst_sql_each or pst_sql_next. */
PST_MUST_CHECK enum pst_err pst_sql_query_values(struct pst_tx *tx, enum pst_statement statement,
                                                 struct pst_rows **ret_rows,
                                                 const struct pst_value *values, size_t count);
#define pst_sql_query(tx, statement, ret_rows, ...)                                                \
    pst_sql_query_values((tx), (statement), (ret_rows), PST_SQL_VALUES(__VA_ARGS__))

/* Begin a query and go to its first row; PST_ERR_NOT_FOUND when there is none. */
PST_MUST_CHECK enum pst_err pst_sql_first_values(struct pst_tx *tx, enum pst_statement statement,
                                                 struct pst_rows **ret_rows,
                                                 const struct pst_value *values, size_t count);
#define pst_sql_first(tx, statement, ret_rows, ...)                                                \
    pst_sql_first_values((tx), (statement), (ret_rows), PST_SQL_VALUES(__VA_ARGS__))

/* To the next row. PST_OK; PST_ERR_NOT_FOUND after the last; PST_ERR_STORE. */
PST_MUST_CHECK enum pst_err pst_sql_next(struct pst_rows *rows);

/*
 * For loops: true with a row; false at the end (*r stays PST_OK), when *r was
 * no longer PST_OK (the body or the query failed), or on failure (*r says).
 */
bool pst_sql_each(struct pst_rows *rows, enum pst_err *r);

/*
 * Columns of the current row, counted from 0; the type must be the declared
 * one. Texts and bytes are borrowed until the next row. NULL gives 0, "",
 * no bytes, and a nil UUID.
 */
bool pst_row_is_null(struct pst_rows *rows, int column);
int64_t pst_row_int(struct pst_rows *rows, int column);
const char *pst_row_text(struct pst_rows *rows, int column);
struct pst_bytes pst_row_bytes(struct pst_rows *rows, int column);
void pst_row_uuid(struct pst_rows *rows, int column, struct pst_uuid *ret_uuid);

/* Exactly len bytes into an array. PST_ERR_STORE when the column holds others. */
PST_MUST_CHECK enum pst_err pst_row_array(struct pst_rows *rows, int column, uint8_t *ret_bytes,
                                          size_t len);

/* Append the bytes or text of a column. PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_row_append(struct pst_rows *rows, int column, struct pst_buf *out);

/* A copy that ends in a NUL, in an array; PST_ERR_STORE when it does not fit. */
PST_MUST_CHECK enum pst_err pst_row_text_array(struct pst_rows *rows, int column, char *ret_text,
                                               size_t cap);

#endif
