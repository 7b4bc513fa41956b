/*
 * Shares of the records key (formats.md "Records share"), by libgfshare:
 *
 *     postern.share/1\n
 *     K N NUMBER\n               threshold, shares made, this one (1..N)
 *     <records key id>\n         base64url
 *     <share bytes>\n            32 bytes, base64url
 *     <checksum>\n               first 8 bytes of SHA-256 of the lines above
 *
 * K shares give the 32-byte identity back; K-1 tell nothing. For custodians'
 * machines alone. Splitting sets libgfshare's process-wide random source for as
 * long as it takes: one thread at a time in the whole process.
 */
#ifndef POSTERN_SHARE_H
#define POSTERN_SHARE_H

#include <stddef.h>

#include "postern/buf.h"
#include "postern/random.h"
#include "postern/secret.h"
#include "postern/sign.h"

#define PST_SHARES_MIN 2
/* Share numbers are the non-zero bytes. */
#define PST_SHARES_MAX 255
#define PST_SHARE_TEXT_MAX_BYTES 256

/* What reading or combining shares found; PST_SHARE_OK is 0. */
enum pst_share_problem {
    PST_SHARE_OK,
    PST_SHARE_FAILED,    /* out of memory, or an argument out of range */
    PST_SHARE_NOT_SHARE, /* this is no share at all, or of another version */
    PST_SHARE_DAMAGED,   /* a share, but its checksum or spelling is off: typed or stored badly */
    PST_SHARE_MIXED,     /* shares of different keys or of different splittings */
    PST_SHARE_REPEATED,  /* the same share twice */
    PST_SHARE_TOO_FEW,   /* fewer than the threshold */
    PST_SHARE_WRONG,     /* they combine, but not to the key they name */
    PST_SHARE__MAX
};

/* A plain sentence for people, static. */
const char *pst_share_problem_text(enum pst_share_problem problem);

/*
 * Split a key.
 *   identity   32 bytes, the raw X25519 secret
 *   count      N shares, threshold K: 2 <= K <= N <= PST_SHARES_MAX
 *   random     NULL: the system's
 *   ret_texts  count pointers; each is given, a NUL-terminated text in guarded memory
 * PST_ERR_INVALID; PST_ERR_NOMEM: nothing is given then.
 */
PST_MUST_CHECK enum pst_err pst_share_split(const struct pst_secret *identity, size_t count,
                                            size_t threshold, const struct pst_random *random,
                                            struct pst_secret **ret_texts);

/* Facts of one share's text, without its bytes. */
struct pst_share_facts {
    size_t threshold;
    size_t count;
    size_t number;
    struct pst_key_id key;
};

enum pst_share_problem pst_share_read(struct pst_bytes text, struct pst_share_facts *ret_facts);

/*
 * Combine: at least K texts, in any order.
 *   texts      borrowed
 *   ret_which  on a problem with one share, its index; may be NULL
 *   ret_need   on PST_SHARE_TOO_FEW, how many it takes; may be NULL
 *   ret_identity  given, 32 bytes, checked against the key id
 */
enum pst_share_problem pst_share_combine(const struct pst_bytes *texts, size_t count,
                                         struct pst_secret **ret_identity, size_t *ret_which,
                                         size_t *ret_need);

#endif
