/* postern open: an age file, binary or armored, to what was sealed in it. */
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/keyfile.h"
#include "client/cli/stream.h"
#include "postern/age.h"
#include "postern/age_armor.h"
#include "postern/cleanup.h"

struct opening {
    struct pst_cli *cli;
    struct pst_age_identities identities;
    struct pst_secret *passphrase;
    struct pst_output output;
    struct pst_age_opener *opener;
    struct pst_age_dearmorer dearmorer;
    bool begun; /* the first piece came, and told whether it is armor */
    bool armor;
};

static enum pst_err keys_read(struct opening *opening)
{
    struct pst_cli *cli = opening->cli;
    const char *path = NULL;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && (path = pst_cli_nth(cli, "identity", i)) != NULL; i++)
        r = pst_keyfile_add(cli, path, &opening->identities);
    if (r == PST_OK && opening->identities.count == 0)
        r = pst_ask_passphrase(cli, &opening->passphrase);
    return r;
}

static enum pst_err binary_write(void *ctx, struct pst_bytes bytes)
{
    return pst_age_opener_update(ctx, bytes);
}

static enum pst_err file_write(void *ctx, struct pst_bytes bytes)
{
    struct opening *opening = ctx;
    if (!opening->begun)
        opening->armor = pst_age_armor_likely(bytes);
    opening->begun = true;
    return opening->armor ? pst_age_dearmorer_update(&opening->dearmorer, bytes)
                          : pst_age_opener_update(opening->opener, bytes);
}

static enum pst_err open_all(struct opening *opening)
{
    struct pst_cli *cli = opening->cli;
    struct pst_age_keys keys = {.identities = opening->identities.items,
                                .identity_count = opening->identities.count,
                                .passphrase = opening->passphrase};
    enum pst_err r = pst_age_opener_new(&keys, pst_output_sink(&opening->output), &opening->opener);
    opening->dearmorer.out = (struct pst_sink){binary_write, opening->opener};
    if (r == PST_OK)
        r = pst_input_push(cli, cli->operands_count > 0 ? cli->operands[0] : NULL,
                           (struct pst_sink){file_write, opening});
    if (r == PST_OK && opening->armor)
        r = pst_age_dearmorer_finish(&opening->dearmorer);
    if (r == PST_OK)
        r = pst_age_opener_finish(opening->opener);
    return r == PST_OK ? pst_output_commit(&opening->output) : r;
}

/* What people can do about it. */
static enum pst_err say(const struct opening *opening, enum pst_err r)
{
    struct pst_cli *cli = opening->cli;
    switch (r) {
    case PST_ERR_NO_KEY:
        return pst_cli_fail(cli, r,
                            opening->passphrase != NULL
                                ? "It does not open: the passphrase is wrong, or it is "
                                  "sealed to keys: give their file with -i."
                                : "None of these keys opens it: it is sealed to others.");
    case PST_ERR_CRYPTO:
        return pst_cli_fail_exit(cli, EX_DATAERR, r,
                                 "The file was changed or damaged since it was sealed.");
    case PST_ERR_TRUNCATED:
        return pst_cli_fail_exit(cli, EX_DATAERR, r, "The file is not whole: its end is missing.");
    case PST_ERR_TRAILING:
        return pst_cli_fail_exit(cli, EX_DATAERR, r, "Something stands after the file's end.");
    case PST_ERR_UNSUPPORTED:
        return pst_cli_fail_exit(cli, EX_DATAERR, r,
                                 "The file needs another version of the format, or a passphrase "
                                 "with more work than is accepted.");
    case PST_ERR_SYNTAX:
    case PST_ERR_NOT_CANONICAL:
        return pst_cli_fail_exit(cli, EX_DATAERR, r,
                                 "This is not an age file, or a malformed one.");
    default:
        return pst_cli_fail(cli, r, "The file could not be opened: %s.", pst_err_text(r));
    }
}

enum pst_err pst_cmd_open(struct pst_cli *cli)
{
    struct opening opening = {.cli = cli, .output = {.fd = -1}};
    enum pst_err r = keys_read(&opening);
    if (r == PST_OK)
        r = pst_output_open(cli, pst_cli_get(cli, "output"), /* private= */ true, &opening.output);
    if (r == PST_OK)
        r = open_all(&opening);
    pst_age_opener_free(&opening.opener);
    pst_output_free(&opening.output);
    pst_age_identities_free(&opening.identities);
    pst_secret_free(&opening.passphrase);
    return r == PST_OK || cli->said ? r : say(&opening, r);
}
