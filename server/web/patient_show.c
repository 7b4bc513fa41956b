#include "server/web/patient_show.h"

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/store/visits.h"
#include "server/web/answer.h"
#include "server/web/consent_check.h"
#include "server/web/patient_access.h"

/* Longest field that is opened here: a restriction's note. */
#define FIELD_MAX_BYTES 4096

static const char *const state_names[PST_PERSON__MAX] = {
    [PST_PERSON_INVITED] = "invited",   [PST_PERSON_ACTIVE] = "active",
    [PST_PERSON_DISABLED] = "disabled", [PST_PERSON_MERGED] = "merged",
    [PST_PERSON_ENDED] = "ended",
};

static const char *state_name(int64_t state)
{
    return state >= 0 && state < PST_PERSON__MAX ? state_names[state] : "disabled";
}

static const char *standing_name(const struct pst_request *request,
                                 const struct pst_patient_row *row)
{
    struct pst_consent_standing standing = {row->consent_decision, row->consent_expires_ms,
                                            row->terms_superseded_ms};
    return pst_consent_standing_name(&standing, request->now_ms, request->config->consent.grace_ms);
}

/* A name under the vault's field key, as text. NULL when it does not open. */
static json_t *name_json(const struct pst_request *request, const struct pst_uuid *person,
                         struct pst_bytes name_enc)
{
    PST_BUF struct pst_buf name = {.max = FIELD_MAX_BYTES};
    if (pst_vault_field_open(request->vault, pst_field_of(PST_FIELD_PERSON_NAME, person), name_enc,
                             &name) != PST_OK)
        return NULL;
    return pst_answer_text(pst_buf_bytes(&name));
}

/* A field under the patient's key, as text. NULL when it does not open. */
static json_t *field_json(const struct pst_patient_key *key, struct pst_vault_place place,
                          struct pst_bytes sealed)
{
    PST_BUF struct pst_buf text = {.max = FIELD_MAX_BYTES};
    if (pst_patient_key_open(key, place, sealed, &text) != PST_OK)
        return NULL;
    return pst_answer_text(pst_buf_bytes(&text));
}

enum pst_err pst_patient_json(const struct pst_request *request, const struct pst_patient_row *row,
                              json_t **ret_json)
{
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    enum pst_err r = pst_patient_key_unwrap(request->vault, &row->id, row->key_enc, &key);
    if (r != PST_OK)
        return PST_ERR_STORE;
    json_t *json =
        json_pack("{s:o, s:o, s:o, s:s, s:s, s:s, s:b}", "id", pst_answer_id(&row->id), "name",
                  name_json(request, &row->id, row->name_enc), "birth",
                  field_json(key, pst_field_of(PST_FIELD_PATIENT_BIRTH, &row->id), row->birth_enc),
                  "language", row->language, "state", state_name(row->state), "consent",
                  standing_name(request, row), "enrolled", row->enrolled);
    /* What was written here opens here: else the store is not what it was. */
    if (json == NULL)
        return PST_ERR_STORE;
    *ret_json = json;
    return PST_OK;
}

/* Gathers one patient's answer. */
struct showing {
    const struct pst_request *request;
    json_t *json;
    json_t *list; /* borrowed: the array being filled */
    struct pst_patient_key *key;
    struct pst_uuid id;
    int64_t version;
};

static enum pst_err show_row(void *ctx, const struct pst_patient_row *row)
{
    struct showing *showing = ctx;
    showing->id = row->id;
    showing->version = row->version;
    enum pst_err r =
        pst_patient_key_unwrap(showing->request->vault, &row->id, row->key_enc, &showing->key);
    return r == PST_OK ? pst_patient_json(showing->request, row, &showing->json) : PST_ERR_STORE;
}

