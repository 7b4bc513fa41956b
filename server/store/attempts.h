/*
 * Attempts: what was tried lately, for throttling sign-in and look-ups.
 *
 * A subject is a keyed hash of what is throttled with its kind (vault), so the
 * table tells nobody which logins exist. Nobody is locked out for good: only
 * attempts within a window count.
 */
#ifndef POSTERN_SERVER_STORE_ATTEMPTS_H
#define POSTERN_SERVER_STORE_ATTEMPTS_H

#include "postern/buf.h"
#include "server/store/store.h"

/* Random bytes that tell two attempts of one millisecond apart. */
#define PST_ATTEMPT_NONCE_BYTES 8

/* At most limit attempts within window_ms. */
struct pst_attempt_limit {
    int64_t limit;
    int64_t window_ms;
};

/*
 * Is one more attempt allowed now? Records nothing.
 *   ret_wait_ms  0: allowed; else until the oldest one leaves the window
 */
PST_MUST_CHECK enum pst_err pst_attempt_check(struct pst_tx *tx, struct pst_bytes subject,
                                              struct pst_attempt_limit limit, int64_t now_ms,
                                              int64_t *ret_wait_ms);

/* Record one. nonce: PST_ATTEMPT_NONCE_BYTES random bytes, drawn before the operation. */
PST_MUST_CHECK enum pst_err pst_attempt_add(struct pst_tx *tx, struct pst_bytes subject,
                                            int64_t now_ms, const uint8_t *nonce);

/* Forget a subject's attempts, after it succeeded. */
PST_MUST_CHECK enum pst_err pst_attempt_clear(struct pst_tx *tx, struct pst_bytes subject);

/* Remove what is older than before_ms. */
PST_MUST_CHECK enum pst_err pst_attempt_sweep(struct pst_tx *tx, int64_t before_ms);

#endif
