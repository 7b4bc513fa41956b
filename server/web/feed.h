/*
 * Live streams: who listens, and what they are told of what changes.
 *
 * One thread a process reads the record onwards (pst_feed_after) and gives
 * each change to the streams of everybody who belongs to its thread at that
 * moment. Only the store says what happened: the change may have been made by
 * another process on another machine. Nothing is read while nobody listens.
 *
 * An open stream is a suspended connection of libmicrohttpd and holds no
 * thread. It ends with its session, when its reader is too slow, when the
 * reader is gone, and when the role drains.
 *
 * Thread: new and free from the role's main thread; open, close and response
 * on MHD's threads; wake and hush on any.
 */
#ifndef POSTERN_SERVER_WEB_FEED_H
#define POSTERN_SERVER_WEB_FEED_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"
#include "postern/uuid.h"

struct pst_feed;
struct pst_feed_stream;
struct pst_live;
struct pst_store;
struct pst_web_exchange;

/*
 * Streams of one session: a person has the portal open in a few windows, each
 * with one. Of one person: on a few devices.
 */
#define PST_FEED_PER_SESSION_MAX 4
#define PST_FEED_PER_PERSON_MAX 16
/* Of one process; and never more than half of its connections. */
#define PST_FEED_STREAMS_MAX 4096
/* What somebody who has too many is told to wait. */
#define PST_FEED_RETRY_S 5

/* Both borrowed for the feed's life. connections: how many the daemon takes. */
PST_MUST_CHECK enum pst_err pst_feed_new(struct pst_store *store, struct pst_live *live,
                                         unsigned connections, struct pst_feed **ret_feed);
/* After the daemon has stopped: no stream is left. Accepts NULL. */
void pst_feed_free(struct pst_feed **feed);

/*
 * A stream for somebody who is signed in, that counts from now on.
 *   last        the last place they were told of; NULL: they begin
 *   lost        they gave a place that is none: they are told to load anew
 *   ret_stream  given; to pst_feed_response or pst_feed_close
 * PST_OK; PST_ERR_BUSY: too many, or hushed; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_feed_open(struct pst_feed *feed, const struct pst_uuid *person,
                                          const struct pst_uuid *session,
                                          const struct pst_uuid *last, bool lost,
                                          struct pst_feed_stream **ret_stream);
/* One that was never answered with. Accepts NULL; leaves NULL. */
void pst_feed_close(struct pst_feed_stream **stream);

/* The answer that goes on until the stream ends; stream taken unless NULL is returned. */
struct MHD_Response *pst_feed_response(struct pst_feed_stream **stream,
                                       const struct pst_web_exchange *exchange);

/* Something was committed here: look at once. A hint; costs nothing when nobody listens. */
void pst_feed_wake(struct pst_feed *feed);

/* End all streams, and let nobody open one until then. */
void pst_feed_hush(struct pst_feed *feed, int64_t until_ms);

#endif
