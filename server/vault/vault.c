#include "server/vault/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "postern/kdf.h"
#include "postern/random.h"
#include "postern/uuid.h"

/* Owner writes, the group of the roles that hold the vault reads. */
#define KEY_FILE_MODE 0640
#define OTHERS_MASK 0027

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(PST_VAULT_OVERHEAD_BYTES == NONCE_BYTES + TAG_BYTES, "nonce and tag");
_Static_assert(PST_VAULT_KEY_BYTES == crypto_kdf_KEYBYTES, "master key");

/* Numbers of the subkeys: never reused for anything else. */
enum {
    SUBKEY_FIELD = 1,
    SUBKEY_PATIENT = 2,
    SUBKEY_INDEX = 3,
    SUBKEY_AUTH = 4,
};
#define SUBKEY_CONTEXT "pstvault"

struct pst_vault {
    struct pst_secret *field, *patient, *index, *auth;
};

struct pst_patient_key {
    struct pst_secret *key;
};

/* ---- the key file ---- */

static enum pst_err write_key(int fd, const struct pst_secret *key)
{
    if (write(fd, pst_secret_bytes(key), PST_VAULT_KEY_BYTES) != PST_VAULT_KEY_BYTES)
        return PST_ERR_IO;
    /* The umask must not decide who may read it. */
    return fchmod(fd, KEY_FILE_MODE) == 0 && fsync(fd) == 0 ? PST_OK : PST_ERR_IO;
}

enum pst_err pst_vault_create(const char *path)
{
    PST_SECRET struct pst_secret *key = NULL;
    enum pst_err r = pst_secret_random(PST_VAULT_KEY_BYTES, &key);
    if (r != PST_OK)
        return r;
    PST_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, KEY_FILE_MODE);
    if (fd < 0)
        return errno == EEXIST ? PST_ERR_EXISTS : PST_ERR_IO;
    r = write_key(fd, key);
    if (r != PST_OK)
        (void)unlink(path);
    return r;
}

static enum pst_err open_key_file(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat found;
    if (fd < 0)
        return errno == ENOENT ? PST_ERR_NOT_FOUND : errno == EACCES ? PST_ERR_DENIED : PST_ERR_IO;
    enum pst_err r = PST_OK;
    if (fstat(fd, &found) != 0)
        r = PST_ERR_IO;
    else if ((found.st_mode & OTHERS_MASK) != 0)
        r = PST_ERR_DENIED;
    else if (!S_ISREG(found.st_mode) || found.st_size != PST_VAULT_KEY_BYTES)
        r = PST_ERR_INVALID;
    if (r != PST_OK)
        (void)close(fd);
    else
        *ret_fd = fd;
    return r;
}

enum pst_err pst_vault_load(const char *path, struct pst_vault **ret_vault)
{
    PST_FD int fd = -1;
    PST_SECRET struct pst_secret *master = NULL;
    enum pst_err r = open_key_file(path, &fd);
    if (r == PST_OK)
        r = pst_secret_new(PST_VAULT_KEY_BYTES, &master);
    if (r != PST_OK)
        return r;
    if (read(fd, pst_secret_mut(master), PST_VAULT_KEY_BYTES) != PST_VAULT_KEY_BYTES)
        return PST_ERR_IO;
    return pst_vault_new(master, ret_vault);
}

