/* enrol LINK: keys are made here, certified by the code, and put under a passphrase. */
#include <ctype.h>
#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/qr.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/totp.h"
#include "client/cli/wire.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"
#include "postern/time.h"

/* How long a statement holds before it must be renewed. */
#define STATEMENT_YEARS 5
#define LOGIN_MAX_BYTES 254
#define OTPAUTH_MAX_BYTES 1024

/* Everything of one enrolment under way. */
struct enrolment {
    struct pst_enrol_link link;
    char origin[PST_LINK_HOST_MAX_BYTES + 1];
    struct pst_signer *code; /* derived from the link's code */
    struct pst_signer *root; /* of the first administrator alone */
    struct pst_signer *own;
    json_t *params; /* what the server answered */
    struct pst_record *invitation;
    struct pst_chain *chain; /* NULL for the first administrator */
    struct pst_keyring *ring;
    struct pst_secret *ring_key;
    struct pst_buf statement;
    struct pst_secret *phrase;
    struct pst_login_params login_params;
    struct pst_login_keys keys;
    struct pst_login_keys recovery_keys;
    struct pst_secret *recovery_text;
    struct pst_secret *totp_text;
    char login[LOGIN_MAX_BYTES + 1];
};

static void release(struct enrolment *e)
{
    pst_enrol_link_free(&e->link);
    pst_signer_free(&e->code);
    pst_signer_free(&e->root);
    pst_signer_free(&e->own);
    json_decref(e->params);
    pst_record_free(&e->invitation);
    pst_chain_free(&e->chain);
    pst_keyring_free(&e->ring);
    pst_secret_free(&e->ring_key);
    pst_buf_free(&e->statement);
    pst_secret_free(&e->phrase);
    pst_login_keys_free(&e->keys);
    pst_login_keys_free(&e->recovery_keys);
    pst_secret_free(&e->recovery_text);
    pst_secret_free(&e->totp_text);
}

static enum pst_err read_link(struct pst_cli *cli, struct enrolment *e)
{
    const char *text = cli->operands[0];
    enum pst_err err = pst_enrol_link_parse(text, strlen(text), &e->link);
    if (err != PST_OK)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "This is no whole invitation link. It looks like "
                            "https://…/enrol#…; quote it, since # means something to a shell.");
    /* The practice's name in the link, without the port. */
    snprintf(e->origin, sizeof e->origin, "%s", e->link.host);
    char *port = strrchr(e->origin, ':');
    if (port != NULL && strchr(port, ']') == NULL)
        *port = '\0';
    err = pst_state_load(cli);
    if (err == PST_OK && cli->state->server == NULL &&
        asprintf(&cli->state->server, "https://%s", e->link.host) < 0) {
        cli->state->server = NULL;
        err = PST_ERR_NOMEM;
    }
    return err == PST_OK ? pst_enrol_signer(e->link.code, &e->code) : err;
}

/* {invitation, at, proof}: that we hold the code, without showing it. Given. */
static json_t *proof(struct pst_cli *cli, const struct enrolment *e)
{
    char id[PST_UUID_TEXT_SIZE];
    char at[PST_TIME_TEXT_SIZE];
    char text[512];
    struct pst_signature signature;
    pst_uuid_format(&e->link.invitation, id);
    pst_time_format(pst_net_now_ms(cli), at);
    snprintf(text, sizeof text, "postern enrol/1\n%s\n%s\n%s\n", e->origin, id, at);
    if (pst_sign(e->code, pst_bytes_str(text), &signature) != PST_OK)
        return NULL;
    return json_pack("{s:s, s:s, s:o}", "invitation", id, "at", at, "proof",
                     pst_wire_bytes(pst_bytes(signature.bytes, sizeof signature.bytes)));
}

static enum pst_err fetch_params(struct pst_cli *cli, struct enrolment *e)
{
    /* The first answer sets our clock right: the proof's time must be near the server's. */
    struct pst_net_request health = {.path = "/healthz", .anonymous = true, .quiet = true};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = pst_net_send(cli, &health, &answer);
    if (err != PST_OK && cli->said)
        return err;
    PST_JSON json_t *body = proof(cli, e);
    struct pst_net_request request = {.method = "POST",
                                      .path = "/v1/enrolments/params",
                                      .json = body,
                                      .anonymous = true,
                                      .quiet = true};
    PST_NET_ANSWER struct pst_net_answer params = {0};
    err = body != NULL ? pst_net_send(cli, &request, &params) : PST_ERR_NOMEM;
    if (err == PST_ERR_DENIED && params.status == 404)
        return pst_cli_fail_exit(cli, EX_NOPERM, PST_ERR_DENIED,
                                 "This invitation is not known here: it was used, or its 72 hours "
                                 "are over, or the link is not whole. Ask for a new one.");
    if (err == PST_ERR_DENIED)
        return pst_net_problem(cli, params.status, params.json);
    e->params = json_incref(params.json);
    return err;
}

