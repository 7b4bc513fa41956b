#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define HEAD_MAX 1024
#define ANSWER_HEAD_MAX 4096
#define EVENTS_MAX 64
/* Handshakes at once: what comes on top would wait in the kernel and be taken for the server's
 * time. */
#define DIALING_MAX 64
/* No answer for so long means the server is stuck: say so instead of waiting. */
#define STUCK_S 30.0

enum stage { STAGE_IDLE, STAGE_HANDSHAKE, STAGE_HEAD, STAGE_BODY, STAGE_ANSWER };

struct connection {
    int fd; /* -1: none */
    SSL *ssl;
    enum stage stage;
    uint32_t interest;
    size_t number; /* of the request under way: of all, or with lanes of those to its target */
    const struct load_message *body;
    size_t head_len, head_sent, body_sent;
    size_t answer_len;  /* of its head, as far as it came */
    size_t answer_left; /* of its body, once the head is complete */
    bool answer_headed;
    double began;
    char head[HEAD_MAX];
    char answer[ANSWER_HEAD_MAX + 1];
};

struct traffic {
    struct load *load;
    struct connection *connections;
    int epoll;
    int dialed, dialing, idle;
    size_t issued[LOAD_TARGETS_MAX];
    bool open; /* kept connections ask nothing until all are there: only then the clock starts */
};

static int index_of(const struct traffic *traffic, const struct connection *c)
{
    return (int)(c - traffic->connections);
}

static size_t target_of(const struct traffic *traffic, const struct connection *c)
{
    return (size_t)index_of(traffic, c) % traffic->load->target_count;
}

/* Somebody's program speaks to one gateway: each target has lanes of its own. */
static size_t lanes_of_target(const struct load *load)
{
    return load->lane_count / load->target_count;
}

static size_t lane_index(const struct traffic *traffic, const struct connection *c)
{
    const struct load *load = traffic->load;
    return target_of(traffic, c) + load->target_count * (c->number % lanes_of_target(load));
}

/* Of the request under way. NULL: paths are asked for. */
static struct load_lane *lane_of(const struct traffic *traffic, const struct connection *c)
{
    struct load *load = traffic->load;
    return load->lane_count == 0 ? NULL : &load->lanes[lane_index(traffic, c)];
}

/* A lane's messages are from one person; else each connection is somebody's. */
static const char *token_of(const struct traffic *traffic, const struct connection *c)
{
    const struct load *load = traffic->load;
    size_t turn = load->lane_count > 0 ? lane_index(traffic, c) : (size_t)index_of(traffic, c);
    return load->tokens[turn % load->token_count];
}

static void record(struct load *load, const struct connection *c)
{
    long status = strtol(c->answer + sizeof "HTTP/1.1", NULL, 10);
    if (status > 0 && status < LOAD_STATUS_MAX)
        load->statuses[status]++;
    if (status != 200 && status != 201)
        load->failures++;
    histogram_add(&load->latencies, (uint64_t)((load_now_s() - c->began) * 1e9));
}

static void watch(struct traffic *traffic, struct connection *c, uint32_t interest, int op)
{
    if (op == EPOLL_CTL_MOD && c->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(traffic->epoll, op, c->fd, &event) != 0)
        load_die("epoll_ctl");
    c->interest = interest;
}

static void rest(struct traffic *traffic, struct connection *c)
{
    if (c->stage != STAGE_IDLE)
        traffic->idle++;
    c->stage = STAGE_IDLE;
}

static void hang_up(struct traffic *traffic, struct connection *c)
{
    if (c->fd < 0)
        return;
    if (c->stage == STAGE_HANDSHAKE)
        traffic->dialing--;
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    ERR_clear_error();
    close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
    rest(traffic, c);
}

static void bind_source(const struct load *load, int fd, int number)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % load->sources));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&source, sizeof source) != 0)
        load_die("source address");
}

