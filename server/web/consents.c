/* /v1/patients/{id}/consents and /v1/consents/{id}/withdrawal: signed records, only ever added. */
#include "server/store/consents.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/config/config.h"
#include "server/store/terms.h"
#include "server/store/visits.h"
#include "server/vault/normal.h"
#include "server/web/answer.h"
#include "server/web/patient_access.h"

#define RECORD_ENC_MAX_BYTES (PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES)
/* Representatives one consent can name. */
#define PROXIES_MAX PST_CONSENT_PURPOSES_MAX

/* ---- show ---- */

struct listing {
    const struct pst_patient_access *patient;
    json_t *items;
    size_t limit;
    int64_t last_seq;
    bool more;
};

/* The record's own members, and its text, which alone proves them. */
static json_t *consent_json(const struct pst_record *record)
{
    static const char *const shown[] = {"id",      "decision", "purposes", "terms",
                                        "method",  "measures", "by",       "signer",
                                        "witness", "expires",  "at"};
    const json_t *from = pst_record_json(record);
    json_t *json = json_pack("{s:o}", "record", pst_answer_text(pst_record_text(record)));
    for (size_t i = 0; json != NULL && i < sizeof shown / sizeof shown[0]; i++) {
        json_t *member = json_object_get(from, shown[i]);
        if (member != NULL && json_object_set(json, shown[i], member) != 0) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

static enum pst_err list_one(void *ctx, const struct pst_uuid *id, int64_t seq,
                             struct pst_bytes record_enc)
{
    struct listing *listing = ctx;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_record *record = NULL;
    if (json_array_size(listing->items) == listing->limit) {
        listing->more = true;
        return PST_OK;
    }
    listing->last_seq = seq;
    /* What was written here opens and parses here: else the store is not what it was. */
    if (pst_patient_key_open(listing->patient->key, pst_field_of(PST_FIELD_CONSENT_RECORD, id),
                             record_enc, &text) != PST_OK ||
        pst_record_parse_kind(pst_buf_bytes(&text), PST_RECORD_CONSENT, &record) != PST_OK)
        return PST_ERR_STORE;
    json_t *item = consent_json(record);
    pst_record_free(&record);
    return json_array_append_new(listing->items, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

/* Cursors are the number of the last record shown. */
static bool cursor_read(const char *cursor, int64_t *ret_before)
{
    char *end = NULL;
    if (cursor == NULL) {
        *ret_before = INT64_MAX;
        return true;
    }
    *ret_before = strtoll(cursor, &end, 10);
    return isdigit((unsigned char)cursor[0]) && *end == '\0';
}

static enum pst_err answer_list(struct pst_request *request, const struct listing *listing)
{
    char next[24];
    (void)snprintf(next, sizeof next, "%lld", (long long)listing->last_seq);
    return pst_request_json(
        request, 200,
        json_pack("{s:o, s:o, s:s}", "items", listing->items, "next",
                  listing->more ? json_string(next) : json_null(), "state",
                  pst_consent_standing_name(&listing->patient->standing, request->now_ms,
                                            request->config->consent.grace_ms)));
}

static enum pst_err consents_list(struct pst_tx *tx, struct pst_request *request)
{
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    struct pst_page page;
    int64_t before = 0;
    enum pst_err r = pst_request_page(request, &page);
    if (r != PST_OK)
        return r;
    if (!cursor_read(page.cursor, &before))
        return pst_request_bad(request, "cursor");
    r = pst_patient_access(tx, request, &request->ids[0], &patient);
    if (r != PST_OK)
        return r;
    struct listing listing = {.patient = &patient, .items = json_array(), .limit = page.limit};
    r = pst_consent_list(tx, &patient.id, before, page.limit + 1, list_one, &listing);
    if (r != PST_OK) {
        json_decref(listing.items);
        return r;
    }
    return answer_list(request, &listing);
}

/* ---- record ---- */

struct consent_state {
    const char *text;
    struct pst_record *record;
};

static const struct pst_json_member members[] = {
    {"record", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct consent_state, text),
     PST_RECORD_MAX_BYTES},
};

static void state_wipe(void *at)
{
    struct consent_state *state = at;
    pst_record_free(&state->record);
}

static enum pst_err consent_prepare(struct pst_request *request)
{
    struct consent_state *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, state_wipe, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, members, 1, state, NULL);
    if (r != PST_OK)
        return r;
    r = pst_record_parse_kind(pst_bytes_str(state->text), PST_RECORD_CONSENT, &state->record);
    if (r == PST_ERR_NOMEM)
        return r;
    if (r != PST_OK)
        return pst_request_bad(request, "record");
    if (strcmp(pst_record_origin(state->record), request->origin) != 0)
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    return PST_OK;
}

/* Everything the check looks at, and what it borrows from. */
struct gathered {
    const struct pst_patient_access *patient;
    struct pst_consent_facts facts;
    struct pst_consent_latest latest;
    struct pst_buf email, phone;
    struct pst_uuid representatives[PROXIES_MAX];
};

static void gathered_free(struct gathered *gathered)
{
    pst_buf_free(&gathered->email);
    pst_buf_free(&gathered->phone);
}
#define GATHERED __attribute__((cleanup(gathered_free)))

static enum pst_err take_address(void *ctx, const struct pst_address_row *row)
{
    struct gathered *gathered = ctx;
    PST_BUF struct pst_buf place = {.max = PST_VAULT_ROW_MAX};
    bool is_email = strcmp(row->kind, PST_ADDRESS_EMAIL) == 0;
    struct pst_buf *to = is_email ? &gathered->email : &gathered->phone;
    enum pst_err r = pst_buf_append(&place, gathered->patient->id.bytes, PST_UUID_BYTES);
    if (r == PST_OK)
        r = pst_buf_append_str(&place, row->kind);
    if (r == PST_OK)
        r = pst_patient_key_open(gathered->patient->key,
                                 (struct pst_vault_place){PST_FIELD_ADDRESS, pst_buf_bytes(&place)},
                                 row->address_enc, to);
    if (r != PST_OK)
        return PST_ERR_STORE;
    *(is_email ? &gathered->facts.email : &gathered->facts.phone) = pst_buf_str(to);
    return PST_OK;
}

static enum pst_err gather_latest(struct pst_tx *tx, struct gathered *gathered)
{
    struct pst_consent_facts *facts = &gathered->facts;
    enum pst_err r = pst_consent_latest(tx, &facts->patient, &gathered->latest);
    if (r == PST_ERR_NOT_FOUND)
        return PST_OK;
    facts->has_latest = r == PST_OK;
    facts->latest_hash = gathered->latest.hash;
    facts->latest_decision = gathered->latest.decision;
    return r;
}

static enum pst_err gather_terms(struct pst_tx *tx, const struct pst_consent *consent,
                                 struct pst_consent_facts *facts)
{
    int64_t newest = 0;
    enum pst_err r = pst_terms_hash(tx, consent->terms_id, consent->terms_version,
                                    consent->terms_language, &facts->terms_hash);
    if (r == PST_ERR_NOT_FOUND)
        return PST_OK;
    facts->terms_known = r == PST_OK;
    if (r != PST_OK)
        return r;
    return pst_terms_newest(tx, consent->terms_id, facts->now_ms, &newest, &facts->terms_current);
}

/* Did this person's current key sign it? Somebody without a key did not. */
static enum pst_err gather_signature(struct pst_tx *tx, const struct pst_record *record,
                                     const struct pst_uuid *person, int64_t now_ms,
                                     bool *ret_signed)
{
    struct pst_sign_public key;
    enum pst_err r = pst_consent_sign_key(tx, person, now_ms, &key);
    *ret_signed = r == PST_OK && pst_record_verify(record, &key) == PST_OK;
    return r == PST_ERR_NOT_FOUND ? PST_OK : r;
}

static enum pst_err gather(struct pst_tx *tx, const struct pst_request *request,
                           const struct pst_patient_access *patient, struct gathered *gathered)
{
    const struct consent_state *state = request->state;
    struct pst_consent_facts *facts = &gathered->facts;
    gathered->patient = patient;
    facts->patient = patient->id;
    facts->caller = request->caller.person;
    facts->at_ms = pst_record_at_ms(state->record);
    facts->now_ms = request->now_ms;
    facts->enrolled = patient->enrolled;
    facts->representatives = gathered->representatives;
    pst_buf_init(&gathered->email, PST_NORMAL_MAX_BYTES * 8);
    pst_buf_init(&gathered->phone, PST_NORMAL_MAX_BYTES * 8);
    enum pst_err r = pst_address_list(tx, &patient->id, take_address, gathered);
    if (r == PST_OK)
        r = pst_representative_live(tx, &patient->id, pst_today_days(request->now_ms),
                                    gathered->representatives, PROXIES_MAX,
                                    &facts->representatives_count);
    if (r == PST_OK)
        r = gather_latest(tx, gathered);
    if (r == PST_OK)
        r = gather_terms(tx, pst_record_consent(state->record), facts);
    if (r == PST_OK)
        r = gather_signature(tx, state->record, &facts->caller, facts->now_ms,
                             &facts->caller_signed);
    if (r == PST_OK)
        r = gather_signature(tx, state->record, &facts->patient, facts->now_ms,
                             &facts->patient_signed);
    return r;
}

/* The keyed hash of what a purpose is for: an address, a person, or nothing. */
static enum pst_err insert_purpose(struct pst_tx *tx, const struct pst_request *request,
                                   const struct pst_uuid *consent,
                                   const struct pst_consent_purpose *purpose)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES * 8};
    uint8_t index[PST_VAULT_HASH_BYTES];
    bool is_phone = purpose->purpose == PST_PURPOSE_SMS_NOTICE;
    if (purpose->purpose == PST_PURPOSE_PROXY)
        return pst_consent_purpose_insert(tx, consent, purpose->purpose,
                                          pst_bytes(purpose->person.bytes, PST_UUID_BYTES));
    if (purpose->address == NULL)
        return pst_consent_purpose_insert(tx, consent, purpose->purpose, pst_bytes(NULL, 0));
    struct pst_bytes text = pst_bytes_str(purpose->address);
    enum pst_err r = is_phone ? pst_normal_phone(text, &normal) : pst_normal_email(text, &normal);
    /* Of a refusal, an address need not be one on record, or one at all: nothing rests on it. */
    if (r == PST_ERR_INVALID || r == PST_ERR_TOO_LONG)
        return PST_OK;
    if (r == PST_OK)
        r = pst_vault_index(request->vault, is_phone ? PST_INDEX_PHONE : PST_INDEX_EMAIL,
                            pst_buf_bytes(&normal), index);
    if (r != PST_OK)
        return r;
    return pst_consent_purpose_insert(tx, consent, purpose->purpose,
                                      pst_bytes(index, sizeof index));
}

