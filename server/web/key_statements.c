/*
 * Key statements: the chain from one person to the root, and rotation.
 *
 * Patients' and representatives' statements go to themselves and to intake
 * alone; others get them with a thread's keys, through admission.
 */
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/store/sessions.h"
#include "server/web/answer.h"
#include "server/web/certify.h"
#include "server/web/chain_records.h"
#include "server/web/key_write.h"

/* Own; intake everybody's; staff each other's. */
static bool visible(const struct pst_request *request, const struct pst_person *person)
{
    if (pst_uuid_equal(&person->id, &request->caller.person) ||
        pst_request_is(request, PST_ROLE_INTAKE))
        return true;
    return pst_request_is(request, PST_ROLES_STAFF) &&
           (person->roles & (PST_ROLES_STAFF | PST_ROLE_EDGE)) != 0;
}

static enum pst_err statements_show(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_chain_records chain = {.tx = tx, .vault = request->vault};
    struct pst_person person;
    PST_JSON json_t *root = NULL;
    json_t *records = NULL;
    enum pst_err r = pst_person_get(tx, &request->ids[0], &person);
    if (r == PST_OK && !visible(request, &person))
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK)
        r = pst_chain_records_root(tx, &root);
    if (r == PST_OK)
        r = pst_chain_records_person(&chain, &person.id);
    if (r == PST_OK)
        r = pst_chain_records_read(&chain, &records);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 200,
                            json_pack("{s:o, s:O}", "statements", records, "root", root));
}

/* ---- rotation ------------------------------------------------------------- */

struct rotation_body {
    const char *statement;
};

static const struct pst_json_member rotation_members[] = {
    {"statement", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct rotation_body, statement),
     PST_RECORD_MAX_BYTES},
};

struct rotation {
    struct pst_record *record;
    struct pst_buf sealed;
};

static void rotation_wipe(void *state)
{
    struct rotation *rotation = state;
    pst_record_free(&rotation->record);
    pst_buf_free(&rotation->sealed);
}

static enum pst_err rotation_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct rotation_body body;
    const struct pst_uuid *me = &request->caller.person;
    enum pst_err r = pst_request_state_new(request, sizeof(struct rotation), rotation_wipe, &state);
    if (r == PST_OK && !pst_uuid_equal(&request->ids[0], me))
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK)
        r = pst_request_decode(request, rotation_members, 1, &body, NULL);
    if (r != PST_OK)
        return r;
    struct rotation *rotation = state;
    pst_buf_init(&rotation->sealed, PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES);
    r = pst_certify_parse(request, body.statement, PST_RECORD_STATEMENT, "statement",
                          &rotation->record);
    if (r != PST_OK)
        return r;
    const struct pst_statement *statement = pst_record_statement(rotation->record);
    if (!pst_uuid_equal(&statement->person, me) || statement->has_invitation)
        return pst_request_bad(request, "statement");
    const struct pst_certify_by by = {.people = me, .people_count = 1};
    r = pst_certify(request, &by, rotation->record, NULL);
    return r == PST_OK ? pst_key_record_seal(request->vault, rotation->record, &rotation->sealed)
                       : r;
}

/* It must still follow the newest one, and say the roles the person has. */
static enum pst_err rotation_check(struct pst_tx *tx, const struct pst_request *request,
                                   const struct pst_statement *statement)
{
    struct pst_key_row newest;
    enum pst_err r = pst_key_newest(tx, &statement->person, &newest, NULL);
    if (r != PST_OK)
        return r;
    bool follows = statement->serial == newest.serial + 1 && statement->has_previous &&
                   pst_sha256_equal(&statement->previous, &newest.hash) &&
                   statement->roles == request->caller.roles;
    return follows ? PST_OK : PST_ERR_CONFLICT;
}

static enum pst_err rotation_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct rotation *rotation = request->state;
    const struct pst_caller *caller = &request->caller;
    const struct pst_sha256 *hash = pst_record_hash(rotation->record);
    enum pst_err r = rotation_check(tx, request, pst_record_statement(rotation->record));
    if (r == PST_OK)
        r = pst_key_write(tx, request, rotation->record, pst_buf_bytes(&rotation->sealed), NULL,
                          caller->roles);
    /* Keys changed: whoever else is signed in as this person must do so again. */
    if (r == PST_OK)
        r = pst_session_end_all(tx, &caller->person, &caller->session);
    if (r != PST_OK)
        return r;
    return pst_request_json(
        request, 201,
        json_pack("{s:o}", "hash", pst_answer_binary(pst_bytes(hash->bytes, sizeof hash->bytes))));
}

/* Everybody, the edge's program included. */
#define ANYBODY (PST_WEB_ALL | PST_ROLE_EDGE)

const struct pst_route pst_routes_key_statements[] = {
    {.method = "GET",
     .path = "/v1/people/{id}/key-statements",
     .roles = ANYBODY,
     .kind = PST_WEB_READ,
     .run = statements_show},
    {.method = "POST",
     .path = "/v1/people/{id}/key-statements",
     .roles = ANYBODY,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = rotation_prepare,
     .run = rotation_run},
    {0},
};
