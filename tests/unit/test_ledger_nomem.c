/*
 * Each allocation of notes, checkpoints, proofs and receipts fails in turn: out
 * of memory is what comes back, nothing leaks, nothing is half written.
 * Hashing allocates within OpenSSL, which is not made to fail here.
 */
#include "failing.h"
#include "ledger_fixture.h"
#include "postern/range_proof.h"
#include "unit.h"

#define SIZE 5
#define INDEX 2

static struct pst_note_signer ledger;
static struct pst_note_signer witness;
static struct pst_note_verifier keys[2];
static struct pst_sha256 root;
static struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};

static void setup(void)
{
    fixture_signer(FIXTURE_NAME, PST_NOTE_ED25519, 1, &ledger);
    fixture_signer(FIXTURE_WITNESS, PST_NOTE_COSIGNATURE, 2, &witness);
    keys[0] = ledger.verifier;
    keys[1] = witness.verifier;
    fixture_event(INDEX, SIZE, &line);
    root = fixture_root(SIZE);
}

static void teardown(void)
{
    pst_note_signer_free(&ledger);
    pst_note_signer_free(&witness);
    pst_buf_free(&line);
}

static void try_each(enum pst_err (*step)(void))
{
    setup();
    ck_assert_int_eq(step(), PST_OK);
    for (long nth = 0;; nth++) {
        failing_begin(nth);
        enum pst_err r = step();
        if (!failing_end()) {
            ck_assert_int_eq(r, PST_OK);
            ck_assert_int_gt(nth, 0);
            break;
        }
        ck_assert_msg(r == PST_ERR_NOMEM, "allocation %ld: %s", nth, pst_err_name(r));
    }
    teardown();
}

/* Signed by both; out stays empty where it could not be. */
static enum pst_err checkpoint_make(struct pst_buf *out)
{
    PST_BUF struct pst_buf text = {.max = PST_CHECKPOINT_TEXT_MAX_BYTES};
    struct pst_checkpoint checkpoint = {
        .origin = pst_bytes_str(FIXTURE_NAME), .size = SIZE, .root = root};
    enum pst_err r = pst_checkpoint_append(&checkpoint, &text);
    if (r != PST_OK)
        return text.len == 0 ? r : PST_ERR_TRAILING;
    r = pst_note_sign(&ledger, pst_buf_bytes(&text), out);
    if (r != PST_OK)
        return out->len == 0 ? r : PST_ERR_TRAILING;
    size_t len = out->len;
    r = pst_note_signature_append(&witness, pst_buf_bytes(&text), FIXTURE_TIME_S, out);
    return r == PST_OK || out->len == len ? r : PST_ERR_TRAILING;
}

static enum pst_err receipt_step(void)
{
    PST_BUF struct pst_buf note = {.max = PST_NOTE_MAX_BYTES};
    PST_BUF struct pst_buf text = {.max = PST_TLOG_PROOF_MAX_BYTES};
    struct pst_receipt receipt;
    enum pst_err r = checkpoint_make(&note);
    if (r != PST_OK)
        return r;
    r = pst_receipt_append(pst_buf_bytes(&line), INDEX, &fixture_source, pst_buf_bytes(&note),
                           &text);
    if (r != PST_OK)
        return text.len == 0 ? r : PST_ERR_TRAILING;
    enum pst_receipt_flaw flaw = pst_receipt_check(pst_buf_bytes(&text), keys, 2, &receipt, NULL);
    /* A receipt is not called false because there was no memory to look. */
    if (flaw != PST_RECEIPT_OK)
        return flaw == PST_RECEIPT_FAILED ? PST_ERR_NOMEM : PST_ERR_CRYPTO;
    pst_receipt_free(&receipt);
    return PST_OK;
}

static enum pst_err keys_step(void)
{
    struct pst_note_signer made;
    struct pst_note_signer again;
    struct pst_note_verifier verifier;
    struct pst_secret *text = NULL;
    PST_BUF struct pst_buf public_text = {.max = PST_NOTE_KEY_MAX_BYTES};
    enum pst_err r = pst_note_signer_new(FIXTURE_NAME, PST_NOTE_ED25519, NULL, &made);
    if (r != PST_OK)
        return r;
    r = pst_note_signer_format(&made, &text);
    if (r == PST_OK)
        r = pst_note_verifier_append(&made.verifier, &public_text);
    if (r == PST_OK)
        r = pst_note_verifier_parse(pst_buf_bytes(&public_text), &verifier);
    if (r == PST_OK)
        r = pst_note_signer_parse(pst_bytes_str((const char *)pst_secret_bytes(text)), &again);
    if (r == PST_OK)
        pst_note_signer_free(&again);
    pst_secret_free(&text);
    pst_note_signer_free(&made);
    return r;
}

static enum pst_err range_step(void)
{
    struct pst_range_proof proof;
    PST_BUF struct pst_buf text = {.max = PST_RANGE_PROOF_MAX_BYTES};
    enum pst_err r = pst_range_proof_make(&fixture_source, 1, 3, SIZE, &proof);
    if (r == PST_OK)
        r = pst_range_proof_append(&proof, &text);
    return r == PST_OK || text.len == 0 ? r : PST_ERR_TRAILING;
}

#define EACH(name)                                                                                 \
    START_TEST(each_allocation_of_##name)                                                          \
    {                                                                                              \
        try_each(name##_step);                                                                     \
    }                                                                                              \
    END_TEST

EACH(receipt)
EACH(keys)
EACH(range)

PST_UNIT_MAIN("ledger_nomem", each_allocation_of_receipt, each_allocation_of_keys,
              each_allocation_of_range)
