#include "server/store/accounts.h"

#include "server/store/sql.h"

static enum pst_err write_account(struct pst_tx *tx, enum pst_statement statement,
                                  const struct pst_account *account, struct pst_bytes ring)
{
    const struct pst_value values[] = {
        PST_V_UUID(&account->person),
        PST_V_ARRAY(account->login_index),
        PST_V_BYTES(pst_sealed_text_bytes(&account->login)),
        PST_V_ARRAY(account->auth_hash),
        PST_V_ARRAY(account->params.salt),
        PST_V_INT(account->params.memory_kib),
        PST_V_INT(account->params.passes),
        PST_V_BYTES_IF(account->has_recovery,
                       pst_bytes(account->recovery_hash, sizeof account->recovery_hash)),
        PST_V_BYTES(ring),
        PST_V_INT(account->ring_version),
    };
    return pst_sql_exec_found(tx, statement, values, sizeof values / sizeof values[0]);
}

enum pst_err pst_account_insert(struct pst_tx *tx, const struct pst_account *account,
                                struct pst_bytes ring)
{
    return write_account(tx, PST_STMT_ACCOUNT_INSERT, account, ring);
}

enum pst_err pst_account_replace(struct pst_tx *tx, const struct pst_account *account,
                                 struct pst_bytes ring)
{
    return write_account(tx, PST_STMT_ACCOUNT_REPLACE, account, ring);
}

enum pst_err pst_account_change(struct pst_tx *tx, const struct pst_account *account,
                                struct pst_bytes ring)
{
    return pst_sql_update(
        tx, PST_STMT_ACCOUNT_CHANGE, PST_V_UUID(&account->person), PST_V_ARRAY(account->auth_hash),
        PST_V_ARRAY(account->params.salt), PST_V_INT(account->params.memory_kib),
        PST_V_INT(account->params.passes),
        PST_V_BYTES_IF(account->has_recovery,
                       pst_bytes(account->recovery_hash, sizeof account->recovery_hash)),
        PST_V_BYTES(ring), PST_V_INT(account->ring_version));
}

static enum pst_err take_account(struct pst_rows *rows, struct pst_account *ret_account)
{
    struct pst_account account = {0};
    pst_row_uuid(rows, 0, &account.person);
    enum pst_err r = pst_sealed_text_set(&account.login, pst_row_bytes(rows, 1));
    if (r == PST_OK)
        r = pst_row_array(rows, 2, account.auth_hash, sizeof account.auth_hash);
    if (r == PST_OK)
        r = pst_row_array(rows, 3, account.params.salt, sizeof account.params.salt);
    account.params.memory_kib = (uint32_t)pst_row_int(rows, 4);
    account.params.passes = (uint32_t)pst_row_int(rows, 5);
    account.has_recovery = !pst_row_is_null(rows, 6);
    if (r == PST_OK && account.has_recovery)
        r = pst_row_array(rows, 6, account.recovery_hash, sizeof account.recovery_hash);
    account.ring_version = pst_row_int(rows, 7);
    if (r == PST_OK)
        *ret_account = account;
    return r;
}

enum pst_err pst_account_by_login(struct pst_tx *tx, const uint8_t *login_index,
                                  struct pst_account *ret_account)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_ACCOUNT_BY_LOGIN, &rows,
                                   PST_V_BYTES(pst_bytes(login_index, PST_ACCOUNT_HASH_BYTES)));
    return r == PST_OK ? take_account(rows, ret_account) : r;
}

enum pst_err pst_account_get(struct pst_tx *tx, const struct pst_uuid *person,
                             struct pst_account *ret_account)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_ACCOUNT_GET, &rows, PST_V_UUID(person));
    return r == PST_OK ? take_account(rows, ret_account) : r;
}

enum pst_err pst_account_params_near(struct pst_tx *tx, const uint8_t *login_index,
                                     uint32_t *ret_memory_kib, uint32_t *ret_passes)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_ACCOUNT_PARAMS_NEAR, &rows,
                                   PST_V_BYTES(pst_bytes(login_index, PST_ACCOUNT_HASH_BYTES)));
    if (r != PST_OK)
        return r;
    *ret_memory_kib = (uint32_t)pst_row_int(rows, 0);
    *ret_passes = (uint32_t)pst_row_int(rows, 1);
    return PST_OK;
}

