#include "client/cli/invite.h"

#include <string.h>

#include "client/cli/qr.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"

static enum pst_err post(struct pst_cli *cli, const struct pst_uuid *person, const char *name,
                         uint32_t roles, const struct pst_enrol_link *link)
{
    struct pst_signer *signer = NULL;
    enum pst_err err = pst_enrol_signer(link->code, &signer);
    if (err != PST_OK)
        return err;
    struct pst_invitation body = {.name = name,
                                  .person = *person,
                                  .roles = roles,
                                  .key = signer->public_key,
                                  .until_ms = pst_net_now_ms(cli) + PST_INVITATION_MAX_MS};
    pst_signer_free(&signer);
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    err = pst_self_record(cli, PST_RECORD_INVITATION, &body, &record);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *request = json_pack("{s:o, s:o}", "id", pst_wire_uuid(&link->invitation),
                                         "invitation", pst_wire_text(&record));
    char id[PST_UUID_TEXT_SIZE];
    char path[96];
    pst_uuid_format(person, id);
    snprintf(path, sizeof path, "/v1/people/%s/invitations", id);
    return request != NULL ? pst_net_json(cli, "POST", path, request, NULL) : PST_ERR_NOMEM;
}

/* HOST of the link: the practice's origin, with the server's port where it is not 443. */
static void set_host(const struct pst_cli *cli, struct pst_enrol_link *link)
{
    const char *port = strrchr(cli->state->server, ':');
    bool has_port = port != NULL && port[1] >= '0' && port[1] <= '9' && strcmp(port, ":443") != 0;
    snprintf(link->host, sizeof link->host, "%s%s", cli->self->origin, has_port ? port : "");
}

static enum pst_err show(struct pst_cli *cli, const char *name, const struct pst_secret *text,
                         json_t *answer)
{
    const char *link = (const char *)pst_secret_bytes(text);
    const char *file = pst_cli_get(cli, "link-file");
    if (file != NULL) {
        PST_FREE char *line = NULL;
        if (asprintf(&line, "%s\n", link) < 0) {
            line = NULL;
            return PST_ERR_NOMEM;
        }
        enum pst_err err = pst_state_write_file(cli, file, line, strlen(line), 0600);
        explicit_bzero(line, strlen(line));
        if (err == PST_OK)
            pst_cli_print(cli, "The invitation of %s stands in %s. It is good for 72 hours.", name,
                          file);
        return err;
    }
    if (cli->json)
        return json_object_set_new(answer, "link", json_string(link)) == 0 ? PST_OK : PST_ERR_NOMEM;
    fprintf(cli->out, "Hand this to %s in person. It is good once, for 72 hours:\n\n%s\n\n", name,
            link);
    if (!pst_cli_has(cli, "no-qr") && isatty(fileno(cli->out)))
        return pst_qr_print(cli->out, link);
    return PST_OK;
}

enum pst_err pst_invite(struct pst_cli *cli, const struct pst_uuid *person, const char *name,
                        uint32_t roles, json_t **ret_json)
{
    struct pst_enrol_link link = {.root = cli->self->root_id, .has_root = true};
    PST_SECRET struct pst_secret *text = NULL;
    set_host(cli, &link);
    pst_self_new_id(cli, &link.invitation);
    enum pst_err err = pst_code_new(NULL, &link.code);
    if (err == PST_OK)
        err = post(cli, person, name, roles, &link);
    if (err == PST_OK)
        err = pst_enrol_link_format(&link, &text);
    PST_JSON json_t *answer = json_pack("{s:o, s:o}", "person", pst_wire_uuid(person), "invitation",
                                        pst_wire_uuid(&link.invitation));
    pst_enrol_link_free(&link);
    if (err == PST_OK)
        err = answer != NULL ? show(cli, name, text, answer) : PST_ERR_NOMEM;
    if (err != PST_OK)
        return err;
    *ret_json = json_incref(answer);
    return PST_OK;
}
