#include "server/web/signin.h"

#include <sodium.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/random.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/vault/fields.h"
#include "server/vault/normal.h"
#include "server/web/strangers.h"
#include "server/web/totp.h"

enum pst_err pst_signin_login_index(const struct pst_vault *vault, const char *login,
                                    uint8_t *ret_index)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES};
    enum pst_err r = pst_normal_login(pst_bytes_str(login), &normal);
    if (r == PST_OK)
        r = pst_vault_index(vault, PST_INDEX_LOGIN, pst_buf_bytes(&normal), ret_index);
    return r;
}

enum pst_err pst_throttle_init(const struct pst_request *request, struct pst_bytes subject,
                               struct pst_throttle *ret_throttle)
{
    enum pst_err r =
        pst_vault_index(request->vault, "attempt.subject", subject, ret_throttle->subject);
    if (r == PST_OK)
        r = pst_peer_index(request->vault, &request->peer, ret_throttle->address);
    pst_random_fill(pst_random_system(), ret_throttle->nonces, sizeof ret_throttle->nonces);
    return r;
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum pst_err pst_throttle_check(struct pst_tx *tx, struct pst_request *request,
                                const struct pst_throttle *throttle)
{
    const struct pst_config *config = request->config;
    const struct pst_attempt_limit per_subject = {config->limits.sign_in_attempts,
                                                  config->limits.sign_in_window_ms};
    const struct pst_attempt_limit per_address = {config->limits.sign_in_attempts_per_address,
                                                  config->limits.sign_in_window_ms};
    int64_t subject_ms = 0;
    int64_t address_ms = 0;
    enum pst_err r = pst_attempt_check(tx, pst_bytes(throttle->subject, sizeof throttle->subject),
                                       per_subject, request->now_ms, &subject_ms);
    if (r == PST_OK)
        r = pst_attempt_check(tx, pst_bytes(throttle->address, sizeof throttle->address),
                              per_address, request->now_ms, &address_ms);
    int64_t wait_ms = longer(subject_ms, address_ms);
    if (r != PST_OK || wait_ms == 0)
        return r;
    PST_LOG(THROTTLED, PST_LOG_MS("wait", wait_ms));
    r = pst_request_refuse(
        request, PST_REFUSAL_RATE_LIMITED,
        &(struct pst_problem_extra){.retry_s = (wait_ms + PST_SECOND_MS - 1) / PST_SECOND_MS});
    return r == PST_OK ? PST_ERR_BUSY : r;
}

enum pst_err pst_throttle_failed(struct pst_tx *tx, const struct pst_request *request,
                                 const struct pst_throttle *throttle)
{
    enum pst_err r = pst_attempt_add(tx, pst_bytes(throttle->subject, sizeof throttle->subject),
                                     request->now_ms, throttle->nonces[0]);
    if (r == PST_OK)
        r = pst_attempt_add(tx, pst_bytes(throttle->address, sizeof throttle->address),
                            request->now_ms, throttle->nonces[1]);
    return r;
}

enum pst_err pst_throttle_passed(struct pst_tx *tx, const struct pst_throttle *throttle)
{
    return pst_attempt_clear(tx, pst_bytes(throttle->subject, sizeof throttle->subject));
}

bool pst_signin_auth_equal(const struct pst_vault *vault, const char *use,
                           const struct pst_uuid *person, const uint8_t *auth,
                           const uint8_t *want_hash)
{
    uint8_t hash[PST_VAULT_HASH_BYTES];
    return pst_vault_auth_hash(vault, use, person, pst_bytes(auth, PST_AUTH_BYTES), hash) ==
               PST_OK &&
           sodium_memcmp(hash, want_hash, sizeof hash) == 0;
}

enum pst_err pst_signin_code_use(struct pst_tx *tx, const struct pst_request *request,
                                 const struct pst_factor *factors, size_t count, const char *code)
{
    for (size_t i = 0; i < count; i++) {
        PST_BUF struct pst_buf secret = {.max = PST_TOTP_SECRET_MAX_BYTES};
        int64_t step = 0;
        enum pst_err r = pst_vault_field_open(request->vault,
                                              pst_field_of(PST_FIELD_FACTOR_SECRET, &factors[i].id),
                                              pst_sealed_text_bytes(&factors[i].secret), &secret);
        if (r == PST_OK)
            r = pst_totp_check(pst_buf_bytes(&secret), code, request->now_ms, &step);
        sodium_memzero(secret.bytes, secret.len);
        if (r == PST_OK)
            r = pst_factor_step(tx, &factors[i].id, step);
        if (r != PST_ERR_CRYPTO && r != PST_ERR_NOT_FOUND)
            return r;
    }
    return PST_ERR_CRYPTO;
}
