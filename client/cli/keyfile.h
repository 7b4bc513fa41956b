/*
 * Key files of the offline commands: as age-keygen writes them, or the same
 * sealed with a passphrase (binary or armored). Identities stay in guarded
 * memory; only the opener's buffers see a sealed key file's text, and are
 * wiped.
 */
#ifndef POSTERN_CLI_KEYFILE_H
#define POSTERN_CLI_KEYFILE_H

#include "client/cli/cli.h"
#include "postern/age_key.h"

/*
 * Add the identities of a key file to those already there; asks for the
 * passphrase of a sealed one. Says what is wrong.
 */
PST_MUST_CHECK enum pst_err pst_keyfile_add(struct pst_cli *cli, const char *path,
                                            struct pst_age_identities *identities);

#endif
