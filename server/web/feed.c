#include "server/web/feed_hub.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/log/log.h"
#include "server/web/exchange.h"
#include "server/web/feed_frame.h"
#include "server/web/web.h"

/*
 * How often the record is looked at while somebody listens: an answer in the
 * blink of an eye for what another gateway accepted, and three or four indexed
 * reads a second that mostly find nothing.
 */
#define LOOK_MS 300
/* Looks that were asked for by a commit in this process are so far apart at least. */
#define LOOK_SOON_MS 10
/* The thread rests so many times as long as a look took: never more than a tenth of a core. */
#define REST_FACTOR 10
#define REST_MAX_MS 5000
/*
 * A quiet stream says so often that it lives. The door and what stands before
 * it cut what is quiet: the door after 30 seconds (its margin over web's times)
 * at the earliest, proxies mostly after a minute.
 */
#define BEAT_MS (20 * PST_SECOND_MS)
/* Of a stream's answer, held by the library for the whole of its life. */
#define RESPONSE_BLOCK_BYTES ((size_t)512)
/* Stack of the looking thread: SQLite and Jansson, neither deep. */
#define THREAD_STACK_BYTES ((size_t)256 * 1024)

/* ---- streams ---------------------------------------------------------- */

struct pst_feed_stream **pst_feed_bucket(struct pst_feed *feed, const struct pst_uuid *person)
{
    /* The last bytes of a version 7 UUID are random. */
    size_t at = (size_t)person->bytes[14] << 8 | person->bytes[15];
    return &feed->buckets[at % PST_FEED_BUCKETS];
}

struct pst_feed_stream *pst_feed_next(struct pst_feed *feed, const struct pst_feed_stream *stream)
{
    struct pst_feed_stream **bucket = feed->buckets;
    if (stream != NULL) {
        if (stream->next != NULL)
            return stream->next;
        bucket = pst_feed_bucket(feed, &stream->person) + 1;
    }
    for (; bucket < feed->buckets + PST_FEED_BUCKETS; bucket++)
        if (*bucket != NULL)
            return *bucket;
    return NULL;
}

static void stream_link(struct pst_feed *feed, struct pst_feed_stream *stream)
{
    struct pst_feed_stream **bucket = pst_feed_bucket(feed, &stream->person);
    stream->next = *bucket;
    if (stream->next != NULL)
        stream->next->prev = stream;
    *bucket = stream;
    stream->linked = true;
    (void)atomic_fetch_add(&feed->count, 1);
}

static void stream_unlink(struct pst_feed_stream *stream)
{
    if (!stream->linked)
        return;
    if (stream->prev != NULL)
        stream->prev->next = stream->next;
    else
        *pst_feed_bucket(stream->feed, &stream->person) = stream->next;
    if (stream->next != NULL)
        stream->next->prev = stream->prev;
    stream->linked = false;
    (void)atomic_fetch_sub(&stream->feed->count, 1);
}

void pst_feed_stream_hold(struct pst_feed_stream *stream)
{
    stream->users++;
}

void pst_feed_stream_drop(struct pst_feed_stream *stream)
{
    if (--stream->users > 0)
        return;
    pst_buf_free(&stream->queue);
    free(stream);
}

static void stream_resume(struct pst_feed_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->connection);
}

void pst_feed_end(struct pst_feed_stream *stream)
{
    stream->ended = true;
    stream_resume(stream);
}

/* The reader is too far behind, or there is no memory for what they missed. */
static void stream_lose(struct pst_feed_stream *stream)
{
    pst_feed_frame_cut(&stream->queue);
    stream->queue.max = PST_FEED_QUEUE_MAX_BYTES + PST_FEED_FRAME_MAX_BYTES;
    if (pst_feed_frame_reset(&stream->queue, "too-slow") != PST_OK)
        PST_LOG(OUT_OF_MEMORY);
    PST_LOG(LIMIT_REACHED, PST_LOG_WORD("limit", "stream"),
            PST_LOG_BYTES("queue", stream->queue.len));
    pst_feed_end(stream);
}

void pst_feed_give(struct pst_feed_stream *stream, struct pst_bytes frames, int64_t now_ms)
{
    if (stream->ended || !stream->linked)
        return;
    stream->said_at_ms = now_ms;
    if (pst_buf_append_bytes(&stream->queue, frames) != PST_OK)
        stream_lose(stream);
    else
        stream_resume(stream);
}

/* ---- answering ---------------------------------------------------------- */

/*
 * Called by the library for the next bytes. With none it suspends the
 * connection, under the lock, so that whoever brings some resumes it.
 */
