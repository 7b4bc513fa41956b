#include "postern/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

/*
 * Ids, salts and nonces are a few bytes each, and a message takes six of them:
 * each thread fetches bytes for a number of them at once. What was handed out is
 * wiped, so that nothing in memory tells it later. Secrets never come from here.
 */
#define POOL_BYTES ((size_t)512)
/* Longer ones are worth a call of their own. */
#define POOLED_MAX_BYTES ((size_t)64)

static _Thread_local struct {
    uint8_t bytes[POOL_BYTES];
    size_t left; /* at the end */
} pool;

/* A forked child must not hand out what its parent will. */
static void forget(void)
{
    sodium_memzero(pool.bytes, sizeof pool.bytes);
    pool.left = 0;
}

static pthread_once_t watch_forks_once = PTHREAD_ONCE_INIT;
static int not_watched = -1;

static void watch_forks(void)
{
    not_watched = pthread_atfork(NULL, NULL, forget);
}

static void pool_fill(void *ret_bytes, size_t len)
{
    (void)pthread_once(&watch_forks_once, watch_forks);
    if (len > POOLED_MAX_BYTES || not_watched != 0) {
        randombytes_buf(ret_bytes, len);
        return;
    }
    if (pool.left < len) {
        randombytes_buf(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    uint8_t *at = pool.bytes + sizeof pool.bytes - pool.left;
    memcpy(ret_bytes, at, len);
    sodium_memzero(at, len);
    pool.left -= len;
}

static void system_fill(void *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    randombytes_buf(ret_bytes, len);
}

static const struct pst_random system_random = {.fill = system_fill};

const struct pst_random *pst_random_system(void)
{
    return &system_random;
}

void pst_random_fill(const struct pst_random *random, void *ret_bytes, size_t len)
{
    if (random == NULL)
        random = &system_random;
    random->fill(random->ctx, ret_bytes, len);
}

void pst_random_public(const struct pst_random *random, void *ret_bytes, size_t len)
{
    if (random == NULL || random == &system_random)
        pool_fill(ret_bytes, len);
    else
        random->fill(random->ctx, ret_bytes, len);
}
