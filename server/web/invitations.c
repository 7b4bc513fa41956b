/*
 * Invitations: a certifier's device makes the code and signs who may enrol with
 * the key derived from it. The server keeps the record and never the code.
 */
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/invitations.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/vault/fields.h"
#include "server/web/answer.h"
#include "server/web/certify.h"

struct invite_body {
    struct pst_uuid id;
    const char *invitation;
};

#define INVITE(name) offsetof(struct invite_body, name)
static const struct pst_json_member invite_members[] = {
    {"id", PST_JSON_UUID7, PST_JSON_REQUIRED, INVITE(id), 0},
    {"invitation", PST_JSON_TEXT, PST_JSON_REQUIRED, INVITE(invitation), PST_RECORD_MAX_BYTES},
};

struct invite {
    struct pst_uuid id;
    struct pst_record *record;
    struct pst_sign_public root;
    struct pst_buf sealed;
};

static void invite_wipe(void *state)
{
    struct invite *invite = state;
    pst_record_free(&invite->record);
    pst_buf_free(&invite->sealed);
}

static enum pst_err record_take(struct pst_request *request, const char *text,
                                struct invite *invite)
{
    enum pst_err r =
        pst_certify_parse(request, text, PST_RECORD_INVITATION, "invitation", &invite->record);
    if (r != PST_OK)
        return r;
    const struct pst_invitation *invitation = pst_record_invitation(invite->record);
    if (!pst_uuid_equal(&invitation->person, &request->ids[0]) ||
        invitation->until_ms <= request->now_ms)
        return pst_request_bad(request, "invitation");
    const struct pst_certify_by by = {.people = &request->caller.person, .people_count = 1};
    r = pst_certify(request, &by, invite->record, &invite->root);
    if (r == PST_OK)
        r = pst_vault_field_seal(request->vault,
                                 pst_field_of(PST_FIELD_INVITATION_RECORD, &invite->id),
                                 pst_record_text(invite->record), &invite->sealed);
    return r;
}

static enum pst_err invite_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct invite_body body;
    enum pst_err r = pst_request_state_new(request, sizeof(struct invite), invite_wipe, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, invite_members, 2, &body, NULL);
    if (r != PST_OK)
        return r;
    struct invite *invite = state;
    invite->id = body.id;
    pst_buf_init(&invite->sealed, PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES);
    return record_take(request, body.invitation, invite);
}

/* The caller signed it by the key that is theirs now, or holds the root. */
static enum pst_err signer_check(struct pst_tx *tx, const struct pst_request *request,
                                 const struct invite *invite)
{
    struct pst_key_row key;
    enum pst_err r = pst_key_newest(tx, &request->caller.person, &key, NULL);
    if (r != PST_OK)
        return r;
    if (pst_record_verify(invite->record, &key.sign_key) == PST_OK)
        return PST_OK;
    return pst_record_verify(invite->record, &invite->root);
}

static enum pst_err person_check(struct pst_tx *tx, const struct pst_request *request,
                                 const struct invite *invite)
{
    struct pst_person person;
    enum pst_err r = pst_person_get(tx, &request->ids[0], &person);
    if (r != PST_OK)
        return r;
    if (person.state > PST_PERSON_ACTIVE ||
        person.roles != pst_record_invitation(invite->record)->roles)
        return PST_ERR_CONFLICT;
    return PST_OK;
}

static enum pst_err invite_write(struct pst_tx *tx, const struct pst_request *request,
                                 const struct invite *invite)
{
    const struct pst_invitation *invitation = pst_record_invitation(invite->record);
    const struct pst_invitation_row row = {
        .id = invite->id,
        .person = invitation->person,
        .hash = *pst_record_hash(invite->record),
        .key = invitation->key,
        .until_ms = invitation->until_ms,
        .inviter = request->caller.person,
    };
    struct pst_event event;
    enum pst_err r =
        pst_invitation_insert(tx, &row, pst_buf_bytes(&invite->sealed), request->now_ms);
    if (r != PST_OK)
        return r;
    pst_request_event_init(request, PST_EVENT_INVITATION, &event);
    event.has |= PST_EVENT_HAS_RECORD;
    event.record = row.hash;
    if ((invitation->roles & PST_ROLE_PATIENT) != 0) {
        event.has |= PST_EVENT_HAS_PATIENT;
        event.patient = row.person;
    }
    return pst_request_event_put(tx, &event);
}

static enum pst_err invite_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct invite *invite = request->state;
    enum pst_err r = person_check(tx, request, invite);
    if (r == PST_OK)
        r = signer_check(tx, request, invite);
    if (r == PST_ERR_NO_KEY || r == PST_ERR_CRYPTO)
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    if (r == PST_OK)
        r = invite_write(tx, request, invite);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(&invite->id)));
}

const struct pst_route pst_routes_invitations[] = {
    {.method = "POST",
     .path = "/v1/people/{id}/invitations",
     .roles = PST_ROLE_ADMINISTRATOR | PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = invite_prepare,
     .run = invite_run},
    {0},
};
