/*
 * The commands of `postern`: one function each, one file a noun. All say what
 * went wrong themselves (cli.h) and return PST_OK or the error.
 */
#ifndef POSTERN_CLI_COMMANDS_H
#define POSTERN_CLI_COMMANDS_H

#include "client/cli/cli.h"

#define X(function) enum pst_err function(struct pst_cli *cli);
#include "client/cli/commands.def"
#undef X

#endif
