#include "server/web/sweep.h"

#include "postern/time.h"
#include "server/store/attempts.h"
#include "server/store/messages.h"
#include "server/store/sessions.h"
#include "server/store/store.h"

/* The longest that sign-in-window may be. */
#define ATTEMPTS_MS PST_DAY_MS
/* The largest envelope at the longest body-time (37 times one hour), rounded up. */
#define STAGED_MS (2 * PST_DAY_MS)
/* Long enough for whoever asks why somebody was not told. */
#define NOTICES_MS (30 * PST_DAY_MS)

struct sweeping {
    int64_t now_ms;
    int64_t staged_before_ms;
    int64_t parts;
};

static enum pst_err run(struct pst_tx *tx, void *ctx)
{
    struct sweeping *sweeping = ctx;
    int64_t now_ms = sweeping->now_ms;
    enum pst_err r = pst_attempt_sweep(tx, now_ms - ATTEMPTS_MS);
    if (r == PST_OK)
        r = pst_session_sweep(tx, now_ms);
    if (r == PST_OK)
        r = pst_notice_sweep(tx, now_ms - NOTICES_MS);
    return r == PST_OK ? pst_staging_sweep(tx, sweeping->staged_before_ms, &sweeping->parts) : r;
}

enum pst_err pst_sweep(struct pst_store *store, int64_t now_ms, bool at_start, int64_t *ret_parts)
{
    /* At the start without regard to the clock, which may have stepped back. */
    struct sweeping sweeping = {.now_ms = now_ms,
                                .staged_before_ms = at_start ? INT64_MAX : now_ms - STAGED_MS};
    enum pst_err r = pst_store_write(store, run, &sweeping);
    if (r == PST_OK)
        *ret_parts = sweeping.parts;
    return r;
}
