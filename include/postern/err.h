/*
 * Errors: one list (err.def), one class each, tables from class to status.
 *
 * What can fail returns enum pst_err, PST_OK (0) on success; predicates return
 * bool. Start values are PST_ERR_INTERNAL, so that a forgotten path fails
 * closed. Any thread; nothing here allocates.
 */
#ifndef POSTERN_ERR_H
#define POSTERN_ERR_H

enum pst_err {
    PST_OK = 0,
#define X(name, class, text) PST_ERR_##name,
#include "postern/err.def"
#undef X
    PST_ERR__MAX
};

enum pst_err_class {
    PST_ERR_CLASS_OK = 0,
    PST_ERR_CLASS_TEMPORARY,
    PST_ERR_CLASS_PERMANENT,
    PST_ERR_CLASS_DENIED,
    PST_ERR_CLASS_NOT_FOUND,
    PST_ERR_CLASS_CONFLICT,
    PST_ERR_CLASS_CONFIG,
    PST_ERR_CLASS_USAGE,
    PST_ERR_CLASS_BUG,
    PST_ERR_CLASS__MAX
};

#define PST_MUST_CHECK __attribute__((warn_unused_result))

/* Text for logs, static, never NULL. */
const char *pst_err_text(enum pst_err err);

/* "NOT_FOUND" and the like, static, never NULL: for logs and --json. */
const char *pst_err_name(enum pst_err err);

enum pst_err_class pst_err_class(enum pst_err err);

/* HTTP status (RFC 9110): 200, 400, 403, 404, 409, 500, 503. */
int pst_err_http(enum pst_err err);

/* Exit status by sysexits.h. */
int pst_err_exit(enum pst_err err);

#endif