enum pst_err pst_account_recovery_clear(struct pst_tx *tx, const struct pst_uuid *person)
{
    return pst_sql_update(tx, PST_STMT_ACCOUNT_RECOVERY_CLEAR, PST_V_UUID(person));
}

enum pst_err pst_account_ring(struct pst_tx *tx, const struct pst_uuid *person,
                              struct pst_buf *ret_ring)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_ACCOUNT_RING, &rows, PST_V_UUID(person));
    return r == PST_OK ? pst_row_append(rows, 0, ret_ring) : r;
}

enum pst_err pst_wrap_clear(struct pst_tx *tx, const struct pst_uuid *person)
{
    return pst_sql_exec(tx, PST_STMT_WRAP_CLEAR, PST_V_UUID(person));
}

enum pst_err pst_wrap_insert(struct pst_tx *tx, const struct pst_uuid *person, const char *kind,
                             struct pst_bytes sealed)
{
    return pst_sql_exec(tx, PST_STMT_WRAP_INSERT, PST_V_UUID(person), PST_V_TEXT(kind),
                        PST_V_BYTES(sealed));
}

enum pst_err
pst_wrap_each(struct pst_tx *tx, const struct pst_uuid *person,
              enum pst_err (*each)(void *ctx, const char *kind, struct pst_bytes sealed), void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_WRAP_LIST, &rows, PST_V_UUID(person));
    while (pst_sql_each(rows, &r))
        r = each(ctx, pst_row_text(rows, 0), pst_row_bytes(rows, 1));
    return r;
}

enum pst_err pst_factor_insert(struct pst_tx *tx, const struct pst_factor *factor)
{
    return pst_sql_exec(tx, PST_STMT_FACTOR_INSERT, PST_V_UUID(&factor->id),
                        PST_V_UUID(&factor->person), PST_V_TEXT(factor->kind),
                        PST_V_BYTES(pst_sealed_text_bytes(&factor->secret)),
                        PST_V_INT(factor->last_step), PST_V_INT(factor->created_at_ms));
}

static enum pst_err take_factor(struct pst_rows *rows, struct pst_factor *ret_factor)
{
    struct pst_factor factor = {0};
    pst_row_uuid(rows, 0, &factor.id);
    pst_row_uuid(rows, 1, &factor.person);
    enum pst_err r = pst_row_text_array(rows, 2, factor.kind, sizeof factor.kind);
    if (r == PST_OK)
        r = pst_sealed_text_set(&factor.secret, pst_row_bytes(rows, 3));
    factor.last_step = pst_row_int(rows, 4);
    factor.created_at_ms = pst_row_int(rows, 5);
    if (r == PST_OK)
        *ret_factor = factor;
    return r;
}

enum pst_err pst_factor_list(struct pst_tx *tx, const struct pst_uuid *person,
                             struct pst_factor *ret_factors, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_FACTOR_LIST, &rows, PST_V_UUID(person),
                                   PST_V_INT(PST_FACTORS_MAX));
    while (pst_sql_each(rows, &r))
        r = take_factor(rows, &ret_factors[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_factor_step(struct pst_tx *tx, const struct pst_uuid *id, int64_t step)
{
    return pst_sql_update(tx, PST_STMT_FACTOR_STEP, PST_V_UUID(id), PST_V_INT(step));
}

enum pst_err pst_factor_delete(struct pst_tx *tx, const struct pst_uuid *id,
                               const struct pst_uuid *person)
{
    return pst_sql_update(tx, PST_STMT_FACTOR_DELETE, PST_V_UUID(id), PST_V_UUID(person));
}

enum pst_err pst_factor_clear(struct pst_tx *tx, const struct pst_uuid *person)
{
    return pst_sql_exec(tx, PST_STMT_FACTOR_CLEAR, PST_V_UUID(person));
}
