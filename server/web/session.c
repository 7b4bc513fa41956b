/*
 * Signing in, stepping up, and sessions.
 *
 * Whether a login is unknown, its person disabled or its proof wrong cannot be
 * told apart: the same statements, the same hashes and the same answer.
 */
#include <string.h>

#include "postern/cleanup.h"
#include "postern/random.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/store/people.h"
#include "server/store/sessions.h"
#include "server/vault/vault.h"
#include "server/web/answer.h"
#include "server/web/session_policy.h"
#include "server/web/signin.h"

#define LOGIN_MAX_BYTES 254
#define CODE_MAX_BYTES 16
#define CHALLENGE_BYTES 32

/* ---- POST /v1/session/params ------------------------------------------ */

struct params_body {
    const char *login;
    uint8_t index[PST_VAULT_HASH_BYTES];
    uint8_t fake[PST_VAULT_HASH_BYTES];
};

static const struct pst_json_member params_members[] = {
    {"login", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct params_body, login),
     LOGIN_MAX_BYTES},
};

/* A login that cannot be one is answered like one that nobody has. */
static enum pst_err login_index_or_fake(struct pst_request *request, const char *login,
                                        uint8_t *ret_index)
{
    enum pst_err r = pst_signin_login_index(request->vault, login, ret_index);
    if (r == PST_ERR_INVALID || r == PST_ERR_TOO_LONG || r == PST_ERR_SYNTAX)
        r = pst_vault_index(request->vault, "login.none", pst_bytes_str(login), ret_index);
    return r;
}

static enum pst_err params_prepare(struct pst_request *request)
{
    void *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof(struct params_body), NULL, &state);
    if (r != PST_OK)
        return r;
    struct params_body *body = state;
    r = pst_request_decode(request, params_members, 1, body, NULL);
    if (r == PST_OK)
        r = login_index_or_fake(request, body->login, body->index);
    if (r == PST_OK)
        r = pst_vault_index(request->vault, "login.fake",
                            pst_bytes(body->index, sizeof body->index), body->fake);
    return r;
}

/*
 * An unknown login gets a salt from its keyed hash, always the same, and the
 * parameters of an account that the hash picks: old ones as likely as among
 * real accounts. The first account of all is read for every login, though only
 * hashes beyond the last one need it.
 */
static enum pst_err params_fake(struct pst_tx *tx, const uint8_t *fake,
                                struct pst_login_params *ret_params)
{
    static const uint8_t first[PST_ACCOUNT_HASH_BYTES];
    struct pst_login_params params = {.memory_kib = PST_LOGIN_MEMORY_MIN_KIB,
                                      .passes = PST_LOGIN_PASSES_MIN};
    memcpy(params.salt, fake, sizeof params.salt);
    enum pst_err r = pst_account_params_near(tx, first, &params.memory_kib, &params.passes);
    if (r == PST_OK || r == PST_ERR_NOT_FOUND)
        r = pst_account_params_near(tx, fake, &params.memory_kib, &params.passes);
    if (r == PST_OK || r == PST_ERR_NOT_FOUND)
        *ret_params = params;
    return r == PST_ERR_NOT_FOUND ? PST_OK : r;
}

static enum pst_err params_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct params_body *body = request->state;
    struct pst_login_params params;
    struct pst_account account;
    uint8_t challenge[CHALLENGE_BYTES];
    enum pst_err r = params_fake(tx, body->fake, &params);
    if (r != PST_OK)
        return r;
    r = pst_account_by_login(tx, body->index, &account);
    if (r == PST_OK)
        params = account.params;
    else if (r != PST_ERR_NOT_FOUND)
        return r;
    pst_random_fill(pst_random_system(), challenge, sizeof challenge);
    return pst_request_json(request, 200,
                            json_pack("{s:o, s:I, s:I, s:o}", "salt",
                                      pst_answer_binary(pst_bytes(params.salt, sizeof params.salt)),
                                      "memory", (json_int_t)params.memory_kib, "passes",
                                      (json_int_t)params.passes, "challenge",
                                      pst_answer_binary(pst_bytes(challenge, sizeof challenge))));
}

