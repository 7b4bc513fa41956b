/*
 * The SQLite engine, inside. Nothing outside server/store/sqlite/ sees SQLite.
 *
 *   connection.c  files, settings, transactions, waiting for other processes
 *   statements.c  preparing the list, binding, rows
 *   authorizer.c  what SQLite itself refuses to prepare (second layer)
 *   checkpoint.c  the write-ahead log's way into the file
 *   logfile.c     the write-ahead log's file, written in large pieces
 *   schema.c      migrations and the integrity check
 *   engine.c      the table of functions
 */
#ifndef POSTERN_SERVER_STORE_SQLITE_SQLITE_H
#define POSTERN_SERVER_STORE_SQLITE_SQLITE_H

#include <sqlite3.h>

#include "server/store/engine.h"

struct sqlite_rows {
    struct pst_rows base;
    struct pst_connection *connection;
    bool open;
};

struct sqlite_statement {
    sqlite3_stmt *stmt; /* NULL: not this role's or not this kind of connection's */
    int index[PST_STATEMENT_PARAMS_MAX]; /* of $1, $2, … */
    struct sqlite_rows rows;
};

enum sqlite_control {
    CONTROL_BEGIN,
    CONTROL_BEGIN_IMMEDIATE,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_SAVEPOINT,
    CONTROL_RELEASE,
    CONTROL_ROLLBACK_TO,
    CONTROL__MAX
};

struct sqlite_checkpointer;

struct pst_connection {
    sqlite3 *db;
    enum pst_connection_use use;
    enum pst_store_role role;
    sqlite3_stmt *control[CONTROL__MAX];
    struct sqlite_statement statements[PST_STMT__MAX];
    int64_t wait_began_ms; /* monotonic; of the wait under way */
    _Atomic uint64_t busy_waits;
    int wal_pages;                            /* in the write-ahead log after the last commit */
    int wal_copied;                           /* of these, known to be in the file */
    struct sqlite_checkpointer *checkpointer; /* the writer's, once it needed one; else NULL */
};

/* SQLite's result to ours. constraint: what a violated one means is told apart. */
enum pst_err pst_sqlite_err(int code);

/* Write what SQLite says, for an operator, with what we were doing. */
void pst_sqlite_problem(struct pst_connection *connection, const char *doing,
                        struct pst_store_problem *ret_problem);

enum pst_err pst_sqlite_connect(const char *target, enum pst_connection_use use,
                                enum pst_store_role role, struct pst_connection **ret_connection,
                                struct pst_store_problem *ret_problem);
void pst_sqlite_disconnect(struct pst_connection **connection);
enum pst_err pst_sqlite_control(struct pst_connection *connection, enum sqlite_control control);

/* Bring the log into the file if so many pages are not there yet; true when it did. */
bool pst_sqlite_checkpoint(struct pst_connection *connection, int least_pages);
/* After a commit: see to it that the log comes into the file, without waiting for that. */
void pst_sqlite_checkpoint_under_load(struct pst_connection *connection);
/* Waits for a pass under way. */
void pst_sqlite_checkpointer_free(struct sqlite_checkpointer **checkpointer);

/* The system's files, but for the log's (logfile.c). For connections that write. */
#define PST_SQLITE_VFS "postern"
/* Once, before the first connection. */
void pst_sqlite_log_register(void);

enum pst_err pst_sqlite_prepare_all(struct pst_connection *connection,
                                    struct pst_store_problem *ret_problem);
void pst_sqlite_finalize_all(struct pst_connection *connection);
enum pst_err pst_sqlite_exec(struct pst_connection *connection, enum pst_statement statement,
                             const struct pst_value *values, size_t count, int64_t *ret_changes);
enum pst_err pst_sqlite_query(struct pst_connection *connection, enum pst_statement statement,
                              const struct pst_value *values, size_t count,
                              struct pst_rows **ret_rows);
enum pst_err pst_sqlite_rows_next(struct pst_rows *rows);
bool pst_sqlite_row_is_null(struct pst_rows *rows, int column);
int64_t pst_sqlite_row_int(struct pst_rows *rows, int column);
struct pst_bytes pst_sqlite_row_bytes(struct pst_rows *rows, int column);
void pst_sqlite_rows_close(struct pst_rows *rows);

/* sqlite3_set_authorizer's callback; ctx is the connection. */
int pst_sqlite_authorize(void *ctx, int action, const char *first, const char *second,
                         const char *database, const char *inner);

enum pst_err pst_sqlite_script(struct pst_connection *connection, const char *sql,
                               struct pst_store_problem *ret_problem);
enum pst_err pst_sqlite_migration_last(struct pst_connection *connection, int *ret_version);
enum pst_err pst_sqlite_migration_hash(struct pst_connection *connection, int version,
                                       uint8_t *ret_hash);
enum pst_err pst_sqlite_migration_record(struct pst_connection *connection, int version,
                                         const char *name, const uint8_t *hash, int64_t at_ms);
enum pst_err pst_sqlite_integrity(struct pst_connection *connection,
                                  struct pst_store_problem *ret_problem);

#endif
