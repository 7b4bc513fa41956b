/* threads, thread, retract, redirect, draft. */
#include <sodium.h>
#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/compose.h"
#include "client/cli/fields.h"
#include "client/cli/follow.h"
#include "client/cli/message.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/cleanup.h"

static void print_thread(struct pst_cli *cli, const json_t *thread)
{
    const json_t *last = json_object_get(thread, "last");
    size_t i;
    json_t *member;
    fprintf(cli->out, "%s  %-6s  %3" JSON_INTEGER_FORMAT " new  ", pst_wire_get(thread, "id"),
            pst_wire_get(thread, "state"), json_integer_value(json_object_get(thread, "unread")));
    json_array_foreach(json_object_get(thread, "members"), i, member)
    {
        fputs(i > 0 ? ", " : "", cli->out);
        pst_cli_write_safe(cli->out, pst_wire_get(member, "name"), false);
    }
    if (last != NULL)
        fprintf(cli->out, "  (last %.16s, %s)", pst_wire_get(last, "accepted"),
                pst_wire_get(last, "state"));
    fputc('\n', cli->out);
}

enum pst_err pst_cmd_threads(struct pst_cli *cli)
{
    char path[128];
    const char *state = pst_cli_get(cli, "state");
    const char *patient = pst_cli_get(cli, "patient");
    struct pst_uuid id;
    PST_JSON json_t *list = NULL;
    if (pst_cli_has(cli, "follow")) {
        if (state == NULL && patient == NULL)
            return pst_follow(cli);
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "--follow shows what changes in all conversations: give it alone.");
    }
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK && patient != NULL)
        err = pst_wire_read_id(cli, patient, "a patient's id", &id);
    snprintf(path, sizeof path, "/v1/threads?%s%.8s%s%s%.36s", state != NULL ? "state=" : "",
             state != NULL ? state : "", state != NULL && patient != NULL ? "&" : "",
             patient != NULL ? "patient=" : "", patient != NULL ? patient : "");
    if (state == NULL && patient == NULL)
        snprintf(path, sizeof path, "/v1/threads");
    if (err == PST_OK)
        err = pst_net_list(cli, path, 0, &list);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, list);
    size_t i;
    json_t *item;
    if (!cli->json)
        json_array_foreach(json_object_get(list, "items"), i, item) print_thread(cli, item);
    if (!cli->json && json_array_size(json_object_get(list, "items")) == 0)
        pst_cli_note(cli, "There is no conversation yet.");
    return PST_OK;
}

static const char *name_in(const json_t *thread, const char *id)
{
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(thread, "members"), i, member)
    {
        if (strcmp(pst_wire_get(member, "id"), id) == 0)
            return pst_wire_get(member, "name");
    }
    return id;
}

static void print_message(struct pst_cli *cli, const json_t *thread, const json_t *message)
{
    fprintf(cli->out, "%s  %.16s  %-9s  %-11s  ", pst_wire_get(message, "id"),
            pst_wire_get(message, "accepted"), pst_wire_get(message, "state"),
            pst_wire_get(message, "category"));
    pst_cli_write_safe(cli->out, name_in(thread, pst_wire_get(message, "from")), false);
    json_int_t files = json_integer_value(json_object_get(message, "attachments"));
    if (files > 0)
        fprintf(cli->out, "  %" JSON_INTEGER_FORMAT " attachment%s", files, files > 1 ? "s" : "");
    fputs(json_is_true(json_object_get(message, "retracted")) ? "  (retracted)\n" : "\n", cli->out);
}

static enum pst_err patch_thread(struct pst_cli *cli)
{
    PST_JSON json_t *body = json_object();
    PST_JSON json_t *answer = NULL;
    const char *assigned = pst_cli_get(cli, "assign");
    if (pst_cli_has(cli, "close") || pst_cli_has(cli, "reopen"))
        pst_wire_set_text(body, "state", pst_cli_has(cli, "close") ? "closed" : "open");
    pst_wire_set_text(body, "assigned", assigned);
    if (json_object_size(body) == 0)
        return PST_OK;
    char path[96];
    snprintf(path, sizeof path, "/v1/threads/%s", cli->operands[0]);
    return pst_net_json(cli, "PATCH", path, body, &answer);
}

