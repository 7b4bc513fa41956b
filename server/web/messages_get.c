/*
 * Reading messages: lists without bodies, one message's summary, and the sealed
 * envelope itself, part by part, byte for byte as it was accepted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/envelope.h"
#include "server/vault/fields.h"
#include "server/web/messages.h"

#define MEMBERS (PST_WEB_PATIENTS | PST_ROLE_CLINICIAN)
/* The three lines and the age header, as the vault sealed them. */
#define HEAD_MAX_BYTES ((size_t)256 * 1024)
#define KEY_ENC_MAX_BYTES ((size_t)512)

const char *pst_message_state(const struct pst_message *message)
{
    if (message->answered_at_ms != 0)
        return "answered";
    if (message->opened)
        return "opened";
    return message->fetched ? "fetched" : "received";
}

enum pst_err pst_message_seen(struct pst_tx *tx, const struct pst_request *request,
                              struct pst_message *ret_message, struct pst_thread *ret_thread)
{
    /* An absent message asks for an absent thread: as many statements as an invisible one. */
    struct pst_message message = {0};
    enum pst_err r = pst_message_get(tx, &request->ids[0], &message);
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    r = pst_thread_get(tx, &message.thread, &request->caller.person, request->now_ms, ret_thread);
    if (r == PST_OK)
        *ret_message = message;
    return r;
}

/* ---- as JSON ----------------------------------------------------------------- */

static enum pst_err put_times(const struct pst_message *message, json_t *object)
{
    enum pst_err r = pst_json_put_uuid(object, "id", &message->id);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "thread", &message->thread);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "from", &message->sender);
    if (r == PST_OK)
        r = pst_json_put_time(object, "sent", message->sent_ms);
    if (r == PST_OK)
        r = pst_json_put_time(object, "accepted", message->accepted_ms);
    if (r == PST_OK && !pst_uuid_is_nil(&message->replyto))
        r = pst_json_put_uuid(object, "replyto", &message->replyto);
    return r;
}

static enum pst_err put_to(struct pst_tx *tx, const struct pst_message *message, json_t *object)
{
    struct pst_uuid ids[PST_ENVELOPE_KEYS_MAX];
    size_t count = 0;
    json_t *to = json_array();
    if (json_object_set_new(object, "to", to) != 0)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_message_to(tx, message, ids, PST_ENVELOPE_KEYS_MAX, &count);
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        char text[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&ids[i], text);
        if (json_array_append_new(to, json_string(text)) != 0)
            r = PST_ERR_NOMEM;
    }
    return r;
}

static enum pst_err message_json(struct pst_tx *tx, const struct pst_message *message,
                                 json_t **ret_json)
{
    PST_JSON json_t *object = json_pack(
        "{s:I, s:s, s:I, s:I, s:I, s:s, s:b}", "seq", (json_int_t)message->seq, "category",
        pst_category_name(message->category), "size", (json_int_t)message->size_bytes,
        "attachments", (json_int_t)message->attachments, "images", (json_int_t)message->images,
        "state", pst_message_state(message), "retracted", message->retracted_at_ms != 0);
    if (object == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = put_times(message, object);
    if (r == PST_OK)
        r = put_to(tx, message, object);
    const char *via = pst_via_name(message->via);
    if (r == PST_OK && via != NULL && json_object_set_new(object, "via", json_string(via)) != 0)
        r = PST_ERR_NOMEM;
    if (r == PST_OK)
        *ret_json = json_incref(object);
    return r;
}

static enum pst_err message_summary(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_message message;
    struct pst_thread thread;
    json_t *object = NULL;
    enum pst_err r = pst_message_seen(tx, request, &message, &thread);
    if (r == PST_OK)
        r = message_json(tx, &message, &object);
    return r == PST_OK ? pst_request_json(request, /* status= */ 200, object) : r;
}

/* ---- list --------------------------------------------------------------------- */

static enum pst_err read_cursor(struct pst_request *request, const char *cursor,
                                int64_t *ret_before_seq)
{
    *ret_before_seq = INT64_MAX;
    if (cursor == NULL)
        return PST_OK;
    char *end = NULL;
    long long seq = strtoll(cursor, &end, 10);
    if (end == cursor || *end != '\0' || seq < 1)
        return pst_request_bad(request, "cursor");
    *ret_before_seq = seq;
    return PST_OK;
}

static enum pst_err answer_list(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_message *messages, size_t count, unsigned limit)
{
    PST_JSON json_t *items = json_array();
    char next[24] = "";
    size_t shown = count > limit ? limit : count;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < shown; i++) {
        json_t *item = NULL;
        r = message_json(tx, &messages[i], &item);
        if (r == PST_OK && json_array_append_new(items, item) != 0)
            r = PST_ERR_NOMEM;
    }
    if (r != PST_OK)
        return r;
    if (count > limit)
        (void)snprintf(next, sizeof next, "%" PRId64, messages[shown - 1].seq);
    return pst_request_list(request, json_incref(items), next[0] != '\0' ? next : NULL);
}

