#include "server/vault/normal.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "postern/cleanup.h"

/* Folding can lengthen a text, at most so much. */
#define FOLDED_MAX_BYTES ((size_t)PST_NORMAL_MAX_BYTES * 8)

/* Characters no address of ours has: they end or begin other things in mail headers. */
#define NOT_IN_ADDRESSES "<>()[]{},;:\\\"|'`"

static enum pst_err fold(struct pst_bytes text, size_t max, uint8_t **ret_folded, size_t *ret_len)
{
    if (text.len == 0)
        return PST_ERR_INVALID;
    if (text.len > max)
        return PST_ERR_TOO_LONG;
    if (u8_check(text.ptr, text.len) != NULL)
        return PST_ERR_INVALID;
    size_t len = 0;
    uint8_t *folded = u8_casefold(text.ptr, text.len, NULL, UNINORM_NFKC, NULL, &len);
    if (folded == NULL)
        return PST_ERR_NOMEM;
    if (len > FOLDED_MAX_BYTES) {
        free(folded);
        return PST_ERR_TOO_LONG;
    }
    *ret_folded = folded;
    *ret_len = len;
    return PST_OK;
}

/* One character at at; its length in bytes. */
static size_t character(const uint8_t *at, const uint8_t *end, ucs4_t *ret_character)
{
    int len = u8_mbtouc(ret_character, at, (size_t)(end - at));
    return len > 0 ? (size_t)len : 1;
}

static enum pst_err squeeze(const uint8_t *at, const uint8_t *end, struct pst_buf *out)
{
    bool space = false, any = false;
    enum pst_err r = PST_OK;
    while (r == PST_OK && at < end) {
        ucs4_t c = 0;
        size_t len = character(at, end, &c);
        if (uc_is_cntrl(c))
            return PST_ERR_INVALID;
        if (uc_is_space(c)) {
            space = any;
        } else {
            if (space)
                r = pst_buf_append_byte(out, ' ');
            if (r == PST_OK)
                r = pst_buf_append(out, at, len);
            space = false;
            any = true;
        }
        at += len;
    }
    return r != PST_OK ? r : any ? PST_OK : PST_ERR_INVALID;
}

/* Runs on, and leaves out as it was should that fail. */
static enum pst_err keep_or_undo(enum pst_err r, struct pst_buf *out, size_t start)
{
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}

enum pst_err pst_normal_name(struct pst_bytes text, struct pst_buf *out)
{
    PST_FREE uint8_t *folded = NULL;
    size_t len = 0, start = out->len;
    enum pst_err r = fold(text, PST_NORMAL_NAME_MAX_BYTES, &folded, &len);
    if (r == PST_OK)
        r = squeeze(folded, folded + len, out);
    return keep_or_undo(r, out, start);
}

/* No white space, nothing that does not show, none of the characters in not. */
static bool is_plain(const uint8_t *at, const uint8_t *end, const char * not )
{
    while (at < end) {
        ucs4_t c = 0;
        size_t len = character(at, end, &c);
        if (uc_is_cntrl(c) || uc_is_space(c) || (c < 0x80 && strchr(not, (int)c) != NULL))
            return false;
        at += len;
    }
    return true;
}

/* Two labels at least, none empty, none with a hyphen at an end. */
static bool is_domain(const uint8_t *at, const uint8_t *end)
{
    size_t labels = 0;
    while (at <= end) {
        const uint8_t *dot = memchr(at, '.', (size_t)(end - at));
        const uint8_t *stop = dot != NULL ? dot : end;
        if (stop == at || *at == '-' || stop[-1] == '-')
            return false;
        for (const uint8_t *c = at; c < stop; c++) {
            bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-';
            if (*c < 0x80 && !plain)
                return false;
        }
        labels++;
        at = stop + 1;
    }
    return labels >= 2;
}

static bool is_email(const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;
    const uint8_t *sign = memchr(at, '@', len);
    return sign != NULL && sign > at && memchr(sign + 1, '@', (size_t)(end - sign - 1)) == NULL &&
           is_plain(at, end, NOT_IN_ADDRESSES) && *at != '.' && sign[-1] != '.' &&
           is_domain(sign + 1, end);
}

enum pst_err pst_normal_email(struct pst_bytes text, struct pst_buf *out)
{
    PST_FREE uint8_t *folded = NULL;
    size_t len = 0;
    enum pst_err r = fold(text, PST_EMAIL_MAX_BYTES, &folded, &len);
    if (r != PST_OK)
        return r;
    return is_email(folded, len) ? pst_buf_append(out, folded, len) : PST_ERR_INVALID;
}

enum pst_err pst_normal_login(struct pst_bytes text, struct pst_buf *out)
{
    PST_FREE uint8_t *folded = NULL;
    size_t len = 0;
    enum pst_err r = fold(text, PST_LOGIN_MAX_BYTES, &folded, &len);
    if (r != PST_OK)
        return r;
    return is_plain(folded, folded + len, "") ? pst_buf_append(out, folded, len) : PST_ERR_INVALID;
}

enum pst_err pst_normal_phone(struct pst_bytes text, struct pst_buf *out)
{
    char digits[PST_PHONE_DIGITS_MAX + 1];
    size_t count = 0;
    if (text.len > PST_NORMAL_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    if (text.len == 0 || text.ptr[0] != '+')
        return PST_ERR_INVALID;
    digits[0] = '+';
    for (size_t i = 1; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= '0' && c <= '9') {
            if (count == PST_PHONE_DIGITS_MAX)
                return PST_ERR_INVALID;
            digits[++count] = (char)c;
        } else if (strchr(" .-()", c) == NULL || c == '\0') {
            return PST_ERR_INVALID;
        }
    }
    /* Country codes begin with 1 to 9. */
    if (count < PST_PHONE_DIGITS_MIN || digits[1] == '0')
        return PST_ERR_INVALID;
    return pst_buf_append(out, digits, count + 1);
}
