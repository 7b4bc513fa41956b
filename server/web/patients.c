/* /v1/patients: find, register, show and change patients. */
#include "server/store/patients.h"

#include <string.h>

#include "postern/cleanup.h"
#include "server/store/terms.h"
#include "server/vault/normal.h"
#include "server/web/answer.h"
#include "server/web/patient_access.h"
#include "server/web/patient_show.h"

/* Kind of document and a number, no more. */
#define DOCUMENT_MAX_BYTES 200
#define FIELD_MAX_BYTES 1024
#define EARLIEST_BIRTH_YEAR 1880

/* ---- one address or name, in both its forms ---- */

struct sealed_field {
    struct pst_buf enc;
    uint8_t index[PST_VAULT_HASH_BYTES];
};

static const struct {
    const char *kind, *member, *use;
    enum pst_err (*normalise)(struct pst_bytes text, struct pst_buf *out);
} address_kinds[] = {
    {PST_ADDRESS_EMAIL, "email", PST_INDEX_EMAIL, pst_normal_email},
    {PST_ADDRESS_PHONE, "phone", PST_INDEX_PHONE, pst_normal_phone},
};
#define ADDRESS_KINDS (sizeof address_kinds / sizeof address_kinds[0])

static bool is_malformed(enum pst_err r)
{
    return r == PST_ERR_INVALID || r == PST_ERR_TOO_LONG;
}

static enum pst_err index_of(const struct pst_vault *vault, const char *use,
                             enum pst_err (*normalise)(struct pst_bytes, struct pst_buf *),
                             const char *text, uint8_t *ret_index)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES * 8};
    enum pst_err r = normalise(pst_bytes_str(text), &normal);
    return r == PST_OK ? pst_vault_index(vault, use, pst_buf_bytes(&normal), ret_index) : r;
}

/* Addresses are kept as they are compared and written to: in their normal form. */
static enum pst_err seal_address(const struct pst_request *request,
                                 const struct pst_patient_key *key, const struct pst_uuid *patient,
                                 size_t kind, const char *text, struct sealed_field *ret_field)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES * 8};
    PST_BUF struct pst_buf row = {.max = PST_VAULT_ROW_MAX};
    enum pst_err r = address_kinds[kind].normalise(pst_bytes_str(text), &normal);
    if (r == PST_OK)
        r = pst_vault_index(request->vault, address_kinds[kind].use, pst_buf_bytes(&normal),
                            ret_field->index);
    if (r == PST_OK)
        r = pst_buf_append(&row, patient->bytes, sizeof patient->bytes);
    if (r == PST_OK)
        r = pst_buf_append_str(&row, address_kinds[kind].kind);
    if (r != PST_OK)
        return r;
    return pst_patient_key_seal(key,
                                (struct pst_vault_place){PST_FIELD_ADDRESS, pst_buf_bytes(&row)},
                                pst_buf_bytes(&normal), &ret_field->enc);
}

static enum pst_err seal_name(const struct pst_request *request, const struct pst_uuid *patient,
                              const char *text, struct sealed_field *ret_field)
{
    enum pst_err r =
        index_of(request->vault, PST_INDEX_NAME, pst_normal_name, text, ret_field->index);
    if (r != PST_OK)
        return r;
    return pst_vault_field_seal(request->vault, pst_field_of(PST_FIELD_PERSON_NAME, patient),
                                pst_bytes_str(text), &ret_field->enc);
}

static struct pst_bytes index_bytes(const struct sealed_field *field)
{
    return pst_bytes(field->index, sizeof field->index);
}

static enum pst_err put_address(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_uuid *patient, size_t kind,
                                const struct sealed_field *field)
{
    return pst_address_put(tx, patient, address_kinds[kind].kind, pst_buf_bytes(&field->enc),
                           index_bytes(field), request->now_ms);
}

/* ---- register ---- */

struct new_state {
    const char *name, *birth, *language;
    const char *address[ADDRESS_KINDS];
    json_t *identity;
    /* From here on made by prepare: */
    struct pst_uuid id;
    struct pst_buf key_enc, birth_enc, identity_enc;
    struct sealed_field sealed_name, sealed[ADDRESS_KINDS];
};

static const struct pst_json_member new_members[] = {
    {"name", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct new_state, name),
     PST_NORMAL_NAME_MAX_BYTES},
    {"birth", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct new_state, birth), 0},
    {"language", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct new_state, language),
     PST_LANGUAGE_SIZE - 1},
    {"email", PST_JSON_TEXT, 0, offsetof(struct new_state, address[0]), PST_EMAIL_MAX_BYTES},
    {"phone", PST_JSON_TEXT, 0, offsetof(struct new_state, address[1]), 0},
    {"identity", PST_JSON_OBJECT, PST_JSON_REQUIRED, offsetof(struct new_state, identity), 0},
};

