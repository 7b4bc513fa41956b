/*
 * Opening with the specification's example identity (32 bytes 0x42).
 *
 * The first byte chooses: even, the rest is a file as it is; odd, the rest is
 * a header up to its end line, and gets a right MAC and payload, so that the
 * parser alone stands between it and an opened file. Pushed whole and in
 * pieces the answer and the plaintext are the same.
 */
#include "postern/age.h"

#include <sodium.h>
#include <string.h>

#include "fuzz.h"
#include "postern/base64.h"
#include "postern/kdf.h"

#define OUT_MAX ((size_t)2 * 1024 * 1024)

static struct pst_secret *identity, *passphrase, *file_key;

static void setup(void)
{
    if (identity != NULL)
        return;
    HOLDS(pst_secret_init() == PST_OK);
    HOLDS(pst_secret_new(32, &identity) == PST_OK);
    memset(pst_secret_mut(identity), 0x42, 32);
    HOLDS(pst_secret_new(4, &passphrase) == PST_OK);
    HOLDS(pst_secret_new(16, &file_key) == PST_OK);
    memcpy(pst_secret_mut(file_key), "sixteen byte key", 16);
}

static enum pst_err open_pieces(struct pst_bytes file, size_t piece, struct pst_buf *out)
{
    struct pst_age_keys keys = {
        .identities = &identity, .identity_count = 1, .passphrase = passphrase, .log_n_max = 2};
    struct pst_age_opener *opener = NULL;
    enum pst_err r = pst_age_opener_new(&keys, pst_sink_buf(out), &opener);
    for (size_t at = 0; r == PST_OK && at < file.len; at += piece)
        r = pst_age_opener_update(
            opener, pst_bytes(file.ptr + at, file.len - at < piece ? file.len - at : piece));
    if (r == PST_OK)
        r = pst_age_opener_finish(opener);
    pst_age_opener_free(&opener);
    return r;
}

/* "---", the MAC, a nonce of zeros and one empty last chunk. */
static void close_file(struct pst_buf *file)
{
    struct pst_secret *key = NULL;
    uint8_t mac[32], nonce[16] = {0}, zero[12] = {[11] = 1}, tag[16];
    struct pst_bytes ikm = pst_bytes(pst_secret_bytes(file_key), 16);
    HOLDS(pst_buf_append_str(file, "---") == PST_OK);
    HOLDS(pst_hkdf_sha256(ikm, pst_bytes(NULL, 0), "header", 32, &key) == PST_OK);
    crypto_auth_hmacsha256(mac, file->bytes, file->len, pst_secret_bytes(key));
    pst_secret_free(&key);
    HOLDS(pst_buf_append_byte(file, ' ') == PST_OK);
    HOLDS(pst_base64_append(file, pst_bytes(mac, 32)) == PST_OK);
    HOLDS(pst_buf_append_byte(file, '\n') == PST_OK);
    HOLDS(pst_buf_append(file, nonce, 16) == PST_OK);
    HOLDS(pst_hkdf_sha256(ikm, pst_bytes(nonce, 16), "payload", 32, &key) == PST_OK);
    crypto_aead_chacha20poly1305_ietf_encrypt(tag, NULL, NULL, 0, NULL, 0, NULL, zero,
                                              pst_secret_bytes(key));
    pst_secret_free(&key);
    HOLDS(pst_buf_append(file, tag, 16) == PST_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct pst_buf file = {.max = OUT_MAX}, whole = {.max = OUT_MAX}, pieces = {.max = OUT_MAX};
    setup();
    if (len == 0)
        return 0;
    HOLDS(pst_buf_append(&file, bytes + 1, len - 1) == PST_OK);
    if (bytes[0] % 2 != 0)
        close_file(&file);
    enum pst_err r = open_pieces(pst_buf_bytes(&file), file.len + 1, &whole);
    HOLDS(open_pieces(pst_buf_bytes(&file), 1 + (size_t)bytes[0] / 2, &pieces) == r);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&whole), pst_buf_bytes(&pieces)));
    pst_buf_free(&file);
    pst_buf_free(&whole);
    pst_buf_free(&pieces);
    return 0;
}
