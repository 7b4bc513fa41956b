#include "server/web/session_policy.h"

#include <sodium.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/names.h"
#include "server/config/config.h"

struct pst_session_limits pst_session_limits(const struct pst_config *config, uint32_t roles)
{
    if ((roles & PST_ROLES_STAFF) != 0)
        return (struct pst_session_limits){config->sessions.staff_idle_ms,
                                           config->sessions.staff_absolute_ms};
    return (struct pst_session_limits){config->sessions.patient_idle_ms,
                                       config->sessions.patient_absolute_ms};
}

int64_t pst_session_ends_ms(const struct pst_config *config, uint32_t roles, int64_t used_at_ms,
                            int64_t expires_at_ms)
{
    int64_t idle_end_ms = used_at_ms + pst_session_limits(config, roles).idle_ms;
    return idle_end_ms < expires_at_ms ? idle_end_ms : expires_at_ms;
}

int64_t pst_session_step_up_until_ms(const struct pst_config *config, int64_t step_up_at_ms)
{
    return step_up_at_ms == 0 ? 0 : step_up_at_ms + config->sessions.step_up_ms;
}

enum pst_err pst_session_token_hash(const char *text, size_t text_len, struct pst_sha256 *ret_hash)
{
    uint8_t token[PST_SESSION_TOKEN_BYTES];
    enum pst_err r =
        pst_base64url_decode_exact(pst_bytes(text, text_len), token, PST_SESSION_TOKEN_BYTES);
    if (r == PST_OK)
        r = pst_sha256(pst_bytes(token, sizeof token), ret_hash);
    sodium_memzero(token, sizeof token);
    return r;
}

enum pst_err pst_session_token_new(struct pst_secret **ret_text, struct pst_sha256 *ret_hash)
{
    PST_SECRET struct pst_secret *token = NULL;
    PST_SECRET struct pst_secret *text = NULL;
    struct pst_sha256 hash;
    enum pst_err r = pst_secret_random(PST_SESSION_TOKEN_BYTES, &token);
    if (r == PST_OK)
        r = pst_secret_new(PST_SESSION_TOKEN_TEXT_LEN + 1, &text);
    if (r == PST_OK)
        r = pst_sha256(pst_bytes(pst_secret_bytes(token), PST_SESSION_TOKEN_BYTES), &hash);
    if (r != PST_OK)
        return r;
    (void)sodium_bin2base64((char *)pst_secret_mut(text), PST_SESSION_TOKEN_TEXT_LEN + 1,
                            pst_secret_bytes(token), PST_SESSION_TOKEN_BYTES,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *ret_text = text;
    text = NULL;
    *ret_hash = hash;
    return PST_OK;
}
