/*
 * The hand-over: what the door tells web and mail about a connection.
 *
 * One message is one packet of fixed size over a Unix SOCK_SEQPACKET socket.
 * STREAM carries one descriptor (SCM_RIGHTS): the plain end of a connection
 * whose TLS the door ends, with the facts about it. REFUSED carries none: it
 * counts what the door itself turned away, so that it can be recorded. LEAVING
 * carries none and no facts (family 4, the rest zero): the door stops, and
 * answers that go on for ever are to end now.
 * Sender and receiver are the same program, so bytes are in host order; the
 * receiver checks every field all the same, since a door that was taken over
 * must gain nothing here. Any thread: a packet is sent and received whole.
 */
#ifndef POSTERN_SERVER_HANDOVER_H
#define POSTERN_SERVER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

#define PST_HANDOVER_ALPN_MAX ((size_t)16)
#define PST_HANDOVER_CERT_BYTES ((size_t)32)

/* As IANA numbers them (RFC 8446 4.2.1). */
#define PST_TLS_1_2 0x0303u
#define PST_TLS_1_3 0x0304u

enum pst_handover_kind {
    PST_HANDOVER_STREAM = 1,
    PST_HANDOVER_REFUSED,
    PST_HANDOVER_LEAVING,
    PST_HANDOVER__MAX
};

enum pst_listener_kind {
    PST_LISTENER_HTTPS = 1,
    PST_LISTENER_SUBMISSION,
    PST_LISTENER_INBOUND,
    PST_LISTENER__MAX
};

/* The refusals a door can come to; pst_handover_code gives their stable code. */
enum pst_handover_refusal {
    PST_HANDOVER_TLS_REQUIRED = 1,
    PST_HANDOVER_RATE_LIMITED,
    PST_HANDOVER_TOO_LARGE,
    PST_HANDOVER_REFUSAL__MAX
};

/* An address as the listener saw it; IPv4-mapped IPv6 is stored as IPv4. */
struct pst_peer {
    uint8_t family;      /* 4 or 6 */
    uint8_t address[16]; /* network order; the last 12 bytes are 0 with family 4 */
    uint16_t port;       /* host order; 0 in REFUSED, where it says nothing */
};

struct pst_handover {
    enum pst_handover_kind kind;
    enum pst_listener_kind listener;
    struct pst_peer peer;

    /* STREAM */
    uint16_t tls_version; /* PST_TLS_1_2 or PST_TLS_1_3 */
    uint16_t cipher;      /* IANA number of the cipher suite */
    bool aead;
    bool resumed;
    char alpn[PST_HANDOVER_ALPN_MAX]; /* NUL-terminated; empty when none was agreed on */
    bool has_certificate;
    uint8_t certificate[PST_HANDOVER_CERT_BYTES]; /* SHA-256 of the client's, DER; verified */

    /* REFUSED: so many connections of this address in this minute */
    enum pst_handover_refusal refusal;
    uint32_t count;
    int64_t minute; /* since 1970 */
};

/* "tls-required" and the like, static; "internal" for what is none. */
const char *pst_handover_code(enum pst_handover_refusal refusal);

/* A connected pair, non-blocking and close-on-exec. PST_OK; PST_ERR_IO. */
PST_MUST_CHECK enum pst_err pst_handover_pair(int ret_pair[2]);

/*
 * Send one message, and with STREAM the descriptor (borrowed: the caller closes
 * its copy). stream is -1 with the others.
 *
 * Returns PST_OK; PST_ERR_BUSY when the receiver is behind (nothing was sent);
 * PST_ERR_IO when it is gone; PST_ERR_INVALID for a message that the receiver
 * would not take.
 */
PST_MUST_CHECK enum pst_err pst_handover_send(int socket, const struct pst_handover *message,
                                              int stream);

/*
 * Receive one message. *ret_stream is given to the caller (close-on-exec), or -1.
 *
 * Returns PST_OK; PST_ERR_BUSY when none waits; PST_ERR_TRUNCATED when the
 * sender is gone; PST_ERR_SYNTAX for a message that breaks a rule of this page
 * (its descriptors are closed; the socket can be read on); PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_handover_recv(int socket, struct pst_handover *ret_message,
                                              int *ret_stream);

#endif
