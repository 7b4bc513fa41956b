/*
 * Records that a person signs about one message: opened, retraction, and what
 * grants share with them.
 */
#ifndef POSTERN_SERVER_WEB_ACKNOWLEDGEMENT_H
#define POSTERN_SERVER_WEB_ACKNOWLEDGEMENT_H

#include "postern/event.h"
#include "postern/record.h"
#include "server/store/threads.h"
#include "server/web/request.h"

/*
 * Is text a record of this kind about the route's message, by the caller, of
 * this practice and this hour, signed by the caller's current key? Else an
 * answer is set: bad-request where it is malformed, the refusal bad-signature
 * where it says or is signed otherwise.
 *   ret_hash  the record's
 */
PST_MUST_CHECK enum pst_err pst_acknowledgement_check(struct pst_tx *tx,
                                                      struct pst_request *request,
                                                      enum pst_record_kind kind, const char *text,
                                                      struct pst_sha256 *ret_hash);

/*
 * Is the record of this practice and signed by the caller's current key?
 *   ret_good  false: it is not
 * PST_OK; PST_ERR_STORE; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_signed_by_caller(struct pst_tx *tx,
                                                 const struct pst_request *request,
                                                 const struct pst_record *record, bool *ret_good);

/* The message, its thread and patient into an event. */
void pst_acknowledgement_event(const struct pst_request *request, const struct pst_thread *thread,
                               struct pst_event *event);

#endif