static ssize_t stream_read(void *cls, uint64_t offset, char *at, size_t cap)
{
    struct pst_feed_stream *stream = cls;
    ssize_t len = 0;
    (void)offset;
    (void)pthread_mutex_lock(&stream->feed->lock);
    if (stream->gone) {
        len = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (stream->queue.len > 0) {
        size_t part = stream->queue.len < cap ? stream->queue.len : cap;
        memcpy(at, stream->queue.bytes, part);
        pst_buf_consume(&stream->queue, part);
        if (stream->queue.len == 0)
            pst_buf_free(&stream->queue);
        stream->queue.max = PST_FEED_QUEUE_MAX_BYTES;
        len = (ssize_t)part;
        /* Taken by nobody, these bytes end the connection in time (pst_web_sweep). */
        pst_web_phase_set(stream->peer, PST_WEB_PHASE_ANSWER, 0);
    } else if (stream->ended) {
        len = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        pst_web_phase_set(stream->peer, PST_WEB_PHASE_WORK, 0);
        stream->suspended = true;
        MHD_suspend_connection(stream->connection);
    }
    (void)pthread_mutex_unlock(&stream->feed->lock);
    return len;
}

static void stream_leave(void *cls)
{
    struct pst_feed_stream *stream = cls;
    struct pst_feed *feed = stream->feed;
    (void)pthread_mutex_lock(&feed->lock);
    stream_unlink(stream);
    stream->suspended = false;
    pst_feed_stream_drop(stream);
    (void)pthread_mutex_unlock(&feed->lock);
}

void pst_feed_close(struct pst_feed_stream **stream)
{
    if (*stream != NULL)
        stream_leave(*stream);
    *stream = NULL;
}

struct MHD_Response *pst_feed_response(struct pst_feed_stream **stream,
                                       const struct pst_web_exchange *exchange)
{
    struct pst_feed_stream *taken = *stream;
    (void)pthread_mutex_lock(&taken->feed->lock);
    taken->connection = exchange->connection;
    taken->peer = exchange->peer;
    taken->fd = exchange->peer->fd;
    (void)pthread_mutex_unlock(&taken->feed->lock);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, RESPONSE_BLOCK_BYTES, stream_read, taken, stream_leave);
    if (response != NULL)
        *stream = NULL;
    return response;
}

/* ---- opening ------------------------------------------------------------ */

/* Is there room for one more of this person and session? */
static bool room_for(struct pst_feed *feed, const struct pst_uuid *person,
                     const struct pst_uuid *session)
{
    size_t of_person = 0;
    size_t of_session = 0;
    if (pst_clock_now(NULL) < feed->hushed_until_ms ||
        atomic_load(&feed->count) >= feed->streams_max)
        return false;
    for (const struct pst_feed_stream *stream = *pst_feed_bucket(feed, person); stream != NULL;
         stream = stream->next) {
        of_person += !stream->ended && pst_uuid_equal(&stream->person, person);
        of_session += !stream->ended && pst_uuid_equal(&stream->session, session);
    }
    return of_person < PST_FEED_PER_PERSON_MAX && of_session < PST_FEED_PER_SESSION_MAX;
}

