#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/log/log.h"
#include "server/web/exchange.h"
#include "server/web/site.h"
#include "server/web/web.h"

/* Longest JSON answer: a page of items with their records. */
#define ANSWER_MAX_BYTES ((size_t)16 * 1024 * 1024)
/* Bytes asked of a download at once: half a stored part. */
#define DOWNLOAD_BLOCK_BYTES ((size_t)128 * 1024)
/* "Retry-After: 4294967295" */
#define NUMBER_SIZE 24

/* On every answer. HSTS for two years; nothing of this is for a cache or a frame. */
static const struct {
    const char *name;
    const char *value;
} headers[] = {
    {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
    {MHD_HTTP_HEADER_STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
};

static int json_sink(const char *bytes, size_t len, void *cls)
{
    return pst_buf_append(cls, bytes, len) == PST_OK ? 0 : -1;
}

/* The buffer's memory goes to libmicrohttpd, which frees it. */
static struct MHD_Response *response_of(struct pst_buf *bytes)
{
    if (bytes->len == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes->len, bytes->bytes, MHD_RESPMEM_MUST_FREE);
    if (response != NULL)
        pst_buf_init(bytes, bytes->max);
    return response;
}

static struct MHD_Response *response_json(const json_t *json)
{
    PST_BUF struct pst_buf bytes = {.max = ANSWER_MAX_BYTES};
    if (json_dump_callback(json, json_sink, &bytes, JSON_COMPACT) != 0)
        return NULL;
    return response_of(&bytes);
}

static ssize_t download_read(void *cls, uint64_t offset, char *at, size_t cap)
{
    struct pst_download *download = cls;
    size_t len = 0;
    enum pst_err r = download->read(download->ctx, offset, (uint8_t *)at, cap, &len);
    if (r == PST_OK && len > 0)
        return (ssize_t)len;
    PST_LOG(FAILED, PST_LOG_ERR(r));
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void download_free(void *cls)
{
    struct pst_download *download = cls;
    if (download->free != NULL)
        download->free(download->ctx);
    free(download);
}

/* The response outlives the exchange: it takes the download with it. */
static struct MHD_Response *response_download(struct pst_web_answer *answer)
{
    struct pst_download *download = malloc(sizeof *download);
    if (download == NULL)
        return NULL;
    *download = answer->download;
    struct MHD_Response *response = MHD_create_response_from_callback(
        download->size_bytes, DOWNLOAD_BLOCK_BYTES, download_read, download, download_free);
    if (response == NULL) {
        free(download);
        return NULL;
    }
    answer->download = (struct pst_download){0};
    return response;
}

static struct MHD_Response *response_new(struct pst_web_exchange *exchange)
{
    struct pst_web_answer *answer = &exchange->answer;
    switch (answer->kind) {
    case PST_WEB_ANSWER_JSON:
        answer->type = answer->problem ? "application/problem+json" : "application/json";
        return response_json(answer->json);
    case PST_WEB_ANSWER_BYTES:
        return response_of(&answer->bytes);
    case PST_WEB_ANSWER_DOWNLOAD:
        return response_download(answer);
    case PST_WEB_ANSWER_FEED:
        return pst_feed_response(&answer->feed, exchange);
    default:
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
}

static bool header_add(struct MHD_Response *response, const char *name, const char *value)
{
    return value == NULL || *value == '\0' ||
           MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool cookie_add(struct MHD_Response *response, const struct pst_web_answer *answer)
{
    char line[256];
    if (answer->cookie_clear)
        return header_add(response, MHD_HTTP_HEADER_SET_COOKIE,
                          PST_WEB_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    if (answer->cookie == NULL)
        return true;
    (void)snprintf(line, sizeof line,
                   PST_WEB_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                   (const char *)pst_secret_bytes(answer->cookie));
    return header_add(response, MHD_HTTP_HEADER_SET_COOKIE, line);
}

static bool headers_add(struct MHD_Response *response, const struct pst_web_answer *answer,
                        bool close)
{
    char retry[NUMBER_SIZE] = "";
    bool ok = true;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        ok = ok && header_add(response, headers[i].name, headers[i].value);
    if (answer->retry_s > 0)
        (void)snprintf(retry, sizeof retry, "%lld", (long long)answer->retry_s);
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        ok = ok && header_add(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    return ok && header_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type) &&
           header_add(response, MHD_HTTP_HEADER_ETAG, answer->etag) &&
           header_add(response, MHD_HTTP_HEADER_LOCATION, answer->location) &&
           header_add(response, MHD_HTTP_HEADER_ALLOW, answer->allow) &&
           header_add(response, MHD_HTTP_HEADER_RETRY_AFTER, retry) &&
           cookie_add(response, answer) &&
           (!close || header_add(response, MHD_HTTP_HEADER_CONNECTION, "close"));
}

enum MHD_Result pst_web_exchange_send(struct pst_web_exchange *exchange, bool close)
{
    struct pst_web_answer *answer = &exchange->answer;
    uint64_t size =
        answer->kind == PST_WEB_ANSWER_DOWNLOAD ? answer->download.size_bytes : answer->bytes.len;
    struct MHD_Response *response = response_new(exchange);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result sent = MHD_NO;
    if (headers_add(response, answer, close || atomic_load(&exchange->web->draining)))
        sent = MHD_queue_response(exchange->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    pst_web_phase_set(exchange->peer, PST_WEB_PHASE_ANSWER, (int64_t)size);
    return sent;
}
