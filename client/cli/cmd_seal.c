/* postern seal: a file to an age file, for recipients or for a passphrase. */
#include <sysexits.h>
#include <unistd.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/stream.h"
#include "postern/age.h"
#include "postern/age_armor.h"
#include "postern/cleanup.h"

/* What one call seals to and where the file goes. */
struct sealing {
    struct pst_cli *cli;
    struct pst_age_recipient recipients[PST_CLI_OPTIONS_MAX];
    size_t count;
    struct pst_secret *passphrase;
    struct pst_output output;
    struct pst_age_armorer armorer;
    struct pst_age_sealer *sealer;
};

static enum pst_err recipients_read(struct sealing *sealing)
{
    const char *text = NULL;
    for (; (text = pst_cli_nth(sealing->cli, "recipient", sealing->count)) != NULL;
         sealing->count++) {
        struct pst_age_recipient *to = &sealing->recipients[sealing->count];
        if (pst_age_recipient_parse(pst_bytes_str(text), to) != PST_OK)
            return pst_cli_fail_exit(sealing->cli, EX_USAGE, PST_ERR_USAGE,
                                     "%s is not a recipient: they look like age1….", text);
        for (size_t i = 0; i < sealing->count; i++)
            if (pst_age_recipient_equal(to, &sealing->recipients[i]))
                return pst_cli_fail_exit(sealing->cli, EX_USAGE, PST_ERR_USAGE,
                                         "%s is given twice.", text);
    }
    return PST_OK;
}

static enum pst_err keys_read(struct sealing *sealing)
{
    struct pst_cli *cli = sealing->cli;
    enum pst_err r = recipients_read(sealing);
    if (r != PST_OK)
        return r;
    if (pst_cli_has(cli, "passphrase") == (sealing->count > 0))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Say whom it is for, with -r, or that it is for a passphrase, with -p; "
                            "not both.");
    return sealing->count > 0 ? PST_OK : pst_ask_passphrase(cli, &sealing->passphrase);
}

static enum pst_err armor_write(void *ctx, struct pst_bytes bytes)
{
    return pst_age_armorer_update(ctx, bytes);
}

static enum pst_err plaintext_write(void *ctx, struct pst_bytes bytes)
{
    return pst_age_sealer_update(ctx, bytes);
}

static enum pst_err seal_all(struct sealing *sealing, bool armor)
{
    struct pst_cli *cli = sealing->cli;
    struct pst_age_sealing to = {.recipients = sealing->recipients,
                                 .recipient_count = sealing->count,
                                 .passphrase = sealing->passphrase};
    struct pst_sink out = pst_output_sink(&sealing->output);
    if (sealing->output.terminal && !armor)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "A sealed file is not text: give a file with -o, or -a for text.");
    if (armor) {
        sealing->armorer.out = out;
        out = (struct pst_sink){armor_write, &sealing->armorer};
    }
    enum pst_err r = pst_age_sealer_new(&to, out, &sealing->sealer);
    if (r == PST_OK)
        r = pst_input_push(cli, cli->operands_count > 0 ? cli->operands[0] : NULL,
                           (struct pst_sink){plaintext_write, sealing->sealer});
    if (r == PST_OK)
        r = pst_age_sealer_finish(sealing->sealer);
    if (r == PST_OK && armor)
        r = pst_age_armorer_finish(&sealing->armorer);
    return r == PST_OK ? pst_output_commit(&sealing->output) : r;
}

enum pst_err pst_cmd_seal(struct pst_cli *cli)
{
    struct sealing sealing = {.cli = cli, .output = {.fd = -1}};
    bool armor = pst_cli_has(cli, "armor");
    enum pst_err r = keys_read(&sealing);
    if (r == PST_OK)
        r = pst_output_open(cli, pst_cli_get(cli, "output"), /* private= */ false, &sealing.output);
    if (r == PST_OK)
        r = seal_all(&sealing, armor);
    pst_age_sealer_free(&sealing.sealer);
    pst_output_free(&sealing.output);
    pst_secret_free(&sealing.passphrase);
    if (r != PST_OK && !cli->said)
        r = pst_cli_fail(cli, r, "The file could not be sealed: %s.", pst_err_text(r));
    return r;
}
