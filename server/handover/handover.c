#include "server/handover/handover.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "PSTH" and the version of the layout; a door and a web of two versions never talk. */
#define WIRE_MAGIC 0x48545350u
#define WIRE_VERSION 1

/* Room for more descriptors than one, so that a surplus is seen and closed, not lost. */
#define WIRE_FDS_MAX 8

struct wire {
    uint32_t magic;
    uint16_t version;
    uint8_t kind;
    uint8_t listener;
    uint8_t family;
    uint8_t aead;
    uint8_t resumed;
    uint8_t has_certificate;
    uint16_t port;
    uint16_t tls_version;
    uint16_t cipher;
    uint16_t refusal;
    uint32_t count;
    uint32_t zero[2];
    int64_t minute;
    uint8_t address[16];
    uint8_t alpn[PST_HANDOVER_ALPN_MAX];
    uint8_t certificate[PST_HANDOVER_CERT_BYTES];
};

_Static_assert(sizeof(struct wire) == 104 && offsetof(struct wire, minute) == 32,
               "the layout has no hidden bytes");

const char *pst_handover_code(enum pst_handover_refusal refusal)
{
    static const char *const codes[PST_HANDOVER_REFUSAL__MAX] = {
        [PST_HANDOVER_TLS_REQUIRED] = "tls-required",
        [PST_HANDOVER_RATE_LIMITED] = "rate-limited",
        [PST_HANDOVER_TOO_LARGE] = "too-large",
    };
    bool known = refusal > 0 && refusal < PST_HANDOVER_REFUSAL__MAX;
    return known ? codes[refusal] : "internal";
}

enum pst_err pst_handover_pair(int ret_pair[2])
{
    int type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return socketpair(AF_UNIX, type, 0, ret_pair) == 0 ? PST_OK : PST_ERR_IO;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum |= bytes[i];
    return sum == 0;
}

static bool peer_valid(const struct wire *wire)
{
    if (wire->family == 4)
        return all_zero(wire->address + 4, sizeof wire->address - 4);
    return wire->family == 6;
}

