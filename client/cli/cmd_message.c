/* send, reply, read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "client/cli/commands.h"
#include "client/cli/compose.h"
#include "client/cli/fields.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/time.h"

/* Names that are tried for a file whose name is taken: "name-2.pdf". */
#define NAMES_TRIED 100

/* Ask first, then compose, then send: nobody types what cannot be sent. */
static enum pst_err finish(struct pst_cli *cli, struct pst_outgoing *out)
{
    PST_JSON json_t *accepted = NULL;
    enum pst_err err = pst_compose_files(cli, out);
    if (err == PST_OK)
        err = pst_message_admission(cli, &out->thread, out->images);
    if (err == PST_OK)
        err = pst_compose_text(cli, out);
    if (err == PST_OK)
        err = pst_message_send(cli, out, &accepted);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, accepted);
    pst_cli_print(cli, "Sent: %s, number %" JSON_INTEGER_FORMAT " of conversation %s.",
                  pst_wire_get(accepted, "id"),
                  json_integer_value(json_object_get(accepted, "seq")),
                  pst_wire_get(accepted, "thread"));
    return PST_OK;
}

enum pst_err pst_cmd_send(struct pst_cli *cli)
{
    struct pst_outgoing out = {0};
    enum pst_err err = pst_compose_thread(cli, &out.thread);
    if (err == PST_OK)
        err = finish(cli, &out);
    pst_outgoing_free(&out);
    return err;
}

/* "Re: …" and the conversation, from the message itself: nobody else knows its subject. */
static enum pst_err answer_to(struct pst_cli *cli, struct pst_outgoing *out, char **ret_subject)
{
    struct pst_incoming *m = calloc(1, sizeof *m);
    enum pst_err err = m != NULL ? pst_message_fetch(cli, &out->replyto, m) : PST_ERR_NOMEM;
    if (err == PST_OK && m->flaw != PST_MESSAGE_GENUINE)
        err = pst_cli_fail_exit(cli, EX_DATAERR, PST_ERR_CRYPTO,
                                "The message you answer is not genuine: %s Nothing was sent.",
                                m->why);
    if (err == PST_OK) {
        const char *subject = m->mime.subject;
        bool again = strncasecmp(subject, "re: ", 4) == 0;
        out->thread = m->head.header.thread;
        if (asprintf(ret_subject, "%s%s", again || subject[0] == '\0' ? "" : "Re: ", subject) < 0)
            err = PST_ERR_NOMEM;
    }
    if (m != NULL)
        pst_incoming_free(m);
    free(m);
    return err;
}

enum pst_err pst_cmd_reply(struct pst_cli *cli)
{
    struct pst_outgoing out = {.has_replyto = true};
    PST_FREE char *subject = NULL;
    enum pst_err err = pst_fields_id(cli, "a message's id", &out.replyto);
    if (err == PST_OK)
        err = answer_to(cli, &out, &subject);
    if (err == PST_OK) {
        out.subject = subject;
        err = finish(cli, &out);
    }
    pst_outgoing_free(&out);
    return err;
}

/* ---- reading ---- */

static enum pst_err write_new(int folder, const char *name, const struct pst_mime_part *part)
{
    PST_FD int fd =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? PST_ERR_EXISTS : PST_ERR_IO;
    const uint8_t *at = part->bytes;
    for (size_t left = part->len; left > 0;) {
        ssize_t n = write(fd, at, left);
        if (n < 0)
            return PST_ERR_IO;
        at += n;
        left -= (size_t)n;
    }
    return PST_OK;
}

