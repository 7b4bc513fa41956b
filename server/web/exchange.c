#include "server/web/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/web/auth.h"
#include "server/web/router.h"
#include "server/web/site.h"
#include "server/web/web.h"

/*
 * Most of a body that is read to nobody's use, so that the client can read the
 * answer: the largest envelope and some. Beyond it the connection is given up.
 */
#define DISCARD_MAX_BYTES ((uint64_t)40 * 1024 * 1024)

/*
 * Bodies that are held whole (drafts, JSON; messages go in parts): at most so
 * much at once, three drafts of the largest size. Small ones are always taken,
 * so that nobody is kept from signing in.
 */
#define HELD_MAX_BYTES (INT64_C(128) * 1024 * 1024)
#define HELD_SMALL_BYTES (INT64_C(16) * 1024)
#define HELD_RETRY_S 5

enum pst_err pst_web_exchange_new(struct pst_web *web, struct MHD_Connection *connection,
                                  struct pst_web_peer *peer, struct pst_web_exchange **ret_exchange)
{
    struct pst_web_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL)
        return PST_ERR_NOMEM;
    exchange->web = web;
    exchange->connection = connection;
    exchange->peer = peer;
    exchange->started_ms = pst_clock_now(NULL);
    exchange->live = pst_live_take(&web->live);
    exchange->request = (struct pst_request){
        .config = exchange->live->config,
        .store = web->settings.store,
        .vault = web->settings.vault,
        .origin = web->settings.origin,
        .now_ms = exchange->started_ms,
        .peer = peer->facts.peer,
        .exchange = exchange,
    };
    (void)atomic_fetch_add(&web->busy, 1);
    *ret_exchange = exchange;
    return PST_OK;
}

void pst_web_exchange_free(struct pst_web_exchange **exchange)
{
    struct pst_web_exchange *gone = *exchange;
    if (gone == NULL)
        return;
    struct pst_request *request = &gone->request;
    if (request->route != NULL && request->route->upload != NULL && !gone->committed &&
        request->state != NULL && request->route->upload->abandon != NULL)
        request->route->upload->abandon(request);
    if (request->state != NULL && request->state_free != NULL)
        request->state_free(request->state);
    pst_web_answer_clear(&gone->answer);
    json_decref(gone->body_json);
    pst_buf_free(&gone->body);
    pst_live_put(&gone->web->live, &gone->live);
    (void)atomic_fetch_sub(&gone->web->held_bytes, gone->held_bytes);
    (void)atomic_fetch_sub(&gone->web->busy, 1);
    free(gone);
    *exchange = NULL;
}

/* ---- errors ----------------------------------------------------------- */

/* Setting an answer fails only without memory: then nothing is set, and send() says 503. */
static void settle(enum pst_err r)
{
    if (r != PST_OK)
        PST_LOG(OUT_OF_MEMORY, PST_LOG_ERR(r));
}

void pst_web_answer_error(struct pst_web_exchange *exchange, enum pst_err err)
{
    struct pst_request *request = &exchange->request;
    switch (pst_err_class(err)) {
    case PST_ERR_CLASS_PERMANENT:
        settle(pst_request_bad(request, NULL));
        break;
    case PST_ERR_CLASS_DENIED:
    case PST_ERR_CLASS_NOT_FOUND:
        settle(pst_request_refuse(request, PST_REFUSAL_NOT_PERMITTED, NULL));
        break;
    case PST_ERR_CLASS_CONFLICT:
        settle(pst_request_problem(request, PST_PROBLEM_CONFLICT, NULL));
        break;
    default:
        PST_LOG(FAILED, PST_LOG_ERR(err));
        settle(pst_request_refuse(request, PST_REFUSAL_UNAVAILABLE, NULL));
        break;
    }
}

/* What a handler returned: its own problem stands, anything else goes by its class. */
static void outcome(struct pst_web_exchange *exchange, enum pst_err r)
{
    if (r == PST_OK || (exchange->answer.kind != PST_WEB_ANSWER_NONE && exchange->answer.problem))
        return;
    pst_web_answer_clear(&exchange->answer);
    pst_web_answer_error(exchange, r);
}

/* ---- jobs ------------------------------------------------------------- */

