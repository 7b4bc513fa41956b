/*
 * A worker thread of the door: one epoll, its connections, their deadlines.
 *
 * Everything here but start, stop, reload and join runs on the worker's own
 * thread. Deadlines of one class all have the same length, so a list in order
 * of time is enough: its head is the next to expire.
 */
#ifndef POSTERN_SERVER_DOOR_WORKER_H
#define POSTERN_SERVER_DOOR_WORKER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/door/conn.h"
#include "server/door/limit.h"
#include "server/door/report.h"
#include "server/door/settings.h"
#include "server/role/role.h"

enum pst_door_deadline {
    PST_DOOR_DEADLINE_HANDSHAKE = 0,
    PST_DOOR_DEADLINE_IDLE,
    PST_DOOR_DEADLINE_DRAIN,
    PST_DOOR_DEADLINE__MAX
};

/* What all workers share. Every pointer is borrowed and outlives them. */
struct pst_door_shared {
    const struct pst_role_start *start;
    struct pst_door_limits *limits;
    struct pst_door_report *report;
    atomic_bool handover_lost; /* set by workers, seen by the main thread */
};

struct pst_door_worker {
    struct pst_door_shared *shared;
    pthread_t thread;
    int epoll;
    struct pst_door_end wake;
    struct pst_door_end listeners[PST_ROLE_LISTENERS_MAX];
    bool listening;
    int64_t listen_again_ms; /* 0: not paused */
    SSL_CTX *context;
    struct pst_door_settings settings;
    int64_t now_ms; /* monotonic, of this round */
    int64_t drain_until_ms;
    struct pst_door_conn *oldest[PST_DOOR_DEADLINE__MAX];
    struct pst_door_conn *newest[PST_DOOR_DEADLINE__MAX];
    struct pst_door_conn *queue; /* goes on in the next round without an event */
    bool queue_waits;            /* all of it waits for web: not at once, but soon */
    struct pst_door_conn *dead;  /* freed at the end of the round */
    size_t count;
    uint8_t part[PST_DOOR_PART_BYTES];

    /* From the main thread, under lock; then wake is written. */
    pthread_mutex_t lock;
    SSL_CTX *next_context;
    struct pst_door_settings next_settings; /* together with next_context */
    bool stop;
};

/* settings are copied; context is borrowed: the worker takes a reference of its own. */
PST_MUST_CHECK enum pst_err pst_door_worker_start(struct pst_door_worker *worker,
                                                  struct pst_door_shared *shared,
                                                  const struct pst_door_settings *settings,
                                                  SSL_CTX *context);

/* From now on: new connections use this context, and all of them these time-outs. */
void pst_door_worker_reload(struct pst_door_worker *worker, SSL_CTX *context,
                            const struct pst_door_settings *settings);

/* Accept no more, let what is in flight finish, end after at most PST_ROLE_DRAIN_S. */
void pst_door_worker_stop(struct pst_door_worker *worker);

/* Waits for the thread and frees what it held. */
void pst_door_worker_join(struct pst_door_worker *worker);

/* Deadline lists: at the new end of a list, from now on. */
void pst_door_deadline_set(struct pst_door_conn *conn, enum pst_door_deadline deadline);
void pst_door_deadline_clear(struct pst_door_conn *conn);

/* Run again in the next round; with waits, after a short pause. */
void pst_door_queue(struct pst_door_conn *conn, bool waits);

#endif
