#include "server/web/live.h"

#include <stdlib.h>

#include "server/config/config.h"

static struct pst_live_config *entry_new(const struct pst_config *config, struct pst_config *owned)
{
    struct pst_live_config *entry = calloc(1, sizeof *entry);
    if (entry != NULL)
        *entry = (struct pst_live_config){.config = config, .owned = owned, .users = 1};
    return entry;
}

static void entry_free(struct pst_live_config *entry)
{
    if (entry == NULL)
        return;
    pst_config_free(&entry->owned);
    free(entry);
}

enum pst_err pst_live_init(struct pst_live *live, const struct pst_config *first)
{
    live->current = entry_new(first, NULL);
    if (live->current == NULL)
        return PST_ERR_NOMEM;
    (void)pthread_mutex_init(&live->lock, NULL);
    return PST_OK;
}

void pst_live_clear(struct pst_live *live)
{
    if (live->current == NULL)
        return;
    entry_free(live->current);
    live->current = NULL;
    (void)pthread_mutex_destroy(&live->lock);
}

struct pst_live_config *pst_live_take(struct pst_live *live)
{
    (void)pthread_mutex_lock(&live->lock);
    struct pst_live_config *entry = live->current;
    entry->users++;
    (void)pthread_mutex_unlock(&live->lock);
    return entry;
}

void pst_live_put(struct pst_live *live, struct pst_live_config **config)
{
    struct pst_live_config *entry = *config;
    *config = NULL;
    if (entry == NULL)
        return;
    (void)pthread_mutex_lock(&live->lock);
    bool last = --entry->users == 0;
    (void)pthread_mutex_unlock(&live->lock);
    if (last)
        entry_free(entry);
}

enum pst_err pst_live_change(struct pst_live *live, struct pst_config **config)
{
    struct pst_live_config *next = entry_new(*config, *config);
    if (next == NULL)
        return PST_ERR_NOMEM;
    *config = NULL;
    (void)pthread_mutex_lock(&live->lock);
    struct pst_live_config *before = live->current;
    live->current = next;
    (void)pthread_mutex_unlock(&live->lock);
    pst_live_put(live, &before);
    return PST_OK;
}
