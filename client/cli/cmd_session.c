/* login, logout, whoami, passwd, devices. */
#include <string.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"

#define LOGIN_MAX_BYTES 254

static enum pst_err login_name(struct pst_cli *cli, char ret_login[LOGIN_MAX_BYTES + 1])
{
    const char *name = pst_cli_get(cli, "login");
    if (name == NULL)
        name = pst_state_get(cli, "login");
    if (name != NULL)
        snprintf(ret_login, LOGIN_MAX_BYTES + 1, "%s", name);
    else if (pst_ask_plain(cli, "Login name: ", ret_login, LOGIN_MAX_BYTES + 1) != PST_OK)
        return pst_cli_fail(cli, PST_ERR_USAGE, "Who signs in? Give --login NAME.");
    return PST_OK;
}

static enum pst_err keys_of_recovery(struct pst_cli *cli, struct pst_login_keys *ret_keys)
{
    PST_SECRET struct pst_secret *text = NULL;
    PST_SECRET struct pst_secret *code = NULL;
    const char *file = pst_cli_get(cli, "recovery-code-file");
    enum pst_err err = file != NULL ? pst_ask_secret_file(cli, file, &text)
                                    : pst_ask_line(cli, "Recovery code: ", &text);
    if (err == PST_ERR_DENIED)
        return pst_cli_fail(cli, err, "Give the recovery code in --recovery-code-file FILE.");
    if (err == PST_OK)
        err = pst_code_parse_typed((const char *)pst_secret_bytes(text), pst_secret_len(text) - 1,
                                   &code);
    if (err == PST_ERR_SYNTAX)
        return pst_cli_fail(cli, err, "A recovery code is 26 letters and digits. Check it.");
    return err == PST_OK ? pst_login_from_recovery(code, ret_keys) : err;
}

static enum pst_err keys_of_phrase(struct pst_cli *cli, const char *login,
                                   struct pst_login_keys *ret_keys)
{
    PST_SECRET struct pst_secret *phrase = NULL;
    enum pst_err err = pst_ask_passphrase(cli, &phrase);
    return err == PST_OK ? pst_self_derive(cli, login, phrase, ret_keys) : err;
}

enum pst_err pst_cmd_login(struct pst_cli *cli)
{
    char login[LOGIN_MAX_BYTES + 1] = "";
    struct pst_login_keys keys = {0};
    bool recovery = pst_cli_has(cli, "recovery");
    enum pst_err err = pst_state_load(cli);
    if (err == PST_OK)
        err = login_name(cli, login);
    if (err == PST_OK)
        err = recovery ? keys_of_recovery(cli, &keys) : keys_of_phrase(cli, login, &keys);
    PST_JSON json_t *session = NULL;
    if (err == PST_OK)
        err = pst_self_sign_in(cli, login, &keys, recovery ? "recovery" : "passphrase", NULL,
                               &session);
    pst_login_keys_free(&keys);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, session);
    pst_cli_print(cli, "You are signed in as %s.", pst_wire_get(cli->self->me, "name"));
    if (recovery)
        pst_cli_print(cli, "The recovery code is used up. Set a new passphrase with \"postern "
                           "passwd\" and make a new code with \"postern keys recovery-code\".");
    return PST_OK;
}

enum pst_err pst_cmd_logout(struct pst_cli *cli)
{
    enum pst_err err = pst_state_load(cli);
    if (err != PST_OK)
        return err;
    if (cli->state->token == NULL) {
        pst_cli_print(cli, "You were not signed in.");
        return PST_OK;
    }
    /* What is here goes whatever the server says: that is what logging out promises. */
    struct pst_net_request request = {.method = "DELETE", .path = "/v1/session", .quiet = true};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err told = pst_net_send(cli, &request, &answer);
    err = pst_state_session_forget(cli);
    if (err == PST_OK && told != PST_OK && answer.status != 401)
        pst_cli_note(cli, "The server could not be told. The session ends there by itself.");
    cli->said = false;
    cli->exit_status = 0;
    if (err == PST_OK)
        pst_cli_print(cli, "You are signed out.");
    return err;
}

static void print_roles(struct pst_cli *cli, const json_t *roles)
{
    size_t i;
    json_t *role;
    json_array_foreach(roles, i, role)
        fprintf(cli->out, "%s%s", i > 0 ? ", " : "", json_string_value(role));
}