enum pst_err pst_cmd_thread(struct pst_cli *cli)
{
    struct pst_uuid id;
    char path[128];
    PST_JSON json_t *thread = NULL;
    PST_JSON json_t *list = NULL;
    enum pst_err err = pst_fields_id(cli, "a conversation's id", &id);
    if (err == PST_OK)
        err = pst_self_open(cli);
    if (err == PST_OK)
        err = patch_thread(cli);
    snprintf(path, sizeof path, "/v1/threads/%s", cli->operands[0]);
    if (err == PST_OK)
        err = pst_net_json(cli, "GET", path, NULL, &thread);
    snprintf(path, sizeof path, "/v1/threads/%s/messages", cli->operands[0]);
    if (err == PST_OK)
        err = pst_net_list(cli, path, 0, &list);
    if (err != PST_OK)
        return err;
    if (cli->json) {
        (void)json_object_update(thread, list);
        pst_cli_print_json(cli, thread);
        return PST_OK;
    }
    print_thread(cli, thread);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item) print_message(cli, thread, item);
    return PST_OK;
}

enum pst_err pst_cmd_retract(struct pst_cli *cli)
{
    struct pst_acknowledgement body;
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err err = pst_fields_id(cli, "a message's id", &body.message);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err != PST_OK)
        return err;
    body.by = cli->self->person;
    err = pst_self_record(cli, PST_RECORD_RETRACTION, &body, &record);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *request = json_pack("{s:o}", "record", pst_wire_text(&record));
    err =
        pst_fields_send(cli, "POST", "/v1/messages/%s/retraction", cli->operands[0], request, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "It is marked as retracted. Who has read it has read it; both stay on "
                           "record.");
    return err;
}

/* ---- redirect ---- */

static enum pst_err post_redirect(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {
        {"channel", "channel", PST_FIELD_TEXT},   {"patient", "patient", PST_FIELD_TEXT},
        {"address", "address", PST_FIELD_TEXT},   {"thread", "thread", PST_FIELD_TEXT},
        {"language", "language", PST_FIELD_TEXT}, {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *answer = NULL;
    struct pst_uuid id;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err != PST_OK)
        return err;
    pst_self_new_id(cli, &id);
    (void)json_object_set_new(body, "id", pst_wire_uuid(&id));
    err = pst_fields_send(cli, "POST", "/v1/redirects", "", body, &answer);
    if (err != PST_OK || cli->json)
        return err;
    fputs("Recorded. Answer with these words, and nothing about the matter itself:\n\n", cli->out);
    pst_cli_write_safe(cli->out, pst_wire_get(answer, "words"), true);
    fputc('\n', cli->out);
    return PST_OK;
}

/* The original, unchanged, into the thread. */
static enum pst_err forward(struct pst_cli *cli, const char *path)
{
    struct pst_outgoing out = {.via = PST_VIA_REDIRECT, .subject = ""};
    PST_JSON json_t *accepted = NULL;
    enum pst_err err = pst_compose_thread(cli, &out.thread);
    if (err == PST_OK)
        err = pst_read_file(cli, path, PST_MIME_MAX_BYTES, &out.contents[0]);
    if (err == PST_OK) {
        out.files[0] =
            (struct pst_mime_file){"original.eml", pst_buf_bytes(&out.contents[0]), true};
        out.files_count = 1;
        out.images = pst_mime_is_image(&out.files[0]);
        pst_buf_init(&out.text, 256);
        err = pst_buf_append_str(&out.text, "This came by a private channel and goes on here.\n");
    }
    if (err == PST_OK)
        err = pst_message_admission(cli, &out.thread, out.images);
    if (err == PST_OK)
        err = pst_message_send(cli, &out, &accepted);
    if (err == PST_OK)
        pst_cli_print(cli, "The original is in the conversation: %s", pst_wire_get(accepted, "id"));
    pst_outgoing_free(&out);
    return err;
}

enum pst_err pst_cmd_redirect(struct pst_cli *cli)
{
    const char *file = pst_cli_get(cli, "file");
    enum pst_err err = post_redirect(cli);
    return err == PST_OK && file != NULL ? forward(cli, file) : err;
}

/* ---- drafts ---- */

static enum pst_err draft_request(struct pst_cli *cli, const char *method, struct pst_bytes bytes,
                                  struct pst_net_answer *answer)
{
    struct pst_uuid thread;
    char path[128];
    enum pst_err err =
        pst_wire_read_id(cli, pst_cli_get(cli, "thread"), "a conversation's id", &thread);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err != PST_OK)
        return err;
    snprintf(path, sizeof path, "/v1/threads/%s/draft", pst_cli_get(cli, "thread"));
    struct pst_net_request request = {.method = method,
                                      .path = path,
                                      .bytes = bytes,
                                      .content_type =
                                          bytes.len > 0 ? "application/octet-stream" : NULL,
                                      .max_bytes = (size_t)PST_ENVELOPE_MAX_BYTES};
    return pst_net_send(cli, &request, answer);
}

