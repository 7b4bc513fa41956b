#include "server/web/credential.h"

#include <sodium.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "server/vault/fields.h"

#define WRAP_SEALED_MAX (PST_WRAP_BYTES + PST_VAULT_OVERHEAD_BYTES)
#define RING_SEALED_MAX (PST_KEYRING_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES)

struct credential_body {
    uint8_t auth[PST_AUTH_BYTES];
    uint8_t salt[PST_LOGIN_SALT_BYTES];
    int64_t memory;
    int64_t passes;
};

#define CREDENTIAL(name) offsetof(struct credential_body, name)
static const struct pst_json_member credential_members[] = {
    {"auth", PST_JSON_BIN32, PST_JSON_REQUIRED, CREDENTIAL(auth), 0},
    {"salt", PST_JSON_BIN16, PST_JSON_REQUIRED, CREDENTIAL(salt), 0},
    {"memory", PST_JSON_INT, PST_JSON_REQUIRED, CREDENTIAL(memory), 0},
    {"passes", PST_JSON_INT, PST_JSON_REQUIRED, CREDENTIAL(passes), 0},
};

static enum pst_err bad(struct pst_request *request, const char *member)
{
    enum pst_err r = pst_request_bad(request, member);
    return r == PST_OK ? PST_ERR_SYNTAX : r;
}

/* Where a wrap lives: person, then kind. */
static enum pst_err wrap_row(const struct pst_uuid *person, const char *kind, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append(out, person->bytes, sizeof person->bytes);
    return r == PST_OK ? pst_buf_append_str(out, kind) : r;
}

static enum pst_err wrap_seal(const struct pst_vault *vault, const struct pst_uuid *person,
                              const char *kind, struct pst_bytes wrap, struct pst_buf *out)
{
    PST_BUF struct pst_buf row = {.max = PST_VAULT_ROW_MAX};
    enum pst_err r = wrap_row(person, kind, &row);
    if (r != PST_OK)
        return r;
    return pst_vault_field_seal(vault, pst_vault_at(PST_FIELD_WRAP, row.bytes, row.len), wrap, out);
}

enum pst_err pst_wrap_open(const struct pst_vault *vault, const struct pst_uuid *person,
                           const char *kind, struct pst_bytes sealed, struct pst_buf *out)
{
    PST_BUF struct pst_buf row = {.max = PST_VAULT_ROW_MAX};
    enum pst_err r = wrap_row(person, kind, &row);
    if (r != PST_OK)
        return r;
    return pst_vault_field_open(vault, pst_vault_at(PST_FIELD_WRAP, row.bytes, row.len), sealed,
                                out);
}

