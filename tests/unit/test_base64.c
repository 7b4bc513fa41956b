#include "postern/base64.h"

#include <string.h>

#include "unit.h"

/* RFC 4648, section 10, and one value that differs between the alphabets. */
static const struct {
    const char *bytes;
    const char *plain;
    const char *padded;
    const char *url;
} known[] = {
    {"", "", "", ""},
    {"f", "Zg", "Zg==", "Zg"},
    {"fo", "Zm8", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff", "+/8", "+/8=", "-_8"},
};

static void check_one(enum pst_err (*append)(struct pst_buf *, struct pst_bytes),
                      enum pst_err (*decode)(struct pst_bytes, struct pst_buf *), const char *bytes,
                      const char *text)
{
    struct pst_buf out = {.max = 100};
    ck_assert_int_eq(append(&out, pst_bytes_str(bytes)), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), text);
    pst_buf_clear(&out);
    ck_assert_int_eq(decode(pst_bytes_str(text), &out), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), bytes);
    pst_buf_free(&out);
}

START_TEST(writes_and_reads_the_known_answers)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        check_one(pst_base64_append, pst_base64_decode, known[i].bytes, known[i].plain);
        check_one(pst_base64_padded_append, pst_base64_padded_decode, known[i].bytes,
                  known[i].padded);
        check_one(pst_base64url_append, pst_base64url_decode, known[i].bytes, known[i].url);
        ck_assert_uint_eq(PST_BASE64_LEN(strlen(known[i].bytes)), strlen(known[i].plain));
    }
}
END_TEST

static const struct {
    const char *name;
    const char *text;
    enum pst_err (*decode)(struct pst_bytes, struct pst_buf *);
} refused[] = {
    {"padding where none belongs", "Zg==", pst_base64_decode},
    {"one padding character", "Zm8=", pst_base64url_decode},
    {"bits left over, two characters", "Zh", pst_base64_decode},
    {"bits left over, three characters", "Zm9", pst_base64_decode},
    {"bits left over, url", "Zh", pst_base64url_decode},
    {"bits left over, padded", "Zh==", pst_base64_padded_decode},
    {"one character alone", "Z", pst_base64_decode},
    {"one character after a group", "Zm9vZ", pst_base64url_decode},
    {"url alphabet in standard", "-_8", pst_base64_decode},
    {"standard alphabet in url", "+/8", pst_base64url_decode},
    {"line feed at the end", "Zm9v\n", pst_base64_decode},
    {"space inside", "Zm 9v", pst_base64url_decode},
    {"missing padding", "Zg", pst_base64_padded_decode},
    {"half the padding", "Zg=", pst_base64_padded_decode},
    {"too much padding", "Zg===", pst_base64_padded_decode},
    {"padding after a full group", "Zm9v====", pst_base64_padded_decode},
    {"text after padding", "Zg==Zg==", pst_base64_padded_decode},
    {"high byte", "Zm9\xc3", pst_base64_decode},
};

START_TEST(refuses_what_is_not_canonical)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct pst_buf out = {.max = 100};
        ck_assert_int_eq(pst_buf_append_str(&out, "kept"), PST_OK);
        ck_assert_msg(refused[i].decode(pst_bytes_str(refused[i].text), &out) == PST_ERR_SYNTAX,
                      "%s", refused[i].name);
        ck_assert_msg(strcmp(pst_buf_str(&out), "kept") == 0, "%s", refused[i].name);
        pst_buf_free(&out);
    }
}
END_TEST

/* Every character in every place of a group: 64 of the alphabet and no other. */
START_TEST(takes_only_the_alphabet)
{
    for (size_t place = 0; place < 4; place++) {
        int taken = 0, taken_url = 0;
        for (int c = 0; c < 256; c++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'}, bytes[3];
            text[place] = (uint8_t)c;
            taken += pst_base64_decode_exact(pst_bytes(text, 4), bytes, 3) == PST_OK;
            taken_url += pst_base64url_decode_exact(pst_bytes(text, 4), bytes, 3) == PST_OK;
        }
        ck_assert_int_eq(taken, 64);
        ck_assert_int_eq(taken_url, 64);
    }
}
END_TEST

START_TEST(exact_wants_the_length)
{
    uint8_t bytes[4] = {0};
    ck_assert_int_eq(pst_base64_decode_exact(pst_bytes_str("+/8"), bytes, 2), PST_OK);
    ck_assert_mem_eq(bytes, "\xfb\xff", 2);
    ck_assert_int_eq(pst_base64url_decode_exact(pst_bytes_str("-_8"), bytes, 2), PST_OK);
    ck_assert_int_eq(pst_base64_decode_exact(pst_bytes_str("+/8"), bytes, 1), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_base64_decode_exact(pst_bytes_str("+/8"), bytes, 3), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_base64url_decode_exact(pst_bytes_str("-_9"), bytes, 2), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_base64_padded_decode_exact(pst_bytes_str("+/8="), bytes, 2), PST_OK);
    ck_assert_mem_eq(bytes, "\xfb\xff", 2);
    ck_assert_int_eq(pst_base64_padded_decode_exact(pst_bytes_str("+/8"), bytes, 2),
                     PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_base64_padded_decode_exact(pst_bytes_str("+/8="), bytes, 3),
                     PST_ERR_SYNTAX);
}
END_TEST

START_TEST(keeps_to_the_maximum)
{
    struct pst_buf out = {.max = 3};
    ck_assert_int_eq(pst_base64_append(&out, pst_bytes_str("foo")), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_base64_append(&out, pst_bytes_str("fo")), PST_OK);
    pst_buf_free(&out);
}
END_TEST

PST_UNIT_MAIN("base64", writes_and_reads_the_known_answers, refuses_what_is_not_canonical,
              takes_only_the_alphabet, exact_wants_the_length, keeps_to_the_maximum)
