#include "client/cli/compose.h"

#include <string.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"

/* Words alone: whoever has more attaches a file. */
#define TEXT_MAX_BYTES ((size_t)1024 * 1024)
/* interfaces.md: 25 MiB of attachments. */
#define FILES_MAX_BYTES ((size_t)25 * 1024 * 1024)

/* ---- the thread ---- */

static enum pst_err the_patient(struct pst_cli *cli, char ret_patient[PST_UUID_TEXT_SIZE])
{
    const char *given = pst_cli_get(cli, "to");
    struct pst_uuid id = cli->self->person;
    if (given == NULL)
        given = pst_cli_get(cli, "patient");
    const json_t *stands_for = json_object_get(cli->self->me, "patients");
    if (given == NULL && json_array_size(stands_for) == 1)
        given = pst_wire_get(json_array_get(stands_for, 0), "id");
    if (given == NULL && !pst_self_is(cli, "patient"))
        return pst_cli_fail(cli, PST_ERR_USAGE, "To whom? Give --to PATIENT or --thread ID.");
    enum pst_err err = given != NULL ? pst_wire_read_id(cli, given, "a patient's id", &id) : PST_OK;
    pst_uuid_format(&id, ret_patient);
    return err;
}

/* Threads of this patient that would do, and the team they are with. */
static const json_t *pick(const json_t *list, const char *team, size_t *ret_count)
{
    const json_t *found = NULL;
    size_t i;
    json_t *item;
    *ret_count = 0;
    json_array_foreach(list, i, item)
    {
        bool fits = strcmp(pst_wire_get(item, "state"), "open") == 0 &&
                    (team == NULL || strcmp(pst_wire_get(item, "team"), team) == 0);
        if (fits && found == NULL)
            found = item;
        *ret_count += fits;
    }
    return found;
}

static enum pst_err the_team(struct pst_cli *cli, char ret_team[PST_UUID_TEXT_SIZE])
{
    const json_t *teams = json_object_get(cli->self->me, "teams");
    const char *given = pst_cli_get(cli, "team");
    struct pst_uuid id;
    PST_JSON json_t *list = NULL;
    if (given == NULL && json_array_size(teams) == 0) {
        enum pst_err err = pst_net_list(cli, "/v1/teams", 0, &list);
        if (err != PST_OK)
            return err;
        teams = json_object_get(list, "items");
    }
    if (given == NULL && json_array_size(teams) == 1)
        given = pst_wire_get(json_array_get(teams, 0), "id");
    if (given == NULL)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Which team? Give --team ID; \"postern team list\" shows them.");
    enum pst_err err = pst_wire_read_id(cli, given, "a team's id", &id);
    pst_uuid_format(&id, ret_team);
    return err;
}

static enum pst_err open_thread(struct pst_cli *cli, json_t *body, struct pst_uuid *ret_thread)
{
    PST_JSON json_t *answer = NULL;
    pst_self_new_id(cli, ret_thread);
    (void)json_object_set_new(body, "id", pst_wire_uuid(ret_thread));
    enum pst_err err = pst_net_json(cli, "POST", "/v1/threads", body, &answer);
    if (err == PST_OK && pst_wire_get_uuid(answer, "id", ret_thread) != PST_OK)
        err = pst_wire_unexpected(cli, "thread");
    return err;
}

/* Clinicians alone, to discuss: --colleague ID ... */
static enum pst_err open_room(struct pst_cli *cli, struct pst_uuid *ret_thread)
{
    PST_JSON json_t *body = json_pack("{s:[o]}", "room", pst_wire_uuid(&cli->self->person));
    const char *given = NULL;
    for (size_t i = 0; (given = pst_cli_nth(cli, "colleague", i)) != NULL; i++) {
        struct pst_uuid id;
        enum pst_err err = pst_wire_read_id(cli, given, "a person's id", &id);
        if (err != PST_OK)
            return err;
        (void)json_array_append_new(json_object_get(body, "room"), json_string(given));
    }
    return open_thread(cli, body, ret_thread);
}

