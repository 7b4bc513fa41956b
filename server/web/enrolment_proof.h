/*
 * Proof that a newcomer holds the code of an invitation: a signature by the key
 * derived from it (docs/http.md, POST /v1/enrolments/params). Pure.
 */
#ifndef POSTERN_SERVER_WEB_ENROLMENT_PROOF_H
#define POSTERN_SERVER_WEB_ENROLMENT_PROOF_H

#include <stdint.h>

#include "postern/sign.h"
#include "postern/uuid.h"

/* How far a newcomer's clock may be off. */
#define PST_ENROLMENT_PROOF_MS (5 * INT64_C(60000))

/*
 *   proof   base64url of the signature over
 *           "postern enrol/1\n<origin>\n<invitation>\n<at>\n"
 * PST_OK; PST_ERR_NOT_FOUND for whatever reason; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_enrolment_proof_check(const struct pst_sign_public *key,
                                                      const char *origin,
                                                      const struct pst_uuid *invitation,
                                                      int64_t at_ms, const char *proof,
                                                      int64_t now_ms);

#endif
