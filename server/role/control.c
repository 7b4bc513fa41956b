#include "server/role/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* configuration, certificate, key, authorities */
#define CONTROL_FILES ((size_t)4)

union rights {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(CONTROL_FILES * sizeof(int))];
};

/* In order and without gaps: nothing; the configuration; and two or three TLS files with it. */
static size_t files_pack(const struct pst_role_fresh *fresh, int fds[CONTROL_FILES])
{
    size_t count = 0;
    if (fresh->config < 0)
        return 0;
    fds[count++] = fresh->config;
    if (fresh->tls.certificate < 0 || fresh->tls.key < 0)
        return count;
    fds[count++] = fresh->tls.certificate;
    fds[count++] = fresh->tls.key;
    if (fresh->tls.authorities >= 0)
        fds[count++] = fresh->tls.authorities;
    return count;
}

enum pst_err pst_control_send(int socket, enum pst_control_word word,
                              const struct pst_role_fresh *fresh)
{
    uint8_t byte = (uint8_t)word;
    int fds[CONTROL_FILES];
    size_t count = files_pack(fresh, fds);
    union rights control = {0};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    if (sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
        return PST_OK;
    return errno == EAGAIN ? PST_ERR_BUSY : PST_ERR_IO;
}

static void files_unpack(struct msghdr *header, struct pst_role_fresh *ret_fresh)
{
    int fds[CONTROL_FILES] = {-1, -1, -1, -1};
    struct cmsghdr *at = CMSG_FIRSTHDR(header);
    if (at != NULL && at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS) {
        size_t len = at->cmsg_len - CMSG_LEN(0);
        memcpy(fds, CMSG_DATA(at), len <= sizeof fds ? len : sizeof fds);
    }
    *ret_fresh = (struct pst_role_fresh){{fds[1], fds[2], fds[3]}, fds[0]};
}

enum pst_err pst_control_recv(int socket, enum pst_control_word *ret_word,
                              struct pst_role_fresh *ret_fresh)
{
    uint8_t byte = 0;
    union rights control;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? PST_ERR_BUSY : PST_ERR_TRUNCATED;
    struct pst_role_fresh fresh;
    files_unpack(&header, &fresh);
    bool known = got == 1 && byte > 0 && byte < PST_CONTROL__MAX;
    if (!known || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        pst_role_fresh_close(&fresh);
        return got == 0 ? PST_ERR_TRUNCATED : PST_ERR_SYNTAX;
    }
    *ret_word = (enum pst_control_word)byte;
    *ret_fresh = fresh;
    return PST_OK;
}
