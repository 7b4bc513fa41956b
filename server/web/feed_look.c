/*
 * One look at the record, in one read transaction:
 *
 *   1. what is new above the window's floor
 *   2. for streams that take up where they were: what came after that
 *   3. the sessions that are to be looked at again
 *   4. who may know of what was found
 *
 * and then, when the transaction is over, all that into the streams' queues.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/event.h"
#include "postern/refusal.h"
#include "postern/time.h"
#include "server/store/feed.h"
#include "server/store/messages.h"
#include "server/store/people.h"
#include "server/store/sessions.h"
#include "server/web/feed_frame.h"
#include "server/web/feed_hub.h"
#include "server/web/live.h"
#include "server/web/session_policy.h"

/*
 * How late a transaction may commit after its event was written down: the
 * store answers "busy" after ten seconds, what waits in its queue is done in
 * less, and clocks of gateways agree within a second or so. Twice that and more.
 */
#define OVERLAP_MS (30 * PST_SECOND_MS)
/* Most looks go back so far only; that catches nearly all, and the rest is caught by the others. */
#define NEAR_MS (2 * PST_SECOND_MS)
/* How often one goes back over the whole overlap. */
#define FAR_MS (5 * PST_SECOND_MS)
/* Ids remembered (1 MiB): two thousand events a second for half a minute. */
#define WINDOW_MAX ((size_t)65536)
/* Events read at once, and taken up by one look: then others get their turn. */
#define PAGE_EVENTS ((size_t)256)
#define LOOK_EVENTS_MAX ((size_t)1024)
/*
 * How long somebody may be away and take up where they were, and how many
 * events are read for that: a closed lid, a tunnel, a gateway restarted.
 */
#define RESUME_MS (10 * PST_MINUTE_MS)
#define RESUME_EVENTS_MAX ((size_t)8192)
/* Ends of sessions are events and act at once; what else can end one acts within this. */
#define CHECK_MS (15 * PST_SECOND_MS)
/* All frames, and all readers, of one look. */
#define FRAMES_MAX_BYTES ((LOOK_EVENTS_MAX + RESUME_EVENTS_MAX) * PST_FEED_FRAME_MAX_BYTES)
#define READERS_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* One event that was found. */
struct found {
    struct pst_uuid id;
    bool resumed; /* for those who take up where they were; else for those who listen */
    bool told;    /* it concerns a thread's members, and these are below */
    enum pst_event_kind kind;
    struct pst_uuid thread;
    struct pst_uuid message;
    size_t frame_at; /* in frames */
    size_t frame_len;
    size_t readers_at; /* in readers, bytes */
    size_t readers_len;
};

/* A stream whose session is looked at. */
struct check {
    struct pst_feed_stream *stream; /* held */
    bool over;
    int64_t next_ms;
};

struct look {
    struct pst_feed *feed;
    const struct pst_config *config;
    int64_t now_ms;
    struct pst_uuid from; /* where it begins */
    bool prime;           /* what is found is old: nobody is told */
    bool far;             /* it goes back over the whole overlap */
    bool resume;          /* somebody takes up where they were */
    struct pst_uuid resume_from;
    /* What it gives, anew each time the transaction runs. */
    struct found *found;
    size_t found_count;
    size_t found_cap;
    bool more;        /* it stopped before the end */
    bool resume_lost; /* too much happened for taking up */
    bool resuming;    /* reading for those */
    struct check *checks;
    size_t checks_count;
    struct pst_buf frames;
    struct pst_buf readers;
    struct pst_uuid last; /* read so far */
};

static void checks_drop(struct look *look)
{
    (void)pthread_mutex_lock(&look->feed->lock);
    for (size_t i = 0; i < look->checks_count; i++)
        pst_feed_stream_drop(look->checks[i].stream);
    (void)pthread_mutex_unlock(&look->feed->lock);
    free(look->checks);
    look->checks = NULL;
    look->checks_count = 0;
}

static void look_clear(struct look *look)
{
    checks_drop(look);
    free(look->found);
    pst_buf_free(&look->frames);
    pst_buf_free(&look->readers);
}

