/*
 * The configuration in use: each request keeps the one it began with, and one
 * that was replaced goes with the last request that has it. Any thread.
 */
#ifndef POSTERN_SERVER_WEB_LIVE_H
#define POSTERN_SERVER_WEB_LIVE_H

#include <pthread.h>
#include <stddef.h>

#include "postern/err.h"

struct pst_config;

struct pst_live_config {
    const struct pst_config *config;
    struct pst_config *owned; /* NULL: the first, which the role keeps */
    size_t users;             /* under the lock of struct pst_live */
};

struct pst_live {
    pthread_mutex_t lock;
    struct pst_live_config *current;
};

/* first: borrowed for the life of live. PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_live_init(struct pst_live *live, const struct pst_config *first);
/* When nobody uses any more. Also after a failed init, and of zeroes. */
void pst_live_clear(struct pst_live *live);

/* The one in use, to be put back with pst_live_put. Never NULL. */
struct pst_live_config *pst_live_take(struct pst_live *live);
void pst_live_put(struct pst_live *live, struct pst_live_config **config);

/* From now on this one (taken). PST_ERR_NOMEM: not taken. */
PST_MUST_CHECK enum pst_err pst_live_change(struct pst_live *live, struct pst_config **config);

#endif
