#include "postern/refusal.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "unit.h"

/* The table of docs/admission, in its order. */
static const struct {
    const char *code;
    int http;
    int smtp;
    const char *enhanced;
} listed[] = {
    {"accepted", 200, 250, "2.0.0"},
    {"tls-required", 426, 530, "5.7.0"},
    {"not-authenticated", 401, 535, "5.7.8"},
    {"rate-limited", 429, 450, "4.7.1"},
    {"too-large", 413, 552, "5.3.4"},
    {"not-permitted", 404, 550, "5.7.1"},
    {"not-sealed", 422, 0, ""},
    {"bad-signature", 422, 0, ""},
    {"clock", 422, 0, ""},
    {"replayed", 409, 0, ""},
    {"credential", 403, 550, "5.7.1"},
    {"not-established", 403, 550, "5.7.1"},
    {"consent-missing", 403, 550, "5.7.1"},
    {"consent-refused", 403, 550, "5.7.1"},
    {"consent-withdrawn", 403, 550, "5.7.1"},
    {"consent-expired", 403, 550, "5.7.1"},
    {"consent-scope", 403, 550, "5.7.1"},
    {"consent-outdated", 403, 550, "5.7.1"},
    {"restricted", 403, 550, "5.7.1"},
    {"not-enrolled", 403, 550, "5.7.1"},
    {"wrong-recipients", 409, 0, ""},
    {"personal-channel", 403, 550, "5.7.1"},
    {"unavailable", 503, 451, "4.3.0"},
};

START_TEST(codes_and_statuses_are_the_table_in_its_order)
{
    ck_assert_uint_eq(sizeof listed / sizeof listed[0], PST_REFUSAL__MAX);
    for (int i = 0; i < PST_REFUSAL__MAX; i++) {
        enum pst_refusal refusal = (enum pst_refusal)i;
        ck_assert_str_eq(pst_refusal_code(refusal), listed[i].code);
        ck_assert_int_eq(pst_refusal_http(refusal), listed[i].http);
        ck_assert_int_eq(pst_refusal_smtp(refusal), listed[i].smtp);
        ck_assert_str_eq(pst_refusal_smtp_enhanced(refusal), listed[i].enhanced);
        enum pst_refusal found = PST_REFUSAL__MAX;
        ck_assert_int_eq(pst_refusal_by_code(listed[i].code, &found), PST_OK);
        ck_assert_int_eq(found, refusal);
    }
}
END_TEST

