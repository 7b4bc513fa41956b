/* POST /v1/patients/{id}/break-glass: override "not established", with a reason, for a while. */
#include "postern/cleanup.h"
#include "server/store/visits.h"
#include "server/web/answer.h"
#include "server/web/patient_access.h"

#define REASON_MAX_BYTES 2000
/* A day is enough to record the visit; an override is no standing right. */
#define MINUTES_MAX (24 * 60)

struct break_glass_state {
    const char *reason;
    int64_t minutes;
    struct pst_uuid id;
};

static const struct pst_json_member members[] = {
    {"reason", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct break_glass_state, reason),
     REASON_MAX_BYTES},
    {"minutes", PST_JSON_INT, PST_JSON_REQUIRED, offsetof(struct break_glass_state, minutes), 0},
};

static enum pst_err break_glass_prepare(struct pst_request *request)
{
    struct break_glass_state *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, members, sizeof members / sizeof members[0], state, NULL);
    if (r != PST_OK)
        return r;
    if (state->minutes < 1 || state->minutes > MINUTES_MAX)
        return pst_request_bad(request, "minutes");
    pst_uuid_v7(request->now_ms, NULL, &state->id);
    return PST_OK;
}

/*
 * The point is to reach a patient one has not seen: for whoever has the right,
 * every patient is visible here. Without it, none is.
 */
static enum pst_err find(struct pst_tx *tx, const struct pst_request *request,
                         struct pst_patient_access *ret_patient)
{
    struct pst_viewer_of_patients viewer;
    bool may = false;
    enum pst_err r = pst_break_glass_right(tx, &request->caller.person, &may);
    if (r == PST_OK && !may)
        r = PST_ERR_DENIED;
    if (r != PST_OK)
        return r;
    pst_patient_viewer(request, &viewer);
    viewer.seen_by = PST_SEEN_BY_ALL;
    r = pst_patient_access_as(tx, request, &viewer, &request->ids[0], ret_patient);
    return r == PST_OK && ret_patient->gone ? PST_ERR_CONFLICT : r;
}

static enum pst_err break_glass_add(struct pst_tx *tx, struct pst_request *request)
{
    const struct break_glass_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    PST_BUF struct pst_buf reason = {.max = REASON_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    enum pst_err r = find(tx, request, &patient);
    if (r == PST_OK)
        r = pst_patient_key_seal(patient.key,
                                 pst_field_of(PST_FIELD_BREAK_GLASS_REASON, &state->id),
                                 pst_bytes_str(state->reason), &reason);
    if (r != PST_OK)
        return r;
    struct pst_break_glass one = {.id = state->id,
                                  .patient = patient.id,
                                  .clinician = request->caller.person,
                                  .reason_enc = pst_buf_bytes(&reason),
                                  .at_ms = request->now_ms,
                                  .until_ms = request->now_ms + state->minutes * PST_MINUTE_MS};
    r = pst_break_glass_insert(tx, &one);
    if (r == PST_OK)
        r = pst_patient_touch(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_BREAK_GLASS, &patient.id);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201,
                            json_pack("{s:o}", "until", pst_answer_time(one.until_ms)));
}

const struct pst_route pst_routes_break_glass[] = {
    {.method = "POST",
     .path = "/v1/patients/{id}/break-glass",
     .roles = PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = break_glass_prepare,
     .run = break_glass_add},
    {0},
};
