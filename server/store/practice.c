#include "server/store/practice.h"

#include "server/store/sql.h"

enum pst_err pst_practice_insert(struct pst_tx *tx, const char *origin, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_PRACTICE_INSERT, PST_V_TEXT(origin), PST_V_INT(at_ms));
}

enum pst_err pst_practice_get(struct pst_tx *tx, struct pst_practice *ret_practice)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_practice practice = {0};
    enum pst_err r = pst_sql_first_values(tx, PST_STMT_PRACTICE_GET, &rows, NULL, 0);
    if (r == PST_OK)
        r = pst_row_text_array(rows, 0, practice.origin, sizeof practice.origin);
    if (r == PST_OK && !pst_row_is_null(rows, 1)) {
        practice.has_root = true;
        r = pst_row_array(rows, 1, practice.root.bytes, sizeof practice.root.bytes);
    }
    if (r == PST_OK)
        *ret_practice = practice;
    return r;
}

enum pst_err pst_practice_set_root(struct pst_tx *tx, const struct pst_sign_public *root)
{
    return pst_sql_update(tx, PST_STMT_PRACTICE_SET_ROOT, PST_V_ARRAY(root->bytes));
}
