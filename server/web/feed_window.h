/*
 * Which events of the record have been looked at: the window that slides along
 * behind the present.
 *
 * Ids are ordered by the time an event was written down at, and a transaction
 * may commit after another with a later time. So nobody can say "all up to
 * here": what lies behind the floor counts as seen, and of what lies above it
 * every id is remembered. Bounded: beyond its size the floor rises. Pure; one
 * thread at a time.
 */
#ifndef POSTERN_SERVER_WEB_FEED_WINDOW_H
#define POSTERN_SERVER_WEB_FEED_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/uuid.h"

struct pst_feed_window {
    struct pst_uuid floor;
    struct pst_uuid *ids; /* sorted, all above the floor */
    size_t count;
    size_t cap;
    size_t max;
};

/* The least version 7 UUID of that millisecond: what comes after it is of then or later. */
void pst_feed_place(int64_t at_ms, struct pst_uuid *ret_place);

/* Nothing seen but what is of floor_ms or before. max: ids remembered, 1 or more. */
void pst_feed_window_init(struct pst_feed_window *window, int64_t floor_ms, size_t max);
/* Frees the memory; of zeroes too. */
void pst_feed_window_free(struct pst_feed_window *window);

bool pst_feed_window_has(const struct pst_feed_window *window, const struct pst_uuid *id);

/* Memory for so many more, so that adding them cannot fail. PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_feed_window_reserve(struct pst_feed_window *window, size_t more);

/*
 * Remember one, for which memory was reserved. Full, it forgets the oldest and
 * counts what it forgot as behind the floor.
 */
void pst_feed_window_add(struct pst_feed_window *window, const struct pst_uuid *id);

/* What is of floor_ms or before is not looked at any more. Never goes back. */
void pst_feed_window_slide(struct pst_feed_window *window, int64_t floor_ms);

/* Where to begin to look so as to see all that is new and of since_ms or later. */
struct pst_uuid pst_feed_window_from(const struct pst_feed_window *window, int64_t since_ms);

/* The time of the newest that was seen; 0: none above the floor. */
int64_t pst_feed_window_newest_ms(const struct pst_feed_window *window);

#endif