enum pst_err pst_feed_open(struct pst_feed *feed, const struct pst_uuid *person,
                           const struct pst_uuid *session, const struct pst_uuid *last, bool lost,
                           struct pst_feed_stream **ret_stream)
{
    struct pst_feed_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return PST_ERR_NOMEM;
    *stream = (struct pst_feed_stream){.feed = feed,
                                       .person = *person,
                                       .session = *session,
                                       .users = 1,
                                       .lost = lost,
                                       .resumes = last != NULL,
                                       .fd = -1};
    if (last != NULL)
        stream->last = *last;
    pst_buf_init(&stream->queue, PST_FEED_QUEUE_MAX_BYTES);
    (void)pthread_mutex_lock(&feed->lock);
    bool room = room_for(feed, person, session);
    if (room) {
        stream_link(feed, stream);
        atomic_store(&feed->woken, true);
        (void)pthread_cond_signal(&feed->changed);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    if (!room) {
        free(stream);
        return PST_ERR_BUSY;
    }
    *ret_stream = stream;
    return PST_OK;
}

/* ---- the looking thread --------------------------------------------------- */

static void wait_until(struct pst_feed *feed, int64_t at_ms)
{
    struct timespec at = {.tv_sec = (time_t)(at_ms / PST_SECOND_MS),
                          .tv_nsec = (long)(at_ms % PST_SECOND_MS) * 1000000};
    (void)pthread_cond_timedwait(&feed->changed, &feed->lock, &at);
}

/* fds: room for every stream. Those that may be watched are suspended; the others are skipped. */
static size_t watch(struct pst_feed *feed, struct pollfd *fds)
{
    size_t count = 0;
    for (const struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        fds[count++] =
            (struct pollfd){.fd = stream->suspended ? stream->fd : -1, .events = POLLRDHUP};
    return count;
}

/*
 * Readers who are gone: nobody watches a suspended connection, so this does.
 * Their descriptors are theirs as long as they are linked.
 */
static void reap(struct pst_feed *feed)
{
    struct pollfd *fds = calloc(atomic_load(&feed->count) + 1, sizeof *fds);
    if (fds == NULL)
        return;
    const struct pollfd *at = fds;
    bool any = poll(fds, watch(feed, fds), /* timeout= */ 0) > 0;
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); any && stream != NULL;
         stream = pst_feed_next(feed, stream), at++) {
        if ((at->revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0)
            continue;
        stream->gone = true;
        pst_feed_end(stream);
    }
    free(fds);
}

static void beat(struct pst_feed *feed, int64_t now_ms)
{
    PST_BUF struct pst_buf frame = {.max = PST_FEED_FRAME_MAX_BYTES};
    if (pst_feed_frame_beat(&frame, &feed->place) != PST_OK)
        return;
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        if (stream->standing == PST_FEED_LIVE && now_ms - stream->said_at_ms >= BEAT_MS)
            pst_feed_give(stream, pst_buf_bytes(&frame), now_ms);
}

/*
 * One look and what goes with it, under the lock. Answers when the next one is
 * due, and when at the earliest; monotonic.
 */
static int64_t turn(struct pst_feed *feed, int64_t *ret_soonest_ms)
{
    int64_t began_ms = pst_monotonic_ms();
    atomic_store(&feed->woken, false);
    if (began_ms - feed->reaped_at_ms >= LOOK_MS) {
        feed->reaped_at_ms = began_ms;
        reap(feed);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    enum pst_err r = pst_feed_look(feed);
    if (r != PST_OK)
        PST_LOG(STORE_FAILED, PST_LOG_ERR(r));
    (void)pthread_mutex_lock(&feed->lock);
    if (r == PST_OK)
        beat(feed, pst_clock_now(NULL));
    int64_t ended_ms = pst_monotonic_ms();
    int64_t rest_ms = (ended_ms - began_ms) * REST_FACTOR;
    rest_ms = rest_ms < LOOK_SOON_MS ? LOOK_SOON_MS : rest_ms;
    rest_ms = rest_ms > REST_MAX_MS ? REST_MAX_MS : rest_ms;
    *ret_soonest_ms = ended_ms + rest_ms;
    return ended_ms + (rest_ms > LOOK_MS ? rest_ms : LOOK_MS);
}

static void *feed_main(void *ctx)
{
    struct pst_feed *feed = ctx;
    int64_t due_ms = 0;
    int64_t soonest_ms = 0;
    (void)pthread_mutex_lock(&feed->lock);
    while (!feed->stop) {
        int64_t at_ms = atomic_load(&feed->woken) ? soonest_ms : due_ms;
        if (atomic_load(&feed->count) == 0) {
            pst_feed_look_forget(feed);
            (void)pthread_cond_wait(&feed->changed, &feed->lock);
        } else if (pst_monotonic_ms() < at_ms) {
            wait_until(feed, at_ms);
        } else {
            due_ms = turn(feed, &soonest_ms);
        }
    }
    pst_feed_look_forget(feed);
    (void)pthread_mutex_unlock(&feed->lock);
    return NULL;
}

void pst_feed_wake(struct pst_feed *feed)
{
    if (atomic_load(&feed->count) == 0 || atomic_exchange(&feed->woken, true))
        return;
    (void)pthread_mutex_lock(&feed->lock);
    (void)pthread_cond_signal(&feed->changed);
    (void)pthread_mutex_unlock(&feed->lock);
}

void pst_feed_hush(struct pst_feed *feed, int64_t until_ms)
{
    (void)pthread_mutex_lock(&feed->lock);
    feed->hushed_until_ms = until_ms;
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        pst_feed_end(stream);
    (void)pthread_mutex_unlock(&feed->lock);
}

static enum pst_err thread_start(struct pst_feed *feed)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return PST_ERR_NOMEM;
    bool ok = pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) == 0 &&
              pthread_create(&feed->thread, &attributes, feed_main, feed) == 0;
    (void)pthread_attr_destroy(&attributes);
    feed->started = ok;
    return ok ? PST_OK : PST_ERR_INTERNAL;
}

enum pst_err pst_feed_new(struct pst_store *store, struct pst_live *live, unsigned connections,
                          struct pst_feed **ret_feed)
{
    pthread_condattr_t attributes;
    struct pst_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return PST_ERR_NOMEM;
    feed->store = store;
    feed->live = live;
    feed->streams_max = connections / 2 < 1 ? 1 : connections / 2;
    if (feed->streams_max > PST_FEED_STREAMS_MAX)
        feed->streams_max = PST_FEED_STREAMS_MAX;
    (void)pthread_mutex_init(&feed->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&feed->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    enum pst_err r = thread_start(feed);
    if (r == PST_OK)
        *ret_feed = feed;
    else
        pst_feed_free(&feed);
    return r;
}

void pst_feed_free(struct pst_feed **feed)
{
    struct pst_feed *gone = *feed;
    if (gone == NULL)
        return;
    (void)pthread_mutex_lock(&gone->lock);
    gone->stop = true;
    (void)pthread_cond_signal(&gone->changed);
    (void)pthread_mutex_unlock(&gone->lock);
    if (gone->started)
        (void)pthread_join(gone->thread, NULL);
    (void)pthread_cond_destroy(&gone->changed);
    (void)pthread_mutex_destroy(&gone->lock);
    free(gone);
    *feed = NULL;
}