/* Under its own name, or the next free one; never over a file that is there. */
static enum pst_err save_part(struct pst_cli *cli, int folder, const char *path,
                              const struct pst_mime_part *part, size_t number)
{
    char plain[512];
    if (part->name[0] != '\0')
        snprintf(plain, sizeof plain, "%s", part->name);
    else
        snprintf(plain, sizeof plain, "attachment-%zu", number);
    const char *dot = strrchr(plain, '.');
    int stem = dot != NULL && dot != plain ? (int)(dot - plain) : (int)strlen(plain);
    enum pst_err err = write_new(folder, plain, part);
    char name[600];
    snprintf(name, sizeof name, "%s", plain);
    for (int i = 2; err == PST_ERR_EXISTS && i < NAMES_TRIED; i++) {
        snprintf(name, sizeof name, "%.*s-%d%s", stem, plain, i, plain + stem);
        err = write_new(folder, name, part);
    }
    if (err != PST_OK)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, err, "%s/%s cannot be written: %s.", path, name,
                                 strerror(errno));
    fputs("Saved: ", cli->err);
    pst_cli_write_safe(cli->err, name, false);
    fputc('\n', cli->err);
    return PST_OK;
}

static enum pst_err save_parts(struct pst_cli *cli, const struct pst_mime_message *mime)
{
    const char *path = pst_cli_get(cli, "save-attachments");
    if (path == NULL)
        return PST_OK;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO, "%s cannot be made: %s.", path,
                                 strerror(errno));
    PST_FD int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO, "%s cannot be opened: %s.", path,
                                 strerror(errno));
    for (size_t i = 0; i < mime->parts_count; i++) {
        enum pst_err err = save_part(cli, folder, path, &mime->parts[i], i + 1);
        if (err != PST_OK)
            return err;
    }
    return PST_OK;
}

static json_t *parts_json(const struct pst_mime_message *mime)
{
    json_t *list = json_array();
    for (size_t i = 0; i < mime->parts_count; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "name", mime->parts[i].name,
                                                    "type", mime->parts[i].type, "size",
                                                    (json_int_t)mime->parts[i].len));
    return list;
}

static void print_json(struct pst_cli *cli, const struct pst_incoming *m)
{
    const struct pst_envelope_header *h = &m->head.header;
    PST_BUF struct pst_buf line = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    PST_JSON json_t *json = NULL;
    if (pst_envelope_header_write(h, &line) == PST_OK)
        json = json_loadb(pst_buf_str(&line), line.len, 0, NULL);
    if (json == NULL)
        return;
    (void)json_object_set_new(json, "genuine", json_boolean(m->flaw == PST_MESSAGE_GENUINE));
    pst_wire_set_text(json, "problem", m->flaw != PST_MESSAGE_GENUINE ? m->why : NULL);
    pst_wire_set_text(json, "sender", m->sender);
    pst_wire_set_text(json, "subject", m->mime.subject);
    pst_wire_set_text(json, "date", m->mime.date);
    pst_wire_set_text(json, "text", m->mime.text);
    (void)json_object_set_new(json, "files", parts_json(&m->mime));
    if (m->granted_ms != 0)
        (void)json_object_set_new(
            json, "granted",
            json_pack("{s:s, s:o}", "by", m->granter, "at", pst_wire_time(m->granted_ms)));
    pst_cli_print_json(cli, json);
}

static void print_field(struct pst_cli *cli, const char *name, const char *value)
{
    fprintf(cli->out, "%-12s", name);
    pst_cli_write_safe(cli->out, value != NULL ? value : "", false);
    fputc('\n', cli->out);
}

static void print_granter(struct pst_cli *cli, const struct pst_incoming *m)
{
    char at[PST_TIME_TEXT_SIZE];
    char line[PST_NAME_MAX_BYTES + 64];
    if (m->granted_ms == 0)
        return;
    pst_time_format(m->granted_ms, at);
    snprintf(line, sizeof line, "by a grant of %s, %.10s", m->granter, at);
    print_field(cli, "Opened:", line);
}

