#include "postern/age_armor.h"

#include <string.h>

#include "age_files.h"

#define BEGIN PST_AGE_ARMOR_BEGIN "\n"
#define END PST_AGE_ARMOR_END "\n"
#define FULL "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static enum pst_err dearmor(struct pst_bytes text, size_t piece, struct pst_buf *out)
{
    struct pst_age_dearmorer dearmorer = {.out = pst_sink_buf(out)};
    enum pst_err r = PST_OK;
    for (size_t at = 0; r == PST_OK && at < text.len; at += piece)
        r = pst_age_dearmorer_update(
            &dearmorer, pst_bytes(text.ptr + at, text.len - at < piece ? text.len - at : piece));
    return r == PST_OK ? pst_age_dearmorer_finish(&dearmorer) : r;
}

START_TEST(every_length_comes_back)
{
    uint8_t bytes[300];
    randombytes_buf(bytes, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct pst_buf text = {.max = 10000}, back = {.max = 10000};
        struct pst_age_armorer armorer = {.out = pst_sink_buf(&text)};
        for (size_t at = 0; at < len; at += 7)
            ck_assert_int_eq(pst_age_armorer_update(
                                 &armorer, pst_bytes(bytes + at, len - at < 7 ? len - at : 7)),
                             PST_OK);
        ck_assert_int_eq(pst_age_armorer_finish(&armorer), PST_OK);
        for (size_t piece = 1; piece < 100; piece += 33) {
            pst_buf_clear(&back);
            ck_assert_int_eq(dearmor(pst_buf_bytes(&text), piece, &back), PST_OK);
            ck_assert_uint_eq(back.len, len);
            ck_assert(len == 0 || memcmp(back.bytes, bytes, len) == 0);
        }
        pst_buf_free(&text);
        pst_buf_free(&back);
    }
}
END_TEST

START_TEST(writes_lines_of_64_columns)
{
    struct pst_buf text = {.max = 10000};
    struct pst_age_armorer armorer = {.out = pst_sink_buf(&text)};
    uint8_t zero[49] = {0};
    ck_assert_int_eq(pst_age_armorer_update(&armorer, pst_bytes(zero, sizeof zero)), PST_OK);
    ck_assert_int_eq(pst_age_armorer_finish(&armorer), PST_OK);
    ck_assert_str_eq(pst_buf_str(&text), BEGIN FULL "\nAA==\n" END);
    pst_buf_free(&text);
}
END_TEST