static enum pst_err wraps_seal(struct pst_request *request, json_t *wraps,
                               const struct pst_uuid *person, struct pst_keyring_sealed *sealed)
{
    const char *kind = NULL;
    json_t *value = NULL;
    if (json_object_size(wraps) > PST_WRAPS_MAX || json_object_get(wraps, "passphrase") == NULL)
        return bad(request, "wraps");
    json_object_foreach(wraps, kind, value)
    {
        uint8_t wrap[PST_WRAP_BYTES];
        struct pst_buf *out = &sealed->wraps[sealed->wraps_count].sealed;
        if (!pst_wrap_kind_valid(kind) || !json_is_string(value) ||
            strlen(kind) > PST_VAULT_ROW_MAX - PST_UUID_BYTES ||
            pst_base64url_decode_exact(pst_bytes_str(json_string_value(value)), wrap,
                                       sizeof wrap) != PST_OK)
            return bad(request, "wraps");
        pst_buf_init(out, WRAP_SEALED_MAX);
        sealed->wraps[sealed->wraps_count++].kind = kind;
        enum pst_err r = wrap_seal(request->vault, person, kind, pst_bytes(wrap, sizeof wrap), out);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err ring_seal(struct pst_request *request, const char *text,
                              const struct pst_uuid *person, struct pst_buf *out)
{
    PST_BUF struct pst_buf ring = {.max = PST_KEYRING_MAX_BYTES};
    enum pst_err r = pst_base64url_decode(pst_bytes_str(text), &ring);
    if (r == PST_ERR_SYNTAX || r == PST_ERR_TOO_LONG || ring.len == 0)
        return bad(request, "ring");
    pst_buf_init(out, RING_SEALED_MAX);
    if (r == PST_OK)
        r = pst_vault_field_seal(request->vault, pst_field_of(PST_FIELD_ACCOUNT_RING, person),
                                 pst_buf_bytes(&ring), out);
    return r;
}

static enum pst_err auth_hash(const struct pst_request *request, const char *use,
                              const struct pst_uuid *person, uint8_t *auth, uint8_t *ret_hash)
{
    enum pst_err r =
        pst_vault_auth_hash(request->vault, use, person, pst_bytes(auth, PST_AUTH_BYTES), ret_hash);
    sodium_memzero(auth, PST_AUTH_BYTES);
    return r;
}

static enum pst_err credential_seal(struct pst_request *request, const json_t *json,
                                    const struct pst_uuid *person,
                                    struct pst_keyring_sealed *sealed)
{
    struct credential_body body;
    if (pst_json_decode(json, credential_members, 4, &body, NULL, NULL) != PST_OK ||
        body.memory > PST_LOGIN_MEMORY_MAX_KIB || body.passes > PST_LOGIN_PASSES_MAX)
        return bad(request, "credential");
    memcpy(sealed->params.salt, body.salt, sizeof body.salt);
    sealed->params.memory_kib = (uint32_t)body.memory;
    sealed->params.passes = (uint32_t)body.passes;
    if (pst_login_params_check(&sealed->params) != PST_OK)
        return bad(request, "credential");
    sealed->has_credential = true;
    return auth_hash(request, PST_AUTH_PASSPHRASE, person, body.auth, sealed->auth_hash);
}

static enum pst_err recovery_seal(struct pst_request *request, const json_t *json,
                                  const struct pst_uuid *person, struct pst_keyring_sealed *sealed)
{
    struct credential_body body;
    if (pst_json_decode(json, credential_members, 1, &body, NULL, NULL) != PST_OK)
        return bad(request, "recovery");
    sealed->has_recovery = true;
    return auth_hash(request, PST_AUTH_RECOVERY, person, body.auth, sealed->recovery_hash);
}

enum pst_err pst_keyring_body_seal(struct pst_request *request, const struct pst_keyring_body *body,
                                   const struct pst_uuid *person,
                                   struct pst_keyring_sealed *ret_sealed)
{
    enum pst_err r = ring_seal(request, body->ring, person, &ret_sealed->ring);
    if (r == PST_OK)
        r = wraps_seal(request, body->wraps, person, ret_sealed);
    if (r == PST_OK && body->credential != NULL)
        r = credential_seal(request, body->credential, person, ret_sealed);
    if (r == PST_OK && body->recovery != NULL)
        r = recovery_seal(request, body->recovery, person, ret_sealed);
    return r;
}

void pst_keyring_sealed_free(struct pst_keyring_sealed *sealed)
{
    pst_buf_free(&sealed->ring);
    for (size_t i = 0; i < sealed->wraps_count; i++)
        pst_buf_free(&sealed->wraps[i].sealed);
    sealed->wraps_count = 0;
}

enum pst_err pst_keyring_wraps_put(struct pst_tx *tx, const struct pst_uuid *person,
                                   const struct pst_keyring_sealed *sealed)
{
    enum pst_err r = pst_wrap_clear(tx, person);
    for (size_t i = 0; r == PST_OK && i < sealed->wraps_count; i++)
        r = pst_wrap_insert(tx, person, sealed->wraps[i].kind,
                            pst_buf_bytes(&sealed->wraps[i].sealed));
    return r;
}