static void print_text(struct pst_cli *cli, const struct pst_incoming *m)
{
    char sent[PST_TIME_TEXT_SIZE];
    const struct pst_mime_message *mime = &m->mime;
    pst_time_format(m->head.header.sent_ms, sent);
    print_field(cli, "From:", m->sender[0] != '\0' ? m->sender : mime->from);
    print_field(cli, "Sent:", sent);
    if (m->head.header.via != PST_VIA_NONE)
        print_field(cli, "Came by:", pst_via_name(m->head.header.via));
    print_granter(cli, m);
    print_field(cli, "Subject:", mime->subject);
    for (size_t i = 0; i < mime->parts_count; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s (%s, %zu bytes)", mime->parts[i].name, mime->parts[i].type,
                 mime->parts[i].len);
        print_field(cli, "Attached:", line);
    }
    fputc('\n', cli->out);
    pst_cli_write_safe(cli->out, mime->text != NULL ? mime->text : "", true);
    size_t len = mime->text != NULL ? strlen(mime->text) : 0;
    if (len == 0 || mime->text[len - 1] != '\n')
        fputc('\n', cli->out);
}

static void print_headers(struct pst_cli *cli, const struct pst_incoming *m)
{
    const struct pst_mime_message *mime = &m->mime;
    fwrite(m->envelope.bytes, 1, m->head.len, cli->out);
    fprintf(cli->out, "\n");
    print_field(cli, "From:", mime->from);
    print_field(cli, "To:", mime->to);
    print_field(cli, "Message-ID:", mime->message_id);
    print_field(cli, "Thread:", mime->thread);
    print_field(cli, "Date:", mime->date);
    print_field(cli, "Subject:", mime->subject);
}

static void show(struct pst_cli *cli, const struct pst_incoming *m)
{
    if (pst_cli_has(cli, "raw"))
        fwrite(m->plain.bytes, 1, m->plain.len, cli->out);
    else if (pst_cli_has(cli, "headers"))
        print_headers(cli, m);
    else if (cli->json)
        print_json(cli, m);
    else
        print_text(cli, m);
}

static enum pst_err warn(struct pst_cli *cli, const struct pst_incoming *m)
{
    if (cli->json)
        print_json(cli, m);
    return pst_cli_fail_exit(cli, EX_DATAERR, PST_ERR_CRYPTO,
                             "WARNING: this message is not genuine. %s\n"
                             "  It is not shown. Do not act on it; call the practice. The problem "
                             "was reported.",
                             m->why);
}

static bool is_to(const struct pst_incoming *m, const struct pst_uuid *id)
{
    for (size_t i = 0; i < m->head.header.to_count; i++)
        if (pst_uuid_equal(&m->head.header.to[i], id))
            return true;
    return false;
}

/* Written to oneself, and not by oneself or, as a clinician, by one's own team. */
static bool received(const struct pst_cli *cli, const struct pst_incoming *m)
{
    const struct pst_self *self = cli->self;
    size_t i;
    json_t *team;
    if (pst_uuid_equal(&m->head.header.from, &self->person))
        return false;
    if (!pst_self_is(cli, "clinician") || is_to(m, &self->person))
        return true;
    json_array_foreach(json_object_get(self->me, "teams"), i, team)
    {
        struct pst_uuid id;
        if (pst_wire_get_uuid(team, "id", &id) == PST_OK && is_to(m, &id))
            return true;
    }
    return false;
}

enum pst_err pst_cmd_read(struct pst_cli *cli)
{
    struct pst_uuid id;
    struct pst_incoming *m = calloc(1, sizeof *m);
    enum pst_err err = m != NULL ? pst_fields_id(cli, "a message's id", &id) : PST_ERR_NOMEM;
    if (err == PST_OK)
        err = pst_message_fetch(cli, &id, m);
    /* Whether the server can be told changes nothing about what the message is. */
    if (err == PST_OK && (m->flaw != PST_MESSAGE_GENUINE || received(cli, m))) {
        enum pst_err told = pst_message_acknowledge(cli, m);
        if (told != PST_OK && m->flaw == PST_MESSAGE_GENUINE)
            pst_cli_note(cli, "The server could not be told that you opened it.");
    }
    if (err == PST_OK && m->flaw != PST_MESSAGE_GENUINE) {
        if (pst_cli_has(cli, "raw"))
            show(cli, m);
        err = warn(cli, m);
    } else if (err == PST_OK) {
        show(cli, m);
        err = save_parts(cli, &m->mime);
    }
    if (m != NULL)
        pst_incoming_free(m);
    free(m);
    return err;
}
