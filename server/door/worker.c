#include "server/door/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/time.h"
#include "server/log/log.h"

#define EVENTS_A_ROUND 128

/* Connections one worker takes at once, so that the other gets its share of a burst. */
#define ACCEPTS_A_ROUND 8

/* How soon a hand-over that found no room is tried again. */
#define HANDOVER_RETRY_MS 20

/* How long a worker that ran out of descriptors takes no more connections. */
#define ACCEPT_PAUSE_MS 100

/* While stopping: how often quiet connections are looked for. */
#define RETIRE_MS 100

static int64_t deadline_ms(const struct pst_door_worker *worker, unsigned deadline)
{
    const struct pst_door_settings *settings = &worker->settings;
    const int64_t lengths[PST_DOOR_DEADLINE__MAX] = {
        [PST_DOOR_DEADLINE_HANDSHAKE] = settings->handshake_ms,
        [PST_DOOR_DEADLINE_IDLE] = settings->idle_ms,
        [PST_DOOR_DEADLINE_DRAIN] = settings->drain_ms,
    };
    return lengths[deadline];
}

void pst_door_deadline_clear(struct pst_door_conn *conn)
{
    struct pst_door_worker *worker = conn->worker;
    if (conn->deadline == PST_DOOR_DEADLINE__MAX)
        return;
    *(conn->prev != NULL ? &conn->prev->next : &worker->oldest[conn->deadline]) = conn->next;
    *(conn->next != NULL ? &conn->next->prev : &worker->newest[conn->deadline]) = conn->prev;
    conn->prev = NULL;
    conn->next = NULL;
    conn->deadline = PST_DOOR_DEADLINE__MAX;
}

void pst_door_deadline_set(struct pst_door_conn *conn, enum pst_door_deadline deadline)
{
    struct pst_door_worker *worker = conn->worker;
    pst_door_deadline_clear(conn);
    conn->deadline = deadline;
    conn->since_ms = worker->now_ms;
    conn->prev = worker->newest[deadline];
    *(conn->prev != NULL ? &conn->prev->next : &worker->oldest[deadline]) = conn;
    worker->newest[deadline] = conn;
}

void pst_door_queue(struct pst_door_conn *conn, bool waits)
{
    struct pst_door_worker *worker = conn->worker;
    if (conn->queued)
        return;
    worker->queue_waits = waits && (worker->queue == NULL || worker->queue_waits);
    conn->queued = true;
    conn->queue = worker->queue;
    worker->queue = conn;
}

static void peer_of(const struct sockaddr_storage *from, struct pst_peer *ret_peer)
{
    struct pst_peer peer = {.family = 4};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        memcpy(peer.address, &in->sin_addr, 4);
        peer.port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        peer.family = mapped ? 4 : 6;
        memcpy(peer.address, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
        peer.port = ntohs(in6->sin6_port);
    }
    *ret_peer = peer;
}

static bool listen_watch(struct pst_door_worker *worker, bool wanted)
{
    bool ok = true;
    for (size_t i = 0; i < worker->shared->start->listener_count; i++) {
        /* EXCLUSIVE: one worker wakes for a connection, not all */
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                    .data.ptr = &worker->listeners[i]};
        int op = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
        ok = epoll_ctl(worker->epoll, op, worker->listeners[i].fd, &event) == 0 && ok;
    }
    worker->listening = wanted;
    return ok;
}

static void admit(struct pst_door_worker *worker, const struct pst_door_end *listener, int fd,
                  const struct sockaddr_storage *from)
{
    struct pst_door_shared *shared = worker->shared;
    struct pst_peer peer;
    struct pst_door_conn *conn = NULL;
    peer_of(from, &peer);
    enum pst_err r = pst_door_limits_enter(shared->limits, &peer, worker->now_ms);
    if (r != PST_OK) {
        (void)close(fd);
        pst_door_report_count(shared->report, PST_HANDOVER_RATE_LIMITED, listener->listener, &peer,
                              (int64_t)time(NULL));
        return;
    }
    r = pst_door_conn_new(worker, fd, &peer, listener->listener, &conn);
    if (r != PST_OK) {
        pst_door_limits_leave(shared->limits, &peer);
        PST_LOG(OUT_OF_MEMORY, PST_LOG_ERR(r));
        return;
    }
    PST_LOG(CONNECTION, PST_LOG_COUNT("listener", listener->listener));
    pst_door_conn_begin(conn);
}

