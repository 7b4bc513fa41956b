/*
 * Load generator: TLS requests to a server on loopback, from a process of its
 * own, one thread, epoll.
 *
 * HOST is the name in the certificate; connections go to 127.0.0.1 alone.
 *
 *   load get  HOST PORT CAFILE PATH CONNECTIONS SECONDS
 *       a new connection with a full handshake for every request
 *   load post HOST PORT CAFILE PATH CONNECTIONS BUNDLE TOKENFILE [RATE]
 *       every message of the bundle once, over connections that are kept;
 *       RATE messages a second, or as fast as answers come
 *
 * A bundle is messages one after the other, each after its length in four
 * bytes, little-endian. Prints one JSON object: requests, failures, seconds,
 * per_second, p50_ms, p99_ms and how often each status came.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define HEAD_MAX 1024
#define ANSWER_MAX 65536
#define EVENTS_MAX 64
/* No answer for so long means the server is stuck: say so instead of waiting. */
#define STUCK_S 30.0
#define STATUS_MAX 600

struct message {
    const uint8_t *bytes;
    size_t len;
};

struct load {
    char *host; /* OpenSSL takes no const name */
    const char *port, *path, *token;
    bool fresh; /* a new connection for each request */
    int connections;
    double seconds, rate, started;
    struct message *messages;
    size_t message_count, next;
    struct addrinfo *address;
    SSL_CTX *tls;
    int epoll;
    double *latencies_ms;
    size_t latency_count, latency_cap;
    size_t failures;
    size_t statuses[STATUS_MAX];
};

enum stage { STAGE_IDLE, STAGE_HANDSHAKE, STAGE_HEAD, STAGE_BODY, STAGE_ANSWER };

struct connection {
    int fd;
    SSL *ssl;
    enum stage stage;
    uint32_t interest;
    const struct message *body;
    size_t head_len, head_sent, body_sent, answer_len;
    double began;
    char head[HEAD_MAX];
    char answer[ANSWER_MAX + 1];
};

static double now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

/* Doubles the room of an array; the memory lives as long as the program. */
static void *grow(void *array, size_t *cap, size_t size)
{
    *cap = *cap == 0 ? 4096 : *cap * 2;
    void *grown = realloc(array, *cap * size);
    if (grown == NULL)
        die("memory");
    return grown;
}

static void record(struct load *load, const struct connection *c)
{
    long status = strtol(c->answer + sizeof "HTTP/1.1", NULL, 10);
    if (status > 0 && status < STATUS_MAX)
        load->statuses[status]++;
    if (status != 200 && status != 201)
        load->failures++;
    if (load->latency_count == load->latency_cap)
        load->latencies_ms = grow(load->latencies_ms, &load->latency_cap, sizeof(double));
    load->latencies_ms[load->latency_count++] = (now_s() - c->began) * 1e3;
}

static void watch(struct load *load, struct connection *c, uint32_t interest, int op)
{
    if (op == EPOLL_CTL_MOD && c->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = c};
    if (epoll_ctl(load->epoll, op, c->fd, &event) != 0)
        die("epoll_ctl");
    c->interest = interest;
}

static void hang_up(struct connection *c)
{
    if (c->fd < 0)
        return;
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
    c->stage = STAGE_IDLE;
}

