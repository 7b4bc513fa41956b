/* POST /v1/patients/{id}/visits: the evidence that a patient is established. */
#include "server/store/visits.h"

#include <ctype.h>
#include <string.h>

#include "server/web/patient_access.h"

/* CPT codes have five characters; local ones may be longer. */
#define CODE_MAX_BYTES 16
/* Nobody living was seen before. */
#define EARLIEST_YEAR 1900

struct visit_state {
    struct pst_uuid clinician;
    const char *date;
    const char *kind;
    const char *code;
    int64_t date_days;
    struct pst_uuid id;
};

static const struct pst_json_member visit_members[] = {
    {"clinician", PST_JSON_UUID, PST_JSON_REQUIRED, offsetof(struct visit_state, clinician), 0},
    {"date", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct visit_state, date), 0},
    {"kind", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct visit_state, kind), 0},
    {"code", PST_JSON_TEXT, 0, offsetof(struct visit_state, code), CODE_MAX_BYTES},
};

static const char *const kinds[] = {"in-person", "telehealth", NULL};

static bool is_code(const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (!isalnum((unsigned char)*text))
            return false;
    }
    return true;
}

static enum pst_err visit_prepare(struct pst_request *request)
{
    struct visit_state *state = NULL;
    static const struct pst_date earliest = {EARLIEST_YEAR, 1, 1};
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, visit_members,
                               sizeof visit_members / sizeof visit_members[0], state, NULL);
    if (r != PST_OK)
        return r;
    if (!pst_body_date(state->date, &state->date_days) ||
        state->date_days > pst_today_days(request->now_ms) ||
        state->date_days < pst_date_days(&earliest))
        return pst_request_bad(request, "date");
    if (!pst_body_one_of(state->kind, kinds))
        return pst_request_bad(request, "kind");
    if (!is_code(state->code))
        return pst_request_bad(request, "code");
    pst_uuid_v7(request->now_ms, NULL, &state->id);
    return PST_OK;
}

static enum pst_err visit_add(struct pst_tx *tx, struct pst_request *request)
{
    const struct visit_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    char specialty[PST_SPECIALTY_SIZE], subspecialty[PST_SPECIALTY_SIZE];
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r != PST_OK)
        return r;
    r = pst_visit_specialty(tx, &state->clinician, state->date_days, specialty, subspecialty);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_bad(request, "clinician");
    struct pst_visit visit = {.id = state->id,
                              .patient = patient.id,
                              .clinician = state->clinician,
                              .specialty = specialty,
                              .subspecialty = subspecialty,
                              .date_days = state->date_days,
                              .kind = state->kind,
                              .code = state->code != NULL ? state->code : "",
                              .recorded_by = request->caller.person,
                              .recorded_at_ms = request->now_ms};
    if (r == PST_OK)
        r = pst_visit_insert(tx, &visit);
    if (r == PST_OK)
        r = pst_patient_touch(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_VISIT, &patient.id);
    return r == PST_OK ? pst_answer_created(request, &state->id) : r;
}

const struct pst_route pst_routes_visits[] = {
    {.method = "POST",
     .path = "/v1/patients/{id}/visits",
     .roles = PST_ROLE_INTAKE | PST_ROLE_CLINICIAN,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = visit_prepare,
     .run = visit_add},
    {0},
};
