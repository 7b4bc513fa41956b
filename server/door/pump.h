/*
 * Bytes both ways between a TLS connection and web, and how they end.
 *
 * What cannot be written at once is kept, at most one part (16 KiB) each way,
 * and no more is read until it is gone: a slow reader slows its writer and
 * nobody else. On the worker's thread.
 */
#ifndef POSTERN_SERVER_DOOR_PUMP_H
#define POSTERN_SERVER_DOOR_PUMP_H

#include "server/door/conn.h"

/* PST_DOOR_PUMP: both ways as far as they go. */
enum pst_door_step pst_door_pump(struct pst_door_conn *conn);

/* PST_DOOR_FAREWELL: close_notify and FIN, so that the client knows the answer is whole. */
enum pst_door_step pst_door_farewell(struct pst_door_conn *conn);

/*
 * PST_DOOR_DRAIN: throw away what the client still sends, up to a number of
 * bytes and a deadline. Closing at once would answer its next packet with a
 * reset, which makes many clients lose the answer they already have.
 */
enum pst_door_step pst_door_drain(struct pst_door_conn *conn);

void pst_door_flow_free(struct pst_door_flow *flow);

#endif
