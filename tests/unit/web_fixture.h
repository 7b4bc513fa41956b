/*
 * A practice served over HTTP: the real runtime and routes on socket pairs, as
 * the door hands streams over, with sessions put into the store.
 */
#ifndef POSTERN_TESTS_WEB_FIXTURE_H
#define POSTERN_TESTS_WEB_FIXTURE_H

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "postern/base64.h"
#include "practice_fixture.h"
#include "server/handover/handover.h"
#include "server/web/daemon.h"
#include "server/web/route.h"

/* Longest a test waits for an answer. */
#define WEB_WAIT_MS 30000

struct web_fixture {
    struct practice practice;
    struct pst_web *web;
    char tokens[WHO__MAX][64];
};

struct answer {
    int status;
    char *head;         /* with its NUL */
    struct pst_buf raw; /* all of it */
    struct pst_bytes body;
    json_t *json; /* or NULL */
};

static inline void web_session(struct web_fixture *f, enum who who)
{
    struct practice *p = &f->practice;
    uint8_t token[32];
    struct pst_sha256 hash;
    struct pst_uuid id;
    struct pst_buf text = {.max = 64};
    memset(token, 'A' + (int)who, sizeof token);
    ck_assert_int_eq(pst_base64url_append(&text, pst_bytes(token, sizeof token)), PST_OK);
    snprintf(f->tokens[who], sizeof f->tokens[who], "%s", pst_buf_str(&text));
    pst_buf_free(&text);
    ck_assert_int_eq(pst_sha256(pst_bytes(token, sizeof token), &hash), PST_OK);
    pst_uuid_v7(p->now_ms, NULL, &id);
    practice_bind(p,
                  "INSERT INTO session (token_hash, id, person, created_at_ms, used_at_ms, "
                  "expires_at_ms, step_up_at_ms) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?4)",
                  "buuii", hash.bytes, 32, &id, &p->people[who].id, p->now_ms,
                  p->now_ms + PST_HOUR_MS);
}

static inline void web_open(struct web_fixture *f)
{
    memset(f, 0, sizeof *f);
    practice_open(&f->practice);
    for (int who = 0; who < WHO__MAX; who++)
        web_session(f, (enum who)who);
    struct pst_web_settings settings = {.config = f->practice.config,
                                        .origin = PRACTICE_ORIGIN,
                                        .store = f->practice.fixture.store,
                                        .vault = f->practice.vault,
                                        .routes = pst_routes,
                                        .threads = 2,
                                        .connections = 64};
    ck_assert_int_eq(pst_web_new(&settings, &f->web), PST_OK);
}

static inline void web_close(struct web_fixture *f)
{
    pst_web_free(&f->web);
    practice_close(&f->practice);
}

/* A connection of its own; the test's end. */
static inline int web_connect(struct web_fixture *f)
{
    int pair[2];
    struct pst_handover facts = {
        .kind = PST_HANDOVER_STREAM, .tls_version = PST_TLS_1_3, .aead = true};
    facts.peer.family = 4;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(pst_web_take(f->web, pair[1], &facts), PST_OK);
    return pair[0];
}

static inline void web_wait(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    ck_assert_int_eq(poll(&poll_fd, 1, WEB_WAIT_MS), 1);
}

/* Writes what it can; stops when the other end does not read any more. */
static inline void web_write(int fd, struct pst_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t len = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            web_wait(fd, POLLOUT);
            continue;
        }
        if (len <= 0)
            return;
        bytes.ptr += len;
        bytes.len -= (size_t)len;
    }
}

/* Is all of the answer there, by its Content-Length? */
static inline bool web_whole(const struct pst_buf *raw)
{
    const char *text = pst_buf_str(raw);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    if (end == NULL)
        return false;
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return raw->len >= (size_t)(end - text) + 4 + body;
}

static inline void web_read(int fd, struct answer *ret_answer)
{
    ret_answer->raw = (struct pst_buf){.max = (size_t)64 * 1024 * 1024};
    while (!web_whole(&ret_answer->raw)) {
        char piece[65536];
        web_wait(fd, POLLIN);
        ssize_t len = read(fd, piece, sizeof piece);
        if (len <= 0)
            break;
        ck_assert_int_eq(pst_buf_append(&ret_answer->raw, piece, (size_t)len), PST_OK);
    }
    const char *text = pst_buf_str(&ret_answer->raw);
    const char *end = strstr(text, "\r\n\r\n");
    ck_assert_msg(end != NULL, "no answer: %.200s", text);
    ret_answer->head = strndup(text, (size_t)(end - text));
    ret_answer->status = (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
    size_t skip = (size_t)(end - text) + 4;
    ret_answer->body = pst_bytes(ret_answer->raw.bytes + skip, ret_answer->raw.len - skip);
    ret_answer->json =
        json_loadb((const char *)ret_answer->body.ptr, ret_answer->body.len, 0, NULL);
}

static inline void answer_free(struct answer *answer)
{
    free(answer->head);
    json_decref(answer->json);
    pst_buf_free(&answer->raw);
}

/* The head of a request; length < 0: no body. */
static inline void web_head(struct web_fixture *f, int fd, enum who who, const char *line,
                            const char *type, int64_t length, const char *more)
{
    struct pst_buf head = {.max = 4096};
    ck_assert_int_eq(pst_buf_printf(&head,
                                    "%s HTTP/1.1\r\nHost: " PRACTICE_ORIGIN
                                    "\r\nAuthorization: Bearer %s\r\nConnection: close\r\n%s",
                                    line, f->tokens[who], more),
                     PST_OK);
    if (length >= 0)
        ck_assert_int_eq(pst_buf_printf(&head, "Content-Type: %s\r\nContent-Length: %lld\r\n", type,
                                        (long long)length),
                         PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&head, "\r\n"), PST_OK);
    web_write(fd, pst_buf_bytes(&head));
    pst_buf_free(&head);
}

/* One request and its whole answer. body.ptr NULL: none. */
static inline void web_ask(struct web_fixture *f, enum who who, const char *line, const char *type,
                           struct pst_bytes body, struct answer *ret_answer)
{
    int fd = web_connect(f);
    web_head(f, fd, who, line, type, body.ptr != NULL ? (int64_t)body.len : -1, "");
    web_write(fd, body);
    web_read(fd, ret_answer);
    close(fd);
}

/* A path with an id, to put after the method. */
static inline const char *web_line(const char *method, const char *before,
                                   const struct pst_uuid *id, const char *after)
{
    static char line[512];
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    snprintf(line, sizeof line, "%s %s%s%s", method, before, text, after);
    return line;
}

static inline const char *answer_text(const struct answer *answer, const char *name)
{
    const char *text = json_string_value(json_object_get(answer->json, name));
    return text != NULL ? text : "";
}

#endif
