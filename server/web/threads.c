/*
 * /v1/threads: a person's conversations, opening one, closing and assigning.
 *
 * Whoever does not belong to a thread is answered as if it did not exist.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/vault/fields.h"
#include "server/web/cursor.h"
#include "server/web/messages.h"

#define MEMBERS (PST_WEB_PATIENTS | PST_ROLE_CLINICIAN)

/* A name as the vault sealed it is a little longer than the name. */
#define NAME_MAX_BYTES ((size_t)1024)

enum pst_err pst_json_put_uuid(json_t *object, const char *name, const struct pst_uuid *id)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    return json_object_set_new(object, name, json_string(text)) == 0 ? PST_OK : PST_ERR_NOMEM;
}

enum pst_err pst_json_put_time(json_t *object, const char *name, int64_t at_ms)
{
    char text[PST_TIME_TEXT_SIZE];
    pst_time_format(at_ms, text);
    return json_object_set_new(object, name, json_string(text)) == 0 ? PST_OK : PST_ERR_NOMEM;
}

/* ---- one thread as JSON ---------------------------------------------------- */

static const char *role_name(enum pst_thread_as as)
{
    switch (as) {
    case PST_THREAD_AS_PATIENT:
        return "patient";
    case PST_THREAD_AS_REPRESENTATIVE:
        return "representative";
    case PST_THREAD_AS_TEAM:
        return "team";
    default:
        return "clinician";
    }
}

static enum pst_err append_member(json_t *members, const struct pst_uuid *id, enum pst_thread_as as,
                                  const char *name)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    json_t *member = json_pack("{s:s, s:s, s:s}", "id", text, "role", role_name(as), "name", name);
    return json_array_append_new(members, member) == 0 ? PST_OK : PST_ERR_NOMEM;
}

struct people {
    const struct pst_vault *vault;
    json_t *members;
};

static enum pst_err add_person(void *ctx, const struct pst_thread_person *person)
{
    struct people *people = ctx;
    PST_BUF struct pst_buf name = {.max = NAME_MAX_BYTES};
    enum pst_err r = pst_vault_field_open(
        people->vault, pst_field_of(PST_FIELD_PERSON_NAME, &person->id), person->name_enc, &name);
    if (r != PST_OK)
        return r;
    return append_member(people->members, &person->id, person->as, pst_buf_str(&name));
}

static enum pst_err put_members(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_thread *thread, json_t *object)
{
    struct people people = {.vault = request->vault, .members = json_array()};
    if (json_object_set_new(object, "members", people.members) != 0)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_thread_people(tx, &thread->id, request->now_ms, add_person, &people);
    if (r == PST_OK && !pst_uuid_is_nil(&thread->team))
        r = append_member(people.members, &thread->team, PST_THREAD_AS_TEAM, thread->team_name);
    return r;
}

static enum pst_err put_last(struct pst_tx *tx, const struct pst_thread *thread, json_t *object)
{
    struct pst_message message;
    if (thread->last_seq == 0)
        return PST_OK;
    enum pst_err r = pst_message_at(tx, &thread->id, thread->last_seq, &message);
    if (r != PST_OK)
        return r == PST_ERR_NOT_FOUND ? PST_OK : r;
    json_t *last =
        json_pack("{s:s, s:I, s:s}", "category", pst_category_name(message.category), "size",
                  (json_int_t)message.size_bytes, "state", pst_message_state(&message));
    if (json_object_set_new(object, "last", last) != 0)
        return PST_ERR_NOMEM;
    r = pst_json_put_uuid(last, "id", &message.id);
    if (r == PST_OK)
        r = pst_json_put_uuid(last, "from", &message.sender);
    if (r == PST_OK)
        r = pst_json_put_time(last, "accepted", message.accepted_ms);
    return r;
}

static enum pst_err put_ids(const struct pst_thread *thread, json_t *object)
{
    static const char *const names[] = {"id", "patient", "team", "assigned"};
    const struct pst_uuid *const ids[] = {&thread->id, &thread->patient, &thread->team,
                                          &thread->assigned};
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < sizeof names / sizeof names[0]; i++)
        if (!pst_uuid_is_nil(ids[i]))
            r = pst_json_put_uuid(object, names[i], ids[i]);
    return r;
}

static enum pst_err thread_json(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_thread *thread, json_t **ret_json)
{
    PST_JSON json_t *object = json_object();
    int64_t unread = 0;
    enum pst_err r = put_ids(thread, object);
    if (r == PST_OK)
        r = put_members(tx, request, thread, object);
    if (r == PST_OK)
        r = pst_thread_unread(tx, thread, &request->caller.person, &unread);
    if (r == PST_OK)
        r = put_last(tx, thread, object);
    if (r != PST_OK)
        return r;
    const char *state = thread->state == PST_THREAD_OPEN ? "open" : "closed";
    if (json_object_set_new(object, "state", json_string(state)) != 0 ||
        json_object_set_new(object, "unread", json_integer(unread)) != 0)
        return PST_ERR_NOMEM;
    *ret_json = json_incref(object);
    return PST_OK;
}

