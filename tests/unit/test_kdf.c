#include "postern/kdf.h"

#include <string.h>

#include "unit.h"
#include "vectors.h"

static struct pst_secret *secret_of(const char *text)
{
    struct pst_secret *secret = NULL;
    ck_assert_int_eq(pst_secret_new(strlen(text), &secret), PST_OK);
    memcpy(pst_secret_mut(secret), text, strlen(text));
    return secret;
}

static struct pst_login_params vector_params(void)
{
    struct pst_login_params params = {
        .memory_kib = (uint32_t)json_integer_value(vectors_get("login.memory")),
        .passes = (uint32_t)json_integer_value(vectors_get("login.passes")),
    };
    vectors_exact("login.salt", params.salt, sizeof params.salt);
    return params;
}

static void assert_secret(const struct pst_secret *got, const char *path)
{
    struct pst_secret *want = vectors_secret(path, 32);
    ck_assert(pst_secret_equal(got, want));
    pst_secret_free(&want);
}

START_TEST(login_is_the_vectors)
{
    struct pst_secret *passphrase = secret_of(vectors_text("login.passphrase"));
    struct pst_login_params params = vector_params();
    struct pst_login_keys keys = {0};
    struct pst_secret *master = NULL;
    ck_assert_int_eq(pst_login_derive(passphrase, &params, &keys), PST_OK);
    assert_secret(keys.auth, "login.auth");
    assert_secret(keys.wrap, "login.wrap");
    ck_assert_int_eq(pst_login_master(passphrase, &params, &master), PST_OK);
    assert_secret(master, "login.master");
    pst_secret_free(&master);
    pst_login_keys_free(&keys);
    pst_secret_free(&passphrase);
}
END_TEST

START_TEST(spellings_that_look_the_same_are_the_same)
{
    /* "café ﬁ" composed and with a ligature, and decomposed: NFKC makes them one. */
    struct pst_secret *composed = secret_of("caf\xc3\xa9 \xef\xac\x81");
    struct pst_secret *decomposed = secret_of("cafe\xcc\x81 fi");
    struct pst_login_params params = vector_params();
    struct pst_secret *a = NULL;
    struct pst_secret *b = NULL;
    ck_assert_int_eq(pst_login_master(composed, &params, &a), PST_OK);
    ck_assert_int_eq(pst_login_master(decomposed, &params, &b), PST_OK);
    ck_assert(pst_secret_equal(a, b));
    pst_secret_free(&a);
    pst_secret_free(&b);
    pst_secret_free(&composed);
    pst_secret_free(&decomposed);
}
END_TEST

START_TEST(weak_or_stalling_parameters_are_refused)
{
    static const struct {
        uint32_t memory_kib;
        uint32_t passes;
        enum pst_err want;
    } cases[] = {
        {65536, 3, PST_OK},      {65535, 3, PST_ERR_INVALID},   {65536, 2, PST_ERR_INVALID},
        {1048576, 3, PST_OK},    {1048577, 3, PST_ERR_INVALID}, {65536, 33, PST_ERR_INVALID},
        {0, 0, PST_ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_login_params params = {{0}, cases[i].memory_kib, cases[i].passes};
        ck_assert_int_eq(pst_login_params_check(&params), cases[i].want);
    }
    struct pst_login_params fresh;
    pst_login_params_new(NULL, &fresh);
    ck_assert_int_eq(pst_login_params_check(&fresh), PST_OK);
}
END_TEST

START_TEST(passphrases_that_are_no_text_are_refused)
{
    struct pst_secret *bad = secret_of("caf\xe9");
    struct pst_login_params params = vector_params();
    struct pst_secret *master = NULL;
    struct pst_secret *large = NULL;
    ck_assert_int_eq(pst_login_master(bad, &params, &master), PST_ERR_INVALID);
    ck_assert_int_eq(pst_secret_new(PST_PASSPHRASE_MAX_BYTES + 1, &large), PST_OK);
    ck_assert_int_eq(pst_login_master(large, &params, &master), PST_ERR_TOO_LONG);
    /* U+FDFA is 3 bytes, and 33 in NFKC: longer than is taken, without overflowing. */
    struct pst_secret *grows = NULL;
    ck_assert_int_eq(pst_secret_new(1023, &grows), PST_OK);
    for (size_t i = 0; i < 1023; i += 3)
        memcpy(pst_secret_mut(grows) + i, "\xef\xb7\xba", 3);
    ck_assert_int_eq(pst_login_master(grows, &params, &master), PST_ERR_TOO_LONG);
    ck_assert_ptr_null(master);
    pst_secret_free(&grows);
    pst_secret_free(&large);
    pst_secret_free(&bad);
}
END_TEST

START_TEST(hkdf_is_rfc_5869)
{
    /* Test case 3: no salt, no info. */
    static const uint8_t want[42] = {
        0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80, 0x2a, 0x06, 0x3c,
        0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1, 0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f,
        0x3c, 0x73, 0x8d, 0x2d, 0x9d, 0x20, 0x13, 0x95, 0xfa, 0xa4, 0xb6, 0x1a, 0x96, 0xc8};
    uint8_t key[22];
    struct pst_secret *out = NULL;
    memset(key, 0x0b, sizeof key);
    ck_assert_int_eq(
        pst_hkdf_sha256(pst_bytes(key, sizeof key), pst_bytes(NULL, 0), "", sizeof want, &out),
        PST_OK);
    ck_assert_mem_eq(pst_secret_bytes(out), want, sizeof want);
    pst_secret_free(&out);
}
END_TEST

START_TEST(recovery_and_passkey_differ_from_each_other)
{
    struct pst_secret *code = NULL;
    struct pst_login_keys recovery = {0};
    struct pst_login_keys prf = {0};
    ck_assert_int_eq(pst_secret_new(32, &code), PST_OK);
    ck_assert_int_eq(pst_login_from_recovery(code, &recovery), PST_OK);
    ck_assert_int_eq(pst_login_from_prf(code, &prf), PST_OK);
    ck_assert_ptr_nonnull(recovery.auth);
    ck_assert_ptr_null(prf.auth);
    ck_assert(!pst_secret_equal(recovery.wrap, prf.wrap));
    ck_assert(!pst_secret_equal(recovery.wrap, recovery.auth));
    pst_login_keys_free(&recovery);
    pst_login_keys_free(&prf);
    pst_secret_free(&code);
}
END_TEST

START_TEST(kdf_wants_a_key_and_a_context_of_eight)
{
    struct pst_secret *key = NULL;
    struct pst_secret *short_key = NULL;
    struct pst_secret *out = NULL;
    ck_assert_int_eq(pst_secret_new(32, &key), PST_OK);
    ck_assert_int_eq(pst_secret_new(31, &short_key), PST_OK);
    ck_assert_int_eq(pst_kdf(key, 1, "seven77", &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_kdf(short_key, 1, "pstrauth", &out), PST_ERR_INVALID);
    ck_assert_ptr_null(out);
    pst_secret_free(&key);
    pst_secret_free(&short_key);
}
END_TEST

PST_UNIT_MAIN("kdf", login_is_the_vectors, spellings_that_look_the_same_are_the_same,
              weak_or_stalling_parameters_are_refused, passphrases_that_are_no_text_are_refused,
              hkdf_is_rfc_5869, recovery_and_passkey_differ_from_each_other,
              kdf_wants_a_key_and_a_context_of_eight)
