/*
 * keys grant: every message that somebody may read and cannot open yet, given
 * to their newest key.
 *
 * The server tells which messages a person's key does not open; that list is
 * what makes this resumable: what is granted leaves it, so whoever was stopped
 * begins again and finds the rest. For whom to wrap is decided here, by the
 * chain up to the pinned root. Each message is fetched whole and checked like
 * one that is read: a server that put one message's header before another's
 * body would otherwise get the wrong one granted.
 */
#include <string.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/message.h"
#include "client/cli/net.h"
#include "client/cli/pins.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/grant.h"
#include "postern/progress.h"
#include "postern/time.h"

/* Items asked for at a time, as the server allows. */
#define PAGE_MAX 100
/* Teams whose threads the person turned out not to be in: asked once each. */
#define STRANGE_TEAMS_MAX 64
/* Two lines of a stanza. */
#define STANZA_MAX_BYTES ((size_t)256)

struct due {
    struct pst_uuid message;
    struct pst_age_recipient recipient;
};

struct granting {
    struct pst_cli *cli;
    struct pst_uuid to;
    struct due *due;
    size_t due_count;
    size_t due_cap;
    struct pst_uuid strange[STRANGE_TEAMS_MAX];
    size_t strange_count;
    size_t threads;
    size_t granted;
    size_t closed; /* that none of one's own keys opens */
    size_t flawed; /* that are not genuine */
    int64_t begun_ms;
};

/* ---- for which key ------------------------------------------------------------- */

static bool in_roster(const struct pst_roster *roster, const struct pst_uuid *person)
{
    for (size_t i = 0; i < roster->members_count; i++)
        if (pst_uuid_equal(&roster->members[i], person))
            return true;
    return false;
}

static enum pst_err not_certified(struct pst_cli *cli)
{
    return pst_cli_fail(cli, PST_ERR_CHAIN,
                        "WARNING: the key that the server shows for this person is not certified "
                        "by the practice. Nothing was granted. Tell the administrator.");
}

/* The person's own key, certified and pinned. */
static enum pst_err see_person(struct granting *g, const struct pst_statement **ret_statement)
{
    struct pst_cli *cli = g->cli;
    const struct pst_record *record =
        pst_chain_statement_at(cli->self->chain, &g->to, pst_net_now_ms(cli));
    if (record == NULL)
        return not_certified(cli);
    *ret_statement = pst_record_statement(record);
    return pst_pins_see(cli, record, (*ret_statement)->name);
}

/* The newest key of the thread's team, when the person is in its newest roster. */
static enum pst_err see_team(struct granting *g, const struct pst_uuid *team,
                             const struct pst_roster **ret_roster)
{
    struct pst_cli *cli = g->cli;
    const struct pst_record *record =
        pst_chain_roster_at(cli->self->chain, team, pst_net_now_ms(cli));
    if (record == NULL || !in_roster(pst_record_roster(record), &g->to))
        return not_certified(cli);
    *ret_roster = pst_record_roster(record);
    return pst_pins_see(cli, record, (*ret_roster)->name);
}

/* What the server names as the key must be the certified one. */
static enum pst_err take_key(struct granting *g, const json_t *thread, const json_t *key,
                             struct pst_age_recipient *ret_recipient)
{
    struct pst_key_id shown;
    const char *id = pst_wire_get(key, "id");
    const struct pst_statement *statement = NULL;
    const struct pst_roster *roster = NULL;
    struct pst_uuid team;
    if (pst_key_id_parse(id, strlen(id), &shown) != PST_OK)
        return pst_wire_unexpected(g->cli, "key");
    enum pst_err err = see_person(g, &statement);
    if (err != PST_OK)
        return err;
    const uint8_t *bytes = statement->recipient_key;
    struct pst_key_id right = statement->recipient_id;
    if (strcmp(pst_wire_get(key, "kind"), "team") == 0) {
        if (pst_wire_get_uuid(thread, "team", &team) != PST_OK)
            return pst_wire_unexpected(g->cli, "thread");
        err = see_team(g, &team, &roster);
        if (err != PST_OK)
            return err;
        bytes = roster->recipient_key;
        right = roster->recipient_id;
    }
    if (!pst_key_id_equal(&shown, &right))
        return not_certified(g->cli);
    memcpy(ret_recipient->bytes, bytes, sizeof ret_recipient->bytes);
    return PST_OK;
}

/* ---- what is missing -------------------------------------------------------------- */

static enum pst_err add_due(struct granting *g, const json_t *items,
                            const struct pst_age_recipient *recipient)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const char *text = json_is_string(item) ? json_string_value(item) : "";
        if (g->due_count == g->due_cap) {
            size_t cap = g->due_cap == 0 ? PAGE_MAX : g->due_cap * 2;
            struct due *more = reallocarray(g->due, cap, sizeof *more);
            if (more == NULL)
                return PST_ERR_NOMEM;
            g->due = more;
            g->due_cap = cap;
        }
        struct due *due = &g->due[g->due_count];
        if (pst_uuid_parse(text, strlen(text), &due->message) != PST_OK)
            return pst_wire_unexpected(g->cli, "list");
        due->recipient = *recipient;
        g->due_count++;
    }
    return PST_OK;
}

