/*
 * Pace: how many requests one session may send in a minute. Counted in memory
 * by a hash of the session, so that a program run wild slows itself alone. Any
 * thread.
 */
#ifndef POSTERN_SERVER_WEB_PACE_H
#define POSTERN_SERVER_WEB_PACE_H

#include <stdatomic.h>
#include <stdint.h>

#include "postern/uuid.h"

/* Two sessions that fall together share a pace: rare with so many places. */
#define PST_PACE_PLACES 4096

struct pst_pace {
    /* minute in the upper half, requests in the lower. */
    _Atomic uint64_t places[PST_PACE_PLACES];
};

/*
 * Count one request now. Returns 0 when it is within per_minute, else the
 * seconds to wait (1..60).
 */
int64_t pst_pace_count(struct pst_pace *pace, const struct pst_uuid *session, int64_t per_minute,
                       int64_t now_ms);

#endif