static enum pst_err show_address(void *ctx, const struct pst_address_row *row)
{
    struct showing *showing = ctx;
    PST_BUF struct pst_buf place = {.max = PST_VAULT_ROW_MAX};
    enum pst_err r = pst_buf_append(&place, showing->id.bytes, sizeof showing->id.bytes);
    if (r == PST_OK)
        r = pst_buf_append_str(&place, row->kind);
    if (r != PST_OK)
        return r;
    json_t *text =
        field_json(showing->key, (struct pst_vault_place){PST_FIELD_ADDRESS, pst_buf_bytes(&place)},
                   row->address_enc);
    return json_object_set_new(showing->list, row->kind, text) == 0 ? PST_OK : PST_ERR_STORE;
}

static enum pst_err append(const struct showing *showing, json_t *item)
{
    return json_array_append_new(showing->list, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err show_visit(void *ctx, const struct pst_visit *visit)
{
    const struct showing *showing = ctx;
    json_t *item = json_pack("{s:o, s:o, s:o, s:s, s:s, s:s}", "id", pst_answer_id(&visit->id),
                             "clinician", pst_answer_id(&visit->clinician), "date",
                             pst_answer_date(visit->date_days), "kind", visit->kind, "specialty",
                             visit->specialty, "subspecialty", visit->subspecialty);
    if (item != NULL && visit->code[0] != '\0')
        (void)json_object_set_new(item, "code", json_string(visit->code));
    return append(showing, item);
}

static enum pst_err show_representative(void *ctx, const struct pst_representative *one)
{
    const struct showing *showing = ctx;
    json_t *item = json_pack("{s:o, s:o, s:s}", "person", pst_answer_id(&one->person), "name",
                             name_json(showing->request, &one->person, one->name_enc), "authority",
                             one->authority);
    if (item != NULL && one->until_days != PST_NO_DAY)
        (void)json_object_set_new(item, "until", pst_answer_date(one->until_days));
    return append(showing, item);
}

static enum pst_err show_restriction(void *ctx, const struct pst_restriction *one)
{
    const struct showing *showing = ctx;
    json_t *item = json_pack("{s:o, s:s, s:o}", "id", pst_answer_id(&one->id), "kind", one->kind,
                             "at", pst_answer_time(one->recorded_at_ms));
    if (item != NULL && !pst_uuid_is_nil(&one->team))
        (void)json_object_set_new(item, "team", pst_answer_id(&one->team));
    if (item != NULL && one->note_enc.len != 0)
        (void)json_object_set_new(item, "note",
                                  field_json(showing->key,
                                             pst_field_of(PST_FIELD_RESTRICTION_NOTE, &one->id),
                                             one->note_enc));
    return append(showing, item);
}

/* A new list under this name, for the functions above to fill. */
static enum pst_err begin_list(struct showing *showing, const char *name, json_t *list)
{
    showing->list = list;
    return json_object_set_new(showing->json, name, list) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err show_details(struct pst_tx *tx, struct showing *showing)
{
    enum pst_err r = begin_list(showing, "addresses", json_object());
    if (r == PST_OK)
        r = pst_address_list(tx, &showing->id, show_address, showing);
    if (r == PST_OK)
        r = begin_list(showing, "visits", json_array());
    if (r == PST_OK)
        r = pst_visit_list(tx, &showing->id, PST_VISITS_SHOWN, show_visit, showing);
    if (r == PST_OK)
        r = begin_list(showing, "representatives", json_array());
    if (r == PST_OK)
        r = pst_representative_list(tx, &showing->id, show_representative, showing);
    if (r == PST_OK)
        r = begin_list(showing, "restrictions", json_array());
    return r == PST_OK ? pst_restriction_list(tx, &showing->id, show_restriction, showing) : r;
}

enum pst_err pst_patient_answer(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_uuid *id)
{
    struct showing showing = {.request = request};
    struct pst_viewer_of_patients viewer;
    pst_patient_viewer(request, &viewer);
    enum pst_err r = pst_patient_get(tx, id, &viewer, show_row, &showing);
    if (r == PST_OK)
        r = show_details(tx, &showing);
    pst_patient_key_free(&showing.key);
    if (r != PST_OK) {
        json_decref(showing.json);
        return r;
    }
    r = pst_request_json(request, 200, showing.json);
    return r == PST_OK ? pst_request_etag(request, showing.version) : r;
}
