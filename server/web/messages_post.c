/*
 * POST /v1/threads/{id}/messages: take a sealed envelope, check it while it
 * arrives, decide and record in one transaction.
 *
 * Up to one part of payload stays in memory until the verdict. A longer one is
 * decided on its header first; then full parts go to staging through the
 * writer, one at a time with the connection suspended, so that an upload of
 * any size needs two parts of memory. Grammar, hash and signature are checked
 * outside the transaction.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "postern/age_header.h"
#include "postern/cleanup.h"
#include "server/config/config.h"
#include "server/store/messages.h"
#include "server/vault/fields.h"
#include "server/web/admit.h"
#include "server/web/messages.h"

/* Head and age header, both bounded by libpostern's checker. */
#define HEAD_MAX_BYTES ((size_t)128 * 1024)
/* A wrapped patient key is far shorter. */
#define KEY_ENC_MAX_BYTES ((size_t)512)
/* What the runtime may hand over in one piece, beyond a part that is full. */
#define PIECE_MAX_BYTES ((size_t)64 * 1024)
/* With this much still to come, a verdict that is certain is given at once. */
#define EARLY_BYTES ((uint64_t)1024 * 1024)

struct upload {
    struct pst_envelope_check *check;
    bool wrong_type; /* another Content-Type: the body is not looked at */
    bool flawed;
    int64_t declared; /* -1: not said */
    uint64_t size;    /* of all bytes so far */
    struct pst_buf head;
    struct pst_buf pending; /* payload not staged yet; before the head is whole, all of it */
    bool has_head;
    bool staging; /* admitted by its header: parts are staged under id */
    struct pst_uuid id;
    int64_t parts;     /* staged */
    bool part_pending; /* a job that stages pending was asked for */
    /* From prepare: */
    struct pst_envelope_facts facts;
    bool whole;
    enum pst_admit_signature signature;
    struct pst_buf head_sealed;
    struct pst_uuid event_id;
    struct pst_uuid notice_email;
    struct pst_uuid notice_sms;
};

static void upload_wipe(void *state)
{
    struct upload *upload = state;
    pst_envelope_check_free(&upload->check);
    pst_buf_free(&upload->head);
    pst_buf_free(&upload->pending);
    pst_buf_free(&upload->head_sealed);
}

static bool type_is_sealed(const struct pst_request *request)
{
    static const char wanted[] = PST_ENVELOPE_MEDIA_TYPE;
    const char *type = pst_request_header(request, "Content-Type");
    if (type == NULL || strncasecmp(type, wanted, sizeof wanted - 1) != 0)
        return false;
    type += sizeof wanted - 1;
    type += strspn(type, " \t");
    return *type == '\0' || *type == ';';
}

static enum pst_err post_begin(struct pst_request *request, int64_t declared)
{
    struct upload *upload = NULL;
    if (declared > request->config->limits.message_size_bytes)
        return pst_request_refuse(request, PST_REFUSAL_TOO_LARGE, NULL);
    enum pst_err r = pst_request_state_new(request, sizeof *upload, upload_wipe, (void **)&upload);
    if (r != PST_OK)
        return r;
    upload->declared = declared;
    pst_buf_init(&upload->head, HEAD_MAX_BYTES);
    pst_buf_init(&upload->pending, PST_BODY_PART_BYTES + PIECE_MAX_BYTES);
    pst_buf_init(&upload->head_sealed, HEAD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES);
    pst_uuid_v7(request->now_ms, NULL, &upload->id);
    upload->wrong_type = !type_is_sealed(request);
    if (upload->wrong_type) {
        upload->flawed = true;
        return PST_OK;
    }
    return pst_envelope_check_new(&upload->check);
}

/* ---- the verdict ---------------------------------------------------------- */

static struct pst_admit_ask ask_of(const struct pst_request *request, const struct upload *upload,
                                   enum pst_admit_mode mode)
{
    struct pst_admit_ask ask = {.mode = mode, .thread = request->ids[0]};
    uint64_t declared = upload->declared > 0 ? (uint64_t)upload->declared : 0;
    ask.head = upload->flawed ? NULL : pst_envelope_check_head(upload->check);
    ask.size_bytes = upload->size > declared ? upload->size : declared;
    ask.signature = upload->signature;
    if (upload->flawed)
        ask.seal = PST_ADMIT_SEAL_BROKEN;
    else if (upload->whole)
        ask.seal = PST_ADMIT_SEAL_WHOLE;
    else
        ask.seal = upload->has_head ? PST_ADMIT_SEAL_HEADER : PST_ADMIT_SEAL_BROKEN;
    if (upload->whole)
        ask.hash = &upload->facts.sha256;
    return ask;
}

