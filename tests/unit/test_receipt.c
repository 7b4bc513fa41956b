/* Receipts: made, checked, and changed in every bit. */
#include "postern/receipt.h"

#include "ledger_fixture.h"
#include "unit.h"

#define SIZE 5
#define INDEX 2

static struct pst_note_signer ledger;
static struct pst_note_signer witness;
static struct pst_note_verifier keys[2];
static struct pst_buf line;
static struct pst_buf head;
static struct pst_buf receipt_text;

static void setup(void)
{
    line.max = PST_EVENT_MAX_BYTES;
    head.max = PST_NOTE_MAX_BYTES;
    receipt_text.max = PST_TLOG_PROOF_MAX_BYTES;
    PST_BUF struct pst_buf text = {.max = PST_CHECKPOINT_TEXT_MAX_BYTES};
    fixture_signer(FIXTURE_NAME, PST_NOTE_ED25519, 1, &ledger);
    fixture_signer(FIXTURE_WITNESS, PST_NOTE_COSIGNATURE, 2, &witness);
    keys[0] = ledger.verifier;
    keys[1] = witness.verifier;
    fixture_event(INDEX, SIZE, &line);
    fixture_checkpoint(FIXTURE_NAME, SIZE, &text);
    ck_assert_int_eq(pst_note_sign(&ledger, pst_buf_bytes(&text), &head), PST_OK);
    ck_assert_int_eq(
        pst_note_signature_append(&witness, pst_buf_bytes(&text), FIXTURE_TIME_S, &head), PST_OK);
    ck_assert_int_eq(pst_receipt_append(pst_buf_bytes(&line), INDEX, &fixture_source,
                                        pst_buf_bytes(&head), &receipt_text),
                     PST_OK);
}

static void teardown(void)
{
    pst_note_signer_free(&ledger);
    pst_note_signer_free(&witness);
    pst_buf_free(&line);
    pst_buf_free(&head);
    pst_buf_free(&receipt_text);
}

static enum pst_receipt_flaw flaw_in(struct pst_bytes bytes, size_t count)
{
    struct pst_receipt receipt;
    enum pst_receipt_flaw flaw = pst_receipt_check(bytes, keys, count, &receipt, NULL);
    if (flaw == PST_RECEIPT_OK)
        pst_receipt_free(&receipt);
    return flaw;
}

START_TEST(a_receipt_says_what_it_proves)
{
    struct pst_receipt receipt;
    setup();
    ck_assert_int_eq(pst_receipt_check(pst_buf_bytes(&receipt_text), keys, 2, &receipt, NULL),
                     PST_RECEIPT_OK);
    ck_assert_int_eq(receipt.event.kind, PST_EVENT_EXCHANGE);
    ck_assert_int_eq(receipt.event.at_ms, INT64_C(1764000000123));
    ck_assert_uint_eq(receipt.proof.index, INDEX);
    ck_assert_uint_eq(receipt.checkpoint.size, SIZE);
    ck_assert_uint_eq(receipt.times[1], FIXTURE_TIME_S);
    pst_receipt_free(&receipt);
    teardown();
}
END_TEST

START_TEST(no_bit_of_a_receipt_can_be_changed)
{
    setup();
    /* Exactly its length, so that a read beyond it is seen. */
    struct pst_bytes bytes = pst_buf_bytes(&receipt_text);
    uint8_t *changed = malloc(bytes.len);
    memcpy(changed, bytes.ptr, bytes.len);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        changed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum pst_receipt_flaw flaw = flaw_in(pst_bytes(changed, bytes.len), 2);
        ck_assert_msg(flaw != PST_RECEIPT_OK && flaw != PST_RECEIPT_FAILED, "bit %zu: %s", bit,
                      pst_receipt_flaw_text(flaw));
        changed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert_int_ne(flaw_in(pst_bytes(changed, len), 2), PST_RECEIPT_OK);
    ck_assert_int_eq(flaw_in(pst_bytes(changed, bytes.len), 2), PST_RECEIPT_OK);
    free(changed);
    teardown();
}
END_TEST

START_TEST(keys_that_are_not_its_own_are_refused)
{
    setup();
    struct pst_bytes bytes = pst_buf_bytes(&receipt_text);
    ck_assert_int_eq(flaw_in(bytes, 1), PST_RECEIPT_SURPLUS);
    ck_assert_int_eq(flaw_in(bytes, 0), PST_RECEIPT_FAILED);
    keys[0] = witness.verifier;
    keys[1] = ledger.verifier;
    ck_assert_int_eq(flaw_in(bytes, 2), PST_RECEIPT_SURPLUS);
    struct pst_bytes cut = pst_bytes(bytes.ptr, bytes.len);
    do /* the witness's line goes */
        cut.len--;
    while (cut.ptr[cut.len - 1] != '\n');
    keys[0] = ledger.verifier;
    keys[1] = witness.verifier;
    ck_assert_int_eq(flaw_in(cut, 2), PST_RECEIPT_UNSIGNED);
    ck_assert_int_eq(flaw_in(cut, 1), PST_RECEIPT_OK);
    teardown();
}
END_TEST

