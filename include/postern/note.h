/*
 * Signed notes (c2sp.org/signed-note): text, a blank line, signature lines. And
 * cosignatures of witnesses (c2sp.org/tlog-cosignature, cosignature/v1), which
 * are signature lines too. Ed25519 alone, by libsodium.
 *
 *     — <name> base64(4-byte key id || signature)
 *
 * The ledger signs its checkpoints so; what their text says is checkpoint.h's.
 * Not for signed records (record.h) or envelopes. Any thread; no clock.
 */
#ifndef POSTERN_NOTE_H
#define POSTERN_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/secret.h"
#include "postern/sign.h"

/* Sixteen lines are what a verifier must take at least, and no ledger needs more. */
#define PST_NOTE_SIGNATURES_MAX 16
/* Sixteen of the largest post-quantum cosignatures by others, and a checkpoint. */
#define PST_NOTE_MAX_BYTES ((size_t)64 * 1024)
/* A host name (253) with the ledger's path behind it. */
#define PST_NOTE_NAME_MAX_BYTES 300
#define PST_NOTE_ID_BYTES 4
/* PRIVATE+KEY+, name, id, base64 of type and seed, and what stands between. */
#define PST_NOTE_KEY_MAX_BYTES 384
/* Of a cosignature, the longer kind: 8 bytes of time, and the signature. */
#define PST_NOTE_SIGNATURE_BYTES (8 + PST_SIGNATURE_BYTES)

/* What a key signs; the numbers are C2SP's. */
enum pst_note_type {
    PST_NOTE_ED25519 = 0x01,     /* the text */
    PST_NOTE_COSIGNATURE = 0x04, /* time and text */
};

struct pst_note_verifier {
    char name[PST_NOTE_NAME_MAX_BYTES + 1];
    uint8_t id[PST_NOTE_ID_BYTES]; /* begins SHA-256(name || "\n" || type || key) */
    enum pst_note_type type;
    struct pst_sign_public key;
};

struct pst_note_signer {
    struct pst_note_verifier verifier;
    struct pst_signer *signer; /* owned */
};

/*
 * A verifier of this name.
 *   name   UTF-8, not empty, at most PST_NOTE_NAME_MAX_BYTES, without Unicode
 *          spaces, control characters and "+"
 * PST_OK; PST_ERR_INVALID: such a name; PST_ERR_INTERNAL; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_note_verifier_init(const char *name, enum pst_note_type type,
                                                   const struct pst_sign_public *key,
                                                   struct pst_note_verifier *ret_verifier);

/*
 * "<name>+<id in hex>+<base64 of type and key>", nothing before or after; the
 * id must be the key's.
 * PST_OK; PST_ERR_SYNTAX; PST_ERR_UNSUPPORTED: another type; PST_ERR_CRYPTO: the
 * id is not this key's; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_note_verifier_parse(struct pst_bytes text,
                                                    struct pst_note_verifier *ret_verifier);
/* Appends that text. PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_note_verifier_append(const struct pst_note_verifier *verifier,
                                                     struct pst_buf *out);

/* A new key. random NULL: the system's. Release with pst_note_signer_free. Errors as above. */
PST_MUST_CHECK enum pst_err pst_note_signer_new(const char *name, enum pst_note_type type,
                                                const struct pst_random *random,
                                                struct pst_note_signer *ret_signer);

/*
 * "PRIVATE+KEY+<name>+<id>+<base64 of type and seed>", as Go's
 * golang.org/x/mod/sumdb/note has it. The text is a secret.
 * Errors of parse as pst_note_verifier_parse.
 *   ret_text   given: NUL-terminated, in guarded memory
 */
PST_MUST_CHECK enum pst_err pst_note_signer_parse(struct pst_bytes text,
                                                  struct pst_note_signer *ret_signer);
PST_MUST_CHECK enum pst_err pst_note_signer_format(const struct pst_note_signer *signer,
                                                   struct pst_secret **ret_text);
void pst_note_signer_free(struct pst_note_signer *signer);

/* Whether text can be signed: not empty, ends in a line feed, UTF-8, no other control characters.
 */
bool pst_note_text_valid(struct pst_bytes text);

/*
 * Append one signature line over a note's text.
 *   time_s   of a cosignature, seconds since 1970, at most 2^63-1; of a
 *            signature of the other type 0
 * PST_OK; PST_ERR_INVALID: text or time; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_note_signature_append(const struct pst_note_signer *signer,
                                                      struct pst_bytes text, uint64_t time_s,
                                                      struct pst_buf *out);

/* Append text, blank line and one signature. Errors as above. */
PST_MUST_CHECK enum pst_err pst_note_sign(const struct pst_note_signer *signer,
                                          struct pst_bytes text, struct pst_buf *out);

struct pst_note_signature {
    struct pst_bytes name; /* borrowed from the note */
    uint8_t id[PST_NOTE_ID_BYTES];
    uint8_t bytes[PST_NOTE_SIGNATURE_BYTES]; /* the first of them */
    size_t len;                              /* how many the line had */
};

struct pst_note {
    struct pst_bytes text; /* borrowed, with its final line feed */
    struct pst_note_signature signatures[PST_NOTE_SIGNATURES_MAX];
    size_t count;
};

/*
 * Take a note apart; nothing is verified.
 *   bytes   borrowed as long as the note is used
 * PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG: PST_NOTE_MAX_BYTES, PST_NOTE_SIGNATURES_MAX or
 * PST_NOTE_NAME_MAX_BYTES; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_note_parse(struct pst_bytes bytes, struct pst_note *ret_note);

enum pst_note_rule {
    /*
     * What C2SP asks of every verifier: lines of unknown keys are passed over,
     * those of known keys must verify, and one of keys[0] must be there.
     */
    PST_NOTE_KNOWN,
    /* One line of keys[0], first; one of every other key, in any order; no other line. */
    PST_NOTE_EXACT,
};

/*
 * Verify the signatures by the keys the caller trusts for this note.
 *   keys, count   keys[0] is the ledger's, the others its witnesses'; 1 to PST_NOTE_SIGNATURES_MAX
 *   ret_times     of each key, the seconds since 1970 that its cosignature
 *                 says; 0 for one without, or not there. count elements; may be NULL
 * PST_OK; PST_ERR_INVALID: count; PST_ERR_CRYPTO: a known key's line does not
 * verify; PST_ERR_NOT_FOUND: a line is missing; PST_ERR_TRAILING: one is too many,
 * twice there or at the wrong place; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_note_verify(const struct pst_note *note,
                                            const struct pst_note_verifier *keys, size_t count,
                                            enum pst_note_rule rule, uint64_t *ret_times);

#endif
