#include "client/cli/follow.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/sse.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/json.h"

/* Between tries after a line broke: at once, as a person would look, and then as a guest would. */
#define RETRY_FIRST_S 1
#define RETRY_MAX_S 30
/* The server may tell the last half minute again: what was told of then and more. */
#define TOLD_MAX 512

struct follow {
    struct pst_cli *cli;
    struct pst_sse sse;
    char (*told)[PST_SSE_ID_SIZE]; /* a ring of the ids that were shown */
    size_t told_next;
    bool listening; /* was ready once */
    bool live;      /* this line brought something */
    bool broken;    /* the output */
};

/* Was this shown before? If not, it is from now on. */
static bool told(struct follow *follow)
{
    const char *id = follow->sse.id;
    for (size_t i = 0; i < TOLD_MAX; i++)
        if (id[0] != '\0' && strcmp(follow->told[i], id) == 0)
            return true;
    memcpy(follow->told[follow->told_next], id, PST_SSE_ID_SIZE);
    follow->told_next = (follow->told_next + 1) % TOLD_MAX;
    return false;
}

static void show_text(const struct follow *follow, const char *what, const json_t *data,
                      const char *at)
{
    FILE *out = follow->cli->out;
    fprintf(out, "%.19s  %-9.9s  ", pst_wire_get(data, at), what);
    pst_cli_write_safe(out, pst_wire_get(data, "id"), false);
    fputs("  in ", out);
    pst_cli_write_safe(out, pst_wire_get(data, "thread"), false);
    fputc('\n', out);
}

/* One object a line: the event's data with its name before. */
static enum pst_err show_json(const struct follow *follow, const char *name, json_t *data)
{
    PST_JSON json_t *object = json_pack("{s:s}", "event", name);
    if (object == NULL || json_object_update(object, data) != 0 ||
        json_dumpf(object, follow->cli->out, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
        return PST_ERR_NOMEM;
    fputc('\n', follow->cli->out);
    return PST_OK;
}

static void show(struct follow *follow, const char *name, const json_t *data)
{
    if (strcmp(name, "message") == 0)
        show_text(follow, "received", data, "accepted");
    else if (strcmp(name, "state") == 0)
        show_text(follow, pst_wire_get(data, "state"), data, "at");
    else if (strcmp(name, "reset") == 0)
        pst_cli_note(follow->cli, "Something was missed: list the conversations again.");
    else if (strcmp(name, "ready") == 0 && !follow->listening)
        pst_cli_note(follow->cli, "Listening. Ctrl-C ends it.");
}

static enum pst_err on_event(void *ctx, const struct pst_sse_event *event)
{
    struct follow *follow = ctx;
    struct pst_cli *cli = follow->cli;
    PST_JSON json_t *data = NULL;
    bool ready = strcmp(event->name, "ready") == 0;
    enum pst_err err = pst_json_parse(pst_bytes_str(event->data), PST_SSE_MAX_BYTES, &data);
    if (err != PST_OK)
        return err;
    follow->live = true;
    if (!ready && strcmp(event->name, "reset") != 0 && told(follow))
        return PST_OK;
    if (cli->json)
        err = show_json(follow, event->name, data);
    else
        show(follow, event->name, data);
    follow->listening |= ready;
    if (fflush(cli->out) != 0 || ferror(cli->out))
        follow->broken = true;
    return follow->broken ? PST_ERR_IO : err;
}

static enum pst_err on_bytes(void *ctx, struct pst_bytes bytes)
{
    struct follow *follow = ctx;
    return pst_sse_push(&follow->sse, bytes);
}

/* Will another try help? The server is there no more, or asks to come later. */
static bool worth_another(const struct follow *follow, const struct pst_net_answer *answer)
{
    return follow->listening &&
           (answer->status < 400 || answer->status >= 500 || answer->status == 429);
}

/* One stream from its beginning to its end. PST_OK: try again. */
static enum pst_err listen_once(struct follow *follow)
{
    struct pst_sink sink = {on_bytes, follow};
    struct pst_net_request request = {.path = "/v1/stream",
                                      .live = &sink,
                                      .last_event = follow->sse.id,
                                      .quiet = follow->listening};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    pst_sse_restart(&follow->sse);
    follow->live = false;
    enum pst_err err = pst_net_send(follow->cli, &request, &answer);
    if (follow->broken)
        return pst_cli_fail_exit(follow->cli, EX_IOERR, PST_ERR_IO,
                                 "The output cannot be written any more.");
    if (err == PST_OK || worth_another(follow, &answer))
        return PST_OK;
    return request.quiet ? pst_net_problem(follow->cli, answer.status, answer.json) : err;
}

enum pst_err pst_follow(struct pst_cli *cli)
{
    struct follow follow = {.cli = cli, .told = calloc(TOLD_MAX, PST_SSE_ID_SIZE)};
    if (follow.told == NULL)
        return PST_ERR_NOMEM;
    pst_sse_init(&follow.sse, on_event, &follow);
    struct timespec pause = {.tv_sec = RETRY_FIRST_S};
    enum pst_err err = pst_self_open(cli);
    while (err == PST_OK) {
        err = listen_once(&follow);
        if (err == PST_OK && follow.live)
            pause.tv_sec = RETRY_FIRST_S;
        if (err == PST_OK)
            (void)nanosleep(&pause, NULL);
        pause.tv_sec = pause.tv_sec * 2 > RETRY_MAX_S ? RETRY_MAX_S : pause.tv_sec * 2;
    }
    pst_sse_free(&follow.sse);
    free(follow.told);
    return err;
}
