/*
 * JSON of any kind. Whatever parses and can be written canonically reads back
 * from that text, which is canonical; and a text is canonical exactly when
 * writing what it says gives the same bytes.
 */
#include "postern/json.h"

#include "fuzz.h"
#include "postern/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_bytes text = pst_bytes(data, len);
    PST_JSON json_t *json = NULL;
    PST_JSON json_t *again = NULL;
    PST_BUF struct pst_buf out = {.max = 16 * PST_JSON_MAX_BYTES};
    enum pst_err canonical = pst_json_canonical_check(text, PST_JSON_MAX_BYTES);
    if (pst_json_parse(text, PST_JSON_MAX_BYTES, &json) != PST_OK) {
        HOLDS(canonical != PST_OK);
        return 0;
    }
    if (pst_json_write_canonical(json, &out) != PST_OK) {
        HOLDS(canonical != PST_OK && out.len == 0);
        return 0;
    }
    HOLDS((canonical == PST_OK) == pst_bytes_equal(pst_buf_bytes(&out), text));
    HOLDS(pst_json_parse_canonical(pst_buf_bytes(&out), out.len, &again) == PST_OK);
    HOLDS(json_equal(json, again));
    return 0;
}
