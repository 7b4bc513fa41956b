/*
 * What live streams are fed with: the record read onwards from a place, and
 * everybody who may know of a thread. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_FEED_H
#define POSTERN_SERVER_STORE_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/*
 * Events whose id comes after a place, in the order of their ids, which is
 * that of the times they were written down at and not that of their commits.
 *   after      exclusive; need be no event's id
 *   max        at most so many
 *   each       called for every one; line borrowed for the call. An error it
 *              returns ends the walk and is returned
 *   ret_count  how many there were
 */
PST_MUST_CHECK enum pst_err
pst_feed_after(struct pst_tx *tx, const struct pst_uuid *after, size_t max,
               enum pst_err (*each)(void *ctx, const struct pst_uuid *id, struct pst_bytes line),
               void *ctx, size_t *ret_count);

/*
 * Everybody whom pst_thread_get would show the thread now.
 *   people   their ids are appended, PST_UUID_BYTES each
 * PST_ERR_TOO_LONG when they do not fit; nobody for a thread that is not there.
 */
PST_MUST_CHECK enum pst_err pst_thread_readers(struct pst_tx *tx, const struct pst_uuid *thread,
                                               int64_t now_ms, struct pst_buf *people);

#endif
