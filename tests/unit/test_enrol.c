#include "postern/enrol.h"

#include <string.h>

#include "unit.h"
#include "vectors.h"

START_TEST(code_and_derived_key_are_the_vectors)
{
    const char *text = vectors_text("enrol.code");
    struct pst_secret *code = NULL;
    struct pst_secret *again = NULL;
    struct pst_signer *signer = NULL;
    struct pst_sign_public want;
    char id[PST_KEY_ID_TEXT_SIZE];
    ck_assert_int_eq(pst_code_parse(text, strlen(text), &code), PST_OK);
    ck_assert_int_eq(pst_code_format(code, &again), PST_OK);
    ck_assert_str_eq((const char *)pst_secret_bytes(again), text);
    ck_assert_int_eq(pst_enrol_signer(code, &signer), PST_OK);
    vectors_exact("enrol.public", want.bytes, sizeof want.bytes);
    ck_assert_mem_eq(signer->public_key.bytes, want.bytes, sizeof want.bytes);
    pst_key_id_format(&signer->id, id);
    ck_assert_str_eq(id, vectors_text("enrol.id"));
    pst_signer_free(&signer);
    pst_secret_free(&code);
    pst_secret_free(&again);
}
END_TEST

START_TEST(codes_have_one_spelling)
{
    static const struct {
        const char *text;
        enum pst_err strict;
        enum pst_err typed;
    } cases[] = {
        {"vwfqlopndbzf7vklq6hscifufm", PST_OK, PST_OK},
        {"VWFQLOPNDBZF7VKLQ6HSCIFUFM", PST_ERR_SYNTAX, PST_OK},
        {"vwfq-lopn-dbzf-7vkl-q6hs-cifu-fm", PST_ERR_SYNTAX, PST_OK},
        {" vwfq lopn dbzf 7vkl q6hs cifu fm ", PST_ERR_SYNTAX, PST_OK},
        {"vwfqlopndbzf7vklq6hscifufn", PST_ERR_SYNTAX, PST_ERR_SYNTAX}, /* bits left over */
        {"vwfqlopndbzf7vklq6hscifuf", PST_ERR_SYNTAX, PST_ERR_SYNTAX},
        {"vwfqlopndbzf7vklq6hscifufma", PST_ERR_SYNTAX, PST_ERR_SYNTAX},
        {"vwfqlopndbzf7vklq6hscifuf1", PST_ERR_SYNTAX, PST_ERR_SYNTAX},
        {"", PST_ERR_SYNTAX, PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_secret *code = NULL;
        const char *text = cases[i].text;
        ck_assert_int_eq(pst_code_parse(text, strlen(text), &code), cases[i].strict);
        pst_secret_free(&code);
        ck_assert_int_eq(pst_code_parse_typed(text, strlen(text), &code), cases[i].typed);
        pst_secret_free(&code);
    }
}
END_TEST

START_TEST(random_codes_read_back)
{
    for (int i = 0; i < 200; i++) {
        struct pst_secret *code = NULL;
        struct pst_secret *text = NULL;
        struct pst_secret *again = NULL;
        ck_assert_int_eq(pst_code_new(NULL, &code), PST_OK);
        ck_assert_int_eq(pst_code_format(code, &text), PST_OK);
        const char *shown = (const char *)pst_secret_bytes(text);
        ck_assert_uint_eq(strlen(shown), PST_CODE_TEXT_LEN);
        ck_assert_int_eq(pst_code_parse(shown, strlen(shown), &again), PST_OK);
        ck_assert(pst_secret_equal(code, again));
        pst_secret_free(&code);
        pst_secret_free(&text);
        pst_secret_free(&again);
    }
}
END_TEST

#define ID "0190a0b0-0000-7000-8000-0000000000aa"
#define CODE "vwfqlopndbzf7vklq6hscifufm"
#define ROOT "S4TmpD_rwBXEnqyL_rbP1A"

START_TEST(links_are_read_strictly_and_written_back)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {"https://messages.clinic.example/enrol#" ID "." CODE "." ROOT, PST_OK},
        {"https://localhost:8443/enrol#" ID "." CODE ".-", PST_OK},
        {"https://[::1]:8443/enrol#" ID "." CODE ".-", PST_OK},
        {"http://localhost/enrol#" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"see https://localhost/enrol#" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"https:///enrol#" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"https://user@localhost/enrol#" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"https://localhost/other/enrol#" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"https://localhost/enrol?" ID "." CODE ".-", PST_ERR_SYNTAX},
        {"https://localhost/enrol#" ID "." CODE, PST_ERR_SYNTAX},
        {"https://localhost/enrol#" ID "." CODE ".", PST_ERR_SYNTAX},
        {"https://localhost/enrol#" ID "." CODE ".--", PST_ERR_SYNTAX},
        {"https://localhost/enrol#" ID "." CODE ".- ", PST_ERR_SYNTAX},
        {"https://localhost/enrol#" ID ".short.-", PST_ERR_SYNTAX},
        {"https://localhost/enrol#x." CODE ".-", PST_ERR_SYNTAX},
        {"", PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_enrol_link link = {0};
        struct pst_secret *text = NULL;
        ck_assert_msg(pst_enrol_link_parse(cases[i].text, strlen(cases[i].text), &link) ==
                          cases[i].want,
                      "%s", cases[i].text);
        if (cases[i].want != PST_OK)
            continue;
        ck_assert_int_eq(pst_enrol_link_format(&link, &text), PST_OK);
        ck_assert_str_eq((const char *)pst_secret_bytes(text), cases[i].text);
        pst_secret_free(&text);
        pst_enrol_link_free(&link);
    }
}
END_TEST

START_TEST(links_that_are_too_long_are_refused)
{
    char text[PST_LINK_MAX_BYTES + 2];
    struct pst_enrol_link link;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://", 8);
    ck_assert_int_eq(pst_enrol_link_parse(text, PST_LINK_MAX_BYTES + 1, &link), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_enrol_link_parse(text, PST_LINK_MAX_BYTES, &link), PST_ERR_SYNTAX);
}
END_TEST

PST_UNIT_MAIN("enrol", code_and_derived_key_are_the_vectors, codes_have_one_spelling,
              random_codes_read_back, links_are_read_strictly_and_written_back,
              links_that_are_too_long_are_refused)
