#include "server/store/patients.h"

#include "postern/names.h"
#include "server/store/sql.h"

/* In the order of PST_SQL_PATIENT_COLUMNS. */
static void read_row(struct pst_rows *rows, struct pst_patient_row *ret_row)
{
    struct pst_patient_row row = {.state = pst_row_int(rows, 1),
                                  .name_enc = pst_row_bytes(rows, 2),
                                  .key_enc = pst_row_bytes(rows, 3),
                                  .birth_enc = pst_row_bytes(rows, 4),
                                  .language = pst_row_text(rows, 5),
                                  .ended_at_ms = pst_row_int(rows, 7),
                                  .version = pst_row_int(rows, 8),
                                  .enrolled = pst_row_int(rows, 9) != 0,
                                  .consent_decision = -1,
                                  .consent_expires_ms = pst_row_int(rows, 11),
                                  .terms_superseded_ms = pst_row_int(rows, 12)};
    pst_row_uuid(rows, 0, &row.id);
    pst_row_uuid(rows, 6, &row.merged_into);
    if (!pst_row_is_null(rows, 10))
        row.consent_decision = pst_row_int(rows, 10);
    *ret_row = row;
}

static enum pst_err call(struct pst_rows *rows, pst_patient_fn *fn, void *ctx)
{
    struct pst_patient_row row;
    read_row(rows, &row);
    return fn(ctx, &row);
}

enum pst_err pst_patient_get(struct pst_tx *tx, const struct pst_uuid *id,
                             const struct pst_viewer_of_patients *viewer, pst_patient_fn *fn,
                             void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_PATIENT_GET, &rows, PST_V_UUID(id), PST_V_UUID(&viewer->person),
                      PST_V_INT(viewer->today_days), PST_V_INT(viewer->seen_by));
    return r == PST_OK ? call(rows, fn, ctx) : r;
}

static enum pst_err query_list(struct pst_tx *tx, const struct pst_patient_filter *filter,
                               const struct pst_viewer_of_patients *viewer,
                               struct pst_rows **ret_rows)
{
    struct pst_value after = pst_uuid_is_nil(&filter->after) ? PST_V_BYTES(pst_bytes(NULL, 0))
                                                             : PST_V_UUID(&filter->after);
    struct pst_value person = PST_V_UUID(&viewer->person);
    struct pst_value today = PST_V_INT(viewer->today_days);
    struct pst_value seen_by = PST_V_INT(viewer->seen_by);
    struct pst_value limit = PST_V_INT((int64_t)filter->limit);
    if (filter->address_index.len != 0)
        return pst_sql_query(tx, PST_STMT_PATIENT_LIST_BY_ADDRESS, ret_rows, after, person, today,
                             seen_by, limit, PST_V_BYTES(filter->address_index),
                             PST_V_BYTES_IF(filter->name_index.len != 0, filter->name_index));
    if (filter->name_index.len != 0)
        return pst_sql_query(tx, PST_STMT_PATIENT_LIST_BY_NAME, ret_rows, after, person, today,
                             seen_by, limit, PST_V_BYTES(filter->name_index));
    if ((viewer->seen_by & PST_SEEN_BY_ALL) != 0)
        return pst_sql_query(tx, PST_STMT_PATIENT_LIST, ret_rows, after, limit);
    return pst_sql_query(tx, PST_STMT_PATIENT_LIST_SEEN, ret_rows, after, person, today, seen_by,
                         limit);
}

enum pst_err pst_patient_list(struct pst_tx *tx, const struct pst_patient_filter *filter,
                              const struct pst_viewer_of_patients *viewer, pst_patient_fn *fn,
                              void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = query_list(tx, filter, viewer, &rows);
    while (pst_sql_each(rows, &r))
        r = call(rows, fn, ctx);
    return r;
}

