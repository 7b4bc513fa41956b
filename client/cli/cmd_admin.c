/* admin user, role, credential, terms, restriction, session, records-key; staff list. */
#include <string.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/invite.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/fingerprint.h"

#define TERMS_MAX_BYTES ((size_t)512 * 1024)

static const char *const staff_columns[] = {"id", "name", "roles", "state", NULL};

enum pst_err pst_cmd_staff_list(struct pst_cli *cli)
{
    return pst_fields_list(cli, "/v1/staff", staff_columns, "There is no staff yet.");
}

/* The mask of a JSON array of role names. */
static enum pst_err roles_mask(struct pst_cli *cli, const json_t *roles, uint32_t *ret_mask)
{
    if (pst_roles_decode(roles, ret_mask) == PST_OK)
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_USAGE,
                        "A role is one of intake, clinician, compliance, administrator, edge.");
}

enum pst_err pst_cmd_admin_user_add(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"name", "name", PST_FIELD_TEXT},
                                              {"role", "roles", PST_FIELD_LIST},
                                              {"break-glass", "break_glass", PST_FIELD_FLAG},
                                              {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *added = NULL;
    PST_JSON json_t *invited = NULL;
    struct pst_uuid person;
    uint32_t roles = 0;
    enum pst_err err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err = roles_mask(cli, json_object_get(body, "roles"), &roles);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_net_json(cli, "POST", "/v1/staff", body, &added);
    if (err == PST_OK && pst_wire_get_uuid(added, "id", &person) != PST_OK)
        err = pst_wire_unexpected(cli, "person");
    if (err == PST_OK)
        err = pst_invite(cli, &person, pst_cli_get(cli, "name"), roles, &invited);
    if (err != PST_OK)
        return err;
    (void)json_object_update(added, invited);
    pst_wire_result(cli, added);
    pst_cli_print(cli, "Added: %s", pst_wire_get(added, "id"));
    return PST_OK;
}

/* The row of one person in the list of staff. Given. */
static enum pst_err find_staff(struct pst_cli *cli, const char *id, json_t **ret_item)
{
    PST_JSON json_t *list = NULL;
    enum pst_err err = pst_net_list(cli, "/v1/staff", 0, &list);
    if (err != PST_OK)
        return err;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (strcmp(pst_wire_get(item, "id"), id) == 0) {
            *ret_item = json_incref(item);
            return PST_OK;
        }
    }
    return pst_cli_fail(cli, PST_ERR_NOT_FOUND,
                        "There is no such person among the staff. \"postern staff list\" shows "
                        "them.");
}

enum pst_err pst_cmd_admin_user_invite(struct pst_cli *cli)
{
    PST_JSON json_t *item = NULL;
    PST_JSON json_t *invited = NULL;
    struct pst_uuid person;
    uint32_t roles = 0;
    enum pst_err err = pst_fields_id(cli, "a person's id", &person);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = find_staff(cli, cli->operands[0], &item);
    if (err == PST_OK)
        err = roles_mask(cli, json_object_get(item, "roles"), &roles);
    if (err == PST_OK)
        err = pst_invite(cli, &person, pst_wire_get(item, "name"), roles, &invited);
    if (err == PST_OK)
        pst_wire_result(cli, invited);
    return err;
}

static enum pst_err patch(struct pst_cli *cli, const json_t *body, const char *sentence)
{
    struct pst_uuid person;
    enum pst_err err = pst_fields_id(cli, "a person's id", &person);
    if (err == PST_OK)
        err = pst_fields_send(cli, "PATCH", "/v1/staff/%s", cli->operands[0], body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "%s", sentence);
    return err;
}

enum pst_err pst_cmd_admin_user_disable(struct pst_cli *cli)
{
    PST_JSON json_t *body = json_pack("{s:s}", "state", "disabled");
    return patch(cli, body, "Disabled; every session of theirs is ended.");
}

enum pst_err pst_cmd_admin_user_enable(struct pst_cli *cli)
{
    PST_JSON json_t *body = json_pack("{s:s}", "state", "active");
    return patch(cli, body, "Enabled.");
}

enum pst_err pst_cmd_admin_role(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"role", "roles", PST_FIELD_LIST},
                                              {"break-glass", "break_glass", PST_FIELD_FLAG},
                                              {"no-break-glass", "break_glass", PST_FIELD_FLAG},
                                              {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    enum pst_err err = pst_fields_body(cli, fields, &body);
    if (err != PST_OK)
        return err;
    if (pst_cli_has(cli, "no-break-glass"))
        (void)json_object_set_new(body, "break_glass", json_false());
    if (json_object_size(body) == 0)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Say what to change: --role ROLE, --break-glass or --no-break-glass.");
    return patch(cli, body,
                 "Changed. A new role counts once the person has a new invitation "
                 "(postern admin user invite).");
}

enum pst_err pst_cmd_admin_credential(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"kind", "kind", PST_FIELD_TEXT},
                                              {"number", "number", PST_FIELD_TEXT},
                                              {"specialty", "specialty", PST_FIELD_TEXT},
                                              {"subspecialty", "subspecialty", PST_FIELD_TEXT},
                                              {"until", "until", PST_FIELD_TEXT},
                                              {"disclosure", "disclosure", PST_FIELD_TEXT},
                                              {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    struct pst_uuid person;
    enum pst_err err = pst_fields_id(cli, "a person's id", &person);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err =
            pst_fields_send(cli, "POST", "/v1/staff/%s/credentials", cli->operands[0], body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "Recorded, checked by you today.");
    return err;
}