/* One page. PST_ERR_NOT_FOUND, unsaid, when the person has no part in the thread. */
static enum pst_err fetch_page(struct granting *g, const char *thread, const char *cursor,
                               json_t **ret_page)
{
    char person[PST_UUID_TEXT_SIZE];
    char path[256];
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    pst_uuid_format(&g->to, person);
    int len = snprintf(path, sizeof path, "/v1/threads/%s/ungranted?person=%s&limit=%d%s%s", thread,
                       person, PAGE_MAX, cursor[0] != '\0' ? "&cursor=" : "", cursor);
    if (len < 0 || (size_t)len >= sizeof path)
        return pst_wire_unexpected(g->cli, "cursor");
    struct pst_net_request request = {.path = path, .quiet = true};
    enum pst_err err = pst_net_send(g->cli, &request, &answer);
    if (err == PST_OK)
        *ret_page = json_incref(answer.json);
    else if (answer.status == 404)
        err = PST_ERR_NOT_FOUND;
    else if (answer.status != 0)
        err = pst_net_problem(g->cli, answer.status, answer.json);
    return err;
}

static enum pst_err take_page(struct granting *g, const json_t *thread, const json_t *page)
{
    struct pst_age_recipient recipient;
    const json_t *items = json_object_get(page, "items");
    if (json_array_size(items) == 0)
        return PST_OK;
    enum pst_err err = pst_self_chain(g->cli, json_object_get(page, "statements"));
    if (err == PST_OK)
        err = take_key(g, thread, json_object_get(page, "key"), &recipient);
    return err == PST_OK ? add_due(g, items, &recipient) : err;
}

static enum pst_err collect_thread(struct granting *g, const json_t *thread)
{
    char cursor[64] = "";
    do {
        PST_JSON json_t *page = NULL;
        enum pst_err err = fetch_page(g, pst_wire_get(thread, "id"), cursor, &page);
        if (err == PST_OK)
            err = take_page(g, thread, page);
        if (err != PST_OK)
            return err;
        snprintf(cursor, sizeof cursor, "%s", pst_wire_get(page, "next"));
    } while (cursor[0] != '\0');
    g->threads++;
    return PST_OK;
}

static bool has_member(const struct granting *g, const json_t *thread)
{
    char id[PST_UUID_TEXT_SIZE];
    size_t i;
    json_t *member;
    pst_uuid_format(&g->to, id);
    json_array_foreach(json_object_get(thread, "members"), i, member)
    {
        if (strcmp(pst_wire_get(member, "id"), id) == 0)
            return true;
    }
    return false;
}

/* Can the person be a member by the thread's team? Unknown until the server was asked once. */
static bool may_be_by_team(const struct granting *g, const json_t *thread)
{
    struct pst_uuid team;
    if (pst_wire_get_uuid(thread, "team", &team) != PST_OK)
        return false;
    for (size_t i = 0; i < g->strange_count; i++)
        if (pst_uuid_equal(&g->strange[i], &team))
            return false;
    return true;
}

static enum pst_err collect_shared(struct granting *g, const json_t *threads)
{
    size_t i;
    json_t *thread;
    json_array_foreach(threads, i, thread)
    {
        bool member = has_member(g, thread);
        if (!member && !may_be_by_team(g, thread))
            continue;
        enum pst_err err = collect_thread(g, thread);
        if (err != PST_OK && err != PST_ERR_NOT_FOUND)
            return err;
        if (err == PST_ERR_NOT_FOUND && !member && g->strange_count < STRANGE_TEAMS_MAX &&
            pst_wire_get_uuid(thread, "team", &g->strange[g->strange_count]) == PST_OK)
            g->strange_count++;
    }
    return PST_OK;
}

/* Of a patient the list is short; of others it is in all that one sees oneself. */
static enum pst_err collect_all(struct granting *g)
{
    char path[128];
    char id[PST_UUID_TEXT_SIZE];
    PST_JSON json_t *list = NULL;
    pst_uuid_format(&g->to, id);
    snprintf(path, sizeof path, "/v1/threads?patient=%s", id);
    enum pst_err err = pst_net_list(g->cli, path, 0, &list);
    if (err == PST_OK && json_array_size(json_object_get(list, "items")) == 0) {
        json_decref(list);
        list = NULL;
        err = pst_net_list(g->cli, "/v1/threads", 0, &list);
    }
    return err == PST_OK ? collect_shared(g, json_object_get(list, "items")) : err;
}

static enum pst_err collect(struct granting *g)
{
    const char *id = pst_cli_get(g->cli, "thread");
    char path[96];
    struct pst_uuid thread_id;
    PST_JSON json_t *thread = NULL;
    if (id == NULL)
        return collect_all(g);
    enum pst_err err = pst_wire_read_id(g->cli, id, "a conversation's id", &thread_id);
    if (err != PST_OK)
        return err;
    snprintf(path, sizeof path, "/v1/threads/%s", id);
    err = pst_net_json(g->cli, "GET", path, NULL, &thread);
    if (err == PST_OK)
        err = collect_thread(g, thread);
    return err;
}

