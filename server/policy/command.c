#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/cleanup.h"
#include "server/config/config.h"
#include "server/policy/policy.h"
#include "server/role/run.h"
#include "server/store/store.h"

const char pst_policy_usage[] =
    "try -c FILE --person ID --thread ID [--images N] [--attachments N] [--size BYTES] "
    "[--replyto ID] [--json]";

/* The longest reason: two lists of purposes. */
#define WHY_MAX_BYTES 1024

struct options {
    const char *config;
    bool has_person;
    bool has_thread;
    bool json;
    struct pst_policy_question question;
};

static int usage(void)
{
    (void)fprintf(stderr, "usage: posternd policy %s\n", pst_policy_usage);
    return EX_USAGE;
}

/* ---- arguments ------------------------------------------------------------ */

static bool take_id(const char *text, struct pst_uuid *ret_id)
{
    return pst_uuid_parse(text, strlen(text), ret_id) == PST_OK;
}

static bool take_count(const char *text, uint64_t most, uint64_t *ret_count)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    uintmax_t count = strtoumax(text, &end, 10);
    if (errno != 0 || *end != '\0' || count > most)
        return false;
    *ret_count = count;
    return true;
}

static bool take_u32(const char *text, uint32_t *ret_count)
{
    uint64_t count = 0;
    if (!take_count(text, UINT32_MAX, &count))
        return false;
    *ret_count = (uint32_t)count;
    return true;
}

static bool option_take(int option, const char *text, struct options *options)
{
    struct pst_policy_question *question = &options->question;
    switch (option) {
    case 'c':
        options->config = text;
        return true;
    case 'j':
        options->json = true;
        return true;
    case 'p':
        return options->has_person = take_id(text, &question->person);
    case 't':
        return options->has_thread = take_id(text, &question->thread);
    case 'y':
        return question->has_replyto = take_id(text, &question->replyto);
    case 'i':
        return take_u32(text, &question->images);
    case 'a':
        return take_u32(text, &question->attachments);
    case 's':
        return take_count(text, INT64_MAX, &question->size_bytes);
    default:
        return false;
    }
}

static bool options_read(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"person", required_argument, NULL, 'p'},
        {"thread", required_argument, NULL, 't'},
        {"images", required_argument, NULL, 'i'},
        {"attachments", required_argument, NULL, 'a'},
        {"size", required_argument, NULL, 's'},
        {"replyto", required_argument, NULL, 'y'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.question = {.size_bytes = PST_POLICY_SIZE_BYTES}};
    int option = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", known, NULL)) != -1)
        if (!option_take(option, optarg, &options))
            return false;
    *ret_options = options;
    return optind == argc && options.config != NULL && options.has_person && options.has_thread;
}

/* ---- answers -------------------------------------------------------------- */

static const char *outcome_name(const struct pst_policy_answer *answer, enum pst_refusal rule)
{
    enum pst_policy_outcome outcome = answer->lines[rule].outcome;
    if (outcome == PST_POLICY_PASSED && pst_policy_is_assumed(rule))
        return "assumed";
    return pst_policy_outcome_name(outcome);
}

static void line_print(const struct pst_policy_answer *answer, enum pst_refusal rule,
                       const struct pst_buf *why)
{
    (void)printf("%2d  %-9s  %-17s  %s\n", (int)rule, outcome_name(answer, rule),
                 pst_refusal_code(rule), pst_buf_str(why));
}

static void verdict_print(const struct pst_policy_answer *answer)
{
    const struct pst_verdict *verdict = &answer->result.verdict;
    char until[PST_TIME_TEXT_SIZE];
    if (verdict->code != PST_REFUSAL_NONE) {
        enum pst_cure who = pst_refusal_cure_who(verdict->code, PST_VIEWER_STAFF);
        (void)printf("\nrefused: %s: %s\n%s\nWho can cure it (%s): %s\n",
                     pst_refusal_code(verdict->code),
                     pst_refusal_title(verdict->code, PST_VIEWER_STAFF),
                     pst_refusal_detail(verdict->code, PST_VIEWER_STAFF), pst_cure_name(who),
                     pst_refusal_cure(verdict->code, PST_VIEWER_STAFF));
        return;
    }
    (void)printf("\nadmitted, by %s", pst_admit_basis_name(verdict->basis));
    if (verdict->relation != PST_ADMIT_RELATION_NONE)
        (void)printf(" and %s", pst_admit_relation_name(verdict->relation));
    if (verdict->until_ms != PST_ADMIT_NO_END) {
        pst_time_format(verdict->until_ms, until);
        (void)printf(", until %s", until);
    }
    (void)printf("\n");
}

