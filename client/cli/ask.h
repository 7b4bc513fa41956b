/*
 * What people type, and what scripts give in files instead: passphrases, codes,
 * yes and no. Secrets are never echoed and never leave guarded memory.
 */
#ifndef POSTERN_CLI_ASK_H
#define POSTERN_CLI_ASK_H

#include "client/cli/cli.h"
#include "postern/buf.h"
#include "postern/secret.h"

/* NIST SP 800-63B-4 3.1.1: alone, and beside a second factor; in characters. */
#define PST_PASSPHRASE_MIN_ALONE 15
#define PST_PASSPHRASE_MIN_WITH_FACTOR 8

/* Can somebody be asked? */
bool pst_ask_possible(void);

/* One line from the terminal, not echoed, with a NUL at its end. Given. PST_ERR_DENIED without one.
 */
PST_MUST_CHECK enum pst_err pst_ask_line(struct pst_cli *cli, const char *prompt,
                                         struct pst_secret **ret_text);

/* One line from the terminal, echoed. ret_text: size bytes. PST_ERR_DENIED without a terminal. */
PST_MUST_CHECK enum pst_err pst_ask_plain(struct pst_cli *cli, const char *prompt, char *ret_text,
                                          size_t size);

/* "y" or "yes" on the terminal; false without one. */
bool pst_ask_yes(struct pst_cli *cli, const char *question);

/* The first line of a file, with a NUL at its end. Given. Says what is wrong. */
PST_MUST_CHECK enum pst_err pst_ask_secret_file(struct pst_cli *cli, const char *path,
                                                struct pst_secret **ret_text);

/* The passphrase: $POSTERN_PASSPHRASE_FILE or the terminal. Without a NUL, as kdf.h takes it. */
PST_MUST_CHECK enum pst_err pst_ask_passphrase(struct pst_cli *cli, struct pst_secret **ret_phrase);

/*
 * A new passphrase, typed twice and checked; from $name when that file is set.
 *   variable  "POSTERN_PASSPHRASE_FILE", or for a change "POSTERN_NEW_PASSPHRASE_FILE"
 *   login     a word it must not be
 */
PST_MUST_CHECK enum pst_err pst_ask_new_passphrase(struct pst_cli *cli, const char *variable,
                                                   bool with_factor, const char *login,
                                                   struct pst_secret **ret_phrase);

/* Why a passphrase will not do, as a sentence; NULL when it will. Static. */
const char *pst_passphrase_flaw(const char *text, size_t len, bool with_factor, const char *login);

/*
 * All of a file, or of stdin for "-", at most max bytes. Says what is wrong.
 * Plaintext: the caller wipes what it holds when done.
 */
PST_MUST_CHECK enum pst_err pst_read_file(struct pst_cli *cli, const char *path, size_t max,
                                          struct pst_buf *ret_bytes);

#endif
