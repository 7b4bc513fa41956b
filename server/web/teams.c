/*
 * Care teams: signed rosters, and the team's identity sealed to each member.
 *
 * The server cannot put anybody in: every roster is signed by a clinician of
 * the one before (the first by one of its members), and checked up to the root.
 */
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/store/teams.h"
#include "server/web/answer.h"
#include "server/web/certify.h"
#include "server/web/chain_records.h"
#include "server/web/places.h"
#include "server/web/request.h"

/* An identity sealed to one recipient as an age file is about 300 bytes. */
#define SEALED_MAX_BYTES 4096

/* ---- GET /v1/teams -------------------------------------------------------- */

static json_t *member_json(struct pst_tx *tx, const struct pst_request *request,
                           const struct pst_uuid *id)
{
    struct pst_person person;
    if (pst_person_get(tx, id, &person) != PST_OK)
        return NULL;
    return json_pack("{s:o, s:o}", "id", pst_answer_id(id), "name",
                     pst_person_name_json(request->vault, &person));
}

static json_t *members_json(struct pst_tx *tx, const struct pst_request *request,
                            const struct pst_uuid *team)
{
    struct pst_uuid members[PST_TEAM_MEMBERS_MAX];
    size_t count = 0;
    if (pst_team_members(tx, team, members, &count) != PST_OK)
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        if (json_array_append_new(array, member_json(tx, request, &members[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static enum pst_err teams_list(struct pst_tx *tx, struct pst_request *request)
{
    static const struct pst_uuid first;
    struct pst_team teams[PST_TEAMS_MAX];
    size_t count = 0;
    bool staff = pst_request_is(request, PST_ROLES_STAFF);
    enum pst_err r = pst_team_list(tx, staff ? PST_TEAM_OF_ALL : PST_TEAM_OF_PATIENT,
                                   staff ? &first : &request->caller.person, teams, &count);
    if (r != PST_OK)
        return r;
    json_t *items = json_array();
    for (size_t i = 0; items != NULL && i < count; i++) {
        json_t *item = json_pack("{s:o, s:s, s:o}", "id", pst_answer_id(&teams[i].id), "name",
                                 teams[i].name, "members", members_json(tx, request, &teams[i].id));
        if (json_array_append_new(items, item) != 0) {
            json_decref(items);
            items = NULL;
        }
    }
    return pst_request_list(request, items, NULL);
}

/* ---- GET /v1/teams/{id}/roster -------------------------------------------- */

static enum pst_err is_member(struct pst_tx *tx, const struct pst_uuid *team,
                              const struct pst_uuid *person)
{
    struct pst_uuid members[PST_TEAM_MEMBERS_MAX];
    size_t count = 0;
    enum pst_err r = pst_team_members(tx, team, members, &count);
    for (size_t i = 0; r == PST_OK && i < count; i++)
        if (pst_uuid_equal(&members[i], person))
            return PST_OK;
    return r == PST_OK ? PST_ERR_NOT_FOUND : r;
}

struct rosters {
    struct pst_tx *tx;
    const struct pst_request *request;
    json_t *array;
};

static enum pst_err roster_add(void *ctx, int64_t serial, const char *record, struct pst_bytes hash)
{
    const struct rosters *rosters = ctx;
    const struct pst_request *request = rosters->request;
    PST_BUF struct pst_buf sealed = {.max = SEALED_MAX_BYTES};
    (void)hash;
    PST_JSON json_t *item = json_pack("{s:I, s:s}", "serial", (json_int_t)serial, "roster", record);
    enum pst_err r =
        pst_team_key_get(rosters->tx, &request->ids[0], serial, &request->caller.person, &sealed);
    if (r == PST_OK &&
        json_object_set_new(item, "sealed", pst_answer_binary(pst_buf_bytes(&sealed))) != 0)
        r = PST_ERR_NOMEM;
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    return json_array_append(rosters->array, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err roster_show(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_uuid *team = &request->ids[0];
    PST_JSON json_t *array = json_array();
    PST_JSON json_t *records = NULL;
    PST_JSON json_t *root = NULL;
    struct rosters rosters = {tx, request, array};
    struct pst_chain_records chain = {.tx = tx, .vault = request->vault};
    struct pst_team found;
    enum pst_err r = pst_team_get(tx, team, &found);
    if (r == PST_OK && !pst_request_is(request, PST_ROLE_ADMINISTRATOR))
        r = is_member(tx, team, &request->caller.person);
    if (r == PST_OK)
        r = pst_roster_each(tx, team, roster_add, &rosters);
    if (r == PST_OK)
        r = pst_chain_records_team(&chain, team);
    if (r == PST_OK)
        r = pst_chain_records_read(&chain, &records);
    if (r == PST_OK)
        r = pst_chain_records_root(tx, &root);
    if (r != PST_OK)
        return r;
    return pst_request_json(
        request, 200,
        json_pack("{s:O, s:O, s:O}", "rosters", array, "statements", records, "root", root));
}

/* ---- POST /v1/teams, PUT /v1/teams/{id}/roster ----------------------------- */

struct team_body {
    struct pst_uuid id;
    const char *name;
    const char *roster;
    json_t *sealed;
};

#define TEAM(name) offsetof(struct team_body, name)
#define MUST PST_JSON_REQUIRED
static const struct pst_json_member team_members[] = {
    {"roster", PST_JSON_TEXT, MUST, TEAM(roster), PST_RECORD_MAX_BYTES},
    {"sealed", PST_JSON_OBJECT, MUST, TEAM(sealed), 0},
    {"id", PST_JSON_UUID7, MUST, TEAM(id), 0},
    {"name", PST_JSON_TEXT, MUST, TEAM(name), PST_TEAM_NAME_SIZE - 1},
};
#define TEAM_MEMBERS 4
#define ROSTER_MEMBERS 2

struct draft {
    struct pst_record *record;
    json_t *sealed; /* borrowed: person to age file in base64url, checked */
};

static void draft_wipe(void *state)
{
    struct draft *draft = state;
    pst_record_free(&draft->record);
}

static enum pst_err bad(struct pst_request *request, const char *member)
{
    return pst_request_bad(request, member) == PST_OK ? PST_ERR_SYNTAX : PST_ERR_NOMEM;
}

static enum pst_err sealed_decode(const json_t *text, struct pst_buf *out)
{
    if (!json_is_string(text))
        return PST_ERR_SYNTAX;
    return pst_base64url_decode(pst_bytes(json_string_value(text), json_string_length(text)), out);
}

/* One age file for every member and for nobody else. */
static enum pst_err sealed_check(struct pst_request *request, const struct pst_roster *roster,
                                 const json_t *sealed)
{
    if (json_object_size(sealed) != roster->members_count)
        return bad(request, "sealed");
    for (size_t i = 0; i < roster->members_count; i++) {
        PST_BUF struct pst_buf file = {.max = SEALED_MAX_BYTES};
        char id[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&roster->members[i], id);
        enum pst_err r = sealed_decode(json_object_get(sealed, id), &file);
        if (r == PST_ERR_NOMEM)
            return r;
        if (r != PST_OK || file.len == 0)
            return bad(request, "sealed");
    }
    return PST_OK;
}

static enum pst_err draft_take(struct pst_request *request, const struct team_body *body,
                               struct draft *draft)
{
    enum pst_err r =
        pst_certify_parse(request, body->roster, PST_RECORD_ROSTER, "roster", &draft->record);
    if (r != PST_OK)
        return r;
    const struct pst_roster *roster = pst_record_roster(draft->record);
    if (!pst_uuid_equal(&roster->team, &body->id) ||
        (body->name != NULL && strcmp(roster->name, body->name) != 0) ||
        strlen(roster->name) >= PST_TEAM_NAME_SIZE)
        return bad(request, "roster");
    r = sealed_check(request, roster, body->sealed);
    if (r != PST_OK)
        return r;
    draft->sealed = body->sealed;
    const struct pst_certify_by by = {
        .people = roster->members, .people_count = roster->members_count, .team = &body->id};
    return pst_certify(request, &by, draft->record, NULL);
}

static enum pst_err draft_prepare(struct pst_request *request, size_t members)
{
    void *state = NULL;
    struct team_body body = {0};
    enum pst_err r = pst_request_state_new(request, sizeof(struct draft), draft_wipe, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, team_members, members, &body, NULL);
    if (r != PST_OK)
        return r;
    if (members == ROSTER_MEMBERS)
        body.id = request->ids[0];
    return draft_take(request, &body, state);
}

static enum pst_err team_prepare(struct pst_request *request)
{
    return draft_prepare(request, TEAM_MEMBERS);
}

static enum pst_err roster_prepare(struct pst_request *request)
{
    return draft_prepare(request, ROSTER_MEMBERS);
}

/* Members work here now, and the caller signed by the key that is theirs now. */
static enum pst_err draft_check(struct pst_tx *tx, const struct pst_request *request,
                                const struct draft *draft)
{
    const struct pst_roster *roster = pst_record_roster(draft->record);
    struct pst_key_row key;
    enum pst_err r = pst_key_newest(tx, &request->caller.person, &key, NULL);
    if (r == PST_OK)
        r = pst_record_verify(draft->record, &key.sign_key);
    for (size_t i = 0; r == PST_OK && i < roster->members_count; i++) {
        struct pst_person person;
        r = pst_person_get(tx, &roster->members[i], &person);
        if (r == PST_OK &&
            (person.state != PST_PERSON_ACTIVE || (person.roles & PST_ROLE_CLINICIAN) == 0))
            r = PST_ERR_CONFLICT;
    }
    return r;
}

static enum pst_err keys_write(struct pst_tx *tx, const struct draft *draft)
{
    const struct pst_roster *roster = pst_record_roster(draft->record);
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < roster->members_count; i++) {
        PST_BUF struct pst_buf file = {.max = SEALED_MAX_BYTES};
        char id[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&roster->members[i], id);
        r = sealed_decode(json_object_get(draft->sealed, id), &file);
        if (r == PST_OK)
            r = pst_team_key_insert(tx, &roster->team, roster->serial, &roster->members[i],
                                    pst_buf_bytes(&file));
    }
    return r;
}

static enum pst_err roster_write(struct pst_tx *tx, const struct pst_request *request,
                                 const struct draft *draft)
{
    const struct pst_roster *roster = pst_record_roster(draft->record);
    struct pst_roster_row row = {
        .team = roster->team,
        .serial = roster->serial,
        .hash = *pst_record_hash(draft->record),
        .recipient_id = roster->recipient_id,
        .at_ms = pst_record_at_ms(draft->record),
        .name = roster->name,
        .members = roster->members,
        .members_count = roster->members_count,
    };
    struct pst_event event;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    memcpy(row.recipient, roster->recipient_key, sizeof row.recipient);
    enum pst_err r = pst_buf_append_bytes(&text, pst_record_text(draft->record));
    if (r == PST_OK)
        r = pst_roster_insert(tx, &row, pst_buf_str(&text));
    if (r == PST_OK)
        r = keys_write(tx, draft);
    if (r != PST_OK)
        return r;
    pst_request_event_init(request, PST_EVENT_ROSTER, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = row.hash;
    return pst_request_event_put(tx, &event);
}

static enum pst_err signature_refuse(struct pst_request *request, enum pst_err r)
{
    if (r == PST_ERR_NO_KEY || r == PST_ERR_CRYPTO)
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    return r;
}

static enum pst_err team_add(struct pst_tx *tx, struct pst_request *request)
{
    const struct draft *draft = request->state;
    const struct pst_roster *roster = pst_record_roster(draft->record);
    struct pst_team team = {.id = roster->team};
    if (roster->serial != 1 || roster->has_previous)
        return PST_ERR_CONFLICT;
    memcpy(team.name, roster->name, strlen(roster->name) + 1);
    enum pst_err r = draft_check(tx, request, draft);
    if (r != PST_OK)
        return signature_refuse(request, r);
    r = pst_team_insert(tx, &team, request->now_ms);
    if (r == PST_OK)
        r = roster_write(tx, request, draft);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(&team.id)));
}

/* The newest roster of the team: it comes first. */
struct newest {
    bool found;
    int64_t serial;
    struct pst_sha256 hash;
};

static enum pst_err newest_take(void *ctx, int64_t serial, const char *record,
                                struct pst_bytes hash)
{
    struct newest *newest = ctx;
    (void)record;
    if (newest->found || hash.len != sizeof newest->hash.bytes)
        return PST_OK;
    newest->found = true;
    newest->serial = serial;
    memcpy(newest->hash.bytes, hash.ptr, hash.len);
    return PST_OK;
}

static enum pst_err roster_follows(struct pst_tx *tx, const struct pst_roster *roster)
{
    struct newest newest = {.found = false};
    enum pst_err r = pst_roster_each(tx, &roster->team, newest_take, &newest);
    if (r != PST_OK)
        return r;
    bool follows = newest.found && roster->serial == newest.serial + 1 && roster->has_previous &&
                   pst_sha256_equal(&roster->previous, &newest.hash);
    return follows ? PST_OK : PST_ERR_CONFLICT;
}

static enum pst_err roster_put(struct pst_tx *tx, struct pst_request *request)
{
    const struct draft *draft = request->state;
    const struct pst_roster *roster = pst_record_roster(draft->record);
    enum pst_err r = is_member(tx, &roster->team, &request->caller.person);
    if (r == PST_OK)
        r = draft_check(tx, request, draft);
    if (r == PST_OK)
        r = roster_follows(tx, roster);
    if (r == PST_OK)
        r = roster_write(tx, request, draft);
    if (r != PST_OK)
        return signature_refuse(request, r);
    return pst_request_json(request, 200, json_pack("{s:I}", "serial", (json_int_t)roster->serial));
}

const struct pst_route pst_routes_teams[] = {
    {.method = "GET",
     .path = "/v1/teams",
     .roles = PST_WEB_ALL,
     .kind = PST_WEB_READ,
     .query = "limit cursor", /* one practice's teams are one page */
     .run = teams_list},
    {.method = "POST",
     .path = "/v1/teams",
     .roles = PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = team_prepare,
     .run = team_add},
    {.method = "GET",
     .path = "/v1/teams/{id}/roster",
     .roles = PST_ROLE_CLINICIAN | PST_ROLE_ADMINISTRATOR,
     .kind = PST_WEB_READ,
     .run = roster_show},
    {.method = "PUT",
     .path = "/v1/teams/{id}/roster",
     .roles = PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = roster_prepare,
     .run = roster_put},
    {0},
};