static void dial(struct load *load, struct connection *c)
{
    const struct addrinfo *a = load->address;
    int on = 1;
    c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        die("socket");
    if (connect(c->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS)
        die("connect");
    c->ssl = SSL_new(load->tls);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
        SSL_set_tlsext_host_name(c->ssl, load->host) != 1 || SSL_set1_host(c->ssl, load->host) != 1)
        die("TLS");
    SSL_set_connect_state(c->ssl);
    c->stage = STAGE_HANDSHAKE;
    c->began = now_s();
    watch(load, c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

/* Is another request to be sent now? With a rate, requests are due in time. */
static bool more(const struct load *load)
{
    double passed = now_s() - load->started;
    if (load->fresh)
        return passed < load->seconds;
    return load->next < load->message_count &&
           (load->rate <= 0 || (double)load->next <= passed * load->rate);
}

/* When the next request was due: with a rate, waiting for a free connection counts. */
static double due(const struct load *load)
{
    return load->rate > 0 ? load->started + (double)load->next / load->rate : now_s();
}

/* Writes the head of the next request and chooses its body. */
static void compose(struct load *load, struct connection *c)
{
    c->head_sent = c->body_sent = c->answer_len = 0;
    c->body = load->fresh ? NULL : &load->messages[load->next++];
    int len = c->body == NULL
                  ? snprintf(c->head, sizeof c->head,
                             "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", load->path,
                             load->host)
                  : snprintf(c->head, sizeof c->head,
                             "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                             "Content-Type: application/vnd.postern.sealed\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             load->path, load->host, load->token, c->body->len);
    if (len < 0 || (size_t)len >= sizeof c->head)
        die("request head too long");
    c->head_len = (size_t)len;
    c->stage = STAGE_HEAD;
}

/* After an answer, or where a connection idles: the next request or none. */
static void go_on(struct load *load, struct connection *c)
{
    if (load->fresh) {
        hang_up(c);
        if (more(load))
            dial(load, c);
    } else if (more(load)) {
        c->began = due(load);
        compose(load, c);
    } else {
        c->stage = STAGE_IDLE;
        watch(load, c, 0, EPOLL_CTL_MOD);
    }
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
        int n = SSL_write(c->ssl, (const uint8_t *)bytes + *sent, (int)(len - *sent));
        if (n <= 0)
            return wanted(c, n);
        *sent += (size_t)n;
    }
    return STEP_ON;
}

static bool complete(struct connection *c)
{
    c->answer[c->answer_len] = 0;
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *field = strcasestr(c->answer, "\r\nContent-Length:");
    size_t body = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
    return (size_t)(end - c->answer) + 4 + body <= c->answer_len;
}

static enum step pull(struct connection *c)
{
    while (!complete(c)) {
        if (c->answer_len == ANSWER_MAX)
            return STEP_BROKEN;
        int n = SSL_read(c->ssl, c->answer + c->answer_len, (int)(ANSWER_MAX - c->answer_len));
        if (n <= 0)
            return wanted(c, n);
        c->answer_len += (size_t)n;
    }
    return STEP_ON;
}

static enum step step_handshake(struct load *load, struct connection *c)
{
    int n = SSL_do_handshake(c->ssl);
    if (n != 1)
        return wanted(c, n);
    if (load->fresh)
        compose(load, c);
    else
        go_on(load, c);
    return STEP_ON;
}

static enum step step(struct load *load, struct connection *c)
{
    enum step done = STEP_READ;
    switch (c->stage) {
    case STAGE_HANDSHAKE:
        return step_handshake(load, c);
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
        done = pull(c);
        if (done == STEP_ON) {
            record(load, c);
            go_on(load, c);
        }
        return done;
    case STAGE_IDLE:
        break;
    }
    return done;
}

static void turn(struct load *load, struct connection *c)
{
    enum step done = STEP_ON;
    while (done == STEP_ON && c->fd >= 0 && c->stage != STAGE_IDLE)
        done = step(load, c);
    if (c->fd < 0 || c->stage == STAGE_IDLE)
        return;
    if (done == STEP_BROKEN) {
        load->failures++;
        hang_up(c);
        if (load->fresh && more(load))
            dial(load, c);
        return;
    }
    watch(load, c, done == STEP_WRITE ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static bool unfinished(const struct load *load, const struct connection *connections)
{
    bool alive = false;
    for (int i = 0; i < load->connections; i++) {
        if (connections[i].fd >= 0 && connections[i].stage != STAGE_IDLE)
            return true;
        alive = alive || connections[i].fd >= 0;
    }
    return alive && !load->fresh && load->next < load->message_count;
}

static void run(struct load *load)
{
    struct connection *connections = calloc((size_t)load->connections, sizeof *connections);
    if (connections == NULL)
        die("memory");
    load->started = now_s();
    for (int i = 0; i < load->connections; i++)
        dial(load, &connections[i]);
    double heard = now_s();
    while (unfinished(load, connections)) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(load->epoll, events, EVENTS_MAX, load->rate > 0 ? 1 : 100);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++)
            turn(load, events[i].data.ptr);
        for (int i = 0; load->rate > 0 && i < load->connections && more(load); i++) {
            if (connections[i].fd >= 0 && connections[i].stage == STAGE_IDLE) {
                go_on(load, &connections[i]);
                turn(load, &connections[i]);
            }
        }
        if (n > 0)
            heard = now_s();
        if (now_s() - heard > STUCK_S) {
            fprintf(stderr, "load: no answer for %.0f s\n", STUCK_S);
            load->failures++;
            break;
        }
    }
    load->seconds = now_s() - load->started;
    for (int i = 0; i < load->connections; i++)
        hang_up(&connections[i]);
    free(connections);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(struct load *load)
{
    size_t n = load->latency_count;
    if (n > 0)
        qsort(load->latencies_ms, n, sizeof *load->latencies_ms, by_value);
    printf("{\"requests\":%zu,\"failures\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,", n,
           load->failures, load->seconds, (double)n / load->seconds);
    printf("\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"statuses\":{",
           n > 0 ? load->latencies_ms[n / 2] : 0.0, n > 0 ? load->latencies_ms[n * 99 / 100] : 0.0);
    const char *comma = "";
    for (int status = 0; status < STATUS_MAX; status++) {
        if (load->statuses[status] == 0)
            continue;
        printf("%s\"%d\":%zu", comma, status, load->statuses[status]);
        comma = ",";
    }
    printf("}}\n");
}

static void read_bundle(struct load *load, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size == 0)
        die(path);
    size_t len = (size_t)facts.st_size, cap = 0;
    const uint8_t *at = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        die(path);
    close(fd);
    while (len > 4) {
        size_t size =
            (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
        if (size > len - 4)
            die("bundle is cut short");
        if (load->message_count == cap)
            load->messages = grow(load->messages, &cap, sizeof *load->messages);
        load->messages[load->message_count++] = (struct message){at + 4, size};
        at += 4 + size;
        len -= 4 + size;
    }
}

static char *read_token(const char *path)
{
    static char token[256];
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(token, sizeof token, file) == NULL)
        die(path);
    fclose(file);
    token[strcspn(token, "\r\n")] = 0;
    return token;
}

static void prepare(struct load *load, const char *ca)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo("127.0.0.1", load->port, &hints, &load->address) != 0)
        die("address");
    load->tls = SSL_CTX_new(TLS_client_method());
    if (load->tls == NULL || SSL_CTX_set_min_proto_version(load->tls, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_file(load->tls, ca) != 1)
        die("TLS context");
    SSL_CTX_set_verify(load->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(load->tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll < 0)
        die("epoll");
}

int main(int argc, char **argv)
{
    bool get = argc == 8 && strcmp(argv[1], "get") == 0;
    bool post = (argc == 9 || argc == 10) && strcmp(argv[1], "post") == 0;
    if (!get && !post) {
        fprintf(stderr,
                "usage: load get HOST PORT CAFILE PATH CONNECTIONS SECONDS\n"
                "       load post HOST PORT CAFILE PATH CONNECTIONS BUNDLE TOKENFILE [RATE]\n");
        return 64;
    }
    struct load load = {.host = argv[2], .port = argv[3], .path = argv[5], .fresh = get};
    load.connections = (int)strtol(argv[6], NULL, 10);
    if (load.connections < 1 || load.connections > CONNECTIONS_MAX)
        die("connections out of range");
    if (get) {
        load.seconds = strtod(argv[7], NULL);
    } else {
        read_bundle(&load, argv[7]);
        load.token = read_token(argv[8]);
        load.rate = argc == 10 ? strtod(argv[9], NULL) : 0;
    }
    prepare(&load, argv[4]);
    run(&load);
    report(&load);
    free(load.messages);
    free(load.latencies_ms);
    freeaddrinfo(load.address);
    SSL_CTX_free(load.tls);
    close(load.epoll);
    return load.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
