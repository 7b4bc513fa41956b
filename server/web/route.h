/*
 * Routes: one constant table per resource file, and how the runtime runs them.
 *
 *     const struct pst_route pst_routes_patients[] = {
 *         {.method = "GET", .path = "/v1/patients/{id}", .roles = PST_WEB_STAFF,
 *          .kind = PST_WEB_READ, .run = patient_show},
 *         {0},
 *     };
 *
 * Route, roles and protection stand beside the handler; a test walks every
 * table and wants a written expectation for every route and role.
 *
 * The way of a request:
 *   1. route found; Host, CSRF rules, session, roles, step-up (MHD thread)
 *   2. the body arrives: as JSON, as bytes, or piece by piece to route->upload
 *   3. prepare()   MHD thread, no transaction: decode the body into
 *                  request->state, check grammar and signatures (in parallel)
 *   4. run()       in a transaction of the store: a read snapshot on the MHD
 *                  thread (READ), or one operation of the writer's group
 *                  (WRITE), during which the connection is suspended and no
 *                  thread waits. run() may be called again: it must not
 *                  consume request->state
 *   5. the answer leaves, for WRITE only after the commit is durable
 */
#ifndef POSTERN_SERVER_WEB_ROUTE_H
#define POSTERN_SERVER_WEB_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/names.h"

struct pst_request;
struct pst_tx;

/* Beside the bits of names.h: callers without a session. */
#define PST_WEB_PUBLIC (UINT32_C(1) << 30)
#define PST_WEB_PATIENTS ((uint32_t)(PST_ROLE_PATIENT | PST_ROLE_REPRESENTATIVE))
#define PST_WEB_STAFF PST_ROLES_STAFF
/* Everybody who is signed in over the door. */
#define PST_WEB_ALL (PST_WEB_PATIENTS | PST_WEB_STAFF)

enum pst_web_kind {
    PST_WEB_READ = 1, /* run() gets a read snapshot */
    PST_WEB_WRITE,    /* run() gets an operation of the writer's group */
};

enum {
    /* A second factor within the last five minutes, else step-up-required. */
    PST_WEB_STEP_UP = 1 << 0,
    /* A JSON object must come; without it any body is a bad request. */
    PST_WEB_JSON = 1 << 1,
    /* The body is kept as bytes in request->raw (with route->body_type, route->body_max). */
    PST_WEB_RAW = 1 << 2,
    /* A write that runs beside others (pst_store_job.shared). */
    PST_WEB_SHARED = 1 << 3,
    /*
     * No use of the session: a program that calls by itself, again and again,
     * must not keep alive the session of somebody who has left.
     */
    PST_WEB_UNUSED = 1 << 4,
};

/*
 * A body that arrives piece by piece. All on the request's MHD thread. Once an
 * answer is set (pst_request_json, pst_request_refuse, …) nothing more is
 * called, what is left of the body is drained by the runtime and the door.
 */
struct pst_route_upload {
    /*
     * The head is in and the caller is known. declared is Content-Length, or -1.
     * Refuse here what can be refused, make request->state.
     */
    enum pst_err (*begin)(struct pst_request *request, int64_t declared);

    /*
     * The next bytes. Take some or all, say how many. To store a part, call
     * pst_request_job() and return PST_OK: the connection is suspended until
     * the job is done, then piece() is called with the bytes not yet taken.
     */
    enum pst_err (*piece)(struct pst_request *request, struct pst_bytes bytes, size_t *ret_taken);

    /*
     * The connection or the request ended before run() had committed: drop what
     * was staged (pst_request_job is not available; submit to the store).
     * May be NULL.
     */
    void (*abandon)(struct pst_request *request);
};

struct pst_route {
    const char *method; /* GET routes answer HEAD too */
    /* Segments literal or "{id}": a lower-case UUID, else 404. In order request->ids[]. */
    const char *path;
    uint32_t roles; /* mask; PST_WEB_PUBLIC alone for routes before sign-in */
    unsigned flags;
    enum pst_web_kind kind;
    const char *query;     /* names of allowed parameters, "limit cursor state"; NULL: none */
    const char *body_type; /* RAW and upload: the media type wanted; NULL with JSON */
    size_t body_max;       /* RAW: bytes; 0: PST_JSON_MAX_BYTES */
    const struct pst_route_upload *upload;

    /*
     * Both return PST_OK, having set an answer or (prepare) not. What they
     * return else is answered by its class: NOT_FOUND and DENIED as the refusal
     * not-permitted (404), PERMANENT as bad-request, CONFLICT as conflict,
     * TEMPORARY and BUG as the refusal unavailable, with a line in the log. After
     * an error of run() its transaction is rolled back.
     * prepare may be NULL.
     */
    enum pst_err (*prepare)(struct pst_request *request);
    enum pst_err (*run)(struct pst_tx *tx, struct pst_request *request);
};

/* One for each resource; a new one is declared here and listed in routes.c. */
extern const struct pst_route pst_routes_break_glass[];
extern const struct pst_route pst_routes_consents[];
extern const struct pst_route pst_routes_drafts[];
extern const struct pst_route pst_routes_enrolments[];
extern const struct pst_route pst_routes_grants[];
extern const struct pst_route pst_routes_health[];
extern const struct pst_route pst_routes_invitations[];
extern const struct pst_route pst_routes_key_statements[];
extern const struct pst_route pst_routes_me[];
extern const struct pst_route pst_routes_messages_get[];
extern const struct pst_route pst_routes_messages_post[];
extern const struct pst_route pst_routes_patient_end[];
extern const struct pst_route pst_routes_patients[];
extern const struct pst_route pst_routes_receipts[];
extern const struct pst_route pst_routes_records_key[];
extern const struct pst_route pst_routes_redirects[];
extern const struct pst_route pst_routes_representatives[];
extern const struct pst_route pst_routes_restrictions[];
extern const struct pst_route pst_routes_retraction[];
extern const struct pst_route pst_routes_session[];
extern const struct pst_route pst_routes_staff[];
extern const struct pst_route pst_routes_stream[];
extern const struct pst_route pst_routes_teams[];
extern const struct pst_route pst_routes_terms[];
extern const struct pst_route pst_routes_thread_keys[];
extern const struct pst_route pst_routes_threads[];
extern const struct pst_route pst_routes_visits[];

/* Every table, each ended by a route with method NULL; the list ends with NULL. */
extern const struct pst_route *const pst_routes[];

#endif