/* Every --text LANGUAGE=FILE. */
static enum pst_err read_texts(struct pst_cli *cli, json_t *texts)
{
    const char *given = NULL;
    for (size_t i = 0; (given = pst_cli_nth(cli, "text", i)) != NULL; i++) {
        const char *equals = strchr(given, '=');
        char language[16];
        if (equals == NULL || (size_t)(equals - given) >= sizeof language)
            return pst_cli_fail(cli, PST_ERR_USAGE, "Give a text as --text LANGUAGE=FILE.");
        snprintf(language, sizeof language, "%.*s", (int)(equals - given), given);
        PST_BUF struct pst_buf bytes = {0};
        enum pst_err err = pst_read_file(cli, equals + 1, TERMS_MAX_BYTES, &bytes);
        if (err != PST_OK)
            return err;
        if (json_object_set_new(texts, language, json_stringn(pst_buf_str(&bytes), bytes.len)) != 0)
            return pst_cli_fail(cli, PST_ERR_SYNTAX, "%s is no text in UTF-8.", equals + 1);
    }
    return PST_OK;
}

enum pst_err pst_cmd_admin_terms(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"id", "id", PST_FIELD_TEXT},
                                              {"version", "version", PST_FIELD_INT},
                                              {"effective", "effective", PST_FIELD_TIME},
                                              {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *texts = json_object();
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err = read_texts(cli, texts);
    if (err != PST_OK)
        return err;
    if (json_object_get(body, "effective") == NULL)
        (void)json_object_set_new(body, "effective", pst_wire_time(pst_net_now_ms(cli)));
    (void)json_object_set(body, "texts", texts);
    err = pst_fields_send(cli, "POST", "/v1/terms", "", body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "Added. Patients agree to this version from its day on.");
    return err;
}

enum pst_err pst_cmd_admin_session_end(struct pst_cli *cli)
{
    struct pst_uuid id;
    enum pst_err err = pst_fields_id(cli, "a session's id", &id);
    if (err == PST_OK)
        err = pst_fields_send(cli, "DELETE", "/v1/sessions/%s", cli->operands[0], NULL, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "That session is ended.");
    return err;
}

/* ---- records key ---- */

static enum pst_err sign_records_key(struct pst_cli *cli, const char *recipient,
                                     const json_t *answer, struct pst_buf *out)
{
    struct pst_records_key body = {.recipient = recipient, .serial = 1};
    const char *old = pst_wire_get(answer, "record");
    struct pst_record *previous = NULL;
    if (old[0] != '\0' &&
        pst_record_parse_kind(pst_bytes_str(old), PST_RECORD_RECORDS, &previous) == PST_OK) {
        body.serial = pst_record_records_key(previous)->serial + 1;
        body.previous = *pst_record_hash(previous);
        body.has_previous = true;
    }
    pst_record_free(&previous);
    struct pst_signer *root = NULL;
    enum pst_err err = pst_signer_from_seed(cli->self->ring->root, &root);
    const struct pst_signer *signers[] = {root};
    if (err == PST_OK)
        err = pst_record_build(PST_RECORD_RECORDS, cli->self->origin, pst_net_now_ms(cli), &body,
                               signers, 1, out);
    pst_signer_free(&root);
    return err;
}

static enum pst_err confirm_records_key(struct pst_cli *cli, const char *fingerprint)
{
    const char *compared = pst_cli_get(cli, "fingerprint");
    if (compared != NULL && strcmp(compared, fingerprint) == 0)
        return PST_OK;
    if (compared != NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "WARNING: the server shows a records key with another fingerprint:\n"
                            "  %s\nIt was not signed. Compare with the custodians' sheet.",
                            fingerprint);
    pst_cli_note(cli, "The records key's fingerprint is\n  %s", fingerprint);
    if (pst_ask_yes(cli, "Does the custodians' sheet show the same? [y/N] "))
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_DENIED,
                        "It was not signed. Compare it with the custodians' sheet, then give it "
                        "by --fingerprint.");
}

enum pst_err pst_cmd_admin_records_key(struct pst_cli *cli)
{
    PST_JSON json_t *answer = NULL;
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_net_json(cli, "GET", "/v1/records-key", NULL, &answer);
    if (err != PST_OK)
        return err;
    const char *recipient = pst_wire_get(answer, "recipient");
    struct pst_age_recipient key;
    char fingerprint[PST_FINGERPRINT_TEXT_SIZE];
    if (pst_age_recipient_parse(pst_bytes_str(recipient), &key) != PST_OK)
        return pst_wire_unexpected(cli, "records key");
    if (cli->self->ring->root == NULL)
        return pst_cli_fail(cli, PST_ERR_NO_KEY,
                            "Only the practice's first administrator holds the root key, which "
                            "signs the records key.");
    pst_fingerprint(NULL, key.bytes, fingerprint);
    err = confirm_records_key(cli, fingerprint);
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    if (err == PST_OK)
        err = sign_records_key(cli, recipient, answer, &record);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body = json_pack("{s:o}", "record", pst_wire_text(&record));
    err = pst_fields_send(cli, "POST", "/v1/records-key", "", body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "Signed. From now on every message is sealed to the records key too.");
    return err;
}
