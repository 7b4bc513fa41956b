#include "client/cli/totp.h"

#include <errno.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "client/cli/ask.h"
#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "postern/cleanup.h"

/* How far ahead of its clock a server takes a code: one step (RFC 6238 5.2). */
#define STEPS_AHEAD 1

enum pst_err pst_totp_secret_new(struct pst_secret **ret_text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    PST_SECRET struct pst_secret *text = NULL;
    /* 32 characters of 5 random bits each are 20 random bytes in base32. */
    enum pst_err err = pst_secret_random(PST_TOTP_TEXT_LEN + 1, &text);
    if (err != PST_OK)
        return err;
    uint8_t *at = pst_secret_mut(text);
    for (size_t i = 0; i < PST_TOTP_TEXT_LEN; i++)
        at[i] = (uint8_t)alphabet[at[i] & 31];
    at[PST_TOTP_TEXT_LEN] = '\0';
    *ret_text = text;
    text = NULL;
    return PST_OK;
}

enum pst_err pst_totp_compute(const struct pst_secret *text, int64_t step,
                              char ret_code[PST_TOTP_DIGITS + 1])
{
    char *raw = NULL;
    size_t raw_len = 0;
    const char *base32 = (const char *)pst_secret_bytes(text);
    int rc = oath_base32_decode(base32, strnlen(base32, pst_secret_len(text)), &raw, &raw_len);
    if (rc != OATH_OK)
        return PST_ERR_SYNTAX;
    rc = oath_totp_generate(raw, raw_len, (time_t)(step * PST_TOTP_STEP_S), PST_TOTP_STEP_S, 0,
                            PST_TOTP_DIGITS, ret_code);
    explicit_bzero(raw, raw_len);
    free(raw);
    return rc == OATH_OK ? PST_OK : PST_ERR_SYNTAX;
}

static int64_t step_now(struct pst_cli *cli)
{
    return pst_net_now_ms(cli) / 1000 / PST_TOTP_STEP_S;
}

static void wait_for_step(struct pst_cli *cli, int64_t step)
{
    if (step <= step_now(cli) + STEPS_AHEAD)
        return;
    pst_cli_note(cli, "Waiting for the next one-time code.");
    while (step > step_now(cli) + STEPS_AHEAD) {
        struct timespec wait = {.tv_sec = 1};
        (void)nanosleep(&wait, NULL);
    }
}

enum pst_err pst_totp_fresh(struct pst_cli *cli, const struct pst_secret *text,
                            char ret_code[PST_TOTP_DIGITS + 1])
{
    int64_t last = json_integer_value(json_object_get(cli->state->profile, "totp_step"));
    int64_t step = step_now(cli);
    /* A step far ahead is a clock that was wrong once: it must not block for ever. */
    if (last >= step && last <= step + STEPS_AHEAD + 1)
        step = last + 1;
    wait_for_step(cli, step);
    enum pst_err err = pst_totp_compute(text, step, ret_code);
    if (err != PST_OK)
        return pst_cli_fail(cli, err, "The one-time code secret is not base32.");
    if (json_object_set_new(cli->state->profile, "totp_step", json_integer(step)) != 0)
        return PST_ERR_NOMEM;
    return pst_state_save(cli);
}

bool pst_totp_at_hand(const struct pst_cli *cli)
{
    return pst_cli_has(cli, "totp") || pst_cli_has(cli, "totp-secret-file");
}

enum pst_err pst_totp_code(struct pst_cli *cli, char ret_code[PST_TOTP_DIGITS + 1])
{
    const char *given = pst_cli_get(cli, "totp");
    const char *file = pst_cli_get(cli, "totp-secret-file");
    if (given != NULL) {
        if (strlen(given) != PST_TOTP_DIGITS || strspn(given, "0123456789") != PST_TOTP_DIGITS)
            return pst_cli_fail(cli, PST_ERR_USAGE, "A one-time code has six digits.");
        memcpy(ret_code, given, PST_TOTP_DIGITS + 1);
        return PST_OK;
    }
    PST_SECRET struct pst_secret *text = NULL;
    if (file != NULL) {
        enum pst_err err = pst_ask_secret_file(cli, file, &text);
        return err == PST_OK ? pst_totp_fresh(cli, text, ret_code) : err;
    }
    enum pst_err err = pst_ask_line(cli, "One-time code: ", &text);
    if (err != PST_OK)
        return pst_cli_fail(cli, PST_ERR_DENIED,
                            "This needs a one-time code: give it by --totp CODE, or "
                            "--totp-secret-file FILE.");
    if (pst_secret_len(text) != PST_TOTP_DIGITS + 1)
        return pst_cli_fail(cli, PST_ERR_USAGE, "A one-time code has six digits.");
    memcpy(ret_code, pst_secret_bytes(text), PST_TOTP_DIGITS + 1);
    return PST_OK;
}

/* People without a second factor prove the passphrase. */
static enum pst_err step_up_auth(struct pst_cli *cli, json_t *body)
{
    PST_FREE char *auth = NULL;
    enum pst_err err = pst_self_auth_text(cli, &auth);
    if (err == PST_OK && json_object_set_new(body, "auth", json_string(auth)) != 0)
        err = PST_ERR_NOMEM;
    return err;
}

enum pst_err pst_totp_step_up(struct pst_cli *cli)
{
    PST_JSON json_t *body = json_object();
    enum pst_err err = PST_ERR_NOMEM;
    if (body == NULL)
        return err;
    if (pst_self_has_factor(cli)) {
        char code[PST_TOTP_DIGITS + 1];
        err = pst_totp_code(cli, code);
        if (err == PST_OK && json_object_set_new(body, "totp", json_string(code)) != 0)
            err = PST_ERR_NOMEM;
    } else {
        err = step_up_auth(cli, body);
    }
    return err == PST_OK ? pst_net_json(cli, "POST", "/v1/session/step-up", body, NULL) : err;
}
