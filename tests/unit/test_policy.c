/* posternd policy try: each rule told by itself, and the exit status of the whole. */
#include "server/policy/policy.h"

#include <jansson.h>
#include <sysexits.h>

#include "practice_fixture.h"

struct policy {
    struct practice practice;
    struct pst_policy_question question;
    struct pst_policy_answer answer;
};

static void policy_open(struct policy *f)
{
    practice_open(&f->practice);
    f->question = (struct pst_policy_question){
        .person = f->practice.people[ADA].id,
        .thread = f->practice.thread,
        .size_bytes = PST_POLICY_SIZE_BYTES,
        .now_ms = f->practice.now_ms,
    };
}

static void policy_ask(struct policy *f)
{
    ck_assert_int_eq(
        pst_policy_try(f->practice.fixture.store, f->practice.config, &f->question, &f->answer),
        PST_OK);
}

/* How a rule came out, and that its reason says so. */
static void expect(const struct policy *f, enum pst_refusal rule, enum pst_policy_outcome outcome,
                   const char *says)
{
    struct pst_buf why = {.max = 1024};
    ck_assert_int_eq(pst_policy_why(&f->answer, rule, &why), PST_OK);
    ck_assert_msg(f->answer.lines[rule].outcome == outcome, "%s: %s", pst_refusal_code(rule),
                  pst_buf_str(&why));
    ck_assert_msg(strstr(pst_buf_str(&why), says) != NULL, "%s: \"%s\" lacks \"%s\"",
                  pst_refusal_code(rule), pst_buf_str(&why), says);
    pst_buf_free(&why);
}

static const struct policy_case {
    const char *name;
    const char *sql;
    uint32_t images;
    enum pst_refusal rule; /* the verdict, and the one that fails */
    const char *says;
} policy_cases[] = {
    {"no visit", "DELETE FROM visit", 0, PST_REFUSAL_NOT_ESTABLISHED, "no visit"},
    {"a visit of 1970", "UPDATE visit SET date_days = 1", 0, PST_REFUSAL_NOT_ESTABLISHED,
     "no visit"},
    {"no credential", "DELETE FROM credential", 0, PST_REFUSAL_CREDENTIAL, "no credential"},
    {"a lapsed credential", "UPDATE credential SET until_days = 0", 0, PST_REFUSAL_CREDENTIAL,
     "lapsed on 1970-01-02"},
    {"no consent", "DELETE FROM consent_purpose; DELETE FROM consent", 0,
     PST_REFUSAL_CONSENT_MISSING, "no consent"},
    {"a refusal", "UPDATE consent SET decision = 1", 0, PST_REFUSAL_CONSENT_REFUSED, "refused"},
    {"a withdrawal", "UPDATE consent SET decision = 2", 0, PST_REFUSAL_CONSENT_WITHDRAWN,
     "withdrawn"},
    {"an expired consent", "UPDATE consent SET expires_at_ms = 1", 0, PST_REFUSAL_CONSENT_EXPIRED,
     "expired on 1970-01-01"},
    {"images beyond consent", "UPDATE consent SET purposes = 1 | 32", 3, PST_REFUSAL_CONSENT_SCOPE,
     "images"},
    {"a restriction",
     "INSERT INTO restriction (id, patient, kind, recorded_by, recorded_at_ms) "
     "SELECT x'01', person, 'no-messages', person, 0 FROM patient",
     0, PST_REFUSAL_RESTRICTED, "no messages"},
    {"no records key", "DELETE FROM records_key", 0, PST_REFUSAL_NOT_ENROLLED, "no current key"},
    {"a key that ran out", "UPDATE statement SET until_ms = 1", 0, PST_REFUSAL_BAD_SIGNATURE,
     "no current signing key"},
};

START_TEST(each_fact_fails_its_rule)
{
    const struct policy_case *c = &policy_cases[_i];
    struct policy f;
    policy_open(&f);
    practice_exec(&f.practice, c->sql);
    f.question.images = c->images;
    policy_ask(&f);
    ck_assert_msg(f.answer.result.verdict.code == c->rule, "%s: %s", c->name,
                  pst_refusal_code(f.answer.result.verdict.code));
    expect(&f, c->rule, PST_POLICY_FAILED, c->says);
    practice_close(&f.practice);
}
END_TEST

START_TEST(what_is_well_is_admitted_by_every_rule)
{
    struct policy f;
    policy_open(&f);
    f.question.images = 1;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_NONE);
    for (int i = 1; i < PST_REFUSAL__MAX; i++)
        expect(&f, (enum pst_refusal)i, PST_POLICY_PASSED, "");
    expect(&f, PST_REFUSAL_NOT_PERMITTED, PST_POLICY_PASSED, "member of the team");
    expect(&f, PST_REFUSAL_CONSENT_SCOPE, PST_POLICY_PASSED, "needed: messages, images");
    ck_assert(pst_policy_is_assumed(PST_REFUSAL_TLS_REQUIRED));
    ck_assert(!pst_policy_is_assumed(PST_REFUSAL_CREDENTIAL));
    practice_close(&f.practice);
}
END_TEST