/* ---- POST /v1/session -------------------------------------------------- */

struct signin_body {
    const char *login;
    uint8_t auth[PST_AUTH_BYTES];
    const char *totp;
    bool recovery;
    bool cookie;
};

#define SIGNIN(name) offsetof(struct signin_body, name)
static const struct pst_json_member signin_members[] = {
    {"login", PST_JSON_TEXT, PST_JSON_REQUIRED, SIGNIN(login), LOGIN_MAX_BYTES},
    {"auth", PST_JSON_BIN32, PST_JSON_REQUIRED, SIGNIN(auth), 0},
    {"totp", PST_JSON_TEXT, 0, SIGNIN(totp), CODE_MAX_BYTES},
    {"recovery", PST_JSON_BOOL, 0, SIGNIN(recovery), 0},
    {"cookie", PST_JSON_BOOL, 0, SIGNIN(cookie), 0},
};

struct signin {
    struct signin_body body;
    uint8_t index[PST_VAULT_HASH_BYTES];
    struct pst_throttle throttle;
    struct pst_secret *token;
    struct pst_sha256 token_hash;
    struct pst_uuid session;
};

static void signin_wipe(void *state)
{
    struct signin *signin = state;
    pst_secret_free(&signin->token);
}

static enum pst_err signin_prepare(struct pst_request *request)
{
    void *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof(struct signin), signin_wipe, &state);
    if (r != PST_OK)
        return r;
    struct signin *signin = state;
    r = pst_request_decode(request, signin_members,
                           sizeof signin_members / sizeof signin_members[0], &signin->body, NULL);
    if (r == PST_OK)
        r = login_index_or_fake(request, signin->body.login, signin->index);
    if (r == PST_OK)
        r = pst_throttle_init(request, pst_bytes(signin->index, sizeof signin->index),
                              &signin->throttle);
    if (r == PST_OK)
        r = pst_session_token_new(&signin->token, &signin->token_hash);
    pst_uuid_v7(request->now_ms, NULL, &signin->session);
    return r;
}

/* Account, person and factors: zeroed, and found false, where there is nothing. */
struct standing {
    bool found;
    struct pst_account account;
    struct pst_person person;
    struct pst_factor factors[PST_FACTORS_MAX];
    size_t factors_count;
};

static enum pst_err standing_read(struct pst_tx *tx, const struct signin *signin,
                                  struct standing *ret_standing)
{
    struct standing standing = {0};
    enum pst_err r = pst_account_by_login(tx, signin->index, &standing.account);
    standing.found = r == PST_OK;
    if (r == PST_OK || r == PST_ERR_NOT_FOUND)
        r = pst_person_get(tx, &standing.account.person, &standing.person);
    if (r == PST_OK || r == PST_ERR_NOT_FOUND)
        r = pst_factor_list(tx, &standing.account.person, standing.factors,
                            &standing.factors_count);
    if (r == PST_OK)
        *ret_standing = standing;
    return r;
}

static bool proof_holds(const struct pst_request *request, const struct signin *signin,
                        const struct standing *standing)
{
    const struct pst_account *account = &standing->account;
    bool recovery = signin->body.recovery;
    bool equal = pst_signin_auth_equal(
        request->vault, recovery ? PST_AUTH_RECOVERY : PST_AUTH_PASSPHRASE, &account->person,
        signin->body.auth, recovery ? account->recovery_hash : account->auth_hash);
    return equal && standing->found && standing->person.state == PST_PERSON_ACTIVE &&
           (!recovery || account->has_recovery);
}

/* 401; need names the factor where the proof was right. */
static enum pst_err signin_deny(struct pst_request *request, bool need_totp)
{
    PST_JSON json_t *need = json_pack("{s:[s]}", "need", "totp");
    if (need == NULL)
        return PST_ERR_NOMEM;
    PST_LOG(SIGN_IN_FAILED);
    return pst_request_refuse(request, PST_REFUSAL_NOT_AUTHENTICATED,
                              &(struct pst_problem_extra){.extra = need_totp ? need : NULL});
}

