#include "server/store/visits.h"

#include "postern/names.h"
#include "server/store/sql.h"

enum pst_err pst_visit_insert(struct pst_tx *tx, const struct pst_visit *visit)
{
    return pst_sql_exec(
        tx, PST_STMT_VISIT_INSERT, PST_V_UUID(&visit->id), PST_V_UUID(&visit->patient),
        PST_V_UUID(&visit->clinician), PST_V_TEXT(visit->specialty),
        PST_V_TEXT(visit->subspecialty), PST_V_INT(visit->date_days), PST_V_TEXT(visit->kind),
        PST_V_TEXT(visit->code), PST_V_UUID(&visit->recorded_by), PST_V_INT(visit->recorded_at_ms));
}

static void read_visit(struct pst_rows *rows, struct pst_visit *ret_visit)
{
    *ret_visit = (struct pst_visit){.specialty = pst_row_text(rows, 2),
                                    .subspecialty = pst_row_text(rows, 3),
                                    .date_days = pst_row_int(rows, 4),
                                    .kind = pst_row_text(rows, 5),
                                    .code = pst_row_text(rows, 6),
                                    .recorded_at_ms = pst_row_int(rows, 8)};
    pst_row_uuid(rows, 0, &ret_visit->id);
    pst_row_uuid(rows, 1, &ret_visit->clinician);
    pst_row_uuid(rows, 7, &ret_visit->recorded_by);
}

enum pst_err pst_visit_list(struct pst_tx *tx, const struct pst_uuid *patient, size_t limit,
                            pst_visit_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_VISIT_LIST, &rows, PST_V_UUID(patient),
                                   PST_V_INT((int64_t)limit));
    while (pst_sql_each(rows, &r)) {
        struct pst_visit visit;
        read_visit(rows, &visit);
        r = fn(ctx, &visit);
    }
    return r;
}

enum pst_err pst_visit_specialty(struct pst_tx *tx, const struct pst_uuid *clinician,
                                 int64_t date_days, char *ret_specialty, char *ret_subspecialty)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_VISIT_CLINICIAN, &rows, PST_V_UUID(clinician),
                                   PST_V_INT(date_days));
    if (r == PST_OK)
        r = pst_row_text_array(rows, 0, ret_specialty, PST_SPECIALTY_SIZE);
    if (r == PST_OK)
        r = pst_row_text_array(rows, 1, ret_subspecialty, PST_SPECIALTY_SIZE);
    return r;
}

/* ---- representatives ---- */

enum pst_err pst_representative_person_insert(struct pst_tx *tx, const struct pst_uuid *id,
                                              struct pst_bytes name_enc, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_PATIENT_PERSON_INSERT, PST_V_UUID(id),
                        PST_V_INT(PST_ROLE_REPRESENTATIVE), PST_V_BYTES(name_enc),
                        PST_V_INT(at_ms));
}

enum pst_err pst_representative_role_give(struct pst_tx *tx, const struct pst_uuid *person)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_REPRESENTATIVE_PERSON, &rows, PST_V_UUID(person));
    pst_rows_free(&rows);
    return r == PST_OK ? pst_sql_exec(tx, PST_STMT_REPRESENTATIVE_ROLE_SET, PST_V_UUID(person)) : r;
}

enum pst_err pst_representative_put(struct pst_tx *tx, const struct pst_representative *one)
{
    return pst_sql_exec(tx, PST_STMT_REPRESENTATIVE_PUT, PST_V_UUID(&one->patient),
                        PST_V_UUID(&one->person), PST_V_TEXT(one->authority),
                        PST_V_INT_IF(one->until_days != PST_NO_DAY, one->until_days),
                        PST_V_UUID(&one->recorded_by), PST_V_INT(one->recorded_at_ms));
}

