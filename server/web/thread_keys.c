/*
 * May I write here, and to which keys: GET …/admission and …/keys of a thread,
 * and the keys that a message was sealed to.
 *
 * Keys are given out only for an exchange that would be admitted: without a
 * live consent there is no key to seal to.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "server/web/admit.h"
#include "server/web/chain_records.h"
#include "server/web/messages.h"

#define MEMBERS (PST_WEB_PATIENTS | PST_ROLE_CLINICIAN)

/* ---- asking beforehand ---------------------------------------------------------- */

static enum pst_err read_images(struct pst_request *request, uint32_t *ret_images)
{
    const char *text = pst_request_query(request, "images");
    char *end = NULL;
    *ret_images = 0;
    if (text == NULL)
        return PST_OK;
    long images = strtol(text, &end, 10);
    if (end == text || *end != '\0' || images < 0 || images > PST_ENVELOPE_ATTACHMENTS_MAX)
        return pst_request_bad(request, "images");
    *ret_images = (uint32_t)images;
    return PST_OK;
}

static enum pst_err read_purpose(struct pst_request *request, uint32_t *ret_purposes)
{
    const char *text = pst_request_query(request, "purpose");
    enum pst_purpose purpose;
    *ret_purposes = 0;
    if (text == NULL)
        return PST_OK;
    if (!pst_purpose_parse(text, &purpose) || purpose == PST_PURPOSE_PROXY)
        return pst_request_bad(request, "purpose");
    *ret_purposes = PST_ADMIT_PURPOSE(purpose);
    return PST_OK;
}

static enum pst_err read_ask(struct pst_request *request, struct pst_admit_ask *ret_ask)
{
    *ret_ask = (struct pst_admit_ask){.mode = PST_ADMIT_THREAD, .thread = request->ids[0]};
    enum pst_err r = read_images(request, &ret_ask->images);
    if (r == PST_OK && !pst_request_answered(request))
        r = read_purpose(request, &ret_ask->purposes);
    return r;
}

static enum pst_err admission_show(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_admit_ask ask;
    struct pst_admit_result result;
    char until[PST_TIME_TEXT_SIZE];
    json_t *answer = NULL;
    enum pst_err r = read_ask(request, &ask);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    r = pst_admit_thread(tx, request, &ask, &result);
    if (r != PST_OK)
        return r;
    if (result.facts.sight != PST_ADMIT_SEEN)
        return PST_ERR_NOT_FOUND;
    bool ends = result.verdict.until_ms != PST_ADMIT_NO_END;
    pst_time_format(result.verdict.until_ms, until);
    r = pst_refusal_admission_json(result.verdict.code, pst_admit_viewer(request, &result),
                                   ends ? until : NULL, &answer);
    return r == PST_OK ? pst_request_json(request, /* status= */ 200, answer) : r;
}

/* ---- keys -------------------------------------------------------------------------- */

enum pst_err pst_key_json(const struct pst_thread_key *key, json_t **ret_json)
{
    char id[PST_KEY_ID_TEXT_SIZE];
    char owner[PST_UUID_TEXT_SIZE];
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_age_recipient age;
    const char *kind = key->kind == PST_KEY_TEAM      ? "team"
                       : key->kind == PST_KEY_RECORDS ? "records"
                                                      : "person";
    memcpy(age.bytes, key->recipient, sizeof age.bytes);
    pst_key_id_format(&key->id, id);
    pst_uuid_format(&key->owner, owner);
    pst_age_recipient_format(&age, recipient);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "id", id, "owner", owner, "kind", kind,
                               "recipient", recipient);
    if (object == NULL)
        return PST_ERR_NOMEM;
    *ret_json = object;
    return PST_OK;
}

/* Who has to be verified for this key to be used. */
static enum pst_err want_owner(struct pst_chain_records *chain, const struct pst_thread_key *key)
{
    if (key->kind == PST_KEY_TEAM)
        return pst_chain_records_team(chain, &key->owner);
    if (key->kind == PST_KEY_RECORDS)
        return PST_OK;
    return pst_chain_records_person(chain, &key->owner);
}

/* {"keys", "statements", "root"}: these keys, and all records that prove them and also. */
static enum pst_err answer_keys(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_thread_key *keys, size_t count,
                                const struct pst_uuid *also)
{
    struct pst_chain_records chain = {.tx = tx, .vault = request->vault, .with_records = true};
    PST_JSON json_t *items = json_array();
    PST_JSON json_t *statements = NULL;
    PST_JSON json_t *root = NULL;
    enum pst_err r = pst_chain_records_person(&chain, also);
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        json_t *item = NULL;
        r = pst_key_json(&keys[i], &item);
        if (r == PST_OK && json_array_append_new(items, item) != 0)
            r = PST_ERR_NOMEM;
        if (r == PST_OK)
            r = want_owner(&chain, &keys[i]);
    }
    if (r == PST_OK)
        r = pst_chain_records_read(&chain, &statements);
    if (r == PST_OK)
        r = pst_chain_records_root(tx, &root);
    if (r != PST_OK)
        return r == PST_ERR_NOT_FOUND ? PST_ERR_STORE : r;
    return pst_request_json(
        request, /* status= */ 200,
        json_pack("{s:O, s:O, s:O}", "keys", items, "statements", statements, "root", root));
}

static enum pst_err refuse(struct pst_request *request, const struct pst_admit_result *result)
{
    struct pst_problem_extra more = {.status = result->verdict.http,
                                     .retry_s = (result->verdict.retry_ms + PST_SECOND_MS - 1) /
                                                PST_SECOND_MS};
    return pst_request_refuse(request, result->verdict.code, &more);
}

static enum pst_err thread_keys(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_admit_ask ask;
    struct pst_admit_result result;
    enum pst_err r = read_ask(request, &ask);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    r = pst_admit_thread(tx, request, &ask, &result);
    if (r != PST_OK)
        return r;
    if (result.verdict.code != PST_REFUSAL_NONE)
        return refuse(request, &result);
    return answer_keys(tx, request, result.keys.keys, result.keys.count, &request->caller.person);
}

static enum pst_err message_keys(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_message message;
    struct pst_thread thread;
    struct pst_key_id ids[PST_ENVELOPE_KEYS_MAX];
    struct pst_thread_key keys[PST_ENVELOPE_KEYS_MAX];
    size_t count = 0;
    enum pst_err r = pst_message_seen(tx, request, &message, &thread);
    if (r == PST_OK)
        r = pst_message_keys(tx, &message.id, ids, PST_ENVELOPE_KEYS_MAX, &count);
    for (size_t i = 0; r == PST_OK && i < count; i++)
        r = pst_key_owner_of(tx, &ids[i], &keys[i]);
    return r == PST_OK ? answer_keys(tx, request, keys, count, &message.sender) : r;
}

const struct pst_route pst_routes_thread_keys[] = {
    {.method = "GET",
     .path = "/v1/threads/{id}/admission",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .query = "images purpose",
     .run = admission_show},
    {.method = "GET",
     .path = "/v1/threads/{id}/keys",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .query = "images",
     .run = thread_keys},
    {.method = "GET",
     .path = "/v1/messages/{id}/keys",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .run = message_keys},
    {0},
};