static enum pst_err signin_fail(struct pst_tx *tx, struct pst_request *request, bool need_totp)
{
    const struct signin *signin = request->state;
    enum pst_err r = pst_throttle_failed(tx, request, &signin->throttle);
    return r == PST_OK ? signin_deny(request, need_totp) : r;
}

/* Whose sessions are too many loses the oldest. */
static enum pst_err session_make_room(struct pst_tx *tx, const struct pst_uuid *person)
{
    struct pst_session_row sessions[PST_SESSIONS_MAX];
    size_t count = 0;
    enum pst_err r = pst_session_list(tx, person, sessions, &count);
    if (r == PST_OK && count >= PST_SESSIONS_MAX)
        r = pst_session_end(tx, &sessions[0].id);
    return r;
}

static enum pst_err session_event(struct pst_tx *tx, const struct pst_request *request,
                                  const struct pst_uuid *person, uint32_t roles)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_SESSION, &event);
    event.has |= PST_EVENT_HAS_ACTOR | PST_EVENT_HAS_ROLE;
    event.actor = *person;
    event.role = (enum pst_role)(roles & (~roles + 1));
    return pst_request_event_put(tx, &event);
}

static enum pst_err session_begin(struct pst_tx *tx, const struct pst_request *request,
                                  const struct standing *standing,
                                  struct pst_session_row *ret_session)
{
    const struct signin *signin = request->state;
    const struct pst_uuid *person = &standing->person.id;
    uint32_t roles = standing->person.roles;
    struct pst_session_row session = {
        .id = signin->session,
        .person = *person,
        .created_at_ms = request->now_ms,
        .used_at_ms = request->now_ms,
        .expires_at_ms = request->now_ms + pst_session_limits(request->config, roles).absolute_ms,
        .step_up_at_ms = standing->factors_count > 0 ? request->now_ms : 0,
        .roles = roles,
    };
    enum pst_err r = pst_throttle_passed(tx, &signin->throttle);
    if (r == PST_OK && signin->body.recovery)
        r = pst_account_recovery_clear(tx, person);
    if (r == PST_OK)
        r = session_make_room(tx, person);
    if (r == PST_OK)
        r = pst_session_insert(tx, &signin->token_hash, &session);
    if (r == PST_OK)
        r = session_event(tx, request, person, roles);
    if (r == PST_OK)
        *ret_session = session;
    return r;
}

static json_t *session_json(const struct pst_request *request,
                            const struct pst_session_row *session)
{
    int64_t ends_ms = pst_session_ends_ms(request->config, session->roles, session->used_at_ms,
                                          session->expires_at_ms);
    return json_pack("{s:o, s:o, s:o, s:o}", "id", pst_answer_id(&session->id), "person",
                     pst_answer_id(&session->person), "roles", pst_answer_roles(session->roles),
                     "expires", pst_answer_time(ends_ms));
}

/* The token goes into the cookie or into the body, never into both. */
static enum pst_err signin_answer(struct pst_request *request,
                                  const struct pst_session_row *session)
{
    const struct signin *signin = request->state;
    json_t *answer = session_json(request, session);
    if (answer == NULL)
        return PST_ERR_NOMEM;
    if (!signin->body.cookie &&
        json_object_set_new(answer, "token",
                            json_string((const char *)pst_secret_bytes(signin->token))) != 0) {
        json_decref(answer);
        return PST_ERR_NOMEM;
    }
    enum pst_err r = pst_request_json(request, 201, answer);
    struct pst_secret *copy = NULL;
    if (r == PST_OK && signin->body.cookie) {
        r = pst_secret_copy(signin->token, &copy);
        if (r == PST_OK)
            pst_request_cookie(request, copy);
    }
    PST_LOG(SIGN_IN);
    return r;
}

