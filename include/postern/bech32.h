/*
 * Bech32 (BIP 173) without its length limit, as age writes keys.
 *
 * All upper or all lower case, never mixed; the checksum is over the lower
 * case. Works in the caller's memory and allocates nothing, so that secret
 * keys can be read and written inside guarded memory. Any thread.
 */
#ifndef POSTERN_BECH32_H
#define POSTERN_BECH32_H

#include <stdbool.h>

#include "postern/buf.h"

/* Characters of a text with a prefix of prefix_len for len bytes. */
#define PST_BECH32_LEN(prefix_len, len) ((prefix_len) + 1 + ((len)*8 + 4) / 5 + 6)

/*
 * Write data as Bech32.
 *
 *   prefix     the human-readable part, 1 or more of ASCII 33..126, lower case
 *   upper      the whole text in upper case
 *   ret_text   PST_BECH32_LEN(strlen(prefix), data.len) characters, then a NUL;
 *              cap counts the NUL
 *
 * PST_OK; PST_ERR_INVALID for a bad prefix; PST_ERR_TOO_LONG.
 */
PST_MUST_CHECK enum pst_err pst_bech32_encode(const char *prefix, struct pst_bytes data, bool upper,
                                              char *ret_text, size_t cap);

/*
 * Read a text with a known prefix (given in lower case) that stands for
 * exactly len bytes.
 *
 * PST_OK; PST_ERR_SYNTAX for mixed case, a foreign character, another prefix,
 * another length, padding that is not zero or more than four bits, or a wrong
 * checksum. ret_data may have been written to on failure.
 */
PST_MUST_CHECK enum pst_err pst_bech32_decode_exact(struct pst_bytes text, const char *prefix,
                                                    uint8_t *ret_data, size_t len);

#endif