/* ---- reading ------------------------------------------------------------ */

static struct found *found_add(struct look *look)
{
    if (look->found_count == look->found_cap) {
        size_t cap = look->found_cap == 0 ? 32 : look->found_cap * 2;
        struct found *found = reallocarray(look->found, cap, sizeof *found);
        if (found == NULL)
            return NULL;
        look->found = found;
        look->found_cap = cap;
    }
    struct found *found = &look->found[look->found_count++];
    *found = (struct found){.resumed = look->resuming};
    return found;
}

/* Does the event tell of a change in a thread, for its members? */
static bool is_change(const struct pst_event *event)
{
    const uint32_t both = PST_EVENT_HAS_THREAD | PST_EVENT_HAS_MESSAGE;
    if ((event->has & both) != both)
        return false;
    switch (event->kind) {
    case PST_EVENT_EXCHANGE:
        return strcmp(event->code, pst_refusal_code(PST_REFUSAL_NONE)) == 0;
    case PST_EVENT_FETCHED:
    case PST_EVENT_OPENED:
    case PST_EVENT_RETRACTION:
        return true;
    default:
        return false;
    }
}

/* May a session have ended by it? Then its streams are looked at in this same look. */
static void suspect(struct look *look, const struct pst_event *event)
{
    const uint32_t patients = PST_ROLE_PATIENT | PST_ROLE_REPRESENTATIVE;
    if (event->kind != PST_EVENT_SESSION && event->kind != PST_EVENT_ROLE &&
        event->kind != PST_EVENT_STATEMENT)
        return;
    /* Patients end their own sessions alone; staff may end others'. */
    bool own = (event->has & PST_EVENT_HAS_ACTOR) != 0 && (event->role & patients) != 0;
    (void)pthread_mutex_lock(&look->feed->lock);
    for (struct pst_feed_stream *stream = pst_feed_next(look->feed, NULL); stream != NULL;
         stream = pst_feed_next(look->feed, stream))
        if (!own || pst_uuid_equal(&stream->person, &event->actor))
            stream->check_at_ms = 0;
    (void)pthread_mutex_unlock(&look->feed->lock);
}

static enum pst_err take_event(void *ctx, const struct pst_uuid *id, struct pst_bytes line)
{
    struct look *look = ctx;
    struct pst_event event;
    look->last = *id;
    if (!look->resuming && pst_feed_window_has(&look->feed->window, id))
        return PST_OK;
    struct found *found = found_add(look);
    if (found == NULL)
        return PST_ERR_NOMEM;
    found->id = *id;
    if (look->prime && !look->resuming)
        return PST_OK;
    enum pst_err r = pst_event_parse(line, &event);
    /* A later version's event is nothing we could tell of. */
    if (r != PST_OK)
        return r == PST_ERR_NOMEM ? r : PST_OK;
    found->told = is_change(&event);
    found->kind = event.kind;
    found->thread = event.thread;
    found->message = event.message;
    if (!look->resuming)
        suspect(look, &event);
    return PST_OK;
}

/* Pages from a place on until the end or until so many were taken up. */
static enum pst_err read_from(struct pst_tx *tx, struct look *look, const struct pst_uuid *from,
                              size_t max, bool *ret_more)
{
    size_t limit = look->found_count + max;
    size_t count = PAGE_EVENTS;
    enum pst_err r = PST_OK;
    look->last = *from;
    while (r == PST_OK && count == PAGE_EVENTS && look->found_count < limit) {
        struct pst_uuid after = look->last;
        r = pst_feed_after(tx, &after, PAGE_EVENTS, take_event, look, &count);
    }
    *ret_more = count == PAGE_EVENTS;
    return r;
}

/* ---- sessions ------------------------------------------------------------ */

static enum pst_err checks_collect(struct look *look)
{
    struct pst_feed *feed = look->feed;
    enum pst_err r = PST_OK;
    (void)pthread_mutex_lock(&feed->lock);
    look->checks = calloc(atomic_load(&feed->count) + 1, sizeof *look->checks);
    if (look->checks == NULL)
        r = PST_ERR_NOMEM;
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); r == PST_OK && stream != NULL;
         stream = pst_feed_next(feed, stream)) {
        if (stream->ended || stream->check_at_ms > look->now_ms)
            continue;
        pst_feed_stream_hold(stream);
        look->checks[look->checks_count++] = (struct check){.stream = stream};
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return r;
}