/* The event of a refusal that a signed-in person was given. */
static enum pst_err record(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_web_answer *answer = &request->exchange->answer;
    struct pst_event event;
    char id[PST_UUID_TEXT_SIZE];
    pst_request_event_init(request, PST_EVENT_EXCHANGE, &event);
    event.has |= PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL;
    event.channel = PST_CHANNEL_PORTAL;
    (void)snprintf(event.code, sizeof event.code, "%s", pst_refusal_code(answer->refusal));
    enum pst_err r = pst_request_event_put(tx, &event);
    if (r != PST_OK)
        return r;
    pst_uuid_format(&event.id, id);
    if (json_object_set_new(answer->json, "event", json_string(id)) != 0)
        return PST_ERR_NOMEM;
    answer->recorded = true;
    return PST_OK;
}

static bool to_record(const struct pst_web_exchange *exchange)
{
    return exchange->answer.refusal != PST_REFUSAL_NONE && !exchange->answer.recorded &&
           exchange->answer.refusal != PST_REFUSAL_UNAVAILABLE;
}

/* run() or an upload's job, inside a transaction. */
static enum pst_err run(struct pst_tx *tx, void *ctx)
{
    struct pst_web_exchange *exchange = ctx;
    struct pst_request *request = &exchange->request;
    enum pst_err r = PST_OK;
    pst_web_answer_clear(&exchange->answer);
    exchange->run_result = PST_ERR_INTERNAL;
    bool again = exchange->job_writes && request->caller.signed_in;
    if (again)
        r = pst_web_auth_again(tx, exchange);
    if (r == PST_OK && again && !request->caller.signed_in)
        r = pst_request_refuse(request, PST_REFUSAL_NOT_AUTHENTICATED, NULL);
    else if (r == PST_OK)
        r = exchange->job_fn(tx, request);
    if (r == PST_OK && to_record(exchange) && request->caller.signed_in && exchange->job_writes)
        r = record(tx, request);
    exchange->run_result = r;
    return r;
}

static enum pst_err run_record(struct pst_tx *tx, void *ctx)
{
    struct pst_web_exchange *exchange = ctx;
    /* Unrecorded, the refusal does not stand: job_end() drops it. */
    exchange->run_result = PST_OK;
    return record(tx, &exchange->request);
}

static void job_done(struct pst_store_job *job, enum pst_err result)
{
    struct pst_web_exchange *exchange = job->ctx;
    exchange->job_result = result;
    if (result == PST_OK)
        pst_feed_wake(exchange->web->feed);
    MHD_resume_connection(exchange->connection);
}

static bool runs_shared(const struct pst_web_exchange *exchange)
{
    return (exchange->request.route->flags & PST_WEB_SHARED) != 0;
}

/* By what the path names, a thread or a message: the end of a UUIDv7 is random. */
static uint32_t lane_of(const struct pst_web_exchange *exchange)
{
    uint32_t lane = 0;
    const uint8_t *id = exchange->request.ids[0].bytes;
    memcpy(&lane, id + PST_UUID_BYTES - sizeof lane, sizeof lane);
    return lane;
}

/* Suspended first: the job may be done before this returns. */
static void job_start(struct pst_web_exchange *exchange, pst_store_fn fn, bool shared)
{
    exchange->job = (struct pst_store_job){
        .fn = fn, .ctx = exchange, .done = job_done, .shared = shared, .lane = lane_of(exchange)};
    exchange->job_writes = true;
    exchange->job_result = PST_ERR_INTERNAL;
    exchange->suspended = true;
    MHD_suspend_connection(exchange->connection);
    enum pst_err r = pst_store_submit(exchange->request.store, &exchange->job);
    if (r == PST_OK)
        return;
    exchange->job_result = exchange->run_result = r;
    MHD_resume_connection(exchange->connection);
}

/* A job ended. What run() set counts only if the commit went well too. */
static void job_end(struct pst_web_exchange *exchange)
{
    enum pst_err r = exchange->job_result;
    exchange->suspended = false;
    exchange->job_fn = NULL;
    if (r == PST_OK)
        return;
    if (exchange->run_result == PST_OK)
        pst_web_answer_clear(&exchange->answer);
    else if (exchange->answer.refusal != PST_REFUSAL_NONE)
        exchange->answer.recorded = false;
    outcome(exchange, r);
}

