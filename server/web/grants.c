/*
 * Giving a message to a newer key: POST and GET /v1/messages/{id}/grants, and
 * what one key does not open yet: GET /v1/threads/{id}/ungranted.
 *
 * The server cannot see what is in a grant's stanza; it sees that it is signed
 * by a member who is signed in, and is for the newest key of somebody who may
 * read the thread. Readers check the rest, by the original header. Nothing is
 * exchanged that its reader could not read before, so no consent is asked for:
 * a patient who withdrew theirs keeps their own messages.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/record.h"
#include "server/admission/admission.h"
#include "server/store/grants.h"
#include "server/vault/fields.h"
#include "server/web/acknowledgement.h"
#include "server/web/chain_records.h"
#include "server/web/messages.h"

#define MEMBERS (PST_WEB_PATIENTS | PST_ROLE_CLINICIAN)
/* A grant has six members and one signature; its largest are the stanza and the origin. */
#define GRANT_MAX_BYTES ((size_t)2048)
#define KEY_ENC_MAX_BYTES ((size_t)512)

struct grant_body {
    const char *record;
};

static const struct pst_json_member body_members[] = {
    {"record", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct grant_body, record),
     GRANT_MAX_BYTES},
};

/* ---- under the patient's key -------------------------------------------------- */

/* The primary key of its row, in the order of its columns. */
struct row_key {
    uint8_t bytes[16 + PST_KEY_ID_BYTES + 16];
};

static struct pst_vault_place place_of(const struct pst_grant_row *grant, struct row_key *key)
{
    memcpy(key->bytes, grant->message.bytes, 16);
    memcpy(key->bytes + 16, grant->key.bytes, PST_KEY_ID_BYTES);
    memcpy(key->bytes + 16 + PST_KEY_ID_BYTES, grant->granter.bytes, 16);
    return pst_vault_at(PST_FIELD_GRANT, key->bytes, sizeof key->bytes);
}

/* The key of the message's patient; NULL in a room, whose fields are under the vault's. */
static enum pst_err patient_key(struct pst_tx *tx, const struct pst_vault *vault,
                                const struct pst_uuid *message, struct pst_patient_key **ret_key)
{
    PST_BUF struct pst_buf key_enc = {.max = KEY_ENC_MAX_BYTES};
    struct pst_uuid patient;
    enum pst_err r = pst_message_patient_key(tx, message, &patient, &key_enc);
    if (r != PST_OK || pst_uuid_is_nil(&patient))
        return r;
    return pst_patient_key_unwrap(vault, &patient, pst_buf_bytes(&key_enc), ret_key);
}

static enum pst_err seal_record(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_grant_row *grant, const char *text,
                                struct pst_buf *out)
{
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    struct row_key row;
    struct pst_vault_place place = place_of(grant, &row);
    enum pst_err r = patient_key(tx, request->vault, &grant->message, &key);
    if (r != PST_OK)
        return r == PST_ERR_CRYPTO ? PST_ERR_STORE : r;
    return key != NULL ? pst_patient_key_seal(key, place, pst_bytes_str(text), out)
                       : pst_vault_field_seal(request->vault, place, pst_bytes_str(text), out);
}

/* ---- granting ------------------------------------------------------------------ */

/* About this message, by the caller, for a key that may have it: else an answer is set. */
static enum pst_err check_grant(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_thread *thread, const struct pst_record *record)
{
    const struct pst_grant *grant = pst_record_grant(record);
    bool good = false;
    bool fits = false;
    enum pst_err r = PST_OK;
    if (pst_uuid_equal(&grant->message, &request->ids[0]) &&
        pst_uuid_equal(&grant->by, &request->caller.person))
        r = pst_signed_by_caller(tx, request, record, &good);
    if (r == PST_OK && good)
        r = pst_grant_key_fits(tx, &thread->id, &grant->key, request->now_ms, &fits);
    if (r != PST_OK)
        return r;
    if (!good)
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    if (!pst_admit_clock(pst_record_at_ms(record), request->now_ms))
        return pst_request_refuse(request, PST_REFUSAL_CLOCK, NULL);
    return fits ? PST_OK : pst_request_refuse(request, PST_REFUSAL_WRONG_RECIPIENTS, NULL);
}

static enum pst_err answer_grant(struct pst_request *request, const struct pst_grant_row *grant)
{
    char key[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(&grant->key, key);
    json_t *object = json_pack("{s:s}", "key", key);
    enum pst_err r = pst_json_put_uuid(object, "message", &grant->message);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "event", &grant->event);
    if (r == PST_OK)
        r = pst_json_put_time(object, "granted", grant->at_ms);
    if (r == PST_OK)
        return pst_request_json(request, /* status= */ 201, object);
    json_decref(object);
    return r;
}

