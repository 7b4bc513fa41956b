#include "server/door/limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A power of two; at the usual limits chains stay short. */
#define BUCKETS ((size_t)4096)

/* Burst of new connections that an address may open at once, as seconds of its rate. */
#define BURST_S 10

#define MILLI 1000

struct entry {
    struct entry *next;
    uint64_t address; /* IPv4, or the /64 of IPv6 */
    uint8_t family;
    size_t count;
    int64_t tokens; /* thousandths of a connection */
    int64_t filled_ms;
};

struct pst_door_limits {
    pthread_mutex_t lock;
    uint64_t seed; /* so that nobody can choose addresses that share a chain */
    size_t total;
    size_t total_max;
    size_t per_address_max;
    int64_t rate;
    struct entry *buckets[BUCKETS];
};

enum pst_err pst_door_limits_new(const struct pst_door_settings *settings,
                                 struct pst_door_limits **ret_limits)
{
    struct pst_door_limits *limits = calloc(1, sizeof *limits);
    if (limits == NULL)
        return PST_ERR_NOMEM;
    if (getrandom(&limits->seed, sizeof limits->seed, 0) != (ssize_t)sizeof limits->seed) {
        free(limits);
        return PST_ERR_INTERNAL;
    }
    (void)pthread_mutex_init(&limits->lock, NULL);
    pst_door_limits_change(limits, settings);
    *ret_limits = limits;
    return PST_OK;
}

void pst_door_limits_change(struct pst_door_limits *limits,
                            const struct pst_door_settings *settings)
{
    (void)pthread_mutex_lock(&limits->lock);
    limits->total_max = settings->connections_max;
    limits->per_address_max = settings->connections_per_address;
    limits->rate = settings->new_per_address_per_s;
    (void)pthread_mutex_unlock(&limits->lock);
}

void pst_door_limits_free(struct pst_door_limits **limits)
{
    if (limits == NULL || *limits == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while ((*limits)->buckets[i] != NULL) {
            struct entry *entry = (*limits)->buckets[i];
            (*limits)->buckets[i] = entry->next;
            free(entry);
        }
    }
    (void)pthread_mutex_destroy(&(*limits)->lock);
    free(*limits);
    *limits = NULL;
}

static uint64_t address_of(const struct pst_peer *peer)
{
    uint64_t address = 0;
    memcpy(&address, peer->address, sizeof address);
    return address;
}

static struct entry **bucket_of(struct pst_door_limits *limits, uint64_t address)
{
    uint64_t mixed = (address ^ limits->seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 29) ^ limits->seed) * UINT64_C(0xbf58476d1ce4e5b9);
    return &limits->buckets[(mixed >> 40) & (BUCKETS - 1)];
}

static void refill(const struct pst_door_limits *limits, struct entry *entry, int64_t now_ms)
{
    int64_t full = limits->rate * BURST_S * MILLI;
    int64_t passed_ms = now_ms - entry->filled_ms;
    entry->filled_ms = now_ms;
    if (passed_ms <= 0)
        return;
    bool long_ago = passed_ms >= (int64_t)BURST_S * MILLI;
    entry->tokens = long_ago ? full : entry->tokens + passed_ms * limits->rate;
    if (entry->tokens > full)
        entry->tokens = full;
}

/* Finds the address; forgets, on the way, those that say nothing any more. */
static struct entry *find(struct pst_door_limits *limits, const struct pst_peer *peer,
                          int64_t now_ms)
{
    uint64_t address = address_of(peer);
    struct entry **at = bucket_of(limits, address);
    while (*at != NULL) {
        struct entry *entry = *at;
        if (entry->address == address && entry->family == peer->family)
            return entry;
        if (entry->count == 0 && now_ms - entry->filled_ms > (int64_t)BURST_S * MILLI) {
            *at = entry->next;
            free(entry);
        } else {
            at = &entry->next;
        }
    }
    return NULL;
}

static struct entry *find_or_add(struct pst_door_limits *limits, const struct pst_peer *peer,
                                 int64_t now_ms)
{
    struct entry *entry = find(limits, peer, now_ms);
    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    struct entry **bucket = bucket_of(limits, address_of(peer));
    *entry = (struct entry){.next = *bucket,
                            .address = address_of(peer),
                            .family = peer->family,
                            .tokens = limits->rate * BURST_S * MILLI,
                            .filled_ms = now_ms};
    *bucket = entry;
    return entry;
}

static enum pst_err enter(struct pst_door_limits *limits, const struct pst_peer *peer,
                          int64_t now_ms)
{
    if (limits->total >= limits->total_max)
        return PST_ERR_BUSY;
    struct entry *entry = find_or_add(limits, peer, now_ms);
    if (entry == NULL)
        return PST_ERR_NOMEM;
    refill(limits, entry, now_ms);
    if (entry->count >= limits->per_address_max || entry->tokens < MILLI)
        return PST_ERR_BUSY;
    entry->tokens -= MILLI;
    entry->count++;
    limits->total++;
    return PST_OK;
}

enum pst_err pst_door_limits_enter(struct pst_door_limits *limits, const struct pst_peer *peer,
                                   int64_t now_ms)
{
    (void)pthread_mutex_lock(&limits->lock);
    enum pst_err r = enter(limits, peer, now_ms);
    (void)pthread_mutex_unlock(&limits->lock);
    return r;
}

void pst_door_limits_leave(struct pst_door_limits *limits, const struct pst_peer *peer)
{
    (void)pthread_mutex_lock(&limits->lock);
    struct entry *entry = *bucket_of(limits, address_of(peer));
    while (entry != NULL && (entry->address != address_of(peer) || entry->family != peer->family))
        entry = entry->next;
    if (entry != NULL && entry->count > 0) {
        entry->count--;
        limits->total--;
    }
    (void)pthread_mutex_unlock(&limits->lock);
}

size_t pst_door_limits_count(struct pst_door_limits *limits)
{
    (void)pthread_mutex_lock(&limits->lock);
    size_t total = limits->total;
    (void)pthread_mutex_unlock(&limits->lock);
    return total;
}
