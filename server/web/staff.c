/*
 * Staff: who works here, in which roles, and with which checked credentials.
 * Patients and representatives see the clinicians of their threads' teams.
 */
#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/npi.h"
#include "postern/record.h"
#include "postern/time.h"
#include "server/store/accounts.h"
#include "server/store/people.h"
#include "server/store/sessions.h"
#include "server/store/teams.h"
#include "server/vault/fields.h"
#include "server/web/answer.h"
#include "server/web/places.h"
#include "server/web/request.h"

#define STAFF_ROLES (PST_ROLES_STAFF | PST_ROLE_EDGE)
/* Clinicians that one patient meets: all members of the teams of their threads. */
#define SEEN_MAX 1024
/* A licence number of any board. */
#define NUMBER_MAX_BYTES 64

/* ---- GET /v1/staff -------------------------------------------------------- */

static json_t *credential_json(const struct pst_request *request,
                               const struct pst_credential *credential)
{
    json_t *item = json_pack("{s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "id",
                             pst_answer_id(&credential->id), "kind", credential->kind, "number",
                             pst_sealed_text_json(request->vault, PST_FIELD_CREDENTIAL_NUMBER,
                                                  &credential->id, &credential->number),
                             "specialty", credential->specialty, "checked_by",
                             pst_answer_id(&credential->checked_by), "checked",
                             pst_answer_time(credential->checked_at_ms), "until",
                             pst_answer_date(credential->until_days));
    bool ok = item != NULL;
    if (ok && credential->subspecialty[0] != '\0')
        ok = json_object_set_new(item, "subspecialty", json_string(credential->subspecialty)) == 0;
    if (ok && credential->disclosure[0] != '\0')
        ok = json_object_set_new(item, "disclosure", json_string(credential->disclosure)) == 0;
    if (ok)
        return item;
    json_decref(item);
    return NULL;
}