static enum pst_err seal_draft(struct pst_cli *cli, const struct pst_outgoing *out,
                               struct pst_buf *file)
{
    PST_BUF struct pst_buf plain = {.max = PST_MIME_MAX_BYTES};
    struct pst_mime_draft draft = {.subject = out->subject,
                                   .text = pst_buf_str(&out->text),
                                   .files = out->files,
                                   .files_count = out->files_count};
    struct pst_age_recipient self;
    struct pst_age_sealing sealing = {.recipients = &self, .recipient_count = 1};
    enum pst_err err = pst_age_identity_recipient(cli->self->ring->identities[0], &self);
    if (err == PST_OK)
        err = pst_mime_compose_note(&draft, &plain);
    if (err == PST_OK)
        err = pst_age_seal_buf(&sealing, pst_buf_bytes(&plain), file, NULL);
    if (plain.len > 0)
        sodium_memzero(plain.bytes, plain.len);
    return err;
}

enum pst_err pst_cmd_draft_save(struct pst_cli *cli)
{
    struct pst_outgoing out = {0};
    PST_BUF struct pst_buf file = {.max = (size_t)PST_ENVELOPE_MAX_BYTES};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_compose_read(cli, &out);
    if (err == PST_OK)
        err = seal_draft(cli, &out, &file);
    if (err == PST_OK)
        err = draft_request(cli, "PUT", pst_buf_bytes(&file), &answer);
    pst_outgoing_free(&out);
    if (err == PST_OK)
        pst_cli_print(cli, "The draft is kept, sealed to you alone.");
    return err;
}

enum pst_err pst_cmd_draft_show(struct pst_cli *cli)
{
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    PST_BUF struct pst_buf plain = {.max = (size_t)PST_ENVELOPE_MAX_BYTES};
    struct pst_mime_message mime = {0};
    enum pst_err err = draft_request(cli, "GET", pst_bytes(NULL, 0), &answer);
    if (err != PST_OK)
        return err;
    struct pst_age_keys keys = {.identities = cli->self->ring->identities,
                                .identity_count = cli->self->ring->identities_count};
    err = pst_age_open_buf(&keys, pst_buf_bytes(&answer.body), &plain, NULL);
    if (err == PST_OK)
        err = pst_mime_parse(pst_buf_bytes(&plain), &mime);
    if (err != PST_OK)
        return pst_cli_fail(cli, err, "The draft does not open: %s.", pst_err_text(err));
    if (cli->json) {
        PST_JSON json_t *json = json_pack("{s:s, s:s}", "subject", mime.subject, "text", mime.text);
        pst_cli_print_json(cli, json);
    } else {
        fputs("Subject: ", cli->out);
        pst_cli_write_safe(cli->out, mime.subject, false);
        fputs("\n\n", cli->out);
        pst_cli_write_safe(cli->out, mime.text, true);
    }
    pst_mime_message_free(&mime);
    sodium_memzero(plain.bytes, plain.len);
    return PST_OK;
}

enum pst_err pst_cmd_draft_drop(struct pst_cli *cli)
{
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = draft_request(cli, "DELETE", pst_bytes(NULL, 0), &answer);
    if (err == PST_OK)
        pst_cli_print(cli, "The draft is gone.");
    return err;
}
