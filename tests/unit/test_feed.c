/*
 * Live streams: frames, the window over the record, and GET /v1/stream on a
 * practice whose changes are written into the store by others, as another
 * gateway would.
 */
#include "postern/event.h"
#include "server/store/feed.h"
#include "server/store/messages.h"
#include "server/store/threads.h"
#include "server/web/feed.h"
#include "server/web/feed_frame.h"
#include "server/web/feed_window.h"
#include "web_fixture.h"

/* ---- frames ------------------------------------------------------------------ */

static const struct pst_uuid some = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16}};
#define SOME "01020304-0506-7008-800a-0b0c0d0e0f10"

START_TEST(frames_are_server_sent_events)
{
    struct pst_buf out = {.max = 4096};
    struct pst_message message = {.id = some, .thread = some, .seq = 7, .sender = some};
    ck_assert_int_eq(pst_feed_frame_message(&out, &some, &message), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out),
                     "event: message\nid: " SOME "\ndata: {\"thread\":\"" SOME "\",\"id\":\"" SOME
                     "\",\"seq\":7,\"from\":\"" SOME "\",\"category\":\"general\","
                     "\"accepted\":\"1970-01-01T00:00:00.000Z\",\"size\":0,\"attachments\":0,"
                     "\"images\":0}\n\n");
    ck_assert_uint_le(out.len, PST_FEED_FRAME_MAX_BYTES);
    pst_buf_clear(&out);
    ck_assert_int_eq(pst_feed_frame_state(&out, &some, &some, &some, PST_FEED_OPENED, 0), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out),
                     "event: state\nid: " SOME "\ndata: {\"thread\":\"" SOME "\",\"id\":\"" SOME
                     "\",\"state\":\"opened\",\"at\":\"1970-01-01T00:00:00.000Z\"}\n\n");
    pst_buf_clear(&out);
    ck_assert_int_eq(pst_feed_frame_reset(&out, "too-old"), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), "event: reset\ndata: {\"why\":\"too-old\"}\n\n");
    pst_buf_clear(&out);
    ck_assert_int_eq(pst_feed_frame_beat(&out, &some), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), ":\nid: " SOME "\n\n");
    pst_buf_free(&out);
}
END_TEST

START_TEST(the_longest_message_fits_a_frame)
{
    struct pst_buf out = {.max = PST_FEED_FRAME_MAX_BYTES};
    struct pst_message message = {.id = some,
                                  .thread = some,
                                  .seq = INT64_MAX,
                                  .sender = some,
                                  .category = PST_CATEGORY__MAX - 1,
                                  .accepted_ms = PST_TIME_MAX_MS,
                                  .size_bytes = INT64_MAX,
                                  .attachments = INT64_MAX,
                                  .images = INT64_MAX};
    ck_assert_int_eq(pst_feed_frame_message(&out, &some, &message), PST_OK);
    pst_buf_free(&out);
}
END_TEST

