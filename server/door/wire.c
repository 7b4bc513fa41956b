#include "server/door/wire.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "server/door/pump.h"
#include "server/door/worker.h"

/* Answers of the API are shorter. What is longer goes out at once, without a copy. */
#define HOLD_MAX_BYTES ((size_t)4096)

/* Room on the outside is watched for once it was missing; most connections never lack it. */
static void arm_outside(struct pst_door_conn *conn)
{
    conn->outside.out = false;
    if (conn->outside_armed)
        return;
    conn->outside_armed = !conn->outside_watched;
    if (conn->outside_armed)
        return; /* when watching begins */
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = &conn->outside};
    conn->outside_armed =
        epoll_ctl(conn->worker->epoll, EPOLL_CTL_MOD, conn->outside.fd, &event) == 0;
}

/* What is held, then bytes. The number of bytes of both that went; 0: no room; -1: broken. */
static ssize_t send_after_held(struct pst_door_conn *conn, const char *bytes, size_t len)
{
    struct pst_door_flow *held = &conn->held;
    struct iovec parts[2] = {{.iov_base = held->bytes + held->start, .iov_len = held->len},
                             {.iov_base = (char *)(uintptr_t)bytes, .iov_len = len}};
    bool empty = held->len == 0;
    struct msghdr message = {.msg_iov = empty ? &parts[1] : parts, .msg_iovlen = empty ? 1 : 2};
    ssize_t sent = -1;
    do
        sent = sendmsg(conn->outside.fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        return -1;
    if (sent < (ssize_t)(held->len + len))
        arm_outside(conn);
    return sent < 0 ? 0 : sent;
}

/* Of what was sent, that which was not held before. */
static size_t take_held(struct pst_door_flow *held, size_t sent)
{
    size_t of_held = sent < held->len ? sent : held->len;
    held->start += of_held;
    held->len -= of_held;
    if (held->len == 0)
        pst_door_flow_free(held);
    return sent - of_held;
}

static bool hold(struct pst_door_conn *conn, const char *bytes, size_t len)
{
    struct pst_door_flow *held = &conn->held;
    if (held->bytes == NULL)
        held->bytes = malloc(HOLD_MAX_BYTES);
    if (held->bytes == NULL || held->start + held->len + len > HOLD_MAX_BYTES)
        return false;
    memcpy(held->bytes + held->start + held->len, bytes, len);
    held->len += len;
    return true;
}

static int wire_write(BIO *bio, const char *bytes, int len)
{
    struct pst_door_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    if (conn->outside.out && hold(conn, bytes, (size_t)len))
        return len;
    ssize_t sent = conn->outside.out ? send_after_held(conn, bytes, (size_t)len) : 0;
    if (sent < 0)
        return -1;
    size_t taken = take_held(&conn->held, (size_t)sent);
    if (taken > 0)
        return (int)taken;
    BIO_set_retry_write(bio);
    return -1;
}

static int wire_read(BIO *bio, char *bytes, int len)
{
    struct pst_door_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    ssize_t got = -1;
    errno = EAGAIN;
    if (!conn->outside_dry) {
        do
            got = recv(conn->outside.fd, bytes, (size_t)len, 0);
        while (got < 0 && errno == EINTR);
        /* After a hang-up no event comes any more. */
        conn->outside_dry = got < len && !conn->outside.hup;
    }
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    if (got == 0)
        conn->outside_ended = true;
    return (int)got;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct pst_door_conn *conn = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* when the turn is over: pst_door_wire_flush() */
        return 1;
    case BIO_CTRL_EOF:
        return conn->outside_ended;
    default:
        return 0;
    }
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

/* Kept for the process's life. */
static void method_make(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    bool ok = made != NULL && BIO_meth_set_write(made, wire_write) == 1 &&
              BIO_meth_set_read(made, wire_read) == 1 && BIO_meth_set_ctrl(made, wire_ctrl) == 1;
    if (ok)
        method = made;
    else
        BIO_meth_free(made);
}

enum pst_err pst_door_wire_attach(struct pst_door_conn *conn)
{
    (void)pthread_once(&method_once, method_make);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL)
        return PST_ERR_NOMEM;
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(conn->ssl, bio, bio); /* takes it */
    return PST_OK;
}

bool pst_door_wire_flush(struct pst_door_conn *conn)
{
    if (conn->held.len == 0 || !conn->outside.out)
        return true;
    ssize_t sent = send_after_held(conn, NULL, 0);
    if (sent < 0) {
        pst_door_flow_free(&conn->held);
        return false;
    }
    (void)take_held(&conn->held, (size_t)sent);
    return true;
}
