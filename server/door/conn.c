#include "server/door/conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/door/plain.h"
#include "server/door/pump.h"
#include "server/door/tls.h"
#include "server/door/wire.h"
#include "server/door/worker.h"
#include "server/log/log.h"

/* Longest answer of plain.c, and more. */
#define ANSWER_MAX 4096

/* A kept-alive connection that was quiet so long has no request in flight. */
#define RETIRE_QUIET_MS 1000

static void close_end(struct pst_door_end *end)
{
    if (end->fd >= 0)
        (void)close(end->fd); /* leaves epoll by itself */
    end->fd = -1;
}

static bool watch(struct pst_door_worker *worker, struct pst_door_end *end, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLRDHUP | EPOLLET, .data.ptr = end};
    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, end->fd, &event) == 0;
}

enum pst_err pst_door_conn_new(struct pst_door_worker *worker, int fd, const struct pst_peer *peer,
                               enum pst_listener_kind listener, struct pst_door_conn **ret_conn)
{
    struct pst_door_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        (void)close(fd);
        return PST_ERR_NOMEM;
    }
    *conn = (struct pst_door_conn){.worker = worker,
                                   .outside = {.kind = PST_DOOR_END_OUTSIDE, .fd = fd, .out = true},
                                   .inside = {.kind = PST_DOOR_END_INSIDE, .fd = -1},
                                   .given = -1,
                                   .peer = *peer,
                                   .listener = listener,
                                   .deadline = PST_DOOR_DEADLINE__MAX};
    conn->outside.conn = conn;
    conn->inside.conn = conn;
    worker->count++;
    pst_door_deadline_set(conn, PST_DOOR_DEADLINE_HANDSHAKE);
    *ret_conn = conn;
    return PST_OK;
}

void pst_door_conn_end(struct pst_door_conn *conn)
{
    if (conn->outside.fd < 0)
        return; /* ended earlier in this round */
    struct pst_door_worker *worker = conn->worker;
    PST_LOG(CONNECTION_ENDED, PST_LOG_BYTES("up", conn->up.total),
            PST_LOG_BYTES("down", conn->down.total));
    /* An alert that says why; whether it arrives changes nothing. */
    bool told = pst_door_wire_flush(conn);
    (void)told;
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    close_end(&conn->outside);
    close_end(&conn->inside);
    if (conn->given >= 0)
        (void)close(conn->given);
    pst_door_flow_free(&conn->up);
    pst_door_flow_free(&conn->down);
    pst_door_flow_free(&conn->held);
    pst_door_deadline_clear(conn);
    pst_door_limits_leave(worker->shared->limits, &conn->peer);
    worker->count--;
    if (!conn->queued) { /* else the queue's round finds it ended and buries it */
        conn->queue = worker->dead;
        worker->dead = conn;
    }
}

static void refuse_plain(struct pst_door_conn *conn)
{
    pst_door_report_count(conn->worker->shared->report, PST_HANDOVER_TLS_REQUIRED, conn->listener,
                          &conn->peer, (int64_t)time(NULL));
    PST_LOG(PLAINTEXT_REFUSED, PST_LOG_COUNT("listener", conn->listener));
}

/* A new socket's send buffer holds the whole answer; if not, the client gets none. */
static enum pst_door_step answer_plain(struct pst_door_conn *conn)
{
    struct pst_buf answer;
    pst_buf_init(&answer, ANSWER_MAX);
    enum pst_err r = pst_door_plain_answer(&answer);
    bool sent = r == PST_OK && send(conn->outside.fd, answer.bytes, answer.len, MSG_NOSIGNAL) ==
                                   (ssize_t)answer.len;
    pst_buf_free(&answer);
    if (!sent)
        return PST_DOOR_END;
    (void)shutdown(conn->outside.fd, SHUT_WR);
    pst_door_deadline_set(conn, PST_DOOR_DEADLINE_DRAIN);
    conn->state = PST_DOOR_DRAIN;
    conn->outside.in = true;
    return PST_DOOR_AGAIN;
}

static enum pst_door_step start_tls(struct pst_door_conn *conn)
{
    conn->ssl = SSL_new(conn->worker->context);
    if (conn->ssl == NULL || pst_door_wire_attach(conn) != PST_OK)
        return PST_DOOR_END;
    SSL_set_accept_state(conn->ssl);
    conn->state = PST_DOOR_HANDSHAKE;
    return PST_DOOR_AGAIN;
}

static enum pst_door_step step_speech(struct pst_door_conn *conn)
{
    uint8_t first[PST_DOOR_SPEECH_BYTES];
    ssize_t got = recv(conn->outside.fd, first, sizeof first, MSG_PEEK);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return PST_DOOR_WAIT;
    if (got <= 0)
        return PST_DOOR_END;
    switch (pst_door_speech(pst_bytes(first, (size_t)got))) {
    case PST_DOOR_SPEECH_TLS:
        return start_tls(conn);
    case PST_DOOR_SPEECH_UNKNOWN:
        return conn->outside.hup ? PST_DOOR_END : PST_DOOR_WAIT;
    case PST_DOOR_SPEECH_HTTP:
        refuse_plain(conn);
        return answer_plain(conn);
    case PST_DOOR_SPEECH_OTHER:
        break;
    }
    refuse_plain(conn);
    return PST_DOOR_END;
}

