/*
 * Oneself: who one is, the key ring, second factors.
 *
 * A ring goes out only to its owner after a full sign-in, and comes in only
 * over the version that was seen. New keys to the account (credential,
 * recovery) want a fresh second factor, and end all other sessions.
 */
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/keys.h"
#include "server/store/practice.h"
#include "server/store/sessions.h"
#include "server/store/teams.h"
#include "server/vault/fields.h"
#include "server/web/answer.h"
#include "server/web/credential.h"
#include "server/web/factor_take.h"
#include "server/web/places.h"

/* A ring comes as text inside a JSON body. */
#define RING_TEXT_MAX PST_JSON_MAX_BYTES

/* ---- GET /v1/me ---------------------------------------------------------- */

static json_t *teams_json(struct pst_tx *tx, const struct pst_uuid *person)
{
    struct pst_team teams[PST_TEAMS_MAX];
    size_t count = 0;
    if (pst_team_list(tx, PST_TEAM_OF_MEMBER, person, teams, &count) != PST_OK)
        return NULL;
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        json_t *team =
            json_pack("{s:o, s:s}", "id", pst_answer_id(&teams[i].id), "name", teams[i].name);
        if (json_array_append_new(array, team) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* The login as its owner wrote it; null for one who has no account. */
static json_t *login_json(const struct pst_request *request, const struct pst_account *account)
{
    return pst_sealed_text_json(request->vault, PST_FIELD_ACCOUNT_LOGIN, &account->person,
                                &account->login);
}

static json_t *root_json(const struct pst_practice *practice)
{
    return practice->has_root
               ? pst_answer_binary(pst_bytes(practice->root.bytes, sizeof practice->root.bytes))
               : json_null();
}

struct patients {
    struct pst_tx *tx;
    const struct pst_vault *vault;
    json_t *array;
};

static enum pst_err patient_add(void *ctx, const struct pst_uuid *patient)
{
    const struct patients *patients = ctx;
    struct pst_person person;
    enum pst_err r = pst_person_get(patients->tx, patient, &person);
    if (r != PST_OK)
        return r;
    json_t *item = json_pack("{s:o, s:o}", "id", pst_answer_id(patient), "name",
                             pst_person_name_json(patients->vault, &person));
    return json_array_append_new(patients->array, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err patients_put(struct pst_tx *tx, const struct pst_request *request,
                                 json_t *answer)
{
    struct patients patients = {tx, request->vault, json_array()};
    if (json_object_set_new(answer, "patients", patients.array) != 0)
        return PST_ERR_NOMEM;
    return pst_represented_each(tx, &request->caller.person, request->now_ms, patient_add,
                                &patients);
}

static enum pst_err me_show(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_uuid *me = &request->caller.person;
    struct pst_person person;
    struct pst_account account;
    struct pst_practice practice;
    enum pst_err r = pst_person_get(tx, me, &person);
    if (r == PST_OK)
        r = pst_account_get(tx, me, &account);
    if (r == PST_OK)
        r = pst_practice_get(tx, &practice);
    if (r != PST_OK)
        return r;
    PST_JSON json_t *answer =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:b}", "id", pst_answer_id(me), "name",
                  pst_person_name_json(request->vault, &person), "roles",
                  pst_answer_roles(person.roles), "origin", request->origin, "root",
                  root_json(&practice), "login", login_json(request, &account), "teams",
                  teams_json(tx, me), "recovery", account.has_recovery);
    if (answer == NULL)
        return PST_ERR_NOMEM;
    if (pst_request_is(request, PST_ROLE_REPRESENTATIVE))
        r = patients_put(tx, request, answer);
    return r == PST_OK ? pst_request_json(request, 200, json_incref(answer)) : r;
}

/* ---- the key ring -------------------------------------------------------- */

struct wraps {
    const struct pst_request *request;
    json_t *object;
};

static enum pst_err wrap_add(void *ctx, const char *kind, struct pst_bytes sealed)
{
    const struct wraps *wraps = ctx;
    PST_BUF struct pst_buf wrap = {.max = PST_WRAP_BYTES};
    enum pst_err r =
        pst_wrap_open(wraps->request->vault, &wraps->request->caller.person, kind, sealed, &wrap);
    if (r != PST_OK)
        return r;
    json_t *text = pst_answer_binary(pst_buf_bytes(&wrap));
    return json_object_set_new(wraps->object, kind, text) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static json_t *credential_json(const struct pst_account *account)
{
    const struct pst_login_params *params = &account->params;
    return json_pack("{s:o, s:I, s:I}", "salt",
                     pst_answer_binary(pst_bytes(params->salt, sizeof params->salt)), "memory",
                     (json_int_t)params->memory_kib, "passes", (json_int_t)params->passes);
}

static enum pst_err ring_open(struct pst_tx *tx, const struct pst_request *request,
                              struct pst_buf *ret_ring)
{
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    const struct pst_uuid *me = &request->caller.person;
    enum pst_err r = pst_account_ring(tx, me, &sealed);
    if (r == PST_OK)
        r = pst_vault_field_open(request->vault, pst_field_of(PST_FIELD_ACCOUNT_RING, me),
                                 pst_buf_bytes(&sealed), ret_ring);
    return r;
}

static enum pst_err keyring_show(struct pst_tx *tx, struct pst_request *request)
{
    PST_BUF struct pst_buf ring = {.max = PST_KEYRING_MAX_BYTES};
    PST_JSON json_t *object = json_object();
    struct wraps wraps = {request, object};
    struct pst_account account;
    enum pst_err r = pst_account_get(tx, &request->caller.person, &account);
    if (r == PST_OK)
        r = ring_open(tx, request, &ring);
    if (r == PST_OK)
        r = pst_wrap_each(tx, &request->caller.person, wrap_add, &wraps);
    if (r == PST_OK)
        r = pst_request_etag(request, account.ring_version);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 200,
                            json_pack("{s:o, s:O, s:o}", "ring",
                                      pst_answer_binary(pst_buf_bytes(&ring)), "wraps", object,
                                      "credential", credential_json(&account)));
}

#define RING(name) offsetof(struct pst_keyring_body, name)
static const struct pst_json_member keyring_members[] = {
    {"ring", PST_JSON_TEXT, PST_JSON_REQUIRED, RING(ring), RING_TEXT_MAX},
    {"wraps", PST_JSON_OBJECT, PST_JSON_REQUIRED, RING(wraps), 0},
    {"credential", PST_JSON_OBJECT, 0, RING(credential), 0},
    {"recovery", PST_JSON_OBJECT, 0, RING(recovery), 0},
};

static void keyring_wipe(void *state)
{
    pst_keyring_sealed_free(state);
}

static enum pst_err keyring_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct pst_keyring_body body;
    enum pst_err r =
        pst_request_state_new(request, sizeof(struct pst_keyring_sealed), keyring_wipe, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, keyring_members, 4, &body, NULL);
    if (r != PST_OK)
        return r;
    if ((body.credential != NULL || body.recovery != NULL) &&
        request->caller.step_up_until_ms <= request->now_ms)
        return pst_request_problem(request, PST_PROBLEM_STEP_UP_REQUIRED, NULL);
    return pst_keyring_body_seal(request, &body, &request->caller.person, state);
}

static void account_change(const struct pst_keyring_sealed *sealed, struct pst_account *account)
{
    account->ring_version++;
    if (sealed->has_credential) {
        memcpy(account->auth_hash, sealed->auth_hash, sizeof account->auth_hash);
        account->params = sealed->params;
    }
    if (sealed->has_recovery) {
        account->has_recovery = true;
        memcpy(account->recovery_hash, sealed->recovery_hash, sizeof account->recovery_hash);
    }
}

/* A new way in is told by the record, and closes what the old one opened. */
static enum pst_err credential_changed(struct pst_tx *tx, const struct pst_request *request)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_SESSION, &event);
    enum pst_err r = pst_session_end_all(tx, &request->caller.person, &request->caller.session);
    return r == PST_OK ? pst_request_event_put(tx, &event) : r;
}

