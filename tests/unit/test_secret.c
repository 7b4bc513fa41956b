#include "postern/secret.h"

#include <string.h>

#include "unit.h"

START_TEST(take_wipes_its_source)
{
    char source[] = "hunter2hunter2";
    const char zero[sizeof source - 1] = {0};
    struct pst_secret *secret = NULL;
    ck_assert_int_eq(pst_secret_take(source, sizeof source - 1, &secret), PST_OK);
    ck_assert_mem_eq(source, zero, sizeof zero);
    ck_assert_mem_eq(pst_secret_bytes(secret), "hunter2hunter2", 14);
    pst_secret_free(&secret);
    ck_assert_ptr_null(secret);
    pst_secret_free(&secret);
    pst_secret_free(NULL);
}
END_TEST

START_TEST(refuses_lengths_out_of_range)
{
    struct pst_secret *secret = NULL;
    ck_assert_int_eq(pst_secret_new(0, &secret), PST_ERR_INVALID);
    ck_assert_int_eq(pst_secret_new(PST_SECRET_MAX_BYTES + 1, &secret), PST_ERR_TOO_LONG);
    ck_assert_ptr_null(secret);
}
END_TEST

START_TEST(equality_is_of_length_and_content)
{
    struct pst_secret *a = NULL, *b = NULL, *c = NULL;
    ck_assert_int_eq(pst_secret_random(32, &a), PST_OK);
    ck_assert_int_eq(pst_secret_copy(a, &b), PST_OK);
    ck_assert_int_eq(pst_secret_random(32, &c), PST_OK);
    ck_assert(pst_secret_equal(a, b));
    ck_assert(!pst_secret_equal(a, c));
    pst_secret_free(&a);
    pst_secret_free(&b);
    pst_secret_free(&c);
}
END_TEST

/* More than are kept, of lengths kept and not: every one is new, zero and writable. */
START_TEST(memory_used_again_is_zero)
{
    enum { COUNT = 40 };
    static const size_t lens[] = {16, 32, 64, 65, 4096};
    for (size_t round = 0; round < 2 * sizeof lens / sizeof lens[0]; round++) {
        size_t len = lens[round % (sizeof lens / sizeof lens[0])];
        struct pst_secret *secrets[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            ck_assert_int_eq(pst_secret_new(len, &secrets[i]), PST_OK);
            ck_assert_uint_eq(pst_secret_len(secrets[i]), len);
            for (size_t at = 0; at < len; at++)
                ck_assert_uint_eq(pst_secret_bytes(secrets[i])[at], 0);
            memset(pst_secret_mut(secrets[i]), 0xa5, len);
        }
        for (size_t i = 0; i < COUNT; i++)
            pst_secret_free(&secrets[i]);
    }
}
END_TEST

PST_UNIT_MAIN("secret", take_wipes_its_source, refuses_lengths_out_of_range,
              equality_is_of_length_and_content, memory_used_again_is_zero)
