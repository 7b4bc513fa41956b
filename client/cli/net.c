#include "client/cli/net.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>

#include "client/cli/state.h"
#include "client/cli/totp.h"
#include "postern/cleanup.h"
#include "postern/json.h"
#include "postern/progress.h"
#include "postern/time.h"

#define CONNECT_TIMEOUT_S 15L
/* Slower than this for so long is a dead line: 25 MiB may take its time. */
#define SLOW_BYTES_PER_S 32L
#define SLOW_FOR_S 60L
/* A live stream says something every twenty seconds: after three times that it is dead. */
#define LIVE_BYTES_PER_S 1L
/* Longer than a person would wait for one command. */
#define RETRY_AFTER_MAX_S 30
/* Requests are counted by the minute: the next one is less than this away. */
#define RETRY_AFTER_BULK_MAX_S 60
/* Date has whole seconds: a smaller difference tells nothing. */
#define CLOCK_TOLERANCE_MS 2000
#define PAGE_MAX 100

struct pst_net {
    CURL *curl;
    int64_t clock_offset_ms;
    char error[CURL_ERROR_SIZE];
};

/* One exchange under way. */
struct flight {
    struct pst_cli *cli;
    const struct pst_net_request *request;
    struct pst_net_answer *answer;
    int64_t began_ms;
    int64_t date_ms;
    bool drawn;
    bool is_json;
    bool live; /* the live stream has begun */
};

void pst_net_free(struct pst_net **net)
{
    if (*net == NULL)
        return;
    curl_easy_cleanup((*net)->curl);
    curl_global_cleanup();
    free(*net);
    *net = NULL;
}

void pst_net_answer_free(struct pst_net_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
    pst_buf_free(&answer->body);
}

int64_t pst_net_now_ms(struct pst_cli *cli)
{
    int64_t now = pst_clock_now(NULL);
    return cli->net != NULL ? now + cli->net->clock_offset_ms : now;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct flight *flight = ctx;
    const struct pst_sink *live = flight->request->live;
    struct pst_bytes piece = pst_bytes(bytes, size * count);
    long status = 0;
    if (live != NULL)
        curl_easy_getinfo(flight->cli->net->curl, CURLINFO_RESPONSE_CODE, &status);
    flight->live |= status == 200;
    enum pst_err err = status == 200 ? live->write(live->ctx, piece)
                                     : pst_buf_append_bytes(&flight->answer->body, piece);
    return err == PST_OK ? piece.len : 0;
}

/* Is this header called name? Then its value, cut to size, in ret_value. */
static bool header_is(const char *line, size_t len, const char *name, char *ret_value, size_t size)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    const char *value = line + name_len + 1;
    size_t value_len = len - name_len - 1;
    while (value_len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        value_len--;
    }
    while (value_len > 0 && strchr("\r\n \t", value[value_len - 1]) != NULL)
        value_len--;
    snprintf(ret_value, size, "%.*s", (int)value_len, value);
    return true;
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct flight *flight = ctx;
    size_t len = size * count;
    char value[PST_NET_ETAG_MAX];
    if (header_is(line, len, "ETag", flight->answer->etag, sizeof flight->answer->etag))
        return len;
    if (header_is(line, len, "Retry-After", value, sizeof value))
        flight->answer->retry_after_s = strtol(value, NULL, 10);
    else if (header_is(line, len, "Content-Type", value, sizeof value))
        flight->is_json = strstr(value, "json") != NULL;
    else if (header_is(line, len, "Date", value, sizeof value)) {
        time_t at = curl_getdate(value, NULL);
        flight->date_ms = at > 0 ? (int64_t)at * 1000 : 0;
    }
    return len;
}

static int on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    struct flight *flight = ctx;
    char text[PST_PROGRESS_TEXT_SIZE];
    bool sends = up_all > down_all;
    const struct pst_progress progress = {
        .doing = flight->request->doing,
        .done = sends ? up : down,
        .all = sends ? up_all : down_all,
        .elapsed_ms = pst_clock_now(NULL) - flight->began_ms,
    };
    if (!pst_progress_shows(&progress))
        return 0;
    pst_progress_format(&progress, text);
    /* What was longer before is erased. */
    fprintf(flight->cli->err, PST_PROGRESS_CLEAR "%s", text);
    fflush(flight->cli->err);
    flight->drawn = true;
    return 0;
}

static enum pst_err net_open(struct pst_cli *cli)
{
    enum pst_err err = pst_state_load(cli);
    if (err != PST_OK)
        return err;
    if (cli->state->server == NULL)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Which server? Give --server https://…, or set POSTERN_SERVER.");
    if (cli->net != NULL)
        return PST_OK;
    struct pst_net *net = calloc(1, sizeof *net);
    if (net == NULL)
        return PST_ERR_NOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (net->curl = curl_easy_init()) == NULL) {
        free(net);
        return PST_ERR_INTERNAL;
    }
    cli->net = net;
    return PST_OK;
}

