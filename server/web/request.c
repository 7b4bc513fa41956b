#include "server/web/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/store/events.h"
#include "server/web/exchange.h"
#include "server/web/router.h"
#include "server/web/web.h"

/* Longest cursor a list of ours gives: ids, numbers and times. */
#define CURSOR_MAX_BYTES 256

struct state {
    void (*wipe)(void *state);
    max_align_t memory[];
};

/* ---- state ------------------------------------------------------------ */

static void state_free(void *memory)
{
    struct state *state = (struct state *)(void *)((char *)memory - offsetof(struct state, memory));
    if (state->wipe != NULL)
        state->wipe(memory);
    free(state);
}

enum pst_err pst_request_state_new(struct pst_request *request, size_t size,
                                   void (*wipe)(void *state), void **ret_state)
{
    /* UNSAFE: size is a sizeof in every caller. */
    struct state *state = calloc(1, sizeof *state + size);
    if (state == NULL)
        return PST_ERR_NOMEM;
    state->wipe = wipe;
    if (request->state != NULL && request->state_free != NULL)
        request->state_free(request->state);
    request->state = state->memory;
    request->state_free = state_free;
    *ret_state = state->memory;
    return PST_OK;
}

/* ---- reading ---------------------------------------------------------- */

static const char *lookup(const struct pst_request *request, enum MHD_ValueKind kind,
                          const char *name)
{
    if (request->exchange->connection == NULL)
        return NULL;
    return MHD_lookup_connection_value(request->exchange->connection, kind, name);
}

const char *pst_request_query(const struct pst_request *request, const char *name)
{
    return lookup(request, MHD_GET_ARGUMENT_KIND, name);
}

const char *pst_request_header(const struct pst_request *request, const char *name)
{
    return lookup(request, MHD_HEADER_KIND, name);
}

/* The table's own name of a member, or NULL: what came from outside is not repeated. */
static const char *member_known(const struct pst_json_member *members, size_t count,
                                const char *wrong)
{
    for (size_t i = 0; wrong != NULL && i < count; i++)
        if (strcmp(members[i].name, wrong) == 0)
            return members[i].name;
    return NULL;
}

enum pst_err pst_request_decode(struct pst_request *request, const struct pst_json_member *members,
                                size_t count, void *ret_struct, uint64_t *ret_present)
{
    const char *wrong = NULL;
    enum pst_err r =
        pst_json_decode(request->body, members, count, ret_struct, ret_present, &wrong);
    if (r != PST_ERR_SYNTAX)
        return r;
    r = pst_request_bad(request, member_known(members, count, wrong));
    return r == PST_OK ? PST_ERR_SYNTAX : r;
}

static bool limit_parse(const char *text, unsigned *ret_limit)
{
    unsigned limit = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 2)
            return false;
        limit = limit * 10 + (unsigned)(text[i] - '0');
    }
    *ret_limit = limit;
    return limit >= 1 && limit <= PST_PAGE_MAX;
}

enum pst_err pst_request_page(struct pst_request *request, struct pst_page *ret_page)
{
    struct pst_page page = {.limit = PST_PAGE_DEFAULT,
                            .cursor = pst_request_query(request, "cursor")};
    const char *limit = pst_request_query(request, "limit");
    const char *wrong = NULL;
    if (limit != NULL && !limit_parse(limit, &page.limit))
        wrong = "limit";
    else if (page.cursor != NULL && strlen(page.cursor) > CURSOR_MAX_BYTES)
        wrong = "cursor";
    if (wrong != NULL) {
        enum pst_err r = pst_request_bad(request, wrong);
        return r == PST_OK ? PST_ERR_SYNTAX : r;
    }
    *ret_page = page;
    return PST_OK;
}

static void etag_format(int64_t version, char *ret_etag)
{
    (void)snprintf(ret_etag, PST_WEB_ETAG_SIZE, "\"%lld\"", (long long)version);
}

enum pst_err pst_request_if_match(struct pst_request *request, int64_t version)
{
    char want[PST_WEB_ETAG_SIZE];
    etag_format(version, want);
    const char *given = pst_request_header(request, "If-Match");
    if (given != NULL && strcmp(given, want) == 0)
        return PST_OK;
    enum pst_err r = pst_request_problem(request, PST_PROBLEM_PRECONDITION, NULL);
    return r == PST_OK ? PST_ERR_CONFLICT : r;
}