static enum pst_err keyring_put(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_keyring_sealed *sealed = request->state;
    const struct pst_uuid *me = &request->caller.person;
    struct pst_account account;
    enum pst_err r = pst_account_get(tx, me, &account);
    if (r == PST_OK)
        r = pst_request_if_match(request, account.ring_version);
    if (r != PST_OK)
        return r;
    account_change(sealed, &account);
    r = pst_account_change(tx, &account, pst_buf_bytes(&sealed->ring));
    if (r == PST_OK)
        r = pst_keyring_wraps_put(tx, me, sealed);
    if (r == PST_OK && (sealed->has_credential || sealed->has_recovery))
        r = credential_changed(tx, request);
    if (r == PST_OK)
        r = pst_request_etag(request, account.ring_version);
    return r == PST_OK ? pst_request_empty(request) : r;
}

/* ---- second factors ------------------------------------------------------ */

static enum pst_err factors_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_factor factors[PST_FACTORS_MAX];
    size_t count = 0;
    enum pst_err r = pst_factor_list(tx, &request->caller.person, factors, &count);
    if (r != PST_OK)
        return r;
    json_t *items = json_array();
    for (size_t i = 0; items != NULL && i < count; i++) {
        json_t *item =
            json_pack("{s:o, s:s, s:o}", "id", pst_answer_id(&factors[i].id), "kind",
                      factors[i].kind, "created", pst_answer_time(factors[i].created_at_ms));
        if (json_array_append_new(items, item) != 0) {
            json_decref(items);
            items = NULL;
        }
    }
    return pst_request_list(request, items, NULL);
}

