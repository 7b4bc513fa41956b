/*
 * Sessions: how long they live, and the token in its two forms. Pure.
 *
 * A token is 32 random bytes, 43 characters of base64url on the wire, and only
 * its SHA-256 is kept. Limits depend on the roles and the configuration: the more
 * somebody can see, the sooner a session that lies about ends.
 */
#ifndef POSTERN_SERVER_WEB_SESSION_POLICY_H
#define POSTERN_SERVER_WEB_SESSION_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/hash.h"
#include "postern/secret.h"

struct pst_config;

#define PST_SESSION_TOKEN_BYTES 32
#define PST_SESSION_TOKEN_TEXT_LEN 43

/* How often a session's last use is written down. */
#define PST_SESSION_TOUCH_MS INT64_C(60000)

struct pst_session_token {
    bool present;
    struct pst_sha256 hash;
};

struct pst_session_limits {
    int64_t idle_ms;
    int64_t absolute_ms;
};

/* Of the strictest role in the mask: staff's unless all of them are patients'. */
struct pst_session_limits pst_session_limits(const struct pst_config *config, uint32_t roles);

/* When it ends if it is not used again: the earlier of both limits. */
int64_t pst_session_ends_ms(const struct pst_config *config, uint32_t roles, int64_t used_at_ms,
                            int64_t expires_at_ms);

/* Until when a step-up at that time counts; 0 for none. */
int64_t pst_session_step_up_until_ms(const struct pst_config *config, int64_t step_up_at_ms);

/*
 * The hash of a token as it came. text need not be NUL-terminated.
 * PST_OK; PST_ERR_SYNTAX.
 */
PST_MUST_CHECK enum pst_err pst_session_token_hash(const char *text, size_t text_len,
                                                   struct pst_sha256 *ret_hash);

/* A fresh token: its text (NUL-terminated in guarded memory, given) and hash. */
PST_MUST_CHECK enum pst_err pst_session_token_new(struct pst_secret **ret_text,
                                                  struct pst_sha256 *ret_hash);

#endif
