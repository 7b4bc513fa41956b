#include "postern/keyring.h"

#include <sodium.h>
#include <string.h>

#include "postern/cleanup.h"
#include "unit.h"
#include "vectors.h"

static const struct pst_uuid ada = {{0x01, [6] = 0x70, [8] = 0x80, [15] = 1}};
static const struct pst_uuid bob = {{0x01, [6] = 0x70, [8] = 0x80, [15] = 2}};

static struct pst_secret *random_key(void)
{
    struct pst_secret *key = NULL;
    ck_assert_int_eq(pst_keyring_key_new(NULL, &key), PST_OK);
    return key;
}

static struct pst_keyring *sample_ring(void)
{
    struct pst_keyring *ring = NULL;
    ck_assert_int_eq(pst_keyring_new(&ring), PST_OK);
    ck_assert_int_eq(pst_keyring_add_identity(ring, random_key()), PST_OK);
    ck_assert_int_eq(pst_keyring_add_identity(ring, vectors_secret("keys.patient.secret", 32)),
                     PST_OK);
    ck_assert_int_eq(pst_keyring_add_signing(ring, vectors_secret("signing.seed", 32)), PST_OK);
    ring->root = random_key();
    for (uint8_t i = 0; i < 20; i++) {
        struct pst_pin pin = {.id = {{(uint8_t)(200 - i)}}, .serial = i + 1, .hash = {{i}}};
        ck_assert_int_eq(pst_keyring_pin_set(ring, &pin), PST_OK);
    }
    ck_assert_int_eq(pst_keyring_checkpoint_set(ring, "x.example/ledger\n7\nabc\n\n\xe2\x80\x94"),
                     PST_OK);
    return ring;
}

START_TEST(a_ring_opens_to_what_was_sealed)
{
    struct pst_keyring *ring = sample_ring();
    struct pst_keyring *again = NULL;
    struct pst_secret *key = random_key();
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    ck_assert_int_eq(pst_keyring_seal(ring, key, &ada, NULL, &sealed), PST_OK);
    ck_assert_int_eq(pst_keyring_open(pst_buf_bytes(&sealed), key, &ada, &again), PST_OK);
    ck_assert_uint_eq(again->identities_count, 2);
    ck_assert(pst_secret_equal(again->identities[0], ring->identities[0]));
    ck_assert(pst_secret_equal(again->identities[1], ring->identities[1]));
    ck_assert_uint_eq(again->signing_count, 1);
    ck_assert(pst_secret_equal(again->signing[0], ring->signing[0]));
    ck_assert(pst_secret_equal(again->root, ring->root));
    ck_assert_str_eq(again->checkpoint, ring->checkpoint);
    ck_assert_uint_eq(again->pins_count, 20);
    for (size_t i = 0; i < 20; i++) {
        const struct pst_pin *pin = pst_keyring_pin(again, &ring->pins[i].id);
        ck_assert_ptr_nonnull(pin);
        ck_assert_int_eq(pin->serial, ring->pins[i].serial);
        ck_assert(pst_sha256_equal(&pin->hash, &ring->pins[i].hash));
    }
    pst_keyring_free(&again);
    pst_keyring_free(&ring);
    pst_secret_free(&key);
}
END_TEST

START_TEST(an_empty_ring_opens_too)
{
    struct pst_keyring *ring = NULL;
    struct pst_keyring *again = NULL;
    struct pst_secret *key = random_key();
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    ck_assert_int_eq(pst_keyring_new(&ring), PST_OK);
    ck_assert_int_eq(pst_keyring_seal(ring, key, &ada, NULL, &sealed), PST_OK);
    ck_assert_int_eq(pst_keyring_open(pst_buf_bytes(&sealed), key, &ada, &again), PST_OK);
    ck_assert_ptr_null(again->root);
    ck_assert_ptr_null(again->checkpoint);
    ck_assert_ptr_null(pst_keyring_pin(again, &ada));
    pst_keyring_free(&again);
    pst_keyring_free(&ring);
    pst_secret_free(&key);
}
END_TEST

