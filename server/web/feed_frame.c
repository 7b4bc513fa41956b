#include "server/web/feed_frame.h"

#include <string.h>

#include "postern/names.h"
#include "postern/time.h"
#include "server/store/messages.h"

/* An empty line ends a frame. */
static const char frame_end[] = "\n\n";

static const char *const state_names[PST_FEED_STATE__MAX] = {
    [PST_FEED_FETCHED] = "fetched",
    [PST_FEED_OPENED] = "opened",
    [PST_FEED_RETRACTED] = "retracted",
};

enum pst_err pst_feed_frame_message(struct pst_buf *out, const struct pst_uuid *place,
                                    const struct pst_message *message)
{
    char at[PST_UUID_TEXT_SIZE];
    char thread[PST_UUID_TEXT_SIZE];
    char id[PST_UUID_TEXT_SIZE];
    char from[PST_UUID_TEXT_SIZE];
    char accepted[PST_TIME_TEXT_SIZE];
    pst_uuid_format(place, at);
    pst_uuid_format(&message->thread, thread);
    pst_uuid_format(&message->id, id);
    pst_uuid_format(&message->sender, from);
    pst_time_format(message->accepted_ms, accepted);
    return pst_buf_printf(
        out,
        "event: message\nid: %s\ndata: {\"thread\":\"%s\",\"id\":\"%s\",\"seq\":%lld,"
        "\"from\":\"%s\",\"category\":\"%s\",\"accepted\":\"%s\",\"size\":%lld,"
        "\"attachments\":%lld,\"images\":%lld}%s",
        at, thread, id, (long long)message->seq, from, pst_category_name(message->category),
        accepted, (long long)message->size_bytes, (long long)message->attachments,
        (long long)message->images, frame_end);
}

enum pst_err pst_feed_frame_state(struct pst_buf *out, const struct pst_uuid *place,
                                  const struct pst_uuid *thread, const struct pst_uuid *message,
                                  enum pst_feed_state state, int64_t at_ms)
{
    char at[PST_UUID_TEXT_SIZE];
    char thread_text[PST_UUID_TEXT_SIZE];
    char id[PST_UUID_TEXT_SIZE];
    char time[PST_TIME_TEXT_SIZE];
    pst_uuid_format(place, at);
    pst_uuid_format(thread, thread_text);
    pst_uuid_format(message, id);
    pst_time_format(at_ms, time);
    return pst_buf_printf(out,
                          "event: state\nid: %s\ndata: {\"thread\":\"%s\",\"id\":\"%s\","
                          "\"state\":\"%s\",\"at\":\"%s\"}%s",
                          at, thread_text, id, state_names[state], time, frame_end);
}

enum pst_err pst_feed_frame_ready(struct pst_buf *out, const struct pst_uuid *place, int64_t at_ms)
{
    char at[PST_UUID_TEXT_SIZE];
    char time[PST_TIME_TEXT_SIZE];
    pst_uuid_format(place, at);
    pst_time_format(at_ms, time);
    return pst_buf_printf(out, "event: ready\nid: %s\ndata: {\"at\":\"%s\"}%s", at, time,
                          frame_end);
}

enum pst_err pst_feed_frame_reset(struct pst_buf *out, const char *why)
{
    return pst_buf_printf(out, "event: reset\ndata: {\"why\":\"%s\"}%s", why, frame_end);
}

enum pst_err pst_feed_frame_beat(struct pst_buf *out, const struct pst_uuid *place)
{
    char at[PST_UUID_TEXT_SIZE];
    pst_uuid_format(place, at);
    return pst_buf_printf(out, ":\nid: %s%s", at, frame_end);
}

void pst_feed_frame_cut(struct pst_buf *queue)
{
    const char *text = pst_buf_str(queue);
    const char *end = strstr(text, frame_end);
    size_t left = end == NULL ? 0 : (size_t)(end - text) + strlen(frame_end);
    pst_buf_truncate(queue, left);
}
