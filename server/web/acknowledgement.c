#include "server/web/acknowledgement.h"

#include <string.h>

#include "server/admission/admission.h"
#include "server/store/facts.h"

enum pst_err pst_signed_by_caller(struct pst_tx *tx, const struct pst_request *request,
                                  const struct pst_record *record, bool *ret_good)
{
    struct pst_sign_public key;
    int64_t until_ms = 0;
    *ret_good = false;
    if (strcmp(pst_record_origin(record), request->origin) != 0)
        return PST_OK;
    enum pst_err r = pst_sign_key_newest(tx, &request->caller.person, &key, &until_ms);
    if (r != PST_OK)
        return r == PST_ERR_NOT_FOUND ? PST_OK : r;
    *ret_good = request->now_ms < until_ms && pst_record_verify(record, &key) == PST_OK;
    return PST_OK;
}

static enum pst_err check(struct pst_tx *tx, struct pst_request *request,
                          const struct pst_record *record, bool *ret_good)
{
    const struct pst_acknowledgement *said = pst_record_acknowledgement(record);
    *ret_good = false;
    if (!pst_uuid_equal(&said->message, &request->ids[0]) ||
        !pst_uuid_equal(&said->by, &request->caller.person))
        return PST_OK;
    return pst_signed_by_caller(tx, request, record, ret_good);
}

enum pst_err pst_acknowledgement_check(struct pst_tx *tx, struct pst_request *request,
                                       enum pst_record_kind kind, const char *text,
                                       struct pst_sha256 *ret_hash)
{
    struct pst_record *record = NULL;
    bool good = false;
    enum pst_err r = pst_record_parse_kind(pst_bytes_str(text), kind, &record);
    if (r == PST_ERR_NOMEM)
        return r;
    if (r != PST_OK)
        return pst_request_bad(request, "record");
    bool in_time = pst_admit_clock(pst_record_at_ms(record), request->now_ms);
    r = check(tx, request, record, &good);
    if (r == PST_OK && good)
        *ret_hash = *pst_record_hash(record);
    pst_record_free(&record);
    if (r != PST_OK)
        return r;
    if (!good)
        return pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL);
    return in_time ? PST_OK : pst_request_refuse(request, PST_REFUSAL_CLOCK, NULL);
}

void pst_acknowledgement_event(const struct pst_request *request, const struct pst_thread *thread,
                               struct pst_event *event)
{
    event->has |= PST_EVENT_HAS_MESSAGE | PST_EVENT_HAS_THREAD;
    event->message = request->ids[0];
    event->thread = thread->id;
    if (pst_uuid_is_nil(&thread->patient))
        return;
    event->has |= PST_EVENT_HAS_PATIENT;
    event->patient = thread->patient;
}
