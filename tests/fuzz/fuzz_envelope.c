/*
 * Envelopes. Reading the head whole and byte by byte agree; a head that was
 * read writes back to the same header line; and the checker says the same of an
 * envelope however it is cut into pieces.
 */
#include "postern/envelope.h"

#include <string.h>

#include "fuzz.h"
#include "postern/cleanup.h"

static void check_head(struct pst_bytes bytes)
{
    struct pst_envelope_head head;
    struct pst_envelope_head again;
    PST_BUF struct pst_buf line = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    enum pst_err r = pst_envelope_head_parse(bytes, &head);
    if (r != PST_OK)
        return;
    HOLDS(head.len <= bytes.len && head.signed_len < head.len);
    for (size_t cut = 0; cut < head.len; cut++)
        HOLDS(pst_envelope_head_parse(pst_bytes(bytes.ptr, cut), &again) == PST_ERR_TRUNCATED);
    HOLDS(pst_envelope_header_write(&head.header, &line) == PST_OK);
    size_t first = strlen("postern.sealed/1\n");
    HOLDS(pst_bytes_equal(pst_buf_bytes(&line),
                          pst_bytes(bytes.ptr + first, head.signed_len - first - 1)));
}

static enum pst_envelope_flaw check_pieces(struct pst_bytes bytes, size_t piece,
                                           struct pst_envelope_facts *ret_facts)
{
    struct pst_envelope_check *check = NULL;
    HOLDS(pst_envelope_check_new(&check) == PST_OK);
    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        if (pst_envelope_check_update(check, pst_bytes(bytes.ptr + at, len)) != PST_ENVELOPE_OK)
            break;
    }
    enum pst_envelope_flaw flaw = pst_envelope_check_finish(check, ret_facts);
    pst_envelope_check_free(&check);
    return flaw;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_bytes bytes = pst_bytes(data, len);
    struct pst_envelope_facts whole = {0};
    struct pst_envelope_facts pieces = {0};
    check_head(bytes);
    enum pst_envelope_flaw flaw = check_pieces(bytes, len > 0 ? len : 1, &whole);
    HOLDS((check_pieces(bytes, 13, &pieces) == PST_ENVELOPE_OK) == (flaw == PST_ENVELOPE_OK));
    if (flaw == PST_ENVELOPE_OK)
        HOLDS(whole.size == len && memcmp(&whole, &pieces, sizeof whole) == 0);
    return 0;
}
