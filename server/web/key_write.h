/* A verified key statement into the store: shared by enrolment and rotation. */
#ifndef POSTERN_SERVER_WEB_KEY_WRITE_H
#define POSTERN_SERVER_WEB_KEY_WRITE_H

#include "postern/record.h"
#include "server/web/request.h"

/* As the vault seals it for its row. Appended to out. */
PST_MUST_CHECK enum pst_err pst_key_record_seal(const struct pst_vault *vault,
                                                const struct pst_record *statement,
                                                struct pst_buf *out);

/*
 * In run(): the person's keys so far are replaced, this one holds, and the
 * event says so (by: who enrolled or rotated).
 *   sealed      by pst_key_record_seal
 *   invitation  that admitted it; NULL: a rotation
 * PST_ERR_EXISTS: somebody else was first with this serial.
 */
PST_MUST_CHECK enum pst_err pst_key_write(struct pst_tx *tx, const struct pst_request *request,
                                          const struct pst_record *statement,
                                          struct pst_bytes sealed,
                                          const struct pst_uuid *invitation, uint32_t roles);

#endif
