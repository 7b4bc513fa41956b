#include "server/store/events.h"

#include <string.h>

#include "postern/uuid.h"
#include "server/store/sql.h"

enum pst_err pst_event_insert(struct pst_tx *tx, const struct pst_uuid *id, const char *line)
{
    if (strlen(line) > PST_EVENT_LINE_MAX)
        return PST_ERR_TOO_LONG;
    return pst_sql_exec(tx, PST_STMT_EVENT_INSERT, PST_V_UUID(id), PST_V_TEXT(line));
}

enum pst_err pst_event_get(struct pst_tx *tx, const struct pst_uuid *id, struct pst_buf *ret_line,
                           int64_t *ret_leaf)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_EVENT_GET, &rows, PST_V_UUID(id));
    if (r != PST_OK)
        return r;
    r = pst_row_append(rows, 0, ret_line);
    if (r == PST_OK && ret_leaf != NULL)
        *ret_leaf = pst_row_is_null(rows, 1) ? -1 : pst_row_int(rows, 1);
    return r;
}

enum pst_err pst_stranger_count(struct pst_tx *tx, const char *code, struct pst_bytes address_index,
                                int64_t minute, int64_t count)
{
    if (strlen(code) >= PST_STRANGER_CODE_SIZE || address_index.len != PST_STRANGER_ADDRESS_BYTES)
        return PST_ERR_INVALID;
    return pst_sql_exec(tx, PST_STMT_STRANGER_COUNT, PST_V_TEXT(code), PST_V_BYTES(address_index),
                        PST_V_INT(minute), PST_V_INT(count));
}

static enum pst_err read_stranger(struct pst_rows *rows, struct pst_stranger *ret_stranger)
{
    enum pst_err r = pst_row_text_array(rows, 0, ret_stranger->code, sizeof ret_stranger->code);
    if (r == PST_OK)
        r = pst_row_array(rows, 1, ret_stranger->address_index, sizeof ret_stranger->address_index);
    ret_stranger->minute = pst_row_int(rows, 2);
    ret_stranger->count = pst_row_int(rows, 3);
    return r;
}

enum pst_err pst_stranger_take(struct pst_tx *tx, int64_t before_minute,
                               struct pst_stranger *ret_counts, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_STRANGER_OVER, &rows, PST_V_INT(before_minute),
                                   PST_V_INT((int64_t)max));
    while (count < max && pst_sql_each(rows, &r))
        r = read_stranger(rows, &ret_counts[count++]);
    pst_rows_free(&rows);
    for (size_t i = 0; r == PST_OK && i < count; i++)
        r = pst_sql_exec(tx, PST_STMT_STRANGER_DROP, PST_V_TEXT(ret_counts[i].code),
                         PST_V_ARRAY(ret_counts[i].address_index), PST_V_INT(ret_counts[i].minute));
    if (r == PST_OK)
        *ret_count = count;
    return r;
}