/* Lower-case protocol names as in RFC 7301's registry; zeros to the end. */
static bool alpn_valid(const uint8_t *alpn)
{
    size_t len = strnlen((const char *)alpn, PST_HANDOVER_ALPN_MAX);
    if (len == PST_HANDOVER_ALPN_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (alpn[i] <= ' ' || alpn[i] > '~')
            return false;
    return all_zero(alpn + len, PST_HANDOVER_ALPN_MAX - len);
}

static bool stream_valid(const struct wire *wire)
{
    return (wire->tls_version == PST_TLS_1_2 || wire->tls_version == PST_TLS_1_3) &&
           wire->aead <= 1 && wire->resumed <= 1 && wire->has_certificate <= 1 &&
           (wire->has_certificate == 1 || all_zero(wire->certificate, sizeof wire->certificate)) &&
           alpn_valid(wire->alpn) && wire->refusal == 0 && wire->count == 0 && wire->minute == 0;
}

/* Nothing of what only STREAM says. */
static bool factless(const struct wire *wire)
{
    return wire->port == 0 && wire->tls_version == 0 && wire->cipher == 0 && wire->aead == 0 &&
           wire->resumed == 0 && wire->has_certificate == 0 &&
           all_zero(wire->alpn, sizeof wire->alpn) &&
           all_zero(wire->certificate, sizeof wire->certificate);
}

static bool refused_valid(const struct wire *wire)
{
    return wire->refusal > 0 && wire->refusal < PST_HANDOVER_REFUSAL__MAX && wire->count > 0 &&
           wire->minute >= 0 && factless(wire);
}

static bool leaving_valid(const struct wire *wire)
{
    return wire->family == 4 && all_zero(wire->address, sizeof wire->address) &&
           wire->refusal == 0 && wire->count == 0 && wire->minute == 0 && factless(wire);
}

/* Every rule of the header, for both directions. */
static bool wire_valid(const struct wire *wire, bool has_stream)
{
    if (wire->magic != WIRE_MAGIC || wire->version != WIRE_VERSION || wire->zero[0] != 0 ||
        wire->zero[1] != 0)
        return false;
    if (wire->listener == 0 || wire->listener >= PST_LISTENER__MAX || !peer_valid(wire))
        return false;
    if (wire->kind == PST_HANDOVER_STREAM)
        return has_stream && stream_valid(wire);
    if (wire->kind == PST_HANDOVER_LEAVING)
        return !has_stream && leaving_valid(wire);
    return wire->kind == PST_HANDOVER_REFUSED && !has_stream && refused_valid(wire);
}

static void wire_pack(const struct pst_handover *message, struct wire *ret_wire)
{
    *ret_wire = (struct wire){
        .magic = WIRE_MAGIC,
        .version = WIRE_VERSION,
        .kind = (uint8_t)message->kind,
        .listener = (uint8_t)message->listener,
        .family = message->peer.family,
        .aead = message->aead,
        .resumed = message->resumed,
        .has_certificate = message->has_certificate,
        .port = message->peer.port,
        .tls_version = message->tls_version,
        .cipher = message->cipher,
        .refusal = (uint16_t)message->refusal,
        .count = message->count,
        .minute = message->minute,
    };
    memcpy(ret_wire->address, message->peer.address, sizeof ret_wire->address);
    memcpy(ret_wire->alpn, message->alpn, sizeof ret_wire->alpn);
    memcpy(ret_wire->certificate, message->certificate, sizeof ret_wire->certificate);
}

static void wire_unpack(const struct wire *wire, struct pst_handover *ret_message)
{
    *ret_message = (struct pst_handover){
        .kind = (enum pst_handover_kind)wire->kind,
        .listener = (enum pst_listener_kind)wire->listener,
        .peer = {.family = wire->family, .port = wire->port},
        .tls_version = wire->tls_version,
        .cipher = wire->cipher,
        .aead = wire->aead == 1,
        .resumed = wire->resumed == 1,
        .has_certificate = wire->has_certificate == 1,
        .refusal = (enum pst_handover_refusal)wire->refusal,
        .count = wire->count,
        .minute = wire->minute,
    };
    memcpy(ret_message->peer.address, wire->address, sizeof wire->address);
    memcpy(ret_message->alpn, wire->alpn, sizeof wire->alpn);
    memcpy(ret_message->certificate, wire->certificate, sizeof wire->certificate);
}

enum pst_err pst_handover_send(int socket, const struct pst_handover *message, int stream)
{
    struct wire wire;
    wire_pack(message, &wire);
    if (!wire_valid(&wire, stream >= 0))
        return PST_ERR_INVALID;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = &wire, .iov_len = sizeof wire};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (stream >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof stream);
        memcpy(CMSG_DATA(rights), &stream, sizeof stream);
    }
    ssize_t sent = -1;
    do
        sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)sizeof wire)
        return PST_OK;
    /* ETOOMANYREFS: descriptors in flight; both pass once the receiver reads on. */
    bool behind = sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS);
    return behind ? PST_ERR_BUSY : PST_ERR_IO;
}

struct received {
    int fds[WIRE_FDS_MAX];
    size_t count;
};

static void received_collect(struct msghdr *header, struct received *received)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && received->count < WIRE_FDS_MAX; i++)
            memcpy(&received->fds[received->count++], CMSG_DATA(at) + i * sizeof(int), sizeof(int));
    }
}

static void received_close(const struct received *received)
{
    for (size_t i = 0; i < received->count; i++)
        (void)close(received->fds[i]);
}

enum pst_err pst_handover_recv(int socket, struct pst_handover *ret_message, int *ret_stream)
{
    struct wire wire;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = &wire, .iov_len = sizeof wire};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got = -1;
    do
        got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? PST_ERR_BUSY : PST_ERR_IO;
    struct received received = {.count = 0};
    received_collect(&header, &received);
    if (got == 0 && received.count == 0)
        return PST_ERR_TRUNCATED;
    bool whole = got == (ssize_t)sizeof wire && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    if (!whole || received.count > 1 || !wire_valid(&wire, received.count == 1)) {
        received_close(&received);
        return PST_ERR_SYNTAX;
    }
    wire_unpack(&wire, ret_message);
    *ret_stream = received.count == 1 ? received.fds[0] : -1;
    return PST_OK;
}
