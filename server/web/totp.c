#include "server/web/totp.h"

#include <liboath/oath.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CODE_DIGITS 6
/* 64 bytes in base32. */
#define SECRET_TEXT_MAX 112

enum pst_err pst_totp_secret_parse(const char *text, struct pst_buf *out)
{
    char *secret = NULL;
    size_t len = 0;
    if (strlen(text) > SECRET_TEXT_MAX)
        return PST_ERR_TOO_LONG;
    if (oath_base32_decode(text, strlen(text), &secret, &len) != OATH_OK)
        return PST_ERR_SYNTAX;
    enum pst_err r = PST_ERR_INVALID;
    if (len >= PST_TOTP_SECRET_MIN_BYTES && len <= PST_TOTP_SECRET_MAX_BYTES)
        r = pst_buf_append(out, secret, len);
    sodium_memzero(secret, len);
    free(secret);
    return r;
}

static bool code_is_digits(const char *code)
{
    return strspn(code, "0123456789") == CODE_DIGITS && strlen(code) == CODE_DIGITS;
}

enum pst_err pst_totp_check(struct pst_bytes secret, const char *code, int64_t now_ms,
                            int64_t *ret_step)
{
    int position = 0;
    if (!code_is_digits(code))
        return PST_ERR_CRYPTO;
    int found = oath_totp_validate2((const char *)secret.ptr, secret.len, (time_t)(now_ms / 1000),
                                    OATH_TOTP_DEFAULT_TIME_STEP_SIZE, OATH_TOTP_DEFAULT_START_TIME,
                                    PST_TOTP_WINDOW, &position, code);
    if (found < 0)
        return PST_ERR_CRYPTO;
    *ret_step = now_ms / PST_TOTP_STEP_MS + position;
    return PST_OK;
}
