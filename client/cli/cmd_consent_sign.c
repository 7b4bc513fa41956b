/* consent sign, post: a record captured by staff that the patient signs too. */
#include <string.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"

static enum pst_err read_record(struct pst_cli *cli, struct pst_record **ret_record)
{
    PST_BUF struct pst_buf text = {0};
    enum pst_err err = pst_read_file(cli, cli->operands[0], PST_RECORD_MAX_BYTES, &text);
    if (err != PST_OK)
        return err;
    if (pst_record_parse_kind(pst_buf_bytes(&text), PST_RECORD_CONSENT, ret_record) != PST_OK)
        return pst_cli_fail(cli, PST_ERR_SYNTAX, "%s is no record of an agreement.",
                            cli->operands[0]);
    return PST_OK;
}

static void show(struct pst_cli *cli, const struct pst_consent *consent)
{
    fprintf(cli->out, "Terms %s, version %lld, %s\n", consent->terms_id,
            (long long)consent->terms_version, consent->terms_language);
    fprintf(cli->out, "You agree to:");
    for (size_t i = 0; i < consent->purposes_count; i++)
        fprintf(cli->out, "%s %s", i > 0 ? "," : "",
                pst_purpose_name(consent->purposes[i].purpose));
    fputc('\n', cli->out);
}

static enum pst_err sign(struct pst_cli *cli, const struct pst_record *record)
{
    const struct pst_consent *consent = pst_record_consent(record);
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    if (!pst_uuid_equal(&consent->patient, &cli->self->person))
        return pst_cli_fail(cli, PST_ERR_DENIED, "This agreement is somebody else's.");
    if (strcmp(pst_record_origin(record), cli->self->origin) != 0)
        return pst_cli_fail(cli, PST_ERR_DENIED, "This agreement is with another practice.");
    if (!cli->json)
        show(cli, consent);
    if (!pst_cli_has(cli, "yes") && !pst_ask_yes(cli, "Do you sign this? [y/N] "))
        return pst_cli_fail(cli, PST_ERR_DENIED, "It was not signed.");
    enum pst_err err = pst_record_countersign(record, cli->self->signer, &text);
    if (err == PST_ERR_EXISTS)
        return pst_cli_fail(cli, err, "You have signed this already.");
    if (err == PST_OK)
        err = pst_state_write_file(cli, cli->operands[0], text.bytes, text.len, 0600);
    if (err == PST_OK)
        pst_cli_print(cli, "Signed.");
    return err;
}

enum pst_err pst_cmd_consent_sign(struct pst_cli *cli)
{
    struct pst_record *record = NULL;
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = read_record(cli, &record);
    if (err == PST_OK)
        err = sign(cli, record);
    pst_record_free(&record);
    return err;
}

enum pst_err pst_cmd_consent_post(struct pst_cli *cli)
{
    struct pst_record *record = NULL;
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *answer = NULL;
    enum pst_err err = read_record(cli, &record);
    if (err != PST_OK)
        return err;
    char id[PST_UUID_TEXT_SIZE];
    struct pst_bytes text = pst_record_text(record);
    pst_uuid_format(&pst_record_consent(record)->patient, id);
    body = json_pack("{s:o}", "record", json_stringn((const char *)text.ptr, text.len));
    pst_record_free(&record);
    err = pst_fields_send(cli, "POST", "/v1/patients/%s/consents", id, body, &answer);
    if (err == PST_OK)
        pst_cli_print(cli, "Recorded: %s. The agreement is now: %s.", pst_wire_get(answer, "id"),
                      pst_wire_get(answer, "state"));
    return err;
}
