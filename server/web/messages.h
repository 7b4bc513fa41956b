/*
 * What the resources of threads and messages share: JSON of a thread, a
 * message, keys; the limits of their bodies.
 */
#ifndef POSTERN_SERVER_WEB_MESSAGES_H
#define POSTERN_SERVER_WEB_MESSAGES_H

#include <jansson.h>

#include "server/store/facts.h"
#include "server/store/messages.h"
#include "server/store/threads.h"
#include "server/web/request.h"

/* "received", "fetched", "opened", "answered". */
const char *pst_message_state(const struct pst_message *message);

/* Sets name to a UUID, a time, in text. PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_json_put_uuid(json_t *object, const char *name,
                                              const struct pst_uuid *id);
PST_MUST_CHECK enum pst_err pst_json_put_time(json_t *object, const char *name, int64_t at_ms);

/*
 * The message of a route that the caller may see, with its thread; absent and
 * invisible are the same PST_ERR_NOT_FOUND.
 */
PST_MUST_CHECK enum pst_err pst_message_seen(struct pst_tx *tx, const struct pst_request *request,
                                             struct pst_message *ret_message,
                                             struct pst_thread *ret_thread);

/* {"id", "owner", "kind", "recipient"}; given. */
PST_MUST_CHECK enum pst_err pst_key_json(const struct pst_thread_key *key, json_t **ret_json);

#endif
