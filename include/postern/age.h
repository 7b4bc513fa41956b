/*
 * age v1 files, sealed and opened as streams at constant memory.
 *
 * Source: c2sp.org/age; derived ephemerals of sealed-message format
 * "postern.sealed/1" (see age_header.h). Push style: bytes go in with
 * _update, come out through a sink. File keys live in guarded memory; chunks
 * are encrypted by OpenSSL, whose cipher context holds the payload key of the
 * one file while it is under way and cleanses it after. Armor: age_armor.h.
 * A sealer or opener belongs to one thread at a time.
 */
#ifndef POSTERN_AGE_H
#define POSTERN_AGE_H

#include "postern/age_header.h"
#include "postern/sink.h"

/* What a file is sealed to, all borrowed: recipients, or else a passphrase. */
struct pst_age_sealing {
    const struct pst_age_recipient *recipients;
    size_t recipient_count;
    const struct pst_secret *passphrase; /* only without recipients */
    unsigned log_n;                      /* scrypt; 0: PST_AGE_SCRYPT_LOG_N */
    /* Gives the file key (16), with a passphrase the salt (16), the nonce (16). NULL: system. */
    const struct pst_random *random;
};

struct pst_age_sealer;

/*
 * Begin a file: header and nonce go to out at once. Given.
 * PST_ERR_INVALID as pst_age_header_append, or for a work factor out of range;
 * PST_ERR_NOMEM; PST_ERR_INTERNAL; whatever out returns.
 */
PST_MUST_CHECK enum pst_err pst_age_sealer_new(const struct pst_age_sealing *sealing,
                                               struct pst_sink out,
                                               struct pst_age_sealer **ret_sealer);

/* Whatever out returned; after an error every call returns it again. */
PST_MUST_CHECK enum pst_err pst_age_sealer_update(struct pst_age_sealer *sealer,
                                                  struct pst_bytes plaintext);

/* The last chunk; only after it the file is whole. Once. */
PST_MUST_CHECK enum pst_err pst_age_sealer_finish(struct pst_age_sealer *sealer);

/* Borrowed, 16 bytes. */
const struct pst_secret *pst_age_sealer_file_key(const struct pst_age_sealer *sealer);
void pst_age_sealer_free(struct pst_age_sealer **sealer);

struct pst_age_opener;

/* keys and what they point to are borrowed until the header is complete. Given. */
PST_MUST_CHECK enum pst_err pst_age_opener_new(const struct pst_age_keys *keys, struct pst_sink out,
                                               struct pst_age_opener **ret_opener);

/*
 * Push bytes of the file. Plaintext goes to out only after its chunk verified;
 * it is whole only after pst_age_opener_finish.
 * Errors of pst_age_header_inspect but PST_ERR_TRUNCATED, of
 * pst_age_header_unwrap; PST_ERR_CRYPTO for a chunk that does not verify;
 * PST_ERR_TRAILING for bytes after the last chunk; whatever out returned.
 * After an error every call returns it again.
 */
PST_MUST_CHECK enum pst_err pst_age_opener_update(struct pst_age_opener *opener,
                                                  struct pst_bytes file);

/*
 * The end of the file was reached. As update, and PST_ERR_TRUNCATED when it
 * ends before its last chunk; PST_ERR_NOT_CANONICAL for an empty last chunk
 * after others. Once.
 */
PST_MUST_CHECK enum pst_err pst_age_opener_finish(struct pst_age_opener *opener);

/* Borrowed; NULL and empty until the header was read and its MAC verified. */
const struct pst_secret *pst_age_opener_file_key(const struct pst_age_opener *opener);
struct pst_bytes pst_age_opener_header(const struct pst_age_opener *opener,
                                       struct pst_age_header *ret_header);
void pst_age_opener_free(struct pst_age_opener **opener);

/*
 * Whole files in memory: appended to out, which is as it was on failure (what
 * had been opened is wiped). ret_file_key may be NULL; else given.
 */
PST_MUST_CHECK enum pst_err pst_age_seal_buf(const struct pst_age_sealing *sealing,
                                             struct pst_bytes plaintext, struct pst_buf *out,
                                             struct pst_secret **ret_file_key);
PST_MUST_CHECK enum pst_err pst_age_open_buf(const struct pst_age_keys *keys, struct pst_bytes file,
                                             struct pst_buf *out, struct pst_secret **ret_file_key);

#endif
