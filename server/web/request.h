/*
 * One HTTP request, as handlers see it, and the answers they can give.
 *
 * Handlers read the fields, decode the body by a member table, and set exactly
 * one answer; they never touch HTTP. Functions that set an answer return
 * PST_OK when they could, so that a handler can end with
 * `return pst_request_json(request, 201, answer);`. A later answer replaces an
 * earlier one; before each run() the runtime clears it.
 *
 * Thread: prepare, upload and READ run() on an MHD thread; WRITE run() on the
 * store's writer thread. Never on two at once.
 */
#ifndef POSTERN_SERVER_WEB_REQUEST_H
#define POSTERN_SERVER_WEB_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/event.h"
#include "postern/json.h"
#include "postern/names.h"
#include "postern/refusal.h"
#include "postern/secret.h"
#include "postern/uuid.h"
#include "server/handover/handover.h"
#include "server/web/route.h"

struct pst_config;
struct pst_store;
struct pst_tx;
struct pst_vault;
struct pst_web_exchange;

/* Most "{id}" segments in one path. */
#define PST_REQUEST_IDS_MAX 2

/* Lists (docs/http.md): how many items unless told, and at most. */
#define PST_PAGE_DEFAULT 50
#define PST_PAGE_MAX 100

/* Who is signed in; all zero for a stranger. */
struct pst_caller {
    bool signed_in;
    struct pst_uuid person;
    struct pst_uuid session;
    uint32_t roles; /* mask of enum pst_role, as the store says now */
    int64_t expires_at_ms;
    int64_t step_up_until_ms; /* 0: none */
    int64_t used_at_ms;       /* as last written down */
};

struct pst_request {
    /* For reading. */
    const struct pst_route *route;
    const struct pst_config *config;
    struct pst_store *store;
    struct pst_vault *vault;
    const char *origin; /* the practice's, from the configuration */
    int64_t now_ms;     /* when the head had arrived */
    struct pst_peer peer;
    struct pst_caller caller;
    struct pst_uuid ids[PST_REQUEST_IDS_MAX];
    const json_t *body;   /* JSON: the object, borrowed; else NULL */
    struct pst_bytes raw; /* RAW: the body, borrowed */

    /* The handler's own; freed by state_free (or never, when NULL) after the answer. */
    void *state;
    void (*state_free)(void *state);

    struct pst_web_exchange *exchange; /* the runtime's */
};

/*
 * Zeroed memory as request->state, freed after the answer.
 *   wipe   called before its memory is freed, to release what it holds; or NULL
 * PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_request_state_new(struct pst_request *request, size_t size,
                                                  void (*wipe)(void *state), void **ret_state);

/* ---- reading --------------------------------------------------------- */

/* A query parameter (percent-decoded), borrowed; NULL when absent. */
const char *pst_request_query(const struct pst_request *request, const char *name);

/* A header line's value, borrowed; NULL when absent. */
const char *pst_request_header(const struct pst_request *request, const char *name);

/*
 * Decode request->body by a member table (postern/json.h).
 * PST_OK; else a bad-request naming the member is set as the answer and
 * PST_ERR_SYNTAX returned, which the runtime leaves as it is.
 */
PST_MUST_CHECK enum pst_err pst_request_decode(struct pst_request *request,
                                               const struct pst_json_member *members, size_t count,
                                               void *ret_struct, uint64_t *ret_present);

/* ?limit= and ?cursor=. */
struct pst_page {
    unsigned limit;     /* 1..PST_PAGE_MAX; ask the store for one more to know of a next page */
    const char *cursor; /* what pst_request_list was given, borrowed; NULL: first page */
};
PST_MUST_CHECK enum pst_err pst_request_page(struct pst_request *request,
                                             struct pst_page *ret_page);

/*
 * If-Match against a version: PST_OK when it names exactly it; else the problem
 * precondition (412) is set, also when the header is missing, and
 * PST_ERR_CONFLICT returned, which the runtime leaves as it is.
 */
PST_MUST_CHECK enum pst_err pst_request_if_match(struct pst_request *request, int64_t version);

/* Does the caller have one of these roles? */
bool pst_request_is(const struct pst_request *request, uint32_t roles);

/*
 * How the request came in: TLS version, suite, certificate, as the door found
 * them. Borrowed; NULL where there is no connection.
 */
const struct pst_handover *pst_request_passage(const struct pst_request *request);

