#include "postern/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* bytes comes from sodium_malloc: guard pages, canary, no swap, no dump. */
struct pst_secret {
    size_t len;
    uint8_t *bytes;
};

/*
 * Guarded memory of short keys, wiped, for the next of the same length. Making
 * and unmaking it takes eight system calls that stop the process's other
 * threads; a server that unwraps a key for each message would do little else.
 */
#define KEPT_MAX 32
#define KEPT_LEN_MAX 64

static struct {
    pthread_mutex_t lock;
    struct pst_secret secrets[KEPT_MAX];
    size_t count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* NULL: none of this length; each has its end at its guard page. */
static uint8_t *kept_take(size_t len)
{
    uint8_t *bytes = NULL;
    (void)pthread_mutex_lock(&kept.lock);
    for (size_t i = kept.count; i > 0 && bytes == NULL; i--) {
        if (kept.secrets[i - 1].len != len)
            continue;
        bytes = kept.secrets[i - 1].bytes;
        kept.secrets[i - 1] = kept.secrets[--kept.count];
    }
    (void)pthread_mutex_unlock(&kept.lock);
    return bytes;
}

/* Taken on true. */
static bool kept_put(const struct pst_secret *secret)
{
    if (secret->len > KEPT_LEN_MAX)
        return false;
    sodium_memzero(secret->bytes, secret->len);
    (void)pthread_mutex_lock(&kept.lock);
    bool room = kept.count < KEPT_MAX;
    if (room)
        kept.secrets[kept.count++] = *secret;
    (void)pthread_mutex_unlock(&kept.lock);
    return room;
}

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
    secret->bytes = kept_take(len);
    if (secret->bytes == NULL)
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
    if (!kept_put(*secret))
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
