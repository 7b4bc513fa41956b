/*
 * Armor: whole and in pieces agree, and what was read, written again and read
 * again is the same.
 */
#include "postern/age_armor.h"

#include "fuzz.h"

#define OUT_MAX ((size_t)2 * 1024 * 1024)

static enum pst_err dearmor(struct pst_bytes text, size_t piece, struct pst_buf *out)
{
    struct pst_age_dearmorer dearmorer = {.out = pst_sink_buf(out)};
    enum pst_err r = PST_OK;
    for (size_t at = 0; r == PST_OK && at < text.len; at += piece)
        r = pst_age_dearmorer_update(
            &dearmorer, pst_bytes(text.ptr + at, text.len - at < piece ? text.len - at : piece));
    return r == PST_OK ? pst_age_dearmorer_finish(&dearmorer) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct pst_buf whole = {.max = OUT_MAX}, pieces = {.max = OUT_MAX}, text = {.max = OUT_MAX};
    enum pst_err r = dearmor(pst_bytes(bytes, len), len + 1, &whole);
    HOLDS(dearmor(pst_bytes(bytes, len), 5, &pieces) == r);
    if (r == PST_OK) {
        struct pst_age_armorer armorer = {.out = pst_sink_buf(&text)};
        HOLDS(pst_bytes_equal(pst_buf_bytes(&whole), pst_buf_bytes(&pieces)));
        HOLDS(pst_age_armorer_update(&armorer, pst_buf_bytes(&whole)) == PST_OK);
        HOLDS(pst_age_armorer_finish(&armorer) == PST_OK);
        pst_buf_clear(&pieces);
        HOLDS(dearmor(pst_buf_bytes(&text), text.len, &pieces) == PST_OK);
        HOLDS(pst_bytes_equal(pst_buf_bytes(&whole), pst_buf_bytes(&pieces)));
    }
    pst_buf_free(&whole);
    pst_buf_free(&pieces);
    pst_buf_free(&text);
    return 0;
}