enum pst_err pst_representative_end(struct pst_tx *tx, const struct pst_uuid *patient,
                                    const struct pst_uuid *person, int64_t at_ms)
{
    return pst_sql_update(tx, PST_STMT_REPRESENTATIVE_END, PST_V_UUID(patient), PST_V_UUID(person),
                          PST_V_INT(at_ms));
}

enum pst_err pst_representative_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                     pst_representative_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_REPRESENTATIVE_LIST, &rows, PST_V_UUID(patient));
    while (pst_sql_each(rows, &r)) {
        struct pst_representative one = {
            .name_enc = pst_row_bytes(rows, 1),
            .authority = pst_row_text(rows, 2),
            .until_days = pst_row_is_null(rows, 3) ? PST_NO_DAY : pst_row_int(rows, 3),
            .recorded_at_ms = pst_row_int(rows, 4)};
        pst_row_uuid(rows, 0, &one.person);
        r = fn(ctx, &one);
    }
    return r;
}

enum pst_err pst_representative_live(struct pst_tx *tx, const struct pst_uuid *patient,
                                     int64_t today_days, struct pst_uuid *ret_people, size_t max,
                                     size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_REPRESENTATIVE_LIVE, &rows, PST_V_UUID(patient),
                                   PST_V_INT(today_days));
    while (pst_sql_each(rows, &r)) {
        if (count == max)
            return PST_ERR_TOO_LONG;
        pst_row_uuid(rows, 0, &ret_people[count++]);
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

/* ---- restrictions ---- */

enum pst_err pst_restriction_insert(struct pst_tx *tx, const struct pst_restriction *restriction)
{
    return pst_sql_exec(tx, PST_STMT_RESTRICTION_INSERT, PST_V_UUID(&restriction->id),
                        PST_V_UUID(&restriction->patient), PST_V_TEXT(restriction->kind),
                        PST_V_UUID_IF(!pst_uuid_is_nil(&restriction->team), &restriction->team),
                        PST_V_BYTES_IF(restriction->note_enc.len != 0, restriction->note_enc),
                        PST_V_UUID(&restriction->recorded_by),
                        PST_V_INT(restriction->recorded_at_ms));
}

enum pst_err pst_restriction_end(struct pst_tx *tx, const struct pst_uuid *patient,
                                 const struct pst_uuid *id, int64_t at_ms)
{
    return pst_sql_update(tx, PST_STMT_RESTRICTION_END, PST_V_UUID(patient), PST_V_UUID(id),
                          PST_V_INT(at_ms));
}

enum pst_err pst_restriction_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                  pst_restriction_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_RESTRICTION_LIST, &rows, PST_V_UUID(patient));
    while (pst_sql_each(rows, &r)) {
        struct pst_restriction one = {.kind = pst_row_text(rows, 1),
                                      .note_enc = pst_row_bytes(rows, 3),
                                      .recorded_at_ms = pst_row_int(rows, 5)};
        pst_row_uuid(rows, 0, &one.id);
        pst_row_uuid(rows, 2, &one.team);
        pst_row_uuid(rows, 4, &one.recorded_by);
        r = fn(ctx, &one);
    }
    return r;
}

/* ---- break-glass ---- */

enum pst_err pst_break_glass_right(struct pst_tx *tx, const struct pst_uuid *clinician,
                                   bool *ret_may)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_BREAK_GLASS_RIGHT, &rows, PST_V_UUID(clinician));
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    *ret_may = r == PST_OK && pst_row_int(rows, 0) == 1;
    return PST_OK;
}

enum pst_err pst_break_glass_insert(struct pst_tx *tx, const struct pst_break_glass *one)
{
    return pst_sql_exec(tx, PST_STMT_BREAK_GLASS_INSERT, PST_V_UUID(&one->id),
                        PST_V_UUID(&one->patient), PST_V_UUID(&one->clinician),
                        PST_V_BYTES(one->reason_enc), PST_V_INT(one->at_ms),
                        PST_V_INT(one->until_ms));
}
