/* POST /v1/patients/{id}/representatives: people who may act for a patient. */
#include "postern/cleanup.h"
#include "server/store/visits.h"
#include "server/vault/normal.h"
#include "server/web/answer.h"
#include "server/web/patient_access.h"

struct representative_state {
    struct pst_uuid person;
    const char *name;
    const char *authority;
    const char *until;
    bool end;
    bool has_person;
    int64_t until_days;
    struct pst_buf name_enc; /* of a new person */
};

enum { MEMBER_PERSON, MEMBER_NAME, MEMBER_AUTHORITY, MEMBER_UNTIL, MEMBER_END };

static const struct pst_json_member members[] = {
    [MEMBER_PERSON] = {"person", PST_JSON_UUID, 0, offsetof(struct representative_state, person),
                       0},
    [MEMBER_NAME] = {"name", PST_JSON_TEXT, 0, offsetof(struct representative_state, name),
                     PST_NORMAL_NAME_MAX_BYTES},
    [MEMBER_AUTHORITY] = {"authority", PST_JSON_TEXT, 0,
                          offsetof(struct representative_state, authority), 0},
    [MEMBER_UNTIL] = {"until", PST_JSON_TEXT, 0, offsetof(struct representative_state, until), 0},
    [MEMBER_END] = {"end", PST_JSON_BOOL, 0, offsetof(struct representative_state, end), 0},
};

static const char *const authorities[] = {"parent", "guardian", "power-of-attorney", "other", NULL};

static void state_wipe(void *at)
{
    struct representative_state *state = at;
    pst_buf_free(&state->name_enc);
}

/* Somebody new: an id of their own, and the name sealed under it. */
static enum pst_err prepare_person(struct pst_request *request, struct representative_state *state)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES * 8};
    enum pst_err r = pst_normal_name(pst_bytes_str(state->name), &normal);
    if (r == PST_ERR_INVALID || r == PST_ERR_TOO_LONG)
        return pst_request_bad(request, "name");
    if (r != PST_OK)
        return r;
    pst_uuid_v7(request->now_ms, NULL, &state->person);
    return pst_vault_field_seal(request->vault, pst_field_of(PST_FIELD_PERSON_NAME, &state->person),
                                pst_bytes_str(state->name), &state->name_enc);
}

static enum pst_err representative_prepare(struct pst_request *request)
{
    struct representative_state *state = NULL;
    uint64_t present = 0;
    enum pst_err r = pst_request_state_new(request, sizeof *state, state_wipe, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, members, sizeof members / sizeof members[0], state,
                               &present);
    if (r != PST_OK)
        return r;
    pst_buf_init(&state->name_enc, PST_SEALED_TEXT_MAX_BYTES);
    state->has_person = PST_JSON_HAS(present, MEMBER_PERSON);
    state->until_days = PST_NO_DAY;
    if (state->has_person == (state->name != NULL))
        return pst_request_bad(request, "person");
    if (state->end)
        return state->has_person && state->authority == NULL && state->until == NULL
                   ? PST_OK
                   : pst_request_bad(request, "end");
    if (!pst_body_one_of(state->authority, authorities))
        return pst_request_bad(request, "authority");
    if (state->until != NULL && (!pst_body_date(state->until, &state->until_days) ||
                                 state->until_days < pst_today_days(request->now_ms)))
        return pst_request_bad(request, "until");
    return state->has_person ? PST_OK : prepare_person(request, state);
}

static enum pst_err put(struct pst_tx *tx, struct pst_request *request,
                        const struct pst_uuid *patient)
{
    const struct representative_state *state = request->state;
    struct pst_representative one = {.patient = *patient,
                                     .person = state->person,
                                     .authority = state->authority,
                                     .until_days = state->until_days,
                                     .recorded_by = request->caller.person,
                                     .recorded_at_ms = request->now_ms};
    enum pst_err r =
        state->has_person
            ? pst_representative_role_give(tx, &state->person)
            : pst_representative_person_insert(tx, &state->person, pst_buf_bytes(&state->name_enc),
                                               request->now_ms);
    return r == PST_OK ? pst_representative_put(tx, &one) : r;
}

static enum pst_err representative_change(struct pst_tx *tx, struct pst_request *request)
{
    const struct representative_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r != PST_OK)
        return r;
    /* Nobody stands for themself. */
    if (pst_uuid_equal(&state->person, &patient.id))
        return pst_request_bad(request, "person");
    r = state->end ? pst_representative_end(tx, &patient.id, &state->person, request->now_ms)
                   : put(tx, request, &patient.id);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_bad(request, "person");
    if (r == PST_OK)
        r = pst_patient_touch(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_ROLE, &patient.id);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201,
                            json_pack("{s:o}", "person", pst_answer_id(&state->person)));
}

const struct pst_route pst_routes_representatives[] = {
    {.method = "POST",
     .path = "/v1/patients/{id}/representatives",
     .roles = PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = representative_prepare,
     .run = representative_change},
    {0},
};