START_TEST(another_person_key_or_byte_does_not_open)
{
    struct pst_keyring *ring = sample_ring();
    struct pst_keyring *again = NULL;
    struct pst_secret *key = random_key();
    struct pst_secret *other = random_key();
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    ck_assert_int_eq(pst_keyring_seal(ring, key, &ada, NULL, &sealed), PST_OK);
    struct pst_bytes bytes = pst_buf_bytes(&sealed);
    ck_assert_int_eq(pst_keyring_open(bytes, key, &bob, &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_open(bytes, other, &ada, &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_open(pst_bytes(bytes.ptr, 39), key, &ada, &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_open(pst_bytes(bytes.ptr, bytes.len - 1), key, &ada, &again),
                     PST_ERR_CRYPTO);
    sealed.bytes[sealed.len / 2] ^= 1;
    ck_assert_int_eq(pst_keyring_open(bytes, key, &ada, &again), PST_ERR_CRYPTO);
    ck_assert_ptr_null(again);
    pst_keyring_free(&ring);
    pst_secret_free(&key);
    pst_secret_free(&other);
}
END_TEST

/* Seals any text as a ring, as formats.md says, by libsodium directly. */
static enum pst_err open_text(const char *json)
{
    uint8_t key_bytes[32] = {7};
    uint8_t sealed[4096];
    unsigned long long len = 0;
    char ad[64] = "postern.keyring/1 ";
    struct pst_secret *key = NULL;
    struct pst_keyring *ring = NULL;
    pst_uuid_format(&ada, ad + strlen(ad));
    memset(sealed, 9, 24);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + 24, &len, (const uint8_t *)json,
                                               strlen(json), (const uint8_t *)ad, strlen(ad), NULL,
                                               sealed, key_bytes);
    ck_assert_int_eq(pst_secret_take(key_bytes, sizeof key_bytes, &key), PST_OK);
    enum pst_err r = pst_keyring_open(pst_bytes(sealed, 24 + (size_t)len), key, &ada, &ring);
    pst_keyring_free(&ring);
    pst_secret_free(&key);
    return r;
}

START_TEST(what_is_inside_is_read_strictly)
{
    static const struct {
        const char *json;
        enum pst_err want;
    } cases[] = {
        {"{\"identities\":[],\"pins\":{},\"signing\":[]}", PST_OK},
        {"{\"pins\":{}, \"identities\":[], \"signing\":[]}", PST_OK},
        {"{\"identities\":[],\"signing\":[]}", PST_ERR_SYNTAX},
        {"{\"identities\":[1],\"pins\":{},\"signing\":[]}", PST_ERR_SYNTAX},
        {"{\"identities\":[\"AGE-SECRET-KEY-1\"],\"pins\":{},\"signing\":[]}", PST_ERR_SYNTAX},
        {"{\"identities\":[],\"pins\":{},\"signing\":[\"short\"]}", PST_ERR_SYNTAX},
        {"{\"identities\":[],\"pins\":{\"x\":{}},\"signing\":[]}", PST_ERR_SYNTAX},
        {"{\"identities\":[],\"pins\":{},\"signing\":[],\"more\":1}", PST_ERR_SYNTAX},
        {"{\"identities\":[],\"pins\":{},\"signing\":[],\"root\":\"x\"}", PST_ERR_SYNTAX},
        {"[]", PST_ERR_SYNTAX},
        {"", PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(open_text(cases[i].json) == cases[i].want, "%s", cases[i].json);
}
END_TEST

START_TEST(wraps_open_by_kind_and_person_alone)
{
    struct pst_secret *key = random_key();
    struct pst_secret *wrap = vectors_secret("login.wrap", 32);
    struct pst_secret *again = NULL;
    PST_BUF struct pst_buf wrapped = {.max = 1024};
    ck_assert_int_eq(pst_keyring_wrap(key, wrap, &ada, "passphrase", NULL, &wrapped), PST_OK);
    ck_assert_uint_eq(wrapped.len, PST_WRAP_BYTES);
    struct pst_bytes bytes = pst_buf_bytes(&wrapped);
    ck_assert_int_eq(pst_keyring_unwrap(bytes, wrap, &ada, "passphrase", &again), PST_OK);
    ck_assert(pst_secret_equal(key, again));
    pst_secret_free(&again);
    ck_assert_int_eq(pst_keyring_unwrap(bytes, wrap, &ada, "recovery", &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_unwrap(bytes, wrap, &bob, "passphrase", &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_unwrap(bytes, key, &ada, "passphrase", &again), PST_ERR_CRYPTO);
    ck_assert_int_eq(
        pst_keyring_unwrap(pst_bytes(bytes.ptr, bytes.len - 1), wrap, &ada, "passphrase", &again),
        PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_keyring_unwrap(bytes, wrap, &ada, "magic", &again), PST_ERR_INVALID);
    ck_assert_ptr_null(again);
    pst_secret_free(&key);
    pst_secret_free(&wrap);
}
END_TEST

START_TEST(kinds_of_wraps)
{
    ck_assert(pst_wrap_kind_valid("passphrase"));
    ck_assert(pst_wrap_kind_valid("recovery"));
    ck_assert(pst_wrap_kind_valid("prf:S4TmpD_rwBX-"));
    ck_assert(!pst_wrap_kind_valid("prf:"));
    ck_assert(!pst_wrap_kind_valid("prf:a b"));
    ck_assert(!pst_wrap_kind_valid("Passphrase"));
    ck_assert(!pst_wrap_kind_valid(""));
}
END_TEST

START_TEST(limits_hold)
{
    struct pst_keyring *ring = NULL;
    struct pst_secret *odd = NULL;
    ck_assert_int_eq(pst_keyring_new(&ring), PST_OK);
    ck_assert_int_eq(pst_secret_random(31, &odd), PST_OK);
    ck_assert_int_eq(pst_keyring_add_signing(ring, odd), PST_ERR_INVALID);
    for (size_t i = 0; i < PST_KEYRING_KEYS_MAX; i++)
        ck_assert_int_eq(pst_keyring_add_signing(ring, random_key()), PST_OK);
    ck_assert_int_eq(pst_keyring_add_signing(ring, random_key()), PST_ERR_TOO_LONG);
    struct pst_pin pin = {.id = ada, .serial = 1};
    ck_assert_int_eq(pst_keyring_pin_set(ring, &pin), PST_OK);
    pin.serial = 2;
    ck_assert_int_eq(pst_keyring_pin_set(ring, &pin), PST_OK);
    ck_assert_uint_eq(ring->pins_count, 1);
    ck_assert_int_eq(pst_keyring_pin(ring, &ada)->serial, 2);
    pst_keyring_free(&ring);
    pst_keyring_free(&ring);
}
END_TEST

PST_UNIT_MAIN("keyring", a_ring_opens_to_what_was_sealed, an_empty_ring_opens_too,
              another_person_key_or_byte_does_not_open, what_is_inside_is_read_strictly,
              wraps_open_by_kind_and_person_alone, kinds_of_wraps, limits_hold)
