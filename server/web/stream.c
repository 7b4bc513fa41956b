/*
 * GET /v1/stream: what changes in a person's threads, told as it happens, by
 * server-sent events. Metadata alone, as lists show it; the feed (feed.h) says
 * what is told to whom.
 *
 * Last-Event-ID takes up where an earlier stream ended; what is no place of
 * ours, or too long ago, is answered with a reset.
 */
#include <string.h>

#include "server/web/exchange.h"
#include "server/web/messages.h"
#include "server/web/web.h"

static const char media_type[] = "text/event-stream";

static enum pst_err too_many(struct pst_request *request)
{
    return pst_request_refuse(request, PST_REFUSAL_RATE_LIMITED,
                              &(struct pst_problem_extra){.retry_s = PST_FEED_RETRY_S});
}

static enum pst_err stream_open(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_feed_stream *stream = NULL;
    struct pst_uuid last;
    const char *text = pst_request_header(request, "Last-Event-ID");
    bool given = text != NULL && *text != '\0';
    bool known =
        given && pst_uuid_parse(text, strlen(text), &last) == PST_OK && pst_uuid_is_v7(&last);
    (void)tx;
    if (request->exchange->head) {
        struct pst_buf nothing = {0};
        return pst_request_bytes(request, MHD_HTTP_OK, media_type, &nothing);
    }
    enum pst_err r =
        pst_feed_open(request->exchange->web->feed, &request->caller.person,
                      &request->caller.session, known ? &last : NULL, given && !known, &stream);
    if (r == PST_ERR_BUSY)
        return too_many(request);
    return r == PST_OK ? pst_request_feed(request, media_type, &stream) : r;
}

const struct pst_route pst_routes_stream[] = {
    {.method = "GET",
     .path = "/v1/stream",
     .roles = PST_WEB_PATIENTS | PST_ROLE_CLINICIAN,
     .flags = PST_WEB_UNUSED,
     .kind = PST_WEB_READ,
     .run = stream_open},
    {0},
};
