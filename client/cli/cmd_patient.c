/* patient add, list, show, change, invite, visit, represent, restrict, break-glass, merge, end. */
#include <string.h>

#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/invite.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"

static const char *const patient_columns[] = {"id", "name", "birth", "state", "consent", NULL};

enum pst_err pst_cmd_patient_add(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {
        {"name", "name", PST_FIELD_TEXT},         {"birth", "birth", PST_FIELD_TEXT},
        {"language", "language", PST_FIELD_TEXT}, {"email", "email", PST_FIELD_TEXT},
        {"phone", "phone", PST_FIELD_TEXT},       {NULL, NULL, 0}};
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *added = NULL;
    enum pst_err err = pst_fields_body(cli, fields, &body);
    if (err != PST_OK)
        return err;
    if (json_object_get(body, "language") == NULL)
        (void)json_object_set_new(body, "language", json_string("en"));
    (void)json_object_set_new(
        body, "identity",
        json_pack("{s:s, s:b}", "document", pst_cli_get(cli, "document"), "checked", 1));
    err = pst_fields_send(cli, "POST", "/v1/patients", "", body, &added);
    if (err == PST_OK)
        pst_cli_print(cli, "Added: %s", pst_wire_get(added, "id"));
    return err;
}

enum pst_err pst_cmd_patient_list(struct pst_cli *cli)
{
    const char *name = pst_cli_get(cli, "name");
    const char *email = pst_cli_get(cli, "email");
    PST_FREE char *wanted = pst_wire_query(name != NULL ? name : "");
    PST_FREE char *address = pst_wire_query(email != NULL ? email : "");
    PST_FREE char *path = NULL;
    if (wanted == NULL || address == NULL ||
        asprintf(&path, "/v1/patients%s%s%s%s", name != NULL ? "?name=" : "", wanted,
                 email == NULL  ? ""
                 : name != NULL ? "&email="
                                : "?email=",
                 address) < 0)
        return PST_ERR_NOMEM;
    return pst_fields_list(cli, path, patient_columns, "No patient is found.");
}

static void print_visits(struct pst_cli *cli, const json_t *visits)
{
    static const char *const columns[] = {"date", "kind", "clinician", NULL};
    size_t i;
    json_t *visit;
    json_array_foreach(visits, i, visit)
    {
        fputs("  visit  ", cli->out);
        pst_fields_print(cli, visit, columns);
    }
}

enum pst_err pst_cmd_patient_show(struct pst_cli *cli)
{
    static const char *const addresses[] = {"email", "phone", NULL};
    struct pst_uuid id;
    PST_JSON json_t *patient = NULL;
    enum pst_err err = pst_fields_id(cli, "a patient's id", &id);
    if (err == PST_OK)
        err = pst_fields_send(cli, "GET", "/v1/patients/%s", cli->operands[0], NULL, &patient);
    if (err != PST_OK || cli->json)
        return err;
    pst_fields_print(cli, patient, patient_columns);
    fputs("  reach  ", cli->out);
    pst_fields_print(cli, json_object_get(patient, "addresses"), addresses);
    print_visits(cli, json_object_get(patient, "visits"));
    return PST_OK;
}

static enum pst_err fetch(struct pst_cli *cli, const char *id, struct pst_net_answer *answer)
{
    char path[96];
    snprintf(path, sizeof path, "/v1/patients/%s", id);
    struct pst_net_request request = {.path = path};
    return pst_net_send(cli, &request, answer);
}

enum pst_err pst_cmd_patient_change(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"name", "name", PST_FIELD_TEXT},
                                              {"language", "language", PST_FIELD_TEXT},
                                              {"email", "email", PST_FIELD_TEXT},
                                              {"phone", "phone", PST_FIELD_TEXT},
                                              {NULL, NULL, 0}};
    struct pst_uuid id;
    PST_JSON json_t *body = NULL;
    PST_NET_ANSWER struct pst_net_answer before = {0};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = pst_fields_id(cli, "a patient's id", &id);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err = pst_self_open(cli);
    if (err == PST_OK)
        err = fetch(cli, cli->operands[0], &before);
    if (err != PST_OK)
        return err;
    char path[96];
    snprintf(path, sizeof path, "/v1/patients/%s", cli->operands[0]);
    struct pst_net_request request = {
        .method = "PATCH", .path = path, .json = body, .if_match = before.etag};
    err = pst_net_send(cli, &request, &answer);
    if (err == PST_OK) {
        pst_wire_result(cli, answer.json);
        pst_cli_print(cli, "Changed.");
    }
    return err;
}

enum pst_err pst_cmd_patient_invite(struct pst_cli *cli)
{
    struct pst_uuid id;
    PST_NET_ANSWER struct pst_net_answer patient = {0};
    PST_JSON json_t *invited = NULL;
    enum pst_err err = pst_fields_id(cli, "a patient's id", &id);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = fetch(cli, cli->operands[0], &patient);
    if (err == PST_OK)
        err = pst_invite(cli, &id, pst_wire_get(patient.json, "name"), PST_ROLE_PATIENT, &invited);
    if (err == PST_OK)
        pst_wire_result(cli, invited);
    return err;
}

