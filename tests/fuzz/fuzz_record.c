/*
 * Signed records. What parses stands byte for byte in what it gives back, has
 * the body of its own kind alone, and builds again, unsigned kinds excepted,
 * with the same first two lines.
 */
#include "postern/record.h"

#include "fuzz.h"
#include "postern/cleanup.h"

static const void *body_of(const struct pst_record *record)
{
    const void *bodies[] = {
        [PST_RECORD_INVITATION] = pst_record_invitation(record),
        [PST_RECORD_STATEMENT] = pst_record_statement(record),
        [PST_RECORD_RECORDS] = pst_record_records_key(record),
        [PST_RECORD_ROSTER] = pst_record_roster(record),
        [PST_RECORD_GRANT] = pst_record_grant(record),
        [PST_RECORD_OPENED] = pst_record_acknowledgement(record),
        [PST_RECORD_RETRACTION] = pst_record_acknowledgement(record),
        [PST_RECORD_CONSENT] = pst_record_consent(record),
    };
    enum pst_record_kind kind = pst_record_kind(record);
    for (size_t i = 0; i < PST_RECORD__MAX; i++) {
        bool both_acknowledge = (i == PST_RECORD_OPENED || i == PST_RECORD_RETRACTION) &&
                                (kind == PST_RECORD_OPENED || kind == PST_RECORD_RETRACTION);
        HOLDS((bodies[i] != NULL) == (i == (size_t)kind || both_acknowledge));
    }
    return bodies[kind];
}

static void build_again(const struct pst_record *record)
{
    static struct pst_signer *signer;
    if (signer == NULL)
        HOLDS(pst_secret_init() == PST_OK && pst_signer_new(NULL, &signer) == PST_OK);
    const struct pst_signer *signers[] = {signer};
    PST_BUF struct pst_buf out = {.max = 2 * PST_RECORD_MAX_BYTES};
    struct pst_bytes lines = pst_record_signed_text(record);
    enum pst_err r = pst_record_build(pst_record_kind(record), pst_record_origin(record),
                                      pst_record_at_ms(record), body_of(record), signers, 1, &out);
    /* One signature longer than it came, it may have outgrown the limit. */
    HOLDS(r == PST_OK || r == PST_ERR_TOO_LONG || lines.len + 200 > PST_RECORD_MAX_BYTES);
    if (r == PST_OK)
        HOLDS(pst_bytes_equal(pst_bytes(out.bytes, lines.len), lines));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_record *record = NULL;
    if (pst_record_parse(pst_bytes(data, len), &record) != PST_OK)
        return 0;
    HOLDS(pst_bytes_equal(pst_record_text(record), pst_bytes(data, len)));
    HOLDS(pst_record_signature_count(record) <= PST_RECORD_SIGNATURES_MAX);
    build_again(record);
    pst_record_free(&record);
    return 0;
}