START_TEST(sizes_and_counts_are_looked_at)
{
    struct policy f;
    policy_open(&f);
    f.question.size_bytes = (uint64_t)37 * 1024 * 1024;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_TOO_LARGE);
    f.question.size_bytes = 1000;
    f.question.attachments = 21;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_TOO_LARGE);
    expect(&f, PST_REFUSAL_TOO_LARGE, PST_POLICY_FAILED, "21 of 20 attachments");
    f.question.attachments = 20;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_NONE);
    practice_close(&f.practice);
}
END_TEST

START_TEST(of_a_thread_out_of_sight_nothing_is_told)
{
    struct policy f;
    policy_open(&f);
    f.question.person = f.practice.people[CARA].id;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_NOT_PERMITTED);
    expect(&f, PST_REFUSAL_NOT_PERMITTED, PST_POLICY_FAILED, "no part in it");
    expect(&f, PST_REFUSAL_CONSENT_MISSING, PST_POLICY_NOT_TRIED, "nothing is known");
    f.question.thread = f.practice.room;
    policy_ask(&f);
    ck_assert_int_eq(f.answer.result.verdict.code, PST_REFUSAL_NONE);
    expect(&f, PST_REFUSAL_CONSENT_MISSING, PST_POLICY_NOT_TRIED, "room");
    practice_close(&f.practice);
}
END_TEST

/* ---- the command ---------------------------------------------------------- */

static void config_write(const struct policy *f, char *path, size_t size)
{
    snprintf(path, size, "%s/postern.conf", f->practice.fixture.folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "origin = \"" PRACTICE_ORIGIN "\"; store = \"%s\";\n"
            "https: { listen = [\"127.0.0.1:0\"]; certificate = \"/c\"; key = \"/k\"; };\n",
            f->practice.fixture.url);
    ck_assert_int_eq(fclose(file), 0);
}

/* Runs the command with its output in a file; what it said as JSON, or NULL. */
static int run(const char *const *words, json_t **ret_json)
{
    char texts[16][160];
    char *argv[17] = {NULL};
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
        argv[argc] = texts[argc];
    }
    FILE *out = tmpfile();
    ck_assert_ptr_nonnull(out);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    ck_assert_int_ge(dup2(fileno(out), STDOUT_FILENO), 0);
    int status = pst_policy_command(argc, argv);
    fflush(stdout);
    ck_assert_int_ge(dup2(kept, STDOUT_FILENO), 0);
    close(kept);
    rewind(out);
    *ret_json = json_loadf(out, 0, NULL);
    fclose(out);
    return status;
}

START_TEST(the_command_answers_by_json_and_exit_status)
{
    struct policy f;
    char config[128];
    char person[PST_UUID_TEXT_SIZE];
    char thread[PST_UUID_TEXT_SIZE];
    json_t *said = NULL;
    policy_open(&f);
    config_write(&f, config, sizeof config);
    pst_uuid_format(&f.question.person, person);
    pst_uuid_format(&f.question.thread, thread);
    const char *words[] = {"policy",   "try",  "-c",     config,     "--person", person,
                           "--thread", thread, "--json", "--images", "2",        NULL};
    ck_assert_int_eq(run(words, &said), EX_OK);
    ck_assert(json_is_true(json_object_get(said, "admitted")));
    ck_assert_uint_eq(json_array_size(json_object_get(said, "rules")), PST_REFUSAL__MAX - 1);
    json_decref(said);
    practice_exec(&f.practice, "UPDATE consent SET decision = 2");
    ck_assert_int_eq(run(words, &said), EX_NOPERM);
    ck_assert_str_eq(json_string_value(json_object_get(said, "code")), "consent-withdrawn");
    json_decref(said);
    words[10] = "two";
    ck_assert_int_eq(run(words, &said), EX_USAGE);
    words[9] = NULL;
    ck_assert_int_eq(run(words, &said), EX_NOPERM);
    json_decref(said);
    words[3] = "/nowhere/postern.conf";
    ck_assert_int_eq(run(words, &said), EX_CONFIG);
    ck_assert_int_eq(unlink(config), 0);
    practice_close(&f.practice);
}
END_TEST

int main(void)
{
    if (pst_secret_init() != PST_OK)
        return EXIT_FAILURE;
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("policy");
    tcase_set_timeout(tcase, PST_UNIT_TIMEOUT_S);
    tcase_add_loop_test(tcase, each_fact_fails_its_rule, 0,
                        (int)(sizeof policy_cases / sizeof policy_cases[0]));
    tcase_add_test(tcase, what_is_well_is_admitted_by_every_rule);
    tcase_add_test(tcase, sizes_and_counts_are_looked_at);
    tcase_add_test(tcase, of_a_thread_out_of_sight_nothing_is_told);
    tcase_add_test(tcase, the_command_answers_by_json_and_exit_status);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
