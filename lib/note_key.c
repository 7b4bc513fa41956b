/* Names and keys of signed notes. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "note_internal.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/hash.h"
#include "postern/note.h"

#define SIGNER_PREFIX "PRIVATE+KEY+"
#define ID_HEX_LEN ((size_t)2 * PST_NOTE_ID_BYTES)

/* The byte a type is, and the key or seed: both have 32 bytes. */
#define TYPED_BYTES (1 + PST_PUBLIC_KEY_BYTES)
_Static_assert(PST_PUBLIC_KEY_BYTES == PST_SIGN_SEED_BYTES, "one form for both");

bool pst_note_name_valid(struct pst_bytes name)
{
    size_t at = 0;
    if (name.len == 0 || name.len > PST_NOTE_NAME_MAX_BYTES)
        return false;
    while (at < name.len) {
        ucs4_t character = 0;
        int len = u8_mbtoucr(&character, name.ptr + at, name.len - at);
        /* A space would end the name, a plus sign in its key. */
        if (len <= 0 || character < 0x20 || character == '+' ||
            uc_is_property_white_space(character))
            return false;
        at += (size_t)len;
    }
    return true;
}

static bool is_type(uint8_t type)
{
    return type == PST_NOTE_ED25519 || type == PST_NOTE_COSIGNATURE;
}

static enum pst_err verifier_init(struct pst_bytes name, uint8_t type,
                                  const struct pst_sign_public *key,
                                  struct pst_note_verifier *ret_verifier)
{
    struct pst_sha256 hash;
    struct pst_note_verifier verifier = {.type = (enum pst_note_type)type, .key = *key};
    if (!pst_note_name_valid(name) || !is_type(type))
        return PST_ERR_INVALID;
    memcpy(verifier.name, name.ptr, name.len);
    const struct pst_bytes parts[] = {name, pst_bytes("\n", 1), pst_bytes(&type, 1),
                                      pst_bytes(key->bytes, sizeof key->bytes)};
    enum pst_err r = pst_sha256_parts(parts, sizeof parts / sizeof parts[0], &hash);
    if (r != PST_OK)
        return r;
    memcpy(verifier.id, hash.bytes, sizeof verifier.id);
    *ret_verifier = verifier;
    return PST_OK;
}

enum pst_err pst_note_verifier_init(const char *name, enum pst_note_type type,
                                    const struct pst_sign_public *key,
                                    struct pst_note_verifier *ret_verifier)
{
    return verifier_init(pst_bytes_str(name), (uint8_t)type, key, ret_verifier);
}

/* ---- the text of keys --------------------------------------------------- */

struct key_text {
    struct pst_bytes name;
    char id[ID_HEX_LEN]; /* not NUL-terminated */
    uint8_t typed[TYPED_BYTES];
};

/* Splits at the plus signs; base64 may hold more of them, names and ids none. */
static enum pst_err key_split(struct pst_bytes text, struct key_text *ret_key)
{
    const uint8_t *plus = text.len > 0 ? memchr(text.ptr, '+', text.len) : NULL;
    if (plus == NULL)
        return PST_ERR_SYNTAX;
    ret_key->name = pst_bytes(text.ptr, (size_t)(plus - text.ptr));
    struct pst_bytes rest = pst_bytes(plus + 1, text.len - ret_key->name.len - 1);
    if (!pst_note_name_valid(ret_key->name) || rest.len <= ID_HEX_LEN ||
        rest.ptr[ID_HEX_LEN] != '+')
        return PST_ERR_SYNTAX;
    memcpy(ret_key->id, rest.ptr, ID_HEX_LEN);
    enum pst_err r = pst_base64_padded_decode_exact(
        pst_bytes(rest.ptr + ID_HEX_LEN + 1, rest.len - ID_HEX_LEN - 1), ret_key->typed,
        sizeof ret_key->typed);
    if (r == PST_OK && !is_type(ret_key->typed[0]))
        r = PST_ERR_UNSUPPORTED;
    return r;
}

static void id_hex(const struct pst_note_verifier *verifier, char *ret_hex)
{
    (void)sodium_bin2hex(ret_hex, ID_HEX_LEN + 1, verifier->id, sizeof verifier->id);
}

/* Is the id the key's? Hex in capitals would be a second text of one key. */
static bool id_fits(const struct pst_note_verifier *verifier, const struct key_text *key)
{
    char hex[ID_HEX_LEN + 1];
    id_hex(verifier, hex);
    return memcmp(hex, key->id, ID_HEX_LEN) == 0;
}

