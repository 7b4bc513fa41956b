/*
 * Session ticket keys (RFC 5077 4, RFC 8446 4.6.1): random, never on disk,
 * a new one every hour. Old ones still open tickets for two hours more, so a
 * stolen process image opens no session older than that. One set per process,
 * shared by every context, also after certificates were read anew.
 *
 * Any thread: OpenSSL calls back from all of them.
 */
#ifndef POSTERN_SERVER_DOOR_TICKETS_H
#define POSTERN_SERVER_DOOR_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"

#define PST_DOOR_TICKET_ROTATE_S 3600
#define PST_DOOR_TICKET_KEYS 3
#define PST_DOOR_TICKET_NAME_BYTES 16

struct pst_door_tickets;

/* now_s: a monotonic clock's seconds. PST_OK; PST_ERR_NOMEM; PST_ERR_INTERNAL. Given. */
PST_MUST_CHECK enum pst_err pst_door_tickets_new(int64_t now_s,
                                                 struct pst_door_tickets **ret_tickets);
void pst_door_tickets_free(struct pst_door_tickets **tickets);

/*
 * Makes a new key when the newest is an hour old; drops those too old.
 * *ret_rotated says whether. PST_OK; PST_ERR_NOMEM (the old keys stay).
 */
PST_MUST_CHECK enum pst_err pst_door_tickets_rotate(struct pst_door_tickets *tickets, int64_t now_s,
                                                    bool *ret_rotated);

/* Lets a context use them; tickets is borrowed as long as the context lives. */
PST_MUST_CHECK enum pst_err pst_door_tickets_install(struct pst_door_tickets *tickets,
                                                     SSL_CTX *context);

/* Name of the key that new tickets get. For tests. */
void pst_door_tickets_name(struct pst_door_tickets *tickets,
                           uint8_t ret_name[PST_DOOR_TICKET_NAME_BYTES]);

#endif