/* One POST about the patient in the operand, with its sentence. */
static enum pst_err about(struct pst_cli *cli, const char *format, const struct pst_field *fields,
                          const char *sentence)
{
    struct pst_uuid id;
    PST_JSON json_t *body = NULL;
    enum pst_err err = pst_fields_id(cli, "a patient's id", &id);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err = pst_fields_send(cli, "POST", format, cli->operands[0], body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "%s", sentence);
    return err;
}

enum pst_err pst_cmd_patient_visit(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"clinician", "clinician", PST_FIELD_TEXT},
                                              {"date", "date", PST_FIELD_TEXT},
                                              {"kind", "kind", PST_FIELD_TEXT},
                                              {"code", "code", PST_FIELD_TEXT},
                                              {NULL, NULL, 0}};
    return about(cli, "/v1/patients/%s/visits", fields, "The visit is recorded.");
}

enum pst_err pst_cmd_patient_restrict(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"kind", "kind", PST_FIELD_TEXT},
                                              {"team", "team", PST_FIELD_TEXT},
                                              {"note", "note", PST_FIELD_TEXT},
                                              {NULL, NULL, 0}};
    static const struct pst_field ending[] = {{"end", "id", PST_FIELD_TEXT}, {NULL, NULL, 0}};
    if (!pst_cli_has(cli, "end") && !pst_cli_has(cli, "kind"))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Say what is asked for: --kind no-messages, no-email-notice, "
                            "no-sms-notice or not-team; or --end ID.");
    if (!pst_cli_has(cli, "end"))
        return about(cli, "/v1/patients/%s/restrictions", fields, "The request is recorded.");
    PST_JSON json_t *body = NULL;
    enum pst_err err = pst_fields_body(cli, ending, &body);
    if (err != PST_OK)
        return err;
    (void)json_object_set_new(body, "end", json_true());
    err =
        pst_fields_send(cli, "POST", "/v1/patients/%s/restrictions", cli->operands[0], body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, "The request is ended.");
    return err;
}

enum pst_err pst_cmd_patient_break_glass(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"reason", "reason", PST_FIELD_TEXT},
                                              {"minutes", "minutes", PST_FIELD_INT},
                                              {NULL, NULL, 0}};
    return about(cli, "/v1/patients/%s/break-glass", fields,
                 "You may write for that time. It is recorded and will be reviewed.");
}

enum pst_err pst_cmd_patient_merge(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"into", "into", PST_FIELD_TEXT}, {NULL, NULL, 0}};
    return about(cli, "/v1/patients/%s/merge", fields, "The two records are one now.");
}

enum pst_err pst_cmd_patient_end(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"reason", "reason", PST_FIELD_TEXT},
                                              {NULL, NULL, 0}};
    return about(cli, "/v1/patients/%s/end", fields, "The record is ended.");
}

/* A new representative is invited at once; one who has an account only stands for one more. */
static enum pst_err invite_representative(struct pst_cli *cli, const json_t *added)
{
    struct pst_uuid person;
    PST_JSON json_t *invited = NULL;
    if (pst_wire_get_uuid(added, "person", &person) != PST_OK)
        return pst_wire_unexpected(cli, "person");
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_invite(cli, &person, pst_cli_get(cli, "name"), PST_ROLE_REPRESENTATIVE, &invited);
    if (err == PST_OK)
        pst_wire_result(cli, invited);
    return err;
}

enum pst_err pst_cmd_patient_represent(struct pst_cli *cli)
{
    static const struct pst_field fields[] = {{"name", "name", PST_FIELD_TEXT},
                                              {"person", "person", PST_FIELD_TEXT},
                                              {"authority", "authority", PST_FIELD_TEXT},
                                              {"until", "until", PST_FIELD_TEXT},
                                              {"end", "end", PST_FIELD_FLAG},
                                              {NULL, NULL, 0}};
    struct pst_uuid id;
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *added = NULL;
    char path[96];
    bool by_name = pst_cli_has(cli, "name");
    if (by_name == pst_cli_has(cli, "person"))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "Give --name for somebody new, or --person for somebody known here.");
    enum pst_err err = pst_fields_id(cli, "a patient's id", &id);
    if (err == PST_OK)
        err = pst_fields_body(cli, fields, &body);
    if (err == PST_OK)
        err = pst_self_open(cli);
    if (err != PST_OK)
        return err;
    snprintf(path, sizeof path, "/v1/patients/%s/representatives", cli->operands[0]);
    err = pst_net_json(cli, "POST", path, body, &added);
    if (err != PST_OK || by_name)
        return err == PST_OK ? invite_representative(cli, added) : err;
    pst_wire_result(cli, added);
    pst_cli_print(cli, pst_cli_has(cli, "end") ? "They stand for this patient no longer."
                                               : "They stand for this patient now.");
    return PST_OK;
}