/*
 * A stream is no use of its session: one that nobody else uses ends when it
 * would have ended without the stream.
 */
static enum pst_err check_session(struct pst_tx *tx, const struct look *look, struct check *check)
{
    struct pst_session_row session;
    enum pst_err r = pst_session_get(tx, &check->stream->session, &session);
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    int64_t ends_ms = r == PST_OK ? pst_session_ends_ms(look->config, session.roles,
                                                        session.used_at_ms, session.expires_at_ms)
                                  : 0;
    check->over = r != PST_OK || session.state != PST_PERSON_ACTIVE || ends_ms <= look->now_ms;
    check->next_ms = look->now_ms + CHECK_MS < ends_ms ? look->now_ms + CHECK_MS : ends_ms;
    return PST_OK;
}

static enum pst_err check_sessions(struct pst_tx *tx, struct look *look)
{
    enum pst_err r = checks_collect(look);
    for (size_t i = 0; r == PST_OK && i < look->checks_count; i++)
        r = check_session(tx, look, &look->checks[i]);
    return r;
}

/* ---- who may know ---------------------------------------------------------- */

/* Is this stream told of that, whose reader it is? */
static bool concerns(const struct pst_feed_stream *stream, const struct found *found)
{
    if (stream->ended)
        return false;
    if (!found->resumed)
        return stream->standing == PST_FEED_LIVE;
    return stream->standing == PST_FEED_TAKEN && stream->resumes &&
           pst_uuid_compare(&found->id, &stream->after) > 0;
}

/* Calls give for every stream it concerns; NULL: only says whether there is one. Under the lock. */
static bool each_reader(const struct look *look, const struct found *found,
                        void (*give)(const struct look *look, const struct found *found,
                                     struct pst_feed_stream *stream))
{
    size_t count = found->readers_len / sizeof(struct pst_uuid);
    bool any = false;
    if (count == 0)
        return false;
    const void *bytes = look->readers.bytes + found->readers_at;
    const struct pst_uuid *people = bytes;
    for (size_t i = 0; i < count && (give != NULL || !any); i++)
        for (struct pst_feed_stream *stream = *pst_feed_bucket(look->feed, &people[i]);
             stream != NULL; stream = stream->next) {
            if (!pst_uuid_equal(&stream->person, &people[i]) || !concerns(stream, found))
                continue;
            any = true;
            if (give != NULL)
                give(look, found, stream);
        }
    return any;
}

static bool anybody(const struct look *look, const struct found *found)
{
    (void)pthread_mutex_lock(&look->feed->lock);
    bool any = each_reader(look, found, NULL);
    (void)pthread_mutex_unlock(&look->feed->lock);
    return any;
}

static enum pst_err frame(struct pst_tx *tx, struct look *look, const struct found *found)
{
    static const enum pst_feed_state states[PST_EVENT__MAX] = {
        [PST_EVENT_FETCHED] = PST_FEED_FETCHED,
        [PST_EVENT_OPENED] = PST_FEED_OPENED,
        [PST_EVENT_RETRACTION] = PST_FEED_RETRACTED,
    };
    struct pst_message message;
    if (found->kind != PST_EVENT_EXCHANGE)
        return pst_feed_frame_state(&look->frames, &found->id, &found->thread, &found->message,
                                    states[found->kind], pst_uuid_v7_ms(&found->id));
    enum pst_err r = pst_message_get(tx, &found->message, &message);
    if (r == PST_ERR_NOT_FOUND) /* its retention is over */
        return PST_OK;
    return r == PST_OK ? pst_feed_frame_message(&look->frames, &found->id, &message) : r;
}

