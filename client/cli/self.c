#include "client/cli/self.h"

#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/pins.h"
#include "client/cli/state.h"
#include "client/cli/totp.h"
#include "client/cli/wire.h"
#include "postern/base64.h"
#include "postern/cleanup.h"

void pst_self_free(struct pst_self **self)
{
    if (*self == NULL)
        return;
    json_decref((*self)->me);
    json_decref((*self)->wraps);
    pst_keyring_free(&(*self)->ring);
    pst_signer_free(&(*self)->signer);
    pst_chain_free(&(*self)->chain);
    for (size_t i = 0; i < (*self)->team_identities_count; i++)
        pst_secret_free(&(*self)->team_identities[i]);
    free(*self);
    *self = NULL;
}

static enum pst_err check_root(struct pst_cli *cli, const struct pst_self *self)
{
    char text[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(&self->root_id, text);
    const char *pinned = pst_state_get(cli, "root");
    if (pinned == NULL || strcmp(pinned, text) == 0)
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_CHAIN,
                        "WARNING: the server shows another root key than the one you enrolled "
                        "with. Somebody may be trying to read along. Nothing was sent. Call the "
                        "practice, and do not use this until they have explained it.");
}

static enum pst_err read_me(struct pst_cli *cli, struct pst_self *self)
{
    self->origin = pst_wire_get(self->me, "origin");
    if (pst_wire_get_uuid(self->me, "id", &self->person) != PST_OK || self->origin[0] == '\0' ||
        pst_wire_get_exact(self->me, "root", self->root.bytes, sizeof self->root.bytes) != PST_OK)
        return pst_wire_unexpected(cli, "me");
    enum pst_err err = pst_key_id_of(self->root.bytes, &self->root_id);
    return err == PST_OK ? check_root(cli, self) : err;
}

enum pst_err pst_self_open(struct pst_cli *cli)
{
    if (cli->self != NULL)
        return PST_OK;
    enum pst_err err = pst_state_load(cli);
    if (err != PST_OK)
        return err;
    if (cli->state->token == NULL)
        return pst_cli_fail_exit(cli, EX_NOPERM, PST_ERR_DENIED,
                                 "You are not signed in. Use \"postern login\".");
    struct pst_self *self = calloc(1, sizeof *self);
    if (self == NULL)
        return PST_ERR_NOMEM;
    err = pst_net_json(cli, "GET", "/v1/me", NULL, &self->me);
    if (err == PST_OK)
        err = read_me(cli, self);
    if (err == PST_OK)
        cli->self = self;
    else
        pst_self_free(&self);
    return err;
}

static enum pst_err fetch_ring(struct pst_cli *cli, struct pst_self *self, struct pst_buf *sealed)
{
    struct pst_net_request request = {.path = "/v1/me/keyring"};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = pst_net_send(cli, &request, &answer);
    if (err != PST_OK)
        return err;
    if (pst_wire_get_bytes(answer.json, "ring", sealed) != PST_OK)
        return pst_wire_unexpected(cli, "key ring");
    json_decref(self->wraps);
    self->wraps = json_incref(json_object_get(answer.json, "wraps"));
    memcpy(self->ring_etag, answer.etag, sizeof self->ring_etag);
    return PST_OK;
}

enum pst_err pst_self_ring(struct pst_cli *cli)
{
    enum pst_err err = pst_self_open(cli);
    if (err != PST_OK || cli->self->ring != NULL)
        return err;
    struct pst_self *self = cli->self;
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    err = fetch_ring(cli, self, &sealed);
    if (err != PST_OK)
        return err;
    err =
        pst_keyring_open(pst_buf_bytes(&sealed), cli->state->ring_key, &self->person, &self->ring);
    if (err != PST_OK)
        return pst_cli_fail(cli, err,
                            "Your key ring does not open (%s). Sign out and in again; if that "
                            "does not help, somebody has changed it: tell the practice.",
                            pst_err_text(err));
    if (self->ring->signing_count == 0 || self->ring->identities_count == 0)
        return pst_cli_fail(cli, PST_ERR_NO_KEY, "Your key ring is empty. Enrol again.");
    return pst_signer_from_seed(self->ring->signing[0], &self->signer);
}

enum pst_err pst_self_ring_put(struct pst_cli *cli, const json_t *credential,
                               const json_t *recovery)
{
    struct pst_self *self = cli->self;
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    enum pst_err err =
        pst_keyring_seal(self->ring, cli->state->ring_key, &self->person, NULL, &sealed);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body =
        json_pack("{s:o, s:O}", "ring", pst_wire_buf(&sealed), "wraps", self->wraps);
    if (body == NULL)
        return PST_ERR_NOMEM;
    if (credential != NULL)
        (void)json_object_set_new(body, "credential", json_deep_copy(credential));
    if (recovery != NULL)
        (void)json_object_set_new(body, "recovery", json_deep_copy(recovery));
    struct pst_net_request request = {
        .method = "PUT", .path = "/v1/me/keyring", .json = body, .if_match = self->ring_etag};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    err = pst_net_send(cli, &request, &answer);
    if (err == PST_OK) {
        memcpy(self->ring_etag, answer.etag, sizeof self->ring_etag);
        self->ring_changed = false;
    }
    return err;
}

