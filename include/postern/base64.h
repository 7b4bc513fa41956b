/*
 * Base 64 (RFC 4648), strict: canonical encodings alone are read.
 *
 * Standard alphabet without padding inside age files, URL alphabet without
 * padding everywhere else in Postern, standard with padding in armor and in
 * signed notes alone.
 * Read strictly: no white space, no stray padding, no bits left over, so that
 * one value has one text. libsodium does the work, in constant time for the
 * values, so keys may pass through here. Any thread.
 */
#ifndef POSTERN_BASE64_H
#define POSTERN_BASE64_H

#include "postern/buf.h"

/* Characters of the unpadded encoding of len bytes. */
#define PST_BASE64_LEN(len) ((len) / 3 * 4 + ((len) % 3 * 8 + 5) / 6)

/* Append the text of some bytes. PST_OK; PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_base64_append(struct pst_buf *out, struct pst_bytes bytes);
PST_MUST_CHECK enum pst_err pst_base64url_append(struct pst_buf *out, struct pst_bytes bytes);
PST_MUST_CHECK enum pst_err pst_base64_padded_append(struct pst_buf *out, struct pst_bytes bytes);

/*
 * Append the bytes that a text stands for; out is untouched on failure.
 * PST_OK; PST_ERR_SYNTAX for any text that is not the canonical encoding of
 * something; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_base64_decode(struct pst_bytes text, struct pst_buf *out);
PST_MUST_CHECK enum pst_err pst_base64url_decode(struct pst_bytes text, struct pst_buf *out);
PST_MUST_CHECK enum pst_err pst_base64_padded_decode(struct pst_bytes text, struct pst_buf *out);

/*
 * Exactly len bytes into ret_bytes, for keys, hashes and identifiers. On
 * failure ret_bytes holds nothing of use.
 * PST_OK; PST_ERR_SYNTAX, also when it stands for more or fewer bytes.
 */
PST_MUST_CHECK enum pst_err pst_base64_decode_exact(struct pst_bytes text, uint8_t *ret_bytes,
                                                    size_t len);
PST_MUST_CHECK enum pst_err pst_base64url_decode_exact(struct pst_bytes text, uint8_t *ret_bytes,
                                                       size_t len);
PST_MUST_CHECK enum pst_err pst_base64_padded_decode_exact(struct pst_bytes text,
                                                           uint8_t *ret_bytes, size_t len);

#endif
