#include "server/store/drafts.h"

#include "server/store/sql.h"

enum pst_err pst_draft_get(struct pst_tx *tx, const struct pst_uuid *thread,
                           const struct pst_uuid *person, struct pst_buf *out, int64_t *ret_version)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_DRAFT_GET, &rows, PST_V_UUID(thread), PST_V_UUID(person));
    if (r == PST_OK)
        r = pst_row_append(rows, 2, out);
    if (r == PST_OK)
        *ret_version = pst_row_int(rows, 0);
    return r;
}

enum pst_err pst_draft_version(struct pst_tx *tx, const struct pst_uuid *thread,
                               const struct pst_uuid *person, int64_t *ret_version)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_DRAFT_VERSION, &rows, PST_V_UUID(thread), PST_V_UUID(person));
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    *ret_version = r == PST_OK ? pst_row_int(rows, 0) : 0;
    return PST_OK;
}

enum pst_err pst_draft_put(struct pst_tx *tx, const struct pst_uuid *thread,
                           const struct pst_uuid *person, int64_t version, int64_t now_ms,
                           struct pst_bytes bytes)
{
    return pst_sql_exec(tx, PST_STMT_DRAFT_PUT, PST_V_UUID(thread), PST_V_UUID(person),
                        PST_V_INT(version), PST_V_INT(now_ms), PST_V_BYTES(bytes));
}

enum pst_err pst_draft_delete(struct pst_tx *tx, const struct pst_uuid *thread,
                              const struct pst_uuid *person)
{
    return pst_sql_exec(tx, PST_STMT_DRAFT_DELETE, PST_V_UUID(thread), PST_V_UUID(person));
}