bool pst_request_is(const struct pst_request *request, uint32_t roles)
{
    return (request->caller.roles & roles) != 0;
}

const struct pst_handover *pst_request_passage(const struct pst_request *request)
{
    const struct pst_web_exchange *exchange = request->exchange;
    return exchange != NULL && exchange->peer != NULL ? &exchange->peer->facts : NULL;
}

/* ---- answering -------------------------------------------------------- */

void pst_web_answer_clear(struct pst_web_answer *answer)
{
    json_decref(answer->json);
    pst_buf_free(&answer->bytes);
    if (answer->kind == PST_WEB_ANSWER_DOWNLOAD && answer->download.free != NULL)
        answer->download.free(answer->download.ctx);
    pst_feed_close(&answer->feed);
    pst_secret_free(&answer->cookie);
    *answer = (struct pst_web_answer){0};
}

/* The answer's headers survive: an ETag may be set before the body. */
static struct pst_web_answer *body_replace(struct pst_request *request,
                                           enum pst_web_answer_kind kind, int status)
{
    struct pst_web_answer *answer = &request->exchange->answer;
    struct pst_web_answer next = {.kind = kind, .status = status};
    memcpy(next.etag, answer->etag, sizeof next.etag);
    memcpy(next.location, answer->location, sizeof next.location);
    next.cookie = answer->cookie;
    answer->cookie = NULL;
    next.cookie_clear = answer->cookie_clear;
    pst_web_answer_clear(answer);
    *answer = next;
    return answer;
}

enum pst_err pst_request_json(struct pst_request *request, int status, json_t *json)
{
    struct pst_web_answer *answer = body_replace(request, PST_WEB_ANSWER_JSON, status);
    answer->json = json;
    if (json != NULL)
        return PST_OK;
    answer->kind = PST_WEB_ANSWER_NONE;
    return PST_ERR_NOMEM;
}

enum pst_err pst_request_list(struct pst_request *request, json_t *items, const char *next)
{
    json_t *list = json_pack("{s:o, s:s?}", "items", items, "next", next);
    return pst_request_json(request, MHD_HTTP_OK, list);
}

enum pst_err pst_request_empty(struct pst_request *request)
{
    (void)body_replace(request, PST_WEB_ANSWER_EMPTY, MHD_HTTP_NO_CONTENT);
    return PST_OK;
}

enum pst_err pst_request_bytes(struct pst_request *request, int status, const char *type,
                               struct pst_buf *bytes)
{
    struct pst_web_answer *answer = body_replace(request, PST_WEB_ANSWER_BYTES, status);
    answer->bytes = *bytes;
    answer->type = type;
    pst_buf_init(bytes, bytes->max);
    return PST_OK;
}

enum pst_err pst_request_etag(struct pst_request *request, int64_t version)
{
    etag_format(version, request->exchange->answer.etag);
    return PST_OK;
}

enum pst_err pst_request_location(struct pst_request *request, const char *path)
{
    char *location = request->exchange->answer.location;
    if (strlen(path) >= PST_WEB_LOCATION_SIZE)
        return PST_ERR_TOO_LONG;
    (void)snprintf(location, PST_WEB_LOCATION_SIZE, "%s", path);
    return PST_OK;
}

void pst_request_cookie(struct pst_request *request, struct pst_secret *token)
{
    struct pst_web_answer *answer = &request->exchange->answer;
    pst_secret_free(&answer->cookie);
    answer->cookie = token;
    answer->cookie_clear = token == NULL;
}

static enum pst_viewer viewer_of(const struct pst_request *request)
{
    if (!request->caller.signed_in)
        return PST_VIEWER_STRANGER;
    return (request->caller.roles & ~PST_WEB_PATIENTS) != 0 ? PST_VIEWER_STAFF : PST_VIEWER_PATIENT;
}

static enum pst_err problem_set(struct pst_request *request, int listed,
                                const struct pst_problem_extra *more, json_t *json)
{
    struct pst_web_answer *answer =
        body_replace(request, PST_WEB_ANSWER_JSON, pst_problem_status(listed, more));
    answer->json = json;
    answer->problem = true;
    answer->recorded = true;
    answer->etag[0] = answer->location[0] = '\0';
    if (more != NULL && more->allow != NULL)
        (void)snprintf(answer->allow, sizeof answer->allow, "%s", more->allow);
    if (more != NULL)
        answer->retry_s = more->retry_s;
    return PST_OK;
}

