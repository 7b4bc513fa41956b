/*
 * age's X25519 keys: identities (AGE-SECRET-KEY-1…) and recipients (age1…).
 *
 * Source: c2sp.org/age, "The X25519 recipient type"; RFC 7748. An identity is
 * a pst_secret of 32 bytes, and so is its text a pst_secret. Any thread.
 */
#ifndef POSTERN_AGE_KEY_H
#define POSTERN_AGE_KEY_H

#include "postern/bech32.h"
#include "postern/buf.h"
#include "postern/random.h"
#include "postern/secret.h"

#define PST_AGE_KEY_BYTES 32

/* "age1" and 58 characters; "AGE-SECRET-KEY-1" and 58. */
#define PST_AGE_RECIPIENT_CHARS PST_BECH32_LEN(3, PST_AGE_KEY_BYTES)
#define PST_AGE_IDENTITY_CHARS PST_BECH32_LEN(15, PST_AGE_KEY_BYTES)

/* Identities in one key file: each costs every stanza one X25519. */
#define PST_AGE_IDENTITIES_MAX 64

/* A public key: plain data. */
struct pst_age_recipient {
    uint8_t bytes[PST_AGE_KEY_BYTES];
};

/* A fresh identity; random NULL: the system's. Given. PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_age_identity_generate(const struct pst_random *random,
                                                      struct pst_secret **ret_identity);

/*
 * Read AGE-SECRET-KEY-1…, all upper or all lower case, nothing around it.
 * Given: 32 bytes. PST_ERR_SYNTAX; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_identity_parse(struct pst_bytes text,
                                                   struct pst_secret **ret_identity);

/*
 * PST_AGE_IDENTITY_CHARS characters, upper case, without terminator. Given.
 * PST_ERR_INVALID when the identity is not of 32 bytes; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_identity_format(const struct pst_secret *identity,
                                                    struct pst_secret **ret_text);

/* Its public key. PST_ERR_INVALID when the identity is not of 32 bytes. */
PST_MUST_CHECK enum pst_err pst_age_identity_recipient(const struct pst_secret *identity,
                                                       struct pst_age_recipient *ret_recipient);

/*
 * Read age1…, all upper or all lower case, nothing around it.
 * PST_ERR_SYNTAX; PST_ERR_INVALID for a point of low order, to which nothing
 * can be sealed.
 */
PST_MUST_CHECK enum pst_err pst_age_recipient_parse(struct pst_bytes text,
                                                    struct pst_age_recipient *ret_recipient);

/* Lower case, with its terminator. */
void pst_age_recipient_format(const struct pst_age_recipient *recipient,
                              char ret_text[PST_AGE_RECIPIENT_CHARS + 1]);

bool pst_age_recipient_equal(const struct pst_age_recipient *a, const struct pst_age_recipient *b);

/* The identities of a key file, owned. */
struct pst_age_identities {
    struct pst_secret *items[PST_AGE_IDENTITIES_MAX];
    size_t count;
};

/*
 * Read a key file as age-keygen writes it: an identity a line; empty lines and
 * lines that begin with # are passed over; lines end with LF or CRLF.
 * Release with pst_age_identities_free.
 * PST_ERR_SYNTAX, also when there is none; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_identities_parse(struct pst_bytes text,
                                                     struct pst_age_identities *ret_identities);
void pst_age_identities_free(struct pst_age_identities *identities);

#endif