enum pst_err pst_self_ring_save(struct pst_cli *cli)
{
    if (cli->self == NULL || !cli->self->ring_changed)
        return PST_OK;
    return pst_self_ring_put(cli, NULL, NULL);
}

enum pst_err pst_self_chain(struct pst_cli *cli, const json_t *records)
{
    struct pst_self *self = cli->self;
    enum pst_err err = PST_OK;
    if (self->chain == NULL)
        err = pst_chain_new(self->origin, &self->root, &self->root_id, &self->chain);
    if (err == PST_OK && records != NULL)
        err = pst_chain_add_array(self->chain, records);
    if (err != PST_OK)
        return pst_cli_fail(cli, err, "The practice's key records cannot be read: %s.",
                            pst_err_text(err));
    err = pst_chain_verify(self->chain);
    if (pst_chain_alarms(self->chain) > 0)
        pst_cli_note(cli, "WARNING: one invitation was used twice. Tell the practice's "
                          "administrator, who can find out by whom.");
    /* What is not certified is not found when asked for. */
    return err == PST_ERR_CHAIN ? PST_OK : err;
}

enum pst_err pst_self_fetch_person(struct pst_cli *cli, const struct pst_uuid *person)
{
    char path[96];
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(person, id);
    snprintf(path, sizeof path, "/v1/people/%s/key-statements", id);
    PST_JSON json_t *answer = NULL;
    enum pst_err err = pst_net_json(cli, "GET", path, NULL, &answer);
    return err == PST_OK ? pst_self_chain(cli, json_object_get(answer, "statements")) : err;
}

bool pst_self_has_factor(const struct pst_cli *cli)
{
    static const char *const staff[] = {"intake", "clinician", "compliance", "administrator"};
    const json_t *roles = json_object_get(cli->state->profile, "roles");
    size_t i;
    json_t *role;
    json_array_foreach(roles, i, role)
    {
        for (size_t k = 0; k < sizeof staff / sizeof staff[0]; k++) {
            if (json_is_string(role) && strcmp(json_string_value(role), staff[k]) == 0)
                return true;
        }
    }
    return false;
}

bool pst_self_is(const struct pst_cli *cli, const char *role)
{
    const json_t *roles = json_object_get(cli->self->me, "roles");
    size_t i;
    json_t *item;
    json_array_foreach(roles, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), role) == 0)
            return true;
    }
    return false;
}

enum pst_err pst_self_derive(struct pst_cli *cli, const char *login, struct pst_secret *phrase,
                             struct pst_login_keys *ret_keys)
{
    PST_JSON json_t *body = json_pack("{s:s}", "login", login);
    PST_JSON json_t *answer = NULL;
    struct pst_login_params params = {0};
    enum pst_err err = pst_net_json(cli, "POST", "/v1/session/params", body, &answer);
    if (err != PST_OK)
        return err;
    params.memory_kib = (uint32_t)json_integer_value(json_object_get(answer, "memory"));
    params.passes = (uint32_t)json_integer_value(json_object_get(answer, "passes"));
    if (pst_wire_get_exact(answer, "salt", params.salt, sizeof params.salt) != PST_OK ||
        pst_login_params_check(&params) != PST_OK)
        return pst_cli_fail_exit(cli, EX_PROTOCOL, PST_ERR_INVALID,
                                 "The server asks for a weaker or much slower check of the "
                                 "passphrase than is right. Nothing was sent. Tell the practice.");
    err = pst_login_derive(phrase, &params, ret_keys);
    if (err == PST_ERR_NOMEM)
        return pst_cli_fail(cli, err, "There is not enough memory to check the passphrase.");
    return err;
}

enum pst_err pst_self_auth_text(struct pst_cli *cli, char **ret_auth)
{
    const char *login = pst_state_get(cli, "login");
    PST_SECRET struct pst_secret *phrase = NULL;
    struct pst_login_keys keys = {0};
    enum pst_err err = pst_ask_passphrase(cli, &phrase);
    if (err == PST_OK)
        err = pst_self_derive(cli, login != NULL ? login : "", phrase, &keys);
    if (err == PST_OK) {
        PST_BUF struct pst_buf text = {.max = 128};
        err = pst_base64url_append(
            &text, pst_bytes(pst_secret_bytes(keys.auth), pst_secret_len(keys.auth)));
        if (err == PST_OK && (*ret_auth = strdup(pst_buf_str(&text))) == NULL)
            err = PST_ERR_NOMEM;
    }
    pst_login_keys_free(&keys);
    return err;
}

static bool needs_totp(const struct pst_net_answer *answer)
{
    const json_t *need = json_object_get(answer->json, "need");
    size_t i;
    json_t *item;
    json_array_foreach(need, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), "totp") == 0)
            return true;
    }
    return false;
}

static enum pst_err post_session(struct pst_cli *cli, json_t *body, struct pst_net_answer *answer)
{
    struct pst_net_request request = {
        .method = "POST", .path = "/v1/session", .json = body, .anonymous = true, .quiet = true};
    return pst_net_send(cli, &request, answer);
}

