/* verify FILE: what a receipt proves, checked offline by the ledger's key alone. */
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/receipt.h"
#include "postern/time.h"

/* The ledger's key first, then those of witnesses. */
struct keys {
    struct pst_note_verifier items[PST_NOTE_SIGNATURES_MAX];
    size_t count;
};

/* ---- keys --------------------------------------------------------------- */

/* A key's text, or a file that holds it in one line. */
static enum pst_err key_parse(struct pst_cli *cli, const char *value, struct pst_note_verifier *key)
{
    PST_BUF struct pst_buf text = {0};
    enum pst_err err = pst_note_verifier_parse(pst_bytes_str(value), key);
    if (err != PST_ERR_SYNTAX)
        return err;
    if (access(value, F_OK) != 0)
        return pst_cli_fail_exit(cli, EX_NOINPUT, PST_ERR_NOT_FOUND,
                                 "%s is neither a verifier key nor a file that holds one.", value);
    err = pst_read_file(cli, value, PST_NOTE_KEY_MAX_BYTES, &text);
    if (err != PST_OK)
        return err;
    struct pst_bytes line = pst_buf_bytes(&text);
    if (line.len > 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    return pst_note_verifier_parse(line, key);
}

static const char *key_flaw(enum pst_err err)
{
    switch (err) {
    case PST_ERR_CRYPTO:
        return "its id is not its key's; part of it was changed";
    case PST_ERR_UNSUPPORTED:
        return "it is of a type that is not known here";
    default:
        return "it is no verifier key: NAME+ID+KEY in one line";
    }
}

static enum pst_err key_add(struct pst_cli *cli, const char *option, const char *value,
                            enum pst_note_type type, struct keys *keys)
{
    if (keys->count == PST_NOTE_SIGNATURES_MAX)
        return pst_cli_fail(cli, PST_ERR_USAGE, "There are too many witnesses: %d at most.",
                            PST_NOTE_SIGNATURES_MAX - 1);
    struct pst_note_verifier *key = &keys->items[keys->count++];
    enum pst_err err = key_parse(cli, value, key);
    if (err != PST_OK && (cli->said || pst_err_class(err) == PST_ERR_CLASS_TEMPORARY))
        return err;
    if (err != PST_OK)
        return pst_cli_fail_exit(cli, EX_DATAERR, err, "--%s cannot be used: %s.", option,
                                 key_flaw(err));
    if (key->type != type)
        return pst_cli_fail(cli, PST_ERR_USAGE, "--%s cannot be used: this is the key of a %s.",
                            option, type == PST_NOTE_ED25519 ? "witness" : "ledger");
    return PST_OK;
}

static enum pst_err keys_read(struct pst_cli *cli, struct keys *keys)
{
    const char *witness = NULL;
    enum pst_err err = key_add(cli, "key", pst_cli_get(cli, "key"), PST_NOTE_ED25519, keys);
    for (size_t i = 0; err == PST_OK && (witness = pst_cli_nth(cli, "witness", i)) != NULL; i++)
        err = key_add(cli, "witness", witness, PST_NOTE_COSIGNATURE, keys);
    return err;
}

/* ---- what was proven ---------------------------------------------------- */

/* Seconds since 1970 as times are written; those no date can say as the last one. */
static void time_text(uint64_t time_s, char *ret_text)
{
    uint64_t last_s = (uint64_t)(PST_TIME_MAX_MS / PST_SECOND_MS);
    pst_time_format((int64_t)(time_s < last_s ? time_s : last_s) * PST_SECOND_MS, ret_text);
}

static json_t *witnesses_json(const struct keys *keys, const struct pst_receipt *receipt)
{
    json_t *array = json_array();
    for (size_t i = 1; array != NULL && i < keys->count; i++) {
        char at[PST_TIME_TEXT_SIZE];
        time_text(receipt->times[i], at);
        (void)json_array_append_new(array,
                                    json_pack("{s:s, s:s}", "name", keys->items[i].name, "at", at));
    }
    return array;
}

static void print_json(struct pst_cli *cli, const struct keys *keys,
                       const struct pst_receipt *receipt)
{
    PST_BUF struct pst_buf root = {.max = PST_SHA256_BYTES * 2};
    const struct pst_buf *line = &receipt->proof.extra;
    json_t *event = json_loadb(pst_buf_str(line), line->len, 0, NULL);
    if (pst_base64_padded_append(
            &root, pst_bytes(receipt->checkpoint.root.bytes, PST_SHA256_BYTES)) != PST_OK)
        return;
    PST_JSON json_t *json = json_pack(
        "{s:b, s:s, s:I, s:I, s:s, s:o, s:o}", "genuine", 1, "origin", keys->items[0].name, "index",
        (json_int_t)receipt->proof.index, "size", (json_int_t)receipt->checkpoint.size, "root",
        pst_buf_str(&root), "event", event, "witnesses", witnesses_json(keys, receipt));
    if (json != NULL)
        pst_cli_print_json(cli, json);
}

static void print_sentence(struct pst_cli *cli, const struct keys *keys,
                           const struct pst_receipt *receipt)
{
    char at[PST_TIME_TEXT_SIZE];
    pst_time_format(receipt->event.at_ms, at);
    fprintf(cli->out, "Genuine: the event \"%s\" of %s has index %llu in the ledger ",
            pst_event_kind_name(receipt->event.kind), at, (unsigned long long)receipt->proof.index);
    /* The name came from a file, too. */
    pst_cli_write_safe(cli->out, keys->items[0].name, false);
    fprintf(cli->out, " of %llu events", (unsigned long long)receipt->checkpoint.size);
    for (size_t i = 1; i < keys->count; i++) {
        time_text(receipt->times[i], at);
        fputs(i == 1 ? ", cosigned by " : " and by ", cli->out);
        pst_cli_write_safe(cli->out, keys->items[i].name, false);
        fprintf(cli->out, " on %s", at);
    }
    fputs(".\n", cli->out);
}

static enum pst_err say_flaw(struct pst_cli *cli, enum pst_receipt_flaw flaw, size_t line)
{
    const char *path = cli->operands[0];
    if (flaw == PST_RECEIPT_FAILED)
        return pst_cli_fail(cli, PST_ERR_NOMEM, "%s: %s.", path, pst_receipt_flaw_text(flaw));
    PST_JSON json_t *json =
        json_pack("{s:b, s:s}", "genuine", 0, "flaw", pst_receipt_flaw_text(flaw));
    if (json != NULL && flaw == PST_RECEIPT_PROOF)
        (void)json_object_set_new(json, "line", json_integer((json_int_t)line));
    if (cli->json && json != NULL)
        pst_cli_print_json(cli, json);
    if (flaw == PST_RECEIPT_PROOF)
        return pst_cli_fail_exit(cli, EX_DATAERR, PST_ERR_SYNTAX,
                                 "%s proves nothing: line %zu is not as a receipt has it.", path,
                                 line);
    return pst_cli_fail_exit(cli, EX_DATAERR, PST_ERR_CRYPTO, "%s proves nothing: %s.", path,
                             pst_receipt_flaw_text(flaw));
}

static enum pst_err check(struct pst_cli *cli, const struct keys *keys)
{
    PST_BUF struct pst_buf bytes = {0};
    struct pst_receipt receipt;
    size_t line = 0;
    enum pst_err err = pst_read_file(cli, cli->operands[0], PST_TLOG_PROOF_MAX_BYTES, &bytes);
    if (err != PST_OK)
        return err;
    enum pst_receipt_flaw flaw =
        pst_receipt_check(pst_buf_bytes(&bytes), keys->items, keys->count, &receipt, &line);
    if (flaw != PST_RECEIPT_OK)
        return say_flaw(cli, flaw, line);
    if (cli->json)
        print_json(cli, keys, &receipt);
    else
        print_sentence(cli, keys, &receipt);
    pst_receipt_free(&receipt);
    return PST_OK;
}

enum pst_err pst_cmd_verify(struct pst_cli *cli)
{
    struct stat found;
    struct keys keys = {.count = 0};
    if (stat(cli->operands[0], &found) == 0 && S_ISDIR(found.st_mode))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "%s is a folder. This version checks receipts, which are files; "
                            "exports are not known to it, and nothing was checked.",
                            cli->operands[0]);
    enum pst_err err = keys_read(cli, &keys);
    return err == PST_OK ? check(cli, &keys) : err;
}
