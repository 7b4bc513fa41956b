#include "postern/age_key.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

/* From c2sp.org/age, "The X25519 recipient type": the identity is 32 bytes 0x42. */
#define IDENTITY "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
#define IDENTITY_LOWER "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex"
#define RECIPIENT "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

START_TEST(identity_and_recipient_of_the_specification)
{
    struct pst_secret *identity = NULL, *text = NULL;
    struct pst_age_recipient recipient, parsed;
    char written[PST_AGE_RECIPIENT_CHARS + 1];
    ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(IDENTITY), &identity), PST_OK);
    ck_assert_uint_eq(pst_secret_len(identity), 32);
    for (size_t i = 0; i < 32; i++)
        ck_assert_int_eq(pst_secret_bytes(identity)[i], 0x42);
    ck_assert_int_eq(pst_age_identity_format(identity, &text), PST_OK);
    ck_assert_uint_eq(pst_secret_len(text), PST_AGE_IDENTITY_CHARS);
    ck_assert_mem_eq(pst_secret_bytes(text), IDENTITY, PST_AGE_IDENTITY_CHARS);
    ck_assert_int_eq(pst_age_identity_recipient(identity, &recipient), PST_OK);
    pst_age_recipient_format(&recipient, written);
    ck_assert_str_eq(written, RECIPIENT);
    ck_assert_int_eq(pst_age_recipient_parse(pst_bytes_str(RECIPIENT), &parsed), PST_OK);
    ck_assert(pst_age_recipient_equal(&recipient, &parsed));
    pst_secret_free(&identity);
    pst_secret_free(&text);
}
END_TEST

START_TEST(identity_in_lower_case_is_the_same)
{
    struct pst_secret *upper = NULL, *lower = NULL;
    ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(IDENTITY), &upper), PST_OK);
    ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(IDENTITY_LOWER), &lower), PST_OK);
    ck_assert(pst_secret_equal(upper, lower));
    pst_secret_free(&upper);
    pst_secret_free(&lower);
}
END_TEST

static void count_fill(void *ctx, void *ret_bytes, size_t len)
{
    *(size_t *)ctx += len;
    memset(ret_bytes, 7, len);
}

START_TEST(generates_from_the_given_randomness)
{
    size_t asked = 0;
    struct pst_random random = {count_fill, &asked};
    struct pst_secret *a = NULL, *b = NULL, *c = NULL;
    ck_assert_int_eq(pst_age_identity_generate(&random, &a), PST_OK);
    ck_assert_uint_eq(asked, 32);
    ck_assert_int_eq(pst_secret_bytes(a)[31], 7);
    ck_assert_int_eq(pst_age_identity_generate(NULL, &b), PST_OK);
    ck_assert_int_eq(pst_age_identity_generate(NULL, &c), PST_OK);
    ck_assert(!pst_secret_equal(b, c));
    pst_secret_free(&a);
    pst_secret_free(&b);
    pst_secret_free(&c);
}
END_TEST

START_TEST(refuses_other_texts)
{
    static const char *const not_identities[] = {
        "",
        RECIPIENT,
        IDENTITY " ",
        " " IDENTITY,
        "aGE-SECRET-KEY-1",
        IDENTITY "\n",
        "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR",
    };
    static const char *const not_recipients[] = {"", IDENTITY, RECIPIENT " ", "age1",
                                                 RECIPIENT "q"};
    struct pst_secret *identity = NULL;
    struct pst_age_recipient recipient;
    for (size_t i = 0; i < sizeof not_identities / sizeof not_identities[0]; i++)
        ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(not_identities[i]), &identity),
                         PST_ERR_SYNTAX);
    ck_assert_ptr_null(identity);
    for (size_t i = 0; i < sizeof not_recipients / sizeof not_recipients[0]; i++)
        ck_assert_int_eq(pst_age_recipient_parse(pst_bytes_str(not_recipients[i]), &recipient),
                         PST_ERR_SYNTAX);
}
END_TEST

/* The points of order 1, 2, 4 and 8 (RFC 7748, section 6.1 warns of them). */
START_TEST(refuses_recipients_of_low_order)
{
    static const struct pst_age_recipient points[] = {
        {{0}},
        {{1}},
        {{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
          0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
          0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00}},
        {{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
          0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
          0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}},
        {{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        char text[PST_AGE_RECIPIENT_CHARS + 1];
        struct pst_age_recipient recipient;
        pst_age_recipient_format(&points[i], text);
        ck_assert_int_eq(pst_age_recipient_parse(pst_bytes_str(text), &recipient), PST_ERR_INVALID);
    }
}
END_TEST

START_TEST(reads_key_files)
{
    static const char *const good[] = {
        IDENTITY,
        IDENTITY "\n",
        "# created: 2026-11-21\n# public key: " RECIPIENT "\n" IDENTITY "\n",
        "\r\n# with CRLF\r\n" IDENTITY "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct pst_age_identities identities;
        ck_assert_int_eq(pst_age_identities_parse(pst_bytes_str(good[i]), &identities), PST_OK);
        ck_assert_uint_eq(identities.count, 1);
        pst_age_identities_free(&identities);
    }
    struct pst_age_identities two;
    ck_assert_int_eq(
        pst_age_identities_parse(pst_bytes_str(IDENTITY "\n" IDENTITY_LOWER "\n"), &two), PST_OK);
    ck_assert_uint_eq(two.count, 2);
    pst_age_identities_free(&two);
}
END_TEST

START_TEST(refuses_key_files_with_anything_else)
{
    static const char *const bad[] = {
        "",
        "# nothing but a comment\n",
        "\n\n",
        IDENTITY " \n",
        " " IDENTITY "\n",
        IDENTITY "\n" RECIPIENT "\n",
        " # indented\n" IDENTITY "\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pst_age_identities identities;
        ck_assert_msg(pst_age_identities_parse(pst_bytes_str(bad[i]), &identities) ==
                          PST_ERR_SYNTAX,
                      "case %zu", i);
    }
    struct pst_buf many = {.max = 100000};
    for (int i = 0; i <= PST_AGE_IDENTITIES_MAX; i++)
        ck_assert_int_eq(pst_buf_append_str(&many, IDENTITY "\n"), PST_OK);
    struct pst_age_identities identities;
    ck_assert_int_eq(pst_age_identities_parse(pst_buf_bytes(&many), &identities), PST_ERR_TOO_LONG);
    pst_buf_free(&many);
}
END_TEST

PST_UNIT_MAIN("age_key", identity_and_recipient_of_the_specification,
              identity_in_lower_case_is_the_same, generates_from_the_given_randomness,
              refuses_other_texts, refuses_recipients_of_low_order, reads_key_files,
              refuses_key_files_with_anything_else)
