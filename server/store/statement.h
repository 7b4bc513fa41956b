/*
 * The list of statements (statements.def) as tables, for every engine.
 *
 * Only for server/store/. Static, any thread.
 *
 * Types are strings of one letter each, parameters in the order $1, $2, …:
 *   i integer   t text (UTF-8)   b bytes   u UUID (16 bytes)
 * and in upper case (I T B U) where the value may be NULL.
 */
#ifndef POSTERN_SERVER_STORE_STATEMENT_H
#define POSTERN_SERVER_STORE_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "server/store/store.h"

enum pst_statement {
#define X(id, ...) PST_STMT_##id,
#define X_LOCK(id, ...) PST_STMT_##id,
#define X_POSTGRESQL(id, ...) PST_STMT_##id,
#include "server/store/statements.def"
#undef X_POSTGRESQL
#undef X_LOCK
#undef X
    PST_STMT__MAX
};

enum pst_statement_access {
    PST_ACCESS_READ,
    PST_ACCESS_WRITE,
};

/* Who may use a statement: bits of enum pst_store_role. */
enum {
    PST_BY_WEB = 1 << PST_STORE_WEB,
    PST_BY_COURIER = 1 << PST_STORE_COURIER,
    PST_BY_KEEPER = 1 << PST_STORE_KEEPER,
    PST_BY_TOOL = 1 << PST_STORE_TOOL,
    PST_BY_COPY = 1 << PST_STORE_COPY,
    /* All that work with a practice; who copies one goes by tables.def alone. */
    PST_BY_ALL = PST_BY_WEB | PST_BY_COURIER | PST_BY_KEEPER | PST_BY_TOOL,
};

/* Most parameters of one statement. */
#define PST_STATEMENT_PARAMS_MAX 24

struct pst_statement_def {
    const char *name;
    enum pst_statement_access access;
    unsigned roles;
    const char *params;
    const char *columns;
    const char *sql;
    bool lock; /* locks rows and gives none; where one transaction writes at a time, nothing */
    bool postgresql; /* that engine's alone; locks are too */
};

/* Never NULL for a statement in range. */
const struct pst_statement_def *pst_statement_def(enum pst_statement statement);

static inline bool pst_statement_allowed(enum pst_statement statement, enum pst_store_role role)
{
    return (pst_statement_def(statement)->roles & (1U << role)) != 0;
}

#endif
