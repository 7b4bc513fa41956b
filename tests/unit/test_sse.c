/* Server-sent events in pieces of any size. */
#include "client/cli/sse.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#define HEARD_SIZE 4096

struct heard {
    char text[HEARD_SIZE];
    struct pst_sse sse;
    enum pst_err answer;
};

static enum pst_err hear(void *ctx, const struct pst_sse_event *event)
{
    struct heard *heard = ctx;
    size_t len = strlen(heard->text);
    snprintf(heard->text + len, HEARD_SIZE - len, "%s %s %s;", event->name, heard->sse.id,
             event->data);
    return heard->answer;
}

static enum pst_err push(struct heard *heard, const char *text, size_t piece)
{
    enum pst_err r = PST_OK;
    for (size_t at = 0; r == PST_OK && at < strlen(text); at += piece) {
        size_t left = strlen(text) - at;
        r = pst_sse_push(&heard->sse, pst_bytes(text + at, left < piece ? left : piece));
    }
    return r;
}

START_TEST(events_come_whole_in_whatever_pieces)
{
    static const struct {
        const char *name;
        const char *text;
        const char *heard;
    } cases[] = {
        {"one", "event: message\nid: 7\ndata: {}\n\n", "message 7 {};"},
        {"no name", "data: a\n\n", "message  a;"},
        {"no space", "event:state\ndata:a\n\n", "state  a;"},
        {"lines of data", "data: a\ndata: b\n\n", "message  a\nb;"},
        {"carriage returns", "event: x\r\ndata: a\r\n\r\n", "x  a;"},
        {"a comment", ": data: a\n\n", ""},
        {"a beat", ":\nid: 9\n\ndata: a\n\n", "message 9 a;"},
        {"the id stays", "id: 1\ndata: a\n\ndata: b\n\n", "message 1 a;message 1 b;"},
        {"the name does not", "event: x\n\ndata: b\n\n", "message  b;"},
        {"unknown fields", "retry: 3\nwhatever\ndata: b\n\n", "message  b;"},
        {"not ended", "data: a\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece < 50; piece++) {
            struct heard heard = {0};
            pst_sse_init(&heard.sse, hear, &heard);
            ck_assert_int_eq(push(&heard, cases[i].text, piece), PST_OK);
            ck_assert_msg(strcmp(heard.text, cases[i].heard) == 0, "%s: %s", cases[i].name,
                          heard.text);
            pst_sse_free(&heard.sse);
        }
}
END_TEST

START_TEST(a_new_stream_forgets_half_an_event_and_keeps_the_id)
{
    struct heard heard = {0};
    pst_sse_init(&heard.sse, hear, &heard);
    ck_assert_int_eq(push(&heard, "id: 1\ndata: a\n\nevent: x\nid: 2\ndata: half", 100), PST_OK);
    pst_sse_restart(&heard.sse);
    ck_assert_str_eq(heard.sse.id, "1");
    ck_assert_int_eq(push(&heard, "data: b\n\n", 100), PST_OK);
    ck_assert_str_eq(heard.text, "message 1 a;message 1 b;");
    pst_sse_free(&heard.sse);
}
END_TEST

START_TEST(lines_and_data_are_bounded)
{
    static const char *const parts[] = {"x", "data: 0123456789\n"};
    for (size_t i = 0; i < 2; i++) {
        struct heard heard = {0};
        enum pst_err r = PST_OK;
        pst_sse_init(&heard.sse, hear, &heard);
        for (size_t sent = 0; r == PST_OK && sent < 4 * PST_SSE_MAX_BYTES; sent++)
            r = push(&heard, parts[i], 100);
        ck_assert_int_eq(r, PST_ERR_TOO_LONG);
        ck_assert_uint_le(heard.sse.line.len, PST_SSE_MAX_BYTES);
        ck_assert_uint_le(heard.sse.data.len, PST_SSE_MAX_BYTES);
        pst_sse_free(&heard.sse);
    }
}
END_TEST

START_TEST(an_error_of_the_event_stops_and_comes_back)
{
    struct heard heard = {.answer = PST_ERR_IO};
    pst_sse_init(&heard.sse, hear, &heard);
    ck_assert_int_eq(push(&heard, "data: a\n\ndata: b\n\n", 100), PST_ERR_IO);
    ck_assert_str_eq(heard.text, "message  a;");
    pst_sse_free(&heard.sse);
}
END_TEST

PST_UNIT_MAIN("sse", events_come_whole_in_whatever_pieces,
              a_new_stream_forgets_half_an_event_and_keeps_the_id, lines_and_data_are_bounded,
              an_error_of_the_event_stops_and_comes_back)
