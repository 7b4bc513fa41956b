/* POST /v1/patients/{id}/merge and /end: a double registration, and the end of one. */
#include "server/store/patients.h"
#include "server/store/sessions.h"
#include "server/store/visits.h"
#include "server/web/patient_access.h"

/* More than this many visits are no double registration. */
#define VISITS_MOVED_MAX 500

struct merge_state {
    struct pst_uuid into;
};

static const struct pst_json_member merge_members[] = {
    {"into", PST_JSON_UUID, PST_JSON_REQUIRED, offsetof(struct merge_state, into), 0},
};

static enum pst_err merge_prepare(struct pst_request *request)
{
    struct merge_state *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, merge_members, 1, state, NULL);
    if (r == PST_OK && pst_uuid_equal(&state->into, &request->ids[0]))
        return pst_request_bad(request, "into");
    return r;
}

struct moving {
    struct pst_tx *tx;
    struct pst_uuid into;
    int64_t now_ms;
};

/* Visits are never changed: the one who stays gets the same evidence in rows of their own. */
static enum pst_err copy_visit(void *ctx, const struct pst_visit *visit)
{
    const struct moving *moving = ctx;
    struct pst_visit copy = *visit;
    pst_uuid_v7(moving->now_ms, NULL, &copy.id);
    copy.patient = moving->into;
    return pst_visit_insert(moving->tx, &copy);
}

/* Whoever is merged or ended signs in no more. */
static enum pst_err end_sessions(struct pst_tx *tx, const struct pst_uuid *person)
{
    static const struct pst_uuid none = {{0}};
    return pst_session_end_all(tx, person, &none);
}

static enum pst_err merge(struct pst_tx *tx, const struct pst_request *request,
                          const struct pst_uuid *from, const struct pst_uuid *into)
{
    struct moving moving = {tx, *into, request->now_ms};
    enum pst_err r = pst_visit_list(tx, from, VISITS_MOVED_MAX, copy_visit, &moving);
    if (r == PST_OK)
        r = pst_patient_merge(tx, from, into);
    if (r == PST_OK)
        r = end_sessions(tx, from);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_ROLE, from);
    return r == PST_OK ? pst_patient_event(tx, request, PST_EVENT_ROLE, into) : r;
}

static enum pst_err patient_merge(struct pst_tx *tx, struct pst_request *request)
{
    const struct merge_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access from = {0};
    PST_PATIENT_ACCESS struct pst_patient_access into = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &from);
    if (r != PST_OK)
        return r;
    r = pst_patient_access_live(tx, request, &state->into, &into);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_bad(request, "into");
    if (r == PST_OK)
        r = merge(tx, request, &from.id, &into.id);
    return r == PST_OK ? pst_request_empty(request) : r;
}

struct end_state {
    const char *reason;
};

static const struct pst_json_member end_members[] = {
    {"reason", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct end_state, reason), 0},
};

static const char *const reasons[] = {"moved", "deceased", "discharged", "other", NULL};

static enum pst_err end_prepare(struct pst_request *request)
{
    struct end_state *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, end_members, 1, state, NULL);
    if (r == PST_OK && !pst_body_one_of(state->reason, reasons))
        return pst_request_bad(request, "reason");
    return r;
}

static enum pst_err patient_end(struct pst_tx *tx, struct pst_request *request)
{
    const struct end_state *state = request->state;
    PST_PATIENT_ACCESS struct pst_patient_access patient = {0};
    enum pst_err r = pst_patient_access_live(tx, request, &request->ids[0], &patient);
    if (r == PST_OK)
        r = pst_patient_end(tx, &patient.id, request->now_ms, state->reason);
    if (r == PST_OK)
        r = end_sessions(tx, &patient.id);
    if (r == PST_OK)
        r = pst_patient_event(tx, request, PST_EVENT_ROLE, &patient.id);
    return r == PST_OK ? pst_request_empty(request) : r;
}

const struct pst_route pst_routes_patient_end[] = {
    {.method = "POST",
     .path = "/v1/patients/{id}/merge",
     .roles = PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = merge_prepare,
     .run = patient_merge},
    {.method = "POST",
     .path = "/v1/patients/{id}/end",
     .roles = PST_ROLE_INTAKE,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = end_prepare,
     .run = patient_end},
    {0},
};
