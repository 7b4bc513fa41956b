#include "server/web/strangers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/events.h"
#include "server/store/store.h"
#include "server/vault/fields.h"

struct stranger {
    const char *code;
    uint8_t address[PST_VAULT_HASH_BYTES];
    int64_t minute;
    int64_t count;
};

struct pst_strangers {
    struct pst_store *store;
    const struct pst_vault *vault;
    pthread_mutex_t lock;
    struct stranger counts[PST_STRANGERS_MAX];
    size_t len;
    /* A copy that the flush works on, so that counting goes on meanwhile. */
    struct stranger flushing[PST_STRANGERS_MAX];
    size_t flushing_len;
};

enum pst_err pst_strangers_new(struct pst_store *store, const struct pst_vault *vault,
                               struct pst_strangers **ret_strangers)
{
    struct pst_strangers *strangers = calloc(1, sizeof *strangers);
    if (strangers == NULL)
        return PST_ERR_NOMEM;
    strangers->store = store;
    strangers->vault = vault;
    (void)pthread_mutex_init(&strangers->lock, NULL);
    *ret_strangers = strangers;
    return PST_OK;
}

void pst_strangers_free(struct pst_strangers **strangers)
{
    if (*strangers == NULL)
        return;
    (void)pthread_mutex_destroy(&(*strangers)->lock);
    free(*strangers);
    *strangers = NULL;
}

enum pst_err pst_peer_index(const struct pst_vault *vault, const struct pst_peer *peer,
                            uint8_t *ret_index)
{
    uint8_t address[1 + sizeof peer->address];
    address[0] = peer->family;
    memcpy(address + 1, peer->address, sizeof peer->address);
    /* One customer of a provider has a /64 of IPv6 at least. */
    if (peer->family == 6)
        memset(address + 1 + 8, 0, 8);
    return pst_vault_index(vault, PST_INDEX_NETWORK, pst_bytes(address, sizeof address), ret_index);
}

static void count(struct pst_strangers *strangers, const struct stranger *add)
{
    struct stranger *at = strangers->counts;
    struct stranger *end = at + strangers->len;
    while (at < end && (strcmp(at->code, add->code) != 0 || at->minute != add->minute ||
                        memcmp(at->address, add->address, sizeof at->address) != 0))
        at++;
    if (at < end) {
        at->count += add->count;
    } else if (strangers->len < PST_STRANGERS_MAX) {
        *at = *add;
        strangers->len++;
    } else {
        strangers->counts[PST_STRANGERS_MAX - 1].count += add->count;
    }
}

void pst_strangers_add(struct pst_strangers *strangers, const char *code,
                       const struct pst_peer *peer, int64_t minute, int64_t times)
{
    struct stranger add = {.code = code, .minute = minute, .count = times};
    if (pst_peer_index(strangers->vault, peer, add.address) != PST_OK)
        return;
    (void)pthread_mutex_lock(&strangers->lock);
    if (strangers->len >= PST_STRANGERS_MAX - 1)
        memset(add.address, 0, sizeof add.address);
    count(strangers, &add);
    (void)pthread_mutex_unlock(&strangers->lock);
}

static enum pst_err write_counts(struct pst_tx *tx, void *ctx)
{
    struct pst_strangers *strangers = ctx;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < strangers->flushing_len; i++) {
        const struct stranger *at = &strangers->flushing[i];
        r = pst_stranger_count(tx, at->code, pst_bytes(at->address, sizeof at->address), at->minute,
                               at->count);
    }
    return r;
}

enum pst_err pst_strangers_flush(struct pst_strangers *strangers)
{
    (void)pthread_mutex_lock(&strangers->lock);
    memcpy(strangers->flushing, strangers->counts, strangers->len * sizeof strangers->counts[0]);
    strangers->flushing_len = strangers->len;
    strangers->len = 0;
    (void)pthread_mutex_unlock(&strangers->lock);
    if (strangers->flushing_len == 0)
        return PST_OK;
    return pst_store_write(strangers->store, write_counts, strangers);
}