START_TEST(a_cut_queue_ends_with_a_whole_frame)
{
    static const struct {
        const char *queue;
        const char *left;
    } cases[] = {
        {"", ""},
        {"data: a\n\n", "data: a\n\n"},
        {"ta: a\n\ndata: b\n\n", "ta: a\n\n"},
        /* One of the two line feeds has left: what follows goes with it. */
        {"\ndata: b\n\ndata: c\n\n", "\ndata: b\n\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_buf queue = {.max = 64};
        ck_assert_int_eq(pst_buf_append_str(&queue, cases[i].queue), PST_OK);
        pst_feed_frame_cut(&queue);
        ck_assert_str_eq(pst_buf_str(&queue), cases[i].left);
        pst_buf_free(&queue);
    }
}
END_TEST

/* ---- the window ---------------------------------------------------------------- */

static struct pst_uuid at_ms(int64_t ms, uint8_t more)
{
    struct pst_uuid id;
    pst_feed_place(ms, &id);
    id.bytes[15] = more;
    return id;
}

static void window_add(struct pst_feed_window *window, int64_t ms, uint8_t more)
{
    struct pst_uuid id = at_ms(ms, more);
    ck_assert_int_eq(pst_feed_window_reserve(window, 1), PST_OK);
    pst_feed_window_add(window, &id);
}

static bool window_has(const struct pst_feed_window *window, int64_t ms, uint8_t more)
{
    struct pst_uuid id = at_ms(ms, more);
    return pst_feed_window_has(window, &id);
}

START_TEST(a_place_is_the_least_of_its_millisecond)
{
    struct pst_uuid place, id;
    pst_feed_place(1234567890123, &place);
    ck_assert(pst_uuid_is_v7(&place));
    ck_assert_int_eq(pst_uuid_v7_ms(&place), 1234567890123);
    for (int i = 0; i < 100; i++) {
        pst_uuid_v7(1234567890123, NULL, &id);
        ck_assert_int_le(pst_uuid_compare(&place, &id), 0);
        pst_uuid_v7(1234567890122, NULL, &id);
        ck_assert_int_gt(pst_uuid_compare(&place, &id), 0);
    }
    pst_feed_place(-5, &place);
    ck_assert_int_eq(pst_uuid_v7_ms(&place), 0);
}
END_TEST

START_TEST(the_window_knows_what_came_late)
{
    struct pst_feed_window window;
    pst_feed_window_init(&window, 1000, 100);
    ck_assert(window_has(&window, 999, 1));
    ck_assert(!window_has(&window, 2000, 1));
    window_add(&window, 2000, 1);
    window_add(&window, 3000, 1);
    ck_assert(!window_has(&window, 2500, 1));
    window_add(&window, 2500, 1);
    window_add(&window, 2500, 1);
    ck_assert_uint_eq(window.count, 3);
    ck_assert(window_has(&window, 2500, 1));
    ck_assert(!window_has(&window, 2500, 2));
    ck_assert_int_eq(pst_feed_window_newest_ms(&window), 3000);
    pst_feed_window_slide(&window, 2600);
    ck_assert_uint_eq(window.count, 1);
    ck_assert(window_has(&window, 2500, 2));
    pst_feed_window_slide(&window, 100);
    ck_assert(window_has(&window, 2500, 2));
    struct pst_uuid from = pst_feed_window_from(&window, 10);
    ck_assert(pst_uuid_equal(&from, &window.floor));
    from = pst_feed_window_from(&window, 2800);
    ck_assert_int_eq(pst_uuid_v7_ms(&from), 2800);
    pst_feed_window_free(&window);
}
END_TEST

START_TEST(the_window_is_bounded)
{
    struct pst_feed_window window;
    pst_feed_window_init(&window, 0, 80);
    for (int64_t i = 1; i <= 1000; i++)
        window_add(&window, i, 1);
    ck_assert_uint_le(window.count, 80);
    ck_assert_uint_le(window.cap, 80);
    /* Whatever it forgot counts as seen: nothing is told twice. */
    for (int64_t i = 1; i <= 1000; i++)
        ck_assert(window_has(&window, i, 1));
    ck_assert(!window_has(&window, 1000, 2));
    pst_feed_window_free(&window);
}
END_TEST

/* ---- what others write ------------------------------------------------------------ */

static void put_event(struct web_fixture *f, enum pst_event_kind kind, enum who actor,
                      const struct pst_uuid *thread, const struct pst_uuid *message, int64_t ms)
{
    struct pst_event event;
    struct pst_buf line = {.max = 4096};
    pst_event_init(&event, kind, ms, NULL);
    event.has = PST_EVENT_HAS_ACTOR | PST_EVENT_HAS_ROLE;
    event.actor = f->practice.people[actor].id;
    event.role = actor == PAT ? PST_ROLE_PATIENT : PST_ROLE_CLINICIAN;
    if (thread != NULL) {
        event.has |= PST_EVENT_HAS_THREAD | PST_EVENT_HAS_MESSAGE;
        event.thread = *thread;
        event.message = *message;
    }
    if (kind == PST_EVENT_EXCHANGE) {
        event.has |= PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL;
        event.channel = PST_CHANNEL_PORTAL;
        snprintf(event.code, sizeof event.code, "accepted");
    }
    ck_assert_int_eq(pst_event_write(&event, &line), PST_OK);
    practice_bind(&f->practice, "INSERT INTO event (id, line) VALUES (?1, ?2)", "ut", &event.id,
                  pst_buf_str(&line));
    pst_buf_free(&line);
}

/* A message that another gateway accepted, written down at that time. */
static void accept_at(struct web_fixture *f, const struct pst_uuid *thread, enum who from,
                      int64_t seq, int64_t ms)
{
    struct pst_uuid id;
    pst_uuid_v7(ms, NULL, &id);
    practice_bind(&f->practice,
                  "INSERT INTO message (id, thread, seq, sender, category, sent_ms, accepted_ms, "
                  "size_bytes, attachments, images, hash, event) "
                  "VALUES (?1, ?2, ?4, ?3, 0, ?5, ?5, 10, 0, 0, ?1, ?1)",
                  "uuuii", &id, thread, &f->practice.people[from].id, seq, ms);
    put_event(f, PST_EVENT_EXCHANGE, from, thread, &id, ms);
}

static void accept_now(struct web_fixture *f, const struct pst_uuid *thread, enum who from,
                       int64_t seq)
{
    accept_at(f, thread, from, seq, pst_clock_now(NULL));
}

/* ---- a reader --------------------------------------------------------------------- */

struct reader {
    int fd;
    struct pst_buf raw;  /* as it came */
    struct pst_buf text; /* without HTTP */
    size_t decoded;      /* of raw */
    bool ended;          /* the last chunk, or the connection's end */
};

/* The chunks that are whole. */
static void decode(struct reader *reader)
{
    const char *all = pst_buf_str(&reader->raw);
    if (reader->decoded == 0) {
        const char *head = strstr(all, "\r\n\r\n");
        if (head == NULL)
            return;
        reader->decoded = (size_t)(head - all) + 4;
    }
    for (;;) {
        char *end = NULL;
        const char *at = all + reader->decoded;
        size_t left = reader->raw.len - reader->decoded;
        if (memmem(at, left, "\r\n", 2) == NULL)
            return;
        size_t size = strtoul(at, &end, 16);
        size_t whole = (size_t)(end - at) + 2 + size + 2;
        if (whole > left)
            return;
        if (size == 0)
            reader->ended = true;
        ck_assert_int_eq(pst_buf_append(&reader->text, end + 2, size), PST_OK);
        reader->decoded += whole;
    }
}

/* What has come within that time; false: nothing. */
static bool more(struct reader *reader, int wait_ms)
{
    char piece[65536];
    struct pollfd poll_fd = {.fd = reader->fd, .events = POLLIN};
    if (reader->ended || poll(&poll_fd, 1, wait_ms) != 1)
        return false;
    ssize_t len = read(reader->fd, piece, sizeof piece);
    if (len <= 0)
        reader->ended = true;
    else
        ck_assert_int_eq(pst_buf_append(&reader->raw, piece, (size_t)len), PST_OK);
    decode(reader);
    return true;
}

static void listen_from(struct web_fixture *f, enum who who, const char *last,
                        struct reader *ret_reader)
{
    char line[128] = "";
    *ret_reader = (struct reader){.fd = web_connect(f),
                                  .raw = {.max = (size_t)16 * 1024 * 1024},
                                  .text = {.max = (size_t)16 * 1024 * 1024}};
    if (last != NULL)
        snprintf(line, sizeof line, "Last-Event-ID: %s\r\n", last);
    web_head(f, ret_reader->fd, who, "GET /v1/stream", "", -1, line);
}

static size_t times(const char *text, const char *what)
{
    size_t count = 0;
    while ((text = strstr(text, what)) != NULL) {
        count++;
        text += strlen(what);
    }
    return count;
}

/* Wait until it has heard that so many times. */
static void hears(struct reader *reader, const char *what, size_t count)
{
    while (times(pst_buf_str(&reader->text), what) < count)
        if (!more(reader, WEB_WAIT_MS))
            break;
    ck_assert_msg(times(pst_buf_str(&reader->text), what) == count, "not %zu times %s: %s\n%s",
                  count, what, pst_buf_str(&reader->text), pst_buf_str(&reader->raw));
}

static void ends(struct reader *reader)
{
    while (!reader->ended)
        ck_assert_msg(more(reader, WEB_WAIT_MS), "it goes on: %s", pst_buf_str(&reader->text));
}

static void hang_up(struct reader *reader)
{
    close(reader->fd);
    pst_buf_free(&reader->raw);
    pst_buf_free(&reader->text);
}

static void listens(struct web_fixture *f, enum who who, struct reader *ret_reader)
{
    listen_from(f, who, NULL, ret_reader);
    hears(ret_reader, "event: ready\n", 1);
}

/* The last place it was told of. */
static void last_place(const struct reader *reader, char *ret_place)
{
    const char *at = pst_buf_str(&reader->text);
    const char *found = NULL;
    while ((at = strstr(at, "\nid: ")) != NULL)
        found = at = at + 5;
    ck_assert_ptr_nonnull(found);
    snprintf(ret_place, PST_UUID_TEXT_SIZE, "%.36s", found);
}

/* ---- who hears what ----------------------------------------------------------------- */

START_TEST(members_hear_of_messages_and_nobody_else)
{
    static const enum who members[] = {ADA, BEN, PAT, REP};
    struct web_fixture f;
    struct reader readers[4], other;
    web_open(&f);
    accept_now(&f, &f.practice.thread, ADA, 1);
    for (int i = 0; i < 4; i++)
        listens(&f, members[i], &readers[i]);
    listens(&f, CARA, &other);
    ck_assert_ptr_nonnull(strstr(pst_buf_str(&other.raw), "Content-Type: text/event-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(pst_buf_str(&other.raw), "Cache-Control: no-store\r\n"));
    accept_now(&f, &f.practice.thread, ADA, 2);
    for (int i = 0; i < 4; i++) {
        hears(&readers[i], "\"seq\":2,", 1);
        /* What was there before is for lists to say. */
        hears(&readers[i], "\"seq\":1,", 0);
    }
    accept_now(&f, &f.practice.room, ADA, 1);
    hears(&other, "\"seq\":1,", 1);
    hears(&other, "event: message\n", 1);
    hears(&readers[0], "event: message\n", 2);
    accept_now(&f, &f.practice.thread, PAT, 3);
    hears(&readers[2], "event: message\n", 2);
    for (int i = 0; i < 4; i++)
        hang_up(&readers[i]);
    hang_up(&other);
    web_close(&f);
}
END_TEST

START_TEST(states_are_told_and_other_events_are_not)
{
    struct web_fixture f;
    struct reader reader;
    struct pst_uuid message;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &message);
    listens(&f, PAT, &reader);
    int64_t now = pst_clock_now(NULL);
    put_event(&f, PST_EVENT_REPORT, ADA, &f.practice.thread, &message, now);
    put_event(&f, PST_EVENT_FETCHED, ADA, &f.practice.thread, &message, now + 1);
    put_event(&f, PST_EVENT_OPENED, ADA, &f.practice.thread, &message, now + 2);
    practice_exec(&f.practice, "INSERT INTO event (id, line) VALUES (x'ff', 'nonsense')");
    put_event(&f, PST_EVENT_RETRACTION, BEN, &f.practice.thread, &message, now + 3);
    hears(&reader, "\"state\":\"retracted\"", 1);
    hears(&reader, "\"state\":\"fetched\"", 1);
    hears(&reader, "\"state\":\"opened\"", 1);
    hears(&reader, "event: ", 4);
    hang_up(&reader);
    web_close(&f);
}
END_TEST

START_TEST(what_commits_late_is_told_once)
{
    struct web_fixture f;
    struct reader reader;
    web_open(&f);
    listens(&f, PAT, &reader);
    int64_t now = pst_clock_now(NULL);
    accept_at(&f, &f.practice.thread, ADA, 1, now);
    hears(&reader, "\"seq\":1,", 1);
    /* Within what each look goes back, and beyond it. */
    accept_at(&f, &f.practice.thread, ADA, 2, now - 500);
    accept_at(&f, &f.practice.thread, ADA, 3, now - 15000);
    hears(&reader, "\"seq\":2,", 1);
    hears(&reader, "\"seq\":3,", 1);
    accept_at(&f, &f.practice.thread, ADA, 4, pst_clock_now(NULL));
    hears(&reader, "\"seq\":4,", 1);
    hears(&reader, "event: message\n", 4);
    hang_up(&reader);
    web_close(&f);
}
END_TEST

START_TEST(whoever_comes_back_misses_nothing)
{
    struct web_fixture f;
    struct reader reader;
    char place[PST_UUID_TEXT_SIZE];
    web_open(&f);
    listens(&f, PAT, &reader);
    accept_now(&f, &f.practice.thread, ADA, 1);
    hears(&reader, "\"seq\":1,", 1);
    last_place(&reader, place);
    hang_up(&reader);
    accept_now(&f, &f.practice.thread, ADA, 2);
    accept_at(&f, &f.practice.thread, ADA, 3, pst_clock_now(NULL) - 5000);
    accept_now(&f, &f.practice.room, ADA, 1);
    listen_from(&f, PAT, place, &reader);
    hears(&reader, "event: ready\n", 1);
    hears(&reader, "\"seq\":2,", 1);
    hears(&reader, "\"seq\":3,", 1);
    hears(&reader, "event: reset\n", 0);
    accept_now(&f, &f.practice.thread, ADA, 4);
    hears(&reader, "\"seq\":4,", 1);
    hears(&reader, "\"seq\":2,", 1);
    hang_up(&reader);
    web_close(&f);
}
END_TEST

START_TEST(whoever_was_away_too_long_loads_anew)
{
    struct web_fixture f;
    struct reader reader;
    struct pst_uuid id;
    char place[PST_UUID_TEXT_SIZE];
    web_open(&f);
    pst_uuid_v7(pst_clock_now(NULL) - PST_HOUR_MS, NULL, &id);
    pst_uuid_format(&id, place);
    const char *const places[] = {place, "7", "00000000-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < 3; i++) {
        listen_from(&f, PAT, places[i], &reader);
        hears(&reader, "event: ready\n", 1);
        hears(&reader, "event: reset\n", 1);
        accept_now(&f, &f.practice.thread, ADA, (int64_t)i + 1);
        hears(&reader, "event: message\n", 1);
        hang_up(&reader);
    }
    web_close(&f);
}
END_TEST

/* ---- who is not told any more ---------------------------------------------------------- */

START_TEST(a_stream_ends_with_its_session)
{
    struct web_fixture f;
    struct reader ada, ben, pat;
    struct answer answer;
    web_open(&f);
    listens(&f, ADA, &ada);
    listens(&f, BEN, &ben);
    listens(&f, PAT, &pat);
    web_ask(&f, PAT, "DELETE /v1/session", "", pst_bytes(NULL, 0), &answer);
    ck_assert_int_eq(answer.status, 204);
    answer_free(&answer);
    ends(&pat);
    /* Disabled by somebody at another gateway. */
    practice_bind(&f.practice, "UPDATE person SET state = 2 WHERE id = ?1", "u",
                  &f.practice.people[ADA].id);
    put_event(&f, PST_EVENT_ROLE, BEN, NULL, NULL, pst_clock_now(NULL));
    accept_now(&f, &f.practice.thread, BEN, 1);
    ends(&ada);
    hears(&ada, "event: message\n", 0);
    hears(&ben, "event: message\n", 1);
    ck_assert(!ben.ended);
    hang_up(&ada);
    hang_up(&ben);
    hang_up(&pat);
    web_close(&f);
}
END_TEST

START_TEST(a_stream_ends_when_its_session_is_over)
{
    struct web_fixture f;
    struct reader reader;
    web_open(&f);
    practice_bind(&f.practice, "UPDATE session SET expires_at_ms = ?1 WHERE person = ?2", "iu",
                  pst_clock_now(NULL) + 1500, &f.practice.people[PAT].id);
    listens(&f, PAT, &reader);
    int64_t before_ms = pst_clock_now(NULL);
    ends(&reader);
    ck_assert_int_lt(pst_clock_now(NULL) - before_ms, 10000);
    hang_up(&reader);
    web_close(&f);
}
END_TEST

START_TEST(a_stream_is_no_use_of_its_session)
{
    struct web_fixture f;
    struct reader reader;
    web_open(&f);
    int64_t used_ms = pst_clock_now(NULL) - 5 * PST_MINUTE_MS;
    practice_bind(&f.practice, "UPDATE session SET used_at_ms = ?1", "i", used_ms);
    listens(&f, PAT, &reader);
    accept_now(&f, &f.practice.thread, ADA, 1);
    hears(&reader, "event: message\n", 1);
    ck_assert_int_eq(practice_count(&f.practice, "SELECT max(used_at_ms) FROM session"), used_ms);
    hang_up(&reader);
    web_close(&f);
}
END_TEST

START_TEST(who_is_no_member_any_more_hears_no_more)
{
    struct web_fixture f;
    struct reader pat, rep, ben;
    web_open(&f);
    listens(&f, PAT, &pat);
    listens(&f, REP, &rep);
    listens(&f, BEN, &ben);
    accept_now(&f, &f.practice.thread, ADA, 1);
    hears(&rep, "event: message\n", 1);
    hears(&ben, "event: message\n", 1);
    practice_exec(&f.practice, "UPDATE representative SET ended_at_ms = 1");
    practice_bind(&f.practice, "DELETE FROM team_member WHERE person = ?1", "u",
                  &f.practice.people[BEN].id);
    accept_now(&f, &f.practice.thread, ADA, 2);
    hears(&pat, "\"seq\":2,", 1);
    practice_exec(&f.practice, "UPDATE representative SET ended_at_ms = NULL");
    practice_join(&f.practice, &f.practice.team, BEN);
    accept_now(&f, &f.practice.thread, ADA, 3);
    hears(&rep, "\"seq\":3,", 1);
    hears(&rep, "\"seq\":2,", 0);
    hears(&ben, "\"seq\":3,", 1);
    hears(&ben, "\"seq\":2,", 0);
    hang_up(&pat);
    hang_up(&rep);
    hang_up(&ben);
    web_close(&f);
}
END_TEST

/* ---- limits ---------------------------------------------------------------------------- */

static int status_of(struct web_fixture *f, enum who who)
{
    struct answer answer;
    web_ask(f, who, "GET /v1/stream", "", pst_bytes(NULL, 0), &answer);
    int status = answer.status;
    if (status == 429) {
        ck_assert_str_eq(answer_text(&answer, "code"), "rate-limited");
        ck_assert_ptr_nonnull(strstr(answer.head, "Retry-After: 5"));
    }
    answer_free(&answer);
    return status;
}

START_TEST(a_session_has_few_streams_and_gets_them_back)
{
    struct web_fixture f;
    struct reader readers[PST_FEED_PER_SESSION_MAX];
    web_open(&f);
    for (int i = 0; i < PST_FEED_PER_SESSION_MAX; i++)
        listens(&f, PAT, &readers[i]);
    ck_assert_int_eq(status_of(&f, PAT), 429);
    ck_assert_int_eq(status_of(&f, ADA), 200);
    /* Nothing is sent to whoever hung up: that they are gone is noticed all the same. */
    hang_up(&readers[0]);
    int64_t until_ms = pst_clock_now(NULL) + WEB_WAIT_MS;
    while (status_of(&f, PAT) == 429)
        ck_assert_int_lt(pst_clock_now(NULL), until_ms);
    for (int i = 1; i < PST_FEED_PER_SESSION_MAX; i++)
        hang_up(&readers[i]);
    web_close(&f);
}
END_TEST

START_TEST(a_reader_who_does_not_read_is_cut_off)
{
    struct web_fixture f;
    struct reader slow, quick;
    struct pst_uuid message;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &message);
    listens(&f, PAT, &slow);
    listens(&f, ADA, &quick);
    /* More than its queue, the library and the socket hold together; she keeps up. */
    enum { ROUNDS = 24, EVENTS_A_ROUND = 100 };
    for (int round = 0; round < ROUNDS; round++) {
        int64_t now = pst_clock_now(NULL);
        practice_exec(&f.practice, "BEGIN");
        for (int i = 0; i < EVENTS_A_ROUND; i++)
            put_event(&f, PST_EVENT_OPENED, ADA, &f.practice.thread, &message, now + i);
        practice_exec(&f.practice, "COMMIT");
        hears(&quick, "event: state\n", EVENTS_A_ROUND);
        hears(&quick, "event: reset\n", 0);
        pst_buf_clear(&quick.text);
    }
    ends(&slow);
    hears(&slow, "event: reset\ndata: {\"why\":\"too-slow\"}\n\n", 1);
    ck_assert_uint_lt(times(pst_buf_str(&slow.text), "event: state\n"), ROUNDS * EVENTS_A_ROUND);
    hears(&quick, "event: reset\n", 0);
    /* Every frame is whole. */
    ck_assert_uint_eq(times(pst_buf_str(&slow.text), "event: "),
                      times(pst_buf_str(&slow.text), "}\n\n"));
    hang_up(&slow);
    hang_up(&quick);
    web_close(&f);
}
END_TEST

START_TEST(draining_ends_streams_at_once)
{
    struct web_fixture f;
    struct reader reader;
    web_open(&f);
    listens(&f, PAT, &reader);
    ck_assert_uint_ge(pst_web_busy(f.web), 1);
    int64_t before_ms = pst_clock_now(NULL);
    pst_web_drain(f.web);
    ends(&reader);
    while (pst_web_busy(f.web) > 0)
        ck_assert_int_lt(pst_clock_now(NULL) - before_ms, WEB_WAIT_MS);
    ck_assert_int_lt(pst_clock_now(NULL) - before_ms, 2000);
    hang_up(&reader);
    ck_assert_int_eq(status_of(&f, PAT), 429);
    web_close(&f);
}
END_TEST

START_TEST(a_leaving_door_ends_streams_for_a_while)
{
    struct web_fixture f;
    struct reader reader;
    web_open(&f);
    listens(&f, PAT, &reader);
    pst_web_hush(f.web);
    ends(&reader);
    hang_up(&reader);
    ck_assert_int_eq(status_of(&f, PAT), 429);
    struct answer answer;
    web_ask(&f, PAT, "GET /v1/session", "", pst_bytes(NULL, 0), &answer);
    ck_assert_int_eq(answer.status, 200);
    answer_free(&answer);
    web_close(&f);
}
END_TEST

START_TEST(head_opens_nothing)
{
    struct web_fixture f;
    struct answer answer;
    web_open(&f);
    for (int i = 0; i < 2 * PST_FEED_PER_SESSION_MAX; i++) {
        web_ask(&f, PAT, "HEAD /v1/stream", "", pst_bytes(NULL, 0), &answer);
        ck_assert_int_eq(answer.status, 200);
        answer_free(&answer);
    }
    web_close(&f);
}
END_TEST

/* ---- the statement ---------------------------------------------------------------------- */

struct asked {
    const struct pst_uuid *thread;
    const struct pst_uuid *person;
    int64_t now_ms;
    bool sees;
    bool reads;
};

static enum pst_err ask(struct pst_tx *tx, void *ctx)
{
    struct asked *asked = ctx;
    struct pst_thread thread;
    struct pst_buf people = {.max = 4096};
    enum pst_err r = pst_thread_get(tx, asked->thread, asked->person, asked->now_ms, &thread);
    asked->sees = r == PST_OK;
    if (r == PST_OK || r == PST_ERR_NOT_FOUND)
        r = pst_thread_readers(tx, asked->thread, asked->now_ms, &people);
    asked->reads = false;
    for (size_t at = 0; at < people.len; at += PST_UUID_BYTES)
        asked->reads |= memcmp(people.bytes + at, asked->person->bytes, PST_UUID_BYTES) == 0;
    pst_buf_free(&people);
    return r;
}

START_TEST(readers_are_those_who_may_see_the_thread)
{
    static const char *const changes[] = {
        "SELECT 1",
        "UPDATE person SET state = 2 WHERE roles = 8",
        "UPDATE person SET state = 1, roles = 32 WHERE roles = 8",
        "UPDATE person SET roles = 8 WHERE roles = 32",
        "UPDATE representative SET until_days = 1",
        "UPDATE representative SET until_days = 9999999",
        "UPDATE representative SET ended_at_ms = 1",
        "DELETE FROM team_member",
        "DELETE FROM room_member",
    };
    struct practice practice;
    size_t seen = 0;
    size_t unseen = 0;
    practice_open(&practice);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        practice_exec(&practice, changes[i]);
        for (int who = 0; who < 2 * WHO__MAX; who++) {
            struct asked asked = {.thread = who % 2 == 0 ? &practice.thread : &practice.room,
                                  .person = &practice.people[who / 2].id,
                                  .now_ms = practice.now_ms};
            ck_assert_int_eq(pst_store_read(practice.fixture.store, ask, &asked), PST_OK);
            ck_assert_msg(asked.sees == asked.reads, "%s: %d", changes[i], who);
            seen += asked.sees;
            unseen += !asked.sees;
        }
    }
    ck_assert_uint_gt(seen, 10);
    ck_assert_uint_gt(unseen, 10);
    practice_close(&practice);
}
END_TEST

PST_UNIT_MAIN("feed", frames_are_server_sent_events, the_longest_message_fits_a_frame,
              a_cut_queue_ends_with_a_whole_frame, a_place_is_the_least_of_its_millisecond,
              the_window_knows_what_came_late, the_window_is_bounded,
              members_hear_of_messages_and_nobody_else, states_are_told_and_other_events_are_not,
              what_commits_late_is_told_once, whoever_comes_back_misses_nothing,
              whoever_was_away_too_long_loads_anew, a_stream_ends_with_its_session,
              a_stream_ends_when_its_session_is_over, a_stream_is_no_use_of_its_session,
              who_is_no_member_any_more_hears_no_more, a_session_has_few_streams_and_gets_them_back,
              a_reader_who_does_not_read_is_cut_off, draining_ends_streams_at_once,
              a_leaving_door_ends_streams_for_a_while, head_opens_nothing,
              readers_are_those_who_may_see_the_thread)