enum pst_err pst_vault_new(const struct pst_secret *master, struct pst_vault **ret_vault)
{
    if (pst_secret_len(master) != PST_VAULT_KEY_BYTES)
        return PST_ERR_INVALID;
    struct pst_vault *vault = calloc(1, sizeof *vault);
    if (vault == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = pst_kdf(master, SUBKEY_FIELD, SUBKEY_CONTEXT, &vault->field);
    if (r == PST_OK)
        r = pst_kdf(master, SUBKEY_PATIENT, SUBKEY_CONTEXT, &vault->patient);
    if (r == PST_OK)
        r = pst_kdf(master, SUBKEY_INDEX, SUBKEY_CONTEXT, &vault->index);
    if (r == PST_OK)
        r = pst_kdf(master, SUBKEY_AUTH, SUBKEY_CONTEXT, &vault->auth);
    if (r != PST_OK)
        pst_vault_free(&vault);
    else
        *ret_vault = vault;
    return r;
}

void pst_vault_free(struct pst_vault **vault)
{
    if (vault == NULL || *vault == NULL)
        return;
    pst_secret_free(&(*vault)->field);
    pst_secret_free(&(*vault)->patient);
    pst_secret_free(&(*vault)->index);
    pst_secret_free(&(*vault)->auth);
    free(*vault);
    *vault = NULL;
}

/* ---- fields ---- */

/* Column, a zero byte, row: no two places give the same bytes. */
struct place_bytes {
    uint8_t bytes[PST_VAULT_PLACE_MAX + 1 + PST_VAULT_ROW_MAX];
    size_t len;
};

static enum pst_err place_encode(struct pst_vault_place place, struct place_bytes *ret_bytes)
{
    size_t column_len = strlen(place.column);
    if (column_len == 0 || column_len > PST_VAULT_PLACE_MAX || place.row.len == 0 ||
        place.row.len > PST_VAULT_ROW_MAX)
        return PST_ERR_INVALID;
    memcpy(ret_bytes->bytes, place.column, column_len + 1);
    memcpy(ret_bytes->bytes + column_len + 1, place.row.ptr, place.row.len);
    ret_bytes->len = column_len + 1 + place.row.len;
    return PST_OK;
}

static enum pst_err seal(const struct pst_secret *key, struct pst_vault_place place,
                         struct pst_bytes plain, struct pst_buf *out)
{
    struct place_bytes ad;
    uint8_t *at = NULL;
    enum pst_err r = place_encode(place, &ad);
    if (r == PST_OK)
        r = pst_buf_extend(out, plain.len + PST_VAULT_OVERHEAD_BYTES, &at);
    if (r != PST_OK)
        return r;
    pst_random_public(NULL, at, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE_BYTES, NULL, plain.ptr, plain.len,
                                                     ad.bytes, ad.len, NULL, at,
                                                     pst_secret_bytes(key));
    return PST_OK;
}

static enum pst_err open_sealed(const struct pst_secret *key, struct pst_vault_place place,
                                struct pst_bytes sealed, struct pst_buf *out)
{
    struct place_bytes ad;
    uint8_t *at = NULL;
    size_t start = out->len;
    enum pst_err r = place_encode(place, &ad);
    if (r != PST_OK)
        return r;
    if (sealed.len < PST_VAULT_OVERHEAD_BYTES)
        return PST_ERR_CRYPTO;
    r = pst_buf_extend(out, sealed.len - PST_VAULT_OVERHEAD_BYTES, &at);
    if (r != PST_OK)
        return r;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(at, NULL, NULL, sealed.ptr + NONCE_BYTES,
                                                   sealed.len - NONCE_BYTES, ad.bytes, ad.len,
                                                   sealed.ptr, pst_secret_bytes(key)) != 0) {
        pst_buf_truncate(out, start);
        return PST_ERR_CRYPTO;
    }
    return PST_OK;
}

enum pst_err pst_vault_field_seal(const struct pst_vault *vault, struct pst_vault_place place,
                                  struct pst_bytes plain, struct pst_buf *out)
{
    return seal(vault->field, place, plain, out);
}

enum pst_err pst_vault_field_open(const struct pst_vault *vault, struct pst_vault_place place,
                                  struct pst_bytes sealed, struct pst_buf *out)
{
    return open_sealed(vault->field, place, sealed, out);
}

/* ---- patients' keys ---- */

static struct pst_vault_place place_of_patient(const struct pst_uuid *patient)
{
    return pst_vault_at("patient.key_enc", patient->bytes, sizeof patient->bytes);
}

static enum pst_err patient_key_take(struct pst_secret **secret, struct pst_patient_key **ret_key)
{
    struct pst_patient_key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return PST_ERR_NOMEM;
    key->key = *secret;
    *secret = NULL;
    *ret_key = key;
    return PST_OK;
}