/* curl_easy_setopt fails only without memory, or for what this libcurl lacks. */
#define SET(option, value) failed |= curl_easy_setopt(curl, option, value) != CURLE_OK

static enum pst_err set_security(const struct pst_cli *cli, CURL *curl)
{
    bool failed = false;
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (cli->state->ca != NULL)
        SET(CURLOPT_CAINFO, cli->state->ca);
    return failed ? PST_ERR_INTERNAL : PST_OK;
}

static enum pst_err set_transfer(struct flight *flight, CURL *curl, char *error)
{
    const struct pst_net_request *request = flight->request;
    bool failed = false;
    error[0] = '\0';
    SET(CURLOPT_ERRORBUFFER, error);
    SET(CURLOPT_USERAGENT, "postern");
    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, request->live != NULL ? LIVE_BYTES_PER_S : SLOW_BYTES_PER_S);
    SET(CURLOPT_LOW_SPEED_TIME, SLOW_FOR_S);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, flight);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, flight);
    if (request->doing != NULL && isatty(STDERR_FILENO)) {
        SET(CURLOPT_NOPROGRESS, 0L);
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, flight);
    }
    return failed ? PST_ERR_INTERNAL : PST_OK;
}

static bool append_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[1024];
    int len = snprintf(line, sizeof line, "%s: %s", name, value);
    if (len < 0 || (size_t)len >= sizeof line)
        return false;
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

/* libcurl takes headers as ordinary strings: the token leaves guarded memory for one request. */
static enum pst_err set_headers(const struct flight *flight, const char *content_type,
                                struct curl_slist **ret_headers)
{
    const struct pst_net_request *request = flight->request;
    const struct pst_secret *token = flight->cli->state->token;
    bool ok = append_header(ret_headers, "Accept",
                            "application/json, application/problem+json, */*;q=0.5");
    if (content_type != NULL)
        ok = ok && append_header(ret_headers, "Content-Type", content_type);
    if (request->if_match != NULL)
        ok = ok && append_header(ret_headers, "If-Match", request->if_match);
    if (request->last_event != NULL && request->last_event[0] != '\0')
        ok = ok && append_header(ret_headers, "Last-Event-ID", request->last_event);
    if (!request->anonymous && token != NULL) {
        char value[600];
        snprintf(value, sizeof value, "Bearer %.*s", (int)pst_secret_len(token),
                 (const char *)pst_secret_bytes(token));
        ok = ok && append_header(ret_headers, "Authorization", value);
        explicit_bzero(value, sizeof value);
    }
    return ok ? PST_OK : PST_ERR_NOMEM;
}

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h != NULL; h = h->next) {
        if (strncmp(h->data, "Authorization:", 14) == 0)
            explicit_bzero(h->data, strlen(h->data));
    }
    curl_slist_free_all(headers);
}

static const struct {
    CURLcode code;
    int exit_status;
    const char *words;
} curl_failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, EX_NOHOST,
     "The server's name is not known on this network. Check the address"},
    {CURLE_COULDNT_CONNECT, EX_UNAVAILABLE,
     "The server cannot be reached. Check the address and your connection, then try again"},
    {CURLE_OPERATION_TIMEDOUT, EX_TEMPFAIL,
     "The server took too long to answer. Nothing is lost; try again in a while"},
    {CURLE_PEER_FAILED_VERIFICATION, EX_PROTOCOL,
     "This may not be the practice's server: its certificate does not verify. Nothing was sent. "
     "If your practice has its own certificates, give them by --ca"},
    {CURLE_SSL_CACERT_BADFILE, EX_NOINPUT,
     "The file of trusted certificates cannot be read. Check --ca"},
    {CURLE_SSL_CONNECT_ERROR, EX_PROTOCOL,
     "No secure connection could be made. The address must be that of the practice's TLS port"},
    {CURLE_WRITE_ERROR, EX_PROTOCOL, "The server's answer is larger than it can rightly be"},
};

static enum pst_err say_curl(struct pst_cli *cli, CURLcode code)
{
    for (size_t i = 0; i < sizeof curl_failures / sizeof curl_failures[0]; i++) {
        if (curl_failures[i].code == code)
            return pst_cli_fail_exit(cli, curl_failures[i].exit_status, PST_ERR_IO, "%s. (%s: %s)",
                                     curl_failures[i].words, cli->state->server,
                                     curl_easy_strerror(code));
    }
    return pst_cli_fail_exit(cli, EX_UNAVAILABLE, PST_ERR_IO,
                             "The exchange with %s broke off: %s. Try again.", cli->state->server,
                             cli->net->error[0] != '\0' ? cli->net->error
                                                        : curl_easy_strerror(code));
}

