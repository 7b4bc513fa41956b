/*
 * The PostgreSQL engine, inside. Nothing outside server/store/postgresql/ sees libpq.
 *
 *   conninfo.c     from the url to what libpq connects to: logins, TLS, limits
 *   connection.c   connecting, settings, connecting anew
 *   pipeline.c     what was sent and what is still to come
 *   statements.c   preparing the list, values, rows
 *   transaction.c  begin, commit, marks, what became of an uncertain commit
 *   schema.c       migrations, grants and the integrity check
 *   engine.c       the table of functions
 *
 * Facts come from PostgreSQL 15's manual: 34.5 (pipeline mode), 55.2 (extended
 * query protocol), 13.3 (row locks), appendix A (SQLSTATE).
 */
#ifndef POSTERN_SERVER_STORE_POSTGRESQL_POSTGRESQL_H
#define POSTERN_SERVER_STORE_POSTGRESQL_POSTGRESQL_H

#include <libpq-fe.h>

#include "server/store/engine.h"

/* Most commands under way on a connection: a group's, with room; then it is waited. */
#define PG_OWED_MAX 1024

/* Types that parameters and columns have (pg_type.dat). */
enum {
    PG_TYPE_BOOL = 16,
    PG_TYPE_BYTEA = 17,
    PG_TYPE_INT8 = 20,
    PG_TYPE_INT2 = 21,
    PG_TYPE_INT4 = 23,
    PG_TYPE_TEXT = 25,
};

struct pg_rows {
    struct pst_rows base;
    struct pst_connection *connection;
    PGresult *result; /* NULL: not arrived yet */
    int row;
    bool open;
};

/* Commands of our own, prepared beside the list. */
enum pg_control {
    PG_CONTROL_BEGIN_READ,
    PG_CONTROL_BEGIN_WRITE,
    PG_CONTROL_COMMIT,
    PG_CONTROL_ROLLBACK,
    PG_CONTROL_ALONE,     /* waits for every other write that is not shared */
    PG_CONTROL_MARK,      /* $1 writer, $2 mark of the transaction under way, $3 now */
    PG_CONTROL_MARK_LOOK, /* the same; gives the mark that stands */
    PG_CONTROL_MARK_DROP, /* $1 writer, $2 time before which others are over */
    PG_CONTROL__MAX
};

enum pg_owed_kind {
    PG_OWED_CONTROL,
    PG_OWED_COMMIT,
    PG_OWED_LOOK,
    PG_OWED_EXEC,
    PG_OWED_QUERY,
    PG_OWED_SYNC,
};

/* A result that is still to come, in the order of sending. */
struct pg_owed {
    enum pg_owed_kind kind;
    enum pst_statement statement; /* of EXEC and QUERY */
};

/* Bytes of a writer's name for its marks. */
#define PG_WRITER_BYTES 16

struct pst_connection {
    PGconn *pg; /* NULL: lost, or not made yet */
    char *target;
    enum pst_connection_use use;
    enum pst_store_role role;
    struct pg_rows rows[PST_STMT__MAX];

    struct pg_owed owed[PG_OWED_MAX];
    size_t owed_first, owed_count;
    bool flushed; /* the server was asked to answer all that is owed */

    bool in_transaction; /* begun, and nothing has ended it */
    bool failed;         /* a statement of it was refused: only rollback helps */
    bool deferring;
    bool one;           /* PST_BEGIN_ONE */
    bool committing;    /* COMMIT was sent, its answer has not come */
    bool committed;     /* and came: it stands */
    enum pst_err error; /* of what failed first */
    enum pst_fate fate;
    uint64_t changes, retries;
    int64_t last_changes; /* rows of the last exec that came */

    uint8_t writer[PG_WRITER_BYTES];
    int64_t mark;   /* of the last transaction begun */
    int64_t stands; /* that was found when it was looked for */
};

/* ---- conninfo.c --------------------------------------------------------- */

/* Keywords and values for PQconnectdbParams; values owned. */
#define PG_CONNINFO_MAX 64
struct pg_conninfo {
    const char *keywords[PG_CONNINFO_MAX + 1];
    char *values[PG_CONNINFO_MAX + 1];
    size_t count;
};