/* ---- the head --------------------------------------------------------- */

static bool safe_method(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* 403 rather than 404: the role may never use the route, and nothing is told by that. */
static enum pst_err forbid(struct pst_request *request)
{
    return pst_request_refuse(request, PST_REFUSAL_NOT_PERMITTED,
                              &(struct pst_problem_extra){.status = MHD_HTTP_FORBIDDEN});
}

static enum pst_err pace_check(struct pst_web_exchange *exchange)
{
    struct pst_request *request = &exchange->request;
    int64_t wait_s = pst_pace_count(&exchange->web->pace, &request->caller.session,
                                    request->config->https.requests_per_minute, request->now_ms);
    if (wait_s == 0)
        return PST_OK;
    return pst_request_refuse(request, PST_REFUSAL_RATE_LIMITED,
                              &(struct pst_problem_extra){.retry_s = wait_s});
}

static enum pst_err caller_check(struct pst_web_exchange *exchange, const char *method)
{
    struct pst_request *request = &exchange->request;
    const struct pst_route *route = request->route;
    if ((route->roles & PST_WEB_PUBLIC) != 0)
        return PST_OK;
    enum pst_err r = pst_web_auth(exchange);
    if (r != PST_OK)
        return r;
    if (!request->caller.signed_in)
        return pst_request_refuse(request, PST_REFUSAL_NOT_AUTHENTICATED, NULL);
    if (exchange->by_cookie && !safe_method(method) &&
        !pst_web_same_site(pst_request_header(request, "Sec-Fetch-Site"),
                           pst_request_header(request, "Origin"),
                           pst_request_header(request, "Host")))
        return forbid(request);
    if (!pst_request_is(request, route->roles))
        return forbid(request);
    if ((route->flags & PST_WEB_STEP_UP) != 0 &&
        request->caller.step_up_until_ms <= request->now_ms)
        return pst_request_problem(request, PST_PROBLEM_STEP_UP_REQUIRED, NULL);
    return pace_check(exchange);
}

struct query_check {
    const char *allowed;
    bool wrong;
};

static enum MHD_Result query_look(void *cls, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct query_check *check = cls;
    (void)kind;
    if (value == NULL || !pst_router_word_in(check->allowed, name))
        check->wrong = true;
    return check->wrong ? MHD_NO : MHD_YES;
}

static enum pst_err query_check(struct pst_web_exchange *exchange)
{
    struct query_check check = {.allowed = exchange->request.route->query};
    (void)MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, query_look,
                                    &check);
    return check.wrong ? pst_request_bad(&exchange->request, "query") : PST_OK;
}

/* Content-Length, 0 without a body, -1 when it comes in chunks. */
static int64_t body_declared(const struct pst_request *request)
{
    if (pst_request_header(request, "Transfer-Encoding") != NULL)
        return -1;
    const char *length = pst_request_header(request, "Content-Length");
    if (length == NULL)
        return 0;
    /* libmicrohttpd has checked that it is a number that fits. */
    return strtoll(length, NULL, 10);
}

/* The media type is the one wanted, whatever parameters follow. */
static bool type_is(const char *type, const char *want)
{
    size_t len = strlen(want);
    if (type == NULL || strncasecmp(type, want, len) != 0)
        return false;
    type += len + strspn(type + len, " \t");
    return *type == '\0' || *type == ';';
}

/* Room for a body of that size, until the exchange ends; else a refusal is set. */
static enum pst_err body_hold(struct pst_web_exchange *exchange, int64_t size_bytes)
{
    _Atomic int64_t *held = &exchange->web->held_bytes;
    if (size_bytes <= HELD_SMALL_BYTES)
        return PST_OK;
    if (atomic_fetch_add(held, size_bytes) + size_bytes <= HELD_MAX_BYTES) {
        exchange->held_bytes = size_bytes;
        return PST_OK;
    }
    (void)atomic_fetch_sub(held, size_bytes);
    PST_LOG(LIMIT_REACHED, PST_LOG_WORD("limit", "bodies"), PST_LOG_BYTES("body", size_bytes));
    return pst_request_refuse(&exchange->request, PST_REFUSAL_UNAVAILABLE,
                              &(struct pst_problem_extra){.retry_s = HELD_RETRY_S});
}