enum pst_err pst_request_problem(struct pst_request *request, enum pst_problem problem,
                                 const struct pst_problem_extra *more)
{
    json_t *json = NULL;
    enum pst_err r = pst_problem_json(problem, more, &json);
    return r == PST_OK ? problem_set(request, pst_problem_http(problem), more, json) : r;
}

enum pst_err pst_request_bad(struct pst_request *request, const char *member)
{
    if (member == NULL)
        return pst_request_problem(request, PST_PROBLEM_BAD_REQUEST, NULL);
    PST_JSON json_t *extra = json_pack("{s:s}", "member", member);
    if (extra == NULL)
        return PST_ERR_NOMEM;
    return pst_request_problem(request, PST_PROBLEM_BAD_REQUEST,
                               &(struct pst_problem_extra){.extra = extra});
}

enum pst_err pst_request_refuse(struct pst_request *request, enum pst_refusal refusal,
                                const struct pst_problem_extra *more)
{
    enum pst_viewer viewer = viewer_of(request);
    json_t *json = NULL;
    enum pst_err r = pst_refusal_json(refusal, viewer, more, &json);
    if (r != PST_OK)
        return r;
    r = problem_set(request, pst_refusal_http(pst_refusal_shown(refusal, viewer)), more, json);
    request->exchange->answer.refusal = refusal;
    request->exchange->answer.recorded = false;
    return r;
}

enum pst_err pst_request_refuse_recorded(struct pst_request *request, enum pst_refusal refusal,
                                         const struct pst_problem_extra *more,
                                         const struct pst_uuid *event)
{
    char text[PST_UUID_TEXT_SIZE];
    struct pst_problem_extra with = {0};
    if (more != NULL)
        with = *more;
    pst_uuid_format(event, text);
    with.event = text;
    enum pst_err r = pst_request_refuse(request, refusal, &with);
    request->exchange->answer.recorded = true;
    return r;
}

enum pst_err pst_request_download(struct pst_request *request, int status,
                                  const struct pst_download *download)
{
    struct pst_web_answer *answer = body_replace(request, PST_WEB_ANSWER_DOWNLOAD, status);
    answer->download = *download;
    answer->type = download->type;
    return PST_OK;
}

enum pst_err pst_request_feed(struct pst_request *request, const char *type,
                              struct pst_feed_stream **stream)
{
    struct pst_web_answer *answer = body_replace(request, PST_WEB_ANSWER_FEED, MHD_HTTP_OK);
    answer->type = type;
    answer->feed = *stream;
    *stream = NULL;
    return PST_OK;
}

bool pst_request_answered(const struct pst_request *request)
{
    return request->exchange->answer.kind != PST_WEB_ANSWER_NONE;
}

/* ---- events ----------------------------------------------------------- */

/* Of a person's roles, the one that opened this route; the first in the list of roles. */
static enum pst_role role_acting(const struct pst_request *request)
{
    uint32_t roles = request->caller.roles & request->route->roles;
    if (roles == 0)
        roles = request->caller.roles;
    return (enum pst_role)(roles & (~roles + 1));
}

void pst_request_event_init(const struct pst_request *request, enum pst_event_kind kind,
                            struct pst_event *ret_event)
{
    pst_event_init(ret_event, kind, pst_clock_now(NULL), NULL);
    if (!request->caller.signed_in)
        return;
    ret_event->has = PST_EVENT_HAS_ACTOR | PST_EVENT_HAS_ROLE;
    ret_event->actor = request->caller.person;
    ret_event->role = role_acting(request);
}

enum pst_err pst_request_event_put(struct pst_tx *tx, const struct pst_event *event)
{
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    enum pst_err r = pst_event_write(event, &line);
    if (r != PST_OK)
        return r;
    return pst_event_insert(tx, &event->id, pst_buf_str(&line));
}

/* ---- jobs ------------------------------------------------------------- */

enum pst_err pst_request_job(struct pst_request *request,
                             enum pst_err (*job)(struct pst_tx *tx, struct pst_request *request))
{
    if (request->exchange->job_fn != NULL)
        return PST_ERR_BUSY;
    request->exchange->job_fn = job;
    return PST_OK;
}
