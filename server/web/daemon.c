#include "server/web/daemon.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/role/role.h"
#include "server/web/web.h"

/*
 * Measured: 9 KiB an idle connection instead of 33 with the library's own
 * value; request line and header lines together must fit.
 */
#define CONNECTION_MEMORY_BYTES ((size_t)8192)
/* Stack of one thread: requests recurse nowhere, JSON at most 16 deep. */
#define THREAD_STACK_BYTES ((size_t)512 * 1024)
/* A body up to here is read to its end before a refusal, so that the connection lives on. */
#define KEEP_BODY_BYTES INT64_C(262144)
#define MEBIBYTE INT64_C(1048576)

/* ---- phases and deadlines --------------------------------------------- */

static void times_set(struct pst_web_times *times, const struct pst_config *config)
{
    atomic_store(&times->idle_ms, config->https.idle_time_ms);
    atomic_store(&times->head_ms, config->https.header_time_ms);
    atomic_store(&times->body_ms, config->https.body_time_ms);
}

static int64_t phase_time_ms(struct pst_web_times *times, enum pst_web_phase phase,
                             int64_t size_bytes)
{
    switch (phase) {
    case PST_WEB_PHASE_IDLE:
        return atomic_load(&times->idle_ms);
    case PST_WEB_PHASE_HEAD:
        return atomic_load(&times->head_ms);
    case PST_WEB_PHASE_BODY:
    case PST_WEB_PHASE_ANSWER:
        return atomic_load(&times->body_ms) * (1 + size_bytes / MEBIBYTE);
    default:
        return 0;
    }
}

void pst_web_phase_set(struct pst_web_peer *peer, enum pst_web_phase phase, int64_t size_bytes)
{
    int64_t time_ms = phase_time_ms(&peer->web->times, phase, size_bytes);
    atomic_store(&peer->deadline_ms, time_ms == 0 ? INT64_MAX : pst_clock_now(NULL) + time_ms);
    atomic_store(&peer->phase, phase);
}

void pst_web_sweep(struct pst_web *web, int64_t now_ms)
{
    unsigned cut = 0;
    (void)pthread_mutex_lock(&web->lock);
    for (struct pst_web_peer *peer = web->peers; peer != NULL; peer = peer->next) {
        if (atomic_load(&peer->deadline_ms) > now_ms)
            continue;
        /* The library sees the end of the stream and closes it in its own thread. */
        (void)shutdown(peer->fd, SHUT_RDWR);
        atomic_store(&peer->deadline_ms, INT64_MAX);
        cut += atomic_load(&peer->phase) != PST_WEB_PHASE_IDLE;
    }
    (void)pthread_mutex_unlock(&web->lock);
    if (cut > 0)
        PST_LOG(LIMIT_REACHED, PST_LOG_WORD("limit", "time"), PST_LOG_COUNT("connections", cut));
}

/* ---- connections ------------------------------------------------------ */

static struct pst_web_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *about =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return about == NULL ? NULL : about->socket_context;
}

static void peer_link(struct pst_web *web, struct pst_web_peer *peer)
{
    peer->next = web->peers;
    if (peer->next != NULL)
        peer->next->prev = peer;
    web->peers = peer;
}

static void peer_unlink(struct pst_web *web, struct pst_web_peer *peer)
{
    if (peer->prev != NULL)
        peer->prev->next = peer->next;
    else
        web->peers = peer->next;
    if (peer->next != NULL)
        peer->next->prev = peer->prev;
}

/* The facts that wait for this descriptor; NULL: none. */
static struct pst_web_peer *taking_pull(struct pst_web *web, int fd)
{
    if (fd < 0 || (size_t)fd >= web->taking_len)
        return NULL;
    struct pst_web_peer *peer = web->taking[fd];
    web->taking[fd] = NULL;
    return peer;
}

static void connection_started(struct pst_web *web, struct MHD_Connection *connection,
                               void **context)
{
    const union MHD_ConnectionInfo *about =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (about == NULL)
        return;
    (void)pthread_mutex_lock(&web->lock);
    struct pst_web_peer *peer = taking_pull(web, about->connect_fd);
    if (peer != NULL)
        peer_link(web, peer);
    (void)pthread_mutex_unlock(&web->lock);
    *context = peer;
}

static void connection_closed(struct pst_web *web, void **context)
{
    struct pst_web_peer *peer = *context;
    if (peer == NULL)
        return;
    (void)pthread_mutex_lock(&web->lock);
    peer_unlink(web, peer);
    (void)pthread_mutex_unlock(&web->lock);
    free(peer);
    *context = NULL;
}

static void notify_connection(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_started(cls, connection, context);
    else
        connection_closed(cls, context);
}

static bool taking_fits(struct pst_web *web, int fd)
{
    size_t len = web->taking_len;
    if ((size_t)fd < len)
        return true;
    while (len <= (size_t)fd)
        len = len == 0 ? 64 : len * 2;
    struct pst_web_peer **taking = reallocarray(web->taking, len, sizeof *taking);
    if (taking == NULL)
        return false;
    memset(taking + web->taking_len, 0, (len - web->taking_len) * sizeof *taking);
    web->taking = taking;
    web->taking_len = len;
    return true;
}

