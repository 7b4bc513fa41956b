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

PST_UNIT_MAIN("secret", take_wipes_its_source, refuses_lengths_out_of_range,
              equality_is_of_length_and_content)