static uint32_t purposes_mask(const struct pst_consent *consent)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < consent->purposes_count; i++)
        mask |= UINT32_C(1) << consent->purposes[i].purpose;
    return mask;
}

static enum pst_err insert_row(struct pst_tx *tx, const struct pst_request *request,
                               const struct pst_record *record, int64_t seq,
                               struct pst_bytes record_enc)
{
    const struct pst_consent *consent = pst_record_consent(record);
    struct pst_consent_row row = {.id = consent->id,
                                  .patient = consent->patient,
                                  .seq = seq,
                                  .decision = consent->decision,
                                  .purposes = purposes_mask(consent),
                                  .terms_id = consent->terms_id,
                                  .terms_version = consent->terms_version,
                                  .language = consent->terms_language,
                                  .expires_at_ms = consent->has_expires ? consent->expires_ms : 0,
                                  .at_ms = pst_record_at_ms(record),
                                  .recorded_at_ms = request->now_ms,
                                  .recorded_by = request->caller.person,
                                  .hash = *pst_record_hash(record),
                                  .record_enc = record_enc};
    enum pst_err r = pst_consent_insert(tx, &row);
    for (size_t i = 0; r == PST_OK && i < consent->purposes_count; i++)
        r = insert_purpose(tx, request, &consent->id, &consent->purposes[i]);
    return r;
}