enum pst_err pst_patient_key_new(const struct pst_vault *vault, const struct pst_uuid *patient,
                                 struct pst_buf *ret_wrapped, struct pst_patient_key **ret_key)
{
    PST_SECRET struct pst_secret *secret = NULL;
    enum pst_err r = pst_secret_random(PST_VAULT_KEY_BYTES, &secret);
    if (r == PST_OK)
        r = seal(vault->patient, place_of_patient(patient),
                 pst_bytes(pst_secret_bytes(secret), PST_VAULT_KEY_BYTES), ret_wrapped);
    return r == PST_OK ? patient_key_take(&secret, ret_key) : r;
}

/* Not through open_sealed(): the key must never be in ordinary memory. */
enum pst_err pst_patient_key_unwrap(const struct pst_vault *vault, const struct pst_uuid *patient,
                                    struct pst_bytes wrapped, struct pst_patient_key **ret_key)
{
    PST_SECRET struct pst_secret *secret = NULL;
    struct place_bytes ad;
    enum pst_err r = place_encode(place_of_patient(patient), &ad);
    if (r == PST_OK && wrapped.len != PST_VAULT_KEY_BYTES + PST_VAULT_OVERHEAD_BYTES)
        r = PST_ERR_CRYPTO;
    if (r == PST_OK)
        r = pst_secret_new(PST_VAULT_KEY_BYTES, &secret);
    if (r != PST_OK)
        return r;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            pst_secret_mut(secret), NULL, NULL, wrapped.ptr + NONCE_BYTES,
            wrapped.len - NONCE_BYTES, ad.bytes, ad.len, wrapped.ptr,
            pst_secret_bytes(vault->patient)) != 0)
        return PST_ERR_CRYPTO;
    return patient_key_take(&secret, ret_key);
}

void pst_patient_key_free(struct pst_patient_key **key)
{
    if (key == NULL || *key == NULL)
        return;
    pst_secret_free(&(*key)->key);
    free(*key);
    *key = NULL;
}

enum pst_err pst_patient_key_seal(const struct pst_patient_key *key, struct pst_vault_place place,
                                  struct pst_bytes plain, struct pst_buf *out)
{
    return seal(key->key, place, plain, out);
}

enum pst_err pst_patient_key_open(const struct pst_patient_key *key, struct pst_vault_place place,
                                  struct pst_bytes sealed, struct pst_buf *out)
{
    return open_sealed(key->key, place, sealed, out);
}

/* ---- keyed hashes ---- */

/* use, a zero byte, subject, message; the subject has a fixed length or none. */
static enum pst_err keyed_hash(const struct pst_secret *key, const char *use,
                               struct pst_bytes subject, struct pst_bytes message,
                               uint8_t *ret_hash)
{
    crypto_generichash_state state;
    size_t use_len = strlen(use);
    if (use_len == 0 || use_len > PST_VAULT_PLACE_MAX)
        return PST_ERR_INVALID;
    (void)crypto_generichash_init(&state, pst_secret_bytes(key), PST_VAULT_KEY_BYTES,
                                  PST_VAULT_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)use, use_len + 1);
    (void)crypto_generichash_update(&state, subject.ptr, subject.len);
    (void)crypto_generichash_update(&state, message.ptr, message.len);
    (void)crypto_generichash_final(&state, ret_hash, PST_VAULT_HASH_BYTES);
    sodium_memzero(&state, sizeof state);
    return PST_OK;
}

enum pst_err pst_vault_index(const struct pst_vault *vault, const char *use,
                             struct pst_bytes normal, uint8_t *ret_index)
{
    return keyed_hash(vault->index, use, pst_bytes(NULL, 0), normal, ret_index);
}

enum pst_err pst_vault_auth_hash(const struct pst_vault *vault, const char *use,
                                 const struct pst_uuid *person, struct pst_bytes auth,
                                 uint8_t *ret_hash)
{
    return keyed_hash(vault->auth, use, pst_bytes(person->bytes, sizeof person->bytes), auth,
                      ret_hash);
}