static enum pst_err message_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_page page;
    struct pst_thread thread;
    int64_t before_seq = 0;
    size_t count = 0;
    enum pst_err r = pst_request_page(request, &page);
    if (r == PST_OK)
        r = read_cursor(request, page.cursor, &before_seq);
    if (r == PST_OK && !pst_request_answered(request))
        r = pst_thread_get(tx, &request->ids[0], &request->caller.person, request->now_ms, &thread);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    size_t max = (size_t)page.limit + 1;
    PST_FREE struct pst_message *messages = calloc(max, sizeof *messages);
    if (messages == NULL)
        return PST_ERR_NOMEM;
    r = pst_message_list(tx, &thread.id, before_seq, messages, max, &count);
    return r == PST_OK ? answer_list(tx, request, messages, count, page.limit) : r;
}

/* ---- the envelope --------------------------------------------------------------- */

struct reading {
    struct pst_store *store;
    struct pst_uuid message;
    struct pst_buf head;
    int64_t last_part;
    int64_t part;        /* the one in bytes; 0: none yet */
    uint64_t part_start; /* where it begins in the envelope */
    struct pst_buf bytes;
};

static void reading_free(void *ctx)
{
    struct reading *reading = ctx;
    pst_buf_free(&reading->head);
    pst_buf_free(&reading->bytes);
    free(reading);
}

static enum pst_err read_part(struct pst_tx *tx, void *ctx)
{
    struct reading *reading = ctx;
    pst_buf_clear(&reading->bytes);
    return pst_body_part(tx, &reading->message, reading->part, &reading->bytes);
}

/* Parts are asked for in order: what is there is used up before the next is read. */
static enum pst_err next_part(struct reading *reading)
{
    reading->part_start += reading->part == 0 ? reading->head.len : reading->bytes.len;
    reading->part++;
    if (reading->part > reading->last_part)
        return PST_ERR_NOT_FOUND;
    return pst_store_read_one(reading->store, read_part, reading);
}

static enum pst_err reading_read(void *ctx, uint64_t offset, uint8_t *at, size_t cap,
                                 size_t *ret_len)
{
    struct reading *reading = ctx;
    const struct pst_buf *source = &reading->head;
    while (offset >= reading->head.len &&
           (reading->part == 0 || offset >= reading->part_start + reading->bytes.len)) {
        enum pst_err r = next_part(reading);
        if (r != PST_OK)
            return r;
    }
    uint64_t start = 0;
    if (offset >= reading->head.len) {
        source = &reading->bytes;
        start = reading->part_start;
    }
    if (offset < start)
        return PST_ERR_INTERNAL;
    size_t skip = (size_t)(offset - start);
    size_t len = source->len - skip < cap ? source->len - skip : cap;
    memcpy(at, source->bytes + skip, len);
    *ret_len = len;
    return PST_OK;
}

