/*
 * records open: a sealed message, or an age file, opened by the custodians of
 * the records key, offline and at constant memory.
 *
 * An envelope is checked as the gateway checks one. Whose the signing key is
 * stands in the practice's key records, which are not here: the key is named,
 * and the signature verified when the sender's key statement is given.
 */
#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/custody.h"
#include "client/cli/pins.h"
#include "client/cli/stream.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/cleanup.h"
#include "postern/envelope.h"
#include "postern/fingerprint.h"
#include "postern/share.h"
#include "postern/time.h"

static const char magic[] = "postern.sealed/1\n";

struct opening {
    struct pst_cli *cli;
    struct pst_record *sender; /* the sender's statement; NULL: not given */
    struct pst_output output;
    struct pst_age_opener *opener;
    struct pst_envelope_check *check; /* NULL: a plain age file */
    enum pst_envelope_flaw flaw;
    uint64_t fed;
    bool begun;
};

static enum pst_err envelope_write(struct opening *opening, struct pst_bytes bytes)
{
    uint64_t before = opening->fed;
    opening->fed += bytes.len;
    opening->flaw = pst_envelope_check_update(opening->check, bytes);
    if (opening->flaw != PST_ENVELOPE_OK)
        return PST_ERR_CRYPTO;
    const struct pst_envelope_head *head = pst_envelope_check_head(opening->check);
    if (head == NULL || opening->fed <= head->len)
        return PST_OK;
    size_t skip = before < head->len ? (size_t)(head->len - before) : 0;
    return pst_age_opener_update(opening->opener, pst_bytes(bytes.ptr + skip, bytes.len - skip));
}

static enum pst_err file_write(void *ctx, struct pst_bytes bytes)
{
    struct opening *opening = ctx;
    if (!opening->begun) {
        size_t len = bytes.len < sizeof magic - 1 ? bytes.len : sizeof magic - 1;
        opening->begun = true;
        if (memcmp(bytes.ptr, magic, len) == 0) {
            enum pst_err r = pst_envelope_check_new(&opening->check);
            if (r != PST_OK)
                return r;
        }
    }
    return opening->check != NULL ? envelope_write(opening, bytes)
                                  : pst_age_opener_update(opening->opener, bytes);
}

/* ---- what is said of an envelope ---- */

static enum pst_err check_sender(const struct opening *opening,
                                 const struct pst_envelope_head *head)
{
    const struct pst_statement *sender = pst_record_statement(opening->sender);
    if (pst_envelope_verify(head, pst_envelope_check_head_bytes(opening->check), &sender->sign) !=
        PST_OK)
        return pst_cli_fail_exit(opening->cli, EX_DATAERR, PST_ERR_CRYPTO,
                                 "WARNING: it is not signed by the key of this statement.");
    if (head->header.via == PST_VIA_NONE && !pst_uuid_equal(&sender->person, &head->header.from))
        return pst_cli_fail_exit(opening->cli, EX_DATAERR, PST_ERR_CRYPTO,
                                 "WARNING: it is signed by somebody else than its sender.");
    return PST_OK;
}

static void say_sender(const struct opening *opening)
{
    char fingerprint[PST_FINGERPRINT_TEXT_SIZE];
    if (opening->sender == NULL)
        return;
    pst_pins_fingerprint(opening->sender, fingerprint);
    pst_cli_note(opening->cli, "The signature is that of %s, fingerprint\n  %s",
                 pst_record_statement(opening->sender)->name, fingerprint);
}

static enum pst_err say_envelope(const struct opening *opening,
                                 const struct pst_envelope_head *head)
{
    char id[PST_UUID_TEXT_SIZE];
    char thread[PST_UUID_TEXT_SIZE];
    char from[PST_UUID_TEXT_SIZE];
    char sent[PST_TIME_TEXT_SIZE];
    char signer[PST_KEY_ID_TEXT_SIZE];
    struct pst_cli *cli = opening->cli;
    pst_uuid_format(&head->header.id, id);
    pst_uuid_format(&head->header.thread, thread);
    pst_uuid_format(&head->header.from, from);
    pst_time_format(head->header.sent_ms, sent);
    pst_key_id_format(&head->signer, signer);
    pst_cli_note(cli, "Message %s of conversation %s\n  from %s, sent %s\n  signed by key %s%s", id,
                 thread, from, sent, signer,
                 opening->sender == NULL ? "; --statement checks whose that is" : "");
    say_sender(opening);
    if (!cli->json || pst_cli_get(cli, "output") == NULL)
        return PST_OK;
    PST_JSON json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "id", id, "thread", thread, "from", from,
                  "sent", sent, "signer", signer, "sealed", 1, "verified", opening->sender != NULL);
    if (json == NULL)
        return PST_ERR_NOMEM;
    pst_cli_print_json(cli, json);
    return PST_OK;
}

