#include "server/store/keys.h"

#include "server/store/sql.h"

enum pst_err pst_key_insert(struct pst_tx *tx, const struct pst_key_row *key,
                            struct pst_bytes record)
{
    enum pst_err r =
        pst_sql_exec(tx, PST_STMT_STATEMENT_INSERT, PST_V_UUID(&key->person),
                     PST_V_INT(key->serial), PST_V_ARRAY(key->hash.bytes), PST_V_BYTES(record),
                     PST_V_UUID_IF(!pst_uuid_is_nil(&key->invitation), &key->invitation),
                     PST_V_ARRAY(key->sign_key.bytes), PST_V_ARRAY(key->sign_key_id.bytes),
                     PST_V_ARRAY(key->recipient), PST_V_ARRAY(key->recipient_id.bytes),
                     PST_V_INT(key->at_ms), PST_V_INT(key->until_ms));
    return r == PST_OK ? pst_sql_exec(tx, PST_STMT_PERSON_TOUCH, PST_V_UUID(&key->person)) : r;
}

enum pst_err pst_key_replaced(struct pst_tx *tx, const struct pst_uuid *person, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_STATEMENT_REPLACED, PST_V_UUID(person), PST_V_INT(at_ms));
}

static enum pst_err take_key(struct pst_rows *rows, struct pst_key_row *ret_key)
{
    struct pst_key_row key = {0};
    pst_row_uuid(rows, 0, &key.person);
    key.serial = pst_row_int(rows, 1);
    enum pst_err r = pst_row_array(rows, 2, key.hash.bytes, sizeof key.hash.bytes);
    pst_row_uuid(rows, 4, &key.invitation);
    if (r == PST_OK)
        r = pst_row_array(rows, 5, key.sign_key.bytes, sizeof key.sign_key.bytes);
    if (r == PST_OK)
        r = pst_row_array(rows, 6, key.sign_key_id.bytes, sizeof key.sign_key_id.bytes);
    if (r == PST_OK)
        r = pst_row_array(rows, 7, key.recipient, sizeof key.recipient);
    if (r == PST_OK)
        r = pst_row_array(rows, 8, key.recipient_id.bytes, sizeof key.recipient_id.bytes);
    key.at_ms = pst_row_int(rows, 9);
    key.until_ms = pst_row_int(rows, 10);
    key.replaced_at_ms = pst_row_int(rows, 11);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

enum pst_err pst_key_newest(struct pst_tx *tx, const struct pst_uuid *person,
                            struct pst_key_row *ret_key, struct pst_buf *ret_record)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_key_row key;
    enum pst_err r = pst_sql_first(tx, PST_STMT_STATEMENT_NEWEST, &rows, PST_V_UUID(person));
    if (r == PST_OK)
        r = take_key(rows, &key);
    if (r == PST_OK && ret_record != NULL)
        r = pst_row_append(rows, 3, ret_record);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

enum pst_err pst_key_by_sign_id(struct pst_tx *tx, const struct pst_key_id *id,
                                struct pst_key_row *ret_key)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_STATEMENT_BY_SIGN_KEY, &rows, PST_V_ARRAY(id->bytes));
    return r == PST_OK ? take_key(rows, ret_key) : r;
}

enum pst_err pst_key_each(struct pst_tx *tx, const struct pst_uuid *person,
                          enum pst_err (*each)(void *ctx, const struct pst_key_row *key,
                                               struct pst_bytes record),
                          void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_key_row key;
    enum pst_err r = pst_sql_query(tx, PST_STMT_STATEMENT_LIST, &rows, PST_V_UUID(person));
    while (pst_sql_each(rows, &r)) {
        r = take_key(rows, &key);
        if (r == PST_OK)
            r = each(ctx, &key, pst_row_bytes(rows, 3));
    }
    return r;
}

enum pst_err pst_records_insert(struct pst_tx *tx, const struct pst_records_row *records,
                                const char *record, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_RECORDS_KEY_INSERT, PST_V_INT(records->serial),
                        PST_V_TEXT(record), PST_V_ARRAY(records->recipient),
                        PST_V_ARRAY(records->recipient_id.bytes), PST_V_INT(at_ms));
}

enum pst_err pst_records_newest(struct pst_tx *tx, struct pst_records_row *ret_records,
                                struct pst_buf *ret_record)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_records_row records = {0};
    enum pst_err r = pst_sql_first_values(tx, PST_STMT_RECORDS_KEY_NEWEST, &rows, NULL, 0);
    if (r != PST_OK)
        return r;
    records.serial = pst_row_int(rows, 0);
    r = pst_row_array(rows, 2, records.recipient, sizeof records.recipient);
    if (r == PST_OK)
        r = pst_row_array(rows, 3, records.recipient_id.bytes, sizeof records.recipient_id.bytes);
    if (r == PST_OK && ret_record != NULL && !pst_row_is_null(rows, 1))
        r = pst_row_append(rows, 1, ret_record);
    if (r == PST_OK)
        *ret_records = records;
    return r;
}

enum pst_err pst_records_each(struct pst_tx *tx,
                              enum pst_err (*each)(void *ctx, const char *record), void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query_values(tx, PST_STMT_RECORDS_KEY_RECORDS, &rows, NULL, 0);
    while (pst_sql_each(rows, &r))
        r = each(ctx, pst_row_text(rows, 0));
    return r;
}
