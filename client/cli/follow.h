/*
 * threads --follow: what changes in one's conversations, a line each, until
 * the program is ended. Takes up by itself where a broken line left off.
 */
#ifndef POSTERN_CLI_FOLLOW_H
#define POSTERN_CLI_FOLLOW_H

#include "client/cli/cli.h"

/* Answers only when it cannot go on: not signed in any more, refused, no output. Says why. */
PST_MUST_CHECK enum pst_err pst_follow(struct pst_cli *cli);

#endif
