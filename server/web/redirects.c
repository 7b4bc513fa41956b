/*
 * /v1/redirects: a contact by a personal channel is recorded and answered with
 * words that send it back into the safe one. Nothing of what was written is
 * taken, and of the address only a keyed hash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/redirects.h"
#include "server/vault/fields.h"
#include "server/vault/normal.h"
#include "server/web/cursor.h"
#include "server/web/messages.h"
#include "server/web/redirect_words.h"

/* A handle in a social network has no form of its own. */
#define INDEX_SOCIAL "redirect.social"

typedef enum pst_err (*normal_fn)(struct pst_bytes text, struct pst_buf *out);

/* What people say, what events say, and how an address of it is hashed. */
static const struct contact {
    const char *name;
    enum pst_channel channel;
    normal_fn normal;
    const char *index;
} contacts[] = {
    {"email", PST_CHANNEL_REDIRECT, pst_normal_email, PST_INDEX_EMAIL},
    {"sms", PST_CHANNEL_SMS, pst_normal_phone, PST_INDEX_PHONE},
    {"social", PST_CHANNEL_SOCIAL, pst_normal_login, INDEX_SOCIAL},
    {"phone", PST_CHANNEL_PHONE, pst_normal_phone, PST_INDEX_PHONE},
};
#define CONTACTS_COUNT (sizeof contacts / sizeof contacts[0])

static const struct contact *contact_find(const char *name)
{
    for (size_t i = 0; i < CONTACTS_COUNT; i++)
        if (strcmp(contacts[i].name, name) == 0)
            return &contacts[i];
    return NULL;
}

static const char *contact_name(enum pst_channel channel)
{
    for (size_t i = 0; i < CONTACTS_COUNT; i++)
        if (contacts[i].channel == channel)
            return contacts[i].name;
    return "email";
}

/* ---- recording ---------------------------------------------------------------- */

struct redirect_body {
    struct pst_uuid id;
    struct pst_uuid patient;
    struct pst_uuid thread;
    const char *channel;
    const char *address;
    const char *language;
};

static const struct pst_json_member body_members[] = {
    {"id", PST_JSON_UUID7, PST_JSON_REQUIRED, offsetof(struct redirect_body, id), 0},
    {"patient", PST_JSON_UUID, PST_JSON_REQUIRED, offsetof(struct redirect_body, patient), 0},
    {"thread", PST_JSON_UUID, 0, offsetof(struct redirect_body, thread), 0},
    {"channel", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct redirect_body, channel), 0},
    {"address", PST_JSON_TEXT, 0, offsetof(struct redirect_body, address), PST_EMAIL_MAX_BYTES},
    {"language", PST_JSON_TEXT, 0, offsetof(struct redirect_body, language), 0},
};

/* The address as its keyed hash; an answer is set when it is none. */
static enum pst_err hash_address(struct pst_request *request, const struct contact *contact,
                                 const char *address, uint8_t *ret_index)
{
    PST_BUF struct pst_buf normal = {.max = 2 * PST_EMAIL_MAX_BYTES};
    enum pst_err r = contact->normal(pst_bytes_str(address), &normal);
    if (r == PST_ERR_NOMEM)
        return r;
    if (r != PST_OK)
        return pst_request_bad(request, "address");
    return pst_vault_index(request->vault, contact->index, pst_buf_bytes(&normal), ret_index);
}

/* A thread that is named is one of this patient's that the caller belongs to. */
static enum pst_err check_thread(struct pst_tx *tx, const struct pst_request *request,
                                 const struct redirect_body *body)
{
    struct pst_thread thread;
    if (pst_uuid_is_nil(&body->thread))
        return PST_OK;
    enum pst_err r =
        pst_thread_get(tx, &body->thread, &request->caller.person, request->now_ms, &thread);
    if (r == PST_OK && !pst_uuid_equal(&thread.patient, &body->patient))
        return PST_ERR_NOT_FOUND;
    return r;
}

static enum pst_err put_event(struct pst_tx *tx, const struct redirect_body *body,
                              const struct contact *contact, struct pst_event *event)
{
    event->has |= PST_EVENT_HAS_PATIENT | PST_EVENT_HAS_DIRECTION | PST_EVENT_HAS_CHANNEL |
                  PST_EVENT_HAS_FROM | PST_EVENT_HAS_CODE;
    event->patient = body->patient;
    event->direction = PST_DIRECTION_IN;
    event->channel = contact->channel;
    event->from = body->patient;
    (void)snprintf(event->code, sizeof event->code, "%s",
                   pst_refusal_code(PST_REFUSAL_PERSONAL_CHANNEL));
    if (!pst_uuid_is_nil(&body->thread)) {
        event->has |= PST_EVENT_HAS_THREAD;
        event->thread = body->thread;
    }
    return pst_request_event_put(tx, event);
}