static void print_named(struct pst_cli *cli, const char *title, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        fprintf(cli->out, "%-10s", i == 0 ? title : "");
        pst_cli_write_safe(cli->out, pst_wire_get(item, "name"), false);
        fprintf(cli->out, "  %s\n", pst_wire_get(item, "id"));
    }
}

enum pst_err pst_cmd_whoami(struct pst_cli *cli)
{
    enum pst_err err = pst_self_open(cli);
    if (err != PST_OK)
        return err;
    const json_t *me = cli->self->me;
    if (cli->json) {
        pst_cli_print_json(cli, me);
        return PST_OK;
    }
    fputs("Name      ", cli->out);
    pst_cli_write_safe(cli->out, pst_wire_get(me, "name"), false);
    fprintf(cli->out, "\nId        %s\nLogin     %s\nPractice  %s\nRoles     ",
            pst_wire_get(me, "id"), pst_wire_get(me, "login"), pst_wire_get(me, "origin"));
    print_roles(cli, json_object_get(me, "roles"));
    fputc('\n', cli->out);
    print_named(cli, "Teams", json_object_get(me, "teams"));
    print_named(cli, "Patients", json_object_get(me, "patients"));
    return PST_OK;
}

/* A new credential of a new passphrase, with the ring's key wrapped by it. */
static enum pst_err new_credential(struct pst_cli *cli, json_t **ret_credential)
{
    PST_SECRET struct pst_secret *phrase = NULL;
    struct pst_login_params params;
    struct pst_login_keys keys = {0};
    PST_BUF struct pst_buf wrap = {.max = PST_WRAP_BYTES};
    enum pst_err err =
        pst_ask_new_passphrase(cli, "POSTERN_NEW_PASSPHRASE_FILE", pst_self_has_factor(cli),
                               pst_state_get(cli, "login"), &phrase);
    if (err != PST_OK)
        return err;
    pst_login_params_new(NULL, &params);
    err = pst_login_derive(phrase, &params, &keys);
    if (err == PST_OK)
        err = pst_keyring_wrap(cli->state->ring_key, keys.wrap, &cli->self->person, "passphrase",
                               NULL, &wrap);
    if (err == PST_OK) {
        *ret_credential =
            json_pack("{s:o, s:o, s:I, s:I}", "auth", pst_wire_secret(keys.auth), "salt",
                      pst_wire_bytes(pst_bytes(params.salt, sizeof params.salt)), "memory",
                      (json_int_t)params.memory_kib, "passes", (json_int_t)params.passes);
        (void)json_object_set_new(cli->self->wraps, "passphrase", pst_wire_buf(&wrap));
        err = *ret_credential != NULL ? PST_OK : PST_ERR_NOMEM;
    }
    pst_login_keys_free(&keys);
    return err;
}

enum pst_err pst_cmd_passwd(struct pst_cli *cli)
{
    PST_JSON json_t *credential = NULL;
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = new_credential(cli, &credential);
    if (err == PST_OK)
        err = pst_self_ring_put(cli, credential, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "Your passphrase is changed.");
    return err;
}

enum pst_err pst_cmd_devices(struct pst_cli *cli)
{
    PST_JSON json_t *list = NULL;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_net_list(cli, "/v1/sessions", 0, &list);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, list);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item) pst_cli_print(
        cli, "%s  signed in %.16s  last used %.16s  until %.16s%s", pst_wire_get(item, "id"),
        pst_wire_get(item, "created"), pst_wire_get(item, "used"), pst_wire_get(item, "expires"),
        json_is_true(json_object_get(item, "current")) ? "  (this one)" : "");
    return PST_OK;
}

enum pst_err pst_cmd_devices_end(struct pst_cli *cli)
{
    struct pst_uuid id;
    char path[96];
    enum pst_err err = pst_wire_read_id(cli, cli->operands[0], "a session's id", &id);
    if (err == PST_OK)
        err = pst_self_open(cli);
    if (err != PST_OK)
        return err;
    snprintf(path, sizeof path, "/v1/sessions/%s", cli->operands[0]);
    err = pst_net_json(cli, "DELETE", path, NULL, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "That session is ended.");
    return err;
}
