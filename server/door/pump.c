#include "server/door/pump.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/door/wire.h"
#include "server/door/worker.h"

/* Parts one connection may move before others get their turn (half a MiB). */
#define PARTS_A_TURN 32

/* Most bytes thrown away with one call. */
#define DRAIN_PART ((size_t)1 << 20)

void pst_door_flow_free(struct pst_door_flow *flow)
{
    free(flow->bytes);
    flow->bytes = NULL;
    flow->start = 0;
    flow->len = 0;
}

/* Keeps what is left; bytes is the worker's part or the flow's own memory. */
static bool flow_keep(struct pst_door_flow *flow, const uint8_t *bytes, size_t len)
{
    flow->bytes = malloc(PST_DOOR_PART_BYTES);
    if (flow->bytes == NULL)
        return false;
    memcpy(flow->bytes, bytes, len);
    flow->start = 0;
    flow->len = len;
    return true;
}

static void flow_written(struct pst_door_flow *flow, size_t len)
{
    flow->start += len;
    flow->len -= len;
    if (flow->len == 0)
        pst_door_flow_free(flow);
}

/* What one read or write came to. */
enum moved { MOVED = 0, MOVED_BLOCKED, MOVED_ENDED, MOVED_FAILED };

/* Room on the inside is watched for only while it is missing. */
static void arm_inside(struct pst_door_conn *conn, bool wanted)
{
    if (conn->inside_armed == wanted)
        return;
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (wanted ? EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.ptr = &conn->inside};
    if (epoll_ctl(conn->worker->epoll, EPOLL_CTL_MOD, conn->inside.fd, &event) == 0)
        conn->inside_armed = wanted;
}

static enum moved write_inside(struct pst_door_conn *conn, const uint8_t *bytes, size_t len,
                               size_t *ret_len)
{
    ssize_t sent = send(conn->inside.fd, bytes, len, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
        sent = 0;
    if (sent < 0 && errno != EAGAIN)
        return MOVED_FAILED;
    *ret_len = sent > 0 ? (size_t)sent : 0;
    conn->inside.out = *ret_len == len;
    if (!conn->inside.out)
        arm_inside(conn, true);
    return conn->inside.out ? MOVED : MOVED_BLOCKED;
}

/*
 * As many records as are there and fit: a client sends head and body in records
 * of their own, and web should wake once for both. An end or a failure behind
 * them shows at the next call.
 */
static enum moved read_outside(struct pst_door_conn *conn, uint8_t *bytes, size_t *ret_len)
{
    size_t len = 0;
    int got = 1;
    ERR_clear_error();
    while (got > 0 && len < PST_DOOR_PART_BYTES) {
        got = SSL_read(conn->ssl, bytes + len, (int)(PST_DOOR_PART_BYTES - len));
        len += got > 0 ? (size_t)got : 0;
    }
    int why = got > 0 ? SSL_ERROR_NONE : SSL_get_error(conn->ssl, got);
    bool blocked = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (blocked)
        conn->outside.in = false;
    if (len > 0) {
        *ret_len = len;
        return MOVED;
    }
    if (blocked)
        return MOVED_BLOCKED;
    ERR_clear_error();
    return why == SSL_ERROR_ZERO_RETURN ? MOVED_ENDED : MOVED_FAILED;
}

/* Web does not listen any more; what it still has to say goes on. */
static void up_dead(struct pst_door_conn *conn)
{
    pst_door_flow_free(&conn->up);
    conn->up_closed = true;
}

static void up_finish(struct pst_door_conn *conn)
{
    if (!conn->up.ended || conn->up.len > 0 || conn->up_closed)
        return;
    (void)shutdown(conn->inside.fd, SHUT_WR);
    conn->up_closed = true;
}

/* Writes bytes and keeps the rest. False: out of memory. */
static bool up_write(struct pst_door_conn *conn, const uint8_t *bytes, size_t len, bool kept)
{
    size_t sent = 0;
    if (write_inside(conn, bytes, len, &sent) == MOVED_FAILED) {
        up_dead(conn);
        return true;
    }
    conn->up.total += sent;
    conn->last_was_down = false;
    if (kept)
        flow_written(&conn->up, sent);
    else if (sent < len)
        return flow_keep(&conn->up, bytes + sent, len - sent);
    return true;
}

static enum pst_door_step pump_up(struct pst_door_conn *conn)
{
    uint8_t *part = conn->worker->part;
    for (int parts = 0; parts < PARTS_A_TURN; parts++) {
        if (conn->up.len > 0 && conn->inside.out &&
            !up_write(conn, conn->up.bytes + conn->up.start, conn->up.len, true))
            return PST_DOOR_END;
        up_finish(conn);
        if (conn->up.len > 0 || conn->up_closed || !conn->outside.in)
            return PST_DOOR_WAIT;
        size_t len = 0;
        enum moved moved = read_outside(conn, part, &len);
        if (moved == MOVED_FAILED)
            return PST_DOOR_END;
        if (moved == MOVED_ENDED)
            conn->up.ended = true;
        else if (moved == MOVED && !up_write(conn, part, len, false))
            return PST_DOOR_END;
    }
    return PST_DOOR_LATER;
}

static enum moved write_outside(struct pst_door_conn *conn, const uint8_t *bytes, size_t len,
                                size_t *ret_len)
{
    ERR_clear_error();
    int sent = SSL_write(conn->ssl, bytes, (int)len);
    if (sent > 0) {
        *ret_len = (size_t)sent;
        return MOVED;
    }
    int why = SSL_get_error(conn->ssl, sent);
    ERR_clear_error();
    if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ)
        return MOVED_FAILED;
    *ret_len = 0;
    conn->outside.out = false;
    return MOVED_BLOCKED;
}

