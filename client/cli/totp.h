/*
 * One-time codes (RFC 6238, SHA-1, 30 s, 6 digits), by liboath.
 *
 * A code comes from --totp, is computed from --totp-secret-file, or is asked
 * for on the terminal. The server takes each code once: the time step of the
 * last computed one is kept in the profile, and the next call takes a later.
 */
#ifndef POSTERN_CLI_TOTP_H
#define POSTERN_CLI_TOTP_H

#include "client/cli/cli.h"
#include "postern/secret.h"

#define PST_TOTP_DIGITS 6
#define PST_TOTP_STEP_S 30
#define PST_TOTP_SECRET_BYTES 20
/* Base32 of 20 bytes. */
#define PST_TOTP_TEXT_LEN 32

/* A new secret's base32 text and a NUL. Given. */
PST_MUST_CHECK enum pst_err pst_totp_secret_new(struct pst_secret **ret_text);

/* The code of a base32 secret for one time step. */
PST_MUST_CHECK enum pst_err pst_totp_compute(const struct pst_secret *text, int64_t step,
                                             char ret_code[PST_TOTP_DIGITS + 1]);

/* A code that was not used before, from a secret that is known. Waits for the next if it must. */
PST_MUST_CHECK enum pst_err pst_totp_fresh(struct pst_cli *cli, const struct pst_secret *text,
                                           char ret_code[PST_TOTP_DIGITS + 1]);

/* The code for this call, from wherever it comes; says what to do without one. */
PST_MUST_CHECK enum pst_err pst_totp_code(struct pst_cli *cli, char ret_code[PST_TOTP_DIGITS + 1]);

/* Is there a code without asking anybody? */
bool pst_totp_at_hand(const struct pst_cli *cli);

/* Prove the second factor (or, without one, the passphrase) again to the server. */
PST_MUST_CHECK enum pst_err pst_totp_step_up(struct pst_cli *cli);

#endif