static enum pst_err line_json(const struct pst_policy_answer *answer, enum pst_refusal rule,
                              const struct pst_buf *why, json_t *rules)
{
    json_t *line =
        json_pack("{s:i, s:s, s:s, s:s}", "number", (int)rule, "rule", pst_refusal_code(rule),
                  "outcome", outcome_name(answer, rule), "why", pst_buf_str(why));
    return json_array_append_new(rules, line) == 0 ? PST_OK : PST_ERR_NOMEM;
}

/* rules NULL: to people. */
static enum pst_err lines_tell(const struct pst_policy_answer *answer, json_t *rules)
{
    PST_BUF struct pst_buf why = {.max = WHY_MAX_BYTES};
    enum pst_err r = PST_OK;
    for (int i = PST_REFUSAL_NONE + 1; r == PST_OK && i < PST_REFUSAL__MAX; i++) {
        enum pst_refusal rule = (enum pst_refusal)i;
        pst_buf_clear(&why);
        r = pst_policy_why(answer, rule, &why);
        if (r == PST_OK && rules != NULL)
            r = line_json(answer, rule, &why, rules);
        else if (r == PST_OK)
            line_print(answer, rule, &why);
    }
    return r;
}

static enum pst_err answer_json(const struct pst_policy_answer *answer)
{
    const struct pst_verdict *verdict = &answer->result.verdict;
    char until[PST_TIME_TEXT_SIZE];
    bool ends = verdict->code == PST_REFUSAL_NONE && verdict->until_ms != PST_ADMIT_NO_END;
    json_t *made = NULL;
    if (ends)
        pst_time_format(verdict->until_ms, until);
    enum pst_err r =
        pst_refusal_admission_json(verdict->code, PST_VIEWER_STAFF, ends ? until : NULL, &made);
    if (r != PST_OK)
        return r;
    PST_JSON json_t *all = made;
    PST_JSON json_t *rules = json_array();
    if (rules == NULL || json_object_set(all, "rules", rules) != 0)
        return PST_ERR_NOMEM;
    if (verdict->code == PST_REFUSAL_NONE &&
        json_object_set_new(all, "basis", json_string(pst_admit_basis_name(verdict->basis))) != 0)
        return PST_ERR_NOMEM;
    r = lines_tell(answer, rules);
    if (r == PST_OK && json_dumpf(all, stdout, JSON_INDENT(2)) != 0)
        r = PST_ERR_IO;
    (void)printf("\n");
    return r;
}

static enum pst_err answer_tell(const struct pst_policy_answer *answer, bool json)
{
    if (json)
        return answer_json(answer);
    enum pst_err r = lines_tell(answer, NULL);
    if (r == PST_OK)
        verdict_print(answer);
    return r;
}

/* ---- the command ---------------------------------------------------------- */

static int fail(const char *what, enum pst_err r)
{
    (void)fprintf(stderr, "posternd: %s: %s\n", what, pst_err_text(r));
    return EX_UNAVAILABLE;
}

static int ask_store(const struct pst_config *config, const struct options *options)
{
    struct pst_store_problem problem = {{0}};
    struct pst_store *store = NULL;
    struct pst_policy_answer answer;
    enum pst_err r = pst_store_open(config->store, PST_STORE_TOOL, &store, &problem);
    if (r != PST_OK)
        return fail(problem.text, r);
    r = pst_policy_try(store, config, &options->question, &answer);
    pst_store_close(&store);
    if (r == PST_OK)
        r = answer_tell(&answer, options->json);
    if (r != PST_OK || fflush(stdout) != 0)
        return fail("the question cannot be answered", r == PST_OK ? PST_ERR_IO : r);
    return answer.result.verdict.code == PST_REFUSAL_NONE ? EX_OK : EX_NOPERM;
}

int pst_policy_command(int argc, char **argv)
{
    struct options options;
    struct pst_config *config = NULL;
    if (argc < 2 || strcmp(argv[1], "try") != 0 || !options_read(argc - 1, argv + 1, &options))
        return usage();
    options.question.now_ms = pst_clock_now(NULL);
    if (pst_role_config_read(options.config, /* files= */ false, &config) != PST_OK)
        return EX_CONFIG;
    int status = ask_store(config, &options);
    pst_config_free(&config);
    return status;
}
