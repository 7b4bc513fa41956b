#include "postern/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* bytes comes from sodium_malloc: guard pages, canary, no swap, no dump. */
struct pst_secret {
    size_t len;
    uint8_t *bytes;
};

enum pst_err pst_secret_init(void)
{
    return sodium_init() < 0 ? PST_ERR_INTERNAL : PST_OK;
}

enum pst_err pst_secret_new(size_t len, struct pst_secret **ret_secret)
{
    if (len == 0)
        return PST_ERR_INVALID;
    if (len > PST_SECRET_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    struct pst_secret *secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return PST_ERR_NOMEM;
    secret->bytes = sodium_malloc(len);
    if (secret->bytes == NULL) {
        free(secret);
        return PST_ERR_NOMEM;
    }
    memset(secret->bytes, 0, len);
    secret->len = len;
    *ret_secret = secret;
    return PST_OK;
}

enum pst_err pst_secret_random(size_t len, struct pst_secret **ret_secret)
{
    enum pst_err r = pst_secret_new(len, ret_secret);
    if (r == PST_OK)
        randombytes_buf((*ret_secret)->bytes, len);
    return r;
}

enum pst_err pst_secret_take(void *bytes, size_t len, struct pst_secret **ret_secret)
{
    enum pst_err r = pst_secret_new(len, ret_secret);
    if (r == PST_OK)
        memcpy((*ret_secret)->bytes, bytes, len);
    sodium_memzero(bytes, len);
    return r;
}

enum pst_err pst_secret_copy(const struct pst_secret *secret, struct pst_secret **ret_secret)
{
    enum pst_err r = pst_secret_new(secret->len, ret_secret);
    if (r == PST_OK)
        memcpy((*ret_secret)->bytes, secret->bytes, secret->len);
    return r;
}

void pst_secret_free(struct pst_secret **secret)
{
    if (secret == NULL || *secret == NULL)
        return;
    sodium_free((*secret)->bytes);
    free(*secret);
    *secret = NULL;
}

const uint8_t *pst_secret_bytes(const struct pst_secret *secret)
{
    return secret->bytes;
}

uint8_t *pst_secret_mut(struct pst_secret *secret)
{
    return secret->bytes;
}

size_t pst_secret_len(const struct pst_secret *secret)
{
    return secret->len;
}

bool pst_secret_equal(const struct pst_secret *a, const struct pst_secret *b)
{
    return a->len == b->len && sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}
