/*
 * From rows to a verdict: reads a thread's facts in the operation under way,
 * makes struct pst_facts of them, and asks server/admission.
 *
 * The one place where the store's rows meet the rules, for posting, for giving
 * out keys, and for saying beforehand whether one may write. Not for the
 * decisions themselves (admission) and not for HTTP.
 */
#ifndef POSTERN_SERVER_WEB_ADMIT_H
#define POSTERN_SERVER_WEB_ADMIT_H

#include "postern/envelope.h"
#include "postern/event.h"
#include "server/admission/admission.h"
#include "server/store/facts.h"
#include "server/store/messages.h"
#include "server/web/request.h"

/* What is asked about. */
struct pst_admit_ask {
    enum pst_admit_mode mode;
    struct pst_uuid thread;
    /* Of a message; ignored with PST_ADMIT_THREAD. */
    const struct pst_envelope_head *head; /* NULL: none could be read */
    const struct pst_sha256 *hash;        /* of the whole envelope; NULL: not known yet */
    uint64_t size_bytes;
    enum pst_admit_seal seal;
    enum pst_admit_signature signature; /* by the key that was the sender's when it was checked */
    /* With PST_ADMIT_THREAD. */
    uint32_t images;
    uint32_t purposes; /* more PST_ADMIT_PURPOSE() bits */
};

struct pst_admit_result {
    struct pst_thread_facts thread;
    struct pst_thread_keys keys;                  /* of the members alone, and the records key */
    struct pst_key_id key_ids[PST_FACT_KEYS_MAX]; /* the same, sorted as an envelope's */
    size_t key_ids_count;
    struct pst_uuid to[PST_FACT_KEYS_MAX]; /* members but the one written for, sorted */
    size_t to_count;
    struct pst_exchange exchange;
    struct pst_facts facts;
    struct pst_verdict verdict;
    bool repeat;            /* the same was accepted before: answer what was answered then */
    bool by_same_clinician; /* established by a visit with a member of the team */
};

/*
 * Decide. PST_OK, whatever the verdict; else the facts could not be read and
 * the caller answers unavailable (which the runtime does).
 */
PST_MUST_CHECK enum pst_err pst_admit_thread(struct pst_tx *tx, const struct pst_request *request,
                                             const struct pst_admit_ask *ask,
                                             struct pst_admit_result *ret_result);

/* For whom to write a sentence about this thread. */
enum pst_viewer pst_admit_viewer(const struct pst_request *request,
                                 const struct pst_admit_result *result);

/* An event of kind exchange that says what is known of it and the verdict's code. */
void pst_admit_event(const struct pst_request *request, const struct pst_admit_ask *ask,
                     const struct pst_admit_result *result, struct pst_event *ret_event);

#endif
