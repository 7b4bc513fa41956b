/*
 * What is over leaves the store: sessions, attempts, notices nobody sends any
 * more, and parts of uploads that never ended.
 *
 * For the role's main thread. Times are those of the clock given; the store
 * must be open for web.
 */
#ifndef POSTERN_SERVER_WEB_SWEEP_H
#define POSTERN_SERVER_WEB_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"

struct pst_store;

/*
 * One round.
 *   at_start    no upload is under way: every staged part is a leftover. Later
 *               rounds take those alone that are older than any upload may last
 *   ret_parts   staged parts that were deleted
 * Returns PST_OK; else as pst_store_write, and nothing was removed.
 */
PST_MUST_CHECK enum pst_err pst_sweep(struct pst_store *store, int64_t now_ms, bool at_start,
                                      int64_t *ret_parts);

#endif