static enum pst_err answer_words(struct pst_request *request, const struct redirect_body *body,
                                 const char *language, const struct pst_uuid *event)
{
    json_t *object =
        json_pack("{s:s, s:s}", "code", pst_refusal_code(PST_REFUSAL_PERSONAL_CHANNEL), "words",
                  pst_redirect_words(body->language != NULL ? body->language : language));
    enum pst_err r = pst_json_put_uuid(object, "id", &body->id);
    if (r == PST_OK)
        r = pst_json_put_uuid(object, "event", event);
    if (r == PST_OK)
        return pst_request_json(request, /* status= */ 201, object);
    json_decref(object);
    return r;
}

static enum pst_err record(struct pst_tx *tx, struct pst_request *request,
                           const struct redirect_body *body, const struct contact *contact)
{
    uint8_t index[PST_VAULT_HASH_BYTES];
    char language[PST_REDIRECT_LANGUAGE_SIZE];
    struct pst_event event;
    struct pst_uuid event_id;
    bool is_new = false;
    enum pst_err r = pst_redirect_patient(tx, &body->patient, &request->caller.person, language);
    if (r == PST_OK)
        r = check_thread(tx, request, body);
    if (r == PST_OK && body->address != NULL)
        r = hash_address(request, contact, body->address, index);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    pst_request_event_init(request, PST_EVENT_EXCHANGE, &event);
    struct pst_redirect redirect = {.id = body->id,
                                    .patient = body->patient,
                                    .by = request->caller.person,
                                    .channel = contact->channel,
                                    .thread = body->thread,
                                    .event = event.id,
                                    .at_ms = request->now_ms};
    if (body->address != NULL)
        redirect.address_index = pst_bytes(index, sizeof index);
    r = pst_redirect_put(tx, &redirect, &event_id, &is_new);
    if (r == PST_OK && is_new)
        r = put_event(tx, body, contact, &event);
    return r == PST_OK ? answer_words(request, body, language, &event_id) : r;
}

static enum pst_err redirect_add(struct pst_tx *tx, struct pst_request *request)
{
    struct redirect_body body;
    enum pst_err r = pst_request_decode(request, body_members,
                                        sizeof body_members / sizeof body_members[0], &body, NULL);
    if (r != PST_OK)
        return r;
    const struct contact *contact = contact_find(body.channel);
    if (contact == NULL)
        return pst_request_bad(request, "channel");
    if (body.language != NULL && !pst_redirect_has_words(body.language))
        return pst_request_bad(request, "language");
    return record(tx, request, &body, contact);
}

/* ---- list ------------------------------------------------------------------------ */

static enum pst_err append_item(json_t *items, const struct pst_redirect *redirect)
{
    json_t *item = json_pack("{s:s, s:b}", "channel", contact_name(redirect->channel), "converted",
                             (int)redirect->converted);
    if (json_array_append_new(items, item) != 0)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_json_put_uuid(item, "id", &redirect->id);
    if (r == PST_OK)
        r = pst_json_put_uuid(item, "patient", &redirect->patient);
    if (r == PST_OK)
        r = pst_json_put_uuid(item, "by", &redirect->by);
    if (r == PST_OK)
        r = pst_json_put_time(item, "at", redirect->at_ms);
    return r;
}

static enum pst_err answer_list(struct pst_request *request, const struct pst_redirect *redirects,
                                size_t count, unsigned limit)
{
    PST_JSON json_t *items = json_array();
    char next[PST_CURSOR_SIZE] = "";
    size_t shown = count > limit ? limit : count;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < shown; i++)
        r = append_item(items, &redirects[i]);
    if (r != PST_OK)
        return r;
    if (count > limit)
        pst_cursor_write(redirects[shown - 1].at_ms, &redirects[shown - 1].id, next);
    return pst_request_list(request, json_incref(items), next[0] != '\0' ? next : NULL);
}

static enum pst_err redirect_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_page page;
    struct pst_redirect after = {0};
    struct pst_uuid by = {0};
    size_t count = 0;
    enum pst_err r = pst_request_page(request, &page);
    if (r == PST_OK)
        r = pst_cursor_read(request, page.cursor, &after.at_ms, &after.id);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    if (!pst_request_is(request, PST_ROLE_INTAKE | PST_ROLE_COMPLIANCE))
        by = request->caller.person;
    size_t max = (size_t)page.limit + 1;
    PST_FREE struct pst_redirect *redirects = calloc(max, sizeof *redirects);
    if (redirects == NULL)
        return PST_ERR_NOMEM;
    r = pst_redirect_list(tx, &by, &after, redirects, max, &count);
    return r == PST_OK ? answer_list(request, redirects, count, page.limit) : r;
}

const struct pst_route pst_routes_redirects[] = {
    {.method = "POST",
     .path = "/v1/redirects",
     .roles = PST_ROLE_CLINICIAN | PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .run = redirect_add},
    {.method = "GET",
     .path = "/v1/redirects",
     .roles = PST_ROLE_CLINICIAN | PST_ROLE_INTAKE | PST_ROLE_COMPLIANCE,
     .kind = PST_WEB_READ,
     .query = "limit cursor",
     .run = redirect_list},
    {0},
};
