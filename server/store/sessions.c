#include "server/store/sessions.h"

#include "server/store/sql.h"

enum pst_err pst_session_insert(struct pst_tx *tx, const struct pst_sha256 *token,
                                const struct pst_session_row *session)
{
    return pst_sql_exec(tx, PST_STMT_SESSION_INSERT, PST_V_ARRAY(token->bytes),
                        PST_V_UUID(&session->id), PST_V_UUID(&session->person),
                        PST_V_INT(session->created_at_ms), PST_V_INT(session->used_at_ms),
                        PST_V_INT(session->expires_at_ms), PST_V_INT(session->step_up_at_ms));
}

static void take_row(struct pst_rows *rows, struct pst_session_row *ret_session)
{
    pst_row_uuid(rows, 0, &ret_session->id);
    pst_row_uuid(rows, 1, &ret_session->person);
    ret_session->created_at_ms = pst_row_int(rows, 2);
    ret_session->used_at_ms = pst_row_int(rows, 3);
    ret_session->expires_at_ms = pst_row_int(rows, 4);
    ret_session->step_up_at_ms = pst_row_int(rows, 5);
    ret_session->roles = (uint32_t)pst_row_int(rows, 6);
    ret_session->state = pst_row_int(rows, 7);
}

enum pst_err pst_session_find(struct pst_tx *tx, const struct pst_sha256 *token,
                              struct pst_session_row *ret_session)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_SESSION_FIND, &rows, PST_V_ARRAY(token->bytes));
    if (r == PST_OK)
        take_row(rows, ret_session);
    return r;
}

enum pst_err pst_session_get(struct pst_tx *tx, const struct pst_uuid *id,
                             struct pst_session_row *ret_session)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_SESSION_GET, &rows, PST_V_UUID(id));
    if (r == PST_OK)
        take_row(rows, ret_session);
    return r;
}

enum pst_err pst_session_touch(struct pst_tx *tx, const struct pst_sha256 *token,
                               int64_t used_at_ms)
{
    return pst_sql_update(tx, PST_STMT_SESSION_TOUCH, PST_V_ARRAY(token->bytes),
                          PST_V_INT(used_at_ms));
}

enum pst_err pst_session_step_up(struct pst_tx *tx, const struct pst_uuid *id, int64_t at_ms)
{
    return pst_sql_update(tx, PST_STMT_SESSION_STEP_UP, PST_V_UUID(id), PST_V_INT(at_ms));
}

enum pst_err pst_session_list(struct pst_tx *tx, const struct pst_uuid *person,
                              struct pst_session_row *ret_sessions, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_SESSION_LIST, &rows, PST_V_UUID(person),
                                   PST_V_INT(PST_SESSIONS_MAX));
    while (pst_sql_each(rows, &r))
        take_row(rows, &ret_sessions[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_session_end(struct pst_tx *tx, const struct pst_uuid *id)
{
    return pst_sql_update(tx, PST_STMT_SESSION_END, PST_V_UUID(id));
}

enum pst_err pst_session_end_all(struct pst_tx *tx, const struct pst_uuid *person,
                                 const struct pst_uuid *but)
{
    return pst_sql_exec(tx, PST_STMT_SESSION_END_ALL, PST_V_UUID(person), PST_V_UUID(but));
}

enum pst_err pst_session_sweep(struct pst_tx *tx, int64_t now_ms)
{
    return pst_sql_exec(tx, PST_STMT_SESSION_SWEEP, PST_V_INT(now_ms));
}
