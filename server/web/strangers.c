#include "server/web/strangers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/event.h"
#include "postern/time.h"
#include "server/store/events.h"
#include "server/store/store.h"
#include "server/vault/fields.h"

/* Events written in one transaction: other writers wait for it. */
#define EVENTS_AT_ONCE 256

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
    /* Of minutes before this one all events are written, as far as is known. */
    int64_t told_minute;
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

static enum pst_err write_counts(struct pst_tx *tx, const struct pst_strangers *strangers)
{
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < strangers->flushing_len; i++) {
        const struct stranger *at = &strangers->flushing[i];
        r = pst_stranger_count(tx, at->code, pst_bytes(at->address, sizeof at->address), at->minute,
                               at->count);
    }
    return r;
}

static enum pst_err write_event(struct pst_tx *tx, const struct pst_stranger *stranger,
                                int64_t now_ms)
{
    struct pst_event event;
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    pst_event_init(&event, PST_EVENT_STRANGER, now_ms, NULL);
    event.has =
        PST_EVENT_HAS_CODE | PST_EVENT_HAS_ADDRESS | PST_EVENT_HAS_MINUTE | PST_EVENT_HAS_COUNT;
    memcpy(event.code, stranger->code, sizeof stranger->code);
    memcpy(event.address, stranger->address_index, sizeof event.address);
    event.minute_ms = stranger->minute * PST_MINUTE_MS;
    event.count = stranger->count;
    enum pst_err r = pst_event_write(&event, &line);
    return r == PST_OK ? pst_event_insert(tx, &event.id, pst_buf_str(&line)) : r;
}
_Static_assert(PST_STRANGER_CODE_SIZE <= PST_EVENT_CODE_MAX_BYTES + 1, "codes fit into events");

struct telling {
    const struct pst_strangers *strangers;
    int64_t now_ms;
    int64_t before_minute;
    size_t told;
};

/* What was counted goes in first, so that a minute's event has all of it. */
static enum pst_err tell(struct pst_tx *tx, void *ctx)
{
    struct telling *telling = ctx;
    struct pst_stranger over[EVENTS_AT_ONCE];
    enum pst_err r = write_counts(tx, telling->strangers);
    telling->told = 0;
    if (r == PST_OK)
        r = pst_stranger_take(tx, telling->before_minute, over, EVENTS_AT_ONCE, &telling->told);
    for (size_t i = 0; r == PST_OK && i < telling->told; i++)
        r = write_event(tx, &over[i], telling->now_ms);
    return r;
}

/* Moves what was counted to where it is written from, unless something waits there still. */
static void counts_move(struct pst_strangers *strangers)
{
    if (strangers->flushing_len > 0)
        return;
    (void)pthread_mutex_lock(&strangers->lock);
    memcpy(strangers->flushing, strangers->counts, strangers->len * sizeof strangers->counts[0]);
    strangers->flushing_len = strangers->len;
    strangers->len = 0;
    (void)pthread_mutex_unlock(&strangers->lock);
}

enum pst_err pst_strangers_flush(struct pst_strangers *strangers, int64_t now_ms)
{
    struct telling telling = {
        .strangers = strangers,
        .now_ms = now_ms,
        .before_minute = (now_ms - PST_STRANGERS_LATE_MS) / PST_MINUTE_MS,
    };
    counts_move(strangers);
    if (strangers->flushing_len == 0 && telling.before_minute <= strangers->told_minute)
        return PST_OK;
    enum pst_err r = pst_store_write(strangers->store, tell, &telling);
    if (r != PST_OK)
        return r;
    strangers->flushing_len = 0;
    /* A full turn may have left some: the next one goes on. */
    if (telling.told < EVENTS_AT_ONCE)
        strangers->told_minute = telling.before_minute;
    return PST_OK;
}
