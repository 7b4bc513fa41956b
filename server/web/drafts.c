/*
 * /v1/threads/{id}/draft: one draft per thread and person, an age file to its
 * owner's key. The server checks that it is one, and cannot read it.
 */
#include "server/store/drafts.h"
#include "postern/age_header.h"
#include "postern/envelope.h"
#include "server/web/messages.h"

#define MEMBERS (PST_WEB_PATIENTS | PST_ROLE_CLINICIAN)
#define DRAFT_TYPE "application/octet-stream"

static enum pst_err thread_seen(struct pst_tx *tx, const struct pst_request *request)
{
    struct pst_thread thread;
    return pst_thread_get(tx, &request->ids[0], &request->caller.person, request->now_ms, &thread);
}

static enum pst_err draft_show(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_buf bytes = {.max = (size_t)PST_ENVELOPE_MAX_BYTES};
    int64_t version = 0;
    enum pst_err r = thread_seen(tx, request);
    if (r == PST_OK)
        r = pst_draft_get(tx, &request->ids[0], &request->caller.person, &bytes, &version);
    if (r == PST_OK)
        r = pst_request_etag(request, version);
    if (r == PST_OK)
        r = pst_request_bytes(request, /* status= */ 200, DRAFT_TYPE, &bytes);
    pst_buf_free(&bytes);
    return r;
}

/* One X25519 stanza and a payload of a possible length: nothing readable gets in by accident. */
static enum pst_err draft_check(struct pst_request *request)
{
    struct pst_age_header header;
    enum pst_err r = pst_age_header_inspect(request->raw, &header);
    bool sealed = r == PST_OK && header.stanza_count == 1 && header.x25519_count == 1 &&
                  pst_age_payload_len_possible(request->raw.len - header.len);
    if (sealed &&
        !pst_looks_plain(pst_bytes(request->raw.ptr + header.len, request->raw.len - header.len)))
        return PST_OK;
    return pst_request_refuse(request, PST_REFUSAL_NOT_SEALED, NULL);
}

/* With If-Match it must be the version seen; without, the newest word counts. */
static enum pst_err version_check(struct pst_tx *tx, struct pst_request *request,
                                  int64_t *ret_version)
{
    enum pst_err r = thread_seen(tx, request);
    if (r == PST_OK)
        r = pst_draft_version(tx, &request->ids[0], &request->caller.person, ret_version);
    if (r == PST_OK && pst_request_header(request, "If-Match") != NULL)
        r = pst_request_if_match(request, *ret_version);
    return r;
}

static enum pst_err draft_put(struct pst_tx *tx, struct pst_request *request)
{
    int64_t version = 0;
    enum pst_err r = version_check(tx, request, &version);
    if (r == PST_OK)
        r = pst_draft_put(tx, &request->ids[0], &request->caller.person, version + 1,
                          request->now_ms, request->raw);
    if (r == PST_OK)
        r = pst_request_etag(request, version + 1);
    return r == PST_OK ? pst_request_empty(request) : r;
}

static enum pst_err draft_drop(struct pst_tx *tx, struct pst_request *request)
{
    int64_t version = 0;
    enum pst_err r = version_check(tx, request, &version);
    if (r == PST_OK)
        r = pst_draft_delete(tx, &request->ids[0], &request->caller.person);
    return r == PST_OK ? pst_request_empty(request) : r;
}

const struct pst_route pst_routes_drafts[] = {
    {.method = "GET",
     .path = "/v1/threads/{id}/draft",
     .roles = MEMBERS,
     .kind = PST_WEB_READ,
     .run = draft_show},
    {.method = "PUT",
     .path = "/v1/threads/{id}/draft",
     .roles = MEMBERS,
     .flags = PST_WEB_RAW,
     .kind = PST_WEB_WRITE,
     .body_type = DRAFT_TYPE,
     .body_max = (size_t)PST_ENVELOPE_MAX_BYTES,
     .prepare = draft_check,
     .run = draft_put},
    {.method = "DELETE",
     .path = "/v1/threads/{id}/draft",
     .roles = MEMBERS,
     .kind = PST_WEB_WRITE,
     .run = draft_drop},
    {0},
};
