/*
 * One request on its way through the runtime. Only for server/web/'s runtime
 * (exchange.c, request.c, daemon.c, auth.c); resources see request.h.
 *
 * An exchange belongs to one MHD connection. It is touched by that
 * connection's MHD thread, or, while the connection is suspended for a job, by
 * the store's writer thread; resuming hands it back.
 */
#ifndef POSTERN_SERVER_WEB_EXCHANGE_H
#define POSTERN_SERVER_WEB_EXCHANGE_H

#include <microhttpd.h>

#include "server/store/store.h"
#include "server/web/daemon.h"
#include "server/web/feed.h"
#include "server/web/request.h"
#include "server/web/session_policy.h"

/* "\"9007199254740991\"" */
#define PST_WEB_ETAG_SIZE 24
/* /v1/messages/<uuid>/… */
#define PST_WEB_LOCATION_SIZE 128

enum pst_web_answer_kind {
    PST_WEB_ANSWER_NONE = 0,
    PST_WEB_ANSWER_EMPTY,
    PST_WEB_ANSWER_JSON,
    PST_WEB_ANSWER_BYTES,
    PST_WEB_ANSWER_DOWNLOAD,
    PST_WEB_ANSWER_FEED,
};

struct pst_web_answer {
    enum pst_web_answer_kind kind;
    int status;
    json_t *json;
    struct pst_buf bytes;
    const char *type;
    struct pst_download download;
    struct pst_feed_stream *feed; /* owned */
    bool problem;                 /* json is a problem or a refusal */
    enum pst_refusal refusal;     /* NONE: it is none */
    bool recorded;                /* its event is written or it needs none */
    char etag[PST_WEB_ETAG_SIZE];
    char location[PST_WEB_LOCATION_SIZE];
    char allow[PST_WEB_LOCATION_SIZE];
    int64_t retry_s;
    struct pst_secret *cookie; /* session token to set; owned */
    bool cookie_clear;
};

/* What comes next for an exchange. */
enum pst_web_step {
    PST_WEB_STEP_BODY = 0, /* the body arrives */
    PST_WEB_STEP_PREPARE,
    PST_WEB_STEP_RUN,
    PST_WEB_STEP_RAN,
    PST_WEB_STEP_RECORD,
    PST_WEB_STEP_ANSWER,
};

struct pst_web_exchange {
    struct pst_request request;
    struct pst_web *web;
    struct MHD_Connection *connection; /* NULL in unit tests */
    struct pst_web_peer *peer;
    struct pst_live_config *live; /* of request.config; NULL in unit tests */
    struct pst_web_answer answer;
    enum pst_web_step step;
    bool head;      /* HEAD: nothing is recorded or downloaded */
    bool early;     /* answered before the body has come */
    bool discard;   /* what is left of the body is thrown away */
    bool by_cookie; /* the session came by cookie */
    bool suspended; /* a job runs */
    bool committed; /* run() is durable */
    struct pst_session_token token;
    struct pst_buf body;
    json_t *body_json;
    int64_t held_bytes;  /* of web->held_bytes, given back at the end */
    int64_t declared;    /* Content-Length; 0: no body; -1: in chunks */
    uint64_t body_bytes; /* arrived so far */
    int64_t started_ms;
    /* The job: of the route's run, of an upload, or of recording a refusal. */
    struct pst_store_job job;
    enum pst_err (*job_fn)(struct pst_tx *tx, struct pst_request *request);
    bool job_writes;
    enum pst_err run_result; /* what job_fn returned */
    enum pst_err job_result; /* and the commit */
};

/* A fresh exchange for a request whose head has arrived. PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_web_exchange_new(struct pst_web *web,
                                                 struct MHD_Connection *connection,
                                                 struct pst_web_peer *peer,
                                                 struct pst_web_exchange **ret_exchange);
void pst_web_exchange_free(struct pst_web_exchange **exchange);

/* Route, session, roles, step-up, body rules; sets an answer when one is wrong. */
void pst_web_exchange_begin(struct pst_web_exchange *exchange, const char *method,
                            const char *path);

/*
 * The next bytes of the body; says how many were taken. May suspend the
 * connection. PST_OK; PST_ERR_TOO_LONG: give the connection up.
 */
PST_MUST_CHECK enum pst_err pst_web_exchange_piece(struct pst_web_exchange *exchange,
                                                   struct pst_bytes bytes, size_t *ret_taken);

/*
 * Go on as far as possible after the body. True: the answer is ready;
 * false: the connection is suspended and this is to be called again.
 */
bool pst_web_exchange_step(struct pst_web_exchange *exchange);

/* Sends what the answer says. */
enum MHD_Result pst_web_exchange_send(struct pst_web_exchange *exchange, bool close);

/* Drops the answer that was set. */
void pst_web_answer_clear(struct pst_web_answer *answer);

/* The answer for an error nobody answered (table in route.h). */
void pst_web_answer_error(struct pst_web_exchange *exchange, enum pst_err err);

#endif
