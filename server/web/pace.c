#include "server/web/pace.h"

#include "postern/time.h"

/* The last bytes of a version 7 UUID are random. */
static size_t place_of(const struct pst_uuid *session)
{
    return ((size_t)session->bytes[14] << 8 | session->bytes[15]) % PST_PACE_PLACES;
}

int64_t pst_pace_count(struct pst_pace *pace, const struct pst_uuid *session, int64_t per_minute,
                       int64_t now_ms)
{
    _Atomic uint64_t *place = &pace->places[place_of(session)];
    uint64_t minute = (uint64_t)(now_ms / PST_MINUTE_MS) & UINT32_MAX;
    uint64_t have = atomic_load(place);
    uint64_t next = 0;
    do {
        uint64_t count = have >> 32 == minute ? have & UINT32_MAX : 0;
        next = minute << 32 | (count + 1);
    } while (!atomic_compare_exchange_weak(place, &have, next));
    if ((int64_t)(next & UINT32_MAX) <= per_minute)
        return 0;
    return (PST_MINUTE_MS - now_ms % PST_MINUTE_MS + PST_SECOND_MS - 1) / PST_SECOND_MS;
}
