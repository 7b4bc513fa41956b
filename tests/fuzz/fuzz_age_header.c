/*
 * age headers without a key. Whatever comes: reading whole and reading in two
 * pieces agree, a header's stanzas are all there and cover it, and no shorter
 * beginning of a header is one.
 */
#include "postern/age_header.h"

#include <string.h>

#include "fuzz.h"

static void check_stanzas(struct pst_bytes bytes, const struct pst_age_header *header)
{
    struct pst_bytes rest = pst_age_header_stanzas(bytes, header);
    struct pst_age_stanza stanza, again;
    size_t count = 0, covered = 0, length = rest.len;
    while (pst_age_stanza_next(&rest, &stanza)) {
        count++;
        covered += stanza.text.len;
        HOLDS(pst_age_stanza_arg(&stanza, 0).len > 0);
        HOLDS(pst_age_stanza_parse(stanza.text, &again) == PST_OK);
        HOLDS(again.args.ptr == stanza.args.ptr && again.body.len == stanza.body.len);
    }
    HOLDS(count == header->stanza_count && covered == length && rest.len == 0);
}

static void check_pieces(struct pst_bytes bytes, enum pst_err want, size_t split)
{
    struct pst_age_header_parser parser = {.line_at = 0};
    enum pst_err r = pst_age_header_feed(&parser, pst_bytes(bytes.ptr, split));
    if (r == PST_ERR_TRUNCATED)
        r = pst_age_header_feed(&parser, bytes);
    HOLDS(r == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_bytes bytes = pst_bytes(data, len);
    struct pst_age_header header;
    struct pst_age_stanza stanza;
    enum pst_err r = pst_age_header_inspect(bytes, &header);
    check_pieces(bytes, r, len / 2);
    if (len > 0)
        check_pieces(bytes, r, len - 1);
    if (r == PST_OK) {
        HOLDS(header.len <= len && header.mac_input < header.len);
        HOLDS(pst_age_header_inspect(pst_bytes(data, header.len - 1), &header) ==
              PST_ERR_TRUNCATED);
        HOLDS(header.scrypt_count == 0 || header.stanza_count == 1);
        check_stanzas(bytes, &header);
    }
    (void)!pst_age_stanza_parse(bytes, &stanza);
    return 0;
}