static void accept_some(struct pst_door_worker *worker, const struct pst_door_end *listener)
{
    for (int i = 0; i < ACCEPTS_A_ROUND && worker->listening; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd =
            accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(worker, listener, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            PST_LOG(LIMIT_REACHED, PST_LOG_ERRNO(errno));
            (void)listen_watch(worker, false);
            worker->listen_again_ms = worker->now_ms + ACCEPT_PAUSE_MS;
        }
        return;
    }
}

static void take_words(struct pst_door_worker *worker)
{
    uint64_t count = 0;
    if (read(worker->wake.fd, &count, sizeof count) < 0)
        return;
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->next_context != NULL) {
        SSL_CTX_free(worker->context);
        worker->context = worker->next_context;
        worker->settings = worker->next_settings;
        worker->next_context = NULL;
    }
    bool stop = worker->stop && worker->drain_until_ms == 0;
    (void)pthread_mutex_unlock(&worker->lock);
    if (!stop)
        return;
    worker->drain_until_ms = worker->now_ms + (int64_t)PST_ROLE_DRAIN_S * 1000;
    worker->listen_again_ms = 0;
    if (worker->listening)
        (void)listen_watch(worker, false);
}

static void take_conn_event(struct pst_door_end *end, uint32_t events)
{
    struct pst_door_conn *conn = end->conn;
    if (conn->outside.fd < 0)
        return;
    bool hup = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    end->hup = end->hup || hup;
    end->in = end->in || hup || (events & EPOLLIN) != 0;
    if (end->kind == PST_DOOR_END_OUTSIDE && end->in)
        conn->outside_dry = false;
    if ((events & (EPOLLOUT | EPOLLERR)) != 0) {
        end->out = true;
        /* an answer to the peer's KeyUpdate was in the way of reading */
        if (end->kind == PST_DOOR_END_OUTSIDE && conn->ssl != NULL && SSL_want_write(conn->ssl))
            end->in = true;
    }
    if (conn->state != PST_DOOR_HANDOVER)
        pst_door_conn_run(conn);
}

static void take_event(struct pst_door_worker *worker, const struct epoll_event *event)
{
    struct pst_door_end *end = event->data.ptr;
    if (end->kind == PST_DOOR_END_LISTENER)
        accept_some(worker, end);
    else if (end->kind == PST_DOOR_END_WAKE)
        take_words(worker);
    else
        take_conn_event(end, event->events);
}

static void run_queue(struct pst_door_worker *worker)
{
    struct pst_door_conn *conn = worker->queue;
    worker->queue = NULL;
    worker->queue_waits = false;
    while (conn != NULL) {
        struct pst_door_conn *next = conn->queue;
        conn->queued = false;
        conn->queue = NULL;
        if (conn->outside.fd >= 0) {
            pst_door_conn_run(conn);
        } else {
            conn->queue = worker->dead;
            worker->dead = conn;
        }
        conn = next;
    }
}

static void run_deadlines(struct pst_door_worker *worker)
{
    for (unsigned i = 0; i < PST_DOOR_DEADLINE__MAX; i++) {
        int64_t length_ms = deadline_ms(worker, i);
        while (worker->oldest[i] != NULL &&
               worker->now_ms - worker->oldest[i]->since_ms >= length_ms)
            pst_door_conn_end(worker->oldest[i]);
    }
    if (worker->listen_again_ms != 0 && worker->now_ms >= worker->listen_again_ms) {
        worker->listen_again_ms = 0;
        (void)listen_watch(worker, true);
    }
}

static void bury(struct pst_door_worker *worker)
{
    while (worker->dead != NULL) {
        struct pst_door_conn *conn = worker->dead;
        worker->dead = conn->queue;
        free(conn);
    }
}

/* While stopping: those in which nothing is asked end now, the others when they are answered. */
static void retire(struct pst_door_worker *worker)
{
    struct pst_door_conn *conn = worker->oldest[PST_DOOR_DEADLINE_IDLE];
    while (conn != NULL) {
        struct pst_door_conn *next = conn->next;
        pst_door_conn_retire(conn, worker->now_ms);
        conn = next;
    }
    if (worker->now_ms < worker->drain_until_ms)
        return;
    for (unsigned i = 0; i < PST_DOOR_DEADLINE__MAX; i++)
        while (worker->oldest[i] != NULL)
            pst_door_conn_end(worker->oldest[i]);
}

