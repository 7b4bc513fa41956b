#include "server/web/patient_access.h"

#include <string.h>

#include "server/web/answer.h"

int64_t pst_today_days(int64_t now_ms)
{
    struct pst_date today;
    pst_date_of_ms(now_ms, &today);
    return pst_date_days(&today);
}

void pst_patient_viewer(const struct pst_request *request,
                        struct pst_viewer_of_patients *ret_viewer)
{
    static const struct {
        uint32_t roles;
        unsigned seen_by;
    } looks[] = {
        {PST_ROLE_INTAKE | PST_ROLE_ADMINISTRATOR, PST_SEEN_BY_ALL},
        {PST_ROLE_CLINICIAN, PST_SEEN_BY_CLINICIAN},
        {PST_ROLE_PATIENT, PST_SEEN_BY_SELF},
        {PST_ROLE_REPRESENTATIVE, PST_SEEN_BY_REPRESENTATIVE},
    };
    uint32_t roles = request->caller.roles & request->route->roles;
    *ret_viewer = (struct pst_viewer_of_patients){.person = request->caller.person,
                                                  .today_days = pst_today_days(request->now_ms)};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        if ((roles & looks[i].roles) != 0)
            ret_viewer->seen_by |= looks[i].seen_by;
    }
}

struct finding {
    const struct pst_vault *vault;
    struct pst_patient_access *access;
};

static enum pst_err take(void *ctx, const struct pst_patient_row *row)
{
    struct finding *finding = ctx;
    struct pst_patient_access *access = finding->access;
    access->id = row->id;
    access->gone = row->ended_at_ms != 0 || !pst_uuid_is_nil(&row->merged_into);
    access->enrolled = row->enrolled;
    access->version = row->version;
    access->standing = (struct pst_consent_standing){row->consent_decision, row->consent_expires_ms,
                                                     row->terms_superseded_ms};
    return pst_patient_key_unwrap(finding->vault, &row->id, row->key_enc, &access->key);
}

enum pst_err pst_patient_access_as(struct pst_tx *tx, const struct pst_request *request,
                                   const struct pst_viewer_of_patients *viewer,
                                   const struct pst_uuid *id, struct pst_patient_access *ret_access)
{
    struct finding finding = {request->vault, ret_access};
    return pst_patient_get(tx, id, viewer, take, &finding);
}

enum pst_err pst_patient_access(struct pst_tx *tx, const struct pst_request *request,
                                const struct pst_uuid *id, struct pst_patient_access *ret_access)
{
    struct pst_viewer_of_patients viewer;
    pst_patient_viewer(request, &viewer);
    return pst_patient_access_as(tx, request, &viewer, id, ret_access);
}

enum pst_err pst_patient_access_live(struct pst_tx *tx, const struct pst_request *request,
                                     const struct pst_uuid *id,
                                     struct pst_patient_access *ret_access)
{
    enum pst_err r = pst_patient_access(tx, request, id, ret_access);
    return r == PST_OK && ret_access->gone ? PST_ERR_CONFLICT : r;
}

void pst_patient_access_free(struct pst_patient_access *access)
{
    pst_patient_key_free(&access->key);
}

enum pst_err pst_patient_event(struct pst_tx *tx, const struct pst_request *request,
                               enum pst_event_kind kind, const struct pst_uuid *patient)
{
    struct pst_event event;
    pst_request_event_init(request, kind, &event);
    event.has |= PST_EVENT_HAS_PATIENT;
    event.patient = *patient;
    return pst_request_event_put(tx, &event);
}

enum pst_err pst_answer_created(struct pst_request *request, const struct pst_uuid *id)
{
    return pst_request_json(request, 201, json_pack("{s:o}", "id", pst_answer_id(id)));
}

bool pst_body_date(const char *text, int64_t *ret_days)
{
    struct pst_date date;
    if (text == NULL || pst_date_parse(text, strlen(text), &date) != PST_OK)
        return false;
    *ret_days = pst_date_days(&date);
    return true;
}

bool pst_body_one_of(const char *text, const char *const *list)
{
    for (; text != NULL && *list != NULL; list++) {
        if (strcmp(text, *list) == 0)
            return true;
    }
    return false;
}
