/*
 * Redirects: contacts by personal channels that were sent back into the safe
 * one. Of the address only a keyed hash is kept, of the content nothing.
 * Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_REDIRECTS_H
#define POSTERN_SERVER_STORE_REDIRECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/names.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* BCP 47, with its terminator: as long as the ones we have words for. */
#define PST_REDIRECT_LANGUAGE_SIZE 36

struct pst_redirect {
    struct pst_uuid id;
    struct pst_uuid patient;
    struct pst_uuid by;
    enum pst_channel channel;
    struct pst_bytes address_index; /* empty: not told; borrowed; only written */
    struct pst_uuid thread;         /* nil: none; only written */
    struct pst_uuid event;          /* only written */
    int64_t at_ms;
    bool converted; /* only read: the patient wrote in the portal afterwards */
};

/*
 * May person record a redirect of this patient: intake, or a clinician with a
 * thread of their team or a visit? PST_ERR_NOT_FOUND: no, or no such patient.
 *   ret_language  the patient's, PST_REDIRECT_LANGUAGE_SIZE bytes
 */
PST_MUST_CHECK enum pst_err pst_redirect_patient(struct pst_tx *tx, const struct pst_uuid *patient,
                                                 const struct pst_uuid *person, char *ret_language);

/*
 *   ret_event  the event of the record: of the earlier one when the same was there
 *   ret_new    false: the same was there
 * PST_ERR_EXISTS: the id is of another.
 */
PST_MUST_CHECK enum pst_err pst_redirect_put(struct pst_tx *tx, const struct pst_redirect *redirect,
                                             struct pst_uuid *ret_event, bool *ret_new);

/* Newest first. by: nil, of everybody. after: the last item of the page before; id nil: none. */
PST_MUST_CHECK enum pst_err pst_redirect_list(struct pst_tx *tx, const struct pst_uuid *by,
                                              const struct pst_redirect *after,
                                              struct pst_redirect *ret_redirects, size_t max,
                                              size_t *ret_count);

#endif
