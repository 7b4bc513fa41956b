/*
 * The ledger's signing key: made once, kept for the keeper alone (0600), in the
 * text form of C2SP signed notes: PRIVATE+KEY+<name>+<id>+<base64>; and its
 * verifier key <name>+<id>+<base64>, which anybody may have.
 */
#ifndef POSTERN_SERVER_INIT_LEDGER_KEY_H
#define POSTERN_SERVER_INIT_LEDGER_KEY_H

#include "postern/buf.h"

struct pst_config;

/* Longest name (origin and "/ledger") with id and key. */
#define PST_LEDGER_KEY_TEXT_MAX 512

/*
 * Make the key file where there is none yet, and beside it FILE.pub with the
 * verifier key.
 *   ret_verifier  appended to, without line feed
 * PST_OK; PST_ERR_IO; PST_ERR_NOMEM; PST_ERR_NOT_FOUND: no such user.
 */
PST_MUST_CHECK enum pst_err pst_ledger_key_make(const struct pst_config *config,
                                                struct pst_buf *ret_verifier);

#endif