/* Does the invitation say what the answer says, and is it made for our code? */
static enum pst_err check_invitation(struct pst_cli *cli, struct enrolment *e)
{
    const char *text = pst_wire_get(e->params, "invitation");
    struct pst_uuid person;
    if (pst_record_parse_kind(pst_bytes_str(text), PST_RECORD_INVITATION, &e->invitation) !=
            PST_OK ||
        pst_wire_get_uuid(e->params, "person", &person) != PST_OK)
        return pst_wire_unexpected(cli, "invitation");
    const struct pst_invitation *body = pst_record_invitation(e->invitation);
    bool ours = memcmp(body->key.bytes, e->code->public_key.bytes, sizeof body->key.bytes) == 0 &&
                strcmp(pst_record_origin(e->invitation), e->origin) == 0 &&
                pst_uuid_equal(&body->person, &person);
    if (!ours)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "WARNING: the server shows another invitation than that of your link. "
                            "Nothing was sent. Tell the person who gave it to you.");
    return PST_OK;
}

static bool certified(const struct pst_chain *chain, const struct pst_record *record)
{
    for (size_t i = 0; i < pst_chain_count(chain); i++) {
        if (pst_sha256_equal(pst_record_hash(pst_chain_record(chain, i)),
                             pst_record_hash(record)) &&
            pst_chain_reason(chain, i) == PST_CHAIN_CERTIFIED)
            return true;
    }
    return false;
}

static enum pst_err check_chain(struct pst_cli *cli, struct enrolment *e)
{
    struct pst_sign_public root;
    if (pst_wire_get_exact(e->params, "root", root.bytes, sizeof root.bytes) != PST_OK)
        return pst_wire_unexpected(cli, "root");
    enum pst_err err = pst_chain_new(e->origin, &root, &e->link.root, &e->chain);
    if (err == PST_OK)
        err = pst_chain_add_array(e->chain, json_object_get(e->params, "records"));
    if (err == PST_OK)
        err = pst_chain_add(e->chain, pst_record_text(e->invitation));
    if (err == PST_OK) {
        err = pst_chain_verify(e->chain);
        err = err == PST_ERR_CHAIN ? PST_OK : err;
    }
    if (err == PST_OK && !certified(e->chain, e->invitation))
        err = PST_ERR_CHAIN;
    if (err != PST_OK)
        return pst_cli_fail(cli, err,
                            "WARNING: this invitation is not certified by the practice whose link "
                            "you were given. Nothing was sent. Tell the person who gave it to "
                            "you.");
    return err;
}

static enum pst_err check_first(struct pst_cli *cli, const struct enrolment *e)
{
    const struct pst_invitation *body = pst_record_invitation(e->invitation);
    if (json_object_get(e->params, "root") == NULL && body->roles == PST_ROLE_ADMINISTRATOR)
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_CHAIN,
                        "WARNING: this link is for a practice's very first administrator, but the "
                        "server has a root key already. Nothing was sent.");
}

static enum pst_err make_ring(struct enrolment *e)
{
    struct pst_secret *identity = NULL;
    enum pst_err err = pst_keyring_new(&e->ring);
    if (err == PST_OK)
        err = pst_keyring_key_new(NULL, &e->ring_key);
    if (err == PST_OK)
        err = pst_age_identity_generate(NULL, &identity);
    if (err == PST_OK)
        err = pst_keyring_add_identity(e->ring, identity);
    if (err == PST_OK)
        err = pst_signer_new(NULL, &e->own);
    struct pst_secret *seed = NULL;
    if (err == PST_OK)
        err = pst_secret_copy(e->own->seed, &seed);
    if (err == PST_OK)
        err = pst_keyring_add_signing(e->ring, seed);
    if (err != PST_OK || e->link.has_root)
        return err;
    err = pst_signer_new(NULL, &e->root);
    return err == PST_OK ? pst_secret_copy(e->root->seed, &e->ring->root) : err;
}

/* The serial after whatever statement of this person the inviter's chain shows. */
static int64_t next_serial(const struct enrolment *e, const struct pst_uuid *person)
{
    int64_t serial = 0;
    for (size_t i = 0; e->chain != NULL && i < pst_chain_count(e->chain); i++) {
        const struct pst_statement *s = pst_record_statement(pst_chain_record(e->chain, i));
        if (s != NULL && pst_uuid_equal(&s->person, person) && s->serial > serial)
            serial = s->serial;
    }
    return serial + 1;
}