static enum pst_err answer_thread(struct pst_tx *tx, struct pst_request *request, int status,
                                  const struct pst_uuid *id)
{
    struct pst_thread thread;
    json_t *object = NULL;
    enum pst_err r = pst_thread_get(tx, id, &request->caller.person, request->now_ms, &thread);
    if (r == PST_OK)
        r = thread_json(tx, request, &thread, &object);
    return r == PST_OK ? pst_request_json(request, status, object) : r;
}

static enum pst_err thread_show(struct pst_tx *tx, struct pst_request *request)
{
    return answer_thread(tx, request, /* status= */ 200, &request->ids[0]);
}

/* ---- list ------------------------------------------------------------------- */

static enum pst_err read_filter(struct pst_request *request, struct pst_thread_filter *ret_filter)
{
    const char *state = pst_request_query(request, "state");
    const char *patient = pst_request_query(request, "patient");
    *ret_filter = (struct pst_thread_filter){.state = -1};
    if (state != NULL && strcmp(state, "open") == 0)
        ret_filter->state = PST_THREAD_OPEN;
    else if (state != NULL && strcmp(state, "closed") == 0)
        ret_filter->state = PST_THREAD_CLOSED;
    else if (state != NULL)
        return pst_request_bad(request, "state");
    if (patient != NULL && pst_uuid_parse(patient, strlen(patient), &ret_filter->patient) != PST_OK)
        return pst_request_bad(request, "patient");
    return PST_OK;
}

static enum pst_err answer_list(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_thread *threads, size_t count, unsigned limit)
{
    PST_JSON json_t *items = json_array();
    char next[PST_CURSOR_SIZE] = "";
    size_t shown = count > limit ? limit : count;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < shown; i++) {
        json_t *item = NULL;
        r = thread_json(tx, request, &threads[i], &item);
        if (r == PST_OK && json_array_append_new(items, item) != 0)
            r = PST_ERR_NOMEM;
    }
    if (r != PST_OK)
        return r;
    if (count > limit)
        pst_cursor_write(threads[shown - 1].changed_at_ms, &threads[shown - 1].id, next);
    return pst_request_list(request, json_incref(items), next[0] != '\0' ? next : NULL);
}

static enum pst_err thread_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_page page;
    struct pst_thread_after after = {.changed_at_ms = INT64_MAX};
    struct pst_thread_filter filter;
    size_t count = 0;
    enum pst_err r = pst_request_page(request, &page);
    if (r == PST_OK)
        r = pst_cursor_read(request, page.cursor, &after.changed_at_ms, &after.id);
    if (r == PST_OK && !pst_request_answered(request))
        r = read_filter(request, &filter);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    size_t max = (size_t)page.limit + 1;
    PST_FREE struct pst_thread *threads = calloc(max, sizeof *threads);
    if (threads == NULL)
        return PST_ERR_NOMEM;
    r = pst_thread_list(tx, &request->caller.person, &filter, &after, request->now_ms, threads, max,
                        &count);
    return r == PST_OK ? answer_list(tx, request, threads, count, page.limit) : r;
}

/* ---- opening ------------------------------------------------------------------ */

struct opening {
    struct pst_uuid id;
    struct pst_uuid patient;
    struct pst_uuid team;
    json_t *room;
};

static const struct pst_json_member opening_members[] = {
    {"id", PST_JSON_UUID7, PST_JSON_REQUIRED, offsetof(struct opening, id), 0},
    {"patient", PST_JSON_UUID, 0, offsetof(struct opening, patient), 0},
    {"team", PST_JSON_UUID, 0, offsetof(struct opening, team), 0},
    {"room", PST_JSON_ARRAY, 0, offsetof(struct opening, room), PST_ROOM_MEMBERS_MAX},
};
enum { OPENING_ID, OPENING_PATIENT, OPENING_TEAM, OPENING_ROOM };

static int by_id(const void *a, const void *b)
{
    return pst_uuid_compare(a, b);
}

