/* keys fingerprint, show, rotate, recovery-code. */
#include <string.h>

#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/pins.h"
#include "client/cli/qr.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"
#include "postern/fingerprint.h"
#include "postern/time.h"

/* How long a statement holds: as at enrolment. */
#define STATEMENT_YEARS 5
/* Every identity a ring can hold, a line each. */
#define KEYFILE_MAX_BYTES ((size_t)8192)

/* The statement that holds now of the operand, or of oneself. */
static enum pst_err current(struct pst_cli *cli, const struct pst_record **ret_record)
{
    enum pst_err err = pst_self_ring(cli);
    if (err != PST_OK)
        return err;
    struct pst_uuid person = cli->self->person;
    if (cli->operands_count > 0)
        err = pst_fields_id(cli, "a person's id", &person);
    if (err == PST_OK)
        err = pst_self_fetch_person(cli, &person);
    if (err != PST_OK)
        return err;
    *ret_record = pst_chain_statement_at(cli->self->chain, &person, pst_net_now_ms(cli));
    if (*ret_record == NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "There are no keys of this person that are certified up to the "
                            "practice's root.");
    return PST_OK;
}

static enum pst_err records_fingerprint(struct pst_cli *cli, char *ret_text)
{
    PST_JSON json_t *answer = NULL;
    struct pst_age_recipient key;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_net_json(cli, "GET", "/v1/records-key", NULL, &answer);
    if (err != PST_OK)
        return err;
    if (pst_age_recipient_parse(pst_bytes_str(pst_wire_get(answer, "recipient")), &key) != PST_OK)
        return pst_wire_unexpected(cli, "records key");
    pst_fingerprint(NULL, key.bytes, ret_text);
    return PST_OK;
}

enum pst_err pst_cmd_keys_fingerprint(struct pst_cli *cli)
{
    char text[PST_FINGERPRINT_TEXT_SIZE];
    const char *name = "The records key";
    if (pst_cli_has(cli, "records")) {
        enum pst_err err = records_fingerprint(cli, text);
        if (err != PST_OK)
            return err;
    } else {
        const struct pst_record *record = NULL;
        enum pst_err err = current(cli, &record);
        if (err != PST_OK)
            return err;
        pst_pins_fingerprint(record, text);
        name = pst_record_statement(record)->name;
    }
    if (cli->json) {
        PST_JSON json_t *json = json_pack("{s:s, s:s}", "name", name, "fingerprint", text);
        pst_cli_print_json(cli, json);
        return PST_OK;
    }
    pst_cli_write_safe(cli->out, name, false);
    fprintf(cli->out, "\n%s\n", text);
    return isatty(fileno(cli->out)) ? pst_qr_print(cli->out, text) : PST_OK;
}

/* A key file as age-keygen writes it: whoever holds it opens all one's messages. */
static enum pst_err write_identities(struct pst_cli *cli, const char *path)
{
    const struct pst_keyring *ring = cli->self->ring;
    PST_BUF struct pst_buf file = {.max = KEYFILE_MAX_BYTES};
    enum pst_err err = pst_buf_append_str(&file, "# keep this secret: it opens your messages\n");
    for (size_t i = 0; err == PST_OK && i < ring->identities_count; i++) {
        PST_SECRET struct pst_secret *text = NULL;
        err = pst_age_identity_format(ring->identities[i], &text);
        if (err == PST_OK)
            err = pst_buf_append(&file, pst_secret_bytes(text), pst_secret_len(text));
        if (err == PST_OK)
            err = pst_buf_append_byte(&file, '\n');
    }
    if (err == PST_OK)
        err = pst_state_write_file(cli, path, file.bytes, file.len, 0600);
    if (file.len > 0)
        explicit_bzero(file.bytes, file.len);
    return err;
}

enum pst_err pst_cmd_keys_show(struct pst_cli *cli)
{
    const struct pst_record *record = NULL;
    const char *file = pst_cli_get(cli, "identity-file");
    enum pst_err err = current(cli, &record);
    if (err == PST_OK && file != NULL)
        err = write_identities(cli, file);
    if (err != PST_OK)
        return err;
    const struct pst_statement *s = pst_record_statement(record);
    char sign[PST_KEY_ID_TEXT_SIZE];
    char seal[PST_KEY_ID_TEXT_SIZE];
    char until[PST_TIME_TEXT_SIZE];
    char fingerprint[PST_FINGERPRINT_TEXT_SIZE];
    pst_key_id_format(&s->sign_id, sign);
    pst_key_id_format(&s->recipient_id, seal);
    pst_time_format(s->until_ms, until);
    pst_pins_fingerprint(record, fingerprint);
    PST_JSON json_t *json = json_pack(
        "{s:s, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:o}", "name", s->name, "person",
        pst_wire_uuid(&s->person), "serial", (json_int_t)s->serial, "recipient", s->recipient,
        "recipient_id", seal, "sign_id", sign, "until", until, "fingerprint", fingerprint,
        "statement",
        json_stringn((const char *)pst_record_text(record).ptr, pst_record_text(record).len));
    if (cli->json) {
        pst_cli_print_json(cli, json);
        return PST_OK;
    }
    pst_cli_write_safe(cli->out, s->name, false);
    fprintf(cli->out,
            "\nSerial       %lld\nRecipient    %s\nIts key id   %s\nSigns with   %s\n"
            "Good until   %.10s\nFingerprint  %s\n",
            (long long)s->serial, s->recipient, seal, sign, until, fingerprint);
    return PST_OK;
}

/* ---- rotate ---- */