/* JSON bodies move from the buffer into the answer's json. */
static enum pst_err finish(struct flight *flight)
{
    struct pst_net_answer *answer = flight->answer;
    if (flight->date_ms > 0) {
        int64_t middle = (flight->began_ms + pst_clock_now(NULL)) / 2;
        int64_t offset = flight->date_ms - middle;
        bool near = offset < CLOCK_TOLERANCE_MS && offset > -CLOCK_TOLERANCE_MS;
        flight->cli->net->clock_offset_ms = near ? 0 : offset;
    }
    if (!flight->is_json || answer->body.len == 0)
        return PST_OK;
    enum pst_err err =
        pst_json_parse(pst_buf_bytes(&answer->body), answer->body.len, &answer->json);
    if (err != PST_OK)
        return pst_cli_fail_exit(flight->cli, EX_PROTOCOL, PST_ERR_SYNTAX,
                                 "The server's answer cannot be understood. Is %s a Postern?",
                                 flight->cli->state->server);
    pst_buf_clear(&answer->body);
    return PST_OK;
}

static enum pst_err perform(struct flight *flight, const char *url, char *json_text)
{
    struct pst_cli *cli = flight->cli;
    const struct pst_net_request *request = flight->request;
    CURL *curl = cli->net->curl;
    const char *type = json_text != NULL ? "application/json" : request->content_type;
    struct curl_slist *headers = NULL;
    curl_easy_reset(curl);
    enum pst_err err = set_security(cli, curl);
    if (err == PST_OK)
        err = set_transfer(flight, curl, cli->net->error);
    if (err == PST_OK)
        err = set_headers(flight, type, &headers);
    bool failed = false;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HTTPHEADER, headers);
    if (type != NULL) {
        size_t len = json_text != NULL ? strlen(json_text) : request->bytes.len;
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        SET(CURLOPT_POSTFIELDS, json_text != NULL ? json_text : (const char *)request->bytes.ptr);
    }
    SET(CURLOPT_CUSTOMREQUEST, request->method != NULL ? request->method : "GET");
    if (err == PST_OK && failed)
        err = PST_ERR_INTERNAL;
    flight->began_ms = pst_clock_now(NULL);
    CURLcode code = err == PST_OK ? curl_easy_perform(curl) : CURLE_OK;
    free_headers(headers);
    if (flight->drawn)
        fputs(PST_PROGRESS_CLEAR, cli->err);
    if (err != PST_OK)
        return err;
    if (code != CURLE_OK)
        return flight->live || (request->live != NULL && request->quiet) ? PST_ERR_IO
                                                                         : say_curl(cli, code);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &flight->answer->status);
    return finish(flight);
}