static int64_t years_later(int64_t now_ms)
{
    struct pst_date day;
    pst_date_of_ms(now_ms, &day);
    pst_date_add_years(&day, STATEMENT_YEARS, &day);
    return pst_date_start_ms(&day);
}

static enum pst_err make_statement(struct pst_cli *cli, struct enrolment *e)
{
    const struct pst_invitation *invited = pst_record_invitation(e->invitation);
    int64_t now = pst_net_now_ms(cli);
    struct pst_age_recipient recipient;
    char text[PST_AGE_RECIPIENT_CHARS + 1];
    enum pst_err err = pst_age_identity_recipient(e->ring->identities[0], &recipient);
    if (err != PST_OK)
        return err;
    pst_age_recipient_format(&recipient, text);
    struct pst_statement body = {.name = invited->name,
                                 .recipient = text,
                                 .person = invited->person,
                                 .roles = invited->roles,
                                 .serial = next_serial(e, &invited->person),
                                 .invitation = *pst_record_hash(e->invitation),
                                 .has_invitation = true,
                                 .sign = e->own->public_key,
                                 .until_ms = years_later(now)};
    const struct pst_signer *signers[] = {e->own, e->code, e->root};
    pst_buf_init(&e->statement, PST_RECORD_MAX_BYTES);
    return pst_record_build(PST_RECORD_STATEMENT, e->origin, now, &body, signers,
                            e->root != NULL ? 3 : 2, &e->statement);
}

static enum pst_err pin(struct enrolment *e, const struct pst_record *record)
{
    const struct pst_statement *s = pst_record_statement(record);
    struct pst_pin seen = {s->person, s->serial, *pst_record_hash(record)};
    const struct pst_pin *old = pst_keyring_pin(e->ring, &s->person);
    return old != NULL && old->serial > s->serial ? PST_OK : pst_keyring_pin_set(e->ring, &seen);
}

/* Everybody who stands between us and the root, and ourselves. */
static enum pst_err make_pins(struct enrolment *e)
{
    enum pst_err err = PST_OK;
    for (size_t i = 0; err == PST_OK && e->chain != NULL && i < pst_chain_count(e->chain); i++) {
        const struct pst_record *record = pst_chain_record(e->chain, i);
        if (pst_record_statement(record) != NULL &&
            pst_chain_reason(e->chain, i) == PST_CHAIN_CERTIFIED)
            err = pin(e, record);
    }
    struct pst_record *own = NULL;
    if (err == PST_OK)
        err = pst_record_parse(pst_buf_bytes(&e->statement), &own);
    if (err == PST_OK)
        err = pin(e, own);
    pst_record_free(&own);
    return err;
}

/* "Ada Example" to "ada.example": what is proposed when nothing is said. */
static void propose_login(const char *name, char *ret_login)
{
    size_t len = 0;
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0' && len < 60; c++) {
        if (isalnum(*c))
            ret_login[len++] = (char)tolower(*c);
        else if (*c == ' ' && len > 0 && ret_login[len - 1] != '.')
            ret_login[len++] = '.';
    }
    ret_login[len] = '\0';
}

static enum pst_err choose_login(struct pst_cli *cli, struct enrolment *e)
{
    const char *given = pst_cli_get(cli, "login");
    if (given != NULL) {
        if (given[0] == '\0' || strlen(given) > LOGIN_MAX_BYTES)
            return pst_cli_fail(cli, PST_ERR_USAGE, "A login name has 1 to %d characters.",
                                LOGIN_MAX_BYTES);
        snprintf(e->login, sizeof e->login, "%s", given);
        return PST_OK;
    }
    propose_login(pst_record_invitation(e->invitation)->name, e->login);
    char prompt[128];
    char typed[LOGIN_MAX_BYTES + 1] = "";
    snprintf(prompt, sizeof prompt, "Login name [%.60s]: ", e->login);
    bool scripted = getenv("POSTERN_PASSPHRASE_FILE") != NULL;
    if (!scripted && pst_ask_plain(cli, prompt, typed, sizeof typed) == PST_OK)
        snprintf(e->login, sizeof e->login, "%s", typed);
    if (e->login[0] == '\0')
        return pst_cli_fail(cli, PST_ERR_USAGE, "Choose a login name: --login NAME.");
    return PST_OK;
}

static bool is_staff(const struct enrolment *e)
{
    return (pst_record_invitation(e->invitation)->roles & PST_ROLES_STAFF) != 0;
}

