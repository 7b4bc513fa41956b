/*
 * Sealed envelopes (sealed-message.md "The envelope"):
 *
 *     postern.sealed/1\n
 *     <header: canonical JSON>\n
 *     ed25519 <key id> <signature>\n       over the first two lines
 *     <age file, to the end>
 *
 * The head is the first three lines. Here: read and write the head, sign it and
 * verify it; and a checker that takes a whole envelope in pieces of any size at
 * constant memory and says whether it really is sealed. Opening is age.h's
 * business; comparing the inner mail headers is the reading client's.
 */
#ifndef POSTERN_ENVELOPE_H
#define POSTERN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/record.h"
#include "postern/sign.h"
#include "postern/uuid.h"

#define PST_ENVELOPE_MEDIA_TYPE "application/vnd.postern.sealed"
/* interfaces.md: 25 MiB of attachments in base64, and their mail headers. */
#define PST_ENVELOPE_MAX_BYTES ((uint64_t)36 * 1024 * 1024)
/* Every stanza costs work: a room of 64, and everybody's key once. */
#define PST_ENVELOPE_TO_MAX 64
#define PST_ENVELOPE_KEYS_MAX 64
#define PST_ENVELOPE_ATTACHMENTS_MAX 20
/* The three lines: a header with both sets full is under 6 KiB. */
#define PST_ENVELOPE_HEAD_MAX_BYTES ((size_t)8192)

struct pst_envelope_header {
    char origin[PST_ORIGIN_MAX_BYTES + 1];
    struct pst_uuid id;
    struct pst_uuid thread;
    struct pst_uuid from;
    struct pst_uuid to[PST_ENVELOPE_TO_MAX]; /* sorted, at least one */
    size_t to_count;
    struct pst_key_id keys[PST_ENVELOPE_KEYS_MAX]; /* sorted as texts, at least one */
    size_t keys_count;
    int64_t sent_ms;
    enum pst_category category;
    int64_t attachments; /* 0..PST_ENVELOPE_ATTACHMENTS_MAX is not enforced here: too-large */
    int64_t images;      /* at most attachments */
    struct pst_uuid replyto;
    bool has_replyto;
    enum pst_via via;
    uint64_t size;            /* of the age file, bytes */
    struct pst_sha256 sha256; /* of the age file */
};

/* What the first three lines say. */
struct pst_envelope_head {
    struct pst_envelope_header header;
    struct pst_key_id signer;
    struct pst_signature signature;
    size_t signed_len; /* bytes of the first two lines */
    size_t len;        /* bytes of all three: the age file begins here */
};

/*
 * The header's line (without line feed) to struct and back. Strict: canonical,
 * all members, no others, sets sorted, id, thread and replyto of version 7.
 * parse: PST_OK; PST_ERR_SYNTAX; PST_ERR_NOT_CANONICAL; PST_ERR_TOO_LONG;
 * PST_ERR_NOMEM. write appends; it sorts nothing and refuses what parse would
 * (PST_ERR_INVALID).
 */
PST_MUST_CHECK enum pst_err pst_envelope_header_parse(struct pst_bytes line,
                                                      struct pst_envelope_header *ret_header);
PST_MUST_CHECK enum pst_err pst_envelope_header_write(const struct pst_envelope_header *header,
                                                      struct pst_buf *out);

/* Sort to and keys as the header wants them, dropping repeats. */
void pst_envelope_header_sort(struct pst_envelope_header *header);

/*
 * Parse the head from the beginning of an envelope.
 *   bytes  what there is so far, borrowed
 * Returns PST_OK; PST_ERR_TRUNCATED: need more bytes, all so far may be the
 * beginning of an envelope; else malformed, whatever follows: PST_ERR_SYNTAX,
 * PST_ERR_NOT_CANONICAL, PST_ERR_UNSUPPORTED, PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_envelope_head_parse(struct pst_bytes bytes,
                                                    struct pst_envelope_head *ret_head);

/*
 * Verify the signature by this key.
 *   bytes  the same beginning that was parsed, at least head->signed_len long
 * PST_OK; PST_ERR_NO_KEY when the line names another key; PST_ERR_CRYPTO.
 */
PST_MUST_CHECK enum pst_err pst_envelope_verify(const struct pst_envelope_head *head,
                                                struct pst_bytes bytes,
                                                const struct pst_sign_public *public_key);

/* Append the three lines, signed; the age file follows. As pst_envelope_header_write. */
PST_MUST_CHECK enum pst_err pst_envelope_sign(const struct pst_envelope_header *header,
                                              const struct pst_signer *signer, struct pst_buf *out);

/* Why an envelope is not what it says. The first that applies. */
enum pst_envelope_flaw {
    PST_ENVELOPE_OK,
    PST_ENVELOPE_HEAD,      /* the three lines are malformed */
    PST_ENVELOPE_TOO_LARGE, /* header.size or the real size beyond PST_ENVELOPE_MAX_BYTES */
    PST_ENVELOPE_AGE,       /* the age header is malformed, or has a stanza that is not X25519 */
    PST_ENVELOPE_STANZAS,   /* not as many stanzas as keys */
    PST_ENVELOPE_PLAIN,     /* the payload looks like something readable */
    PST_ENVELOPE_LENGTH,    /* not a possible length of a payload, or not header.size */
    PST_ENVELOPE_SHA256,    /* not header.sha256 */
    PST_ENVELOPE_FAILED,    /* could not check: out of memory */
    PST_ENVELOPE__MAX
};

/* A plain phrase for people, static, without anything from the envelope. */
const char *pst_envelope_flaw_text(enum pst_envelope_flaw flaw);

/*
 * The checker. Feed it an envelope from its first byte; it keeps the head and
 * the age header (both bounded) and no more. One thread at a time.
 */
struct pst_envelope_check;

PST_MUST_CHECK enum pst_err pst_envelope_check_new(struct pst_envelope_check **ret_check);
void pst_envelope_check_free(struct pst_envelope_check **check);

/* Further bytes. Once it has answered a flaw it goes on answering it. */
PST_MUST_CHECK enum pst_envelope_flaw pst_envelope_check_update(struct pst_envelope_check *check,
                                                                struct pst_bytes bytes);

/* The head as soon as its three lines were fed, and their bytes; else NULL, empty. Borrowed. */
const struct pst_envelope_head *pst_envelope_check_head(const struct pst_envelope_check *check);
struct pst_bytes pst_envelope_check_head_bytes(const struct pst_envelope_check *check);

/* The age header's bytes, up to and with the line feed of its MAC line, once fed; else empty. */
struct pst_bytes pst_envelope_check_age_header(const struct pst_envelope_check *check);

struct pst_envelope_facts {
    struct pst_sha256 sha256;     /* of the whole envelope */
    struct pst_sha256 age_sha256; /* of the age file, as header.sha256 */
    uint64_t size;                /* of the whole envelope */
    size_t age_header_len;
};

/* All was fed. PST_ENVELOPE_OK fills ret_facts. Not the signature: pst_envelope_verify. */
PST_MUST_CHECK enum pst_envelope_flaw
pst_envelope_check_finish(struct pst_envelope_check *check, struct pst_envelope_facts *ret_facts);

/*
 * Whether the beginning of a payload looks like plaintext: its first
 * PST_PLAIN_LOOK_BYTES are valid UTF-8 (a character cut at the end allowed), or
 * begin with one of the file signatures of lib/plain.c. Random bytes do so less
 * often than once in 2^40 times.
 */
#define PST_PLAIN_LOOK_BYTES ((size_t)64)
bool pst_looks_plain(struct pst_bytes payload);

#endif