/* Said again, it is answered as the first time and recorded once. */
static enum pst_err keep_grant(struct pst_tx *tx, struct pst_request *request,
                               const struct pst_thread *thread, const struct pst_record *record,
                               const char *text)
{
    PST_BUF struct pst_buf sealed = {.max = GRANT_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    struct pst_event event;
    bool new = false;
    pst_request_event_init(request, PST_EVENT_GRANT, &event);
    pst_acknowledgement_event(request, thread, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = *pst_record_hash(record);
    struct pst_grant_row grant = {.message = request->ids[0],
                                  .key = pst_record_grant(record)->key,
                                  .granter = request->caller.person,
                                  .at_ms = request->now_ms,
                                  .hash = event.record,
                                  .event = event.id};
    enum pst_err r = seal_record(tx, request, &grant, text, &sealed);
    if (r == PST_OK)
        r = pst_grant_insert(tx, &grant, pst_buf_bytes(&sealed), &new);
    if (r == PST_OK && new)
        r = pst_request_event_put(tx, &event);
    return r == PST_OK ? answer_grant(request, &grant) : r;
}

static enum pst_err grant_add(struct pst_tx *tx, struct pst_request *request)
{
    struct grant_body body;
    struct pst_message message;
    struct pst_thread thread;
    struct pst_record *record = NULL;
    enum pst_err r = pst_request_decode(request, body_members,
                                        sizeof body_members / sizeof body_members[0], &body, NULL);
    if (r == PST_OK)
        r = pst_message_seen(tx, request, &message, &thread);
    if (r != PST_OK)
        return r;
    r = pst_record_parse_kind(pst_bytes_str(body.record), PST_RECORD_GRANT, &record);
    if (r != PST_OK)
        return r == PST_ERR_NOMEM ? r : pst_request_bad(request, "record");
    r = check_grant(tx, request, &thread, record);
    if (r == PST_OK && !pst_request_answered(request))
        r = keep_grant(tx, request, &thread, record, body.record);
    pst_record_free(&record);
    return r;
}

/* ---- reading them ---------------------------------------------------------------- */

struct reading {
    const struct pst_request *request;
    struct pst_patient_key *key;
    struct pst_chain_records *chain;
    json_t *grants;
    json_int_t damaged; /* that do not open under the key they were kept under */
};

static enum pst_err add_grant(void *ctx, const struct pst_grant_row *grant, struct pst_bytes record)
{
    struct reading *reading = ctx;
    PST_BUF struct pst_buf text = {.max = GRANT_MAX_BYTES};
    struct row_key row;
    struct pst_vault_place place = place_of(grant, &row);
    enum pst_err r = reading->key != NULL
                         ? pst_patient_key_open(reading->key, place, record, &text)
                         : pst_vault_field_open(reading->request->vault, place, record, &text);
    /* One that was changed at rest hides no other; readers are told that there was one. */
    if (r == PST_ERR_CRYPTO) {
        reading->damaged++;
        return PST_OK;
    }
    if (r == PST_OK &&
        json_array_append_new(reading->grants, json_stringn(pst_buf_str(&text), text.len)) != 0)
        r = PST_ERR_NOMEM;
    return r == PST_OK ? pst_chain_records_person(reading->chain, &grant->granter) : r;
}

static enum pst_err answer_grants(struct pst_tx *tx, struct pst_request *request,
                                  const struct reading *reading)
{
    PST_JSON json_t *statements = NULL;
    PST_JSON json_t *root = NULL;
    enum pst_err r = pst_chain_records_read(reading->chain, &statements);
    if (r == PST_OK)
        r = pst_chain_records_root(tx, &root);
    if (r != PST_OK)
        return r == PST_ERR_NOT_FOUND ? PST_ERR_STORE : r;
    return pst_request_json(request, /* status= */ 200,
                            json_pack("{s:O, s:I, s:O, s:O}", "grants", reading->grants, "damaged",
                                      reading->damaged, "statements", statements, "root", root));
}

static enum pst_err grant_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_message message;
    struct pst_thread thread;
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    PST_JSON json_t *grants = json_array();
    static const struct pst_uuid nobody;
    enum pst_err r = pst_message_seen(tx, request, &message, &thread);
    if (r != PST_OK)
        return r;
    struct pst_chain_records *chain = calloc(1, sizeof *chain);
    if (chain == NULL || grants == NULL) {
        free(chain);
        return PST_ERR_NOMEM;
    }
    chain->tx = tx;
    chain->vault = request->vault;
    struct reading reading = {.request = request, .chain = chain, .grants = grants};
    bool team = thread.as == PST_THREAD_AS_TEAM;
    r = patient_key(tx, request->vault, &message.id, &key);
    reading.key = key;
    /* Readers see by the rosters that whoever granted it was of the team. */
    if (r == PST_OK && !pst_uuid_is_nil(&thread.team))
        r = pst_chain_records_team(chain, &thread.team);
    if (r == PST_OK)
        r = pst_grant_each(tx, &message.id, &request->caller.person, team ? &thread.team : &nobody,
                           add_grant, &reading);
    if (r == PST_OK)
        r = answer_grants(tx, request, &reading);
    free(chain);
    return r;
}

/* ---- what a key does not open yet -------------------------------------------------- */

struct missing_ask {
    struct pst_page page;
    struct pst_uuid person;
    int64_t after_seq;
};

static enum pst_err read_ask(struct pst_request *request, struct missing_ask *ret_ask)
{
    const char *person = pst_request_query(request, "person");
    char *end = NULL;
    enum pst_err r = pst_request_page(request, &ret_ask->page);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    if (person == NULL || pst_uuid_parse(person, strlen(person), &ret_ask->person) != PST_OK)
        return pst_request_bad(request, "person");
    ret_ask->after_seq = 0;
    if (ret_ask->page.cursor == NULL)
        return PST_OK;
    long long seq = strtoll(ret_ask->page.cursor, &end, 10);
    if (end == ret_ask->page.cursor || *end != '\0' || seq < 1)
        return pst_request_bad(request, "cursor");
    ret_ask->after_seq = seq;
    return PST_OK;
}

/* Everything that proves whose key it is. */
static enum pst_err chain_of(struct pst_tx *tx, const struct pst_request *request,
                             const struct pst_uuid *person, const struct pst_thread_key *key,
                             json_t **ret_statements)
{
    struct pst_chain_records *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return PST_ERR_NOMEM;
    chain->tx = tx;
    chain->vault = request->vault;
    enum pst_err r = pst_chain_records_person(chain, person);
    if (r == PST_OK && key->kind == PST_KEY_TEAM)
        r = pst_chain_records_team(chain, &key->owner);
    if (r == PST_OK)
        r = pst_chain_records_read(chain, ret_statements);
    free(chain);
    return r;
}

static enum pst_err items_of(const struct pst_grant_missing *missing, size_t count,
                             json_t **ret_items)
{
    PST_JSON json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        char text[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&missing[i].message, text);
        if (json_array_append_new(items, json_string(text)) != 0)
            return PST_ERR_NOMEM;
    }
    *ret_items = json_incref(items);
    return PST_OK;
}

