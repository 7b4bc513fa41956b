/*
 * Receipts: proofs (tlog_proof.h) that one event is in a practice's ledger. The
 * extra data is the event's line; the leaf is that line. They can be checked
 * years later with the ledger's verifier key alone, without the server.
 *
 * A receipt is wanted exactly as it was given out: no signature line but the
 * ledger's and those of the witnesses that the caller names. Any thread; no
 * clock, no input or output.
 */
#ifndef POSTERN_RECEIPT_H
#define POSTERN_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "postern/checkpoint.h"
#include "postern/event.h"
#include "postern/note.h"
#include "postern/tlog_proof.h"

/* What is wrong with a receipt; PST_RECEIPT_OK is 0. In the order of checking. */
enum pst_receipt_flaw {
    PST_RECEIPT_OK,
    PST_RECEIPT_FAILED,     /* out of memory, or an argument out of range */
    PST_RECEIPT_PROOF,      /* a line of the proof is malformed */
    PST_RECEIPT_NOTE,       /* what follows is no signed note */
    PST_RECEIPT_SIGNATURE,  /* a signature does not verify */
    PST_RECEIPT_UNSIGNED,   /* the ledger's signature or a witness's is missing */
    PST_RECEIPT_SURPLUS,    /* a signature line that is not wanted there */
    PST_RECEIPT_CHECKPOINT, /* what is signed is no checkpoint */
    PST_RECEIPT_ORIGIN,     /* it is of another ledger than the key */
    PST_RECEIPT_INDEX,      /* the index is not below the tree's size */
    PST_RECEIPT_PATH,       /* event, index and hashes do not lead to the signed root */
    PST_RECEIPT_EVENT,      /* what is in the ledger there is no event of this version */
    PST_RECEIPT__MAX
};

/* A plain clause for people ("… is …"), static; never NULL. */
const char *pst_receipt_flaw_text(enum pst_receipt_flaw flaw);

struct pst_receipt {
    struct pst_tlog_proof proof; /* owned */
    struct pst_checkpoint checkpoint;
    struct pst_event event;
    uint64_t times[PST_NOTE_SIGNATURES_MAX]; /* as pst_note_verify gives them */
};

/*
 * Check a receipt.
 *   bytes        the file, borrowed as long as the receipt is used
 *   keys, count  keys[0] the ledger's, PST_NOTE_ED25519; then those of witnesses
 *   ret_receipt  on PST_RECEIPT_OK; release with pst_receipt_free
 *   ret_line     on PST_RECEIPT_PROOF the line, counted from 1; may be NULL
 */
enum pst_receipt_flaw pst_receipt_check(struct pst_bytes bytes,
                                        const struct pst_note_verifier *keys, size_t count,
                                        struct pst_receipt *ret_receipt, size_t *ret_line);
void pst_receipt_free(struct pst_receipt *receipt);

/*
 * Make one: append the receipt of an event's line.
 *   line        borrowed; as pst_event_write gives it
 *   source      of the tree that the checkpoint is of
 *   checkpoint  the signed note
 * PST_OK; PST_ERR_INVALID: index not below size; PST_ERR_SYNTAX: no
 * checkpoint; PST_ERR_CRYPTO: the tree is not the checkpoint's or the line not
 * that leaf, so that nobody is given a receipt that proves nothing;
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM; the source's. On failure out is as before.
 */
PST_MUST_CHECK enum pst_err pst_receipt_append(struct pst_bytes line, uint64_t index,
                                               const struct pst_merkle_source *source,
                                               struct pst_bytes checkpoint, struct pst_buf *out);

#endif
