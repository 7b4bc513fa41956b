#include "postern/age_key.h"

#include <sodium.h>
#include <string.h>

#define IDENTITY_PREFIX "age-secret-key-"
#define RECIPIENT_PREFIX "age"

enum pst_err pst_age_identity_generate(const struct pst_random *random,
                                       struct pst_secret **ret_identity)
{
    struct pst_secret *identity = NULL;
    enum pst_err r = pst_secret_new(PST_AGE_KEY_BYTES, &identity);
    if (r != PST_OK)
        return r;
    pst_random_fill(random != NULL ? random : pst_random_system(), pst_secret_mut(identity),
                    PST_AGE_KEY_BYTES);
    *ret_identity = identity;
    return PST_OK;
}

enum pst_err pst_age_identity_parse(struct pst_bytes text, struct pst_secret **ret_identity)
{
    struct pst_secret *identity = NULL;
    enum pst_err r = pst_secret_new(PST_AGE_KEY_BYTES, &identity);
    if (r != PST_OK)
        return r;
    r = pst_bech32_decode_exact(text, IDENTITY_PREFIX, pst_secret_mut(identity), PST_AGE_KEY_BYTES);
    if (r == PST_OK)
        *ret_identity = identity;
    else
        pst_secret_free(&identity);
    return r;
}

enum pst_err pst_age_identity_format(const struct pst_secret *identity,
                                     struct pst_secret **ret_text)
{
    struct pst_secret *with_nul = NULL, *text = NULL;
    if (pst_secret_len(identity) != PST_AGE_KEY_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r = pst_secret_new(PST_AGE_IDENTITY_CHARS + 1, &with_nul);
    if (r == PST_OK)
        r = pst_bech32_encode(
            IDENTITY_PREFIX, pst_bytes(pst_secret_bytes(identity), PST_AGE_KEY_BYTES),
            /* upper= */ true, (char *)pst_secret_mut(with_nul), PST_AGE_IDENTITY_CHARS + 1);
    if (r == PST_OK)
        r = pst_secret_take(pst_secret_mut(with_nul), PST_AGE_IDENTITY_CHARS, &text);
    pst_secret_free(&with_nul);
    if (r == PST_OK)
        *ret_text = text;
    return r;
}

enum pst_err pst_age_identity_recipient(const struct pst_secret *identity,
                                        struct pst_age_recipient *ret_recipient)
{
    if (pst_secret_len(identity) != PST_AGE_KEY_BYTES)
        return PST_ERR_INVALID;
    if (crypto_scalarmult_base(ret_recipient->bytes, pst_secret_bytes(identity)) != 0)
        return PST_ERR_INTERNAL;
    return PST_OK;
}

/* Any scalar finds it out: a point of low order times a multiple of eight is zero. */
static bool low_order(const uint8_t point[PST_AGE_KEY_BYTES])
{
    static const uint8_t scalar[PST_AGE_KEY_BYTES] = {8};
    uint8_t product[PST_AGE_KEY_BYTES];
    return crypto_scalarmult(product, scalar, point) != 0;
}

enum pst_err pst_age_recipient_parse(struct pst_bytes text, struct pst_age_recipient *ret_recipient)
{
    struct pst_age_recipient recipient;
    enum pst_err r =
        pst_bech32_decode_exact(text, RECIPIENT_PREFIX, recipient.bytes, PST_AGE_KEY_BYTES);
    if (r != PST_OK)
        return r;
    if (low_order(recipient.bytes))
        return PST_ERR_INVALID;
    *ret_recipient = recipient;
    return PST_OK;
}

void pst_age_recipient_format(const struct pst_age_recipient *recipient,
                              char ret_text[PST_AGE_RECIPIENT_CHARS + 1])
{
    enum pst_err r =
        pst_bech32_encode(RECIPIENT_PREFIX, pst_bytes(recipient->bytes, PST_AGE_KEY_BYTES),
                          /* upper= */ false, ret_text, PST_AGE_RECIPIENT_CHARS + 1);
    if (r != PST_OK)
        ret_text[0] = 0; /* not reached: prefix and length are constants that fit */
}

bool pst_age_recipient_equal(const struct pst_age_recipient *a, const struct pst_age_recipient *b)
{
    return memcmp(a->bytes, b->bytes, PST_AGE_KEY_BYTES) == 0;
}

/* The line at the front of rest without its end, and rest after it. */
static struct pst_bytes next_line(struct pst_bytes *rest)
{
    const uint8_t *feed = memchr(rest->ptr, '\n', rest->len);
    size_t len = feed == NULL ? rest->len : (size_t)(feed - rest->ptr);
    size_t used = feed == NULL ? len : len + 1;
    struct pst_bytes line = pst_bytes(rest->ptr, len);
    *rest = pst_bytes(rest->ptr + used, rest->len - used);
    if (feed != NULL && line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static enum pst_err identities_add(struct pst_age_identities *identities, struct pst_bytes line)
{
    if (line.len == 0 || line.ptr[0] == '#')
        return PST_OK;
    if (identities->count == PST_AGE_IDENTITIES_MAX)
        return PST_ERR_TOO_LONG;
    enum pst_err r = pst_age_identity_parse(line, &identities->items[identities->count]);
    if (r == PST_OK)
        identities->count++;
    return r;
}

enum pst_err pst_age_identities_parse(struct pst_bytes text,
                                      struct pst_age_identities *ret_identities)
{
    struct pst_age_identities identities = {.count = 0};
    enum pst_err r = PST_OK;
    while (r == PST_OK && text.len > 0)
        r = identities_add(&identities, next_line(&text));
    if (r == PST_OK && identities.count == 0)
        r = PST_ERR_SYNTAX;
    if (r == PST_OK)
        *ret_identities = identities;
    else
        pst_age_identities_free(&identities);
    return r;
}

void pst_age_identities_free(struct pst_age_identities *identities)
{
    for (size_t i = 0; i < identities->count; i++)
        pst_secret_free(&identities->items[i]);
    identities->count = 0;
}
