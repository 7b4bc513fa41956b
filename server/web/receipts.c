/*
 * POST /v1/messages/{id}/receipts: a reader says that a message was opened, by
 * a signed record, or that it is not what it says, which only readers can see.
 */
#include <stdio.h>
#include <string.h>

#include "postern/record.h"
#include "server/web/acknowledgement.h"
#include "server/web/messages.h"

struct receipt_body {
    const char *record;
    const char *problem;
};

static const struct pst_json_member body_members[] = {
    {"record", PST_JSON_TEXT, 0, offsetof(struct receipt_body, record), PST_RECORD_MAX_BYTES},
    {"problem", PST_JSON_TEXT, 0, offsetof(struct receipt_body, problem), 0},
};

/* What readers can find, and the code that says it in the record. */
static const struct problem {
    const char *name;
    enum pst_refusal code;
} problems[] = {
    {"stanza", PST_REFUSAL_WRONG_RECIPIENTS},
    {"signature", PST_REFUSAL_BAD_SIGNATURE},
    {"headers", PST_REFUSAL_BAD_SIGNATURE},
};

static const struct problem *problem_find(const char *name)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (strcmp(name, problems[i].name) == 0)
            return &problems[i];
    return NULL;
}

static enum pst_err answer(struct pst_request *request, const struct pst_event *event,
                           int64_t opened_ms)
{
    json_t *object = json_object();
    enum pst_err r = pst_json_put_uuid(object, "message", &request->ids[0]);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "event", &event->id);
    if (r == PST_OK && opened_ms != 0)
        r = pst_json_put_time(object, "opened", opened_ms);
    if (r == PST_OK)
        return pst_request_json(request, /* status= */ 201, object);
    json_decref(object);
    return r;
}

/* What only a reader can find: it goes into the record for the compliance officer. */
static enum pst_err report(struct pst_tx *tx, struct pst_request *request,
                           const struct pst_thread *thread, const struct problem *problem)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_REPORT, &event);
    pst_acknowledgement_event(request, thread, &event);
    event.has |= PST_EVENT_HAS_CODE;
    (void)snprintf(event.code, sizeof event.code, "%s", pst_refusal_code(problem->code));
    enum pst_err r = pst_request_event_put(tx, &event);
    return r == PST_OK ? answer(request, &event, /* opened_ms= */ 0) : r;
}

static enum pst_err opened(struct pst_tx *tx, struct pst_request *request,
                           const struct pst_thread *thread, const char *text)
{
    struct pst_event event;
    bool first = false;
    enum pst_err r = pst_acknowledgement_check(tx, request, PST_RECORD_OPENED, text, &event.record);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    struct pst_sha256 hash = event.record;
    r = pst_receipt_opened(tx, &request->ids[0], &request->caller.person, request->now_ms, text,
                           &first);
    if (r != PST_OK)
        return r;
    pst_request_event_init(request, PST_EVENT_OPENED, &event);
    pst_acknowledgement_event(request, thread, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = hash;
    /* Said again, it is answered again and recorded once more: who says it costs nobody else. */
    r = pst_request_event_put(tx, &event);
    return r == PST_OK ? answer(request, &event, request->now_ms) : r;
}

static enum pst_err receipt_add(struct pst_tx *tx, struct pst_request *request)
{
    struct receipt_body body;
    struct pst_message message;
    struct pst_thread thread;
    bool received = false;
    enum pst_err r = pst_request_decode(request, body_members,
                                        sizeof body_members / sizeof body_members[0], &body, NULL);
    if (r == PST_OK)
        r = pst_message_seen(tx, request, &message, &thread);
    if (r == PST_OK)
        r = pst_message_received_by(tx, &message.id, &request->caller.person, &received);
    if (r != PST_OK)
        return r;
    /* Opening is the recipients'; what is wrong with a message concerns all who can see it. */
    if (!received && body.problem == NULL)
        return PST_ERR_NOT_FOUND;
    if ((body.record == NULL) == (body.problem == NULL))
        return pst_request_bad(request, "record");
    if (body.record != NULL)
        return opened(tx, request, &thread, body.record);
    const struct problem *problem = problem_find(body.problem);
    return problem != NULL ? report(tx, request, &thread, problem)
                           : pst_request_bad(request, "problem");
}

const struct pst_route pst_routes_receipts[] = {
    {.method = "POST",
     .path = "/v1/messages/{id}/receipts",
     .roles = PST_WEB_PATIENTS | PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON | PST_WEB_SHARED,
     .kind = PST_WEB_WRITE,
     .run = receipt_add},
    {0},
};