/* wrong-recipients tells the ids of the right keys. */
static enum pst_err refuse(struct pst_tx *tx, struct pst_request *request,
                           const struct pst_admit_ask *ask, const struct pst_admit_result *result)
{
    char texts[PST_FACT_KEYS_MAX][PST_KEY_ID_TEXT_SIZE];
    const char *keys[PST_FACT_KEYS_MAX];
    struct pst_problem_extra more = {0};
    struct pst_event event;
    if (result->verdict.code == PST_REFUSAL_WRONG_RECIPIENTS) {
        for (size_t i = 0; i < result->key_ids_count; i++) {
            pst_key_id_format(&result->key_ids[i], texts[i]);
            keys[i] = texts[i];
        }
        more.keys = keys;
        more.keys_count = result->key_ids_count;
    }
    more.status = result->verdict.http;
    more.retry_s = (result->verdict.retry_ms + PST_SECOND_MS - 1) / PST_SECOND_MS;
    pst_admit_event(request, ask, result, &event);
    enum pst_err r = pst_request_event_put(tx, &event);
    return r == PST_OK
               ? pst_request_refuse_recorded(request, result->verdict.code, &more, &event.id)
               : r;
}

/* On the header alone. An answer is set only when it is a refusal. */
static enum pst_err decide_header(struct pst_tx *tx, struct pst_request *request)
{
    struct upload *upload = request->state;
    struct pst_admit_result result;
    struct pst_admit_ask ask = ask_of(request, upload, PST_ADMIT_HEADER);
    enum pst_err r = pst_admit_thread(tx, request, &ask, &result);
    if (r == PST_OK && result.verdict.code != PST_REFUSAL_NONE)
        r = refuse(tx, request, &ask, &result);
    return r;
}

/* ---- while it arrives ------------------------------------------------------ */

static enum pst_err read_keys(struct pst_tx *tx, void *ctx);
static enum pst_err check_signature(struct pst_request *request, struct upload *upload);

static enum pst_err stage_job(struct pst_tx *tx, struct pst_request *request)
{
    struct upload *upload = request->state;
    if (!upload->staging) {
        enum pst_err r = decide_header(tx, request);
        if (r != PST_OK || pst_request_answered(request))
            return r;
    }
    enum pst_err r = pst_staging_add(tx, &upload->id, upload->parts + 1, &request->caller.person,
                                     request->now_ms, request->config->limits.staging_quota_bytes,
                                     pst_bytes(upload->pending.bytes, PST_BODY_PART_BYTES));
    if (r == PST_ERR_DENIED)
        return pst_request_refuse(request, PST_REFUSAL_TOO_LARGE, NULL);
    return r;
}

/* The job went well: what it staged is not pending any more. */
static void stage_taken(struct upload *upload)
{
    if (!upload->part_pending)
        return;
    upload->part_pending = false;
    upload->staging = true;
    upload->parts++;
    pst_buf_consume(&upload->pending, PST_BODY_PART_BYTES);
}

static enum pst_err stage(struct pst_request *request, struct upload *upload)
{
    if (!upload->staging) {
        enum pst_err r = check_signature(request, upload);
        if (r != PST_OK)
            return r;
    }
    upload->part_pending = true;
    return pst_request_job(request, stage_job);
}

/* Keeps the head apart once all of it is there; what follows stays pending. */
static enum pst_err split_head(struct upload *upload)
{
    struct pst_bytes lines = pst_envelope_check_head_bytes(upload->check);
    struct pst_bytes age = pst_envelope_check_age_header(upload->check);
    if (age.len == 0)
        return PST_OK;
    upload->has_head = true;
    enum pst_err r = pst_buf_append_bytes(&upload->head, lines);
    if (r == PST_OK)
        r = pst_buf_append_bytes(&upload->head, age);
    if (r == PST_OK)
        pst_buf_consume(&upload->pending, lines.len + age.len);
    return r;
}