/* The room's people, in any order and with repeats as they came, sorted and once each. */
static enum pst_err read_room(const json_t *room, struct pst_uuid *ret_members, size_t *ret_count)
{
    size_t count = json_array_size(room);
    size_t kept = 0;
    if (count == 0 || count > PST_ROOM_MEMBERS_MAX - 1)
        return PST_ERR_SYNTAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(room, i);
        const char *text = json_string_value(item);
        if (text == NULL ||
            pst_uuid_parse(text, json_string_length(item), &ret_members[i]) != PST_OK)
            return PST_ERR_SYNTAX;
    }
    qsort(ret_members, count, sizeof *ret_members, by_id);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !pst_uuid_equal(&ret_members[kept - 1], &ret_members[i]))
            ret_members[kept++] = ret_members[i];
    *ret_count = kept;
    return PST_OK;
}

static enum pst_err open_room(struct pst_tx *tx, struct pst_request *request,
                              const struct opening *opening, bool *ret_new)
{
    struct pst_uuid members[PST_ROOM_MEMBERS_MAX];
    size_t count = 0;
    if (!pst_request_is(request, PST_ROLE_CLINICIAN))
        return PST_ERR_NOT_FOUND;
    if (read_room(opening->room, members, &count) != PST_OK)
        return pst_request_bad(request, "room");
    return pst_room_open(tx, &opening->id, members, count, &request->caller.person, request->now_ms,
                         ret_new);
}

static enum pst_err thread_open(struct pst_tx *tx, struct pst_request *request)
{
    struct opening opening;
    uint64_t present = 0;
    bool is_new = false;
    enum pst_err r =
        pst_request_decode(request, opening_members,
                           sizeof opening_members / sizeof opening_members[0], &opening, &present);
    if (r != PST_OK)
        return r;
    bool room = PST_JSON_HAS(present, OPENING_ROOM);
    bool patient = PST_JSON_HAS(present, OPENING_PATIENT);
    if (patient == room || patient != (bool)PST_JSON_HAS(present, OPENING_TEAM))
        return pst_request_bad(request, room ? "room" : "patient");
    if (room)
        r = open_room(tx, request, &opening, &is_new);
    else
        r = pst_thread_open(tx, &opening.id, &opening.patient, &opening.team,
                            &request->caller.person, request->now_ms, &is_new);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    return answer_thread(tx, request, is_new ? 201 : 200, &opening.id);
}

/* ---- changing ------------------------------------------------------------------- */

static enum pst_err change_state(struct pst_tx *tx, struct pst_request *request,
                                 const json_t *state)
{
    const char *text = json_string_value(state);
    if (text != NULL && strcmp(text, "open") == 0)
        return pst_thread_state_set(tx, &request->ids[0], PST_THREAD_OPEN);
    if (text != NULL && strcmp(text, "closed") == 0)
        return pst_thread_state_set(tx, &request->ids[0], PST_THREAD_CLOSED);
    return pst_request_bad(request, "state");
}

static enum pst_err change_assigned(struct pst_tx *tx, struct pst_request *request,
                                    const struct pst_thread *thread, const json_t *assigned)
{
    struct pst_uuid person;
    if (json_is_null(assigned))
        return pst_thread_assign(tx, thread, NULL);
    if (!json_is_string(assigned) ||
        pst_uuid_parse(json_string_value(assigned), json_string_length(assigned), &person) !=
            PST_OK)
        return pst_request_bad(request, "assigned");
    enum pst_err r = pst_thread_assign(tx, thread, &person);
    return r == PST_ERR_NOT_FOUND ? pst_request_bad(request, "assigned") : r;
}

static enum pst_err thread_change(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_thread thread;
    const json_t *state = json_object_get(request->body, "state");
    const json_t *assigned = json_object_get(request->body, "assigned");
    size_t known = (state != NULL ? 1U : 0U) + (assigned != NULL ? 1U : 0U);
    enum pst_err r =
        pst_thread_get(tx, &request->ids[0], &request->caller.person, request->now_ms, &thread);
    if (r != PST_OK)
        return r;
    if (known == 0 || json_object_size(request->body) != known)
        return pst_request_bad(request, "body");
    if (state != NULL)
        r = change_state(tx, request, state);
    if (r == PST_OK && assigned != NULL && !pst_request_answered(request))
        r = change_assigned(tx, request, &thread, assigned);
    if (r != PST_OK || pst_request_answered(request))
        return r;
    return answer_thread(tx, request, /* status= */ 200, &request->ids[0]);
}

const struct pst_route pst_routes_threads[] = {
    {.method = "GET",
     .path = "/v1/threads",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .query = "limit cursor state patient",
     .run = thread_list},
    {.method = "POST",
     .path = "/v1/threads",
     .roles = MEMBERS,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .run = thread_open},
    {.method = "GET",
     .path = "/v1/threads/{id}",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .run = thread_show},
    {.method = "PATCH",
     .path = "/v1/threads/{id}",
     .roles = PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .run = thread_change},
    {0},
};