static enum pst_err make_credentials(struct pst_cli *cli, struct enrolment *e)
{
    PST_SECRET struct pst_secret *recovery = NULL;
    enum pst_err err =
        pst_ask_new_passphrase(cli, "POSTERN_PASSPHRASE_FILE", is_staff(e), e->login, &e->phrase);
    if (err != PST_OK)
        return err;
    pst_login_params_new(NULL, &e->login_params);
    err = pst_login_derive(e->phrase, &e->login_params, &e->keys);
    if (err == PST_OK)
        err = pst_code_new(NULL, &recovery);
    if (err == PST_OK)
        err = pst_login_from_recovery(recovery, &e->recovery_keys);
    return err == PST_OK ? pst_code_format(recovery, &e->recovery_text) : err;
}

static enum pst_err write_secret_line(struct pst_cli *cli, const char *path,
                                      const struct pst_secret *text)
{
    char line[256];
    int len = snprintf(line, sizeof line, "%s\n", (const char *)pst_secret_bytes(text));
    enum pst_err err = pst_state_write_file(cli, path, line, (size_t)len, 0600);
    explicit_bzero(line, sizeof line);
    return err;
}

/* Show the secret for an authenticator, then take its first code as proof that it arrived. */
static enum pst_err show_totp(struct pst_cli *cli, const struct enrolment *e,
                              char ret_code[PST_TOTP_DIGITS + 1])
{
    char uri[OTPAUTH_MAX_BYTES];
    PST_FREE char *login = pst_wire_query(e->login);
    if (login == NULL || !pst_ask_possible())
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Staff need one-time codes: run this at a terminal, or give "
                            "--totp-secret-file FILE to keep the secret in.");
    snprintf(uri, sizeof uri, "otpauth://totp/%s:%s?secret=%s&issuer=%s", e->origin, login,
             (const char *)pst_secret_bytes(e->totp_text), e->origin);
    fprintf(cli->err, "Scan this with your authenticator, or type it in:\n\n");
    enum pst_err err = pst_qr_print(cli->err, uri);
    fprintf(cli->err, "\n%s\n\n", uri);
    explicit_bzero(uri, sizeof uri);
    return err == PST_OK ? pst_totp_code(cli, ret_code) : err;
}

