#include "server/role/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "server/config/config.h"
#include "server/log/log.h"

/* The kernel cuts it to net.core.somaxconn. */
#define LISTEN_BACKLOG 4096

#define PATH_SIZE 4096

const char *pst_listener_name(enum pst_listener_kind kind)
{
    static const char *const names[PST_LISTENER__MAX] = {
        [PST_LISTENER_HTTPS] = "https",
        [PST_LISTENER_SUBMISSION] = "submission",
        [PST_LISTENER_INBOUND] = "inbound",
    };
    return (unsigned)kind < PST_LISTENER__MAX && kind != 0 ? names[kind] : "unknown";
}

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static bool address_fill(const struct pst_config_address *at, union address *ret_address,
                         socklen_t *ret_len)
{
    *ret_address = (union address){0};
    if (at->is_v6) {
        ret_address->in6.sin6_family = AF_INET6;
        ret_address->in6.sin6_port = htons(at->port);
        *ret_len = sizeof ret_address->in6;
        return inet_pton(AF_INET6, at->host, &ret_address->in6.sin6_addr) == 1;
    }
    ret_address->in.sin_family = AF_INET;
    ret_address->in.sin_port = htons(at->port);
    *ret_len = sizeof ret_address->in;
    return inet_pton(AF_INET, at->host, &ret_address->in.sin_addr) == 1;
}

/* "[::]:443" alone serves both families; beside "0.0.0.0:443" it must leave IPv4 to it. */
static int v6_only(const struct pst_config_listen *listen, const struct pst_config_address *at)
{
    for (size_t i = 0; i < listen->count; i++)
        if (!listen->at[i].is_v6 && listen->at[i].port == at->port)
            return 1;
    return 0;
}

static bool set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/*
 * Clients of TLS speak first: who has not spoken within this time is accepted
 * all the same, and then has its handshake deadline.
 */
#define DEFER_ACCEPT_S 1

/* Options that accepted sockets inherit stand here, once, instead of at every accept. */
static bool options_set(int fd, const struct pst_config_listen *listen,
                        const struct pst_config_address *at)
{
    bool ok = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
              set(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
              set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
    return ok && (!at->is_v6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only(listen, at)));
}

static enum pst_err open_one(const struct pst_config_listen *listening,
                             const struct pst_config_address *at, int *ret_fd)
{
    union address address;
    socklen_t len = 0;
    if (!address_fill(at, &address, &len))
        return PST_ERR_INVALID;
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(at->is_v6 ? AF_INET6 : AF_INET, type, 0);
    if (fd >= 0 && options_set(fd, listening, at) && bind(fd, &address.any, len) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0) {
        *ret_fd = fd;
        return PST_OK;
    }
    PST_LOG(LISTEN_FAILED, PST_LOG_COUNT("port", at->port), PST_LOG_ERRNO(errno));
    if (fd >= 0)
        (void)close(fd);
    return PST_ERR_IO;
}

static enum pst_err open_kind(const struct pst_config_listen *listening,
                              enum pst_listener_kind kind, struct pst_role_start *start)
{
    for (size_t i = 0; i < listening->count; i++) {
        int fd = -1;
        if (start->listener_count == PST_ROLE_LISTENERS_MAX)
            return PST_ERR_TOO_LONG;
        enum pst_err r = open_one(listening, &listening->at[i], &fd);
        if (r != PST_OK)
            return r;
        start->listeners[start->listener_count++] =
            (struct pst_role_listener){.fd = fd, .kind = kind};
        PST_LOG(LISTENING, PST_LOG_ENUM("kind", pst_listener_name, kind),
                PST_LOG_COUNT("port", listening->at[i].port));
    }
    return PST_OK;
}

enum pst_err pst_role_listen_open(const struct pst_config *config, struct pst_role_start *start)
{
    return open_kind(&config->https.listen, PST_LISTENER_HTTPS, start);
}

void pst_role_listen_close(struct pst_role_start *start)
{
    for (size_t i = 0; i < start->listener_count; i++)
        (void)close(start->listeners[i].fd);
    start->listener_count = 0;
}

static json_t *port_json(int fd)
{
    union address address = {0};
    socklen_t len = sizeof address;
    char host[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, &address.any, &len) != 0)
        return NULL;
    bool is_v6 = address.any.sa_family == AF_INET6;
    const void *raw = is_v6 ? (const void *)&address.in6.sin6_addr : &address.in.sin_addr;
    int port = ntohs(is_v6 ? address.in6.sin6_port : address.in.sin_port);
    if (inet_ntop(address.any.sa_family, raw, host, sizeof host) == NULL)
        return NULL;
    return json_pack("{s:s, s:i}", "address", host, "port", port);
}

static enum pst_err ports_json(const struct pst_role_start *start, json_t *ports)
{
    for (size_t i = 0; i < start->listener_count; i++) {
        const char *name = pst_listener_name(start->listeners[i].kind);
        json_t *list = json_object_get(ports, name);
        if (list == NULL && json_object_set_new(ports, name, list = json_array()) != 0)
            return PST_ERR_NOMEM;
        if (json_array_append_new(list, port_json(start->listeners[i].fd)) != 0)
            return PST_ERR_NOMEM;
    }
    return PST_OK;
}

/* A whole file or none: readers wait for it to appear. */
enum pst_err pst_role_ports_write(const struct pst_config *config,
                                  const struct pst_role_start *start)
{
    PST_JSON json_t *ports = json_object();
    char path[PATH_SIZE], fresh[PATH_SIZE];
    enum pst_err r = ports_json(start, ports);
    if (r != PST_OK)
        return r;
    int len = snprintf(path, sizeof path, "%s/ports.json", config->run);
    int fresh_len = snprintf(fresh, sizeof fresh, "%s/ports.json.new", config->run);
    if (len < 0 || (size_t)len >= sizeof path || fresh_len < 0 || (size_t)fresh_len >= sizeof fresh)
        return PST_ERR_IO;
    bool ok = json_dump_file(ports, fresh, JSON_COMPACT) == 0 && rename(fresh, path) == 0;
    return ok ? PST_OK : PST_ERR_IO;
}
