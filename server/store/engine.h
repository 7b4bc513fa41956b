/*
 * What an engine (SQLite; later PostgreSQL) does for the store. Only for
 * server/store/. The store above knows transactions, groups and statements by
 * number; the engine knows SQL texts and its library.
 *
 * A connection belongs to one thread at a time.
 */
#ifndef POSTERN_SERVER_STORE_ENGINE_H
#define POSTERN_SERVER_STORE_ENGINE_H

#include "server/store/sql.h"

struct pst_connection;

enum pst_connection_use {
    PST_CONNECTION_READ,    /* the role's reading statements */
    PST_CONNECTION_WRITE,   /* all statements of the role */
    PST_CONNECTION_MIGRATE, /* no statements; may run scripts; makes the store */
    PST_CONNECTION_CHECK,   /* no statements; makes nothing */
};

/* One migration as compiled in (schema/<engine>/NNNN-name.sql). */
struct pst_migration {
    int version; /* 1, 2, … */
    const char *name;
    const char *sql;
};

struct pst_engine {
    const char *scheme; /* of the url, with its colon */
    const struct pst_migration *migrations;
    const size_t *migrations_count;

    /* target: the url without its scheme, borrowed. Given; NULL on failure. */
    enum pst_err (*connect)(const char *target, enum pst_connection_use use,
                            enum pst_store_role role, struct pst_connection **ret_connection,
                            struct pst_store_problem *ret_problem);
    void (*disconnect)(struct pst_connection **connection);

    /* PST_ERR_BUSY when a writer elsewhere kept the store too long. */
    enum pst_err (*begin)(struct pst_connection *connection, bool write);
    /* PST_OK: durable. Anything else: not in a transaction any more, outcome uncertain. */
    enum pst_err (*commit)(struct pst_connection *connection);
    void (*rollback)(struct pst_connection *connection);
    enum pst_err (*savepoint)(struct pst_connection *connection);
    enum pst_err (*release)(struct pst_connection *connection);
    enum pst_err (*rollback_to)(struct pst_connection *connection);
    /* Grows with every row changed in this connection. */
    uint64_t (*changes)(struct pst_connection *connection);
    /* Is the transaction begun still there, or did a failure end it? */
    bool (*in_transaction)(struct pst_connection *connection);

    enum pst_err (*exec)(struct pst_connection *connection, enum pst_statement statement,
                         const struct pst_value *values, size_t count, int64_t *ret_changes);
    enum pst_err (*query)(struct pst_connection *connection, enum pst_statement statement,
                          const struct pst_value *values, size_t count, struct pst_rows **ret_rows);
    enum pst_err (*rows_next)(struct pst_rows *rows);
    bool (*row_is_null)(struct pst_rows *rows, int column);
    int64_t (*row_int)(struct pst_rows *rows, int column);
    struct pst_bytes (*row_bytes)(struct pst_rows *rows, int column);
    void (*rows_close)(struct pst_rows *rows);

    /* Housekeeping when nothing waits; true when there was something to do. */
    bool (*idle)(struct pst_connection *connection);
    uint64_t (*busy_waits)(struct pst_connection *connection);

    /* Migrations: PST_CONNECTION_MIGRATE and _CHECK alone. */
    enum pst_err (*script)(struct pst_connection *connection, const char *sql,
                           struct pst_store_problem *ret_problem);
    /* Is the table of migrations there? Its newest row, 0 when empty or absent. */
    enum pst_err (*migration_last)(struct pst_connection *connection, int *ret_version);
    /* PST_ERR_NOT_FOUND when that version was never applied. */
    enum pst_err (*migration_hash)(struct pst_connection *connection, int version,
                                   uint8_t *ret_hash);
    enum pst_err (*migration_record)(struct pst_connection *connection, int version,
                                     const char *name, const uint8_t *hash, int64_t at_ms);
    enum pst_err (*integrity)(struct pst_connection *connection,
                              struct pst_store_problem *ret_problem);
};

/* Bytes of a migration's hash (SHA-256 of its text). */
#define PST_MIGRATION_HASH_BYTES 32

/* Every result set begins with this; the engine's own members follow. */
struct pst_rows {
    const struct pst_engine *engine;
    enum pst_statement statement;
};

struct pst_tx {
    const struct pst_engine *engine;
    struct pst_connection *connection;
    enum pst_store_role role;
    bool write;
};

extern const struct pst_engine pst_engine_sqlite;

#endif