static enum pst_err make_totp(struct pst_cli *cli, struct enrolment *e, json_t *body)
{
    char code[PST_TOTP_DIGITS + 1];
    const char *file = pst_cli_get(cli, "totp-secret-file");
    enum pst_err err = pst_totp_secret_new(&e->totp_text);
    if (err == PST_OK && file != NULL) {
        err = write_secret_line(cli, file, e->totp_text);
        if (err == PST_OK)
            err = pst_totp_fresh(cli, e->totp_text, code);
    } else if (err == PST_OK) {
        err = show_totp(cli, e, code);
    }
    if (err != PST_OK)
        return err;
    json_t *totp = json_pack("{s:s, s:s}", "secret", (const char *)pst_secret_bytes(e->totp_text),
                             "code", code);
    return json_object_set_new(body, "totp", totp) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err add_ring(const struct enrolment *e, json_t *body)
{
    const struct pst_uuid *person = &pst_record_invitation(e->invitation)->person;
    PST_BUF struct pst_buf ring = {.max = PST_KEYRING_MAX_BYTES};
    PST_BUF struct pst_buf by_phrase = {.max = PST_WRAP_BYTES};
    PST_BUF struct pst_buf by_code = {.max = PST_WRAP_BYTES};
    enum pst_err err = pst_keyring_seal(e->ring, e->ring_key, person, NULL, &ring);
    if (err == PST_OK)
        err = pst_keyring_wrap(e->ring_key, e->keys.wrap, person, "passphrase", NULL, &by_phrase);
    if (err == PST_OK)
        err = pst_keyring_wrap(e->ring_key, e->recovery_keys.wrap, person, "recovery", NULL,
                               &by_code);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *more =
        json_pack("{s:o, s:{s:o, s:o}, s:{s:o}}", "ring", pst_wire_buf(&ring), "wraps",
                  "passphrase", pst_wire_buf(&by_phrase), "recovery", pst_wire_buf(&by_code),
                  "recovery", "auth", pst_wire_secret(e->recovery_keys.auth));
    return more != NULL && json_object_update(body, more) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err post_enrolment(struct pst_cli *cli, struct enrolment *e)
{
    PST_JSON json_t *body = proof(cli, e);
    if (body == NULL)
        return PST_ERR_NOMEM;
    PST_JSON json_t *more = json_pack(
        "{s:o, s:s, s:{s:o, s:o, s:I, s:I}}", "statement", pst_wire_text(&e->statement), "login",
        e->login, "credential", "auth", pst_wire_secret(e->keys.auth), "salt",
        pst_wire_bytes(pst_bytes(e->login_params.salt, sizeof e->login_params.salt)), "memory",
        (json_int_t)e->login_params.memory_kib, "passes", (json_int_t)e->login_params.passes);
    if (more == NULL || json_object_update(body, more) != 0)
        return PST_ERR_NOMEM;
    if (e->root != NULL)
        (void)json_object_set_new(
            body, "root",
            pst_wire_bytes(pst_bytes(e->root->public_key.bytes, sizeof e->root->public_key.bytes)));
    enum pst_err err = add_ring(e, body);
    if (err == PST_OK && is_staff(e))
        err = make_totp(cli, e, body);
    struct pst_net_request request = {
        .method = "POST", .path = "/v1/enrolments", .json = body, .anonymous = true};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    return err == PST_OK ? pst_net_send(cli, &request, &answer) : err;
}

/* Groups of four are easier to copy from a screen to paper, and are taken back as typed. */
static enum pst_err hand_over_recovery(struct pst_cli *cli, const struct enrolment *e)
{
    const char *file = pst_cli_get(cli, "recovery-code-file");
    const char *code = (const char *)pst_secret_bytes(e->recovery_text);
    if (file != NULL)
        return write_secret_line(cli, file, e->recovery_text);
    fputs("\nYour recovery code. Write it down now and keep it at a safe place: it opens your "
          "messages\nif you forget your passphrase, and it is shown only this once.\n\n    ",
          cli->err);
    for (size_t i = 0; i < PST_CODE_TEXT_LEN; i++)
        fprintf(cli->err, "%s%c", i > 0 && i % 4 == 0 ? "-" : "", code[i]);
    fputs("\n\n", cli->err);
    return PST_OK;
}

/* The link's root is what this profile trusts from now on. */
static enum pst_err pin_root(struct pst_cli *cli, const struct enrolment *e)
{
    char root[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(e->root != NULL ? &e->root->id : &e->link.root, root);
    enum pst_err err = pst_state_set(cli, "root", root);
    if (err == PST_OK)
        err = pst_state_set(cli, "origin", e->origin);
    return err;
}

static enum pst_err sign_in(struct pst_cli *cli, struct enrolment *e)
{
    char code[PST_TOTP_DIGITS + 1];
    const char *totp = NULL;
    enum pst_err err = PST_OK;
    if (pst_cli_has(cli, "totp-secret-file") && is_staff(e)) {
        err = pst_totp_fresh(cli, e->totp_text, code);
        totp = code;
    } else if (is_staff(e)) {
        /* The code just shown is used up; the next comes within half a minute. */
        pst_cli_print(cli, "You are enrolled. Sign in with your next one-time code: postern "
                           "login.");
        return pst_state_save(cli);
    }
    PST_JSON json_t *session = NULL;
    if (err == PST_OK)
        err = pst_self_sign_in(cli, e->login, &e->keys, "passphrase", totp, &session);
    if (err != PST_OK)
        return err;
    if (cli->json)
        pst_cli_print_json(cli, session);
    pst_cli_print(cli, "You are enrolled and signed in as %s (login name %s).",
                  pst_record_invitation(e->invitation)->name, e->login);
    return PST_OK;
}

static enum pst_err enrol(struct pst_cli *cli, struct enrolment *e)
{
    enum pst_err err = read_link(cli, e);
    if (err == PST_OK)
        err = fetch_params(cli, e);
    if (err == PST_OK)
        err = check_invitation(cli, e);
    if (err == PST_OK)
        err = e->link.has_root ? check_chain(cli, e) : check_first(cli, e);
    if (err == PST_OK)
        err = choose_login(cli, e);
    if (err == PST_OK)
        err = make_credentials(cli, e);
    if (err == PST_OK)
        err = make_ring(e);
    if (err == PST_OK)
        err = make_statement(cli, e);
    if (err == PST_OK)
        err = make_pins(e);
    if (err == PST_OK)
        err = post_enrolment(cli, e);
    if (err == PST_OK)
        err = hand_over_recovery(cli, e);
    if (err == PST_OK)
        err = pin_root(cli, e);
    return err == PST_OK ? sign_in(cli, e) : err;
}

enum pst_err pst_cmd_enrol(struct pst_cli *cli)
{
    struct enrolment e = {0};
    enum pst_err err = enrol(cli, &e);
    release(&e);
    return err;
}
