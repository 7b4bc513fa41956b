#include "postern/receipt.h"

#include "postern/merkle.h"

static const char *const flaw_texts[PST_RECEIPT__MAX] = {
    [PST_RECEIPT_OK] = "it is genuine",
    [PST_RECEIPT_FAILED] = "it could not be checked for want of memory",
    [PST_RECEIPT_PROOF] = "a line of it is malformed",
    [PST_RECEIPT_NOTE] = "its checkpoint is no signed note",
    [PST_RECEIPT_SIGNATURE] = "a signature of its checkpoint does not verify",
    [PST_RECEIPT_UNSIGNED] = "a signature that its checkpoint must have is missing",
    [PST_RECEIPT_SURPLUS] =
        "one of its signature lines is by none of the keys, repeated or misplaced",
    [PST_RECEIPT_CHECKPOINT] = "what is signed in it is no checkpoint",
    [PST_RECEIPT_ORIGIN] = "its checkpoint is of another ledger than the key",
    [PST_RECEIPT_INDEX] = "its index is not below the size of the ledger",
    [PST_RECEIPT_PATH] = "its event, index and hashes do not lead to the root that is signed",
    [PST_RECEIPT_EVENT] = "what is in the ledger there is no event that this version knows",
};

const char *pst_receipt_flaw_text(enum pst_receipt_flaw flaw)
{
    return flaw_texts[(unsigned)flaw < PST_RECEIPT__MAX ? flaw : PST_RECEIPT_FAILED];
}

/* flaw, unless what went wrong is not the receipt's fault. */
static enum pst_receipt_flaw flaw_of(enum pst_err r, enum pst_receipt_flaw flaw)
{
    switch (r) {
    case PST_OK:
        return PST_RECEIPT_OK;
    case PST_ERR_NOMEM:
    case PST_ERR_INTERNAL:
        return PST_RECEIPT_FAILED;
    default:
        return flaw;
    }
}

static enum pst_receipt_flaw signatures_flaw(enum pst_err r)
{
    switch (r) {
    case PST_ERR_NOT_FOUND:
        return PST_RECEIPT_UNSIGNED;
    case PST_ERR_TRAILING:
        return PST_RECEIPT_SURPLUS;
    case PST_ERR_INVALID: /* how many keys there are is the caller's */
        return PST_RECEIPT_FAILED;
    default:
        return flaw_of(r, PST_RECEIPT_SIGNATURE);
    }
}

static enum pst_receipt_flaw check_note(struct pst_receipt *receipt,
                                        const struct pst_note_verifier *keys, size_t count)
{
    struct pst_note note;
    enum pst_err r = pst_note_parse(receipt->proof.checkpoint, &note);
    if (r != PST_OK)
        return flaw_of(r, PST_RECEIPT_NOTE);
    r = pst_note_verify(&note, keys, count, PST_NOTE_EXACT, receipt->times);
    if (r != PST_OK)
        return signatures_flaw(r);
    r = pst_checkpoint_parse(note.text, &receipt->checkpoint);
    if (r != PST_OK)
        return flaw_of(r, PST_RECEIPT_CHECKPOINT);
    return pst_bytes_equal(receipt->checkpoint.origin, pst_bytes_str(keys[0].name))
               ? PST_RECEIPT_OK
               : PST_RECEIPT_ORIGIN;
}

static enum pst_receipt_flaw check_leaf(struct pst_receipt *receipt)
{
    struct pst_sha256 leaf;
    const struct pst_tlog_proof *proof = &receipt->proof;
    struct pst_bytes line = pst_buf_bytes(&proof->extra);
    if (proof->index >= receipt->checkpoint.size)
        return PST_RECEIPT_INDEX;
    enum pst_err r = pst_merkle_leaf(line, &leaf);
    if (r == PST_OK)
        r = pst_merkle_inclusion_check(&proof->path, proof->index, receipt->checkpoint.size, &leaf,
                                       &receipt->checkpoint.root);
    if (r != PST_OK)
        return flaw_of(r, PST_RECEIPT_PATH);
    return flaw_of(pst_event_parse(line, &receipt->event), PST_RECEIPT_EVENT);
}

enum pst_receipt_flaw pst_receipt_check(struct pst_bytes bytes,
                                        const struct pst_note_verifier *keys, size_t count,
                                        struct pst_receipt *ret_receipt, size_t *ret_line)
{
    struct pst_receipt receipt = {.times = {0}};
    enum pst_err r = pst_tlog_proof_parse(bytes, &receipt.proof, ret_line);
    if (r != PST_OK)
        return flaw_of(r, PST_RECEIPT_PROOF);
    enum pst_receipt_flaw flaw = check_note(&receipt, keys, count);
    if (flaw == PST_RECEIPT_OK)
        flaw = check_leaf(&receipt);
    if (flaw == PST_RECEIPT_OK)
        *ret_receipt = receipt;
    else
        pst_receipt_free(&receipt);
    return flaw;
}

void pst_receipt_free(struct pst_receipt *receipt)
{
    pst_tlog_proof_free(&receipt->proof);
}

enum pst_err pst_receipt_append(struct pst_bytes line, uint64_t index,
                                const struct pst_merkle_source *source, struct pst_bytes checkpoint,
                                struct pst_buf *out)
{
    struct pst_note note;
    struct pst_checkpoint head;
    struct pst_merkle_proof path;
    struct pst_sha256 leaf;
    enum pst_err r = pst_note_parse(checkpoint, &note);
    if (r == PST_OK)
        r = pst_checkpoint_parse(note.text, &head);
    if (r == PST_OK)
        r = pst_merkle_inclusion(source, index, head.size, &path);
    if (r == PST_OK)
        r = pst_merkle_leaf(line, &leaf);
    if (r == PST_OK)
        r = pst_merkle_inclusion_check(&path, index, head.size, &leaf, &head.root);
    return r == PST_OK ? pst_tlog_proof_append(line, index, &path, checkpoint, out) : r;
}
