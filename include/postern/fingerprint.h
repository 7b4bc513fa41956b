/*
 * Fingerprints for people to compare: SHA-512 of "postern fingerprint/1\n",
 * Ed25519 key, X25519 key; eight groups of five digits (formats.md).
 */
#ifndef POSTERN_FINGERPRINT_H
#define POSTERN_FINGERPRINT_H

#include "postern/sign.h"

/* Eight groups of five, seven blanks, a NUL. */
#define PST_FINGERPRINT_TEXT_SIZE 48

/*
 *   sign       Ed25519 key; NULL for the records key and for teams
 *   recipient  32 bytes, X25519 key
 *   ret_text   PST_FINGERPRINT_TEXT_SIZE bytes, NUL-terminated
 */
void pst_fingerprint(const struct pst_sign_public *sign, const uint8_t *recipient, char *ret_text);

#endif
