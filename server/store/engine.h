/*
 * What an engine (SQLite, PostgreSQL) does for the store. Only for
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

/* How a transaction begins: bits. */
enum {
    PST_BEGIN_READ = 0,
    PST_BEGIN_WRITE = 1 << 0,
    /*
     * It locks what it relies on, row by row, and runs beside others of its
     * kind. Without this a write is the only one of its kind in the whole store,
     * on whatever gateway, until it ends; but shared ones run beside it.
     */
    PST_BEGIN_SHARED = 1 << 1,
    /*
     * A statement's failure may show as late as the commit: such a transaction
     * is never the last word on an operation.
     */
    PST_BEGIN_DEFER = 1 << 2,
    /* A read of one statement, which sees one moment by itself: nothing need be begun. */
    PST_BEGIN_ONE = 1 << 3,
};

/* Why the last transaction did not stand. */
enum pst_fate {
    PST_FATE_FAILED,    /* it or a statement was refused: nothing was written */
    PST_FATE_TRANSIENT, /* nothing was written, and the same again may succeed */
    PST_FATE_UNCERTAIN, /* lost in the middle of the commit */
};

#define PST_SHARED_WRITERS_MAX 8

struct pst_engine {
    const char *scheme; /* of the url, with its colon */
    const struct pst_migration *migrations;
    const size_t *migrations_count;
    /* Run after the migrations, each time: what the roles' logins may do. NULL: nothing. */
    const char *grants;

    /* target: the url without its scheme, borrowed. Given; NULL on failure. */
    enum pst_err (*connect)(const char *target, enum pst_connection_use use,
                            enum pst_store_role role, struct pst_connection **ret_connection,
                            struct pst_store_problem *ret_problem);
    void (*disconnect)(struct pst_connection **connection);

    /* Connections that write shared operations, up to PST_SHARED_WRITERS_MAX; 0: none does. */
    size_t (*shared_writers)(enum pst_store_role role);

    /* flags: PST_BEGIN_…. PST_ERR_BUSY when a writer elsewhere kept the store too long. */
    enum pst_err (*begin)(struct pst_connection *connection, unsigned flags);
    /* PST_OK: durable. Anything else: not in a transaction any more; fate() says more. */
    enum pst_err (*commit)(struct pst_connection *connection);
    void (*rollback)(struct pst_connection *connection);
    enum pst_fate (*fate)(struct pst_connection *connection);
    /*
     * Make a connection fit for the next transaction, connecting anew where it
     * was lost. After PST_FATE_UNCERTAIN also find out: *ret_committed, false
     * otherwise. PST_OK; PST_ERR_BUSY: no database answers now, ask again.
     */
    enum pst_err (*recover)(struct pst_connection *connection, bool *ret_committed);

    /* Where a group's failing job is kept apart by these; else NULL, and it runs alone. */
    enum pst_err (*savepoint)(struct pst_connection *connection);
    enum pst_err (*release)(struct pst_connection *connection);
    enum pst_err (*rollback_to)(struct pst_connection *connection);
    /* Grows with every row changed in this connection, or that may have been. */
    uint64_t (*changes)(struct pst_connection *connection);
    /* Is the transaction begun still there, or did a failure end it? */
    bool (*in_transaction)(struct pst_connection *connection);

    /* ret_changes NULL: nobody asks, and under PST_BEGIN_DEFER it may be done later. */
    enum pst_err (*exec)(struct pst_connection *connection, enum pst_statement statement,
                         const struct pst_value *values, size_t count, int64_t *ret_changes);
    /* May only note that it is wanted; it is run at the latest by rows_next of any query. */
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
    bool one;          /* begun with PST_BEGIN_ONE */
    unsigned commands; /* statements run so far */
};

extern const struct pst_engine pst_engine_postgresql;
extern const struct pst_engine pst_engine_sqlite;

#endif