static enum pst_err body_check(struct pst_web_exchange *exchange)
{
    struct pst_request *request = &exchange->request;
    const struct pst_route *route = request->route;
    int64_t declared = exchange->declared;
    if (route->upload != NULL)
        return route->upload->begin(request, declared);
    if ((route->flags & (PST_WEB_JSON | PST_WEB_RAW)) == 0)
        return declared == 0 ? PST_OK : pst_request_bad(request, "body");
    const char *want = (route->flags & PST_WEB_JSON) != 0 ? "application/json" : route->body_type;
    if (!type_is(pst_request_header(request, "Content-Type"), want))
        return pst_request_bad(request, "content-type");
    size_t max = route->body_max != 0 ? route->body_max : PST_JSON_MAX_BYTES;
    pst_buf_init(&exchange->body, max);
    if (declared > (int64_t)max)
        return pst_request_refuse(request, PST_REFUSAL_TOO_LARGE, NULL);
    return body_hold(exchange, declared >= 0 ? declared : (int64_t)max);
}

static enum pst_err route_find(struct pst_web_exchange *exchange, const char *method,
                               const char *path)
{
    struct pst_router_match match;
    struct pst_request *request = &exchange->request;
    enum pst_err r = pst_router_find(exchange->web->settings.routes, method, path, &match);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_problem(request, PST_PROBLEM_NOT_FOUND, NULL);
    if (r == PST_ERR_UNSUPPORTED)
        return pst_request_problem(request, PST_PROBLEM_METHOD,
                                   &(struct pst_problem_extra){.allow = match.allow});
    if (r != PST_OK)
        return r;
    request->route = match.route;
    memcpy(request->ids, match.ids, sizeof request->ids);
    exchange->head = strcmp(method, "HEAD") == 0;
    return PST_OK;
}

static enum pst_err transport_check(struct pst_web_exchange *exchange)
{
    const struct pst_handover *facts = &exchange->peer->facts;
    if (facts->aead && facts->tls_version >= PST_TLS_1_2)
        return PST_OK;
    return pst_request_refuse(&exchange->request, PST_REFUSAL_TLS_REQUIRED, NULL);
}

void pst_web_exchange_begin(struct pst_web_exchange *exchange, const char *method, const char *path)
{
    const struct pst_request *request = &exchange->request;
    exchange->declared = body_declared(request);
    enum pst_err r = transport_check(exchange);
    if (r == PST_OK && !pst_request_answered(request))
        r = route_find(exchange, method, path);
    if (r == PST_OK && !pst_request_answered(request))
        r = caller_check(exchange, method);
    if (r == PST_OK && !pst_request_answered(request))
        r = query_check(exchange);
    if (r == PST_OK && !pst_request_answered(request))
        r = body_check(exchange);
    outcome(exchange, r);
    exchange->discard = pst_request_answered(request);
}

/* ---- the body --------------------------------------------------------- */

static enum pst_err body_append(struct pst_web_exchange *exchange, struct pst_bytes bytes)
{
    enum pst_err r = pst_buf_append_bytes(&exchange->body, bytes);
    if (r == PST_ERR_TOO_LONG)
        return pst_request_refuse(&exchange->request, PST_REFUSAL_TOO_LARGE, NULL);
    return r;
}

enum pst_err pst_web_exchange_piece(struct pst_web_exchange *exchange, struct pst_bytes bytes,
                                    size_t *ret_taken)
{
    struct pst_request *request = &exchange->request;
    if (exchange->suspended)
        job_end(exchange);
    enum pst_err r = PST_OK;
    size_t taken = bytes.len;
    exchange->discard = exchange->discard || pst_request_answered(request);
    if (exchange->discard) {
        r = exchange->body_bytes > DISCARD_MAX_BYTES ? PST_ERR_TOO_LONG : PST_OK;
    } else if (request->route->upload != NULL) {
        taken = 0;
        outcome(exchange, request->route->upload->piece(request, bytes, &taken));
        if (exchange->job_fn != NULL && !pst_request_answered(request))
            job_start(exchange, run, runs_shared(exchange));
    } else {
        outcome(exchange, body_append(exchange, bytes));
    }
    exchange->body_bytes += taken;
    *ret_taken = taken;
    return r;
}

