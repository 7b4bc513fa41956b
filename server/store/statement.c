#include "server/store/statement.h"

#include <stdlib.h>

static const struct pst_statement_def defs[PST_STMT__MAX] = {
#define X(id, access, roles, params, columns, sql)                                                 \
    [PST_STMT_##id] = {#id, access, roles, params, columns, sql, false, false},
#define X_LOCK(id, roles, params, sql)                                                             \
    [PST_STMT_##id] = {#id, PST_ACCESS_WRITE, roles, params, "", sql, true, true},
#define X_POSTGRESQL(id, access, roles, params, columns, sql)                                      \
    [PST_STMT_##id] = {#id, access, roles, params, columns, sql, false, true},
#include "server/store/statements.def"
#undef X_POSTGRESQL
#undef X_LOCK
#undef X
};

const struct pst_statement_def *pst_statement_def(enum pst_statement statement)
{
    if ((unsigned)statement >= PST_STMT__MAX)
        abort();
    return &defs[statement];
}
