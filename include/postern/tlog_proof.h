/*
 * Proofs that something is in a ledger (c2sp.org/tlog-proof@v1), as text:
 *
 *     c2sp.org/tlog-proof@v1\n
 *     extra <base64>\n            where there is any
 *     index <decimal>\n
 *     <hash, base64>\n            inclusion proof, none or more, from the leaf up
 *     \n
 *     <checkpoint>                a signed note, to the end
 *
 * What they prove of an event of ours is receipt.h's. Any thread.
 */
#ifndef POSTERN_TLOG_PROOF_H
#define POSTERN_TLOG_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/merkle.h"
#include "postern/note.h"

/* An event's line, with room: nothing else of ours stands there. */
#define PST_TLOG_PROOF_EXTRA_MAX_BYTES ((size_t)8 * 1024)
/* The note, the extra data as base64, 64 hashes of 45 characters. */
#define PST_TLOG_PROOF_MAX_BYTES (PST_NOTE_MAX_BYTES + (size_t)16 * 1024)

struct pst_tlog_proof {
    struct pst_buf extra; /* owned; empty: there is none */
    uint64_t index;       /* less than PST_MERKLE_SIZE_MAX */
    struct pst_merkle_proof path;
    struct pst_bytes checkpoint; /* borrowed: the signed note, not looked at yet */
};

/*
 * Take a proof apart, strictly: everything has one spelling. Nothing is
 * verified.
 *   bytes      borrowed as long as the proof is used
 *   ret_proof  release with pst_tlog_proof_free
 *   ret_line   on PST_ERR_SYNTAX and PST_ERR_TOO_LONG the line that is wrong,
 *              counted from 1; may be NULL
 * PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err
pst_tlog_proof_parse(struct pst_bytes bytes, struct pst_tlog_proof *ret_proof, size_t *ret_line);
void pst_tlog_proof_free(struct pst_tlog_proof *proof);

/*
 * Append that text.
 *   extra       may be empty
 *   checkpoint  a signed note; not verified here
 * PST_ERR_INVALID: index; PST_ERR_TOO_LONG; PST_ERR_NOMEM. On failure out is as before.
 */
PST_MUST_CHECK enum pst_err pst_tlog_proof_append(struct pst_bytes extra, uint64_t index,
                                                  const struct pst_merkle_proof *path,
                                                  struct pst_bytes checkpoint, struct pst_buf *out);

#endif