/* Not what it says: nothing of it is kept, the rest is not looked at. */
static enum pst_err give_up(struct pst_request *request, struct upload *upload)
{
    uint64_t declared = upload->declared > 0 ? (uint64_t)upload->declared : 0;
    upload->flawed = true;
    pst_buf_free(&upload->pending);
    if (upload->declared >= 0 && declared < upload->size + EARLY_BYTES)
        return PST_OK;
    return pst_request_job(request, decide_header);
}

/* All of a piece: what is left of one is not offered again before more has come. */
static enum pst_err take(struct pst_request *request, struct upload *upload, struct pst_bytes bytes)
{
    enum pst_envelope_flaw flaw = pst_envelope_check_update(upload->check, bytes);
    if (flaw == PST_ENVELOPE_FAILED)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_buf_append_bytes(&upload->pending, bytes);
    if (r != PST_OK)
        return r;
    if (flaw != PST_ENVELOPE_OK)
        return give_up(request, upload);
    if (!upload->has_head)
        r = split_head(upload);
    if (r != PST_OK || upload->pending.len <= PST_BODY_PART_BYTES)
        return r;
    return upload->has_head ? stage(request, upload) : give_up(request, upload);
}

static enum pst_err post_piece(struct pst_request *request, struct pst_bytes bytes,
                               size_t *ret_taken)
{
    struct upload *upload = request->state;
    uint64_t max = (uint64_t)request->config->limits.message_size_bytes;
    struct pst_bytes piece = {bytes.ptr, bytes.len < PIECE_MAX_BYTES ? bytes.len : PIECE_MAX_BYTES};
    stage_taken(upload);
    if (upload->size + piece.len > max)
        return pst_request_refuse(request, PST_REFUSAL_TOO_LARGE, NULL);
    upload->size += piece.len;
    *ret_taken = piece.len;
    return upload->flawed ? PST_OK : take(request, upload, piece);
}

struct drop {
    struct pst_store_job job;
    struct pst_uuid upload;
};

static enum pst_err drop_run(struct pst_tx *tx, void *ctx)
{
    const struct drop *drop = ctx;
    return pst_staging_drop(tx, &drop->upload);
}

static void drop_done(struct pst_store_job *job, enum pst_err result)
{
    /* What is left then is swept. */
    (void)result;
    free(job->ctx);
}

static void post_abandon(struct pst_request *request)
{
    const struct upload *upload = request->state;
    if (!upload->staging && !upload->part_pending)
        return;
    struct drop *drop = calloc(1, sizeof *drop);
    if (drop == NULL)
        return;
    drop->upload = upload->id;
    drop->job =
        (struct pst_store_job){.fn = drop_run, .ctx = drop, .done = drop_done, .shared = true};
    if (pst_store_submit(request->store, &drop->job) != PST_OK)
        free(drop);
}

static const struct pst_route_upload upload_calls = {
    .begin = post_begin, .piece = post_piece, .abandon = post_abandon};

/* ---- outside the transaction ------------------------------------------------ */

struct keys_read {
    const struct pst_request *request;
    struct pst_post_keys keys;
};

static enum pst_err read_keys(struct pst_tx *tx, void *ctx)
{
    struct keys_read *read = ctx;
    return pst_post_keys_get(tx, &read->request->ids[0], &read->request->caller.person,
                             &read->keys);
}

/* Whose words the header says these are, and by which way. */
static bool header_is_ours(const struct pst_request *request,
                           const struct pst_envelope_header *header)
{
    bool forwarded = header->via == PST_VIA_REDIRECT && pst_request_is(request, PST_ROLE_CLINICIAN);
    return strcmp(header->origin, request->origin) == 0 &&
           pst_uuid_equal(&header->thread, &request->ids[0]) &&
           pst_uuid_equal(&header->from, &request->caller.person) &&
           (header->via == PST_VIA_NONE || forwarded);
}

