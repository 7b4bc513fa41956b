/* inspect FILE: what a .sealed envelope says outside, and whether it holds together. */
#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "postern/age_header.h"
#include "postern/cleanup.h"
#include "postern/envelope.h"

static enum pst_envelope_flaw check(const struct pst_buf *bytes, struct pst_envelope_facts *facts)
{
    struct pst_envelope_check *checker = NULL;
    enum pst_envelope_flaw flaw = PST_ENVELOPE_FAILED;
    if (pst_envelope_check_new(&checker) == PST_OK) {
        flaw = pst_envelope_check_update(checker, pst_buf_bytes(bytes));
        if (flaw == PST_ENVELOPE_OK)
            flaw = pst_envelope_check_finish(checker, facts);
    }
    pst_envelope_check_free(&checker);
    return flaw;
}

/* The header's members as they stand, and what was found out beside them. Given. */
static json_t *describe(const struct pst_envelope_head *head, const struct pst_buf *bytes,
                        enum pst_envelope_flaw flaw)
{
    PST_BUF struct pst_buf line = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    char signer[PST_KEY_ID_TEXT_SIZE];
    struct pst_age_header age;
    struct pst_bytes file = pst_bytes(bytes->bytes + head->len, bytes->len - head->len);
    if (pst_envelope_header_write(&head->header, &line) != PST_OK)
        return NULL;
    json_t *json = json_loadb(pst_buf_str(&line), line.len, 0, NULL);
    if (json == NULL)
        return NULL;
    pst_key_id_format(&head->signer, signer);
    (void)json_object_set_new(json, "signer", json_string(signer));
    (void)json_object_set_new(json, "sealed", json_boolean(flaw == PST_ENVELOPE_OK));
    if (flaw != PST_ENVELOPE_OK)
        (void)json_object_set_new(json, "flaw", json_string(pst_envelope_flaw_text(flaw)));
    if (pst_age_header_inspect(file, &age) == PST_OK)
        (void)json_object_set_new(json, "stanzas", json_integer((json_int_t)age.stanza_count));
    (void)json_object_set_new(json, "bytes", json_integer((json_int_t)bytes->len));
    return json;
}

static const struct {
    const char *member;
    const char *words;
} rows[] = {
    {"id", "Message"},
    {"thread", "Conversation"},
    {"origin", "Practice"},
    {"from", "From"},
    {"to", "To"},
    {"sent", "Sent"},
    {"category", "Category"},
    {"attachments", "Attachments"},
    {"images", "Pictures"},
    {"replyto", "Answers"},
    {"via", "Came by"},
    {"keys", "Sealed to keys"},
    {"signer", "Signed by key"},
    {"stanzas", "Stanzas"},
    {"size", "Sealed bytes"},
};

static void print_value(FILE *out, const json_t *value)
{
    size_t i;
    json_t *item;
    if (json_is_string(value))
        pst_cli_write_safe(out, json_string_value(value), false);
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        json_array_foreach(value, i, item)
            fprintf(out, "%s%s", i > 0 ? "\n                " : "", json_string_value(item));
}

static void print_rows(struct pst_cli *cli, const json_t *json)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_t *value = json_object_get(json, rows[i].member);
        if (value == NULL)
            continue;
        fprintf(cli->out, "%-16s", rows[i].words);
        print_value(cli->out, value);
        fputc('\n', cli->out);
    }
    fputs("\nWhat it says, its subject and its files are inside, sealed. Whether the signature is "
          "its\nsender's needs the practice's key records: \"postern read\" checks it.\n",
          cli->out);
}

enum pst_err pst_cmd_inspect(struct pst_cli *cli)
{
    PST_BUF struct pst_buf bytes = {0};
    struct pst_envelope_head *head = calloc(1, sizeof *head);
    struct pst_envelope_facts facts;
    enum pst_err err =
        head != NULL ? pst_read_file(cli, cli->operands[0], (size_t)PST_ENVELOPE_MAX_BYTES, &bytes)
                     : PST_ERR_NOMEM;
    if (err == PST_OK && pst_envelope_head_parse(pst_buf_bytes(&bytes), head) != PST_OK)
        err = pst_cli_fail(cli, PST_ERR_SYNTAX, "%s is no sealed message.", cli->operands[0]);
    if (err == PST_OK) {
        enum pst_envelope_flaw flaw = check(&bytes, &facts);
        PST_JSON json_t *json = describe(head, &bytes, flaw);
        if (cli->json && json != NULL)
            pst_cli_print_json(cli, json);
        else if (json != NULL)
            print_rows(cli, json);
        if (flaw != PST_ENVELOPE_OK)
            err = pst_cli_fail_exit(cli, EX_DATAERR, PST_ERR_CRYPTO,
                                    "WARNING: it does not hold together: %s.",
                                    pst_envelope_flaw_text(flaw));
    }
    free(head);
    return err;
}