static int sooner(int timeout_ms, int64_t at_ms, int64_t now_ms)
{
    int64_t left = at_ms > now_ms ? at_ms - now_ms : 0;
    return timeout_ms < 0 || left < timeout_ms ? (int)left : timeout_ms;
}

static int timeout_ms(const struct pst_door_worker *worker)
{
    int timeout = worker->drain_until_ms != 0 ? RETIRE_MS : -1;
    if (worker->queue != NULL)
        timeout = worker->queue_waits ? HANDOVER_RETRY_MS : 0;
    if (worker->listen_again_ms != 0)
        timeout = sooner(timeout, worker->listen_again_ms, worker->now_ms);
    for (unsigned i = 0; i < PST_DOOR_DEADLINE__MAX; i++)
        if (worker->oldest[i] != NULL)
            timeout = sooner(timeout, worker->oldest[i]->since_ms + deadline_ms(worker, i),
                             worker->now_ms);
    return timeout;
}

static void *worker_main(void *arg)
{
    struct pst_door_worker *worker = arg;
    struct epoll_event events[EVENTS_A_ROUND];
    while (worker->drain_until_ms == 0 || worker->count > 0) {
        int count = epoll_wait(worker->epoll, events, EVENTS_A_ROUND, timeout_ms(worker));
        worker->now_ms = pst_monotonic_ms();
        for (int i = 0; i < count; i++)
            take_event(worker, &events[i]);
        run_queue(worker);
        run_deadlines(worker);
        if (worker->drain_until_ms != 0)
            retire(worker);
        bury(worker);
    }
    run_queue(worker);
    bury(worker);
    return NULL;
}

static enum pst_err open_epoll(struct pst_door_worker *worker)
{
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = (struct pst_door_end){.kind = PST_DOOR_END_WAKE,
                                         .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &worker->wake};
    if (worker->epoll < 0 || worker->wake.fd < 0 ||
        epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->wake.fd, &event) != 0)
        return PST_ERR_IO;
    const struct pst_role_start *start = worker->shared->start;
    for (size_t i = 0; i < start->listener_count; i++)
        worker->listeners[i] = (struct pst_door_end){.kind = PST_DOOR_END_LISTENER,
                                                     .fd = start->listeners[i].fd,
                                                     .listener = start->listeners[i].kind};
    return listen_watch(worker, true) ? PST_OK : PST_ERR_IO;
}

enum pst_err pst_door_worker_start(struct pst_door_worker *worker, struct pst_door_shared *shared,
                                   const struct pst_door_settings *settings, SSL_CTX *context)
{
    *worker = (struct pst_door_worker){
        .shared = shared, .settings = *settings, .now_ms = pst_monotonic_ms()};
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)SSL_CTX_up_ref(context);
    worker->context = context;
    enum pst_err r = open_epoll(worker);
    if (r == PST_OK && pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
        r = PST_ERR_NOMEM;
    return r;
}

static void wake(struct pst_door_worker *worker)
{
    uint64_t one = 1;
    if (write(worker->wake.fd, &one, sizeof one) < 0)
        return; /* full: it is awake already */
}

void pst_door_worker_reload(struct pst_door_worker *worker, SSL_CTX *context,
                            const struct pst_door_settings *settings)
{
    (void)SSL_CTX_up_ref(context);
    (void)pthread_mutex_lock(&worker->lock);
    SSL_CTX_free(worker->next_context);
    worker->next_context = context;
    worker->next_settings = *settings;
    (void)pthread_mutex_unlock(&worker->lock);
    wake(worker);
}

void pst_door_worker_stop(struct pst_door_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    (void)pthread_mutex_unlock(&worker->lock);
    wake(worker);
}

void pst_door_worker_join(struct pst_door_worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
    SSL_CTX_free(worker->context);
    SSL_CTX_free(worker->next_context);
    (void)close(worker->epoll);
    (void)close(worker->wake.fd);
    (void)pthread_mutex_destroy(&worker->lock);
}