static enum pst_err find_or_open(struct pst_cli *cli, struct pst_uuid *ret_thread)
{
    char patient[PST_UUID_TEXT_SIZE];
    char team[PST_UUID_TEXT_SIZE];
    char path[96];
    size_t count = 0;
    PST_JSON json_t *list = NULL;
    enum pst_err err = the_patient(cli, patient);
    snprintf(path, sizeof path, "/v1/threads?patient=%s", patient);
    if (err == PST_OK)
        err = pst_net_list(cli, path, 0, &list);
    if (err != PST_OK)
        return err;
    const json_t *found = pick(json_object_get(list, "items"), pst_cli_get(cli, "team"), &count);
    if (count == 1 || (count > 1 && pst_cli_has(cli, "team")))
        return pst_wire_get_uuid(found, "id", ret_thread) == PST_OK
                   ? PST_OK
                   : pst_wire_unexpected(cli, "thread");
    if (count > 1)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "There are several conversations. Give --team ID or --thread ID.");
    err = the_team(cli, team);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body = json_pack("{s:s, s:s}", "patient", patient, "team", team);
    return open_thread(cli, body, ret_thread);
}

enum pst_err pst_compose_thread(struct pst_cli *cli, struct pst_uuid *ret_thread)
{
    const char *given = pst_cli_get(cli, "thread");
    enum pst_err err = pst_self_ring(cli);
    if (err != PST_OK)
        return err;
    if (given != NULL)
        return pst_wire_read_id(cli, given, "a conversation's id", ret_thread);
    if (pst_cli_has(cli, "colleague"))
        return open_room(cli, ret_thread);
    return find_or_open(cli, ret_thread);
}

/* ---- what to say ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static enum pst_err attach(struct pst_cli *cli, struct pst_outgoing *out, const char *path,
                           size_t *left)
{
    if (out->files_count == PST_ENVELOPE_ATTACHMENTS_MAX)
        return pst_cli_fail_exit(cli, EX_NOPERM, PST_ERR_TOO_LONG,
                                 "There are too many files: %d at most. Nothing was sent.",
                                 PST_ENVELOPE_ATTACHMENTS_MAX);
    struct pst_buf *content = &out->contents[out->files_count];
    enum pst_err err = pst_read_file(cli, path, FILES_MAX_BYTES, content);
    if (err != PST_OK)
        return err;
    struct pst_mime_file *file = &out->files[out->files_count++];
    *file = (struct pst_mime_file){base_name(path), pst_buf_bytes(content), false};
    out->images += pst_mime_is_image(file);
    if (content->len > *left)
        return pst_cli_fail_exit(cli, EX_NOPERM, PST_ERR_TOO_LONG,
                                 "The files are too large: 25 MiB together at most. Nothing was "
                                 "sent.");
    *left -= content->len;
    return PST_OK;
}

enum pst_err pst_compose_files(struct pst_cli *cli, struct pst_outgoing *out)
{
    const char *category = pst_cli_get(cli, "category");
    const char *path = NULL;
    size_t left = FILES_MAX_BYTES;
    long images = 0;
    if (pst_cli_has(cli, "subject"))
        out->subject = pst_cli_get(cli, "subject");
    else if (out->subject == NULL)
        out->subject = "";
    if (category != NULL && !pst_category_parse(category, &out->category))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "--category must be general, appointment, refill, result, form or "
                            "administrative.");
    for (size_t i = 0; (path = pst_cli_nth(cli, "attach", i)) != NULL; i++) {
        enum pst_err err = attach(cli, out, path, &left);
        if (err != PST_OK)
            return err;
    }
    enum pst_err err =
        pst_cli_get_int(cli, "images", 0, (long)out->files_count, (long)out->images, &images);
    out->images = images;
    return err;
}

enum pst_err pst_compose_text(struct pst_cli *cli, struct pst_outgoing *out)
{
    const char *path = pst_cli_get(cli, "text-file");
    if (path == NULL && isatty(STDIN_FILENO))
        pst_cli_note(cli, "Not for emergencies. If it can't wait, call 911 (or your local "
                          "number).\nWrite your message; end it with Ctrl-D on an empty line.");
    enum pst_err err = pst_read_file(cli, path != NULL ? path : "-", TEXT_MAX_BYTES, &out->text);
    if (err == PST_OK && out->text.len == 0 && out->files_count == 0)
        return pst_cli_fail(cli, PST_ERR_USAGE, "There is nothing to send.");
    if (err == PST_OK && memchr(out->text.bytes, '\0', out->text.len) != NULL)
        return pst_cli_fail(cli, PST_ERR_SYNTAX, "This is no text: use --attach for files.");
    return err;
}

enum pst_err pst_compose_read(struct pst_cli *cli, struct pst_outgoing *out)
{
    enum pst_err err = pst_compose_files(cli, out);
    return err == PST_OK ? pst_compose_text(cli, out) : err;
}