/* ---- granting ------------------------------------------------------------------------ */

static enum pst_err post_grant(struct pst_cli *cli, const struct pst_grant *grant)
{
    char id[PST_UUID_TEXT_SIZE];
    char path[96];
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err err = pst_self_record(cli, PST_RECORD_GRANT, grant, &record);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body = json_pack("{s:o}", "record", pst_wire_text(&record));
    pst_uuid_format(&grant->message, id);
    snprintf(path, sizeof path, "/v1/messages/%s/grants", id);
    return pst_net_json(cli, "POST", path, body, NULL);
}

static enum pst_err wrap_and_post(struct granting *g, const struct due *due,
                                  const struct pst_secret *file_key)
{
    PST_BUF struct pst_buf stanza = {.max = STANZA_MAX_BYTES};
    struct pst_grant grant = {.message = due->message, .by = g->cli->self->person};
    enum pst_err err = pst_grant_wrap(file_key, &due->recipient, &stanza, &grant.key);
    if (err != PST_OK)
        return pst_cli_fail(g->cli, err, "The message could not be granted: %s.",
                            pst_err_text(err));
    grant.stanza = pst_buf_str(&stanza);
    err = post_grant(g->cli, &grant);
    if (err == PST_OK)
        g->granted++;
    return err;
}

/* What one cannot open, or is not genuine, is left for others and counted. */
static enum pst_err grant_one(struct granting *g, const struct due *due)
{
    PST_SECRET struct pst_secret *file_key = NULL;
    struct pst_incoming *m = calloc(1, sizeof *m);
    enum pst_err err =
        m != NULL ? pst_message_unseal(g->cli, &due->message, m, &file_key) : PST_ERR_NOMEM;
    if (err == PST_OK && m->flaw == PST_MESSAGE_GENUINE)
        err = wrap_and_post(g, due, file_key);
    else if (err == PST_OK)
        g->flawed++;
    if (err == PST_ERR_NO_KEY) {
        g->closed++;
        err = PST_OK;
    }
    if (m != NULL)
        pst_incoming_free(m);
    free(m);
    return err;
}

static void draw(struct granting *g, size_t done)
{
    struct pst_cli *cli = g->cli;
    char text[PST_PROGRESS_TEXT_SIZE];
    const struct pst_progress progress = {.doing = "Granting",
                                          .done = (int64_t)done,
                                          .all = (int64_t)g->due_count,
                                          .elapsed_ms = pst_clock_now(NULL) - g->begun_ms};
    if (!isatty(fileno(cli->err)) || !pst_progress_shows(&progress))
        return;
    pst_progress_format(&progress, text);
    fprintf(cli->err, PST_PROGRESS_CLEAR "%s", text);
    if (done == g->due_count)
        fputs(PST_PROGRESS_CLEAR, cli->err);
    fflush(cli->err);
}

static enum pst_err grant_all(struct granting *g)
{
    g->begun_ms = pst_clock_now(NULL);
    for (size_t i = 0; i < g->due_count; i++) {
        enum pst_err err = grant_one(g, &g->due[i]);
        if (err != PST_OK) {
            pst_cli_note(g->cli, "%zu of %zu messages were granted. Begin again to go on.",
                         g->granted, g->due_count);
            return err;
        }
        draw(g, i + 1);
    }
    return PST_OK;
}

static void report(const struct granting *g)
{
    struct pst_cli *cli = g->cli;
    PST_JSON json_t *json =
        json_pack("{s:o, s:I, s:I, s:I, s:I}", "to", pst_wire_uuid(&g->to), "conversations",
                  (json_int_t)g->threads, "granted", (json_int_t)g->granted, "unopened",
                  (json_int_t)g->closed, "not_genuine", (json_int_t)g->flawed);
    pst_wire_result(cli, json);
    if (g->due_count == 0)
        pst_cli_print(cli, "There is nothing to grant: their key opens all that you share.");
    else
        pst_cli_print(cli, "%zu of %zu messages are granted.", g->granted, g->due_count);
    if (g->closed > 0)
        pst_cli_note(cli, "%zu do not open with your keys; another member may grant them.",
                     g->closed);
    if (g->flawed > 0)
        pst_cli_note(cli, "%zu are not genuine and were left out. Read them to see why.",
                     g->flawed);
}

enum pst_err pst_cmd_keys_grant(struct pst_cli *cli)
{
    struct granting g = {.cli = cli};
    cli->bulk = true;
    enum pst_err err = pst_wire_read_id(cli, pst_cli_get(cli, "to"), "a person's id", &g.to);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = collect(&g);
    if (err == PST_OK && g.threads == 0)
        err = PST_ERR_NOT_FOUND;
    if (err == PST_ERR_NOT_FOUND && !cli->said)
        err = pst_cli_fail(cli, err,
                           "You share no conversation with this person, or they have not enrolled "
                           "yet. Nothing was granted.");
    if (err == PST_OK)
        err = grant_all(&g);
    if (err == PST_OK)
        report(&g);
    free(g.due);
    return err;
}