/* ---- answering ------------------------------------------------------- */

/* JSON, taken also on failure; a NULL answer is PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_request_json(struct pst_request *request, int status,
                                             json_t *answer);

/* {"items": items, "next": cursor or null}; items taken; next borrowed, may be NULL. */
PST_MUST_CHECK enum pst_err pst_request_list(struct pst_request *request, json_t *items,
                                             const char *next);

/* No body: 204. */
PST_MUST_CHECK enum pst_err pst_request_empty(struct pst_request *request);

/* Bytes; the buffer's memory is taken and it is left empty. type is static. */
PST_MUST_CHECK enum pst_err pst_request_bytes(struct pst_request *request, int status,
                                              const char *type, struct pst_buf *bytes);

/* ETag: "version" on the answer, set before or after it. */
PST_MUST_CHECK enum pst_err pst_request_etag(struct pst_request *request, int64_t version);

/* Location of what was made, text borrowed and copied. */
PST_MUST_CHECK enum pst_err pst_request_location(struct pst_request *request, const char *path);

/* Set the session cookie (token taken), or clear it with NULL. For session.c alone. */
void pst_request_cookie(struct pst_request *request, struct pst_secret *token);

/* An error that is no refusal. more borrowed, may be NULL. */
PST_MUST_CHECK enum pst_err pst_request_problem(struct pst_request *request,
                                                enum pst_problem problem,
                                                const struct pst_problem_extra *more);

/* bad-request, naming the member or parameter (a literal of ours) that is wrong. */
PST_MUST_CHECK enum pst_err pst_request_bad(struct pst_request *request, const char *member);

/*
 * Refuse. Of a signed-in person the runtime writes an event (kind exchange,
 * with the code) in the same transaction, or in one of its own after prepare()
 * or a READ, and puts its id into the answer; strangers are counted. What run()
 * wrote before is committed all the same. more borrowed (copied), may be NULL.
 */
PST_MUST_CHECK enum pst_err pst_request_refuse(struct pst_request *request,
                                               enum pst_refusal refusal,
                                               const struct pst_problem_extra *more);

/*
 * Refuse, where the handler wrote the event itself in this transaction (with
 * the exchange's own members) and says which. WRITE run() alone.
 */
PST_MUST_CHECK enum pst_err pst_request_refuse_recorded(struct pst_request *request,
                                                        enum pst_refusal refusal,
                                                        const struct pst_problem_extra *more,
                                                        const struct pst_uuid *event);

/* A long answer read piece by piece while it leaves. */
struct pst_download {
    const char *type;    /* media type, static */
    uint64_t size_bytes; /* exactly what read() will give in all */
    /*
     * Fill at most cap bytes from offset on; on the MHD thread, may read the
     * store. *ret_len 0 ends early, as an error does: the connection is cut.
     */
    enum pst_err (*read)(void *ctx, uint64_t offset, uint8_t *at, size_t cap, size_t *ret_len);
    void (*free)(void *ctx); /* once, also when never read; may be NULL */
    void *ctx;               /* taken */
};
PST_MUST_CHECK enum pst_err pst_request_download(struct pst_request *request, int status,
                                                 const struct pst_download *download);

struct pst_feed_stream;
/* An answer that goes on until the stream (feed.h, taken) ends. type is static. */
PST_MUST_CHECK enum pst_err pst_request_feed(struct pst_request *request, const char *type,
                                             struct pst_feed_stream **stream);

/* Has an answer been set? */
bool pst_request_answered(const struct pst_request *request);

/* ---- events ---------------------------------------------------------- */

/* An event of this kind, now, by the caller in the role that opened the route. */
void pst_request_event_init(const struct pst_request *request, enum pst_event_kind kind,
                            struct pst_event *ret_event);

/* Into the record, in this transaction. PST_ERR_INVALID: our bug in the event. */
PST_MUST_CHECK enum pst_err pst_request_event_put(struct pst_tx *tx, const struct pst_event *event);

/* ---- jobs ------------------------------------------------------------ */

/*
 * From upload->piece() alone: run job in a write operation
 * of its own and suspend the connection meanwhile. job may be run again; an
 * error it returns becomes the answer as with run(). At most one at a time.
 */
PST_MUST_CHECK enum pst_err pst_request_job(struct pst_request *request,
                                            enum pst_err (*job)(struct pst_tx *tx,
                                                                struct pst_request *request));

#endif
