/*
 * Time-based one-time codes (RFC 6238, by liboath): SHA-1, 30 seconds, six
 * digits, which is what every authenticator app takes. Pure; any thread.
 */
#ifndef POSTERN_SERVER_WEB_TOTP_H
#define POSTERN_SERVER_WEB_TOTP_H

#include <stdint.h>

#include "postern/buf.h"

#define PST_TOTP_STEP_MS INT64_C(30000)
/* Steps before and after now that count: clocks of telephones drift. */
#define PST_TOTP_WINDOW 1
/* RFC 4226 wants 128 bits at least and recommends 160. */
#define PST_TOTP_SECRET_MIN_BYTES 16
#define PST_TOTP_SECRET_MAX_BYTES 64

/*
 * The secret of its base32 text (upper or lower case, no padding needed),
 * appended to out. PST_ERR_SYNTAX; PST_ERR_INVALID for a length out of range.
 */
PST_MUST_CHECK enum pst_err pst_totp_secret_parse(const char *text, struct pst_buf *out);

/*
 * The time step that a code of six digits belongs to.
 * PST_OK; PST_ERR_CRYPTO when it is of none within the window.
 */
PST_MUST_CHECK enum pst_err pst_totp_check(struct pst_bytes secret, const char *code,
                                           int64_t now_ms, int64_t *ret_step);

#endif
