#include "postern/sign.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/hash.h"

enum pst_err pst_key_id_of(const uint8_t *public_key, struct pst_key_id *ret_id)
{
    struct pst_sha256 hash = {{0}};
    enum pst_err r = pst_sha256(pst_bytes(public_key, PST_PUBLIC_KEY_BYTES), &hash);
    if (r == PST_OK)
        memcpy(ret_id->bytes, hash.bytes, sizeof ret_id->bytes);
    return r;
}

enum pst_err pst_key_id_parse(const char *text, size_t text_len, struct pst_key_id *ret_id)
{
    struct pst_key_id id = {{0}};
    enum pst_err r =
        pst_base64url_decode_exact(pst_bytes(text, text_len), id.bytes, sizeof id.bytes);
    if (r == PST_OK)
        *ret_id = id;
    return r;
}

void pst_key_id_format(const struct pst_key_id *id, char *ret_text)
{
    (void)sodium_bin2base64(ret_text, PST_KEY_ID_TEXT_SIZE, id->bytes, sizeof id->bytes,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

int pst_key_id_compare_text(const struct pst_key_id *a, const struct pst_key_id *b)
{
    char text_a[PST_KEY_ID_TEXT_SIZE];
    char text_b[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(a, text_a);
    pst_key_id_format(b, text_b);
    return memcmp(text_a, text_b, PST_KEY_ID_TEXT_LEN);
}

bool pst_key_id_equal(const struct pst_key_id *a, const struct pst_key_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

enum pst_err pst_signer_from_seed(const struct pst_secret *seed, struct pst_signer **ret_signer)
{
    if (pst_secret_len(seed) != PST_SIGN_SEED_BYTES)
        return PST_ERR_INVALID;
    struct pst_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_secret_copy(seed, &signer->seed);
    if (r == PST_OK)
        r = pst_secret_new(crypto_sign_SECRETKEYBYTES, &signer->expanded);
    if (r == PST_OK &&
        crypto_sign_seed_keypair(signer->public_key.bytes, pst_secret_mut(signer->expanded),
                                 pst_secret_bytes(seed)) != 0)
        r = PST_ERR_INTERNAL;
    if (r == PST_OK)
        r = pst_key_id_of(signer->public_key.bytes, &signer->id);
    if (r == PST_OK)
        *ret_signer = signer;
    else
        pst_signer_free(&signer);
    return r;
}

enum pst_err pst_signer_new(const struct pst_random *random, struct pst_signer **ret_signer)
{
    struct pst_secret *seed = NULL;
    enum pst_err r = pst_secret_new(PST_SIGN_SEED_BYTES, &seed);
    if (r != PST_OK)
        return r;
    pst_random_fill(random, pst_secret_mut(seed), PST_SIGN_SEED_BYTES);
    r = pst_signer_from_seed(seed, ret_signer);
    pst_secret_free(&seed);
    return r;
}

void pst_signer_free(struct pst_signer **signer)
{
    if (signer == NULL || *signer == NULL)
        return;
    pst_secret_free(&(*signer)->seed);
    pst_secret_free(&(*signer)->expanded);
    free(*signer);
    *signer = NULL;
}

enum pst_err pst_sign(const struct pst_signer *signer, struct pst_bytes message,
                      struct pst_signature *ret_signature)
{
    if (crypto_sign_detached(ret_signature->bytes, NULL, message.ptr, message.len,
                             pst_secret_bytes(signer->expanded)) != 0)
        return PST_ERR_INTERNAL;
    return PST_OK;
}

enum pst_err pst_sign_verify(const struct pst_sign_public *public_key, struct pst_bytes message,
                             const struct pst_signature *signature)
{
    if (crypto_sign_verify_detached(signature->bytes, message.ptr, message.len,
                                    public_key->bytes) != 0)
        return PST_ERR_CRYPTO;
    return PST_OK;
}