enum pst_err pst_patient_insert(struct pst_tx *tx, const struct pst_patient_new *patient)
{
    enum pst_err r = pst_sql_exec(tx, PST_STMT_PATIENT_PERSON_INSERT, PST_V_UUID(&patient->id),
                                  PST_V_INT(PST_ROLE_PATIENT), PST_V_BYTES(patient->name_enc),
                                  PST_V_INT(patient->at_ms));
    if (r != PST_OK)
        return r;
    return pst_sql_exec(tx, PST_STMT_PATIENT_INSERT, PST_V_UUID(&patient->id),
                        PST_V_BYTES(patient->key_enc), PST_V_BYTES(patient->name_index),
                        PST_V_BYTES(patient->birth_enc), PST_V_TEXT(patient->language),
                        PST_V_BYTES(patient->identity_enc), PST_V_UUID(&patient->created_by),
                        PST_V_INT(patient->at_ms));
}

enum pst_err pst_patient_touch(struct pst_tx *tx, const struct pst_uuid *id)
{
    return pst_sql_update(tx, PST_STMT_PATIENT_TOUCH, PST_V_UUID(id));
}

enum pst_err pst_patient_name_set(struct pst_tx *tx, const struct pst_uuid *id,
                                  struct pst_bytes name_enc, struct pst_bytes name_index)
{
    enum pst_err r =
        pst_sql_update(tx, PST_STMT_PATIENT_NAME_SET, PST_V_UUID(id), PST_V_BYTES(name_index));
    if (r != PST_OK)
        return r;
    return pst_sql_update(tx, PST_STMT_PATIENT_PERSON_NAME_SET, PST_V_UUID(id),
                          PST_V_BYTES(name_enc));
}

enum pst_err pst_patient_language_set(struct pst_tx *tx, const struct pst_uuid *id,
                                      const char *language)
{
    return pst_sql_update(tx, PST_STMT_PATIENT_LANGUAGE_SET, PST_V_UUID(id), PST_V_TEXT(language));
}

static enum pst_err state_set(struct pst_tx *tx, const struct pst_uuid *id,
                              enum pst_person_state state)
{
    return pst_sql_update(tx, PST_STMT_PATIENT_PERSON_STATE_SET, PST_V_UUID(id), PST_V_INT(state));
}

enum pst_err pst_patient_merge(struct pst_tx *tx, const struct pst_uuid *id,
                               const struct pst_uuid *into)
{
    enum pst_err r = pst_sql_update(tx, PST_STMT_PATIENT_MERGE, PST_V_UUID(id), PST_V_UUID(into));
    if (r == PST_OK)
        r = pst_patient_touch(tx, into);
    return r == PST_OK ? state_set(tx, id, PST_PERSON_MERGED) : r;
}

enum pst_err pst_patient_end(struct pst_tx *tx, const struct pst_uuid *id, int64_t at_ms,
                             const char *reason)
{
    enum pst_err r = pst_sql_update(tx, PST_STMT_PATIENT_END, PST_V_UUID(id), PST_V_INT(at_ms),
                                    PST_V_TEXT(reason));
    return r == PST_OK ? state_set(tx, id, PST_PERSON_ENDED) : r;
}

enum pst_err pst_address_put(struct pst_tx *tx, const struct pst_uuid *patient, const char *kind,
                             struct pst_bytes address_enc, struct pst_bytes address_index,
                             int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_ADDRESS_PUT, PST_V_UUID(patient), PST_V_TEXT(kind),
                        PST_V_BYTES(address_enc), PST_V_BYTES(address_index), PST_V_INT(at_ms));
}

enum pst_err pst_address_delete(struct pst_tx *tx, const struct pst_uuid *patient, const char *kind)
{
    return pst_sql_exec(tx, PST_STMT_ADDRESS_DELETE, PST_V_UUID(patient), PST_V_TEXT(kind));
}

enum pst_err pst_address_list(struct pst_tx *tx, const struct pst_uuid *patient, pst_address_fn *fn,
                              void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_ADDRESS_LIST, &rows, PST_V_UUID(patient));
    while (pst_sql_each(rows, &r)) {
        struct pst_address_row row = {.kind = pst_row_text(rows, 0),
                                      .address_enc = pst_row_bytes(rows, 1),
                                      .address_index = pst_row_bytes(rows, 2)};
        r = fn(ctx, &row);
    }
    return r;
}
