/* How roles find each other by path, where no supervisor connects them. */
#include "server/role/role.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "server/config/config.h"
#include "server/role/privilege.h"

/* Doors that wait to be accepted: one, and the one that replaces it. */
#define MEET_BACKLOG 4

/* The mail role's requests wait here while web is busy. */
#define LOCAL_BACKLOG 64

/* Anybody may knock: who is let in is decided by SO_PEERCRED, not by the file's mode. */
#define MEET_MODE 0666

static enum pst_err address_of(const struct pst_config *config, const char *name,
                               struct sockaddr_un *ret_at)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int len = snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", config->run, name);
    if (len < 0 || (size_t)len >= sizeof at.sun_path)
        return PST_ERR_TOO_LONG;
    *ret_at = at;
    return PST_OK;
}

static enum pst_err listen_at(const struct pst_config *config, const char *name, int type,
                              int backlog, int *ret_fd)
{
    struct sockaddr_un at;
    enum pst_err r = address_of(config, name, &at);
    if (r != PST_OK)
        return r;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return PST_ERR_IO;
    (void)unlink(at.sun_path); /* of a process that was killed */
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
        chmod(at.sun_path, MEET_MODE) != 0 || listen(fd, backlog) != 0) {
        (void)close(fd);
        return PST_ERR_IO;
    }
    *ret_fd = fd;
    return PST_OK;
}

/* SO_PEERCRED: the other end runs as this role's user, or as root. */
static bool peer_is(int fd, const struct pst_config *config, enum pst_process role)
{
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    struct pst_privilege_ids ids;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        pst_privilege_resolve(pst_role_user(config, role), NULL, &ids) != PST_OK)
        return false;
    return peer.uid == 0 || peer.uid == ids.uid;
}

static bool watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum pst_err pst_role_handover_listen(struct pst_role_start *start)
{
    int listener = -1;
    enum pst_err r = listen_at(start->config, "web.sock", SOCK_SEQPACKET, MEET_BACKLOG, &listener);
    if (r != PST_OK)
        return r;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || !watch(epoll, listener)) {
        (void)close(listener);
        if (epoll >= 0)
            (void)close(epoll);
        return PST_ERR_IO;
    }
    start->handover = epoll;
    start->handover_listener = listener;
    start->handover_peer = -1;
    return PST_OK;
}

enum pst_err pst_role_handover_connect(const struct pst_role_start *start, int *ret_fd)
{
    struct sockaddr_un at;
    enum pst_err r = address_of(start->config, "web.sock", &at);
    if (r != PST_OK)
        return r;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return PST_ERR_IO;
    r = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? PST_OK : PST_ERR_IO;
    if (r == PST_OK && !peer_is(fd, start->config, PST_ROLE_WEB))
        r = PST_ERR_DENIED;
    if (r == PST_OK)
        *ret_fd = fd;
    else
        (void)close(fd);
    return r;
}

enum pst_err pst_role_local_listen(const struct pst_config *config, int *ret_fd)
{
    return listen_at(config, "local.sock", SOCK_STREAM, LOCAL_BACKLOG, ret_fd);
}

/* A door that came anew takes the place of the one before. */
static void accept_door(struct pst_role_start *start)
{
    int fd = accept4(start->handover_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (!peer_is(fd, start->config, PST_ROLE_DOOR) || !watch(start->handover, fd)) {
        (void)close(fd);
        return;
    }
    if (start->handover_peer >= 0)
        (void)close(start->handover_peer);
    start->handover_peer = fd;
}

enum pst_err pst_role_handover_recv(struct pst_role_start *start, struct pst_handover *ret_message,
                                    int *ret_stream)
{
    if (start->handover_listener < 0)
        return pst_handover_recv(start->handover, ret_message, ret_stream);
    if (start->handover_peer < 0)
        accept_door(start);
    if (start->handover_peer < 0)
        return PST_ERR_BUSY;
    enum pst_err r = pst_handover_recv(start->handover_peer, ret_message, ret_stream);
    if (r == PST_ERR_TRUNCATED || r == PST_ERR_IO) {
        (void)close(start->handover_peer);
        start->handover_peer = -1;
    }
    return r;
}
