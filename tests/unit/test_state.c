#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/state.h"
#include "unit.h"

static char root[64];
static char said[1024];

static void fresh_home(void)
{
    snprintf(root, sizeof root, "/tmp/postern-state-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    setenv("XDG_STATE_HOME", root, 1);
    unsetenv("POSTERN_SERVER");
    unsetenv("POSTERN_CA");
}

static void remove_home(void)
{
    char command[128];
    static const char *const names[] = {"postern/ada/session", "postern/ada/profile.json",
                                        "postern/ada", "postern", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(command, sizeof command, "%s/%s", root, names[i]);
        (void)remove(command);
    }
}

/* One call of --profile ada with these options. */
static void load(struct pst_cli *cli, const struct pst_cli_option *option, const char *value,
                 enum pst_err expected)
{
    static const struct pst_cli_option profile = {"profile", 0, "NAME", "", 0};
    memset(cli, 0, sizeof *cli);
    memset(said, 0, sizeof said);
    cli->out = stdout;
    cli->err = fmemopen(said, sizeof said - 1, "w");
    cli->given[cli->given_count++] = (struct pst_cli_given){&profile, "ada"};
    if (option != NULL)
        cli->given[cli->given_count++] = (struct pst_cli_given){option, value};
    ck_assert_int_eq(pst_state_load(cli), expected);
}

static void unload(struct pst_cli *cli)
{
    fclose(cli->err);
    pst_state_free(&cli->state);
}

static const struct pst_cli_option server = {"server", 0, "URL", "", 0};

static unsigned mode_of(const char *name)
{
    char path[256];
    struct stat facts;
    snprintf(path, sizeof path, "%s/postern/ada/%s", root, name);
    ck_assert_int_eq(stat(path, &facts), 0);
    return facts.st_mode & 0777;
}

START_TEST(options_go_before_environment_and_that_before_the_profile)
{
    static struct pst_cli cli;
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_ptr_null(cli.state->server);
    ck_assert_int_eq(pst_state_set(&cli, "server", "https://stored.example"), PST_OK);
    ck_assert_int_eq(pst_state_save(&cli), PST_OK);
    unload(&cli);
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_str_eq(cli.state->server, "https://stored.example");
    unload(&cli);
    setenv("POSTERN_SERVER", "https://environment.example/", 1);
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_str_eq(cli.state->server, "https://environment.example");
    unload(&cli);
    load(&cli, &server, "https://option.example", PST_OK);
    ck_assert_str_eq(cli.state->server, "https://option.example");
    unload(&cli);
}
END_TEST

START_TEST(a_server_without_tls_is_refused)
{
    static struct pst_cli cli;
    load(&cli, &server, "http://clinic.example", PST_ERR_USAGE);
    fflush(cli.err);
    ck_assert_ptr_nonnull(strstr(said, "must begin with https://"));
    unload(&cli);
}
END_TEST

START_TEST(a_session_is_kept_for_its_owner_alone_and_forgotten_whole)
{
    static struct pst_cli cli;
    struct pst_secret *key = NULL;
    char path[256];
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_ptr_null(cli.state->token);
    ck_assert_int_eq(pst_secret_random(32, &key), PST_OK);
    ck_assert_int_eq(pst_state_session_save(&cli, "token-of-a-session", key), PST_OK);
    unload(&cli);
    ck_assert_uint_eq(mode_of("session"), 0600);
    ck_assert_uint_eq(mode_of(""), 0700);
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_uint_eq(pst_secret_len(cli.state->token), strlen("token-of-a-session"));
    ck_assert_mem_eq(pst_secret_bytes(cli.state->token), "token-of-a-session", 18);
    ck_assert(pst_secret_equal(cli.state->ring_key, key));
    ck_assert_int_eq(pst_state_session_forget(&cli), PST_OK);
    ck_assert_ptr_null(cli.state->token);
    ck_assert_ptr_null(cli.state->ring_key);
    unload(&cli);
    snprintf(path, sizeof path, "%s/postern/ada/session", root);
    ck_assert_int_ne(access(path, F_OK), 0);
    pst_secret_free(&key);
}
END_TEST

static const char *const damaged[] = {"",
                                      "\n",
                                      "token",
                                      "token\n",
                                      "token\nshort\n",
                                      "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
                                      "token\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

START_TEST(a_damaged_session_is_none)
{
    static struct pst_cli cli;
    struct pst_secret *key = NULL;
    char path[256];
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_int_eq(pst_secret_random(32, &key), PST_OK);
    ck_assert_int_eq(pst_state_session_save(&cli, "token", key), PST_OK);
    snprintf(path, sizeof path, "%s/postern/ada/session", root);
    ck_assert_int_eq(pst_state_write_file(&cli, path, damaged[_i], strlen(damaged[_i]), 0600),
                     PST_OK);
    unload(&cli);
    load(&cli, NULL, NULL, PST_OK);
    ck_assert_ptr_null(cli.state->token);
    unload(&cli);
    pst_secret_free(&key);
}
END_TEST

static const char *const bad_names[] = {"", ".", "../up", "a/b", ".hidden", "a b"};

START_TEST(a_profile_never_leads_out_of_its_folder)
{
    static struct pst_cli cli;
    static const struct pst_cli_option profile = {"profile", 0, "NAME", "", 0};
    memset(&cli, 0, sizeof cli);
    cli.err = fmemopen(said, sizeof said - 1, "w");
    cli.given[cli.given_count++] = (struct pst_cli_given){&profile, bad_names[_i]};
    ck_assert_int_eq(pst_state_load(&cli), PST_ERR_USAGE);
    unload(&cli);
}
END_TEST

int main(void)
{
    if (pst_secret_init() != PST_OK)
        return EXIT_FAILURE;
    Suite *suite = suite_create("state");
    TCase *tcase = tcase_create("state");
    tcase_add_checked_fixture(tcase, fresh_home, remove_home);
    tcase_add_test(tcase, options_go_before_environment_and_that_before_the_profile);
    tcase_add_test(tcase, a_server_without_tls_is_refused);
    tcase_add_test(tcase, a_session_is_kept_for_its_owner_alone_and_forgotten_whole);
    tcase_add_loop_test(tcase, a_damaged_session_is_none, 0, sizeof damaged / sizeof damaged[0]);
    tcase_add_loop_test(tcase, a_profile_never_leads_out_of_its_folder, 0,
                        sizeof bad_names / sizeof bad_names[0]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
