#include "server/store/grants.h"

#include "postern/time.h"
#include "server/store/sql.h"

static int64_t day_of(int64_t at_ms)
{
    return at_ms / PST_DAY_MS;
}

enum pst_err pst_grant_key_fits(struct pst_tx *tx, const struct pst_uuid *thread,
                                const struct pst_key_id *key, int64_t now_ms, bool *ret_fits)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_GRANT_KEY_FITS, &rows, PST_V_UUID(thread),
                      PST_V_ARRAY(key->bytes), PST_V_INT(day_of(now_ms)), PST_V_INT(now_ms));
    if (r == PST_OK)
        *ret_fits = pst_row_int(rows, 0) != 0;
    return r;
}

enum pst_err pst_grant_key_of(struct pst_tx *tx, const struct pst_uuid *thread,
                              const struct pst_uuid *person, int64_t now_ms,
                              struct pst_thread_key *ret_key)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_thread_key key = {0};
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_GRANT_KEY_OF, &rows, PST_V_UUID(thread), PST_V_UUID(person),
                      PST_V_INT(day_of(now_ms)), PST_V_INT(now_ms));
    if (r != PST_OK)
        return r;
    key.kind = (enum pst_key_owner)pst_row_int(rows, 0);
    pst_row_uuid(rows, 1, &key.owner);
    r = pst_row_array(rows, 2, key.id.bytes, sizeof key.id.bytes);
    if (r == PST_OK)
        r = pst_row_array(rows, 3, key.recipient, sizeof key.recipient);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

enum pst_err pst_grant_missing(struct pst_tx *tx, const struct pst_uuid *thread,
                               const struct pst_key_id *key, int64_t after_seq,
                               struct pst_grant_missing *ret_missing, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r =
        pst_sql_query(tx, PST_STMT_GRANT_MISSING, &rows, PST_V_UUID(thread),
                      PST_V_ARRAY(key->bytes), PST_V_INT(after_seq), PST_V_INT((int64_t)max));
    while (pst_sql_each(rows, &r)) {
        pst_row_uuid(rows, 0, &ret_missing[count].message);
        ret_missing[count].seq = pst_row_int(rows, 1);
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_grant_insert(struct pst_tx *tx, struct pst_grant_row *grant,
                              struct pst_bytes record, bool *ret_new)
{
    int64_t changes = 0;
    enum pst_err r = pst_sql_change(
        tx, PST_STMT_GRANT_INSERT, &changes, PST_V_UUID(&grant->message),
        PST_V_ARRAY(grant->key.bytes), PST_V_UUID(&grant->granter), PST_V_INT(grant->at_ms),
        PST_V_ARRAY(grant->hash.bytes), PST_V_UUID(&grant->event), PST_V_BYTES(record));
    if (r != PST_OK)
        return r;
    *ret_new = changes == 1;
    if (*ret_new)
        return PST_OK;
    PST_ROWS struct pst_rows *rows = NULL;
    r = pst_sql_first(tx, PST_STMT_GRANT_GET, &rows, PST_V_UUID(&grant->message),
                      PST_V_ARRAY(grant->key.bytes), PST_V_UUID(&grant->granter));
    if (r != PST_OK)
        return r;
    grant->at_ms = pst_row_int(rows, 0);
    pst_row_uuid(rows, 1, &grant->event);
    return PST_OK;
}

enum pst_err pst_grant_each(struct pst_tx *tx, const struct pst_uuid *message,
                            const struct pst_uuid *person, const struct pst_uuid *team,
                            enum pst_err (*each)(void *ctx, const struct pst_grant_row *grant,
                                                 struct pst_bytes record),
                            void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_grant_row grant = {.message = *message};
    enum pst_err r = pst_sql_query(tx, PST_STMT_GRANTS_OF_MESSAGE, &rows, PST_V_UUID(message),
                                   PST_V_UUID(person), PST_V_UUID(team), PST_V_INT(PST_GRANTS_MAX));
    while (pst_sql_each(rows, &r)) {
        r = pst_row_array(rows, 0, grant.key.bytes, sizeof grant.key.bytes);
        pst_row_uuid(rows, 1, &grant.granter);
        grant.at_ms = pst_row_int(rows, 2);
        if (r == PST_OK)
            r = each(ctx, &grant, pst_row_bytes(rows, 3));
    }
    return r;
}
