/*
 * The feed's own state, for feed.c (streams) and feed_look.c (looking at the
 * record) alone.
 */
#ifndef POSTERN_SERVER_WEB_FEED_HUB_H
#define POSTERN_SERVER_WEB_FEED_HUB_H

#include <pthread.h>
#include <stdatomic.h>

#include "postern/buf.h"
#include "server/web/feed.h"
#include "server/web/feed_window.h"

/* What a reader may be behind: some hundred and sixty frames. Beyond it they load anew. */
#define PST_FEED_QUEUE_MAX_BYTES ((size_t)64 * 1024)

/* Streams by their person; short lists at the most streams there can be. */
#define PST_FEED_BUCKETS 512

enum pst_feed_standing {
    PST_FEED_JOINING = 0, /* waits for the next look */
    PST_FEED_TAKEN,       /* by the look under way */
    PST_FEED_LIVE,
};

struct pst_feed_stream {
    struct pst_feed *feed;
    struct pst_feed_stream *next; /* of its bucket */
    struct pst_feed_stream *prev;
    struct pst_uuid person;
    struct pst_uuid session;
    unsigned users; /* whoever answers with it, and looks under way */
    bool linked;    /* in its bucket, and counted */
    enum pst_feed_standing standing;
    bool lost;             /* joining: to be told to load anew */
    bool resumes;          /* joining: first what they missed */
    struct pst_uuid last;  /* joining: the last place they were told of */
    struct pst_uuid after; /* and from where on they are told what they missed; exclusive */
    int64_t check_at_ms;   /* when its session is to be looked at again */
    int64_t said_at_ms;    /* when it was last told anything */
    struct pst_buf queue;  /* frames that have not left; holds memory only while it holds any */
    bool ended;            /* after the queue */
    bool gone;             /* its reader hung up: nothing is sent any more */
    bool suspended;
    struct MHD_Connection *connection; /* NULL: not answered with yet */
    struct pst_web_peer *peer;
    int fd;
};

struct pst_feed {
    struct pst_store *store;
    struct pst_live *live;
    size_t streams_max;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* over all below, and over every stream */
    pthread_cond_t changed;
    struct pst_feed_stream *buckets[PST_FEED_BUCKETS];
    atomic_size_t count; /* of streams that are linked; written under the lock */
    atomic_bool woken;
    int64_t hushed_until_ms; /* nobody opens a stream before */
    bool stop;

    /* The looking thread's own. */
    struct pst_feed_window window;
    int64_t reaped_at_ms;
    bool primed;           /* the window holds all there was when somebody began to listen */
    int64_t far_at_ms;     /* of the last look back over the whole window */
    struct pst_uuid place; /* everything before it was told, but for what commits late */
};

/* ---- feed.c; all under the lock ---------------------------------------- */

struct pst_feed_stream **pst_feed_bucket(struct pst_feed *feed, const struct pst_uuid *person);

/* The next stream of all, NULL after the last: walk from NULL. */
struct pst_feed_stream *pst_feed_next(struct pst_feed *feed, const struct pst_feed_stream *stream);

/* Put frames into its queue; too many end it with a reset. Not once it has ended. */
void pst_feed_give(struct pst_feed_stream *stream, struct pst_bytes frames, int64_t now_ms);

/* End it when its queue has left. */
void pst_feed_end(struct pst_feed_stream *stream);

/* Hold it, and let go of it; the last one frees it. */
void pst_feed_stream_hold(struct pst_feed_stream *stream);
void pst_feed_stream_drop(struct pst_feed_stream *stream);

/* ---- feed_look.c; on the looking thread --------------------------------- */

/*
 * Look once: what is new goes to those who may know of it, streams that join
 * are taken in, those whose session is over end. PST_OK; else nothing was
 * given and the next look does it. Without the lock.
 */
PST_MUST_CHECK enum pst_err pst_feed_look(struct pst_feed *feed);

/* Nobody listens any more. */
void pst_feed_look_forget(struct pst_feed *feed);

#endif