static enum pst_err insert_event(struct pst_tx *tx, const struct pst_request *request,
                                 const struct pst_record *record)
{
    const struct pst_consent *consent = pst_record_consent(record);
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_CONSENT, &event);
    event.has |= PST_EVENT_HAS_PATIENT | PST_EVENT_HAS_RECORD | PST_EVENT_HAS_CONSENT;
    event.patient = consent->patient;
    event.record = *pst_record_hash(record);
    event.consent = consent->id;
    event.consent_version = consent->terms_version;
    return pst_request_event_put(tx, &event);
}

static enum pst_err write_all(struct pst_tx *tx, const struct pst_request *request,
                              const struct gathered *gathered)
{
    const struct consent_state *state = request->state;
    const struct pst_consent *consent = pst_record_consent(state->record);
    PST_BUF struct pst_buf sealed = {.max = RECORD_ENC_MAX_BYTES};
    int64_t seq = gathered->facts.has_latest ? gathered->latest.seq + 1 : 1;
    enum pst_err r = pst_patient_key_seal(gathered->patient->key,
                                          pst_field_of(PST_FIELD_CONSENT_RECORD, &consent->id),
                                          pst_record_text(state->record), &sealed);
    if (r == PST_OK)
        r = insert_row(tx, request, state->record, seq, pst_buf_bytes(&sealed));
    if (r == PST_OK)
        r = pst_patient_touch(tx, &consent->patient);
    return r == PST_OK ? insert_event(tx, request, state->record) : r;
}