static enum pst_admit_signature signature_of(const struct pst_request *request,
                                             const struct upload *upload,
                                             const struct pst_post_keys *keys)
{
    const struct pst_envelope_head *head = pst_envelope_check_head(upload->check);
    if (head == NULL)
        return PST_ADMIT_SIGNATURE_UNKNOWN;
    if (!header_is_ours(request, &head->header))
        return PST_ADMIT_SIGNATURE_OTHER_HEADER;
    if (!keys->has_sign_key)
        return PST_ADMIT_SIGNATURE_UNKNOWN_KEY;
    switch (
        pst_envelope_verify(head, pst_envelope_check_head_bytes(upload->check), &keys->sign_key)) {
    case PST_OK:
        return PST_ADMIT_SIGNATURE_GOOD;
    case PST_ERR_NO_KEY:
        return PST_ADMIT_SIGNATURE_UNKNOWN_KEY;
    default:
        return PST_ADMIT_SIGNATURE_WRONG;
    }
}

/* Part 0 is kept under the patient's key, in a room under the vault's. */
static enum pst_err seal_head(const struct pst_request *request, struct upload *upload,
                              const struct pst_post_keys *keys)
{
    const struct pst_envelope_head *head = pst_envelope_check_head(upload->check);
    struct pst_vault_place place = pst_field_of(PST_FIELD_BODY_HEAD, &head->header.id);
    struct pst_bytes plain = pst_buf_bytes(&upload->head);
    pst_buf_clear(&upload->head_sealed);
    if (pst_uuid_is_nil(&keys->patient))
        return pst_vault_field_seal(request->vault, place, plain, &upload->head_sealed);
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    enum pst_err r =
        pst_patient_key_unwrap(request->vault, &keys->patient, pst_buf_bytes(&keys->key_enc), &key);
    return r == PST_OK ? pst_patient_key_seal(key, place, plain, &upload->head_sealed) : r;
}

static enum pst_err check_signature(struct pst_request *request, struct upload *upload)
{
    struct keys_read read = {.request = request};
    pst_buf_init(&read.keys.key_enc, KEY_ENC_MAX_BYTES);
    enum pst_err r = pst_store_read_one(request->store, read_keys, &read);
    if (r == PST_OK) {
        upload->signature = signature_of(request, upload, &read.keys);
        r = seal_head(request, upload, &read.keys);
    }
    pst_buf_free(&read.keys.key_enc);
    return r;
}

static enum pst_err post_prepare(struct pst_request *request)
{
    struct upload *upload = request->state;
    if (upload == NULL)
        return PST_ERR_INTERNAL;
    stage_taken(upload);
    pst_uuid_v7(request->now_ms, NULL, &upload->notice_email);
    pst_uuid_v7(request->now_ms, NULL, &upload->notice_sms);
    if (upload->flawed)
        return PST_OK;
    enum pst_envelope_flaw flaw = pst_envelope_check_finish(upload->check, &upload->facts);
    if (flaw == PST_ENVELOPE_FAILED)
        return PST_ERR_NOMEM;
    upload->whole = flaw == PST_ENVELOPE_OK;
    upload->flawed = !upload->whole;
    return upload->whole ? check_signature(request, upload) : PST_OK;
}

/* ---- in the transaction ------------------------------------------------------ */

static enum pst_err answer_accepted(struct pst_request *request, const struct pst_uuid *id,
                                    int64_t seq, int64_t accepted_ms, const struct pst_uuid *event)
{
    char message[PST_UUID_TEXT_SIZE];
    char thread[PST_UUID_TEXT_SIZE];
    char event_text[PST_UUID_TEXT_SIZE];
    char accepted[PST_TIME_TEXT_SIZE];
    char location[sizeof "/v1/messages/" + PST_UUID_TEXT_LEN];
    pst_uuid_format(id, message);
    pst_uuid_format(&request->ids[0], thread);
    pst_uuid_format(event, event_text);
    pst_time_format(accepted_ms, accepted);
    (void)snprintf(location, sizeof location, "/v1/messages/%s", message);
    enum pst_err r = pst_request_json(request, /* status= */ 201,
                                      json_pack("{s:s, s:s, s:I, s:s, s:s}", "id", message,
                                                "thread", thread, "seq", (json_int_t)seq,
                                                "accepted", accepted, "event", event_text));
    return r == PST_OK ? pst_request_location(request, location) : r;
}

