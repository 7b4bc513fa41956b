/*
 * One form for each name, address and login, so that equal ones hash equally.
 *
 * Pure; any thread. The result is only hashed or compared, never shown.
 * Input is UTF-8, borrowed, not NUL-terminated. Results are appended to out,
 * which is untouched on failure.
 */
#ifndef POSTERN_SERVER_VAULT_NORMAL_H
#define POSTERN_SERVER_VAULT_NORMAL_H

#include "postern/buf.h"

/* Longest input, of whatever kind. */
#define PST_NORMAL_MAX_BYTES 320
#define PST_NORMAL_NAME_MAX_BYTES 200
/* RFC 5321 4.5.3.1: 64 octets, @, 255 octets, within a path of 256. */
#define PST_EMAIL_MAX_BYTES 254
#define PST_LOGIN_MAX_BYTES 254
/* E.164: at most 15 digits; fewer than 7 are no subscriber's number. */
#define PST_PHONE_DIGITS_MIN 7
#define PST_PHONE_DIGITS_MAX 15

/*
 * A person's name: NFKC, case folded, runs of white space one space, none at
 * the ends; control characters refused.
 * PST_OK; PST_ERR_INVALID; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_normal_name(struct pst_bytes text, struct pst_buf *out);

/*
 * An e-mail address, local@domain: NFKC; both parts case folded, since no
 * mail service people use tells "Ada" from "ada", and two patients must not
 * share one box by case. One @, something on both sides, no white space,
 * brackets, quotes, commas or control characters; a domain of labels.
 */
PST_MUST_CHECK enum pst_err pst_normal_email(struct pst_bytes text, struct pst_buf *out);

/*
 * A telephone number in E.164: + and digits. Spaces, dots, hyphens and
 * parentheses are dropped. Without a leading + it is refused: the country
 * would be a guess.
 */
PST_MUST_CHECK enum pst_err pst_normal_phone(struct pst_bytes text, struct pst_buf *out);

/* A login name: as an e-mail address's local part or whole; no white space. */
PST_MUST_CHECK enum pst_err pst_normal_login(struct pst_bytes text, struct pst_buf *out);

#endif
