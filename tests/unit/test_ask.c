#include <string.h>
#include <unistd.h>

#include "client/cli/ask.h"
#include "unit.h"

static const struct {
    const char *text;
    bool with_factor;
    const char *flaw; /* a word of the sentence; NULL: fine */
} phrases[] = {
    {"river otters count the stars", false, NULL},
    {"seven77!", true, NULL},
    {"seven77", true, "too short"},
    {"only fourteen.", false, "too short"},
    {"exactly fifteen", false, NULL},
    {"se\xc3\xb1or\xc3\xad"
     "a \xc3\xb1u\xc3\xb1",
     true, NULL},
    {"\xc3\xb1\xc3\xb1\xc3\xb1\xc3\xb1", true, "too short"},
    {"aaaaaaaaaaaaaaaaaaaa", false, "guess"},
    {"abcabcabcabcabcabc", false, "guess"},
    {"abcdefghijklmnopq", false, "guess"},
    {"987654321", true, "guess"},
    {"Password1!", true, "guess"},
    {"PASSWORD", true, "guess"},
    {"correct horse battery staple", false, "guess"},
    {"Correct Horse Battery Staple 1", false, "guess"},
    {"ada.example.long.login", false, "guess"},
    {"Ada.Example.Long.Login99", false, "guess"},
};

START_TEST(passphrases_are_judged_by_length_and_list_alone)
{
    const char *flaw = pst_passphrase_flaw(phrases[_i].text, strlen(phrases[_i].text),
                                           phrases[_i].with_factor, "ada.example.long.login");
    if (phrases[_i].flaw == NULL)
        ck_assert_msg(flaw == NULL, "%s: %s", phrases[_i].text, flaw);
    else
        ck_assert_msg(flaw != NULL && strstr(flaw, phrases[_i].flaw) != NULL, "%s: %s",
                      phrases[_i].text, flaw != NULL ? flaw : "taken");
}
END_TEST

START_TEST(a_passphrase_comes_from_the_first_line_of_a_file)
{
    char path[] = "/tmp/postern-ask-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a few words\r\nand more\n", 22), 22);
    close(fd);
    struct pst_cli cli = {.err = stderr, .out = stdout};
    struct pst_secret *phrase = NULL;
    setenv("POSTERN_PASSPHRASE_FILE", path, 1);
    ck_assert_int_eq(pst_ask_passphrase(&cli, &phrase), PST_OK);
    ck_assert_uint_eq(pst_secret_len(phrase), 11);
    ck_assert_mem_eq(pst_secret_bytes(phrase), "a few words", 11);
    pst_secret_free(&phrase);
    unlink(path);
}
END_TEST

START_TEST(a_file_that_is_missing_is_said)
{
    static char said[512];
    struct pst_cli cli = {.out = stdout, .err = fmemopen(said, sizeof said - 1, "w")};
    struct pst_secret *phrase = NULL;
    setenv("POSTERN_PASSPHRASE_FILE", "/nonexistent/phrase", 1);
    ck_assert_int_eq(pst_ask_passphrase(&cli, &phrase), PST_ERR_IO);
    fclose(cli.err);
    ck_assert_ptr_nonnull(strstr(said, "/nonexistent/phrase cannot be read"));
    ck_assert_int_eq(cli.exit_status, 66);
}
END_TEST

START_TEST(a_file_beyond_its_limit_is_refused_whole)
{
    char path[] = "/tmp/postern-ask-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    close(fd);
    static char said[512];
    struct pst_cli cli = {.out = stdout, .err = fmemopen(said, sizeof said - 1, "w")};
    struct pst_buf bytes = {0};
    ck_assert_int_eq(pst_read_file(&cli, path, 9, &bytes), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(bytes.len, 0);
    ck_assert_int_eq(pst_read_file(&cli, path, 10, &bytes), PST_OK);
    ck_assert_uint_eq(bytes.len, 10);
    pst_buf_free(&bytes);
    fclose(cli.err);
    unlink(path);
}
END_TEST

int main(void)
{
    if (pst_secret_init() != PST_OK)
        return EXIT_FAILURE;
    Suite *suite = suite_create("ask");
    TCase *tcase = tcase_create("ask");
    tcase_add_test(tcase, a_passphrase_comes_from_the_first_line_of_a_file);
    tcase_add_test(tcase, a_file_that_is_missing_is_said);
    tcase_add_test(tcase, a_file_beyond_its_limit_is_refused_whole);
    tcase_add_loop_test(tcase, passphrases_are_judged_by_length_and_list_alone, 0,
                        sizeof phrases / sizeof phrases[0]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