static enum pst_door_step step_handshake(struct pst_door_conn *conn)
{
    ERR_clear_error();
    int done = SSL_do_handshake(conn->ssl);
    if (done == 1) {
        /* With TLS 1.2 it is the server's Finished, which the client waits for. */
        conn->ticket_held = SSL_version(conn->ssl) == TLS1_3_VERSION;
        conn->state = PST_DOOR_HANDOVER;
        return PST_DOOR_AGAIN;
    }
    int why = SSL_get_error(conn->ssl, done);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return PST_DOOR_WAIT;
    PST_LOG(HANDSHAKE_FAILED, PST_LOG_COUNT("reason", ERR_GET_REASON(ERR_peek_error())));
    ERR_clear_error();
    return PST_DOOR_END;
}

static enum pst_err hand_over(struct pst_door_conn *conn)
{
    struct pst_handover facts = {
        .kind = PST_HANDOVER_STREAM, .listener = conn->listener, .peer = conn->peer};
    enum pst_err r = pst_door_tls_facts(conn->ssl, &facts);
    if (r != PST_OK)
        return r;
    if (conn->given < 0) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
            return PST_ERR_IO;
        conn->inside.fd = pair[0];
        conn->given = pair[1];
    }
    return pst_handover_send(conn->worker->shared->start->handover, &facts, conn->given);
}

static enum pst_door_step step_handover(struct pst_door_conn *conn)
{
    enum pst_err r = hand_over(conn);
    if (r == PST_ERR_IO && conn->given >= 0 && !conn->worker->shared->start->supervised) {
        atomic_store(&conn->worker->shared->handover_lost, true);
        r = PST_ERR_BUSY;
    }
    if (r == PST_ERR_BUSY) {
        pst_door_queue(conn, /* waits= */ true);
        return PST_DOOR_WAIT;
    }
    if (r != PST_OK || !watch(conn->worker, &conn->inside, EPOLLIN)) {
        PST_LOG(HANDOVER_FAILED, PST_LOG_ERR(r));
        return PST_DOOR_END;
    }
    (void)close(conn->given);
    conn->given = -1;
    PST_LOG(HANDED_OVER, PST_LOG_COUNT("listener", conn->listener));
    pst_door_deadline_set(conn, PST_DOOR_DEADLINE_IDLE);
    conn->state = PST_DOOR_PUMP;
    conn->outside.in = true; /* what came with the handshake is in OpenSSL's hands already */
    conn->inside.out = true;
    return PST_DOOR_AGAIN;
}

typedef enum pst_door_step (*step_fn)(struct pst_door_conn *conn);

static const step_fn steps[PST_DOOR_STATE__MAX] = {
    [PST_DOOR_SPEECH] = step_speech,         [PST_DOOR_HANDSHAKE] = step_handshake,
    [PST_DOOR_HANDOVER] = step_handover,     [PST_DOOR_PUMP] = pst_door_pump,
    [PST_DOOR_FAREWELL] = pst_door_farewell, [PST_DOOR_DRAIN] = pst_door_drain,
};

/* Nothing but a ticket, which the client has no use for before it is answered. */
static bool may_wait(const struct pst_door_conn *conn)
{
    return conn->ticket_held && conn->down.total == 0 &&
           (conn->state == PST_DOOR_HANDOVER || conn->state == PST_DOOR_PUMP);
}

void pst_door_conn_run(struct pst_door_conn *conn)
{
    enum pst_door_step step = PST_DOOR_AGAIN;
    while (step == PST_DOOR_AGAIN)
        step = steps[conn->state](conn);
    if (step != PST_DOOR_END && !may_wait(conn) && !pst_door_wire_flush(conn))
        step = PST_DOOR_END;
    if (step == PST_DOOR_LATER)
        pst_door_queue(conn, /* waits= */ false);
    else if (step == PST_DOOR_END)
        pst_door_conn_end(conn);
}

void pst_door_conn_begin(struct pst_door_conn *conn)
{
    pst_door_conn_run(conn);
    if (conn->outside.fd < 0)
        return;
    conn->outside_watched =
        watch(conn->worker, &conn->outside, conn->outside_armed ? EPOLLIN | EPOLLOUT : EPOLLIN);
    if (!conn->outside_watched)
        pst_door_conn_end(conn);
}

void pst_door_conn_retire(struct pst_door_conn *conn, int64_t now_ms)
{
    bool asked = conn->up.total > 0 && !conn->last_was_down;
    bool quiet = now_ms - conn->since_ms >= RETIRE_QUIET_MS;
    if (conn->state != PST_DOOR_PUMP || asked || !quiet || conn->down.len > 0)
        return;
    conn->down.ended = true;
    pst_door_conn_run(conn);
}
