#include "postern/kdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>
#include <unistr.h>

/* formats.md "Key ring". */
#define LOGIN_AUTH_NUMBER 1
#define LOGIN_AUTH_CONTEXT "pstrauth"
#define LOGIN_WRAP_NUMBER 2
#define LOGIN_WRAP_CONTEXT "pstrwrap"

static enum pst_err hkdf_into(struct pst_bytes key, struct pst_bytes salt, const char *context,
                              struct pst_secret *out)
{
    enum pst_err r = PST_ERR_INTERNAL;
    static char digest[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[5];
    size_t count = 0;
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    /* OpenSSL takes pointers to non-const and does not write there. */
    params[count++] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key.ptr, key.len);
    params[count++] = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)context, strlen(context));
    if (salt.len > 0)
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                            (void *)(uintptr_t)salt.ptr, salt.len);
    params[count] = OSSL_PARAM_construct_end();
    if (ctx != NULL && EVP_KDF_derive(ctx, pst_secret_mut(out), pst_secret_len(out), params) == 1)
        r = PST_OK;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return r;
}

enum pst_err pst_hkdf_sha256(struct pst_bytes key, struct pst_bytes salt, const char *context,
                             size_t len, struct pst_secret **ret_key)
{
    struct pst_secret *out = NULL;
    enum pst_err r = pst_secret_new(len, &out);
    if (r == PST_OK)
        r = hkdf_into(key, salt, context, out);
    if (r == PST_OK)
        *ret_key = out;
    else
        pst_secret_free(&out);
    return r;
}

enum pst_err pst_kdf(const struct pst_secret *key, uint64_t number, const char *context,
                     struct pst_secret **ret_key)
{
    struct pst_secret *out = NULL;
    if (pst_secret_len(key) != crypto_kdf_KEYBYTES || strlen(context) != PST_KDF_CONTEXT_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r = pst_secret_new(PST_KDF_BYTES, &out);
    if (r != PST_OK)
        return r;
    if (crypto_kdf_derive_from_key(pst_secret_mut(out), PST_KDF_BYTES, number, context,
                                   pst_secret_bytes(key)) != 0) {
        pst_secret_free(&out);
        return PST_ERR_INTERNAL;
    }
    *ret_key = out;
    return PST_OK;
}

void pst_login_params_new(const struct pst_random *random, struct pst_login_params *ret_params)
{
    *ret_params = (struct pst_login_params){
        .memory_kib = PST_LOGIN_MEMORY_MIN_KIB,
        .passes = PST_LOGIN_PASSES_MIN,
    };
    pst_random_fill(random, ret_params->salt, sizeof ret_params->salt);
}

enum pst_err pst_login_params_check(const struct pst_login_params *params)
{
    bool good = params->memory_kib >= PST_LOGIN_MEMORY_MIN_KIB &&
                params->memory_kib <= PST_LOGIN_MEMORY_MAX_KIB &&
                params->passes >= PST_LOGIN_PASSES_MIN && params->passes <= PST_LOGIN_PASSES_MAX;
    return good ? PST_OK : PST_ERR_INVALID;
}

/*
 * NFKC into guarded memory. libunistring works in ordinary memory of its own
 * where the text is longer than our buffer; the buffer is large enough for the
 * longest passphrase we take, so it never allocates a result.
 */
static enum pst_err normalise(const struct pst_secret *passphrase, struct pst_secret *buffer,
                              size_t *ret_len)
{
    size_t len = pst_secret_len(buffer);
    if (u8_check(pst_secret_bytes(passphrase), pst_secret_len(passphrase)) != NULL)
        return PST_ERR_INVALID;
    uint8_t *out = u8_normalize(UNINORM_NFKC, pst_secret_bytes(passphrase),
                                pst_secret_len(passphrase), pst_secret_mut(buffer), &len);
    if (out == NULL)
        return PST_ERR_NOMEM;
    if (out != pst_secret_mut(buffer)) {
        sodium_memzero(out, len);
        free(out);
        return PST_ERR_TOO_LONG;
    }
    if (len > PST_PASSPHRASE_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    *ret_len = len;
    return PST_OK;
}

enum pst_err pst_login_master(const struct pst_secret *passphrase,
                              const struct pst_login_params *params, struct pst_secret **ret_master)
{
    struct pst_secret *text = NULL;
    struct pst_secret *master = NULL;
    size_t len = 0;
    enum pst_err r = pst_login_params_check(params);
    if (r == PST_OK && pst_secret_len(passphrase) > PST_PASSPHRASE_MAX_BYTES)
        r = PST_ERR_TOO_LONG;
    if (r == PST_OK)
        r = pst_secret_new(PST_SECRET_MAX_BYTES, &text);
    if (r == PST_OK)
        r = normalise(passphrase, text, &len);
    if (r == PST_OK)
        r = pst_secret_new(PST_KDF_BYTES, &master);
    if (r == PST_OK &&
        crypto_pwhash(pst_secret_mut(master), PST_KDF_BYTES, (const char *)pst_secret_bytes(text),
                      len, params->salt, params->passes, (size_t)params->memory_kib * 1024,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        r = PST_ERR_NOMEM;
    pst_secret_free(&text);
    if (r == PST_OK)
        *ret_master = master;
    else
        pst_secret_free(&master);
    return r;
}

static enum pst_err split_master(const struct pst_secret *master, struct pst_login_keys *ret_keys)
{
    struct pst_login_keys keys = {0};
    enum pst_err r = pst_kdf(master, LOGIN_AUTH_NUMBER, LOGIN_AUTH_CONTEXT, &keys.auth);
    if (r == PST_OK)
        r = pst_kdf(master, LOGIN_WRAP_NUMBER, LOGIN_WRAP_CONTEXT, &keys.wrap);
    if (r == PST_OK)
        *ret_keys = keys;
    else
        pst_login_keys_free(&keys);
    return r;
}

enum pst_err pst_login_derive(const struct pst_secret *passphrase,
                              const struct pst_login_params *params,
                              struct pst_login_keys *ret_keys)
{
    struct pst_secret *master = NULL;
    enum pst_err r = pst_login_master(passphrase, params, &master);
    if (r == PST_OK)
        r = split_master(master, ret_keys);
    pst_secret_free(&master);
    return r;
}

enum pst_err pst_login_from_recovery(const struct pst_secret *code, struct pst_login_keys *ret_keys)
{
    struct pst_secret *master = NULL;
    enum pst_err r =
        pst_hkdf_sha256(pst_bytes(pst_secret_bytes(code), pst_secret_len(code)), pst_bytes(NULL, 0),
                        "postern/1 recovery", PST_KDF_BYTES, &master);
    if (r == PST_OK)
        r = split_master(master, ret_keys);
    pst_secret_free(&master);
    return r;
}

enum pst_err pst_login_from_prf(const struct pst_secret *output, struct pst_login_keys *ret_keys)
{
    struct pst_login_keys keys = {0};
    enum pst_err r =
        pst_hkdf_sha256(pst_bytes(pst_secret_bytes(output), pst_secret_len(output)),
                        pst_bytes(NULL, 0), "postern/1 prf", PST_KDF_BYTES, &keys.wrap);
    if (r == PST_OK)
        *ret_keys = keys;
    return r;
}

void pst_login_keys_free(struct pst_login_keys *keys)
{
    pst_secret_free(&keys->auth);
    pst_secret_free(&keys->wrap);
}