static enum pst_err signin_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct signin *signin = request->state;
    struct standing standing;
    struct pst_session_row session;
    enum pst_err r = pst_throttle_check(tx, request, &signin->throttle);
    if (r != PST_OK)
        return r == PST_ERR_BUSY ? PST_OK : r;
    r = standing_read(tx, signin, &standing);
    if (r != PST_OK)
        return r;
    if (!proof_holds(request, signin, &standing))
        return signin_fail(tx, request, /* need_totp= */ false);
    bool factor = standing.factors_count > 0 || (standing.person.roles & PST_ROLES_STAFF) != 0;
    if (factor && signin->body.totp == NULL)
        return signin_deny(request, /* need_totp= */ true);
    if (factor) {
        r = pst_signin_code_use(tx, request, standing.factors, standing.factors_count,
                                signin->body.totp);
        if (r == PST_ERR_CRYPTO)
            return signin_fail(tx, request, /* need_totp= */ true);
    }
    if (r == PST_OK)
        r = session_begin(tx, request, &standing, &session);
    return r == PST_OK ? signin_answer(request, &session) : r;
}

/* ---- POST /v1/session/step-up ------------------------------------------ */

struct stepup_body {
    const char *totp;
    uint8_t auth[PST_AUTH_BYTES];
};

static const struct pst_json_member stepup_members[] = {
    {"totp", PST_JSON_TEXT, 0, offsetof(struct stepup_body, totp), CODE_MAX_BYTES},
    {"auth", PST_JSON_BIN32, 0, offsetof(struct stepup_body, auth), 0},
};

struct stepup {
    struct stepup_body body;
    bool has_auth;
    struct pst_throttle throttle;
};

static enum pst_err stepup_prepare(struct pst_request *request)
{
    void *state = NULL;
    uint64_t present = 0;
    enum pst_err r = pst_request_state_new(request, sizeof(struct stepup), NULL, &state);
    if (r != PST_OK)
        return r;
    struct stepup *stepup = state;
    r = pst_request_decode(request, stepup_members, 2, &stepup->body, &present);
    stepup->has_auth = PST_JSON_HAS(present, 1);
    if (r == PST_OK && stepup->has_auth == (stepup->body.totp != NULL))
        return pst_request_bad(request, "totp");
    if (r == PST_OK)
        r = pst_throttle_init(request, pst_bytes(request->caller.person.bytes, PST_UUID_BYTES),
                              &stepup->throttle);
    return r;
}

/* auth alone does only for people who have no factor. */
static enum pst_err stepup_proof(struct pst_tx *tx, const struct pst_request *request)
{
    const struct stepup *stepup = request->state;
    const struct pst_uuid *person = &request->caller.person;
    struct pst_factor factors[PST_FACTORS_MAX];
    struct pst_account account;
    size_t count = 0;
    enum pst_err r = pst_factor_list(tx, person, factors, &count);
    if (r == PST_OK)
        r = pst_account_get(tx, person, &account);
    if (r != PST_OK)
        return r;
    if (stepup->body.totp != NULL)
        return pst_signin_code_use(tx, request, factors, count, stepup->body.totp);
    return count == 0 && pst_signin_auth_equal(request->vault, PST_AUTH_PASSPHRASE, person,
                                               stepup->body.auth, account.auth_hash)
               ? PST_OK
               : PST_ERR_CRYPTO;
}

static enum pst_err stepup_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct stepup *stepup = request->state;
    const struct pst_caller *caller = &request->caller;
    enum pst_err r = pst_throttle_check(tx, request, &stepup->throttle);
    if (r != PST_OK)
        return r == PST_ERR_BUSY ? PST_OK : r;
    r = stepup_proof(tx, request);
    if (r == PST_ERR_CRYPTO) {
        r = pst_throttle_failed(tx, request, &stepup->throttle);
        return r == PST_OK ? pst_request_refuse(request, PST_REFUSAL_NOT_AUTHENTICATED, NULL) : r;
    }
    if (r == PST_OK)
        r = pst_throttle_passed(tx, &stepup->throttle);
    if (r == PST_OK)
        r = pst_session_step_up(tx, &caller->session, request->now_ms);
    if (r == PST_OK)
        r = session_event(tx, request, &caller->person, caller->roles);
    if (r != PST_OK)
        return r;
    int64_t until_ms = pst_session_step_up_until_ms(request->config, request->now_ms);
    return pst_request_json(request, 200, json_pack("{s:o}", "until", pst_answer_time(until_ms)));
}

/* ---- the session itself, and lists -------------------------------------- */

