/*
 * records init, combine: by the custodians of the records key, offline.
 *
 * The whole key is in this process alone, in guarded memory, for as long as
 * one command runs; only "combine" writes it anywhere, since it was asked to.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/custody.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/fingerprint.h"
#include "postern/share.h"

#define PATH_MAX_BYTES 4096
#define KEYFILE_MAX_BYTES 512

/* What is said of a key in public. */
struct facts {
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    char id[PST_KEY_ID_TEXT_SIZE];
    char fingerprint[PST_FINGERPRINT_TEXT_SIZE];
};

static enum pst_err facts_of(const struct pst_secret *identity, struct facts *ret_facts)
{
    struct pst_age_recipient recipient;
    struct pst_key_id id;
    enum pst_err err = pst_age_identity_recipient(identity, &recipient);
    if (err == PST_OK)
        err = pst_key_id_of(recipient.bytes, &id);
    if (err != PST_OK)
        return err;
    pst_age_recipient_format(&recipient, ret_facts->recipient);
    pst_key_id_format(&id, ret_facts->id);
    pst_fingerprint(NULL, recipient.bytes, ret_facts->fingerprint);
    return PST_OK;
}

/* ---- init ---- */

static enum pst_err write_share(struct pst_cli *cli, const char *folder, size_t number,
                                size_t count, const struct pst_secret *text, json_t *files)
{
    char path[PATH_MAX_BYTES];
    const char *bytes = (const char *)pst_secret_bytes(text);
    int len = snprintf(path, sizeof path, "%s/records-%zu-of-%zu.share", folder, number, count);
    if (len < 0 || (size_t)len >= sizeof path)
        return pst_cli_fail(cli, PST_ERR_USAGE, "The folder's name is too long.");
    if (access(path, F_OK) == 0)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_EXISTS,
                                 "%s is there already. Shares are never written over: take "
                                 "another folder.",
                                 path);
    enum pst_err err =
        pst_state_write_file(cli, path, bytes, strnlen(bytes, pst_secret_len(text)), 0600);
    if (err == PST_OK && json_array_append_new(files, json_string(path)) != 0)
        err = PST_ERR_NOMEM;
    return err;
}

/* For the custodians' safe and the administrator: public, to compare with. */
static enum pst_err write_sheet(struct pst_cli *cli, const char *folder, const struct facts *facts,
                                size_t count, size_t threshold)
{
    PST_BUF struct pst_buf text = {.max = 2048};
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%.4000s/records-key.txt", folder);
    enum pst_err err = pst_buf_printf(
        &text,
        "The practice's records key. This sheet is public.\n\n"
        "Recipient    %s\nKey id       %s\nFingerprint  %s\n\n"
        "It is split into %zu shares, of which any %zu open a message. Each custodian keeps one\n"
        "share, away from the others, and nobody keeps two.\n",
        facts->recipient, facts->id, facts->fingerprint, count, threshold);
    return err == PST_OK ? pst_state_write_file(cli, path, text.bytes, text.len, 0644) : err;
}

static enum pst_err split(struct pst_cli *cli, const struct pst_secret *identity, size_t count,
                          size_t threshold, const char *folder, json_t *files)
{
    struct pst_secret *texts[PST_SHARES_MAX] = {0};
    enum pst_err err = pst_share_split(identity, count, threshold, NULL, texts);
    for (size_t i = 0; err == PST_OK && i < count; i++)
        err = write_share(cli, folder, i + 1, count, texts[i], files);
    for (size_t i = 0; i < count; i++)
        pst_secret_free(&texts[i]);
    return err;
}

static void say_made(struct pst_cli *cli, const struct facts *facts, const char *folder)
{
    pst_cli_print(cli, "Recipient    %s\nFingerprint  %s\n", facts->recipient, facts->fingerprint);
    pst_cli_print(cli,
                  "The shares are in %s. Give each custodian one, in person, and delete them "
                  "here.\nThe server needs the recipient alone: posternd init "
                  "--records-key.",
                  folder);
}

static enum pst_err init(struct pst_cli *cli, size_t count, size_t threshold)
{
    const char *folder = pst_cli_get(cli, "shares");
    PST_SECRET struct pst_secret *identity = NULL;
    PST_JSON json_t *files = json_array();
    struct facts facts;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO, "%s cannot be made: %s.", folder,
                                 strerror(errno));
    enum pst_err err = pst_age_identity_generate(NULL, &identity);
    if (err == PST_OK)
        err = facts_of(identity, &facts);
    if (err == PST_OK)
        err = split(cli, identity, count, threshold, folder, files);
    if (err == PST_OK)
        err = write_sheet(cli, folder, &facts, count, threshold);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *json =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:O}", "recipient", facts.recipient, "id", facts.id,
                  "fingerprint", facts.fingerprint, "custodians", (json_int_t)count, "threshold",
                  (json_int_t)threshold, "shares", files);
    pst_wire_result(cli, json);
    say_made(cli, &facts, folder);
    return PST_OK;
}

enum pst_err pst_cmd_records_init(struct pst_cli *cli)
{
    long count = 0;
    long threshold = 0;
    enum pst_err err =
        pst_cli_get_int(cli, "custodians", PST_SHARES_MIN, PST_SHARES_MAX, 0, &count);
    if (err == PST_OK)
        err = pst_cli_get_int(cli, "threshold", PST_SHARES_MIN, count, 0, &threshold);
    return err == PST_OK ? init(cli, (size_t)count, (size_t)threshold) : err;
}

/* ---- combine ---- */

static enum pst_err write_key(struct pst_cli *cli, const struct pst_secret *identity)
{
    PST_SECRET struct pst_secret *text = NULL;
    struct facts facts;
    char file[KEYFILE_MAX_BYTES];
    const char *path = pst_cli_get(cli, "output");
    enum pst_err err = facts_of(identity, &facts);
    if (err == PST_OK)
        err = pst_age_identity_format(identity, &text);
    if (err != PST_OK)
        return err;
    int len = snprintf(file, sizeof file, "# public key: %s\n%.*s\n", facts.recipient,
                       (int)pst_secret_len(text), (const char *)pst_secret_bytes(text));
    if (path != NULL)
        err = pst_state_write_file(cli, path, file, (size_t)len, 0600);
    else
        fwrite(file, 1, (size_t)len, cli->out);
    sodium_memzero(file, sizeof file);
    return err;
}

enum pst_err pst_cmd_records_combine(struct pst_cli *cli)
{
    PST_SECRET struct pst_secret *identity = NULL;
    enum pst_err err = pst_custody_combine(cli, (const char *const *)cli->operands,
                                           (size_t)cli->operands_count, &identity);
    return err == PST_OK ? write_key(cli, identity) : err;
}