/* First without a code unless one was given; the server says whether it needs one. */
static enum pst_err open_session(struct pst_cli *cli, json_t *body, const char *totp,
                                 struct pst_net_answer *answer)
{
    if (totp != NULL)
        pst_wire_set_text(body, "totp", totp);
    enum pst_err err = post_session(cli, body, answer);
    if (err == PST_ERR_DENIED && totp == NULL && needs_totp(answer)) {
        char code[PST_TOTP_DIGITS + 1];
        if (pst_totp_at_hand(cli) || pst_ask_possible()) {
            err = pst_totp_code(cli, code);
            if (err != PST_OK)
                return err;
            pst_wire_set_text(body, "totp", code);
            err = post_session(cli, body, answer);
        }
    }
    return err == PST_ERR_DENIED ? pst_net_problem(cli, answer->status, answer->json) : err;
}

/* With the session open: K out of its wrap, and both kept. */
static enum pst_err keep_session(struct pst_cli *cli, const json_t *session,
                                 const struct pst_login_keys *keys, const char *kind)
{
    const char *token = pst_wire_get(session, "token");
    PST_SECRET struct pst_secret *ring_key = NULL;
    struct pst_uuid person;
    if (token[0] == '\0' || pst_wire_get_uuid(session, "person", &person) != PST_OK)
        return pst_wire_unexpected(cli, "session");
    PST_FREE char *copy = strdup(token);
    pst_secret_free(&cli->state->token);
    enum pst_err err =
        copy != NULL ? pst_secret_take(copy, strlen(copy), &cli->state->token) : PST_ERR_NOMEM;
    PST_JSON json_t *ring = NULL;
    if (err == PST_OK)
        err = pst_net_json(cli, "GET", "/v1/me/keyring", NULL, &ring);
    PST_BUF struct pst_buf wrap = {.max = PST_WRAP_BYTES};
    if (err != PST_OK)
        return err;
    err = pst_wire_get_bytes(json_object_get(ring, "wraps"), kind, &wrap);
    if (err == PST_OK)
        err = pst_keyring_unwrap(pst_buf_bytes(&wrap), keys->wrap, &person, kind, &ring_key);
    if (err != PST_OK)
        return pst_cli_fail(cli, err,
                            "You are signed in, but your key ring does not open with "
                            "this. Use your recovery code: postern login --recovery.");
    return pst_state_session_save(cli, token, ring_key);
}

static enum pst_err keep_profile(struct pst_cli *cli, const char *login, const json_t *session)
{
    if (json_object_set(cli->state->profile, "roles", json_object_get(session, "roles")) != 0)
        return PST_ERR_NOMEM;
    enum pst_err err = pst_state_set(cli, "login", login);
    if (err == PST_OK)
        err = pst_state_set(cli, "server", cli->state->server);
    if (err == PST_OK && cli->state->ca != NULL) {
        PST_FREE char *whole = realpath(cli->state->ca, NULL);
        err = pst_state_set(cli, "ca", whole != NULL ? whole : cli->state->ca);
    }
    if (err == PST_OK)
        err = pst_state_set(cli, "person", pst_wire_get(session, "person"));
    return err == PST_OK ? pst_state_save(cli) : err;
}

enum pst_err pst_self_sign_in(struct pst_cli *cli, const char *login,
                              const struct pst_login_keys *keys, const char *kind, const char *totp,
                              json_t **ret_session)
{
    PST_JSON json_t *body =
        json_pack("{s:s, s:o}", "login", login, "auth", pst_wire_secret(keys->auth));
    if (body == NULL)
        return PST_ERR_NOMEM;
    if (strcmp(kind, "recovery") == 0)
        (void)json_object_set_new(body, "recovery", json_true());
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = open_session(cli, body, totp, &answer);
    if (err == PST_OK)
        err = keep_session(cli, answer.json, keys, kind);
    if (err == PST_OK)
        err = keep_profile(cli, login, answer.json);
    pst_self_free(&cli->self);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_pins_check_own_chain(cli);
    if (err != PST_OK) {
        enum pst_err forgot = pst_state_session_forget(cli);
        return forgot == PST_OK ? err : forgot;
    }
    (void)json_object_del(answer.json, "token");
    *ret_session = answer.json;
    answer.json = NULL;
    return PST_OK;
}

void pst_self_new_id(struct pst_cli *cli, struct pst_uuid *ret_id)
{
    pst_uuid_v7(pst_net_now_ms(cli), NULL, ret_id);
}

enum pst_err pst_self_record(struct pst_cli *cli, enum pst_record_kind kind, const void *body,
                             struct pst_buf *out)
{
    const struct pst_signer *signers[] = {cli->self->signer};
    enum pst_err err =
        pst_record_build(kind, cli->self->origin, pst_net_now_ms(cli), body, signers, 1, out);
    return err == PST_OK
               ? err
               : pst_cli_fail(cli, err, "The record cannot be made: %s.", pst_err_text(err));
}