static enum pst_err answer_fault(struct pst_request *request, enum pst_consent_fault fault)
{
    switch (fault) {
    case PST_CONSENT_SIGNATURE:
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    case PST_CONSENT_CLOCK:
        return pst_request_refuse(request, PST_REFUSAL_CLOCK, NULL);
    case PST_CONSENT_PREVIOUS:
        return PST_ERR_CONFLICT;
    default:
        return pst_request_bad(request, pst_consent_fault_member(fault));
    }
}

/* Only what passed the check gets here: a given one is neither over nor outdated. */
static enum pst_err answer_recorded(struct pst_request *request, const struct pst_consent *consent)
{
    return pst_request_json(request, 201,
                            json_pack("{s:o, s:s}", "id", pst_answer_id(&consent->id), "state",
                                      pst_decision_name(consent->decision)));
}

static enum pst_err record_for(struct pst_tx *tx, struct pst_request *request,
                               const struct gathered *gathered)
{
    const struct consent_state *state = request->state;
    const struct pst_consent *consent = pst_record_consent(state->record);
    /* The same once more, because its answer was lost: said again. */
    if (gathered->facts.has_latest &&
        pst_sha256_equal(&gathered->latest.hash, pst_record_hash(state->record)) &&
        pst_uuid_equal(&gathered->facts.caller, &consent->by))
        return answer_recorded(request, consent);
    enum pst_consent_fault fault = pst_consent_check(consent, &gathered->facts);
    if (fault != PST_CONSENT_FINE)
        return answer_fault(request, fault);
    enum pst_err r = write_all(tx, request, gathered);
    return r == PST_OK ? answer_recorded(request, consent) : r;
}

static enum pst_err consent_record(struct pst_tx *tx, struct pst_request *request)
{
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    GATHERED struct gathered gathered = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r == PST_OK)
        r = gather(tx, request, &patient, &gathered);
    return r == PST_OK ? record_for(tx, request, &gathered) : r;
}

/* ---- withdraw ---- */

/* The consent named must be the one that counts, and the record must end it. */
static enum pst_err consent_withdraw(struct pst_tx *tx, struct pst_request *request)
{
    const struct consent_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    GATHERED struct gathered gathered = {0};
    struct pst_uuid of = {{0}};
    enum pst_err r = pst_consent_patient(tx, &request->ids[0], &of);
    if (r == PST_OK)
        r = pst_patient_access_live(tx, request, &of, &patient);
    if (r == PST_OK)
        r = gather(tx, request, &patient, &gathered);
    if (r != PST_OK)
        return r;
    if (pst_record_consent(state->record)->decision != PST_DECISION_WITHDRAWN)
        return pst_request_bad(request, "decision");
    bool again = gathered.facts.has_latest &&
                 pst_sha256_equal(&gathered.latest.hash, pst_record_hash(state->record));
    if (!again && !pst_uuid_equal(&gathered.latest.id, &request->ids[0]))
        return PST_ERR_CONFLICT;
    return record_for(tx, request, &gathered);
}

const struct pst_route pst_routes_consents[] = {
    {.method = "GET",
     .path = "/v1/patients/{id}/consents",
     .roles = PST_ROLE_INTAKE | PST_ROLE_ADMINISTRATOR | PST_ROLE_CLINICIAN | PST_WEB_PATIENTS,
     .kind = PST_WEB_READ,
     .query = "limit cursor",
     .run = consents_list},
    {.method = "POST",
     .path = "/v1/patients/{id}/consents",
     .roles = PST_ROLE_INTAKE | PST_ROLE_PATIENT,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = consent_prepare,
     .run = consent_record},
    {.method = "POST",
     .path = "/v1/consents/{id}/withdrawal",
     .roles = PST_ROLE_INTAKE | PST_ROLE_PATIENT,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = consent_prepare,
     .run = consent_withdraw},
    {0},
};
