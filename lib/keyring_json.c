#include "keyring_json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "json_alloc.h"
#include "postern/age_key.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/json.h"

/* Upper bounds of the text of one identity, one seed and one pin, punctuation included. */
#define IDENTITY_TEXT_MAX 80
#define SEED_TEXT_MAX 48
#define PIN_TEXT_MAX 160
#define REST_TEXT_MAX 256
/* JSON escapes make at most six bytes of one. */
#define ESCAPED 6

void pst_keyring_json_wipe(struct pst_buf *json)
{
    if (json->bytes != NULL)
        sodium_memzero(json->bytes, json->cap);
    pst_buf_free(json);
}

/* All room at once: a buffer that grows would leave copies behind in freed memory. */
static enum pst_err reserve(const struct pst_keyring *ring, struct pst_buf *json)
{
    uint8_t *at = NULL;
    size_t len = REST_TEXT_MAX + ring->identities_count * IDENTITY_TEXT_MAX +
                 (ring->signing_count + 1) * SEED_TEXT_MAX + ring->pins_count * PIN_TEXT_MAX;
    if (ring->checkpoint != NULL)
        len += strlen(ring->checkpoint) * ESCAPED;
    pst_buf_init(json, PST_KEYRING_MAX_BYTES);
    enum pst_err r = pst_buf_extend(json, len, &at);
    if (r == PST_OK)
        pst_buf_clear(json);
    return r;
}

static enum pst_err write_checkpoint(const struct pst_keyring *ring, struct pst_buf *json)
{
    PST_JSON json_t *text = NULL;
    if (ring->checkpoint == NULL)
        return PST_OK;
    enum pst_err r = pst_json_text_new(ring->checkpoint, &text);
    if (r == PST_OK)
        r = pst_buf_append_str(json, "\"checkpoint\":");
    if (r == PST_OK)
        r = pst_json_write_canonical(text, json);
    return r == PST_OK ? pst_buf_append_byte(json, ',') : r;
}

static enum pst_err write_identity(const struct pst_secret *identity, struct pst_buf *json)
{
    struct pst_secret *text = NULL;
    enum pst_err r = pst_age_identity_format(identity, &text);
    if (r == PST_OK)
        r = pst_buf_append(json, pst_secret_bytes(text), pst_secret_len(text));
    pst_secret_free(&text);
    return r;
}

static enum pst_err write_seed(const struct pst_secret *seed, struct pst_buf *json)
{
    return pst_base64url_append(json, pst_bytes(pst_secret_bytes(seed), pst_secret_len(seed)));
}

/* "name":["…","…"] */
static enum pst_err write_keys(const char *name, struct pst_secret *const *keys, size_t count,
                               enum pst_err (*write)(const struct pst_secret *, struct pst_buf *),
                               struct pst_buf *json)
{
    enum pst_err r = pst_buf_printf(json, "\"%s\":[", name);
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        r = pst_buf_append_str(json, i > 0 ? ",\"" : "\"");
        if (r == PST_OK)
            r = write(keys[i], json);
        if (r == PST_OK)
            r = pst_buf_append_byte(json, '"');
    }
    return r == PST_OK ? pst_buf_append_byte(json, ']') : r;
}

static enum pst_err write_pin(const struct pst_pin *pin, struct pst_buf *json)
{
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&pin->id, id);
    enum pst_err r = pst_buf_printf(json, "\"%s\":{\"hash\":\"", id);
    if (r == PST_OK)
        r = pst_base64url_append(json, pst_bytes(pin->hash.bytes, sizeof pin->hash.bytes));
    return r == PST_OK ? pst_buf_printf(json, "\",\"serial\":%lld}", (long long)pin->serial) : r;
}

static enum pst_err write_pins(const struct pst_keyring *ring, struct pst_buf *json)
{
    enum pst_err r = pst_buf_append_str(json, ",\"pins\":{");
    for (size_t i = 0; r == PST_OK && i < ring->pins_count; i++) {
        if (i > 0)
            r = pst_buf_append_byte(json, ',');
        if (r == PST_OK)
            r = write_pin(&ring->pins[i], json);
    }
    return r == PST_OK ? pst_buf_append_byte(json, '}') : r;
}

static enum pst_err write_root(const struct pst_keyring *ring, struct pst_buf *json)
{
    if (ring->root == NULL)
        return PST_OK;
    enum pst_err r = pst_buf_append_str(json, ",\"root\":\"");
    if (r == PST_OK)
        r = write_seed(ring->root, json);
    return r == PST_OK ? pst_buf_append_byte(json, '"') : r;
}

