#include "server/web/factor_take.h"

#include <sodium.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/vault/fields.h"
#include "server/web/totp.h"

static enum pst_err secret_seal(const struct pst_request *request, struct pst_bytes secret,
                                struct pst_factor *factor)
{
    PST_BUF struct pst_buf sealed = {.max = PST_SEALED_TEXT_MAX_BYTES};
    enum pst_err r = pst_vault_field_seal(
        request->vault, pst_field_of(PST_FIELD_FACTOR_SECRET, &factor->id), secret, &sealed);
    return r == PST_OK ? pst_sealed_text_set(&factor->secret, pst_buf_bytes(&sealed)) : r;
}

enum pst_err pst_factor_take(struct pst_request *request, const struct pst_uuid *person,
                             const struct pst_totp_body *body, struct pst_factor *ret_factor)
{
    PST_BUF struct pst_buf secret = {.max = PST_TOTP_SECRET_MAX_BYTES};
    struct pst_factor factor = {
        .person = *person, .kind = "totp", .created_at_ms = request->now_ms};
    enum pst_err r = pst_totp_secret_parse(body->secret, &secret);
    if (r == PST_OK)
        r = pst_totp_check(pst_buf_bytes(&secret), body->code, request->now_ms, &factor.last_step);
    if (r == PST_OK) {
        pst_uuid_v7(request->now_ms, NULL, &factor.id);
        r = secret_seal(request, pst_buf_bytes(&secret), &factor);
        if (r == PST_OK)
            *ret_factor = factor;
    } else if (r != PST_ERR_NOMEM) {
        r = pst_request_bad(request, "totp") == PST_OK ? PST_ERR_SYNTAX : PST_ERR_NOMEM;
    }
    sodium_memzero(secret.bytes, secret.len);
    return r;
}
