#include "client/cli/commands.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, 0, NULL, NULL, 0                                                                     \
    }

const struct pst_cli_command pst_cli_commands[] = {
    /* Of the program itself. */
    {"completion", "bash|zsh", "print the completion script of a shell", NULL, 1, 1,
     pst_cmd_completion},
    {"help", "[COMMAND]", "say how a command is used", NULL, 0, 2, pst_cmd_help},
    {"version", "", "print the version", NULL, 0, 0, pst_cmd_version},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};
