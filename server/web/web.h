/*
 * The daemon's own state and its connections. Runtime only (daemon.c,
 * exchange.c, request.c, send.c).
 */
#ifndef POSTERN_SERVER_WEB_WEB_H
#define POSTERN_SERVER_WEB_WEB_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/web/daemon.h"
#include "server/web/exchange.h"
#include "server/web/live.h"
#include "server/web/pace.h"
#include "server/web/strangers.h"

/* What a connection is at, for the deadlines of pst_web_sweep. */
enum pst_web_phase {
    PST_WEB_PHASE_IDLE = 0, /* between requests */
    PST_WEB_PHASE_HEAD,     /* a request line has come, header lines follow */
    PST_WEB_PHASE_BODY,
    PST_WEB_PHASE_WORK, /* the store's time, not the client's */
    PST_WEB_PHASE_ANSWER,
    PST_WEB_PHASE__MAX
};

/* One connection: the socket context of libmicrohttpd. */
struct pst_web_peer {
    struct pst_web *web;
    struct pst_web_peer *next; /* list, under web->lock */
    struct pst_web_peer *prev;
    struct pst_handover facts;
    int fd;
    uint64_t session; /* names it in the log */
    _Atomic enum pst_web_phase phase;
    _Atomic int64_t deadline_ms;
};

/* How long a phase may last, from the configuration in use. */
struct pst_web_times {
    _Atomic int64_t idle_ms;
    _Atomic int64_t head_ms;
    _Atomic int64_t body_ms; /* for each MiB */
};

struct pst_web {
    struct pst_web_settings settings;
    struct pst_live live;
    struct pst_web_times times;
    struct MHD_Daemon *daemon;
    struct pst_strangers *strangers;
    struct pst_feed *feed;
    struct pst_pace pace;
    atomic_uint busy;
    _Atomic int64_t held_bytes; /* of bodies that are held whole */
    atomic_bool draining;
    pthread_mutex_t lock;
    struct pst_web_peer *peers;   /* live ones */
    struct pst_web_peer **taking; /* by descriptor: handed over, not started yet */
    size_t taking_len;
};

/* The phase and, from the configuration, until when it may last. */
void pst_web_phase_set(struct pst_web_peer *peer, enum pst_web_phase phase, int64_t size_bytes);

#endif