/* The readers of one thread are asked for once where it changed several times in a row. */
static enum pst_err find_readers(struct pst_tx *tx, struct look *look, struct found *found,
                                 const struct found *before)
{
    if (before != NULL && pst_uuid_equal(&before->thread, &found->thread)) {
        found->readers_at = before->readers_at;
        found->readers_len = before->readers_len;
        return PST_OK;
    }
    found->readers_at = look->readers.len;
    enum pst_err r = pst_thread_readers(tx, &found->thread, look->now_ms, &look->readers);
    found->readers_len = look->readers.len - found->readers_at;
    return r;
}

static enum pst_err find_all_readers(struct pst_tx *tx, struct look *look)
{
    const struct found *before = NULL;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < look->found_count; i++) {
        struct found *found = &look->found[i];
        if (!found->told)
            continue;
        r = find_readers(tx, look, found, before);
        before = found;
        found->frame_at = look->frames.len;
        if (r == PST_OK && anybody(look, found))
            r = frame(tx, look, found);
        found->frame_len = look->frames.len - found->frame_at;
    }
    return r;
}

static enum pst_err look_run(struct pst_tx *tx, void *ctx)
{
    struct look *look = ctx;
    checks_drop(look);
    look->found_count = 0;
    look->resuming = false;
    look->resume_lost = false;
    pst_buf_clear(&look->frames);
    pst_buf_clear(&look->readers);
    enum pst_err r = read_from(tx, look, &look->from, LOOK_EVENTS_MAX, &look->more);
    look->resuming = true;
    if (r == PST_OK && look->resume)
        r = read_from(tx, look, &look->resume_from, RESUME_EVENTS_MAX, &look->resume_lost);
    if (r == PST_OK)
        r = check_sessions(tx, look);
    return r == PST_OK ? find_all_readers(tx, look) : r;
}

/* ---- before and after -------------------------------------------------------- */

/* Streams that wait are taken in; how far back is to be read for them. Under the lock. */
static void take_in(struct look *look, struct pst_feed_stream *stream)
{
    stream->standing = PST_FEED_TAKEN;
    if (!stream->resumes)
        return;
    int64_t from_ms = pst_uuid_v7_ms(&stream->last);
    if (from_ms < look->now_ms - RESUME_MS) {
        stream->resumes = false;
        stream->lost = true;
        return;
    }
    if (from_ms > look->now_ms)
        from_ms = look->now_ms;
    /* What committed late may lie before the last that they were told: it may come twice. */
    pst_feed_place(from_ms - OVERLAP_MS, &stream->after);
    if (!look->resume || pst_uuid_compare(&stream->after, &look->resume_from) < 0)
        look->resume_from = stream->after;
    look->resume = true;
}

static void look_begin(struct look *look)
{
    struct pst_feed *feed = look->feed;
    if (feed->window.max == 0) {
        pst_feed_window_init(&feed->window, look->now_ms - OVERLAP_MS, WINDOW_MAX);
        feed->primed = false;
    }
    look->prime = !feed->primed;
    look->far =
        look->prime || look->now_ms - feed->far_at_ms >= FAR_MS || look->now_ms < feed->far_at_ms;
    int64_t newest_ms = pst_feed_window_newest_ms(&feed->window);
    int64_t near_ms = newest_ms < look->now_ms ? newest_ms : look->now_ms;
    look->from =
        look->far ? feed->window.floor : pst_feed_window_from(&feed->window, near_ms - NEAR_MS);
    if (look->prime && newest_ms > 0) /* priming goes on where it was */
        look->from = feed->window.ids[feed->window.count - 1];
    (void)pthread_mutex_lock(&feed->lock);
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        if (stream->standing == PST_FEED_JOINING && !look->prime)
            take_in(look, stream);
    (void)pthread_mutex_unlock(&feed->lock);
}

/* The look failed: who was taken in waits for the next. */
static void look_undo(const struct look *look)
{
    struct pst_feed *feed = look->feed;
    (void)pthread_mutex_lock(&feed->lock);
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        if (stream->standing == PST_FEED_TAKEN)
            stream->standing = PST_FEED_JOINING;
    (void)pthread_mutex_unlock(&feed->lock);
}