enum pst_err pst_note_verifier_parse(struct pst_bytes text, struct pst_note_verifier *ret_verifier)
{
    struct key_text key;
    struct pst_sign_public public_key;
    struct pst_note_verifier verifier;
    enum pst_err r = key_split(text, &key);
    if (r != PST_OK)
        return r;
    memcpy(public_key.bytes, key.typed + 1, sizeof public_key.bytes);
    r = verifier_init(key.name, key.typed[0], &public_key, &verifier);
    if (r == PST_OK && !id_fits(&verifier, &key))
        r = PST_ERR_CRYPTO;
    if (r == PST_OK)
        *ret_verifier = verifier;
    return r;
}

enum pst_err pst_note_verifier_append(const struct pst_note_verifier *verifier, struct pst_buf *out)
{
    PST_BUF struct pst_buf text = {.max = PST_NOTE_KEY_MAX_BYTES};
    char hex[ID_HEX_LEN + 1];
    uint8_t typed[TYPED_BYTES] = {(uint8_t)verifier->type};
    id_hex(verifier, hex);
    memcpy(typed + 1, verifier->key.bytes, sizeof verifier->key.bytes);
    enum pst_err r = pst_buf_printf(&text, "%s+%s+", verifier->name, hex);
    if (r == PST_OK)
        r = pst_base64_padded_append(&text, pst_bytes(typed, sizeof typed));
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(&text)) : r;
}

/* ---- signers ------------------------------------------------------------ */

void pst_note_signer_free(struct pst_note_signer *signer)
{
    pst_signer_free(&signer->signer);
}

enum pst_err pst_note_signer_new(const char *name, enum pst_note_type type,
                                 const struct pst_random *random,
                                 struct pst_note_signer *ret_signer)
{
    struct pst_note_signer signer = {.signer = NULL};
    enum pst_err r = pst_signer_new(random, &signer.signer);
    if (r == PST_OK)
        r = pst_note_verifier_init(name, type, &signer.signer->public_key, &signer.verifier);
    if (r == PST_OK)
        *ret_signer = signer;
    else
        pst_note_signer_free(&signer);
    return r;
}

static enum pst_err signer_from(const struct key_text *key, struct pst_note_signer *ret_signer)
{
    struct pst_note_signer signer = {.signer = NULL};
    PST_SECRET struct pst_secret *seed = NULL;
    enum pst_err r = pst_secret_new(PST_SIGN_SEED_BYTES, &seed);
    if (r == PST_OK) {
        memcpy(pst_secret_mut(seed), key->typed + 1, PST_SIGN_SEED_BYTES);
        r = pst_signer_from_seed(seed, &signer.signer);
    }
    if (r == PST_OK)
        r = verifier_init(key->name, key->typed[0], &signer.signer->public_key, &signer.verifier);
    if (r == PST_OK && !id_fits(&signer.verifier, key))
        r = PST_ERR_CRYPTO;
    if (r == PST_OK)
        *ret_signer = signer;
    else
        pst_note_signer_free(&signer);
    return r;
}

enum pst_err pst_note_signer_parse(struct pst_bytes text, struct pst_note_signer *ret_signer)
{
    struct key_text key;
    size_t skip = strlen(SIGNER_PREFIX);
    if (text.len < skip || memcmp(text.ptr, SIGNER_PREFIX, skip) != 0)
        return PST_ERR_SYNTAX;
    enum pst_err r = key_split(pst_bytes(text.ptr + skip, text.len - skip), &key);
    if (r == PST_OK)
        r = signer_from(&key, ret_signer);
    sodium_memzero(&key, sizeof key);
    return r;
}

enum pst_err pst_note_signer_format(const struct pst_note_signer *signer,
                                    struct pst_secret **ret_text)
{
    struct pst_secret *text = NULL;
    char hex[ID_HEX_LEN + 1];
    uint8_t typed[TYPED_BYTES] = {(uint8_t)signer->verifier.type};
    char base64[sodium_base64_ENCODED_LEN(TYPED_BYTES, sodium_base64_VARIANT_ORIGINAL)];
    enum pst_err r = pst_secret_new(PST_NOTE_KEY_MAX_BYTES, &text);
    if (r != PST_OK)
        return r;
    id_hex(&signer->verifier, hex);
    memcpy(typed + 1, pst_secret_bytes(signer->signer->seed), PST_SIGN_SEED_BYTES);
    (void)sodium_bin2base64(base64, sizeof base64, typed, sizeof typed,
                            sodium_base64_VARIANT_ORIGINAL);
    /* It fits: the name has its limit, all else its length. */
    (void)snprintf((char *)pst_secret_mut(text), PST_NOTE_KEY_MAX_BYTES, SIGNER_PREFIX "%s+%s+%s",
                   signer->verifier.name, hex, base64);
    sodium_memzero(typed, sizeof typed);
    sodium_memzero(base64, sizeof base64);
    *ret_text = text;
    return PST_OK;
}