START_TEST(unknown_codes_are_not_found_and_unknown_values_fail_closed)
{
    enum pst_refusal found = PST_REFUSAL_CLOCK;
    ck_assert_int_eq(pst_refusal_by_code("consent", &found), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_refusal_by_code("", &found), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(found, PST_REFUSAL_CLOCK);
    ck_assert_str_eq(pst_refusal_code((enum pst_refusal)4711), "unavailable");
    ck_assert_int_eq(pst_refusal_http((enum pst_refusal) - 1), 503);
    json_t *object = NULL;
    ck_assert_int_eq(pst_refusal_json(PST_REFUSAL_NONE, PST_VIEWER_STAFF, NULL, &object),
                     PST_ERR_INVALID);
    ck_assert_int_eq(pst_refusal_json(PST_REFUSAL__MAX, PST_VIEWER_STAFF, NULL, &object),
                     PST_ERR_INVALID);
    ck_assert_int_eq(pst_problem_json(PST_PROBLEM__MAX, NULL, &object), PST_ERR_INVALID);
    ck_assert_ptr_null(object);
}
END_TEST

/* Longest sentence, in words, that still reads easily aloud. */
#define WORDS_MAX 22

static void check_plain(const char *text)
{
    int words = 0;
    ck_assert_uint_gt(strlen(text), 0);
    ck_assert_msg(isupper((unsigned char)text[0]), "starts in lower case: %s", text);
    for (const char *at = text; *at != '\0'; at++) {
        ck_assert_msg((unsigned char)*at < 0x7f, "not ASCII: %s", text);
        if (*at == ' ')
            words++;
        if (*at == '.' && (at[1] == ' ' || at[1] == '\0')) {
            ck_assert_msg(words + 1 <= WORDS_MAX, "long sentence: %s", text);
            words = -1;
        }
    }
}

START_TEST(every_refusal_has_plain_sentences_for_every_viewer)
{
    for (int i = PST_REFUSAL_NONE + 1; i < PST_REFUSAL__MAX; i++) {
        for (int viewer = 0; viewer < PST_VIEWER__MAX; viewer++) {
            enum pst_viewer v = (enum pst_viewer)viewer;
            check_plain(pst_refusal_title((enum pst_refusal)i, v));
            check_plain(pst_refusal_detail((enum pst_refusal)i, v));
            check_plain(pst_refusal_cure((enum pst_refusal)i, v));
            ck_assert_int_ne(pst_refusal_cure_who((enum pst_refusal)i, v), PST_CURE_NOBODY);
        }
    }
    check_plain(pst_refusal_stranger_sentence());
}
END_TEST

START_TEST(strangers_are_told_nothing_about_patients)
{
    static const char *const revealing[] = {"patient",   "agree", "visit",  "clinician",
                                            "signed up", "team",  "license"};
    for (int i = 0; i < PST_REFUSAL__MAX; i++) {
        enum pst_refusal refusal = (enum pst_refusal)i;
        enum pst_refusal shown = pst_refusal_shown(refusal, PST_VIEWER_STRANGER);
        bool about_people = i >= PST_REFUSAL_CREDENTIAL && i <= PST_REFUSAL_PERSONAL_CHANNEL;
        if (about_people)
            ck_assert_int_eq(shown, PST_REFUSAL_NOT_PERMITTED);
        for (size_t w = 0; w < sizeof revealing / sizeof revealing[0]; w++) {
            ck_assert_ptr_null(
                strstr(pst_refusal_title(refusal, PST_VIEWER_STRANGER), revealing[w]));
            ck_assert_ptr_null(
                strstr(pst_refusal_detail(refusal, PST_VIEWER_STRANGER), revealing[w]));
            ck_assert_ptr_null(
                strstr(pst_refusal_cure(refusal, PST_VIEWER_STRANGER), revealing[w]));
        }
        ck_assert_int_eq(pst_refusal_shown(refusal, PST_VIEWER_STAFF), refusal);
        ck_assert_int_eq(pst_refusal_shown(refusal, PST_VIEWER_PATIENT), refusal);
    }
}
END_TEST

static void check_json(const json_t *object, const char *expected)
{
    char *text = json_dumps(object, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(a_refusal_is_a_problem_object)
{
    json_t *object = NULL;
    struct pst_problem_extra more = {.event = "01890a5d-ac96-774b-bcce-b302099a8057"};
    ck_assert_int_eq(
        pst_refusal_json(PST_REFUSAL_CONSENT_MISSING, PST_VIEWER_STAFF, &more, &object), PST_OK);
    check_json(object,
               "{\"type\":\"urn:postern:refusal:consent-missing\","
               "\"title\":\"An agreement is needed first\",\"status\":403,"
               "\"detail\":\"No agreement of this patient to use messages is on record. "
               "The message was not sent.\",\"code\":\"consent-missing\","
               "\"cure\":{\"who\":\"intake\",\"what\":\"Ask intake to go through the agreement "
               "with the patient. Call the patient if it cannot wait.\"},"
               "\"event\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}");
    json_decref(object);
}
END_TEST

START_TEST(extra_members_stand_beside_and_never_replace)
{
    const char *const keys[] = {"AAAA", "BBBB"};
    json_t *extra = json_pack("{s:s, s:i}", "code", "forged", "left", 3);
    json_t *object = NULL;
    struct pst_problem_extra more = {
        .status = 403, .keys = keys, .keys_count = 2, .retry_s = 7, .extra = extra};
    ck_assert_int_eq(
        pst_refusal_json(PST_REFUSAL_WRONG_RECIPIENTS, PST_VIEWER_PATIENT, &more, &object), PST_OK);
    ck_assert_str_eq(json_string_value(json_object_get(object, "code")), "wrong-recipients");
    ck_assert_int_eq(json_integer_value(json_object_get(object, "status")), 403);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "left")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(object, "retry")), 7);
    ck_assert_uint_eq(json_array_size(json_object_get(object, "keys")), 2);
    ck_assert_ptr_null(json_object_get(object, "event"));
    json_decref(object);
    json_decref(extra);
}
END_TEST

START_TEST(problems_have_their_own_urn)
{
    static const struct {
        enum pst_problem problem;
        const char *type;
        int status;
    } cases[] = {
        {PST_PROBLEM_BAD_REQUEST, "urn:postern:problem:bad-request", 400},
        {PST_PROBLEM_STEP_UP_REQUIRED, "urn:postern:problem:step-up-required", 401},
        {PST_PROBLEM_NOT_FOUND, "urn:postern:problem:not-found", 404},
        {PST_PROBLEM_METHOD, "urn:postern:problem:method", 405},
        {PST_PROBLEM_CONFLICT, "urn:postern:problem:conflict", 409},
        {PST_PROBLEM_PRECONDITION, "urn:postern:problem:precondition", 412},
    };
    ck_assert_uint_eq(sizeof cases / sizeof cases[0], PST_PROBLEM__MAX);
    for (size_t i = 0; i < PST_PROBLEM__MAX; i++) {
        json_t *object = NULL;
        struct pst_problem_extra more = {.detail = "Our own words.", .allow = "GET"};
        ck_assert_int_eq(pst_problem_json(cases[i].problem, &more, &object), PST_OK);
        ck_assert_str_eq(json_string_value(json_object_get(object, "type")), cases[i].type);
        ck_assert_int_eq(json_integer_value(json_object_get(object, "status")), cases[i].status);
        ck_assert_str_eq(json_string_value(json_object_get(object, "detail")), "Our own words.");
        ck_assert_str_eq(json_string_value(json_object_get(object, "allow")), "GET");
        ck_assert_ptr_nonnull(json_object_get(json_object_get(object, "cure"), "who"));
        json_decref(object);
    }
}
END_TEST