/* Part 0 in clear: the three lines and the age header. */
static enum pst_err open_head(struct pst_tx *tx, const struct pst_request *request,
                              const struct pst_uuid *id, struct pst_buf *out)
{
    PST_BUF struct pst_buf sealed = {.max = HEAD_MAX_BYTES};
    PST_BUF struct pst_buf key_enc = {.max = KEY_ENC_MAX_BYTES};
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    struct pst_vault_place place = pst_field_of(PST_FIELD_BODY_HEAD, id);
    struct pst_uuid patient;
    enum pst_err r = pst_body_part(tx, id, /* part= */ 0, &sealed);
    if (r == PST_OK)
        r = pst_message_patient_key(tx, id, &patient, &key_enc);
    if (r != PST_OK)
        return r;
    if (pst_uuid_is_nil(&patient))
        return pst_vault_field_open(request->vault, place, pst_buf_bytes(&sealed), out);
    r = pst_patient_key_unwrap(request->vault, &patient, pst_buf_bytes(&key_enc), &key);
    return r == PST_OK ? pst_patient_key_open(key, place, pst_buf_bytes(&sealed), out) : r;
}

static enum pst_err answer_envelope(struct pst_tx *tx, struct pst_request *request,
                                    const struct pst_uuid *id)
{
    int64_t bytes = 0;
    struct reading *reading = calloc(1, sizeof *reading);
    if (reading == NULL)
        return PST_ERR_NOMEM;
    reading->store = request->store;
    reading->message = *id;
    pst_buf_init(&reading->head, HEAD_MAX_BYTES);
    pst_buf_init(&reading->bytes, PST_BODY_PART_BYTES);
    enum pst_err r = open_head(tx, request, id, &reading->head);
    if (r == PST_OK)
        r = pst_body_size(tx, id, &bytes, &reading->last_part);
    if (r != PST_OK) {
        reading_free(reading);
        return r == PST_ERR_CRYPTO ? PST_ERR_STORE : r;
    }
    struct pst_download download = {.type = PST_ENVELOPE_MEDIA_TYPE,
                                    .size_bytes = reading->head.len + (uint64_t)bytes,
                                    .read = reading_read,
                                    .free = reading_free,
                                    .ctx = reading};
    return pst_request_download(request, /* status= */ 200, &download);
}

/* The first time somebody who received it fetches it is an event. */
static enum pst_err record_fetched(struct pst_tx *tx, const struct pst_request *request,
                                   const struct pst_message *message,
                                   const struct pst_thread *thread)
{
    struct pst_event event;
    bool first = false;
    enum pst_err r = pst_receipt_fetched(tx, &message->id, &thread->id, &request->caller.person,
                                         request->now_ms, &first);
    if (r != PST_OK || !first)
        return r;
    pst_request_event_init(request, PST_EVENT_FETCHED, &event);
    event.has |= PST_EVENT_HAS_THREAD | PST_EVENT_HAS_MESSAGE;
    event.thread = thread->id;
    event.message = message->id;
    if (!pst_uuid_is_nil(&thread->patient)) {
        event.has |= PST_EVENT_HAS_PATIENT;
        event.patient = thread->patient;
    }
    return pst_request_event_put(tx, &event);
}

static enum pst_err message_fetch(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_message message;
    struct pst_thread thread;
    bool received = false;
    int64_t opened_ms = 0;
    enum pst_err r = pst_message_seen(tx, request, &message, &thread);
    if (r == PST_OK)
        r = pst_message_received_by(tx, &message.id, &request->caller.person, &received);
    if (r != PST_OK)
        return r;
    if (received && message.retracted_at_ms != 0) {
        /* Taken back before it was opened here: its sender and the record keep it. */
        r = pst_receipt_get(tx, &message.id, &request->caller.person, &opened_ms);
        if (r != PST_OK && r != PST_ERR_NOT_FOUND)
            return r;
        if (opened_ms == 0)
            return PST_ERR_NOT_FOUND;
    }
    r = received ? record_fetched(tx, request, &message, &thread) : PST_OK;
    return r == PST_OK ? answer_envelope(tx, request, &message.id) : r;
}

const struct pst_route pst_routes_messages_get[] = {
    {.method = "GET",
     .path = "/v1/threads/{id}/messages",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .query = "limit cursor",
     .run = message_list},
    {.method = "GET",
     .path = "/v1/messages/{id}",
     .roles = MEMBERS,
     .flags = PST_WEB_SHARED,
     .kind = PST_WEB_WRITE,
     .run = message_fetch},
    {.method = "GET",
     .path = "/v1/messages/{id}/summary",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .run = message_summary},
    {0},
};
