#include "server/web/feed_window.h"

#include <stdlib.h>
#include <string.h>

/* At first; a quiet practice writes down less in half a minute. */
#define CAP_FIRST 64

void pst_feed_place(int64_t at_ms, struct pst_uuid *ret_place)
{
    uint64_t ms = at_ms > 0 ? (uint64_t)at_ms : 0;
    *ret_place = (struct pst_uuid){0};
    for (int i = 0; i < 6; i++)
        ret_place->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    ret_place->bytes[6] = 0x70;
    ret_place->bytes[8] = 0x80;
}

void pst_feed_window_init(struct pst_feed_window *window, int64_t floor_ms, size_t max)
{
    *window = (struct pst_feed_window){.max = max};
    pst_feed_place(floor_ms, &window->floor);
}

void pst_feed_window_free(struct pst_feed_window *window)
{
    free(window->ids);
    *window = (struct pst_feed_window){0};
}

/* How many of the ids are not above this one. */
static size_t place_of(const struct pst_feed_window *window, const struct pst_uuid *id)
{
    size_t low = 0;
    size_t high = window->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pst_uuid_compare(&window->ids[middle], id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pst_feed_window_has(const struct pst_feed_window *window, const struct pst_uuid *id)
{
    if (pst_uuid_compare(id, &window->floor) <= 0)
        return true;
    size_t at = place_of(window, id);
    return at > 0 && pst_uuid_equal(&window->ids[at - 1], id);
}

static void forget(struct pst_feed_window *window, size_t count)
{
    if (count == 0)
        return;
    window->count -= count;
    memmove(window->ids, window->ids + count, window->count * sizeof *window->ids);
}

enum pst_err pst_feed_window_reserve(struct pst_feed_window *window, size_t more)
{
    size_t cap = window->cap == 0 ? CAP_FIRST : window->cap;
    while (cap < window->count + more && cap < window->max)
        cap *= 2;
    if (cap > window->max)
        cap = window->max;
    if (cap == window->cap)
        return PST_OK;
    struct pst_uuid *ids = reallocarray(window->ids, cap, sizeof *ids);
    if (ids == NULL)
        return PST_ERR_NOMEM;
    window->ids = ids;
    window->cap = cap;
    return PST_OK;
}

/* An eighth at once, so that a full window is not moved for every event. */
static void make_room(struct pst_feed_window *window)
{
    size_t gone = window->count / 8 + 1;
    window->floor = window->ids[gone - 1];
    forget(window, gone);
}

void pst_feed_window_add(struct pst_feed_window *window, const struct pst_uuid *id)
{
    if (pst_feed_window_has(window, id))
        return;
    if (window->count == window->max)
        make_room(window);
    if (pst_uuid_compare(id, &window->floor) <= 0)
        return;
    size_t at = place_of(window, id);
    memmove(window->ids + at + 1, window->ids + at, (window->count - at) * sizeof *window->ids);
    window->ids[at] = *id;
    window->count++;
}

void pst_feed_window_slide(struct pst_feed_window *window, int64_t floor_ms)
{
    struct pst_uuid floor;
    pst_feed_place(floor_ms, &floor);
    if (pst_uuid_compare(&floor, &window->floor) <= 0)
        return;
    window->floor = floor;
    forget(window, place_of(window, &floor));
}

struct pst_uuid pst_feed_window_from(const struct pst_feed_window *window, int64_t since_ms)
{
    struct pst_uuid since;
    pst_feed_place(since_ms, &since);
    return pst_uuid_compare(&since, &window->floor) > 0 ? since : window->floor;
}

int64_t pst_feed_window_newest_ms(const struct pst_feed_window *window)
{
    return window->count == 0 ? 0 : pst_uuid_v7_ms(&window->ids[window->count - 1]);
}
