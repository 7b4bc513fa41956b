/*
 * Drafts: one age file per thread and person, sealed to its owner, replaced at
 * will. The store cannot read them. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_DRAFTS_H
#define POSTERN_SERVER_STORE_DRAFTS_H

#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* Append the draft. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_draft_get(struct pst_tx *tx, const struct pst_uuid *thread,
                                          const struct pst_uuid *person, struct pst_buf *out,
                                          int64_t *ret_version);

/* 0: there is none. */
PST_MUST_CHECK enum pst_err pst_draft_version(struct pst_tx *tx, const struct pst_uuid *thread,
                                              const struct pst_uuid *person, int64_t *ret_version);

PST_MUST_CHECK enum pst_err pst_draft_put(struct pst_tx *tx, const struct pst_uuid *thread,
                                          const struct pst_uuid *person, int64_t version,
                                          int64_t now_ms, struct pst_bytes bytes);

/* Also when there is none. */
PST_MUST_CHECK enum pst_err pst_draft_delete(struct pst_tx *tx, const struct pst_uuid *thread,
                                             const struct pst_uuid *person);

#endif