static enum pst_err exchange(struct pst_cli *cli, const struct pst_net_request *request,
                             struct pst_net_answer *answer)
{
    struct flight flight = {.cli = cli, .request = request, .answer = answer};
    pst_net_answer_free(answer);
    memset(answer, 0, sizeof *answer);
    answer->retry_after_s = -1;
    pst_buf_init(&answer->body,
                 request->max_bytes > 0 ? request->max_bytes : PST_JSON_MAX_BYTES * 8);
    PST_FREE char *url = NULL;
    if (asprintf(&url, "%s%s", cli->state->server, request->path) < 0) {
        url = NULL;
        return PST_ERR_NOMEM;
    }
    char *text = NULL;
    if (request->json != NULL && (text = json_dumps(request->json, JSON_COMPACT)) == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = perform(&flight, url, text);
    if (text != NULL) /* it may hold a code or a secret */
        explicit_bzero(text, strlen(text));
    free(text);
    return err;
}

static const char *code_of(const struct pst_net_answer *answer)
{
    const char *code = json_string_value(json_object_get(answer->json, "code"));
    return code != NULL ? code : "";
}

/* Waits as the server asked; false when it did not ask, or for too long. */
static bool wait_asked(const struct pst_cli *cli, const struct pst_net_answer *answer)
{
    long max_s = cli->bulk ? RETRY_AFTER_BULK_MAX_S : RETRY_AFTER_MAX_S;
    if ((answer->status != 429 && answer->status != 503) || answer->retry_after_s < 0 ||
        answer->retry_after_s > max_s)
        return false;
    struct timespec wait = {.tv_sec = (time_t)answer->retry_after_s};
    (void)nanosleep(&wait, NULL);
    return true;
}

enum pst_err pst_net_send(struct pst_cli *cli, const struct pst_net_request *request,
                          struct pst_net_answer *ret_answer)
{
    enum pst_err err = net_open(cli);
    if (err == PST_OK)
        err = exchange(cli, request, ret_answer);
    if (err == PST_OK && wait_asked(cli, ret_answer))
        err = exchange(cli, request, ret_answer);
    if (err == PST_OK && ret_answer->status == 401 && !request->quiet &&
        strcmp(code_of(ret_answer), "step-up-required") == 0) {
        err = pst_totp_step_up(cli);
        if (err == PST_OK)
            err = exchange(cli, request, ret_answer);
    }
    if (err != PST_OK || (ret_answer->status >= 200 && ret_answer->status < 300))
        return err;
    return request->quiet ? PST_ERR_DENIED
                          : pst_net_problem(cli, ret_answer->status, ret_answer->json);
}

enum pst_err pst_net_json(struct pst_cli *cli, const char *method, const char *path,
                          const json_t *body, json_t **ret_json)
{
    struct pst_net_request request = {.method = method, .path = path, .json = body};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = pst_net_send(cli, &request, &answer);
    if (err == PST_OK && ret_json != NULL) {
        *ret_json = answer.json;
        answer.json = NULL;
    }
    return err;
}

static enum pst_err next_page(struct pst_cli *cli, const char *path, const char *cursor,
                              json_t **ret_page)
{
    PST_FREE char *full = NULL;
    char mark = strchr(path, '?') != NULL ? '&' : '?';
    int len = cursor == NULL
                  ? asprintf(&full, "%s%climit=%d", path, mark, PAGE_MAX)
                  : asprintf(&full, "%s%climit=%d&cursor=%s", path, mark, PAGE_MAX, cursor);
    if (len < 0) {
        full = NULL;
        return PST_ERR_NOMEM;
    }
    return pst_net_json(cli, "GET", full, NULL, ret_page);
}

enum pst_err pst_net_list(struct pst_cli *cli, const char *path, size_t max, json_t **ret_list)
{
    PST_JSON json_t *items = json_array();
    PST_FREE char *cursor = NULL;
    do {
        PST_JSON json_t *page = NULL;
        enum pst_err err = next_page(cli, path, cursor, &page);
        if (err != PST_OK)
            return err;
        if (json_array_extend(items, json_object_get(page, "items")) != 0)
            return pst_cli_fail_exit(cli, EX_PROTOCOL, PST_ERR_SYNTAX,
                                     "The server's answer is no list.");
        const char *next = json_string_value(json_object_get(page, "next"));
        free(cursor);
        cursor = next != NULL ? strdup(next) : NULL;
    } while (cursor != NULL && (max == 0 || json_array_size(items) < max));
    *ret_list = json_pack("{s:O, s:n}", "items", items, "next");
    return *ret_list != NULL ? PST_OK : PST_ERR_NOMEM;
}

/* Status to what a script sees; refusals are 77 whatever their status. */
static const struct {
    long status;
    enum pst_err err;
} statuses[] = {
    {400, PST_ERR_INVALID},   {401, PST_ERR_DENIED},   {403, PST_ERR_DENIED},
    {404, PST_ERR_NOT_FOUND}, {405, PST_ERR_INTERNAL}, {409, PST_ERR_CONFLICT},
    {412, PST_ERR_CONFLICT},  {413, PST_ERR_TOO_LONG}, {429, PST_ERR_BUSY},
};

static enum pst_err err_of_status(long status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].status == status)
            return statuses[i].err;
    }
    return PST_ERR_IO;
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "";
}

enum pst_err pst_net_problem(struct pst_cli *cli, long status, const json_t *problem)
{
    bool refused = strncmp(text_of(problem, "type"), "urn:postern:refusal:", 20) == 0;
    if (cli->json && problem != NULL)
        pst_cli_print_json(cli, problem);
    cli->said = true;
    if (refused)
        cli->exit_status = EX_NOPERM;
    if (problem == NULL) {
        fprintf(cli->err, "postern: The server answered with status %ld.\n", status);
        return err_of_status(status);
    }
    const json_t *cure = json_object_get(problem, "cure");
    fputs("postern: ", cli->err);
    pst_cli_write_safe(cli->err, text_of(problem, "title"), false);
    fputs(".\n  ", cli->err);
    pst_cli_write_safe(cli->err, text_of(problem, "detail"), false);
    if (text_of(cure, "what")[0] != '\0') {
        fputs("\n  What to do: ", cli->err);
        pst_cli_write_safe(cli->err, text_of(cure, "what"), false);
        fputs(" (", cli->err);
        pst_cli_write_safe(cli->err, text_of(cure, "who"), false);
        fputc(')', cli->err);
    }
    fputs("\n  Code: ", cli->err);
    pst_cli_write_safe(cli->err, text_of(problem, "code"), false);
    if (text_of(problem, "event")[0] != '\0') {
        fputs(", recorded as ", cli->err);
        pst_cli_write_safe(cli->err, text_of(problem, "event"), false);
    }
    fputc('\n', cli->err);
    return refused ? PST_ERR_DENIED : err_of_status(status);
}