static enum pst_err insert(struct pst_tx *tx, const struct pst_request *request,
                           const struct upload *upload, const struct pst_admit_result *result,
                           const struct pst_uuid *event)
{
    const struct pst_envelope_header *header = &pst_envelope_check_head(upload->check)->header;
    struct pst_message_acceptance acceptance = {
        .message = {.id = header->id,
                    .thread = header->thread,
                    .seq = result->thread.last_seq + 1,
                    .sender = header->from,
                    .category = header->category,
                    .sent_ms = header->sent_ms,
                    .accepted_ms = request->now_ms,
                    .size_bytes = (int64_t)upload->facts.size,
                    .attachments = header->attachments,
                    .images = header->images,
                    .via = header->via},
        .hash = upload->facts.sha256,
        .event = *event,
        .consent = result->thread.consent,
        .keys = header->keys,
        .keys_count = header->keys_count,
        .head = pst_buf_bytes(&upload->head_sealed),
        .payload = pst_buf_bytes(&upload->pending),
        .upload_parts = upload->parts,
    };
    if (header->has_replyto)
        acceptance.message.replyto = header->replyto;
    if (upload->staging)
        acceptance.upload = upload->id;
    return pst_message_accept(tx, &acceptance);
}

/* Patients are told of what they received, by the ways they agreed to. */
static enum pst_err queue_notice(struct pst_tx *tx, const struct pst_request *request,
                                 const struct upload *upload, const struct pst_admit_result *result)
{
    const struct pst_thread_facts *thread = &result->thread;
    uint32_t purposes = thread->consent_purposes;
    if (thread->as != PST_THREAD_AS_TEAM)
        return PST_OK;
    struct pst_notice_order order = {
        .email_id = upload->notice_email,
        .sms_id = upload->notice_sms,
        .thread = request->ids[0],
        .patient = thread->patient,
        .consent = thread->consent,
        .email = (purposes & PST_ADMIT_PURPOSE(PST_PURPOSE_EMAIL_NOTICE)) != 0 &&
                 !thread->no_email_notice,
        .sms =
            (purposes & PST_ADMIT_PURPOSE(PST_PURPOSE_SMS_NOTICE)) != 0 && !thread->no_sms_notice,
        .now_ms = request->now_ms,
    };
    return pst_notice_queue(tx, &order);
}

static enum pst_err accept(struct pst_tx *tx, struct pst_request *request,
                           const struct upload *upload, const struct pst_admit_ask *ask,
                           const struct pst_admit_result *result)
{
    struct pst_event event;
    pst_admit_event(request, ask, result, &event);
    enum pst_err r = insert(tx, request, upload, result, &event.id);
    if (r == PST_OK)
        r = pst_request_event_put(tx, &event);
    if (r == PST_OK)
        r = queue_notice(tx, request, upload, result);
    if (r == PST_OK)
        r = answer_accepted(request, &ask->head->header.id, result->thread.last_seq + 1,
                            request->now_ms, &event.id);
    return r;
}

static enum pst_err post_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct upload *upload = request->state;
    struct pst_admit_result result;
    struct pst_admit_ask ask = ask_of(request, upload, PST_ADMIT_MESSAGE);
    enum pst_err r = pst_facts_lock(tx, &ask.thread, &request->caller.person);
    if (r == PST_OK)
        r = pst_admit_thread(tx, request, &ask, &result);
    if (r != PST_OK)
        return r;
    const struct pst_thread_facts *thread = &result.thread;
    bool admitted = !result.repeat && result.verdict.code == PST_REFUSAL_NONE;
    if (!admitted && upload->staging)
        r = pst_staging_drop(tx, &upload->id);
    if (r != PST_OK)
        return r;
    if (result.repeat)
        return answer_accepted(request, &ask.head->header.id, thread->earlier_seq,
                               thread->earlier_accepted_ms, &thread->earlier_event);
    return admitted ? accept(tx, request, upload, &ask, &result)
                    : refuse(tx, request, &ask, &result);
}

const struct pst_route pst_routes_messages_post[] = {
    {.method = "POST",
     .path = "/v1/threads/{id}/messages",
     .roles = PST_WEB_PATIENTS | PST_ROLE_CLINICIAN,
     .flags = PST_WEB_SHARED,
     .kind = PST_WEB_WRITE,
     .upload = &upload_calls,
     .prepare = post_prepare,
     .run = post_run},
    {0},
};