/*
 * target is the url without its scheme. The login is the url's own for
 * PST_STORE_TOOL, and <login>_web, <login>_courier, <login>_keeper for the
 * roles; a passfile= is theirs with .web and so on at its end. PST_OK;
 * PST_ERR_INVALID: not a url, no login in it, or a host elsewhere without
 * sslmode=verify-full; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_pg_conninfo(const char *target, enum pst_store_role role,
                                            struct pg_conninfo *ret_info,
                                            struct pst_store_problem *ret_problem);
void pst_pg_conninfo_free(struct pg_conninfo *info);

/* ---- connection.c -------------------------------------------------------- */

enum pst_err pst_pg_connect(const char *target, enum pst_connection_use use,
                            enum pst_store_role role, struct pst_connection **ret_connection,
                            struct pst_store_problem *ret_problem);
void pst_pg_disconnect(struct pst_connection **connection);
/* Once more, from the start, with every statement prepared. */
enum pst_err pst_pg_reconnect(struct pst_connection *connection,
                              struct pst_store_problem *ret_problem);
/* Forget the connection and everything that was to come over it. */
void pst_pg_drop(struct pst_connection *connection);

/* SQLSTATE to ours, and whether the same again may succeed or the connection is of no use. */
enum pst_err pst_pg_err(const char *sqlstate, enum pst_fate *ret_fate, bool *ret_lost);
void pst_pg_problem(const PGconn *pg, const char *doing, struct pst_store_problem *ret_problem);

/* ---- pipeline.c ---------------------------------------------------------- */

/* The place for a result that is now to be sent for; waits for the first when there is none. */
enum pst_err pst_pg_owe(struct pst_connection *connection, enum pg_owed_kind kind,
                        enum pst_statement statement);
/* values: as many as the control has parameters; NULL for none. */
enum pst_err pst_pg_control(struct pst_connection *connection, enum pg_control control,
                            enum pg_owed_kind kind, const struct pst_value *values);
/* Wait until nothing is owed. PST_OK, or what failed first in this transaction. */
enum pst_err pst_pg_settle(struct pst_connection *connection);
/* Wait until this query's rows have come. */
enum pst_err pst_pg_await_rows(struct pst_connection *connection, struct pg_rows *rows);
/* A point after which a failure before it troubles nothing. */
enum pst_err pst_pg_sync(struct pst_connection *connection);
/* What has been sent is of no use any more: the connection is gone. */
enum pst_err pst_pg_lost(struct pst_connection *connection);

/* ---- statements.c --------------------------------------------------------- */

enum pst_err pst_pg_prepare_all(struct pst_connection *connection,
                                struct pst_store_problem *ret_problem);
enum pst_err pst_pg_exec(struct pst_connection *connection, enum pst_statement statement,
                         const struct pst_value *values, size_t count, int64_t *ret_changes);
enum pst_err pst_pg_query(struct pst_connection *connection, enum pst_statement statement,
                          const struct pst_value *values, size_t count, struct pst_rows **ret_rows);
enum pst_err pst_pg_rows_next(struct pst_rows *rows);
bool pst_pg_row_is_null(struct pst_rows *rows, int column);
int64_t pst_pg_row_int(struct pst_rows *rows, int column);
struct pst_bytes pst_pg_row_bytes(struct pst_rows *rows, int column);
void pst_pg_rows_close(struct pst_rows *rows);

/* ---- transaction.c --------------------------------------------------------- */

enum pst_err pst_pg_begin(struct pst_connection *connection, unsigned flags);
enum pst_err pst_pg_commit(struct pst_connection *connection);
void pst_pg_rollback(struct pst_connection *connection);
enum pst_err pst_pg_recover(struct pst_connection *connection, bool *ret_committed);
/* Remove this connection's mark, and those of writers long gone. Not in a transaction. */
void pst_pg_marks_sweep(struct pst_connection *connection);

/* ---- schema.c ---------------------------------------------------------------- */

enum pst_err pst_pg_script(struct pst_connection *connection, const char *sql,
                           struct pst_store_problem *ret_problem);
enum pst_err pst_pg_migration_last(struct pst_connection *connection, int *ret_version);
enum pst_err pst_pg_migration_hash(struct pst_connection *connection, int version,
                                   uint8_t *ret_hash);
enum pst_err pst_pg_migration_record(struct pst_connection *connection, int version,
                                     const char *name, const uint8_t *hash, int64_t at_ms);
enum pst_err pst_pg_integrity(struct pst_connection *connection,
                              struct pst_store_problem *ret_problem);

#endif
