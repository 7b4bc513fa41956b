/*
 * One connection: from accept(2) to its end.
 *
 *     SPEECH -> HANDSHAKE -> HANDOVER -> PUMP -> FAREWELL -> DRAIN
 *        \_ plain HTTP ------------------------------> DRAIN
 *
 * A connection belongs to one worker thread from accept to its end; nothing of
 * it is touched by another, and nothing here waits. Both descriptors are
 * registered once, edge-triggered: what is ready is remembered in flags.
 */
#ifndef POSTERN_SERVER_DOOR_CONN_H
#define POSTERN_SERVER_DOOR_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/handover/handover.h"

struct pst_door_worker;
struct pst_door_conn;

enum pst_door_state {
    PST_DOOR_SPEECH = 0, /* the first bytes: TLS, plain HTTP or neither */
    PST_DOOR_HANDSHAKE,
    PST_DOOR_HANDOVER, /* web has no room for it yet */
    PST_DOOR_PUMP,
    PST_DOOR_FAREWELL, /* close_notify on its way out */
    PST_DOOR_DRAIN,    /* the answer is out; the rest of the upload is thrown away */
    PST_DOOR_STATE__MAX
};

/* What is to be done after a step. */
enum pst_door_step {
    PST_DOOR_WAIT = 0, /* for the next event or deadline */
    PST_DOOR_AGAIN,    /* the state changed: go on at once */
    PST_DOOR_LATER,    /* others first: it took its share of the thread */
    PST_DOOR_END       /* close and forget it */
};

/* What an epoll event points to: one end of a connection, or a listener. */
enum pst_door_end_kind {
    PST_DOOR_END_LISTENER,
    PST_DOOR_END_WAKE,
    PST_DOOR_END_OUTSIDE,
    PST_DOOR_END_INSIDE
};

struct pst_door_end {
    enum pst_door_end_kind kind;
    int fd;
    bool in;  /* may be read */
    bool out; /* may be written */
    bool hup; /* the other side is done: read on until the end shows */
    struct pst_door_conn *conn;
    enum pst_listener_kind listener;
};

/* What could not be written at once. Holds memory only while it holds bytes. */
struct pst_door_flow {
    uint8_t *bytes;
    size_t start;
    size_t len;
    uint64_t total;
    bool ended; /* its source will give no more */
};

/* A record is at most 16 KiB (RFC 8446 5.1): one is read, and written, at a time. */
#define PST_DOOR_PART_BYTES ((size_t)16384)

struct pst_door_conn {
    struct pst_door_worker *worker;
    struct pst_door_end outside; /* TCP */
    struct pst_door_end inside;  /* our end of the socket pair, fd -1 before the hand-over */
    int given;                   /* the end for web, until it was sent; else -1 */
    enum pst_door_state state;
    struct pst_peer peer;
    enum pst_listener_kind listener;
    SSL *ssl;
    struct pst_door_flow up;   /* client to web */
    struct pst_door_flow down; /* web to client */
    struct pst_door_flow held; /* records that wait for others to leave with (wire.h) */
    bool ticket_held;          /* what is held can wait for the first answer */
    bool outside_dry;          /* the socket was read empty: more is an event */
    bool outside_ended;        /* the client sends no more */
    bool outside_armed;        /* epoll also watches for room on outside, or will */
    bool outside_watched;      /* by epoll */
    bool up_closed;            /* web was told of the end, or does not listen any more */
    bool last_was_down;        /* the last bytes went to the client */
    bool inside_armed;         /* epoll also watches for room on inside */
    bool queued;               /* in the worker's list of what goes on without an event */
    size_t drained;
    int64_t since_ms; /* of its deadline class */
    unsigned deadline;
    struct pst_door_conn *prev; /* deadline list */
    struct pst_door_conn *next;
    struct pst_door_conn *queue; /* worker's queue, or its dead */
};

/* Take an accepted socket (taken). PST_OK; PST_ERR_NOMEM; on failure fd is closed. */
PST_MUST_CHECK enum pst_err pst_door_conn_new(struct pst_door_worker *worker, int fd,
                                              const struct pst_peer *peer,
                                              enum pst_listener_kind listener,
                                              struct pst_door_conn **ret_conn);

/*
 * The first turn of a new one: its first bytes are mostly there. Then watch it.
 * What is not read by then is an event, since watching begins with a look.
 */
void pst_door_conn_begin(struct pst_door_conn *conn);

/* Go on as far as it goes. When it ends, it frees itself at the end of the worker's round. */
void pst_door_conn_run(struct pst_door_conn *conn);

/* End it now. */
void pst_door_conn_end(struct pst_door_conn *conn);

/* The stop of the door: end it politely if no request is in flight. now_ms monotonic. */
void pst_door_conn_retire(struct pst_door_conn *conn, int64_t now_ms);

#endif
