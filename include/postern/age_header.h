/*
 * The textual header of an age v1 file: grammar, stanzas, MAC.
 *
 * Source: c2sp.org/age, "Encrypted file format". Reading is strict: canonical
 * base 64, one space between arguments, body lines of 64 columns and a shorter
 * last one, X25519 and scrypt stanzas of the right shape wherever they stand,
 * an scrypt stanza alone. Stanzas of other types are passed over. The server
 * uses the first part, which needs no key. Any thread; nothing is kept.
 */
#ifndef POSTERN_AGE_HEADER_H
#define POSTERN_AGE_HEADER_H

#include "postern/age_key.h"

/*
 * Longest header read. The specification has no limit; about 10,000 recipients
 * fit, and a reader that must hold the header needs one.
 */
#define PST_AGE_HEADER_MAX_BYTES ((size_t)1024 * 1024)

#define PST_AGE_FILE_KEY_BYTES 16
#define PST_AGE_MAC_BYTES 32
#define PST_AGE_CHUNK_BYTES 65536
#define PST_AGE_TAG_BYTES 16
#define PST_AGE_NONCE_BYTES 16

/* scrypt's work factor as base-two logarithm: what age writes; what we take (1 GiB). */
#define PST_AGE_SCRYPT_LOG_N 18
#define PST_AGE_SCRYPT_LOG_N_MAX 20

/* ---- without any key ------------------------------------------------- */

/* What a header says; plain data. */
struct pst_age_header {
    size_t len;          /* with its last line feed: the payload begins there */
    size_t stanzas_at;   /* offset of the first stanza */
    size_t mac_input;    /* bytes under the MAC: through the "---" */
    size_t stanza_count; /* of every type, at least 1 */
    size_t x25519_count;
    size_t scrypt_count; /* 1 only when stanza_count is 1 */
    uint8_t mac[PST_AGE_MAC_BYTES];
};

/*
 * Read the header at the front of bytes, whatever follows it.
 *
 * PST_OK; PST_ERR_TRUNCATED when all is well so far but the header goes on
 * (more bytes may complete it); PST_ERR_UNSUPPORTED for another version than
 * v1; PST_ERR_SYNTAX; PST_ERR_TOO_LONG beyond PST_AGE_HEADER_MAX_BYTES.
 */
PST_MUST_CHECK enum pst_err pst_age_header_inspect(struct pst_bytes bytes,
                                                   struct pst_age_header *ret_header);

/*
 * The same over bytes that grow: each call passes everything so far, and lines
 * are looked at once. Zeroed at first.
 */
struct pst_age_header_parser {
    struct pst_age_header header;
    size_t line_at;  /* start of the line under way */
    size_t searched; /* no line feed between line_at and here */
    size_t body_len; /* bytes of the stanza's body so far */
    int expect;      /* which line comes next */
    int stanza_type;
};
PST_MUST_CHECK enum pst_err pst_age_header_feed(struct pst_age_header_parser *parser,
                                                struct pst_bytes so_far);

/* One stanza, borrowed from the header it stands in. */
struct pst_age_stanza {
    struct pst_bytes text; /* argument line and body lines, line feeds included */
    struct pst_bytes args; /* after "-> ", without line feed */
    struct pst_bytes body; /* base 64 lines, line feeds included */
};

/* The stanzas of a header that was read: the start of a walk. */
struct pst_bytes pst_age_header_stanzas(struct pst_bytes bytes,
                                        const struct pst_age_header *header);

/* Takes the next stanza off the front of rest; false when there is none. */
bool pst_age_stanza_next(struct pst_bytes *rest, struct pst_age_stanza *ret_stanza);

/* Read a text that is exactly one stanza. PST_ERR_SYNTAX; PST_ERR_TOO_LONG. */
PST_MUST_CHECK enum pst_err pst_age_stanza_parse(struct pst_bytes text,
                                                 struct pst_age_stanza *ret_stanza);

