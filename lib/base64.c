#include "postern/base64.h"

#include <sodium.h>

static enum pst_err append(struct pst_buf *out, struct pst_bytes bytes, int variant)
{
    /* sodium counts a terminator, for which a buffer always has room. */
    size_t size = sodium_base64_encoded_len(bytes.len, variant);
    uint8_t *at = NULL;
    enum pst_err r = pst_buf_extend(out, size - 1, &at);
    if (r == PST_OK)
        (void)sodium_bin2base64((char *)at, size, bytes.ptr, bytes.len, variant);
    return r;
}

/*
 * libsodium's decoder compares characters as signed int and takes some bytes
 * above 127 for letters, which would give one value many texts.
 */
static bool is_ascii(struct pst_bytes text)
{
    uint8_t any = 0;
    for (size_t i = 0; i < text.len; i++)
        any |= text.ptr[i];
    return any < 0x80;
}

static enum pst_err decode(struct pst_bytes text, struct pst_buf *out, int variant)
{
    size_t start = out->len, len = 0;
    uint8_t *at = NULL;
    if (!is_ascii(text))
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_buf_extend(out, (text.len + 3) / 4 * 3, &at);
    if (r != PST_OK)
        return r;
    int bad = sodium_base642bin(at, out->len - start, (const char *)text.ptr, text.len, NULL, &len,
                                NULL, variant);
    pst_buf_truncate(out, bad != 0 ? start : start + len);
    return bad != 0 ? PST_ERR_SYNTAX : PST_OK;
}

static enum pst_err decode_exact(struct pst_bytes text, uint8_t *ret_bytes, size_t len, int variant)
{
    size_t found = 0;
    if (!is_ascii(text))
        return PST_ERR_SYNTAX;
    int bad = sodium_base642bin(ret_bytes, len, (const char *)text.ptr, text.len, NULL, &found,
                                NULL, variant);
    return bad != 0 || found != len ? PST_ERR_SYNTAX : PST_OK;
}

enum pst_err pst_base64_append(struct pst_buf *out, struct pst_bytes bytes)
{
    return append(out, bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

enum pst_err pst_base64url_append(struct pst_buf *out, struct pst_bytes bytes)
{
    return append(out, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum pst_err pst_base64_padded_append(struct pst_buf *out, struct pst_bytes bytes)
{
    return append(out, bytes, sodium_base64_VARIANT_ORIGINAL);
}

enum pst_err pst_base64_decode(struct pst_bytes text, struct pst_buf *out)
{
    return decode(text, out, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

enum pst_err pst_base64url_decode(struct pst_bytes text, struct pst_buf *out)
{
    return decode(text, out, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum pst_err pst_base64_padded_decode(struct pst_bytes text, struct pst_buf *out)
{
    return decode(text, out, sodium_base64_VARIANT_ORIGINAL);
}

enum pst_err pst_base64_decode_exact(struct pst_bytes text, uint8_t *ret_bytes, size_t len)
{
    return decode_exact(text, ret_bytes, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

enum pst_err pst_base64url_decode_exact(struct pst_bytes text, uint8_t *ret_bytes, size_t len)
{
    return decode_exact(text, ret_bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum pst_err pst_base64_padded_decode_exact(struct pst_bytes text, uint8_t *ret_bytes, size_t len)
{
    return decode_exact(text, ret_bytes, len, sodium_base64_VARIANT_ORIGINAL);
}