/* New keys go into the ring first: a statement of keys that nobody holds would lock one out. */
static enum pst_err add_keys(struct pst_cli *cli, struct pst_signer **ret_signer)
{
    struct pst_keyring *ring = cli->self->ring;
    struct pst_secret *identity = NULL;
    struct pst_secret *seed = NULL;
    enum pst_err err = pst_age_identity_generate(NULL, &identity);
    if (err == PST_OK)
        err = pst_keyring_add_identity(ring, identity);
    if (err == PST_OK)
        err = pst_signer_new(NULL, ret_signer);
    if (err == PST_OK)
        err = pst_secret_copy((*ret_signer)->seed, &seed);
    if (err == PST_OK)
        err = pst_keyring_add_signing(ring, seed);
    if (err == PST_ERR_TOO_LONG)
        return pst_cli_fail(cli, err, "Your key ring is full: it keeps %d keys.",
                            PST_KEYRING_KEYS_MAX);
    return err;
}

static enum pst_err make_statement(struct pst_cli *cli, const struct pst_record *now,
                                   const struct pst_signer *fresh, struct pst_buf *out)
{
    const struct pst_statement *old = pst_record_statement(now);
    struct pst_age_recipient recipient;
    char text[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_date until;
    enum pst_err err = pst_age_identity_recipient(cli->self->ring->identities[0], &recipient);
    if (err != PST_OK)
        return err;
    pst_age_recipient_format(&recipient, text);
    pst_date_of_ms(pst_net_now_ms(cli), &until);
    pst_date_add_years(&until, STATEMENT_YEARS, &until);
    struct pst_statement body = {.name = old->name,
                                 .recipient = text,
                                 .person = old->person,
                                 .roles = old->roles,
                                 .serial = old->serial + 1,
                                 .previous = *pst_record_hash(now),
                                 .has_previous = true,
                                 .sign = fresh->public_key,
                                 .until_ms = pst_date_start_ms(&until)};
    const struct pst_signer *signers[] = {fresh, cli->self->signer};
    return pst_record_build(PST_RECORD_STATEMENT, cli->self->origin, pst_net_now_ms(cli), &body,
                            signers, 2, out);
}

static enum pst_err pin_own(struct pst_cli *cli, const struct pst_buf *text)
{
    struct pst_record *record = NULL;
    enum pst_err err = pst_record_parse(pst_buf_bytes(text), &record);
    if (err != PST_OK)
        return err;
    const struct pst_statement *s = pst_record_statement(record);
    struct pst_pin pin = {s->person, s->serial, *pst_record_hash(record)};
    pst_record_free(&record);
    return pst_keyring_pin_set(cli->self->ring, &pin);
}

static enum pst_err rotate(struct pst_cli *cli, struct pst_signer **fresh)
{
    const struct pst_record *now = NULL;
    PST_BUF struct pst_buf statement = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err err = current(cli, &now);
    if (err == PST_OK)
        err = add_keys(cli, fresh);
    if (err == PST_OK)
        err = make_statement(cli, now, *fresh, &statement);
    if (err == PST_OK)
        err = pin_own(cli, &statement);
    if (err == PST_OK)
        err = pst_self_ring_put(cli, NULL, NULL);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body = json_pack("{s:o}", "statement", pst_wire_text(&statement));
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&cli->self->person, id);
    err = pst_fields_send(cli, "POST", "/v1/people/%s/key-statements", id, body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "You have new keys. What was sealed to the old ones still opens.");
    return err;
}

enum pst_err pst_cmd_keys_rotate(struct pst_cli *cli)
{
    struct pst_signer *fresh = NULL;
    enum pst_err err = rotate(cli, &fresh);
    pst_signer_free(&fresh);
    return err;
}

/* ---- recovery code ---- */

static enum pst_err show_code(struct pst_cli *cli, const struct pst_secret *text)
{
    const char *file = pst_cli_get(cli, "recovery-code-file");
    const char *code = (const char *)pst_secret_bytes(text);
    char line[PST_CODE_TEXT_LEN + 2];
    snprintf(line, sizeof line, "%s\n", code);
    enum pst_err err = PST_OK;
    if (file != NULL)
        err = pst_state_write_file(cli, file, line, strlen(line), 0600);
    else
        fprintf(cli->err,
                "Your new recovery code, shown only this once. Write it down:\n\n"
                "    %s\n",
                line);
    explicit_bzero(line, sizeof line);
    return err;
}

static enum pst_err new_code(struct pst_cli *cli, struct pst_login_keys *keys,
                             struct pst_secret **ret_text)
{
    PST_SECRET struct pst_secret *code = NULL;
    PST_BUF struct pst_buf wrap = {.max = PST_WRAP_BYTES};
    enum pst_err err = pst_code_new(NULL, &code);
    if (err == PST_OK)
        err = pst_login_from_recovery(code, keys);
    if (err == PST_OK)
        err = pst_code_format(code, ret_text);
    if (err == PST_OK)
        err = pst_keyring_wrap(cli->state->ring_key, keys->wrap, &cli->self->person, "recovery",
                               NULL, &wrap);
    if (err != PST_OK)
        return err;
    return json_object_set_new(cli->self->wraps, "recovery", pst_wire_buf(&wrap)) == 0
               ? PST_OK
               : PST_ERR_NOMEM;
}

enum pst_err pst_cmd_keys_recovery_code(struct pst_cli *cli)
{
    struct pst_login_keys keys = {0};
    PST_SECRET struct pst_secret *text = NULL;
    PST_JSON json_t *recovery = NULL;
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = new_code(cli, &keys, &text);
    if (err == PST_OK) {
        recovery = json_pack("{s:o}", "auth", pst_wire_secret(keys.auth));
        err = recovery != NULL ? pst_self_ring_put(cli, NULL, recovery) : PST_ERR_NOMEM;
    }
    pst_login_keys_free(&keys);
    return err == PST_OK ? show_code(cli, text) : err;
}