enum pst_err pst_keyring_json_write(const struct pst_keyring *ring, struct pst_buf *json)
{
    enum pst_err r = reserve(ring, json);
    if (r == PST_OK)
        r = pst_buf_append_byte(json, '{');
    if (r == PST_OK)
        r = write_checkpoint(ring, json);
    if (r == PST_OK)
        r = write_keys("identities", ring->identities, ring->identities_count, write_identity,
                       json);
    if (r == PST_OK)
        r = write_pins(ring, json);
    if (r == PST_OK)
        r = write_root(ring, json);
    if (r == PST_OK)
        r = pst_buf_append_byte(json, ',');
    if (r == PST_OK)
        r = write_keys("signing", ring->signing, ring->signing_count, write_seed, json);
    return r == PST_OK ? pst_buf_append_byte(json, '}') : r;
}

struct raw {
    const char *root;
    const char *checkpoint;
    json_t *identities;
    json_t *signing;
    json_t *pins;
};

static const struct pst_json_member members[] = {
    {"identities", PST_JSON_ARRAY, PST_JSON_REQUIRED, offsetof(struct raw, identities),
     PST_KEYRING_KEYS_MAX},
    {"signing", PST_JSON_ARRAY, PST_JSON_REQUIRED, offsetof(struct raw, signing),
     PST_KEYRING_KEYS_MAX},
    {"pins", PST_JSON_OBJECT, PST_JSON_REQUIRED, offsetof(struct raw, pins), 0},
    {"root", PST_JSON_TEXT, 0, offsetof(struct raw, root), SEED_TEXT_MAX},
    {"checkpoint", PST_JSON_TEXT, 0, offsetof(struct raw, checkpoint),
     PST_KEYRING_CHECKPOINT_MAX_BYTES},
};

static const struct pst_json_member pin_members[] = {
    {"serial", PST_JSON_INT, PST_JSON_REQUIRED, offsetof(struct pst_pin, serial), 0},
    {"hash", PST_JSON_BIN32, PST_JSON_REQUIRED, offsetof(struct pst_pin, hash), 0},
};

static enum pst_err read_seed(const char *text, struct pst_secret **ret_seed)
{
    struct pst_secret *seed = NULL;
    enum pst_err r = pst_secret_new(PST_KEYRING_KEY_BYTES, &seed);
    if (r == PST_OK)
        r = pst_base64url_decode_exact(pst_bytes_str(text), pst_secret_mut(seed),
                                       PST_KEYRING_KEY_BYTES);
    if (r == PST_OK)
        *ret_seed = seed;
    else
        pst_secret_free(&seed);
    return r;
}

static enum pst_err read_identity(const char *text, struct pst_secret **ret_identity)
{
    return pst_age_identity_parse(pst_bytes_str(text), ret_identity);
}

static enum pst_err read_keys(const json_t *array,
                              enum pst_err (*read)(const char *, struct pst_secret **),
                              struct pst_secret **keys, size_t *count)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return PST_ERR_SYNTAX;
        enum pst_err r = read(json_string_value(item), &keys[*count]);
        if (r != PST_OK)
            return r;
        (*count)++;
    }
    return PST_OK;
}

static enum pst_err read_pins(const json_t *pins, struct pst_keyring *ring)
{
    const char *id = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)pins, id, value)
    {
        struct pst_pin pin = {0};
        enum pst_err r = pst_uuid_parse(id, strlen(id), &pin.id);
        if (r == PST_OK)
            r = pst_json_decode(value, pin_members, 2, &pin, NULL, NULL);
        if (r == PST_OK)
            r = pst_keyring_pin_set(ring, &pin);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err read_into(const json_t *json, struct pst_keyring *ring)
{
    struct raw raw = {0};
    enum pst_err r =
        pst_json_decode(json, members, sizeof members / sizeof members[0], &raw, NULL, NULL);
    if (r == PST_OK)
        r = read_keys(raw.identities, read_identity, ring->identities, &ring->identities_count);
    if (r == PST_OK)
        r = read_keys(raw.signing, read_seed, ring->signing, &ring->signing_count);
    if (r == PST_OK && raw.root != NULL)
        r = read_seed(raw.root, &ring->root);
    if (r == PST_OK)
        r = read_pins(raw.pins, ring);
    return r == PST_OK ? pst_keyring_checkpoint_set(ring, raw.checkpoint) : r;
}

enum pst_err pst_keyring_json_read(struct pst_bytes json, struct pst_keyring **ret_ring)
{
    PST_JSON json_t *parsed = NULL;
    struct pst_keyring *ring = NULL;
    /* Jansson copies every string it reads, and its buffers move as they grow. */
    pst_json_alloc_wipe();
    enum pst_err r = pst_json_parse(json, PST_KEYRING_MAX_BYTES, &parsed);
    if (r == PST_OK)
        r = pst_keyring_new(&ring);
    if (r == PST_OK)
        r = read_into(parsed, ring);
    if (r == PST_OK)
        *ret_ring = ring;
    else
        pst_keyring_free(&ring);
    return r;
}