static void dial(struct traffic *traffic, struct connection *c)
{
    struct load *load = traffic->load;
    int on = 1, number = index_of(traffic, c);
    const struct sockaddr_in *target = &load->targets[target_of(traffic, c)];
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        load_die("socket");
    if (load->sources > 0)
        bind_source(load, c->fd, number);
    if (connect(c->fd, (const struct sockaddr *)target, sizeof *target) != 0 &&
        errno != EINPROGRESS)
        load_die("connect");
    c->ssl = SSL_new(load->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, load->host) != 1 || SSL_set1_host(c->ssl, load->host) != 1)
        load_die("TLS");
    SSL_set_connect_state(c->ssl);
    traffic->idle--;
    traffic->dialing++;
    c->stage = STAGE_HANDSHAKE;
    watch(traffic, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

/* Is another request to be sent now? With a rate, requests are due in time. */
static bool more(const struct load *load)
{
    double passed = load_now_s() - load->started;
    return load->issued < load->limit && passed < load->seconds &&
           (load->rate <= 0 || (double)load->issued <= passed * load->rate);
}

/*
 * Takes the next request. With a rate it began when it was due, whether a
 * connection was free or not: else a server that stalls would be asked less.
 */
static void take(struct traffic *traffic, struct connection *c)
{
    struct load *load = traffic->load;
    c->began = load->rate > 0 ? load->started + (double)load->issued / load->rate : load_now_s();
    size_t all = load->issued++, of_target = traffic->issued[target_of(traffic, c)]++;
    c->number = load->lane_count > 0 ? of_target : all;
}

static int request_head(const struct traffic *traffic, struct connection *c)
{
    const struct load *load = traffic->load;
    char authorization[512] = "";
    if (load->token_count > 0)
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s\r\n",
                 token_of(traffic, c));
    if (c->body != NULL)
        return snprintf(c->head, sizeof c->head,
                        "POST %s HTTP/1.1\r\nHost: %s\r\n%s"
                        "Content-Type: application/vnd.postern.sealed\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        lane_of(traffic, c)->path, load->host, authorization, c->body->len);
    return snprintf(c->head, sizeof c->head, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n",
                    load->paths[c->number % load->path_count], load->host, authorization,
                    load->fresh ? "Connection: close\r\n" : "");
}

/* Writes the head of the request that was taken and chooses its body. */
static void compose(struct traffic *traffic, struct connection *c)
{
    struct load_lane *lane = lane_of(traffic, c);
    c->head_sent = c->body_sent = c->answer_len = c->answer_left = 0;
    c->answer_headed = false;
    c->body = lane != NULL ? &lane->messages[c->number / lanes_of_target(traffic->load)] : NULL;
    int len = request_head(traffic, c);
    if (len < 0 || (size_t)len >= sizeof c->head)
        load_die("request head too long");
    c->head_len = (size_t)len;
    c->stage = STAGE_HEAD;
}

/* All messages that go to this connection's target have been taken. */
static bool spent(const struct traffic *traffic, const struct connection *c)
{
    const struct load *load = traffic->load;
    return load->lane_count > 0 &&
           traffic->issued[target_of(traffic, c)] == lanes_of_target(load) * load->lanes[0].count;
}

/* After an answer, or where a connection idles: the next request, or none for now. */
static void go_on(struct traffic *traffic, struct connection *c)
{
    struct load *load = traffic->load;
    if (load->fresh)
        hang_up(traffic, c);
    if (!traffic->open || load->hold || spent(traffic, c) || !more(load)) {
        rest(traffic, c);
        /* Held: whether the server ends it must be noticed. */
        if (c->fd >= 0)
            watch(traffic, c, load->hold ? EPOLLIN : 0, EPOLL_CTL_MOD);
        return;
    }
    take(traffic, c);
    if (c->fd < 0) {
        dial(traffic, c);
        return;
    }
    traffic->idle -= c->stage == STAGE_IDLE;
    compose(traffic, c);
}

enum step { STEP_ON, STEP_READ, STEP_WRITE, STEP_BROKEN };

static enum step wanted(const struct connection *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ    ? STEP_READ
           : error == SSL_ERROR_WANT_WRITE ? STEP_WRITE
                                           : STEP_BROKEN;
}

static enum step push(struct connection *c, const void *bytes, size_t len, size_t *sent)
{
    while (*sent < len) {
        size_t n = 0;
        int result = SSL_write_ex(c->ssl, (const uint8_t *)bytes + *sent, len - *sent, &n);
        if (result != 1)
            return wanted(c, result);
        *sent += n;
    }
    return STEP_ON;
}

/* Once the head has come: how much of the body is still to come. */
static void read_head(struct connection *c)
{
    c->answer[c->answer_len] = 0;
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return;
    const char *field = strcasestr(c->answer, "\r\nContent-Length:");
    size_t body = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
    size_t came = c->answer_len - ((size_t)(end - c->answer) + 4);
    c->answer_headed = true;
    c->answer_left = came < body ? body - came : 0;
}

static enum step pull(struct load *load, struct connection *c)
{
    static uint8_t room[65536]; /* bodies are counted, not kept */
    while (!c->answer_headed || c->answer_left > 0) {
        uint8_t *into = c->answer_headed ? room : (uint8_t *)c->answer + c->answer_len;
        size_t size = sizeof room, n = 0;
        if (!c->answer_headed)
            size = ANSWER_HEAD_MAX - c->answer_len;
        else if (c->answer_left < size)
            size = c->answer_left;
        if (size == 0)
            return STEP_BROKEN; /* a head without end */
        int result = SSL_read_ex(c->ssl, into, size, &n);
        if (result != 1)
            return wanted(c, result);
        load->bytes_received += n;
        if (c->answer_headed) {
            c->answer_left -= n;
        } else {
            c->answer_len += n;
            read_head(c);
        }
    }
    return STEP_ON;
}

static enum step step_handshake(struct traffic *traffic, struct connection *c)
{
    int n = SSL_do_handshake(c->ssl);
    if (n != 1)
        return wanted(c, n);
    traffic->dialing--;
    c->stage = STAGE_HEAD;
    if (traffic->load->fresh) {
        compose(traffic, c);
    } else if (traffic->load->hold) {
        take(traffic, c);
        compose(traffic, c);
    } else {
        go_on(traffic, c);
    }
    return STEP_ON;
}

static enum step step(struct traffic *traffic, struct connection *c)
{
    enum step done = STEP_READ;
    switch (c->stage) {
    case STAGE_HANDSHAKE:
        return step_handshake(traffic, c);
    case STAGE_HEAD:
        done = push(c, c->head, c->head_len, &c->head_sent);
        if (done == STEP_ON)
            c->stage = c->body == NULL ? STAGE_ANSWER : STAGE_BODY;
        return done;
    case STAGE_BODY:
        done = push(c, c->body->bytes, c->body->len, &c->body_sent);
        if (done == STEP_ON)
            c->stage = STAGE_ANSWER;
        return done;
    case STAGE_ANSWER:
        done = pull(traffic->load, c);
        if (done == STEP_ON) {
            record(traffic->load, c);
            go_on(traffic, c);
        }
        return done;
    case STAGE_IDLE:
        break;
    }
    return done;
}

/* What a held connection hears: tickets and the like, or its end. */
static void listen_on(struct traffic *traffic, struct connection *c)
{
    uint8_t byte;
    size_t n = 0;
    int result = SSL_read_ex(c->ssl, &byte, 1, &n);
    if (result == 1 || wanted(c, result) == STEP_BROKEN) {
        traffic->load->lost++;
        hang_up(traffic, c);
    }
}

static void turn(struct traffic *traffic, struct connection *c)
{
    enum step done = STEP_ON;
    if (c->fd >= 0 && c->stage == STAGE_IDLE && traffic->load->hold) {
        listen_on(traffic, c);
        return;
    }
    while (done == STEP_ON && c->fd >= 0 && c->stage != STAGE_IDLE)
        done = step(traffic, c);
    if (c->fd < 0 || c->stage == STAGE_IDLE || done == STEP_ON)
        return;
    if (done == STEP_BROKEN) {
        traffic->load->failures++;
        hang_up(traffic, c);
        if (traffic->load->fresh)
            go_on(traffic, c);
        return;
    }
    watch(traffic, c, done == STEP_WRITE ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

/* Connections that were not there yet, a few at a time; fresh ones as their requests are due. */
static void dial_more(struct traffic *traffic)
{
    struct load *load = traffic->load;
    while (traffic->dialed < load->connections && traffic->dialing < DIALING_MAX) {
        if (load->fresh && !more(load))
            return;
        struct connection *c = &traffic->connections[traffic->dialed++];
        if (load->fresh)
            take(traffic, c);
        dial(traffic, c);
    }
}

/* With a rate: requests that are due find connections that idle. */
static void wake_idle(struct traffic *traffic)
{
    struct load *load = traffic->load;
    if (load->hold || !traffic->open)
        return;
    for (int i = 0; i < traffic->dialed && traffic->idle > 0 && more(load); i++) {
        struct connection *c = &traffic->connections[i];
        if (c->stage != STAGE_IDLE || (c->fd < 0 && !load->fresh))
            continue;
        go_on(traffic, c);
        turn(traffic, c);
    }
}

static bool alive(const struct traffic *traffic)
{
    if (traffic->load->fresh || traffic->dialed < traffic->load->connections)
        return true;
    for (int i = 0; i < traffic->load->connections; i++)
        if (traffic->connections[i].fd >= 0)
            return true;
    return false;
}

static bool finished(const struct traffic *traffic)
{
    const struct load *load = traffic->load;
    if (traffic->idle < load->connections)
        return false;
    if (load->hold)
        return traffic->dialed == load->connections;
    return load->issued >= load->limit || load_now_s() - load->started >= load->seconds ||
           !alive(traffic);
}

static int hear(struct traffic *traffic, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(traffic->epoll, events, EVENTS_MAX, timeout_ms);
    if (n < 0 && errno != EINTR)
        load_die("epoll_wait");
    for (int i = 0; i < n; i++)
        turn(traffic, events[i].data.ptr);
    return n;
}

/* Goes on while this says so, unless nothing is heard for too long. */
static void go_until(struct traffic *traffic, bool (*over)(const struct traffic *traffic))
{
    struct load *load = traffic->load;
    double heard = load_now_s();
    while (!over(traffic)) {
        dial_more(traffic);
        wake_idle(traffic);
        if (hear(traffic, load->rate > 0 ? 1 : 100) > 0 || traffic->idle == load->connections)
            heard = load_now_s();
        if (load_now_s() - heard > STUCK_S) {
            fprintf(stderr, "load: no answer for %.0f s\n", STUCK_S);
            load->failures++;
            return;
        }
    }
}

static bool connected(const struct traffic *traffic)
{
    return traffic->dialed == traffic->load->connections && traffic->dialing == 0;
}

static void answer_all(struct traffic *traffic)
{
    struct load *load = traffic->load;
    if (!load->fresh && !load->hold)
        go_until(traffic, connected);
    traffic->open = true;
    load->started = load_now_s();
    go_until(traffic, finished);
    load->took = load_now_s() - load->started;
}

/* Until standard input ends; whoever waits for the line knows that all are there. */
static void hold_all(struct traffic *traffic)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = traffic->epoll, .events = POLLIN}};
    char byte;
    printf("holding\n");
    fflush(stdout);
    for (;;) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            load_die("poll");
        if (waits[1].revents != 0)
            (void)hear(traffic, 0);
        if (waits[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0)
            return;
    }
}

void load_traffic(struct load *load)
{
    struct traffic traffic = {.load = load, .idle = load->connections};
    traffic.connections = calloc((size_t)load->connections, sizeof *traffic.connections);
    traffic.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (traffic.connections == NULL || traffic.epoll < 0)
        load_die("start");
    for (int i = 0; i < load->connections; i++)
        traffic.connections[i].fd = -1;
    answer_all(&traffic);
    if (load->hold)
        hold_all(&traffic);
    for (int i = 0; i < load->connections; i++)
        hang_up(&traffic, &traffic.connections[i]);
    close(traffic.epoll);
    free(traffic.connections);
}