struct identity {
    const char *document;
    bool checked;
};

static const struct pst_json_member identity_members[] = {
    {"document", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct identity, document),
     DOCUMENT_MAX_BYTES},
    {"checked", PST_JSON_BOOL, PST_JSON_REQUIRED, offsetof(struct identity, checked), 0},
};

static void new_state_init(struct new_state *state)
{
    pst_buf_init(&state->key_enc, FIELD_MAX_BYTES);
    pst_buf_init(&state->birth_enc, FIELD_MAX_BYTES);
    pst_buf_init(&state->identity_enc, FIELD_MAX_BYTES);
    pst_buf_init(&state->sealed_name.enc, FIELD_MAX_BYTES);
    for (size_t i = 0; i < ADDRESS_KINDS; i++)
        pst_buf_init(&state->sealed[i].enc, FIELD_MAX_BYTES);
}

static void new_state_wipe(void *at)
{
    struct new_state *state = at;
    pst_buf_free(&state->key_enc);
    pst_buf_free(&state->birth_enc);
    pst_buf_free(&state->identity_enc);
    pst_buf_free(&state->sealed_name.enc);
    for (size_t i = 0; i < ADDRESS_KINDS; i++)
        pst_buf_free(&state->sealed[i].enc);
}

static bool is_birth(const char *text, int64_t now_ms)
{
    static const struct pst_date earliest = {EARLIEST_BIRTH_YEAR, 1, 1};
    int64_t days = 0;
    return pst_body_date(text, &days) && days <= pst_today_days(now_ms) &&
           days >= pst_date_days(&earliest);
}

/* The evidence of identity: which document, seen by whom, when. */
static enum pst_err seal_identity(const struct pst_request *request,
                                  const struct pst_patient_key *key,
                                  const struct identity *identity, struct new_state *state)
{
    PST_BUF struct pst_buf text = {.max = FIELD_MAX_BYTES};
    PST_JSON json_t *json =
        json_pack("{s:s, s:o, s:o}", "document", identity->document, "checked_by",
                  pst_answer_id(&request->caller.person), "at", pst_answer_time(request->now_ms));
    if (json == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_json_write_canonical(json, &text);
    if (r != PST_OK)
        return r;
    return pst_patient_key_seal(key, pst_field_of(PST_FIELD_PATIENT_IDENTITY, &state->id),
                                pst_buf_bytes(&text), &state->identity_enc);
}

static enum pst_err seal_new(struct pst_request *request, const struct pst_patient_key *key,
                             const struct identity *identity, struct new_state *state)
{
    enum pst_err r = seal_name(request, &state->id, state->name, &state->sealed_name);
    if (is_malformed(r))
        return pst_request_bad(request, "name");
    if (r == PST_OK)
        r = pst_patient_key_seal(key, pst_field_of(PST_FIELD_PATIENT_BIRTH, &state->id),
                                 pst_bytes_str(state->birth), &state->birth_enc);
    if (r == PST_OK)
        r = seal_identity(request, key, identity, state);
    for (size_t i = 0; r == PST_OK && i < ADDRESS_KINDS; i++) {
        if (state->address[i] == NULL)
            continue;
        r = seal_address(request, key, &state->id, i, state->address[i], &state->sealed[i]);
        if (is_malformed(r))
            return pst_request_bad(request, address_kinds[i].member);
    }
    return r;
}

static enum pst_err patient_prepare(struct pst_request *request)
{
    struct new_state *state = NULL;
    struct identity identity = {0};
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, new_state_wipe, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, new_members, sizeof new_members / sizeof new_members[0],
                               state, NULL);
    if (r != PST_OK)
        return r;
    new_state_init(state);
    if (!is_birth(state->birth, request->now_ms))
        return pst_request_bad(request, "birth");
    if (pst_json_decode(state->identity, identity_members,
                        sizeof identity_members / sizeof identity_members[0], &identity, NULL,
                        NULL) != PST_OK ||
        !identity.checked)
        return pst_request_bad(request, "identity");
    pst_uuid_v7(request->now_ms, NULL, &state->id);
    r = pst_patient_key_new(request->vault, &state->id, &state->key_enc, &key);
    return r == PST_OK ? seal_new(request, key, &identity, state) : r;
}