/*
 * A write that blocked must be tried again with the same bytes (SSL_write(3)):
 * they stay where they are, in the flow, until OpenSSL has taken them.
 */
static enum moved down_write(struct pst_door_conn *conn, const uint8_t *bytes, size_t len,
                             bool kept)
{
    size_t sent = 0;
    enum moved moved = write_outside(conn, bytes, len, &sent);
    if (moved == MOVED_FAILED)
        return MOVED_FAILED;
    conn->down.total += sent;
    conn->last_was_down = true;
    if (kept)
        flow_written(&conn->down, sent);
    else if (sent < len && !flow_keep(&conn->down, bytes + sent, len - sent))
        return MOVED_FAILED;
    return moved;
}

static enum moved read_inside(struct pst_door_conn *conn, uint8_t *bytes, size_t *ret_len)
{
    ssize_t got = recv(conn->inside.fd, bytes, PST_DOOR_PART_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        conn->inside.in = errno == EINTR;
        return MOVED_BLOCKED;
    }
    if (got <= 0) /* ECONNRESET: web closed before it had read everything */
        return MOVED_ENDED;
    /* A short read has emptied the socket, and more will be an event; so says epoll(7). */
    conn->inside.in = (size_t)got == PST_DOOR_PART_BYTES || conn->inside.hup;
    *ret_len = (size_t)got;
    return MOVED;
}

static enum pst_door_step down_turn(struct pst_door_conn *conn)
{
    if (conn->down.len > 0) {
        if (!conn->outside.out)
            return PST_DOOR_WAIT;
        const uint8_t *bytes = conn->down.bytes + conn->down.start;
        enum moved moved = down_write(conn, bytes, conn->down.len, true);
        return moved == MOVED_FAILED ? PST_DOOR_END : PST_DOOR_AGAIN;
    }
    if (conn->down.ended) {
        conn->state = PST_DOOR_FAREWELL;
        return PST_DOOR_WAIT;
    }
    if (!conn->inside.in)
        return PST_DOOR_WAIT;
    size_t len = 0;
    enum moved moved = read_inside(conn, conn->worker->part, &len);
    if (moved == MOVED_ENDED)
        conn->down.ended = true;
    else if (moved == MOVED)
        moved = down_write(conn, conn->worker->part, len, false);
    return moved == MOVED_FAILED ? PST_DOOR_END : PST_DOOR_AGAIN;
}

static enum pst_door_step pump_down(struct pst_door_conn *conn)
{
    for (int parts = 0; parts < PARTS_A_TURN; parts++) {
        enum pst_door_step step = down_turn(conn);
        if (step != PST_DOOR_AGAIN)
            return step;
    }
    return PST_DOOR_LATER;
}

enum pst_door_step pst_door_pump(struct pst_door_conn *conn)
{
    uint64_t before = conn->up.total + conn->down.total;
    enum pst_door_step up = pump_up(conn);
    if (up == PST_DOOR_END)
        return PST_DOOR_END;
    enum pst_door_step down = pump_down(conn);
    if (down == PST_DOOR_END)
        return PST_DOOR_END;
    if (conn->state == PST_DOOR_FAREWELL)
        return PST_DOOR_AGAIN;
    if (conn->inside_armed && conn->up.len == 0)
        arm_inside(conn, false);
    if (conn->up.total + conn->down.total != before)
        pst_door_deadline_set(conn, PST_DOOR_DEADLINE_IDLE);
    return up == PST_DOOR_LATER || down == PST_DOOR_LATER ? PST_DOOR_LATER : PST_DOOR_WAIT;
}

enum pst_door_step pst_door_farewell(struct pst_door_conn *conn)
{
    if (conn->deadline != PST_DOOR_DEADLINE_DRAIN)
        pst_door_deadline_set(conn, PST_DOOR_DEADLINE_DRAIN);
    ERR_clear_error();
    int done = SSL_shutdown(conn->ssl);
    int why = done < 0 ? SSL_get_error(conn->ssl, done) : SSL_ERROR_NONE;
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_WRITE)
        return PST_DOOR_WAIT;
    if ((why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ) || !pst_door_wire_flush(conn))
        return PST_DOOR_END;
    if (conn->held.len > 0)
        return PST_DOOR_WAIT;
    (void)shutdown(conn->outside.fd, SHUT_WR);
    (void)close(conn->inside.fd);
    conn->inside.fd = -1;
    pst_door_flow_free(&conn->up);
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    conn->outside.in = true;
    conn->state = PST_DOOR_DRAIN;
    return PST_DOOR_AGAIN;
}

enum pst_door_step pst_door_drain(struct pst_door_conn *conn)
{
    if (conn->outside_dry)
        return PST_DOOR_WAIT;
    while (conn->drained <= conn->worker->settings.drain_bytes) {
        /* MSG_TRUNC: TCP throws away without copying (tcp(7)) */
        ssize_t got = recv(conn->outside.fd, NULL, DRAIN_PART, MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return PST_DOOR_WAIT;
        if (got <= 0)
            return PST_DOOR_END;
        conn->drained += (size_t)got;
    }
    return PST_DOOR_END;
}
