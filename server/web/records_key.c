/*
 * The practice's records key: what init was given is serial 0 and signed by
 * nobody; the root signs it as serial 1, and every later one names the one
 * before. Its holder has compared the fingerprint with the custodians' sheet.
 */
#include <string.h>

#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "server/store/keys.h"
#include "server/web/answer.h"
#include "server/web/certify.h"

static json_t *recipient_json(const struct pst_records_row *records)
{
    struct pst_age_recipient recipient;
    char text[PST_AGE_RECIPIENT_CHARS + 1];
    memcpy(recipient.bytes, records->recipient, sizeof recipient.bytes);
    pst_age_recipient_format(&recipient, text);
    return json_string(text);
}

static json_t *key_json(const struct pst_records_row *records, struct pst_bytes record)
{
    json_t *answer =
        json_pack("{s:o, s:o}", "recipient", recipient_json(records), "id",
                  pst_answer_binary(pst_bytes(records->recipient_id.bytes, PST_KEY_ID_BYTES)));
    if (answer != NULL && record.len > 0 &&
        json_object_set_new(answer, "record", pst_answer_text(record)) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    return answer;
}

static enum pst_err records_show(struct pst_tx *tx, struct pst_request *request)
{
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    struct pst_records_row records;
    enum pst_err r = pst_records_newest(tx, &records, &record);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 200, key_json(&records, pst_buf_bytes(&record)));
}

struct records_body {
    const char *record;
};

static const struct pst_json_member records_members[] = {
    {"record", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct records_body, record),
     PST_RECORD_MAX_BYTES},
};

static void records_wipe(void *state)
{
    pst_record_free(state);
}

static enum pst_err records_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct records_body body;
    enum pst_err r =
        pst_request_state_new(request, sizeof(struct pst_record *), records_wipe, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, records_members, 1, &body, NULL);
    if (r != PST_OK)
        return r;
    struct pst_record **record = state;
    r = pst_certify_parse(request, body.record, PST_RECORD_RECORDS, "record", record);
    if (r != PST_OK)
        return r;
    const struct pst_certify_by by = {.people = &request->caller.person, .people_count = 1};
    return pst_certify(request, &by, *record, NULL);
}

static enum pst_err records_follows(struct pst_tx *tx, const struct pst_records_key *key)
{
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_records_row newest;
    struct pst_record *before = NULL;
    enum pst_err r = pst_records_newest(tx, &newest, &text);
    if (r != PST_OK)
        return r;
    if (key->serial != newest.serial + 1 || key->has_previous != (newest.serial > 0))
        return PST_ERR_CONFLICT;
    if (!key->has_previous)
        return PST_OK;
    r = pst_record_parse(pst_buf_bytes(&text), &before);
    if (r == PST_OK && !pst_sha256_equal(&key->previous, pst_record_hash(before)))
        r = PST_ERR_CONFLICT;
    pst_record_free(&before);
    return r;
}

static enum pst_err records_put(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_record *const *state = request->state;
    const struct pst_record *record = *state;
    const struct pst_records_key *key = pst_record_records_key(record);
    struct pst_records_row row = {.serial = key->serial, .recipient_id = key->recipient_id};
    struct pst_event event;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    memcpy(row.recipient, key->recipient_key, sizeof row.recipient);
    enum pst_err r = records_follows(tx, key);
    if (r == PST_OK)
        r = pst_buf_append_bytes(&text, pst_record_text(record));
    if (r == PST_OK)
        r = pst_records_insert(tx, &row, pst_buf_str(&text), pst_record_at_ms(record));
    if (r != PST_OK)
        return r;
    pst_request_event_init(request, PST_EVENT_RECORDS, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = *pst_record_hash(record);
    r = pst_request_event_put(tx, &event);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, key_json(&row, pst_record_text(record)));
}

const struct pst_route pst_routes_records_key[] = {
    {.method = "GET",
     .path = "/v1/records-key",
     .roles = PST_WEB_ALL | PST_ROLE_EDGE,
     .kind = PST_WEB_READ,
     .run = records_show},
    {.method = "POST",
     .path = "/v1/records-key",
     .roles = PST_ROLE_ADMINISTRATOR,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = records_prepare,
     .run = records_put},
    {0},
};
