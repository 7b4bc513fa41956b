/*
 * Proofs, receipts and range proofs: what is read is written back to the same
 * bytes, and no receipt holds but those that the corpus's key signed.
 */
#include "postern/tlog_proof.h"

#include "fuzz.h"
#include "postern/cleanup.h"
#include "postern/range_proof.h"
#include "postern/receipt.h"

/* Of tests/conformance/ledger.py: whoever has the seed, 32 bytes of 1, can sign. */
#define KEY                                                                                        \
    "messages.clinic.example/ledger+e2255217+"                                                     \
    "AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"

static void read_proof(struct pst_bytes bytes)
{
    struct pst_tlog_proof proof;
    PST_BUF struct pst_buf out = {.max = PST_TLOG_PROOF_MAX_BYTES};
    if (pst_tlog_proof_parse(bytes, &proof, NULL) != PST_OK)
        return;
    HOLDS(proof.path.count <= PST_MERKLE_PROOF_MAX);
    HOLDS(pst_tlog_proof_append(pst_buf_bytes(&proof.extra), proof.index, &proof.path,
                                proof.checkpoint, &out) == PST_OK);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&out), bytes));
    pst_tlog_proof_free(&proof);
}

static void read_receipt(struct pst_bytes bytes)
{
    static struct pst_note_verifier key;
    struct pst_receipt receipt;
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    if (key.type == 0)
        HOLDS(pst_secret_init() == PST_OK &&
              pst_note_verifier_parse(pst_bytes_str(KEY), &key) == PST_OK);
    enum pst_receipt_flaw flaw = pst_receipt_check(bytes, &key, 1, &receipt, NULL);
    HOLDS(flaw < PST_RECEIPT__MAX && flaw != PST_RECEIPT_FAILED);
    if (flaw != PST_RECEIPT_OK)
        return;
    HOLDS(receipt.proof.index < receipt.checkpoint.size);
    HOLDS(pst_event_write(&receipt.event, &line) == PST_OK);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&line), pst_buf_bytes(&receipt.proof.extra)));
    pst_receipt_free(&receipt);
}

static void read_range(struct pst_bytes bytes)
{
    struct pst_range_proof proof;
    PST_BUF struct pst_buf out = {.max = PST_RANGE_PROOF_MAX_BYTES};
    if (pst_range_proof_parse(bytes, &proof, NULL) != PST_OK)
        return;
    HOLDS(pst_range_proof_append(&proof, &out) == PST_OK);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&out), bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_proof(pst_bytes(data, len));
    read_receipt(pst_bytes(data, len));
    read_range(pst_bytes(data, len));
    return 0;
}