/* ---- after the body --------------------------------------------------- */

static enum pst_err body_parse(struct pst_web_exchange *exchange)
{
    struct pst_request *request = &exchange->request;
    if ((request->route->flags & PST_WEB_RAW) != 0)
        request->raw = pst_buf_bytes(&exchange->body);
    if ((request->route->flags & PST_WEB_JSON) == 0)
        return PST_OK;
    enum pst_err r =
        pst_json_parse(pst_buf_bytes(&exchange->body), exchange->body.max, &exchange->body_json);
    pst_buf_free(&exchange->body);
    if (r == PST_OK && !json_is_object(exchange->body_json))
        r = PST_ERR_SYNTAX;
    request->body = exchange->body_json;
    return r;
}

static void prepare(struct pst_web_exchange *exchange)
{
    struct pst_request *request = &exchange->request;
    enum pst_err r = body_parse(exchange);
    if (r == PST_OK && request->route->prepare != NULL)
        r = request->route->prepare(request);
    outcome(exchange, r);
}

static void run_here(struct pst_web_exchange *exchange)
{
    exchange->job_fn = exchange->request.route->run;
    exchange->job_writes = false;
    outcome(exchange, pst_store_read(exchange->request.store, run, exchange));
}

/* Each returns the next step, or the same one when the connection is now suspended. */
static enum pst_web_step step_body(struct pst_web_exchange *exchange)
{
    return pst_request_answered(&exchange->request) ? PST_WEB_STEP_RECORD : PST_WEB_STEP_PREPARE;
}

static enum pst_web_step step_prepare(struct pst_web_exchange *exchange)
{
    prepare(exchange);
    return pst_request_answered(&exchange->request) ? PST_WEB_STEP_RECORD : PST_WEB_STEP_RUN;
}

static enum pst_web_step step_run(struct pst_web_exchange *exchange)
{
    if (exchange->request.route->kind == PST_WEB_READ) {
        run_here(exchange);
        return PST_WEB_STEP_RECORD;
    }
    exchange->job_fn = exchange->request.route->run;
    job_start(exchange, run, runs_shared(exchange));
    return PST_WEB_STEP_RAN;
}

static enum pst_web_step step_ran(struct pst_web_exchange *exchange)
{
    exchange->committed = exchange->job_result == PST_OK;
    return PST_WEB_STEP_RECORD;
}

static enum pst_web_step step_record(struct pst_web_exchange *exchange)
{
    struct pst_web_answer *answer = &exchange->answer;
    if (answer->kind == PST_WEB_ANSWER_NONE)
        pst_web_answer_error(exchange, PST_ERR_INTERNAL);
    if (answer->refusal != PST_REFUSAL_NONE)
        PST_LOG(REFUSED, PST_LOG_ENUM("code", pst_refusal_code, answer->refusal));
    if (!to_record(exchange))
        return PST_WEB_STEP_ANSWER;
    if (exchange->request.caller.signed_in) {
        job_start(exchange, run_record, /* shared= */ true);
        return PST_WEB_STEP_ANSWER;
    }
    answer->recorded = true;
    pst_web_stranger(exchange->web, pst_refusal_code(answer->refusal), &exchange->request.peer,
                     exchange->request.now_ms / PST_MINUTE_MS, 1);
    return PST_WEB_STEP_ANSWER;
}

bool pst_web_exchange_step(struct pst_web_exchange *exchange)
{
    static enum pst_web_step (*const steps[])(struct pst_web_exchange *) = {
        [PST_WEB_STEP_BODY] = step_body,     [PST_WEB_STEP_PREPARE] = step_prepare,
        [PST_WEB_STEP_RUN] = step_run,       [PST_WEB_STEP_RAN] = step_ran,
        [PST_WEB_STEP_RECORD] = step_record,
    };
    if (exchange->suspended)
        job_end(exchange);
    while (exchange->step != PST_WEB_STEP_ANSWER) {
        exchange->step = steps[exchange->step](exchange);
        if (exchange->suspended)
            return false;
    }
    return true;
}
