#include "server/store/consents.h"

#include "server/store/sql.h"

enum pst_err pst_consent_latest(struct pst_tx *tx, const struct pst_uuid *patient,
                                struct pst_consent_latest *ret_latest)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_consent_latest latest = {0};
    enum pst_err r = pst_sql_first(tx, PST_STMT_CONSENT_LATEST, &rows, PST_V_UUID(patient));
    if (r == PST_OK)
        r = pst_row_array(rows, 3, latest.hash.bytes, sizeof latest.hash.bytes);
    if (r != PST_OK)
        return r;
    pst_row_uuid(rows, 0, &latest.id);
    latest.seq = pst_row_int(rows, 1);
    latest.decision = (enum pst_decision)pst_row_int(rows, 2);
    latest.expires_at_ms = pst_row_int(rows, 4);
    latest.at_ms = pst_row_int(rows, 5);
    latest.terms_version = pst_row_int(rows, 6);
    *ret_latest = latest;
    return PST_OK;
}

enum pst_err pst_consent_patient(struct pst_tx *tx, const struct pst_uuid *id,
                                 struct pst_uuid *ret_patient)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_CONSENT_PATIENT, &rows, PST_V_UUID(id));
    if (r == PST_OK)
        pst_row_uuid(rows, 0, ret_patient);
    return r;
}

enum pst_err pst_consent_insert(struct pst_tx *tx, const struct pst_consent_row *row)
{
    return pst_sql_exec(
        tx, PST_STMT_CONSENT_INSERT, PST_V_UUID(&row->id), PST_V_UUID(&row->patient),
        PST_V_INT(row->seq), PST_V_INT(row->decision), PST_V_INT(row->purposes),
        PST_V_TEXT(row->terms_id), PST_V_INT(row->terms_version), PST_V_TEXT(row->language),
        PST_V_INT_IF(row->expires_at_ms != 0, row->expires_at_ms), PST_V_INT(row->at_ms),
        PST_V_INT(row->recorded_at_ms), PST_V_UUID(&row->recorded_by), PST_V_ARRAY(row->hash.bytes),
        PST_V_BYTES(row->record_enc));
}

enum pst_err pst_consent_purpose_insert(struct pst_tx *tx, const struct pst_uuid *consent,
                                        enum pst_purpose purpose, struct pst_bytes address_index)
{
    return pst_sql_exec(tx, PST_STMT_CONSENT_PURPOSE_INSERT, PST_V_UUID(consent),
                        PST_V_INT(purpose), PST_V_BYTES(address_index));
}

enum pst_err pst_consent_list(struct pst_tx *tx, const struct pst_uuid *patient, int64_t before_seq,
                              size_t limit, pst_consent_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_CONSENT_LIST, &rows, PST_V_UUID(patient),
                                   PST_V_INT(before_seq), PST_V_INT((int64_t)limit));
    while (pst_sql_each(rows, &r)) {
        struct pst_uuid id;
        pst_row_uuid(rows, 0, &id);
        r = fn(ctx, &id, pst_row_int(rows, 1), pst_row_bytes(rows, 2));
    }
    return r;
}

enum pst_err pst_consent_sign_key(struct pst_tx *tx, const struct pst_uuid *person, int64_t at_ms,
                                  struct pst_sign_public *ret_key)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_CONSENT_SIGN_KEY, &rows, PST_V_UUID(person), PST_V_INT(at_ms));
    return r == PST_OK ? pst_row_array(rows, 0, ret_key->bytes, sizeof ret_key->bytes) : r;
}
