#include "postern/refusal.h"

#include <stdbool.h>
#include <string.h>

#include "postern/cleanup.h"

struct words {
    const char *detail;
    const char *cure;
};

static const struct {
    const char *code;
    int http;
    int smtp;
    const char *enhanced;
    enum pst_cure who;
    const char *title;
    struct words patient;
    struct words staff;
} refusals[PST_REFUSAL__MAX] = {
    [PST_REFUSAL_NONE] = {"accepted", 200, 250, "2.0.0", PST_CURE_NOBODY, "", {"", ""}, {"", ""}},
#define X(name, code, http, smtp, enhanced, who, title, pdetail, pcure, sdetail, scure)            \
    [PST_REFUSAL_##name] = {                                                                       \
        code, http, smtp, enhanced, PST_CURE_##who, title, {pdetail, pcure}, {sdetail, scure}},
#include "postern/refusal.def"
#undef X
};

static const struct {
    const char *code;
    int http;
    enum pst_cure who;
    const char *title;
    struct words words;
} problems[PST_PROBLEM__MAX] = {
#define X(name, code, http, who, title, detail, cure)                                              \
    [PST_PROBLEM_##name] = {code, http, PST_CURE_##who, title, {detail, cure}},
#include "postern/problem.def"
#undef X
};

static const char *const cure_names[PST_CURE__MAX] = {
    [PST_CURE_NOBODY] = "nobody",   [PST_CURE_SENDER] = "sender",
    [PST_CURE_PATIENT] = "patient", [PST_CURE_STAFF] = "staff",
    [PST_CURE_INTAKE] = "intake",   [PST_CURE_ADMINISTRATOR] = "administrator",
};

/* A value outside the list is our bug; it must never read as accepted. */
static size_t slot(enum pst_refusal refusal)
{
    return (unsigned)refusal < PST_REFUSAL__MAX ? (size_t)refusal : PST_REFUSAL_UNAVAILABLE;
}

const char *pst_refusal_code(enum pst_refusal refusal)
{
    return refusals[slot(refusal)].code;
}

enum pst_err pst_refusal_by_code(const char *code, enum pst_refusal *ret_refusal)
{
    for (int i = 0; i < PST_REFUSAL__MAX; i++) {
        if (strcmp(refusals[i].code, code) == 0) {
            *ret_refusal = (enum pst_refusal)i;
            return PST_OK;
        }
    }
    return PST_ERR_NOT_FOUND;
}

int pst_refusal_http(enum pst_refusal refusal)
{
    return refusals[slot(refusal)].http;
}

int pst_refusal_smtp(enum pst_refusal refusal)
{
    return refusals[slot(refusal)].smtp;
}

const char *pst_refusal_smtp_enhanced(enum pst_refusal refusal)
{
    return refusals[slot(refusal)].enhanced;
}

enum pst_refusal pst_refusal_shown(enum pst_refusal refusal, enum pst_viewer viewer)
{
    enum pst_refusal known = (enum pst_refusal)slot(refusal);
    if (viewer == PST_VIEWER_PATIENT || viewer == PST_VIEWER_STAFF)
        return known;
    switch (known) {
    case PST_REFUSAL_NONE:
    case PST_REFUSAL_TLS_REQUIRED:
    case PST_REFUSAL_NOT_AUTHENTICATED:
    case PST_REFUSAL_RATE_LIMITED:
    case PST_REFUSAL_TOO_LARGE:
    case PST_REFUSAL_NOT_SEALED:
    case PST_REFUSAL_UNAVAILABLE:
        return known;
    default:
        return PST_REFUSAL_NOT_PERMITTED;
    }
}

/* A stranger reads the patient's words: they name no role and no rule. */
static const struct words *words_for(enum pst_refusal refusal, enum pst_viewer viewer)
{
    size_t at = slot(pst_refusal_shown(refusal, viewer));
    return viewer == PST_VIEWER_STAFF ? &refusals[at].staff : &refusals[at].patient;
}

const char *pst_refusal_title(enum pst_refusal refusal, enum pst_viewer viewer)
{
    return refusals[slot(pst_refusal_shown(refusal, viewer))].title;
}

const char *pst_refusal_detail(enum pst_refusal refusal, enum pst_viewer viewer)
{
    return words_for(refusal, viewer)->detail;
}

const char *pst_refusal_cure(enum pst_refusal refusal, enum pst_viewer viewer)
{
    return words_for(refusal, viewer)->cure;
}

enum pst_cure pst_refusal_cure_who(enum pst_refusal refusal, enum pst_viewer viewer)
{
    return refusals[slot(pst_refusal_shown(refusal, viewer))].who;
}

const char *pst_cure_name(enum pst_cure who)
{
    return cure_names[(unsigned)who < PST_CURE__MAX ? who : PST_CURE_NOBODY];
}

const char *pst_problem_code(enum pst_problem problem)
{
    return problems[(unsigned)problem < PST_PROBLEM__MAX ? problem : PST_PROBLEM_BAD_REQUEST].code;
}

int pst_problem_http(enum pst_problem problem)
{
    return problems[(unsigned)problem < PST_PROBLEM__MAX ? problem : PST_PROBLEM_BAD_REQUEST].http;
}

int pst_problem_status(int listed, const struct pst_problem_extra *more)
{
    return more != NULL && more->status != 0 ? more->status : listed;
}

static bool add_keys(json_t *object, const struct pst_problem_extra *more)
{
    json_t *keys = json_array();
    if (keys == NULL || json_object_set_new(object, "keys", keys) != 0)
        return false;
    for (size_t i = 0; i < more->keys_count; i++) {
        if (json_array_append_new(keys, json_string(more->keys[i])) != 0)
            return false;
    }
    return true;
}

static bool add_string(json_t *object, const char *name, const char *value)
{
    return value == NULL || json_object_set_new(object, name, json_string(value)) == 0;
}

/* Not json_object_update_missing(): Jansson 2.14 loses members there without a word. */
static bool add_missing(json_t *object, json_t *extra)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(extra, name, value)
    {
        if (json_object_get(object, name) == NULL && json_object_set(object, name, value) != 0)
            return false;
    }
    return true;
}

static bool add_more(json_t *object, const struct pst_problem_extra *more)
{
    if (more == NULL)
        return true;
    if (!add_string(object, "event", more->event) || !add_string(object, "allow", more->allow))
        return false;
    if (more->keys != NULL && !add_keys(object, more))
        return false;
    if (more->retry_s > 0 &&
        json_object_set_new(object, "retry", json_integer((json_int_t)more->retry_s)) != 0)
        return false;
    return more->extra == NULL || add_missing(object, more->extra);
}

struct answer {
    const char *space;
    const char *code;
    int status;
    const char *title;
    const char *detail;
    enum pst_cure who;
    const char *cure;
};

static enum pst_err answer_json(const struct answer *answer, const struct pst_problem_extra *more,
                                json_t **ret_problem)
{
    const char *detail = more != NULL && more->detail != NULL ? more->detail : answer->detail;
    PST_JSON json_t *object = json_pack(
        "{s:o, s:s, s:i, s:s, s:s, s:{s:s, s:s}}", "type",
        json_sprintf("urn:postern:%s:%s", answer->space, answer->code), "title", answer->title,
        "status", pst_problem_status(answer->status, more), "detail", detail, "code", answer->code,
        "cure", "who", pst_cure_name(answer->who), "what", answer->cure);
    if (object == NULL || !add_more(object, more))
        return PST_ERR_NOMEM;
    *ret_problem = json_incref(object);
    return PST_OK;
}

enum pst_err pst_refusal_json(enum pst_refusal refusal, enum pst_viewer viewer,
                              const struct pst_problem_extra *more, json_t **ret_problem)
{
    if (refusal == PST_REFUSAL_NONE || (unsigned)refusal >= PST_REFUSAL__MAX)
        return PST_ERR_INVALID;
    enum pst_refusal shown = pst_refusal_shown(refusal, viewer);
    const struct answer answer = {
        .space = "refusal",
        .code = pst_refusal_code(shown),
        .status = pst_refusal_http(shown),
        .title = pst_refusal_title(shown, viewer),
        .detail = pst_refusal_detail(shown, viewer),
        .who = pst_refusal_cure_who(shown, viewer),
        .cure = pst_refusal_cure(shown, viewer),
    };
    return answer_json(&answer, more, ret_problem);
}

enum pst_err pst_problem_json(enum pst_problem problem, const struct pst_problem_extra *more,
                              json_t **ret_problem)
{
    if ((unsigned)problem >= PST_PROBLEM__MAX)
        return PST_ERR_INVALID;
    const struct answer answer = {
        .space = "problem",
        .code = problems[problem].code,
        .status = problems[problem].http,
        .title = problems[problem].title,
        .detail = problems[problem].words.detail,
        .who = problems[problem].who,
        .cure = problems[problem].words.cure,
    };
    return answer_json(&answer, more, ret_problem);
}

enum pst_err pst_refusal_admission_json(enum pst_refusal refusal, enum pst_viewer viewer,
                                        const char *until, json_t **ret_answer)
{
    json_t *object = NULL;
    if (refusal == PST_REFUSAL_NONE)
        object = json_pack("{s:b, s:s*}", "admitted", 1, "until", until);
    else
        object = json_pack("{s:b, s:s, s:s, s:s, s:{s:s, s:s}}", "admitted", 0, "code",
                           pst_refusal_code(pst_refusal_shown(refusal, viewer)), "title",
                           pst_refusal_title(refusal, viewer), "detail",
                           pst_refusal_detail(refusal, viewer), "cure", "who",
                           pst_cure_name(pst_refusal_cure_who(refusal, viewer)), "what",
                           pst_refusal_cure(refusal, viewer));
    if (object == NULL)
        return PST_ERR_NOMEM;
    *ret_answer = object;
    return PST_OK;
}

const char *pst_refusal_stranger_sentence(void)
{
    return "This address takes no mail this way. Please use the practice's portal or call the "
           "practice. In an emergency call 911 or your local number.";
}