static json_t *credentials_json(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_uuid *person)
{
    struct pst_credential credentials[PST_CREDENTIALS_MAX];
    size_t count = 0;
    if (pst_credential_list(tx, person, credentials, &count) != PST_OK)
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        if (json_array_append_new(array, credential_json(request, &credentials[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *person_json(struct pst_tx *tx, const struct pst_request *request,
                           const struct pst_person *person)
{
    static const char *const states[PST_PERSON__MAX] = {"invited", "active", "disabled", "disabled",
                                                        "disabled"};
    return json_pack("{s:o, s:o, s:o, s:s, s:b, s:o}", "id", pst_answer_id(&person->id), "name",
                     pst_person_name_json(request->vault, person), "roles",
                     pst_answer_roles(person->roles), "state", states[person->state], "break_glass",
                     person->break_glass, "credentials",
                     credentials_json(tx, request, &person->id));
}

/* Members of the teams that a patient or representative writes to. */
struct seen {
    struct pst_uuid people[SEEN_MAX];
    size_t count;
};

static enum pst_err seen_read(struct pst_tx *tx, const struct pst_uuid *patient,
                              struct seen *ret_seen)
{
    struct pst_team teams[PST_TEAMS_MAX];
    size_t count = 0;
    enum pst_err r = pst_team_list(tx, PST_TEAM_OF_PATIENT, patient, teams, &count);
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        struct pst_uuid members[PST_TEAM_MEMBERS_MAX];
        size_t members_count = 0;
        r = pst_team_members(tx, &teams[i].id, members, &members_count);
        if (r == PST_OK && ret_seen->count + members_count > SEEN_MAX)
            r = PST_ERR_TOO_LONG;
        if (r == PST_OK) {
            memcpy(ret_seen->people + ret_seen->count, members, members_count * sizeof *members);
            ret_seen->count += members_count;
        }
    }
    return r;
}

static bool seen_has(const struct seen *seen, const struct pst_uuid *person)
{
    for (size_t i = 0; i < seen->count; i++)
        if (pst_uuid_equal(&seen->people[i], person))
            return true;
    return false;
}

static enum pst_err items_add(struct pst_tx *tx, const struct pst_request *request,
                              const struct pst_person *people, size_t count,
                              const struct seen *seen, json_t *items)
{
    for (size_t i = 0; i < count; i++) {
        if (seen != NULL && !seen_has(seen, &people[i].id))
            continue;
        if (json_array_append_new(items, person_json(tx, request, &people[i])) != 0)
            return PST_ERR_NOMEM;
    }
    return PST_OK;
}

static enum pst_err cursor_parse(struct pst_request *request, const struct pst_page *page,
                                 struct pst_uuid *ret_after)
{
    *ret_after = (struct pst_uuid){{0}};
    if (page->cursor == NULL)
        return PST_OK;
    enum pst_err r = pst_uuid_parse(page->cursor, strlen(page->cursor), ret_after);
    if (r == PST_OK)
        return r;
    return pst_request_bad(request, "cursor") == PST_OK ? PST_ERR_SYNTAX : PST_ERR_NOMEM;
}

static enum pst_err staff_list(struct pst_tx *tx, struct pst_request *request)
{
    bool staff = pst_request_is(request, STAFF_ROLES);
    struct pst_person people[PST_PAGE_MAX + 1];
    struct seen seen = {.count = 0};
    struct pst_page page;
    struct pst_uuid after;
    size_t count = 0;
    char next[PST_UUID_TEXT_SIZE];
    enum pst_err r = pst_request_page(request, &page);
    if (r == PST_OK)
        r = cursor_parse(request, &page, &after);
    if (r == PST_OK)
        r = pst_person_list(tx, staff ? STAFF_ROLES : PST_ROLE_CLINICIAN, &after, people,
                            page.limit + 1, &count);
    if (r == PST_OK && !staff)
        r = seen_read(tx, &request->caller.person, &seen);
    if (r != PST_OK)
        return r;
    PST_JSON json_t *items = json_array();
    bool more = count > page.limit;
    if (more)
        pst_uuid_format(&people[--count - 1].id, next);
    r = items_add(tx, request, people, count, staff ? NULL : &seen, items);
    return r == PST_OK ? pst_request_list(request, json_incref(items), more ? next : NULL) : r;
}

/* ---- POST and PATCH ------------------------------------------------------- */

struct staff_body {
    const char *name;
    json_t *roles;
    bool break_glass;
    const char *state;
};

#define STAFF(name) offsetof(struct staff_body, name)
static const struct pst_json_member add_members[] = {
    {"name", PST_JSON_TEXT, PST_JSON_REQUIRED, STAFF(name), PST_NAME_MAX_BYTES},
    {"roles", PST_JSON_ARRAY, PST_JSON_REQUIRED, STAFF(roles), 0},
    {"break_glass", PST_JSON_BOOL, 0, STAFF(break_glass), 0},
};

static const struct pst_json_member change_members[] = {
    {"state", PST_JSON_TEXT, 0, STAFF(state), 0},
    {"roles", PST_JSON_ARRAY, 0, STAFF(roles), 0},
    {"break_glass", PST_JSON_BOOL, 0, STAFF(break_glass), 0},
};

enum {
    CHANGE_STATE = 1 << 0,
    CHANGE_ROLES = 1 << 1,
    CHANGE_BREAK_GLASS = 1 << 2,
};

struct change {
    uint64_t present; /* CHANGE_… */
    bool disable;
    uint32_t roles;
    bool break_glass;
};

static enum pst_err bad(struct pst_request *request, const char *member)
{
    return pst_request_bad(request, member) == PST_OK ? PST_ERR_SYNTAX : PST_ERR_NOMEM;
}

/* Staff roles in any order; nobody is patient and staff under one login. */
static enum pst_err roles_take(struct pst_request *request, json_t *array, uint32_t *ret_roles)
{
    uint32_t roles = 0;
    enum pst_err r = pst_roles_decode(array, &roles);
    if (r == PST_ERR_NOMEM)
        return r;
    bool edge_alone = (roles & PST_ROLE_EDGE) == 0 || roles == PST_ROLE_EDGE;
    if (r != PST_OK || (roles & ~STAFF_ROLES) != 0 || !edge_alone)
        return bad(request, "roles");
    *ret_roles = roles;
    return PST_OK;
}

static enum pst_err role_event(struct pst_tx *tx, const struct pst_request *request)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_ROLE, &event);
    return pst_request_event_put(tx, &event);
}

static enum pst_err add_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct staff_body body;
    enum pst_err r = pst_request_state_new(request, sizeof(struct pst_person), NULL, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, add_members, 3, &body, NULL);
    if (r != PST_OK)
        return r;
    struct pst_person *person = state;
    pst_uuid_v7(request->now_ms, NULL, &person->id);
    person->state = PST_PERSON_INVITED;
    person->created_at_ms = request->now_ms;
    person->break_glass = body.break_glass;
    r = roles_take(request, body.roles, &person->roles);
    if (r == PST_OK)
        r = pst_sealed_text_seal(request->vault, PST_FIELD_PERSON_NAME, &person->id, body.name,
                                 &person->name);
    return r;
}

static enum pst_err add_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_person *person = request->state;
    enum pst_err r = pst_person_insert(tx, person);
    if (r == PST_OK)
        r = role_event(tx, request);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(&person->id)));
}