static enum pst_err insert_new(struct pst_tx *tx, const struct pst_request *request)
{
    const struct new_state *state = request->state;
    struct pst_patient_new patient = {.id = state->id,
                                      .name_enc = pst_buf_bytes(&state->sealed_name.enc),
                                      .name_index = index_bytes(&state->sealed_name),
                                      .key_enc = pst_buf_bytes(&state->key_enc),
                                      .birth_enc = pst_buf_bytes(&state->birth_enc),
                                      .identity_enc = pst_buf_bytes(&state->identity_enc),
                                      .language = state->language,
                                      .created_by = request->caller.person,
                                      .at_ms = request->now_ms};
    enum pst_err r = pst_patient_insert(tx, &patient);
    for (size_t i = 0; r == PST_OK && i < ADDRESS_KINDS; i++) {
        if (state->address[i] != NULL)
            r = put_address(tx, request, &state->id, i, &state->sealed[i]);
    }
    return r;
}

static enum pst_err patient_register(struct pst_tx *tx, struct pst_request *request)
{
    const struct new_state *state = request->state;
    bool have = false;
    /* There must be terms to show them in it. */
    enum pst_err r = pst_terms_have_language(tx, state->language, &have);
    if (r == PST_OK && !have)
        return pst_request_bad(request, "language");
    if (r == PST_OK)
        r = insert_new(tx, request);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_ROLE, &state->id);
    return r == PST_OK ? pst_answer_created(request, &state->id) : r;
}

/* ---- find ---- */

struct listing {
    struct pst_request *request;
    json_t *items;
    size_t limit;
    char last[PST_UUID_TEXT_SIZE];
    bool more;
};

