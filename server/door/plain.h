/*
 * Plaintext on a TLS port: told from TLS by the first bytes, answered once.
 *
 * A TLS connection starts with a handshake record, 0x16 0x03 (RFC 8446 5.1).
 * Plain HTTP is told, in words and with a problem object, that this service is
 * reached over TLS alone (RFC 9110 15.5.22); anything else is closed. Both
 * count as tls-required. Pure, any thread.
 */
#ifndef POSTERN_SERVER_DOOR_PLAIN_H
#define POSTERN_SERVER_DOOR_PLAIN_H

#include "postern/buf.h"
#include "postern/err.h"

enum pst_door_speech {
    PST_DOOR_SPEECH_UNKNOWN = 0, /* more bytes are needed */
    PST_DOOR_SPEECH_TLS,
    PST_DOOR_SPEECH_HTTP,
    PST_DOOR_SPEECH_OTHER
};

/* Longest first word that is still taken for an HTTP method. */
#define PST_DOOR_METHOD_MAX ((size_t)16)

/* How many first bytes are enough to decide. */
#define PST_DOOR_SPEECH_BYTES (PST_DOOR_METHOD_MAX + 1)

/* What a peer speaks that sent these first bytes, borrowed. */
enum pst_door_speech pst_door_speech(struct pst_bytes first);

/* The whole answer, appended. PST_OK; PST_ERR_NOMEM; PST_ERR_TOO_LONG. */
PST_MUST_CHECK enum pst_err pst_door_plain_answer(struct pst_buf *answer);

#endif
