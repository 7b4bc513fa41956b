/*
 * Enrolment and recovery codes, and the enrolment link (formats.md).
 *
 * A code is 16 random bytes, as text 26 characters of lower-case base32 without
 * padding (RFC 4648). It is never sent to the server; texts that hold one are
 * secrets, NUL-terminated inside their guarded memory, so that they can be
 * printed or drawn as a QR code. Any thread.
 */
#ifndef POSTERN_ENROL_H
#define POSTERN_ENROL_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/random.h"
#include "postern/secret.h"
#include "postern/sign.h"
#include "postern/uuid.h"

#define PST_CODE_BYTES 16
#define PST_CODE_TEXT_LEN 26
/* HOST with a port. */
#define PST_LINK_HOST_MAX_BYTES 260
#define PST_LINK_MAX_BYTES 512

/* 16 random bytes. Given. random NULL: the system's. */
PST_MUST_CHECK enum pst_err pst_code_new(const struct pst_random *random,
                                         struct pst_secret **ret_code);

/*
 * Exactly 26 characters of a-z2-7, the two bits left over zero.
 *   text  borrowed, need not be NUL-terminated
 * Given, 16 bytes. PST_ERR_SYNTAX; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_code_parse(const char *text, size_t text_len,
                                           struct pst_secret **ret_code);

/*
 * The same as people type it from paper: upper case, blanks and hyphens between
 * are taken too.
 */
PST_MUST_CHECK enum pst_err pst_code_parse_typed(const char *text, size_t text_len,
                                                 struct pst_secret **ret_code);

/* The 26 characters and a NUL. Given. */
PST_MUST_CHECK enum pst_err pst_code_format(const struct pst_secret *code,
                                            struct pst_secret **ret_text);

/*
 * The key pair derived from an enrolment code: its seed is
 * HKDF-SHA256(code, no salt, "postern/1 enrol"). Given.
 */
PST_MUST_CHECK enum pst_err pst_enrol_signer(const struct pst_secret *code,
                                             struct pst_signer **ret_signer);

struct pst_enrol_link {
    char host[PST_LINK_HOST_MAX_BYTES + 1]; /* with :port if there was one */
    struct pst_uuid invitation;             /* the server's id of the invitation */
    struct pst_secret *code;                /* owned, 16 bytes */
    struct pst_key_id root;
    bool has_root; /* false: "-", the first administrator */
};

/*
 * https://HOST/enrol#<invitation id>.<code>.<root key id or ->
 * HOST is a DNS name or address, with an optional port; nothing else.
 * Release with pst_enrol_link_free. PST_ERR_SYNTAX; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_enrol_link_parse(const char *text, size_t text_len,
                                                 struct pst_enrol_link *ret_link);

/* The link's text and a NUL. Given. PST_ERR_INVALID; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_enrol_link_format(const struct pst_enrol_link *link,
                                                  struct pst_secret **ret_text);
void pst_enrol_link_free(struct pst_enrol_link *link);

#endif