static enum pst_err change_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct staff_body body;
    enum pst_err r = pst_request_state_new(request, sizeof(struct change), NULL, &state);
    if (r != PST_OK)
        return r;
    struct change *change = state;
    r = pst_request_decode(request, change_members, 3, &body, &change->present);
    if (r != PST_OK)
        return r;
    change->break_glass = body.break_glass;
    change->disable = body.state != NULL && strcmp(body.state, "disabled") == 0;
    if (body.state != NULL && !change->disable && strcmp(body.state, "active") != 0)
        return bad(request, "state");
    return body.roles == NULL ? PST_OK : roles_take(request, body.roles, &change->roles);
}

/* Who never enrolled is invited again, not active. */
static enum pst_err state_change(struct pst_tx *tx, const struct change *change,
                                 struct pst_person *person)
{
    struct pst_account account;
    if (change->disable) {
        static const struct pst_uuid none;
        person->state = PST_PERSON_DISABLED;
        return pst_session_end_all(tx, &person->id, &none);
    }
    enum pst_err r = pst_account_get(tx, &person->id, &account);
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    person->state = r == PST_OK ? PST_PERSON_ACTIVE : PST_PERSON_INVITED;
    return PST_OK;
}

/* Nobody takes away from themselves what only another could give back. */
static bool shuts_out(const struct pst_request *request, const struct change *change)
{
    if (!pst_uuid_equal(&request->ids[0], &request->caller.person))
        return false;
    return change->disable ||
           ((change->present & CHANGE_ROLES) != 0 && (change->roles & PST_ROLE_ADMINISTRATOR) == 0);
}

static enum pst_err change_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct change *change = request->state;
    struct pst_person person;
    enum pst_err r = pst_person_get(tx, &request->ids[0], &person);
    if (r == PST_OK && (person.roles & STAFF_ROLES) == 0)
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK && shuts_out(request, change))
        r = PST_ERR_CONFLICT;
    if (r == PST_OK && (change->present & CHANGE_STATE) != 0)
        r = state_change(tx, change, &person);
    if (r != PST_OK)
        return r;
    if ((change->present & CHANGE_ROLES) != 0)
        person.roles = change->roles;
    if ((change->present & CHANGE_BREAK_GLASS) != 0)
        person.break_glass = change->break_glass;
    r = pst_person_update(tx, &person);
    if (r == PST_OK)
        r = role_event(tx, request);
    return r == PST_OK ? pst_request_json(request, 200, person_json(tx, request, &person)) : r;
}

/* ---- POST /v1/staff/{id}/credentials -------------------------------------- */

struct credential_body {
    const char *kind;
    const char *number;
    const char *specialty;
    const char *subspecialty;
    const char *until;
    const char *disclosure;
};

