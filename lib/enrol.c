#include "postern/enrol.h"

#include <stdio.h>
#include <string.h>

#include "postern/kdf.h"

#define LINK_SCHEME "https://"
#define LINK_PATH "/enrol#"
/* Blanks and hyphens people may put between the characters. */
#define TYPED_MAX_BYTES 128

static const char base32_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

enum pst_err pst_code_new(const struct pst_random *random, struct pst_secret **ret_code)
{
    enum pst_err r = pst_secret_new(PST_CODE_BYTES, ret_code);
    if (r == PST_OK)
        pst_random_fill(random, pst_secret_mut(*ret_code), PST_CODE_BYTES);
    return r;
}

static int base32_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

/* 26 characters of 5 bits are 128 and two left over, which must be zero. */
static enum pst_err base32_decode(const char *text, uint8_t *ret_bytes)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t count = 0;
    for (size_t i = 0; i < PST_CODE_TEXT_LEN; i++) {
        int value = base32_value(text[i]);
        if (value < 0)
            return PST_ERR_SYNTAX;
        bits = (bits << 5 | (uint32_t)value) & 0xfff;
        have += 5;
        if (have >= 8) {
            have -= 8;
            ret_bytes[count++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1U << have) - 1)) == 0 ? PST_OK : PST_ERR_SYNTAX;
}

enum pst_err pst_code_parse(const char *text, size_t text_len, struct pst_secret **ret_code)
{
    struct pst_secret *code = NULL;
    if (text_len != PST_CODE_TEXT_LEN)
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_secret_new(PST_CODE_BYTES, &code);
    if (r == PST_OK)
        r = base32_decode(text, pst_secret_mut(code));
    if (r == PST_OK)
        *ret_code = code;
    else
        pst_secret_free(&code);
    return r;
}

enum pst_err pst_code_parse_typed(const char *text, size_t text_len, struct pst_secret **ret_code)
{
    struct pst_secret *plain = NULL;
    size_t len = 0;
    if (text_len > TYPED_MAX_BYTES)
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_secret_new(TYPED_MAX_BYTES, &plain);
    if (r != PST_OK)
        return r;
    char *at = (char *)pst_secret_mut(plain);
    for (size_t i = 0; i < text_len; i++) {
        char c = text[i];
        if (c == ' ' || c == '-')
            continue;
        at[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    r = pst_code_parse(at, len, ret_code);
    pst_secret_free(&plain);
    return r;
}

/* ret_text: PST_CODE_TEXT_LEN characters. */
static void base32_encode(const uint8_t *bytes, char *ret_text)
{
    for (size_t i = 0; i < PST_CODE_TEXT_LEN; i++) {
        size_t bit = i * 5;
        uint32_t two = (uint32_t)bytes[bit / 8] << 8;
        if (bit / 8 + 1 < PST_CODE_BYTES)
            two |= bytes[bit / 8 + 1];
        ret_text[i] = base32_alphabet[two >> (11 - bit % 8) & 0x1f];
    }
}

enum pst_err pst_code_format(const struct pst_secret *code, struct pst_secret **ret_text)
{
    if (pst_secret_len(code) != PST_CODE_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r = pst_secret_new(PST_CODE_TEXT_LEN + 1, ret_text);
    if (r == PST_OK)
        base32_encode(pst_secret_bytes(code), (char *)pst_secret_mut(*ret_text));
    return r;
}

enum pst_err pst_enrol_signer(const struct pst_secret *code, struct pst_signer **ret_signer)
{
    struct pst_secret *seed = NULL;
    if (pst_secret_len(code) != PST_CODE_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r =
        pst_hkdf_sha256(pst_bytes(pst_secret_bytes(code), PST_CODE_BYTES), pst_bytes(NULL, 0),
                        "postern/1 enrol", PST_SIGN_SEED_BYTES, &seed);
    if (r == PST_OK)
        r = pst_signer_from_seed(seed, ret_signer);
    pst_secret_free(&seed);
    return r;
}

/* A DNS name, an IPv4 address or a bracketed IPv6 address, and perhaps a port. */
static bool is_host(struct pst_bytes host)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    if (host.len == 0 || host.len > PST_LINK_HOST_MAX_BYTES)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == 0 || strchr(good, host.ptr[i]) == NULL)
            return false;
    }
    return true;
}

/* Takes what stands before the text end off the front of rest. */
static bool take_until(struct pst_bytes *rest, const char *end, struct pst_bytes *ret_part)
{
    const uint8_t *at = memmem(rest->ptr, rest->len, end, strlen(end));
    if (at == NULL)
        return false;
    size_t len = (size_t)(at - rest->ptr);
    *ret_part = pst_bytes(rest->ptr, len);
    *rest = pst_bytes(at + strlen(end), rest->len - len - strlen(end));
    return true;
}

static enum pst_err parse_root(struct pst_bytes text, struct pst_enrol_link *link)
{
    if (pst_bytes_equal(text, pst_bytes_str("-")))
        return PST_OK;
    link->has_root = true;
    return pst_key_id_parse((const char *)text.ptr, text.len, &link->root);
}

enum pst_err pst_enrol_link_parse(const char *text, size_t text_len,
                                  struct pst_enrol_link *ret_link)
{
    struct pst_enrol_link link = {0};
    struct pst_bytes rest = pst_bytes(text, text_len);
    struct pst_bytes scheme = {0};
    struct pst_bytes host = {0};
    struct pst_bytes id = {0};
    struct pst_bytes code = {0};
    if (text_len > PST_LINK_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    if (!take_until(&rest, LINK_SCHEME, &scheme) || scheme.len != 0 ||
        !take_until(&rest, LINK_PATH, &host) || !is_host(host) || !take_until(&rest, ".", &id) ||
        !take_until(&rest, ".", &code))
        return PST_ERR_SYNTAX;
    memcpy(link.host, host.ptr, host.len);
    enum pst_err r = pst_uuid_parse((const char *)id.ptr, id.len, &link.invitation);
    if (r == PST_OK)
        r = parse_root(rest, &link);
    if (r == PST_OK)
        r = pst_code_parse((const char *)code.ptr, code.len, &link.code);
    if (r == PST_OK)
        *ret_link = link;
    return r;
}

enum pst_err pst_enrol_link_format(const struct pst_enrol_link *link, struct pst_secret **ret_text)
{
    char id[PST_UUID_TEXT_SIZE];
    char root[PST_KEY_ID_TEXT_SIZE] = "-";
    struct pst_secret *code = NULL;
    struct pst_secret *text = NULL;
    if (!is_host(pst_bytes_str(link->host)))
        return PST_ERR_INVALID;
    pst_uuid_format(&link->invitation, id);
    if (link->has_root)
        pst_key_id_format(&link->root, root);
    size_t size = strlen(LINK_SCHEME) + strlen(link->host) + strlen(LINK_PATH) + strlen(id) +
                  strlen(".") + PST_CODE_TEXT_LEN + strlen(".") + strlen(root) + 1;
    enum pst_err r = pst_code_format(link->code, &code);
    if (r == PST_OK)
        r = pst_secret_new(size, &text);
    if (r == PST_OK) {
        (void)snprintf((char *)pst_secret_mut(text), size, LINK_SCHEME "%s" LINK_PATH "%s.%s.%s",
                       link->host, id, (const char *)pst_secret_bytes(code), root);
        *ret_text = text;
    }
    pst_secret_free(&code);
    return r;
}

void pst_enrol_link_free(struct pst_enrol_link *link)
{
    pst_secret_free(&link->code);
}