static enum pst_err finish_envelope(struct opening *opening)
{
    struct pst_envelope_facts facts;
    opening->flaw = pst_envelope_check_finish(opening->check, &facts);
    if (opening->flaw != PST_ENVELOPE_OK)
        return PST_ERR_CRYPTO;
    const struct pst_envelope_head *head = pst_envelope_check_head(opening->check);
    enum pst_err r = opening->sender != NULL ? check_sender(opening, head) : PST_OK;
    return r == PST_OK ? say_envelope(opening, head) : r;
}

/* ---- the command ---- */

static enum pst_err open_all(struct opening *opening, struct pst_secret *identity)
{
    struct pst_cli *cli = opening->cli;
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    enum pst_err r = pst_age_opener_new(&keys, pst_output_sink(&opening->output), &opening->opener);
    if (r == PST_OK)
        r = pst_input_push(cli, cli->operands[0], (struct pst_sink){file_write, opening});
    if (r == PST_OK && opening->check != NULL)
        r = finish_envelope(opening);
    if (r == PST_OK)
        r = pst_age_opener_finish(opening->opener);
    if (r == PST_OK && opening->check == NULL && opening->sender != NULL)
        r = pst_cli_fail(cli, PST_ERR_USAGE, "An age file has no signature to check.");
    return r == PST_OK ? pst_output_commit(&opening->output) : r;
}

static enum pst_err say(const struct opening *opening, enum pst_err r)
{
    struct pst_cli *cli = opening->cli;
    const char *name = cli->operands[0];
    if (opening->flaw != PST_ENVELOPE_OK)
        return pst_cli_fail_exit(cli, EX_DATAERR, r, "WARNING: %s does not hold together: %s.",
                                 name, pst_envelope_flaw_text(opening->flaw));
    if (r == PST_ERR_NO_KEY)
        return pst_cli_fail(cli, r, "%s is not sealed to these custodians' key.", name);
    return pst_cli_fail_exit(cli,
                             pst_err_class(r) == PST_ERR_CLASS_TEMPORARY ? EX_OSERR : EX_DATAERR, r,
                             "%s does not open: %s.", name, pst_err_text(r));
}

static enum pst_err read_sender(struct opening *opening)
{
    const char *path = pst_cli_get(opening->cli, "statement");
    PST_BUF struct pst_buf text = {0};
    if (path == NULL)
        return PST_OK;
    enum pst_err r = pst_read_file(opening->cli, path, PST_RECORD_MAX_BYTES, &text);
    if (r != PST_OK)
        return r;
    r = pst_record_parse(pst_buf_bytes(&text), &opening->sender);
    if (r != PST_OK || pst_record_statement(opening->sender) == NULL)
        return pst_cli_fail_exit(opening->cli, EX_DATAERR, PST_ERR_SYNTAX,
                                 "%s is no key statement.", path);
    return PST_OK;
}

static enum pst_err combine_given(struct pst_cli *cli, struct pst_secret **ret_identity)
{
    const char *paths[PST_SHARES_MAX];
    const char *path = NULL;
    size_t count = 0;
    for (; (path = pst_cli_nth(cli, "share", count)) != NULL; count++) {
        if (count == PST_SHARES_MAX)
            return pst_cli_fail(cli, PST_ERR_USAGE, "These are too many shares.");
        paths[count] = path;
    }
    return pst_custody_combine(cli, paths, count, ret_identity);
}

enum pst_err pst_cmd_records_open(struct pst_cli *cli)
{
    PST_SECRET struct pst_secret *identity = NULL;
    struct opening opening = {.cli = cli, .output = {.fd = -1}};
    enum pst_err r = read_sender(&opening);
    if (r == PST_OK)
        r = combine_given(cli, &identity);
    if (r == PST_OK)
        r = pst_output_open(cli, pst_cli_get(cli, "output"), /* private= */ true, &opening.output);
    if (r == PST_OK)
        r = open_all(&opening, identity);
    if (r != PST_OK && !cli->said)
        r = say(&opening, r);
    pst_age_opener_free(&opening.opener);
    pst_envelope_check_free(&opening.check);
    pst_output_free(&opening.output);
    pst_record_free(&opening.sender);
    return r;
}