/* A receipt whose signature holds, over text of one's own choice. */
static enum pst_receipt_flaw flaw_of_signed(const char *text, struct pst_bytes extra,
                                            uint64_t index, const struct pst_merkle_proof *path)
{
    PST_BUF struct pst_buf note = {.max = PST_NOTE_MAX_BYTES};
    PST_BUF struct pst_buf bytes = {.max = PST_TLOG_PROOF_MAX_BYTES};
    ck_assert_int_eq(pst_note_sign(&ledger, pst_bytes_str(text), &note), PST_OK);
    ck_assert_int_eq(pst_tlog_proof_append(extra, index, path, pst_buf_bytes(&note), &bytes),
                     PST_OK);
    return flaw_in(pst_buf_bytes(&bytes), 1);
}

START_TEST(each_flaw_has_its_name)
{
    struct pst_merkle_proof path;
    PST_BUF struct pst_buf text = {.max = 1024};
    PST_BUF struct pst_buf other = {.max = 1024};
    setup();
    struct pst_bytes event = pst_buf_bytes(&line);
    fixture_checkpoint(FIXTURE_NAME, SIZE, &text);
    fixture_checkpoint("other.example/ledger", SIZE, &other);
    ck_assert_int_eq(pst_merkle_inclusion(&fixture_source, INDEX, SIZE, &path), PST_OK);
    const char *signed_text = pst_buf_str(&text);
    ck_assert_int_eq(flaw_of_signed(signed_text, event, INDEX, &path), PST_RECEIPT_OK);
    ck_assert_int_eq(flaw_of_signed("no checkpoint\n", event, INDEX, &path),
                     PST_RECEIPT_CHECKPOINT);
    ck_assert_int_eq(flaw_of_signed(pst_buf_str(&other), event, INDEX, &path), PST_RECEIPT_ORIGIN);
    ck_assert_int_eq(flaw_of_signed(signed_text, event, SIZE, &path), PST_RECEIPT_INDEX);
    ck_assert_int_eq(flaw_of_signed(signed_text, event, INDEX + 1, &path), PST_RECEIPT_PATH);
    ck_assert_int_eq(flaw_of_signed(signed_text, pst_bytes_str("x"), INDEX, &path),
                     PST_RECEIPT_PATH);
    /* "leaf 1" is in this ledger, and is no event. */
    ck_assert_int_eq(pst_merkle_inclusion(&fixture_source, 1, SIZE, &path), PST_OK);
    ck_assert_int_eq(flaw_of_signed(signed_text, pst_bytes_str("leaf 1"), 1, &path),
                     PST_RECEIPT_EVENT);
    ck_assert_int_eq(flaw_in(pst_bytes_str("c2sp.org/tlog-proof@v1\nindex 0\n\nx\n"), 1),
                     PST_RECEIPT_NOTE);
    ck_assert_int_eq(flaw_in(pst_bytes_str("x"), 1), PST_RECEIPT_PROOF);
    for (unsigned i = 0; i <= PST_RECEIPT__MAX; i++)
        ck_assert_str_ne(pst_receipt_flaw_text((enum pst_receipt_flaw)i), "");
    teardown();
}
END_TEST

START_TEST(nobody_is_given_a_receipt_that_proves_nothing)
{
    PST_BUF struct pst_buf out = {.max = PST_TLOG_PROOF_MAX_BYTES};
    setup();
    struct pst_bytes event = pst_buf_bytes(&line);
    const struct pst_merkle_source *source = &fixture_source;
    struct pst_bytes note = pst_buf_bytes(&head);
    ck_assert_int_eq(pst_receipt_append(event, INDEX + 1, source, note, &out), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_receipt_append(event, SIZE, source, note, &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_receipt_append(pst_bytes_str("x"), INDEX, source, note, &out),
                     PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_receipt_append(event, INDEX, source, pst_bytes_str("x\n"), &out),
                     PST_ERR_SYNTAX);
    fixture_leaves[0].bytes[0] ^= 1; /* the store was changed after signing */
    ck_assert_int_eq(pst_receipt_append(event, INDEX, source, note, &out), PST_ERR_CRYPTO);
    ck_assert_uint_eq(out.len, 0);
    teardown();
}
END_TEST

PST_UNIT_MAIN("receipt", a_receipt_says_what_it_proves, no_bit_of_a_receipt_can_be_changed,
              keys_that_are_not_its_own_are_refused, each_flaw_has_its_name,
              nobody_is_given_a_receipt_that_proves_nothing)