/* Who missed more than a queue holds loads anew, and goes on from here. */
static void give_missed(struct pst_feed_stream *stream, struct pst_bytes frame, int64_t now_ms)
{
    if (stream->queue.len + frame.len > PST_FEED_QUEUE_MAX_BYTES) {
        /* Nothing of it has left: the lock is held since it was empty. */
        pst_buf_clear(&stream->queue);
        stream->lost = true;
    }
    if (!stream->lost)
        pst_feed_give(stream, frame, now_ms);
}

static void give_found(const struct look *look, const struct found *found,
                       struct pst_feed_stream *stream)
{
    if (found->frame_len == 0)
        return;
    struct pst_bytes frame = pst_bytes(look->frames.bytes + found->frame_at, found->frame_len);
    if (!found->resumed)
        pst_feed_give(stream, frame, look->now_ms);
    else if (!look->resume_lost)
        give_missed(stream, frame, look->now_ms);
}

/* Taken in: told whether it missed anything, and that it listens from here on. */
static void welcome(const struct look *look, struct pst_feed_stream *stream)
{
    PST_BUF struct pst_buf frames = {.max = 2 * PST_FEED_FRAME_MAX_BYTES};
    enum pst_err r = PST_OK;
    if (stream->lost || (stream->resumes && look->resume_lost))
        r = pst_feed_frame_reset(&frames, "too-old");
    if (r == PST_OK)
        r = pst_feed_frame_ready(&frames, &look->feed->place, look->now_ms);
    stream->standing = PST_FEED_LIVE;
    if (r == PST_OK)
        pst_feed_give(stream, pst_buf_bytes(&frames), look->now_ms);
    else
        pst_feed_end(stream);
}

/* Sessions first: whose is over is told nothing more. */
static void give_all(const struct look *look)
{
    struct pst_feed *feed = look->feed;
    (void)pthread_mutex_lock(&feed->lock);
    for (size_t i = 0; i < look->checks_count; i++) {
        const struct check *check = &look->checks[i];
        check->stream->check_at_ms = check->next_ms;
        if (check->over)
            pst_feed_end(check->stream);
    }
    for (size_t i = 0; i < look->found_count; i++)
        if (look->found[i].told)
            (void)each_reader(look, &look->found[i], give_found);
    for (struct pst_feed_stream *stream = pst_feed_next(feed, NULL); stream != NULL;
         stream = pst_feed_next(feed, stream))
        if (stream->standing == PST_FEED_TAKEN && !stream->ended)
            welcome(look, stream);
    (void)pthread_mutex_unlock(&feed->lock);
}

static enum pst_err look_end(const struct look *look)
{
    struct pst_feed *feed = look->feed;
    enum pst_err r = pst_feed_window_reserve(&feed->window, look->found_count);
    if (r != PST_OK)
        return r;
    for (size_t i = 0; i < look->found_count; i++)
        if (!look->found[i].resumed)
            pst_feed_window_add(&feed->window, &look->found[i].id);
    if (look->prime && !look->more)
        feed->primed = true;
    if (look->far)
        feed->far_at_ms = look->now_ms;
    if (!look->more) {
        pst_feed_place(look->now_ms, &feed->place);
        pst_feed_window_slide(&feed->window, look->now_ms - OVERLAP_MS);
    }
    return PST_OK;
}

enum pst_err pst_feed_look(struct pst_feed *feed)
{
    struct pst_live_config *live = pst_live_take(feed->live);
    struct look look = {.feed = feed, .config = live->config, .now_ms = pst_clock_now(NULL)};
    pst_buf_init(&look.frames, FRAMES_MAX_BYTES);
    pst_buf_init(&look.readers, READERS_MAX_BYTES);
    look_begin(&look);
    enum pst_err r = pst_store_read(feed->store, look_run, &look);
    if (r == PST_OK)
        r = look_end(&look);
    if (r == PST_OK)
        give_all(&look);
    else
        look_undo(&look);
    bool again = r == PST_OK && (look.prime || look.more);
    look_clear(&look);
    pst_live_put(feed->live, &live);
    if (again)
        atomic_store(&feed->woken, true);
    return r;
}

void pst_feed_look_forget(struct pst_feed *feed)
{
    pst_feed_window_free(&feed->window);
    feed->primed = false;
}