struct factor_body {
    const char *kind;
    struct pst_totp_body totp;
};

#define FACTOR(name) offsetof(struct factor_body, name)
static const struct pst_json_member factor_members[] = {
    {"kind", PST_JSON_TEXT, PST_JSON_REQUIRED, FACTOR(kind), 0},
    {"secret", PST_JSON_TEXT, PST_JSON_REQUIRED, FACTOR(totp.secret), 0},
    {"code", PST_JSON_TEXT, PST_JSON_REQUIRED, FACTOR(totp.code), 0},
};

static enum pst_err factor_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct factor_body body;
    enum pst_err r = pst_request_state_new(request, sizeof(struct pst_factor), NULL, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, factor_members, 3, &body, NULL);
    if (r != PST_OK)
        return r;
    if (strcmp(body.kind, "totp") != 0)
        return pst_request_bad(request, "kind");
    return pst_factor_take(request, &request->caller.person, &body.totp, state);
}

static enum pst_err factor_event(struct pst_tx *tx, const struct pst_request *request)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_SESSION, &event);
    return pst_request_event_put(tx, &event);
}

static enum pst_err factor_add(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_factor *factor = request->state;
    struct pst_factor factors[PST_FACTORS_MAX];
    size_t count = 0;
    enum pst_err r = pst_factor_list(tx, &request->caller.person, factors, &count);
    if (r == PST_OK && count == PST_FACTORS_MAX)
        r = PST_ERR_CONFLICT;
    if (r == PST_OK)
        r = pst_factor_insert(tx, factor);
    if (r == PST_OK)
        r = factor_event(tx, request);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(&factor->id)));
}

static enum pst_err factor_delete(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_factor factors[PST_FACTORS_MAX];
    size_t count = 0;
    enum pst_err r = pst_factor_list(tx, &request->caller.person, factors, &count);
    if (r == PST_OK)
        r = pst_factor_delete(tx, &request->ids[0], &request->caller.person);
    if (r == PST_OK && count == 1 && pst_request_is(request, PST_ROLES_STAFF))
        r = PST_ERR_CONFLICT;
    if (r == PST_OK)
        r = factor_event(tx, request);
    return r == PST_OK ? pst_request_empty(request) : r;
}

/* Everybody, the edge's program included. */
#define ANYBODY (PST_WEB_ALL | PST_ROLE_EDGE)

const struct pst_route pst_routes_me[] = {
    {.method = "GET", .path = "/v1/me", .roles = ANYBODY, .kind = PST_WEB_READ, .run = me_show},
    {.method = "GET",
     .path = "/v1/me/keyring",
     .roles = ANYBODY,
     .kind = PST_WEB_READ,
     .run = keyring_show},
    {.method = "PUT",
     .path = "/v1/me/keyring",
     .roles = ANYBODY,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = keyring_prepare,
     .run = keyring_put},
    {.method = "GET",
     .path = "/v1/me/factors",
     .roles = ANYBODY,
     .kind = PST_WEB_READ,
     .query = "limit cursor", /* there is never more than one page */
     .run = factors_list},
    {.method = "POST",
     .path = "/v1/me/factors",
     .roles = ANYBODY,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = factor_prepare,
     .run = factor_add},
    {.method = "DELETE",
     .path = "/v1/me/factors/{id}",
     .roles = ANYBODY,
     .flags = PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .run = factor_delete},
    {0},
};