START_TEST(admission_answers_say_until_when_or_why_not)
{
    json_t *object = NULL;
    ck_assert_int_eq(pst_refusal_admission_json(PST_REFUSAL_NONE, PST_VIEWER_PATIENT,
                                                "2027-01-01T00:00:00.000Z", &object),
                     PST_OK);
    check_json(object, "{\"admitted\":true,\"until\":\"2027-01-01T00:00:00.000Z\"}");
    json_decref(object);
    ck_assert_int_eq(
        pst_refusal_admission_json(PST_REFUSAL_NONE, PST_VIEWER_PATIENT, NULL, &object), PST_OK);
    check_json(object, "{\"admitted\":true}");
    json_decref(object);
    ck_assert_int_eq(
        pst_refusal_admission_json(PST_REFUSAL_CONSENT_EXPIRED, PST_VIEWER_PATIENT, NULL, &object),
        PST_OK);
    ck_assert(json_is_false(json_object_get(object, "admitted")));
    ck_assert_str_eq(json_string_value(json_object_get(object, "code")), "consent-expired");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(object, "cure"), "who")),
                     "patient");
    json_decref(object);
}
END_TEST

/* docs/refusals.md has a row for each, in this order. */
START_TEST(the_page_for_operators_says_the_same)
{
    PST_FREE char *path = NULL;
    char page[32768];
    ck_assert_ptr_nonnull(getenv("POSTERN_SOURCE"));
    ck_assert_int_gt(asprintf(&path, "%s/docs/refusals.md", getenv("POSTERN_SOURCE")), 0);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    ck_assert_int_eq(fclose(file), 0);
    const char *at = page;
    for (int i = PST_REFUSAL_NONE + 1; i < PST_REFUSAL__MAX; i++) {
        enum pst_refusal refusal = (enum pst_refusal)i;
        PST_FREE char *smtp = NULL;
        PST_FREE char *row = NULL;
        ck_assert_int_gt(
            asprintf(&smtp, "%d %s", pst_refusal_smtp(refusal), pst_refusal_smtp_enhanced(refusal)),
            0);
        ck_assert_int_gt(asprintf(&row, "\n| `%s` | %d | %s | %s | %s | %s |",
                                  pst_refusal_code(refusal), pst_refusal_http(refusal),
                                  pst_refusal_smtp(refusal) != 0 ? smtp : "–",
                                  pst_cure_name(pst_refusal_cure_who(refusal, PST_VIEWER_STAFF)),
                                  pst_refusal_title(refusal, PST_VIEWER_STAFF),
                                  pst_refusal_cure(refusal, PST_VIEWER_STAFF)),
                         0);
        at = strstr(at, row);
        ck_assert_msg(at != NULL, "docs/refusals.md lacks, here: %s", row);
    }
}
END_TEST

/* Allocations that still succeed; -1: all do. */
static int allocations_left = -1;

static void *failing_malloc(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return malloc(size);
}

static enum pst_err refuse_with_everything(json_t *extra, json_t **ret_object)
{
    const char *const keys[] = {"AAAA", "BBBB"};
    const struct pst_problem_extra more = {.event = "01890a5d-ac96-774b-bcce-b302099a8057",
                                           .keys = keys,
                                           .keys_count = 2,
                                           .retry_s = 7,
                                           .allow = "GET",
                                           .extra = extra};
    return pst_refusal_json(PST_REFUSAL_WRONG_RECIPIENTS, PST_VIEWER_STAFF, &more, ret_object);
}

START_TEST(each_allocation_may_fail)
{
    json_set_alloc_funcs(failing_malloc, free);
    json_t *extra = json_pack("{s:i, s:s}", "left", 3, "unit", "s");
    json_t *object = NULL;
    enum pst_err r = PST_ERR_NOMEM;
    int failures = 0;
    for (; r == PST_ERR_NOMEM; failures++) {
        ck_assert_ptr_null(object);
        allocations_left = failures;
        r = refuse_with_everything(extra, &object);
        allocations_left = -1;
    }
    ck_assert_int_eq(r, PST_OK);
    ck_assert_int_gt(failures, 20);
    ck_assert_uint_eq(json_object_size(object), 12);
    json_decref(object);
    for (failures = 0, r = PST_ERR_NOMEM; r == PST_ERR_NOMEM; failures++) {
        allocations_left = failures;
        r = pst_refusal_admission_json(PST_REFUSAL_CLOCK, PST_VIEWER_PATIENT, NULL, &object);
        allocations_left = -1;
    }
    ck_assert_int_gt(failures, 5);
    json_decref(object);
    json_decref(extra);
}
END_TEST

PST_UNIT_MAIN("refusal", the_page_for_operators_says_the_same, each_allocation_may_fail,
              codes_and_statuses_are_the_table_in_its_order,
              unknown_codes_are_not_found_and_unknown_values_fail_closed,
              every_refusal_has_plain_sentences_for_every_viewer,
              strangers_are_told_nothing_about_patients, a_refusal_is_a_problem_object,
              extra_members_stand_beside_and_never_replace, problems_have_their_own_urn,
              admission_answers_say_until_when_or_why_not)
