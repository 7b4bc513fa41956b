/*
 * What a live stream says: server-sent events (WHATWG HTML, 9.2), one frame
 * each, of ids, numbers, times and words of closed lists alone. Pure.
 *
 *     event: message
 *     id: 0190c5f0-…
 *     data: {"thread":"…","id":"…","seq":7,…}
 *
 * The id of a frame is its place in the record, to be given back as
 * Last-Event-ID.
 */
#ifndef POSTERN_SERVER_WEB_FEED_FRAME_H
#define POSTERN_SERVER_WEB_FEED_FRAME_H

#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"

struct pst_message;

/* Longest frame: a message's, with all its members. */
#define PST_FEED_FRAME_MAX_BYTES ((size_t)768)

/* What became of a message. */
enum pst_feed_state { PST_FEED_FETCHED, PST_FEED_OPENED, PST_FEED_RETRACTED, PST_FEED_STATE__MAX };

/* Each appends one frame. PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_feed_frame_message(struct pst_buf *out,
                                                   const struct pst_uuid *place,
                                                   const struct pst_message *message);
PST_MUST_CHECK enum pst_err pst_feed_frame_state(struct pst_buf *out, const struct pst_uuid *place,
                                                 const struct pst_uuid *thread,
                                                 const struct pst_uuid *message,
                                                 enum pst_feed_state state, int64_t at_ms);
/* From here on all that changes is told. */
PST_MUST_CHECK enum pst_err pst_feed_frame_ready(struct pst_buf *out, const struct pst_uuid *place,
                                                 int64_t at_ms);
/* Something was not told: load anew. why: a word of ours. */
PST_MUST_CHECK enum pst_err pst_feed_frame_reset(struct pst_buf *out, const char *why);
/* Nothing happened up to there: a comment, and a place without an event. */
PST_MUST_CHECK enum pst_err pst_feed_frame_beat(struct pst_buf *out, const struct pst_uuid *place);

/*
 * Cut a queue of frames, whose first may have left in part, back to the end of
 * that first one, so that another can follow.
 */
void pst_feed_frame_cut(struct pst_buf *queue);

#endif
