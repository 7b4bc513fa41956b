#include <stdio.h>
#include <string.h>

#include "client/cli/commands.h"
#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/state.h"

static void release(struct pst_cli *cli)
{
    pst_self_free(&cli->self);
    pst_net_free(&cli->net);
    pst_state_free(&cli->state);
}

static enum pst_err run(struct pst_cli *cli, int argc, char **argv)
{
    enum pst_err err = pst_cli_parse(cli, argc, argv);
    if (err != PST_OK)
        return err;
    if (!pst_cli_has(cli, "help")) {
        err = cli->command->run(cli);
        return err == PST_OK ? pst_self_ring_save(cli) : err;
    }
    static char *words[2];
    static char name[64];
    snprintf(name, sizeof name, "%s", cli->command->name);
    words[0] = name;
    cli->operands = words;
    cli->operands_count = 1;
    return pst_cmd_help(cli);
}

/* "--help" and "--version" alone, as people expect of any program. */
static void read_habits(int argc, char **argv)
{
    static char help[] = "help";
    static char version[] = "version";
    if (argc != 1)
        return;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        argv[0] = help;
    else if (strcmp(argv[0], "--version") == 0)
        argv[0] = version;
}

int pst_cli_main(struct pst_cli *cli, int argc, char **argv)
{
    read_habits(argc, argv);
    enum pst_err err = run(cli, argc, argv);
    if (err != PST_OK && !cli->said)
        pst_cli_fail(cli, err, "This did not work: %s.", pst_err_text(err));
    release(cli);
    if (err == PST_OK)
        return cli->exit_status;
    return cli->exit_status != 0 ? cli->exit_status : pst_err_exit(err);
}