static socklen_t sockaddr_of(const struct pst_peer *peer, struct sockaddr_storage *ret_address)
{
    *ret_address = (struct sockaddr_storage){0};
    if (peer->family == 6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(peer->port);
        memcpy(&v6->sin6_addr, peer->address, sizeof v6->sin6_addr);
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(peer->port);
    memcpy(&v4->sin_addr, peer->address, sizeof v4->sin_addr);
    return sizeof *v4;
}

static enum pst_err peer_new(struct pst_web *web, int stream, const struct pst_handover *facts,
                             struct pst_web_peer **ret_peer)
{
    struct pst_web_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return PST_ERR_NOMEM;
    peer->web = web;
    peer->fd = stream;
    peer->facts = *facts;
    peer->session = pst_log_session_new();
    pst_web_phase_set(peer, PST_WEB_PHASE_IDLE, 0);
    (void)pthread_mutex_lock(&web->lock);
    bool fits = taking_fits(web, stream);
    if (fits)
        web->taking[stream] = peer;
    (void)pthread_mutex_unlock(&web->lock);
    if (!fits) {
        free(peer);
        return PST_ERR_NOMEM;
    }
    *ret_peer = peer;
    return PST_OK;
}

enum pst_err pst_web_take(struct pst_web *web, int stream, const struct pst_handover *facts)
{
    struct sockaddr_storage address;
    struct pst_web_peer *peer = NULL;
    enum pst_err r = peer_new(web, stream, facts, &peer);
    if (r != PST_OK) {
        (void)close(stream);
        return r;
    }
    socklen_t len = sockaddr_of(&facts->peer, &address);
    if (MHD_add_connection(web->daemon, stream, (const struct sockaddr *)&address, len) == MHD_YES)
        return PST_OK;
    /* The library has closed the stream; a peer it had started is gone with it. */
    (void)pthread_mutex_lock(&web->lock);
    peer = taking_pull(web, stream);
    (void)pthread_mutex_unlock(&web->lock);
    free(peer);
    return PST_ERR_BUSY;
}

/* ---- requests --------------------------------------------------------- */

/* Called when the request line has come: from here on the head has its deadline. */
static void *request_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct pst_web_peer *peer = peer_of(connection);
    (void)cls;
    (void)uri;
    if (peer != NULL)
        pst_web_phase_set(peer, PST_WEB_PHASE_HEAD, 0);
    return NULL;
}

/* A body that would be long in vain is not waited for: the connection closes instead. */
static bool answer_early(const struct pst_web_exchange *exchange)
{
    if (!exchange->discard)
        return false;
    return exchange->declared < 0 || exchange->declared > KEEP_BODY_BYTES ||
           pst_request_header(&exchange->request, "Expect") != NULL;
}

static enum MHD_Result first_call(struct pst_web *web, struct MHD_Connection *connection,
                                  const char *path, const char *method, void **context)
{
    struct pst_web_peer *peer = peer_of(connection);
    struct pst_web_exchange *exchange = NULL;
    if (peer == NULL || pst_web_exchange_new(web, connection, peer, &exchange) != PST_OK)
        return MHD_NO;
    *context = exchange;
    pst_web_exchange_begin(exchange, method, path);
    pst_web_phase_set(peer, PST_WEB_PHASE_BODY, exchange->declared > 0 ? exchange->declared : 0);
    return MHD_YES;
}

static enum MHD_Result go_on(struct pst_web_exchange *exchange, bool close)
{
    pst_web_phase_set(exchange->peer, PST_WEB_PHASE_WORK, 0);
    if (!pst_web_exchange_step(exchange))
        return MHD_YES;
    return pst_web_exchange_send(exchange, close);
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *bytes, size_t *bytes_len, void **context)
{
    struct pst_web_exchange *exchange = *context;
    size_t taken = 0;
    (void)version;
    if (exchange == NULL) {
        if (first_call(cls, connection, path, method, context) != MHD_YES)
            return MHD_NO;
        exchange = *context;
        pst_log_session_set(exchange->peer->session);
        exchange->early = answer_early(exchange);
        return exchange->early ? go_on(exchange, true) : MHD_YES;
    }
    pst_log_session_set(exchange->peer->session);
    if (exchange->early)
        return go_on(exchange, true);
    if (*bytes_len == 0)
        return go_on(exchange, false);
    enum pst_err r = pst_web_exchange_piece(exchange, pst_bytes(bytes, *bytes_len), &taken);
    *bytes_len -= taken;
    return r == PST_OK ? MHD_YES : MHD_NO;
}

static const char *method_word(unsigned method)
{
    static const char *const words[] = {"other", "get", "head", "post", "put", "patch", "delete"};
    return method < sizeof words / sizeof words[0] ? words[method] : words[0];
}

static unsigned method_number(const char *method)
{
    for (unsigned i = 1; i <= 6; i++)
        if (strcasecmp(method, method_word(i)) == 0)
            return i;
    return 0;
}

