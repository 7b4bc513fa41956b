/*
 * The records key put together from its custodians' shares, for one command of
 * theirs. Offline.
 */
#ifndef POSTERN_CLI_CUSTODY_H
#define POSTERN_CLI_CUSTODY_H

#include "client/cli/cli.h"
#include "postern/secret.h"

/*
 * Read these share files and combine them.
 *   ret_identity  the 32 bytes of the X25519 identity. Given
 * Says which share is wrong, or that they are too few.
 */
PST_MUST_CHECK enum pst_err pst_custody_combine(struct pst_cli *cli, const char *const *paths,
                                                size_t count, struct pst_secret **ret_identity);

#endif
