/* POST /v1/patients/{id}/restrictions: what a patient asked not to happen. */
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/visits.h"
#include "server/web/patient_access.h"

#define NOTE_MAX_BYTES 2000

struct restriction_state {
    struct pst_uuid id;
    struct pst_uuid team;
    const char *kind;
    const char *note;
    bool end;
};

enum { MEMBER_ID, MEMBER_KIND, MEMBER_TEAM, MEMBER_NOTE, MEMBER_END };

static const struct pst_json_member members[] = {
    [MEMBER_ID] = {"id", PST_JSON_UUID, 0, offsetof(struct restriction_state, id), 0},
    [MEMBER_KIND] = {"kind", PST_JSON_TEXT, 0, offsetof(struct restriction_state, kind), 0},
    [MEMBER_TEAM] = {"team", PST_JSON_UUID, 0, offsetof(struct restriction_state, team), 0},
    [MEMBER_NOTE] = {"note", PST_JSON_TEXT, 0, offsetof(struct restriction_state, note),
                     NOTE_MAX_BYTES},
    [MEMBER_END] = {"end", PST_JSON_BOOL, 0, offsetof(struct restriction_state, end), 0},
};

static const char *const kinds[] = {"no-messages", "no-email-notice", "no-sms-notice", "not-team",
                                    NULL};

static enum pst_err restriction_prepare(struct pst_request *request)
{
    struct restriction_state *state = NULL;
    uint64_t present = 0;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, members, sizeof members / sizeof members[0], state,
                               &present);
    if (r != PST_OK)
        return r;
    bool has_id = PST_JSON_HAS(present, MEMBER_ID), has_team = PST_JSON_HAS(present, MEMBER_TEAM);
    if (has_id != state->end)
        return pst_request_bad(request, "id");
    if (state->end)
        return state->kind == NULL && !has_team && state->note == NULL
                   ? PST_OK
                   : pst_request_bad(request, "end");
    if (!pst_body_one_of(state->kind, kinds))
        return pst_request_bad(request, "kind");
    if (has_team != (strcmp(state->kind, "not-team") == 0))
        return pst_request_bad(request, "team");
    pst_uuid_v7(request->now_ms, NULL, &state->id);
    return PST_OK;
}

static enum pst_err add(struct pst_tx *tx, struct pst_request *request,
                        const struct pst_patient_access *patient)
{
    const struct restriction_state *state = request->state;
    PST_BUF struct pst_buf note = {.max = NOTE_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    struct pst_restriction restriction = {.id = state->id,
                                          .patient = patient->id,
                                          .kind = state->kind,
                                          .team = state->team,
                                          .recorded_by = request->caller.person,
                                          .recorded_at_ms = request->now_ms};
    if (state->note != NULL) {
        enum pst_err r =
            pst_patient_key_seal(patient->key, pst_field_of(PST_FIELD_RESTRICTION_NOTE, &state->id),
                                 pst_bytes_str(state->note), &note);
        if (r != PST_OK)
            return r;
        restriction.note_enc = pst_buf_bytes(&note);
    }
    return pst_restriction_insert(tx, &restriction);
}

static enum pst_err restriction_change(struct pst_tx *tx, struct pst_request *request)
{
    const struct restriction_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r != PST_OK)
        return r;
    r = state->end ? pst_restriction_end(tx, &patient.id, &state->id, request->now_ms)
                   : add(tx, request, &patient);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_bad(request, "id");
    if (r == PST_OK)
        r = pst_patient_touch(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_RESTRICTION, &patient.id);
    return r == PST_OK ? pst_answer_created(request, &state->id) : r;
}

const struct pst_route pst_routes_restrictions[] = {
    {.method = "POST",
     .path = "/v1/patients/{id}/restrictions",
     .roles = PST_ROLE_INTAKE | PST_ROLE_PATIENT,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = restriction_prepare,
     .run = restriction_change},
    {0},
};