static const struct {
    const char *name;
    const char *text;
    enum pst_err want;
} armor_cases[] = {
    {"short", BEGIN "AAAA\n" END, PST_OK},
    {"full last line", BEGIN FULL "\n" FULL "\n" END, PST_OK},
    {"last line full by padding",
     BEGIN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
           "AAAA=\n" END,
     PST_OK},
    {"CRLF", PST_AGE_ARMOR_BEGIN "\r\nAAAA\r\n" PST_AGE_ARMOR_END "\r\n", PST_OK},
    {"no line feed at the end", BEGIN "AAAA\n" PST_AGE_ARMOR_END, PST_OK},
    {"CR alone at the end", BEGIN "AAAA\n" PST_AGE_ARMOR_END "\r", PST_OK},
    {"white space before", " \t\r\n\n" BEGIN "AAAA\n" END, PST_OK},
    {"white space after", BEGIN "AAAA\n" END " \t\r\n\n", PST_OK},
    {"nothing", "", PST_ERR_TRUNCATED},
    {"white space alone", "\n\n", PST_ERR_TRUNCATED},
    {"begin alone", BEGIN, PST_ERR_TRUNCATED},
    {"no end line", BEGIN "AAAA\n", PST_ERR_TRUNCATED},
    {"half an end line", BEGIN "AAAA\n-----END AGE", PST_ERR_TRUNCATED},
    {"text before", "x\n" BEGIN "AAAA\n" END, PST_ERR_SYNTAX},
    {"text before on the line", "x" BEGIN "AAAA\n" END, PST_ERR_SYNTAX},
    {"text after", BEGIN "AAAA\n" END "x", PST_ERR_SYNTAX},
    {"text after on the line", BEGIN "AAAA\n" PST_AGE_ARMOR_END "x\n", PST_ERR_SYNTAX},
    {"a second block after", BEGIN "AAAA\n" END BEGIN "AAAA\n" END, PST_ERR_SYNTAX},
    {"space after the begin line", PST_AGE_ARMOR_BEGIN " \nAAAA\n" END, PST_ERR_SYNTAX},
    {"space after the end line", BEGIN "AAAA\n" PST_AGE_ARMOR_END " \n", PST_ERR_SYNTAX},
    {"label in lower case", "-----BEGIN age encrypted file-----\nAAAA\n" END, PST_ERR_SYNTAX},
    {"another label", "-----BEGIN MESSAGE-----\nAAAA\n-----END MESSAGE-----\n", PST_ERR_SYNTAX},
    {"another label at the end", BEGIN "AAAA\n-----END MESSAGE-----\n", PST_ERR_SYNTAX},
    {"four hyphens", "----BEGIN AGE ENCRYPTED FILE----\nAAAA\n" END, PST_ERR_SYNTAX},
    {"headers", BEGIN "Version: 1\n\nAAAA\n" END, PST_ERR_SYNTAX},
    {"empty line first", BEGIN "\nAAAA\n" END, PST_ERR_SYNTAX},
    {"empty line last", BEGIN "AAAA\n\n" END, PST_ERR_SYNTAX},
    {"empty line after a full one", BEGIN FULL "\n\n" END, PST_ERR_SYNTAX},
    {"short line inside", BEGIN "AAAA\nAAAA\n" END, PST_ERR_SYNTAX},
    {"short line before a full one", BEGIN "AAAA\n" FULL "\n" END, PST_ERR_SYNTAX},
    {"padding inside", BEGIN "AA==\nAAAA\n" END, PST_ERR_SYNTAX},
    {"line of 65 columns", BEGIN FULL "A\n" END, PST_ERR_SYNTAX},
    {"line of 68 columns", BEGIN FULL "AAAA\n" END, PST_ERR_SYNTAX},
    {"no padding", BEGIN "AA\n" END, PST_ERR_SYNTAX},
    {"half the padding", BEGIN "AA=\n" END, PST_ERR_SYNTAX},
    {"padding on a line of its own", BEGIN "AA\n==\n" END, PST_ERR_SYNTAX},
    {"line broken between padding", BEGIN "AA=\n=\n" END, PST_ERR_SYNTAX},
    {"bits left over", BEGIN "AB==\n" END, PST_ERR_SYNTAX},
    {"URL alphabet", BEGIN "AA-_\n" END, PST_ERR_SYNTAX},
    {"space before a line", BEGIN " AAAA\n" END, PST_ERR_SYNTAX},
    {"space after a line", BEGIN "AAAA \n" END, PST_ERR_SYNTAX},
    {"checksum line", BEGIN "AAAA\n=AAAA\n" END, PST_ERR_SYNTAX},
    {"high byte", BEGIN "AAA\xc3\n" END, PST_ERR_SYNTAX},
    {"CR inside a line", BEGIN "AA\rAA\n" END, PST_ERR_SYNTAX},
};

START_TEST(reads_strict_armor_alone)
{
    for (size_t i = 0; i < sizeof armor_cases / sizeof armor_cases[0]; i++) {
        for (size_t piece = 1; piece < 400; piece += 199) {
            struct pst_buf out = {.max = 10000};
            enum pst_err r = dearmor(pst_bytes_str(armor_cases[i].text), piece, &out);
            ck_assert_msg(r == armor_cases[i].want, "%s: %s, not %s", armor_cases[i].name,
                          pst_err_name(r), pst_err_name(armor_cases[i].want));
            pst_buf_free(&out);
        }
    }
}
END_TEST

START_TEST(white_space_has_a_limit)
{
    struct pst_buf text = {.max = 10000}, out = {.max = 10000};
    for (size_t i = 0; i < PST_AGE_ARMOR_SPACE_MAX; i++)
        ck_assert_int_eq(pst_buf_append_byte(&text, '\n'), PST_OK);
    ck_assert_int_eq(dearmor(pst_buf_bytes(&text), 100, &out), PST_ERR_TRUNCATED);
    ck_assert_int_eq(pst_buf_append_byte(&text, '\n'), PST_OK);
    ck_assert_int_eq(dearmor(pst_buf_bytes(&text), 100, &out), PST_ERR_TOO_LONG);
    pst_buf_free(&text);
}
END_TEST

START_TEST(is_told_from_binary)
{
    ck_assert(pst_age_armor_likely(pst_bytes_str(BEGIN)));
    ck_assert(pst_age_armor_likely(pst_bytes_str("\r\n \t-----BEGIN")));
    ck_assert(!pst_age_armor_likely(pst_bytes_str("-----BEGI")));
    ck_assert(!pst_age_armor_likely(pst_bytes_str("age-encryption.org/v1\n")));
    ck_assert(!pst_age_armor_likely(pst_bytes_str("")));
    ck_assert(!pst_age_armor_likely(pst_bytes_str("  ")));
}
END_TEST

PST_UNIT_MAIN("age_armor", every_length_comes_back, writes_lines_of_64_columns,
              reads_strict_armor_alone, white_space_has_a_limit, is_told_from_binary)
