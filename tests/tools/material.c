/*
 * Prints what forge needs of a signed-in profile of `postern`: origin, person
 * and private keys, as JSON. For tests alone: no command of the client gives
 * the signing key away.
 *
 *   material [--profile NAME] [--server URL] [--ca FILE]
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cli.h"
#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "postern/age_key.h"
#include "postern/base64.h"
#include "postern/cleanup.h"

#define ARGUMENTS_MAX 16

static json_t *secret_text(const struct pst_secret *secret)
{
    PST_BUF struct pst_buf text = {.max = 256};
    if (pst_base64url_append(&text, pst_bytes(pst_secret_bytes(secret), pst_secret_len(secret))) !=
        PST_OK)
        return NULL;
    return json_string(pst_buf_str(&text));
}

static json_t *identity_text(const struct pst_secret *identity)
{
    PST_SECRET struct pst_secret *text = NULL;
    if (pst_age_identity_format(identity, &text) != PST_OK)
        return NULL;
    return json_stringn((const char *)pst_secret_bytes(text), pst_secret_len(text));
}

static enum pst_err print_material(struct pst_cli *cli)
{
    enum pst_err r = pst_self_ring(cli);
    if (r != PST_OK)
        return r;
    const struct pst_self *self = cli->self;
    char person[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&self->person, person);
    PST_JSON json_t *material = json_pack("{s:s, s:s, s:o, s:o}", "origin", self->origin, "from",
                                          person, "seed", secret_text(self->ring->signing[0]),
                                          "identity", identity_text(self->ring->identities[0]));
    if (material == NULL)
        return PST_ERR_NOMEM;
    pst_cli_print_json(cli, material);
    return PST_OK;
}

static const struct pst_cli_command command = {"material", "", "print private keys", NULL,
                                               0,          0,  print_material};

int main(int argc, char **argv)
{
    static char some_command[] = "whoami";
    char *arguments[ARGUMENTS_MAX] = {some_command};
    if (argc >= ARGUMENTS_MAX || pst_secret_init() != PST_OK)
        return EXIT_FAILURE;
    for (int i = 1; i < argc; i++)
        arguments[i] = argv[i];
    struct pst_cli cli = {.out = stdout, .err = stderr};
    if (pst_cli_parse(&cli, argc, arguments) != PST_OK)
        return EXIT_FAILURE;
    cli.command = &command;
    enum pst_err r = print_material(&cli);
    pst_self_free(&cli.self);
    pst_net_free(&cli.net);
    pst_state_free(&cli.state);
    return r == PST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
