/*
 * Between OpenSSL and the TCP socket of a connection: a BIO of our own.
 *
 * OpenSSL's sends each record by itself and reads once more to learn that there
 * is nothing. This one holds small records back until the door's turn with the
 * connection is over, so that a session ticket, the answer and close_notify
 * leave together, and takes a short read for what it is (epoll(7)): the next
 * bytes come with an event. On the worker's thread.
 */
#ifndef POSTERN_SERVER_DOOR_WIRE_H
#define POSTERN_SERVER_DOOR_WIRE_H

#include "server/door/conn.h"

/* Give conn->ssl a BIO on conn->outside. PST_OK; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_door_wire_attach(struct pst_door_conn *conn);

/*
 * Send what is held. False: the connection is broken. True, with bytes still
 * held: the client is slow, and outside.out comes back with an event.
 */
PST_MUST_CHECK bool pst_door_wire_flush(struct pst_door_conn *conn);

#endif
