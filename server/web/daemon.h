/*
 * The HTTP daemon of the web role: libmicrohttpd on streams that the door
 * hands over, never on a listener of its own.
 *
 * Thread: new, take, sweep, flush and free from the role's main thread; all
 * else happens on MHD's threads and the store's writer.
 */
#ifndef POSTERN_SERVER_WEB_DAEMON_H
#define POSTERN_SERVER_WEB_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/handover/handover.h"

struct pst_config;
struct pst_route;
struct pst_store;
struct pst_vault;
struct pst_web;

/* All borrowed for the daemon's life. */
struct pst_web_settings {
    const struct pst_config *config;
    const char *origin;
    struct pst_store *store;
    struct pst_vault *vault;
    const struct pst_route *const *routes;
    unsigned threads;     /* 1 or more */
    unsigned connections; /* at most so many at once */
};

/* PST_ERR_INTERNAL when libmicrohttpd does not start; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_web_new(const struct pst_web_settings *settings,
                                        struct pst_web **ret_web);

/*
 * Serve one stream. The descriptor is taken, also on failure.
 * PST_ERR_BUSY: too many connections; PST_ERR_NOMEM; PST_ERR_INTERNAL.
 */
PST_MUST_CHECK enum pst_err pst_web_take(struct pst_web *web, int stream,
                                         const struct pst_handover *facts);

/*
 * Cut connections whose request does not arrive in time. libmicrohttpd counts
 * inactivity alone, which a byte now and then defeats. Call it every second.
 */
void pst_web_sweep(struct pst_web *web, int64_t now_ms);

/*
 * Requests that begin from now on have this configuration (taken), those under
 * way the one they began with. PST_ERR_NOMEM: not taken, nothing changed.
 */
PST_MUST_CHECK enum pst_err pst_web_configure(struct pst_web *web, struct pst_config **config);

/* Write down what strangers were refused since the last time. Every second. */
void pst_web_flush(struct pst_web *web);

/* Count refusals of somebody who is not signed in, for the next flush. */
void pst_web_stranger(struct pst_web *web, const char *code, const struct pst_peer *peer,
                      int64_t minute, int64_t count);

/* The door leaves: live streams end, and for as long as it takes nobody opens one. */
void pst_web_hush(struct pst_web *web);

/* From now on answers close their connections; live streams end. */
void pst_web_drain(struct pst_web *web);

/* Requests that have begun and not ended. */
unsigned pst_web_busy(const struct pst_web *web);

/*
 * Ends the daemon; every suspended request must have been resumed
 * (pst_web_busy is 0, or the store was closed before). Accepts NULL.
 */
void pst_web_free(struct pst_web **web);

#endif
