#include "server/store/attempts.h"

#include "server/store/sql.h"

enum pst_err pst_attempt_check(struct pst_tx *tx, struct pst_bytes subject,
                               struct pst_attempt_limit limit, int64_t now_ms, int64_t *ret_wait_ms)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_ATTEMPT_COUNT, &rows, PST_V_BYTES(subject),
                                   PST_V_INT(now_ms - limit.window_ms));
    if (r != PST_OK)
        return r;
    bool over = pst_row_int(rows, 0) >= limit.limit;
    /* A clock that stepped back leaves attempts in the future: never wait longer than a window. */
    int64_t wait_ms = pst_row_int(rows, 1) + limit.window_ms - now_ms;
    if (wait_ms > limit.window_ms)
        wait_ms = limit.window_ms;
    if (wait_ms < 1)
        wait_ms = 1;
    *ret_wait_ms = over ? wait_ms : 0;
    return PST_OK;
}

enum pst_err pst_attempt_add(struct pst_tx *tx, struct pst_bytes subject, int64_t now_ms,
                             const uint8_t *nonce)
{
    return pst_sql_exec(tx, PST_STMT_ATTEMPT_INSERT, PST_V_BYTES(subject), PST_V_INT(now_ms),
                        PST_V_BYTES(pst_bytes(nonce, PST_ATTEMPT_NONCE_BYTES)));
}

enum pst_err pst_attempt_clear(struct pst_tx *tx, struct pst_bytes subject)
{
    return pst_sql_exec(tx, PST_STMT_ATTEMPT_CLEAR, PST_V_BYTES(subject));
}

enum pst_err pst_attempt_sweep(struct pst_tx *tx, int64_t before_ms)
{
    return pst_sql_exec(tx, PST_STMT_ATTEMPT_SWEEP, PST_V_INT(before_ms));
}