static enum pst_err list_one(void *ctx, const struct pst_patient_row *row)
{
    struct listing *listing = ctx;
    json_t *item = NULL;
    if (json_array_size(listing->items) == listing->limit) {
        listing->more = true;
        return PST_OK;
    }
    pst_uuid_format(&row->id, listing->last);
    enum pst_err r = pst_patient_json(listing->request, row, &item);
    if (r != PST_OK)
        return r;
    return json_array_append_new(listing->items, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

struct find {
    struct pst_patient_filter filter;
    uint8_t name[PST_VAULT_HASH_BYTES], email[PST_VAULT_HASH_BYTES];
};

/* A name or an address that cannot exist is nobody's: an index that matches nothing. */
static enum pst_err find_by(const struct pst_request *request, const char *parameter,
                            const char *use,
                            enum pst_err (*normalise)(struct pst_bytes, struct pst_buf *),
                            uint8_t *index, struct pst_bytes *ret_filter)
{
    const char *text = pst_request_query(request, parameter);
    if (text == NULL)
        return PST_OK;
    enum pst_err r = index_of(request->vault, use, normalise, text, index);
    if (is_malformed(r)) {
        memset(index, 0, PST_VAULT_HASH_BYTES);
        r = PST_OK;
    }
    *ret_filter = pst_bytes(index, PST_VAULT_HASH_BYTES);
    return r;
}

static enum pst_err patient_list(struct pst_tx *tx, struct pst_request *request)
{
    struct find find = {0};
    struct pst_page page;
    struct pst_viewer_of_patients viewer;
    enum pst_err r = pst_request_page(request, &page);
    if (r != PST_OK)
        return r;
    if (page.cursor != NULL &&
        pst_uuid_parse(page.cursor, strlen(page.cursor), &find.filter.after) != PST_OK)
        return pst_request_bad(request, "cursor");
    find.filter.limit = page.limit + 1;
    r = find_by(request, "name", PST_INDEX_NAME, pst_normal_name, find.name,
                &find.filter.name_index);
    if (r == PST_OK)
        r = find_by(request, "email", PST_INDEX_EMAIL, pst_normal_email, find.email,
                    &find.filter.address_index);
    struct listing listing = {.request = request, .items = json_array(), .limit = page.limit};
    pst_patient_viewer(request, &viewer);
    if (r == PST_OK)
        r = pst_patient_list(tx, &find.filter, &viewer, list_one, &listing);
    if (r != PST_OK) {
        json_decref(listing.items);
        return r;
    }
    return pst_request_list(request, listing.items, listing.more ? listing.last : NULL);
}

static enum pst_err patient_show(struct pst_tx *tx, struct pst_request *request)
{
    return pst_patient_answer(tx, request, &request->ids[0]);
}

/* ---- change ---- */

struct patch_state {
    const char *name, *language;
    const char *address[ADDRESS_KINDS]; /* "": remove it */
};

static const struct pst_json_member patch_members[] = {
    {"name", PST_JSON_TEXT, 0, offsetof(struct patch_state, name), PST_NORMAL_NAME_MAX_BYTES},
    {"language", PST_JSON_TEXT, 0, offsetof(struct patch_state, language), PST_LANGUAGE_SIZE - 1},
    {"email", PST_JSON_TEXT, PST_JSON_EMPTY, offsetof(struct patch_state, address[0]),
     PST_EMAIL_MAX_BYTES},
    {"phone", PST_JSON_TEXT, PST_JSON_EMPTY, offsetof(struct patch_state, address[1]), 0},
};

static enum pst_err patch_prepare(struct pst_request *request)
{
    struct patch_state *state = NULL;
    uint64_t present = 0;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, patch_members,
                               sizeof patch_members / sizeof patch_members[0], state, &present);
    if (r == PST_OK && present == 0)
        return pst_request_bad(request, "name");
    return r;
}

static enum pst_err patch_name(struct pst_tx *tx, struct pst_request *request,
                               const struct pst_uuid *patient, const char *name)
{
    struct sealed_field field = {.enc = {.max = FIELD_MAX_BYTES}};
    enum pst_err r = seal_name(request, patient, name, &field);
    if (r == PST_OK)
        r = pst_patient_name_set(tx, patient, pst_buf_bytes(&field.enc), index_bytes(&field));
    pst_buf_free(&field.enc);
    return is_malformed(r) ? pst_request_bad(request, "name") : r;
}

static enum pst_err patch_language(struct pst_tx *tx, struct pst_request *request,
                                   const struct pst_uuid *patient, const char *language)
{
    bool have = false;
    enum pst_err r = pst_terms_have_language(tx, language, &have);
    if (r == PST_OK && !have)
        return pst_request_bad(request, "language");
    return r == PST_OK ? pst_patient_language_set(tx, patient, language) : r;
}

static enum pst_err patch_address(struct pst_tx *tx, struct pst_request *request,
                                  const struct pst_patient_access *patient, size_t kind,
                                  const char *text)
{
    struct sealed_field field = {.enc = {.max = FIELD_MAX_BYTES}};
    if (text[0] == '\0')
        return pst_address_delete(tx, &patient->id, address_kinds[kind].kind);
    enum pst_err r = seal_address(request, patient->key, &patient->id, kind, text, &field);
    if (r == PST_OK)
        r = put_address(tx, request, &patient->id, kind, &field);
    pst_buf_free(&field.enc);
    return is_malformed(r) ? pst_request_bad(request, address_kinds[kind].member) : r;
}

/* All of it or nothing: a member that is wrong fails the transaction of those before. */
static enum pst_err patch_all(struct pst_tx *tx, struct pst_request *request,
                              const struct pst_patient_access *patient)
{
    const struct patch_state *state = request->state;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && !pst_request_answered(request) && i < ADDRESS_KINDS; i++) {
        if (state->address[i] != NULL)
            r = patch_address(tx, request, patient, i, state->address[i]);
    }
    if (r == PST_OK && !pst_request_answered(request) && state->language != NULL)
        r = patch_language(tx, request, &patient->id, state->language);
    if (r == PST_OK && !pst_request_answered(request) && state->name != NULL)
        r = patch_name(tx, request, &patient->id, state->name);
    return r == PST_OK && pst_request_answered(request) ? PST_ERR_SYNTAX : r;
}

static enum pst_err patient_patch(struct pst_tx *tx, struct pst_request *request)
{
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r == PST_OK)
        r = pst_request_if_match(request, patient.version);
    if (r == PST_OK)
        r = patch_all(tx, request, &patient);
    if (r == PST_OK)
        r = pst_patient_touch(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_CONFIG, &patient.id);
    return r == PST_OK ? pst_patient_answer(tx, request, &patient.id) : r;
}

const struct pst_route pst_routes_patients[] = {
    {.method = "GET",
     .path = "/v1/patients",
     .roles =
         PST_ROLE_INTAKE | PST_ROLE_ADMINISTRATOR | PST_ROLE_CLINICIAN | PST_ROLE_REPRESENTATIVE,
     .kind = PST_WEB_READ,
     .query = "name email limit cursor",
     .run = patient_list},
    {.method = "POST",
     .path = "/v1/patients",
     .roles = PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = patient_prepare,
     .run = patient_register},
    {.method = "GET",
     .path = "/v1/patients/{id}",
     .roles = PST_ROLE_INTAKE | PST_ROLE_ADMINISTRATOR | PST_ROLE_CLINICIAN | PST_WEB_PATIENTS,
     .kind = PST_WEB_READ,
     .run = patient_show},
    {.method = "PATCH",
     .path = "/v1/patients/{id}",
     .roles = PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = patch_prepare,
     .run = patient_patch},
    {0},
};