/* Argument number i, from 0; empty beyond the last (no argument is empty). */
struct pst_bytes pst_age_stanza_arg(const struct pst_age_stanza *stanza, size_t i);

/*
 * Whether a payload (all that follows the header, its 16-byte nonce included)
 * can be of this length: chunks of 64 KiB with 16 bytes of tag, the last one
 * shorter but not empty unless it is the only one.
 */
bool pst_age_payload_len_possible(uint64_t payload_len);

/* Bytes of plaintext in a payload of a possible length; 0 for others. */
uint64_t pst_age_payload_plaintext_len(uint64_t payload_len);

/* Bytes of payload for a plaintext, nonce included. */
uint64_t pst_age_payload_len(uint64_t plaintext_len);

/* ---- with the file key ------------------------------------------------ */

/*
 * Append the whole header that wraps file_key (16 bytes) for each recipient in
 * the order given, with derived ephemerals (below).
 * PST_ERR_INVALID: no recipient, one of low order, one given twice, or a file
 * key of another length; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_header_append(const struct pst_secret *file_key,
                                                  const struct pst_age_recipient *recipients,
                                                  size_t count, struct pst_buf *out);

/*
 * Append one X25519 stanza, as in a grant. Its ephemeral secret is
 * HKDF-SHA256(ikm = file key, salt = recipient, info = "postern/1 ephemeral"),
 * so that whoever opens a file can make every stanza again.
 * PST_ERR_INVALID; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_stanza_append(const struct pst_secret *file_key,
                                                  const struct pst_age_recipient *recipient,
                                                  struct pst_buf *out);

/* bytes begin with the header. PST_OK; PST_ERR_CRYPTO; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_age_header_check_mac(struct pst_bytes bytes,
                                                     const struct pst_age_header *header,
                                                     const struct pst_secret *file_key);

/*
 * Whether the header has exactly these recipients' stanzas in this order, with
 * derived ephemerals: makes each again and compares.
 * PST_OK; PST_ERR_CRYPTO when it has others, more, fewer, or in another order;
 * PST_ERR_INVALID; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_header_check_stanzas(struct pst_bytes bytes,
                                                         const struct pst_age_header *header,
                                                         const struct pst_secret *file_key,
                                                         const struct pst_age_recipient *recipients,
                                                         size_t count);

/* ---- with an identity or passphrase ----------------------------------- */

/*
 * What a header is opened with, all borrowed. file_key, when given, is used as
 * it is (it came from a grant); else identities are tried on X25519 stanzas
 * and the passphrase on an scrypt stanza.
 */
struct pst_age_keys {
    struct pst_secret *const *identities; /* 32 bytes each */
    size_t identity_count;
    const struct pst_secret *passphrase; /* or NULL */
    unsigned log_n_max;                  /* 0: PST_AGE_SCRYPT_LOG_N_MAX */
    const struct pst_secret *file_key;   /* or NULL */
};

/*
 * Find the file key and check the header's MAC with it. Given: 16 bytes.
 * PST_ERR_NO_KEY when no stanza opens; PST_ERR_CRYPTO for a MAC that does not
 * verify or an ephemeral share of low order; PST_ERR_UNSUPPORTED for a work
 * factor above the limit; PST_ERR_INVALID; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_age_header_unwrap(struct pst_bytes bytes,
                                                  const struct pst_age_header *header,
                                                  const struct pst_age_keys *keys,
                                                  struct pst_secret **ret_file_key);

/*
 * Open a granted stanza with one identity and check the original header's MAC
 * with what was in it. Given: the file key of the original file.
 * Errors as pst_age_header_unwrap, and PST_ERR_SYNTAX for the stanza's text.
 */
PST_MUST_CHECK enum pst_err pst_age_grant_unwrap(struct pst_bytes stanza_text,
                                                 struct pst_bytes bytes,
                                                 const struct pst_age_header *header,
                                                 const struct pst_secret *identity,
                                                 struct pst_secret **ret_file_key);

#endif