static enum pst_err answer_missing(struct pst_tx *tx, struct pst_request *request,
                                   const struct missing_ask *ask, const struct pst_thread_key *key,
                                   const struct pst_grant_missing *missing, size_t count)
{
    PST_JSON json_t *items = NULL;
    PST_JSON json_t *key_json = NULL;
    PST_JSON json_t *statements = NULL;
    char next[24] = "";
    size_t shown = count > ask->page.limit ? ask->page.limit : count;
    enum pst_err r = items_of(missing, shown, &items);
    if (r == PST_OK)
        r = pst_key_json(key, &key_json);
    if (r == PST_OK)
        r = chain_of(tx, request, &ask->person, key, &statements);
    if (r != PST_OK)
        return r;
    if (count > shown)
        (void)snprintf(next, sizeof next, "%" PRId64, missing[shown - 1].seq);
    return pst_request_json(request, /* status= */ 200,
                            json_pack("{s:O, s:O, s:s?, s:O}", "items", items, "key", key_json,
                                      "next", next[0] != '\0' ? next : NULL, "statements",
                                      statements));
}

static enum pst_err missing_list(struct pst_tx *tx, struct pst_request *request)
{
    struct missing_ask ask;
    struct pst_thread thread;
    struct pst_thread_key key;
    size_t count = 0;
    enum pst_err r = read_ask(request, &ask);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    r = pst_thread_get(tx, &request->ids[0], &request->caller.person, request->now_ms, &thread);
    if (r == PST_OK)
        r = pst_grant_key_of(tx, &thread.id, &ask.person, request->now_ms, &key);
    if (r != PST_OK)
        return r;
    size_t max = (size_t)ask.page.limit + 1;
    PST_FREE struct pst_grant_missing *missing = calloc(max, sizeof *missing);
    if (missing == NULL)
        return PST_ERR_NOMEM;
    r = pst_grant_missing(tx, &thread.id, &key.id, ask.after_seq, missing, max, &count);
    return r == PST_OK ? answer_missing(tx, request, &ask, &key, missing, count) : r;
}

const struct pst_route pst_routes_grants[] = {
    {.method = "GET",
     .path = "/v1/messages/{id}/grants",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .run = grant_list},
    {.method = "POST",
     .path = "/v1/messages/{id}/grants",
     .roles = MEMBERS,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .run = grant_add},
    {.method = "GET",
     .path = "/v1/threads/{id}/ungranted",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .query = "person limit cursor",
     .run = missing_list},
    {0},
};
