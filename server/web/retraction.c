/*
 * POST /v1/messages/{id}/retraction: its sender takes a message back. The
 * message and the signed retraction both stay; whoever has not opened it yet
 * is not given it any more.
 */
#include "postern/record.h"
#include "server/web/acknowledgement.h"
#include "server/web/messages.h"

struct retraction_body {
    const char *record;
};

static const struct pst_json_member body_members[] = {
    {"record", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct retraction_body, record),
     PST_RECORD_MAX_BYTES},
};

static enum pst_err answer(struct pst_request *request, const struct pst_uuid *event)
{
    json_t *object = json_object();
    enum pst_err r = pst_json_put_uuid(object, "message", &request->ids[0]);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "event", event);
    if (r == PST_OK)
        r = pst_json_put_time(object, "retracted", request->now_ms);
    if (r == PST_OK)
        return pst_request_json(request, /* status= */ 201, object);
    json_decref(object);
    return r;
}

static enum pst_err retract(struct pst_tx *tx, struct pst_request *request,
                            const struct pst_thread *thread, const char *text)
{
    struct pst_event event;
    struct pst_sha256 hash;
    bool first = false;
    enum pst_err r = pst_acknowledgement_check(tx, request, PST_RECORD_RETRACTION, text, &hash);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    r = pst_message_retract(tx, &request->ids[0], request->now_ms, text, &first);
    if (r != PST_OK)
        return r;
    if (!first)
        return PST_ERR_CONFLICT;
    pst_request_event_init(request, PST_EVENT_RETRACTION, &event);
    pst_acknowledgement_event(request, thread, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = hash;
    r = pst_request_event_put(tx, &event);
    return r == PST_OK ? answer(request, &event.id) : r;
}

static enum pst_err retraction_add(struct pst_tx *tx, struct pst_request *request)
{
    struct retraction_body body;
    struct pst_message message;
    struct pst_thread thread;
    enum pst_err r = pst_request_decode(request, body_members,
                                        sizeof body_members / sizeof body_members[0], &body, NULL);
    if (r == PST_OK)
        r = pst_message_seen(tx, request, &message, &thread);
    if (r != PST_OK)
        return r;
    if (!pst_uuid_equal(&message.sender, &request->caller.person))
        return PST_ERR_NOT_FOUND;
    return retract(tx, request, &thread, body.record);
}

const struct pst_route pst_routes_retraction[] = {
    {.method = "POST",
     .path = "/v1/messages/{id}/retraction",
     .roles = PST_WEB_PATIENTS | PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .run = retraction_add},
    {0},
};
