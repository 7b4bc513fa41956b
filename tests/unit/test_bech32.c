#include "postern/bech32.h"

#include <string.h>

#include "unit.h"

/* From c2sp.org/age: the identity of 32 bytes 0x42, and its recipient. */
static const char identity_text[] =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
static const char recipient_text[] =
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

START_TEST(reads_and_writes_keys_of_the_specification)
{
    uint8_t key[32], want[32];
    char text[100];
    memset(want, 0x42, sizeof want);
    ck_assert_int_eq(
        pst_bech32_decode_exact(pst_bytes_str(identity_text), "age-secret-key-", key, 32), PST_OK);
    ck_assert_mem_eq(key, want, 32);
    ck_assert_int_eq(
        pst_bech32_encode("age-secret-key-", pst_bytes(key, 32), true, text, sizeof text), PST_OK);
    ck_assert_str_eq(text, identity_text);
    ck_assert_int_eq(pst_bech32_decode_exact(pst_bytes_str(recipient_text), "age", key, 32),
                     PST_OK);
    ck_assert_int_eq(pst_bech32_encode("age", pst_bytes(key, 32), false, text, sizeof text),
                     PST_OK);
    ck_assert_str_eq(text, recipient_text);
}
END_TEST

/* BIP 173: these are valid; with the number of whole bytes they stand for. */
START_TEST(reads_the_valid_texts_of_bip_173)
{
    static const struct {
        const char *text;
        const char *prefix;
        size_t len;
    } valid[] = {
        {"A12UEL5L", "a", 0},
        {"a12uel5l", "a", 0},
        {"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5t"
         "gs",
         "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio", 0},
        {"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", 20},
        {"?1ezyfcl", "?", 0},
    };
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        uint8_t data[20];
        ck_assert_msg(pst_bech32_decode_exact(pst_bytes_str(valid[i].text), valid[i].prefix, data,
                                              valid[i].len) == PST_OK,
                      "%s", valid[i].text);
    }
}
END_TEST

static void refuse(const char *name, const char *text)
{
    uint8_t key[32];
    ck_assert_msg(pst_bech32_decode_exact(pst_bytes_str(text), "age", key, 32) == PST_ERR_SYNTAX,
                  "%s", name);
}

START_TEST(refuses_mixed_case_and_damage)
{
    char text[sizeof recipient_text + 1];
    memcpy(text, recipient_text, sizeof recipient_text);
    text[10] = (char)(text[10] - 'a' + 'A');
    refuse("mixed case in the data", text);
    memcpy(text, recipient_text, sizeof recipient_text);
    text[0] = 'A';
    refuse("mixed case in the prefix", text);
    for (size_t i = 0; i < sizeof recipient_text - 1; i++) {
        memcpy(text, recipient_text, sizeof recipient_text);
        text[i] = text[i] == 'q' ? 'p' : 'q';
        refuse("one character changed", text);
        text[i] = 'b';
        refuse("a character outside the alphabet", text);
        text[i] = 0;
        uint8_t key[32];
        ck_assert_int_eq(
            pst_bech32_decode_exact(pst_bytes(text, sizeof recipient_text - 1), "age", key, 32),
            PST_ERR_SYNTAX);
    }
    memcpy(text, recipient_text, sizeof recipient_text);
    text[sizeof recipient_text - 2] = 0;
    refuse("one character short", text);
    refuse("one character more", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwjq");
    refuse("space before", " age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj");
    refuse("empty", "");
    refuse("prefix alone", "age1");
    refuse("another prefix", identity_text);
}
END_TEST

/*
 * Valid checksums (made with BIP 173's reference code) over groups that no
 * encoder makes: one byte 0x62 with each padding bit set, and a group too many.
 */
START_TEST(refuses_padding_that_is_not_zero)
{
    static const char *const refused[] = {"x1vfw90pa7", "x1v2qk6hnp", "x1vtaqwzwn", "x1vgqgffwkd"};
    uint8_t byte = 0;
    ck_assert_int_eq(pst_bech32_decode_exact(pst_bytes_str("x1vgnnm5qv"), "x", &byte, 1), PST_OK);
    ck_assert_int_eq(byte, 0x62);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_msg(pst_bech32_decode_exact(pst_bytes_str(refused[i]), "x", &byte, 1) ==
                          PST_ERR_SYNTAX,
                      "%s", refused[i]);
}
END_TEST

START_TEST(writes_only_what_fits)
{
    char text[16];
    ck_assert_int_eq(pst_bech32_encode("x", pst_bytes_str("b"), false, text, 10), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_bech32_encode("x", pst_bytes_str("b"), false, text, 11), PST_OK);
    ck_assert_int_eq(pst_bech32_encode("", pst_bytes_str("b"), false, text, 16), PST_ERR_INVALID);
    ck_assert_int_eq(pst_bech32_encode("X", pst_bytes_str("b"), false, text, 16), PST_ERR_INVALID);
    ck_assert_int_eq(pst_bech32_encode("x y", pst_bytes_str("b"), false, text, 16),
                     PST_ERR_INVALID);
}
END_TEST

START_TEST(has_no_length_limit)
{
    static uint8_t data[1000], back[1000];
    static char text[2000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len < sizeof data; len += 37) {
        ck_assert_int_eq(pst_bech32_encode("age", pst_bytes(data, len), len % 2 != 0, text, 2000),
                         PST_OK);
        ck_assert_uint_eq(strlen(text), PST_BECH32_LEN(3, len));
        ck_assert_int_eq(pst_bech32_decode_exact(pst_bytes_str(text), "age", back, len), PST_OK);
        ck_assert_int_eq(memcmp(back, data, len), 0);
    }
}
END_TEST

PST_UNIT_MAIN("bech32", reads_and_writes_keys_of_the_specification,
              reads_the_valid_texts_of_bip_173, refuses_mixed_case_and_damage,
              refuses_padding_that_is_not_zero, writes_only_what_fits, has_no_length_limit)