static enum pst_err session_show(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_caller *caller = &request->caller;
    (void)tx;
    json_t *answer =
        json_pack("{s:o, s:o, s:o, s:o}", "id", pst_answer_id(&caller->session), "person",
                  pst_answer_id(&caller->person), "roles", pst_answer_roles(caller->roles),
                  "expires", pst_answer_time(caller->expires_at_ms));
    if (answer != NULL && caller->step_up_until_ms > request->now_ms &&
        json_object_set_new(answer, "stepup", pst_answer_time(caller->step_up_until_ms)) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    return pst_request_json(request, 200, answer);
}

static enum pst_err session_delete(struct pst_tx *tx, struct pst_request *request)
{
    const struct pst_caller *caller = &request->caller;
    enum pst_err r = pst_session_end(tx, &caller->session);
    if (r == PST_OK)
        r = session_event(tx, request, &caller->person, caller->roles);
    if (r == PST_OK)
        r = pst_request_empty(request);
    pst_request_cookie(request, NULL);
    return r;
}

static json_t *session_item(const struct pst_request *request,
                            const struct pst_session_row *session)
{
    int64_t ends_ms = pst_session_ends_ms(request->config, session->roles, session->used_at_ms,
                                          session->expires_at_ms);
    return json_pack("{s:o, s:o, s:o, s:o, s:b}", "id", pst_answer_id(&session->id), "created",
                     pst_answer_time(session->created_at_ms), "used",
                     pst_answer_time(session->used_at_ms), "expires", pst_answer_time(ends_ms),
                     "current", pst_uuid_equal(&session->id, &request->caller.session));
}

static enum pst_err sessions_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_session_row sessions[PST_SESSIONS_MAX];
    size_t count = 0;
    enum pst_err r = pst_session_list(tx, &request->caller.person, sessions, &count);
    if (r != PST_OK)
        return r;
    json_t *items = json_array();
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct pst_session_row *session = &sessions[i];
        if (pst_session_ends_ms(request->config, session->roles, session->used_at_ms,
                                session->expires_at_ms) <= request->now_ms)
            continue;
        if (json_array_append_new(items, session_item(request, session)) != 0) {
            json_decref(items);
            items = NULL;
        }
    }
    return pst_request_list(request, items, NULL);
}

static enum pst_err sessions_delete(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_session_row session;
    enum pst_err r = pst_session_get(tx, &request->ids[0], &session);
    if (r != PST_OK)
        return r;
    if (!pst_uuid_equal(&session.person, &request->caller.person) &&
        !pst_request_is(request, PST_ROLE_ADMINISTRATOR))
        return PST_ERR_NOT_FOUND;
    r = pst_session_end(tx, &session.id);
    if (r == PST_OK)
        r = session_event(tx, request, &request->caller.person, request->caller.roles);
    return r == PST_OK ? pst_request_empty(request) : r;
}

/* Everybody, the edge's program included. */
#define ANYBODY (PST_WEB_ALL | PST_ROLE_EDGE)

const struct pst_route pst_routes_session[] = {
    {.method = "POST",
     .path = "/v1/session/params",
     .roles = PST_WEB_PUBLIC,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_READ,
     .prepare = params_prepare,
     .run = params_run},
    {.method = "POST",
     .path = "/v1/session",
     .roles = PST_WEB_PUBLIC,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = signin_prepare,
     .run = signin_run},
    {.method = "POST",
     .path = "/v1/session/step-up",
     .roles = ANYBODY,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = stepup_prepare,
     .run = stepup_run},
    {.method = "GET",
     .path = "/v1/session",
     .roles = ANYBODY,
     .kind = PST_WEB_READ,
     .run = session_show},
    {.method = "DELETE",
     .path = "/v1/session",
     .roles = ANYBODY,
     .kind = PST_WEB_WRITE,
     .run = session_delete},
    {.method = "GET",
     .path = "/v1/sessions",
     .roles = ANYBODY,
     .kind = PST_WEB_READ,
     .query = "limit cursor", /* there is never more than one page */
     .run = sessions_list},
    {.method = "DELETE",
     .path = "/v1/sessions/{id}",
     .roles = ANYBODY,
     .kind = PST_WEB_WRITE,
     .run = sessions_delete},
    {0},
};