#define CREDENTIAL(name) offsetof(struct credential_body, name)
#define MUST PST_JSON_REQUIRED
static const struct pst_json_member credential_members[] = {
    {"kind", PST_JSON_TEXT, MUST, CREDENTIAL(kind), 0},
    {"number", PST_JSON_TEXT, MUST, CREDENTIAL(number), NUMBER_MAX_BYTES},
    {"specialty", PST_JSON_TEXT, MUST, CREDENTIAL(specialty), PST_SPECIALTY_SIZE - 1},
    {"subspecialty", PST_JSON_TEXT, PST_JSON_EMPTY, CREDENTIAL(subspecialty),
     PST_SPECIALTY_SIZE - 1},
    {"until", PST_JSON_TEXT, MUST, CREDENTIAL(until), PST_DATE_TEXT_LEN},
    {"disclosure", PST_JSON_TEXT, PST_JSON_EMPTY, CREDENTIAL(disclosure), PST_DISCLOSURE_SIZE - 1},
};

static void text_copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

static const char *credential_wrong(const struct credential_body *body, struct pst_date *ret_until)
{
    bool npi = strcmp(body->kind, "npi") == 0;
    if (!npi && strcmp(body->kind, "licence") != 0)
        return "kind";
    if (npi && !pst_npi_valid(body->number, strlen(body->number)))
        return "number";
    return pst_date_parse(body->until, strlen(body->until), ret_until) == PST_OK ? NULL : "until";
}

static enum pst_err credential_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct credential_body body;
    struct pst_date until;
    enum pst_err r = pst_request_state_new(request, sizeof(struct pst_credential), NULL, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, credential_members,
                               sizeof credential_members / sizeof credential_members[0], &body,
                               NULL);
    if (r != PST_OK)
        return r;
    const char *wrong = credential_wrong(&body, &until);
    if (wrong != NULL)
        return bad(request, wrong);
    struct pst_credential *credential = state;
    pst_uuid_v7(request->now_ms, NULL, &credential->id);
    credential->person = request->ids[0];
    credential->checked_by = request->caller.person;
    credential->checked_at_ms = request->now_ms;
    credential->until_days = pst_date_days(&until);
    text_copy(credential->kind, sizeof credential->kind, body.kind);
    text_copy(credential->specialty, sizeof credential->specialty, body.specialty);
    text_copy(credential->subspecialty, sizeof credential->subspecialty, body.subspecialty);
    text_copy(credential->disclosure, sizeof credential->disclosure, body.disclosure);
    return pst_sealed_text_seal(request->vault, PST_FIELD_CREDENTIAL_NUMBER, &credential->id,
                                body.number, &credential->number);
}

static enum pst_err credential_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_credential *credential = request->state;
    struct pst_person person;
    enum pst_err r = pst_person_get(tx, &request->ids[0], &person);
    if (r == PST_OK && (person.roles & STAFF_ROLES) == 0)
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK && (person.roles & PST_ROLE_CLINICIAN) == 0)
        r = PST_ERR_CONFLICT;
    if (r == PST_OK)
        r = pst_credential_insert(tx, credential);
    /* The person's standing changed: admission reads it anew. */
    if (r == PST_OK)
        r = pst_person_update(tx, &person);
    if (r == PST_OK)
        r = role_event(tx, request);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(&credential->id)));
}

const struct pst_route pst_routes_staff[] = {
    {.method = "GET",
     .path = "/v1/staff",
     .roles = PST_WEB_ALL,
     .kind = PST_WEB_READ,
     .query = "limit cursor",
     .run = staff_list},
    {.method = "POST",
     .path = "/v1/staff",
     .roles = PST_ROLE_ADMINISTRATOR,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = add_prepare,
     .run = add_run},
    {.method = "PATCH",
     .path = "/v1/staff/{id}",
     .roles = PST_ROLE_ADMINISTRATOR,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = change_prepare,
     .run = change_run},
    {.method = "POST",
     .path = "/v1/staff/{id}/credentials",
     .roles = PST_ROLE_ADMINISTRATOR,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = credential_prepare,
     .run = credential_run},
    {0},
};