static void request_done(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode how)
{
    struct pst_web_exchange *exchange = *context;
    (void)cls;
    (void)connection;
    if (exchange == NULL)
        return;
    struct pst_web_peer *peer = exchange->peer;
    const struct pst_route *route = exchange->request.route;
    pst_log_session_set(peer->session);
    PST_LOG(
        REQUEST,
        PST_LOG_ENUM("method", method_word, method_number(route == NULL ? "other" : route->method)),
        PST_LOG_COUNT("status", exchange->answer.status),
        PST_LOG_BYTES("body", exchange->body_bytes),
        PST_LOG_MS("took", pst_clock_now(NULL) - exchange->started_ms),
        PST_LOG_COUNT("whole", how == MHD_REQUEST_TERMINATED_COMPLETED_OK));
    pst_web_exchange_free(&exchange);
    *context = NULL;
    pst_web_phase_set(peer, PST_WEB_PHASE_IDLE, 0);
}

/* ---- the daemon ------------------------------------------------------- */

/*
 * The library's own words. It says three times per answer on a socket pair that
 * a TCP option could not be set; all else is worth a line, though not its text,
 * which may hold what a client sent.
 */
static void library_log(void *cls, const char *format, va_list arguments)
{
    static const char *const noise[] = {
        "Setting %s option to ", "Failed to push the data ",
        /* Said by whoever reported it, where it is a fault (send.c). */
        "Closing connection (application reported error generating data)"};
    (void)cls;
    (void)arguments;
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++)
        if (strncmp(format, noise[i], strlen(noise[i])) == 0)
            return;
    PST_LOG(HTTP_LIBRARY);
}

static struct MHD_Daemon *daemon_start(struct pst_web *web)
{
    const struct pst_web_settings *settings = &web->settings;
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
                           MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    /* The logger must be the first option to catch all. */
    return MHD_start_daemon(
        flags, 0, NULL, NULL, access_handler, web, MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL,
        MHD_OPTION_THREAD_POOL_SIZE, settings->threads, MHD_OPTION_CONNECTION_LIMIT,
        settings->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
        notify_connection, web, MHD_OPTION_NOTIFY_COMPLETED, request_done, web,
        MHD_OPTION_URI_LOG_CALLBACK, request_line, web, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
}

enum pst_err pst_web_new(const struct pst_web_settings *settings, struct pst_web **ret_web)
{
    struct pst_web *web = calloc(1, sizeof *web);
    if (web == NULL)
        return PST_ERR_NOMEM;
    web->settings = *settings;
    (void)pthread_mutex_init(&web->lock, NULL);
    times_set(&web->times, settings->config);
    enum pst_err r = pst_live_init(&web->live, settings->config);
    if (r == PST_OK)
        r = pst_strangers_new(settings->store, settings->vault, &web->strangers);
    if (r == PST_OK)
        r = pst_feed_new(settings->store, &web->live, settings->connections, &web->feed);
    if (r == PST_OK) {
        web->daemon = daemon_start(web);
        r = web->daemon == NULL ? PST_ERR_INTERNAL : PST_OK;
    }
    if (r == PST_OK)
        *ret_web = web;
    else
        pst_web_free(&web);
    return r;
}

enum pst_err pst_web_configure(struct pst_web *web, struct pst_config **config)
{
    const struct pst_config *next = *config;
    enum pst_err r = pst_live_change(&web->live, config);
    if (r == PST_OK)
        times_set(&web->times, next);
    return r;
}

void pst_web_stranger(struct pst_web *web, const char *code, const struct pst_peer *peer,
                      int64_t minute, int64_t count)
{
    pst_strangers_add(web->strangers, code, peer, minute, count);
}

void pst_web_flush(struct pst_web *web)
{
    enum pst_err r = pst_strangers_flush(web->strangers, pst_clock_now(NULL));
    if (r != PST_OK)
        PST_LOG(STORE_FAILED, PST_LOG_ERR(r));
}

void pst_web_hush(struct pst_web *web)
{
    pst_feed_hush(web->feed, pst_clock_now(NULL) + PST_ROLE_DRAIN_S * PST_SECOND_MS);
}

void pst_web_drain(struct pst_web *web)
{
    atomic_store(&web->draining, true);
    pst_feed_hush(web->feed, INT64_MAX);
}

unsigned pst_web_busy(const struct pst_web *web)
{
    return atomic_load(&web->busy);
}

void pst_web_free(struct pst_web **web)
{
    struct pst_web *gone = *web;
    if (gone == NULL)
        return;
    if (gone->daemon != NULL) {
        pst_feed_hush(gone->feed, INT64_MAX);
        MHD_stop_daemon(gone->daemon);
    }
    pst_feed_free(&gone->feed);
    for (size_t i = 0; i < gone->taking_len; i++)
        free(gone->taking[i]);
    free(gone->taking);
    pst_strangers_free(&gone->strangers);
    pst_live_clear(&gone->live);
    (void)pthread_mutex_destroy(&gone->lock);
    free(gone);
    *web = NULL;
}
