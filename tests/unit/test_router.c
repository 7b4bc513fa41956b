/* Paths to routes, and the small decisions of the HTTP runtime that are pure. */
#include "unit.h"

#include <string.h>

#include "postern/time.h"
#include "server/config/config.h"
#include "server/web/pace.h"
#include "server/web/router.h"
#include "server/web/session_policy.h"
#include "server/web/site.h"

static const struct pst_route people[] = {
    {.method = "GET", .path = "/v1/patients", .kind = PST_WEB_READ},
    {.method = "POST", .path = "/v1/patients", .kind = PST_WEB_WRITE},
    {.method = "GET", .path = "/v1/patients/{id}", .kind = PST_WEB_READ},
    {.method = "POST", .path = "/v1/patients/{id}/visits", .kind = PST_WEB_WRITE},
    {0},
};
static const struct pst_route messages[] = {
    {.method = "GET", .path = "/v1/messages/{id}", .kind = PST_WEB_WRITE},
    {.method = "GET", .path = "/v1/a/{id}/b/{id}", .kind = PST_WEB_READ},
    {0},
};
static const struct pst_route *const tables[] = {people, messages, NULL};

#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
#define ID2 "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c"

START_TEST(paths)
{
    static const struct {
        const char *method;
        const char *path;
        enum pst_err want;
        const struct pst_route *route;
    } cases[] = {
        {"GET", "/v1/patients", PST_OK, &people[0]},
        {"HEAD", "/v1/patients", PST_OK, &people[0]},
        {"POST", "/v1/patients", PST_OK, &people[1]},
        {"GET", "/v1/patients/" ID, PST_OK, &people[2]},
        {"POST", "/v1/patients/" ID "/visits", PST_OK, &people[3]},
        {"GET", "/v1/messages/" ID, PST_OK, &messages[0]},
        /* A GET that records may not be asked by HEAD. */
        {"HEAD", "/v1/messages/" ID, PST_ERR_UNSUPPORTED, NULL},
        {"DELETE", "/v1/patients", PST_ERR_UNSUPPORTED, NULL},
        {"get", "/v1/patients", PST_ERR_UNSUPPORTED, NULL},
        {"GET", "/v1/patients/", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1//patients", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/V1/patients", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1/patients/0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1/patients/0190a1b2", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1/patients/" ID "/visits/", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1/patients/" ID "/../" ID, PST_ERR_NOT_FOUND, NULL},
        {"GET", "/v1/patients/{id}", PST_ERR_NOT_FOUND, NULL},
        {"GET", "", PST_ERR_NOT_FOUND, NULL},
        {"GET", "/", PST_ERR_NOT_FOUND, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_router_match match = {0};
        enum pst_err r = pst_router_find(tables, cases[i].method, cases[i].path, &match);
        ck_assert_msg(r == cases[i].want, "%s %s: %s", cases[i].method, cases[i].path,
                      pst_err_name(r));
        ck_assert_ptr_eq(match.route, cases[i].route);
    }
}
END_TEST

START_TEST(ids_in_order)
{
    struct pst_router_match match;
    char text[PST_UUID_TEXT_SIZE];
    ck_assert_int_eq(pst_router_find(tables, "GET", "/v1/a/" ID "/b/" ID2, &match), PST_OK);
    pst_uuid_format(&match.ids[0], text);
    ck_assert_str_eq(text, ID);
    pst_uuid_format(&match.ids[1], text);
    ck_assert_str_eq(text, ID2);
}
END_TEST

START_TEST(allow_names_each_method_once)
{
    struct pst_router_match match;
    ck_assert_int_eq(pst_router_find(tables, "PUT", "/v1/patients", &match), PST_ERR_UNSUPPORTED);
    ck_assert_str_eq(match.allow, "GET, HEAD, POST");
    ck_assert_int_eq(pst_router_find(tables, "PUT", "/v1/messages/" ID, &match),
                     PST_ERR_UNSUPPORTED);
    ck_assert_str_eq(match.allow, "GET");
}
END_TEST

START_TEST(words)
{
    ck_assert(pst_router_word_in("limit cursor", "limit"));
    ck_assert(pst_router_word_in("limit cursor", "cursor"));
    ck_assert(!pst_router_word_in("limit cursor", "curs"));
    ck_assert(!pst_router_word_in("limit cursor", "limit cursor"));
    ck_assert(!pst_router_word_in("limit", ""));
    ck_assert(!pst_router_word_in(NULL, "limit"));
}
END_TEST

START_TEST(cookies)
{
    static const struct {
        const char *header;
        const char *want;
    } cases[] = {
        {"__Host-postern=abc", "abc"},
        {"a=b; __Host-postern=abc; c=d", "abc"},
        {"__Host-postern=abc; __Host-postern=def", NULL},
        {"x__Host-postern=abc", NULL},
        {"__Host-posternx=abc", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = 0;
        const char *value = pst_web_cookie_find(cases[i].header, &len);
        ck_assert_msg((value == NULL) == (cases[i].want == NULL), "%s", cases[i].header);
        if (value != NULL)
            ck_assert_msg(len == strlen(cases[i].want) && memcmp(value, cases[i].want, len) == 0,
                          "%s", cases[i].header);
    }
    ck_assert_ptr_null(pst_web_cookie_find(NULL, &(size_t){0}));
}
END_TEST

START_TEST(same_site)
{
    static const struct {
        const char *site;
        const char *origin;
        const char *host;
        bool want;
    } cases[] = {
        {"same-origin", NULL, "a.example", true},
        {"same-origin", "https://evil.example", "a.example", true},
        {"same-site", "https://a.example", "a.example", false},
        {"cross-site", "https://a.example", "a.example", false},
        {"none", NULL, "a.example", false},
        {NULL, "https://a.example", "a.example", true},
        {NULL, "https://a.example:8443", "a.example:8443", true},
        {NULL, "https://a.example:8443", "a.example", false},
        {NULL, "http://a.example", "a.example", false},
        {NULL, "https://a.example.evil.example", "a.example", false},
        {NULL, "null", "a.example", false},
        {NULL, NULL, "a.example", false},
        {NULL, "https://a.example", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(pst_web_same_site(cases[i].site, cases[i].origin, cases[i].host) ==
                          cases[i].want,
                      "case %zu", i);
}
END_TEST

static const struct pst_config config = {
    .sessions = {.staff_idle_ms = 60 * PST_MINUTE_MS,
                 .staff_absolute_ms = 12 * PST_HOUR_MS,
                 .patient_idle_ms = PST_DAY_MS,
                 .patient_absolute_ms = 7 * PST_DAY_MS,
                 .step_up_ms = 5 * PST_MINUTE_MS},
};

START_TEST(session_ends)
{
    const int64_t start = 1000000;
    /* Idle first, then the absolute limit; who is both patient and staff counts as staff. */
    ck_assert_int_eq(pst_session_ends_ms(&config, PST_ROLE_CLINICIAN, start, start + PST_DAY_MS),
                     start + 60 * PST_MINUTE_MS);
    ck_assert_int_eq(pst_session_ends_ms(&config, PST_ROLE_CLINICIAN, start, start + 5), start + 5);
    ck_assert_int_eq(pst_session_limits(&config, PST_ROLE_PATIENT).absolute_ms, 7 * PST_DAY_MS);
    ck_assert_int_eq(
        pst_session_limits(&config, PST_ROLE_PATIENT | PST_ROLE_COMPLIANCE).absolute_ms,
        12 * PST_HOUR_MS);
    ck_assert_int_eq(pst_session_step_up_until_ms(&config, 0), 0);
    ck_assert_int_eq(pst_session_step_up_until_ms(&config, start), start + 5 * PST_MINUTE_MS);
}
END_TEST

START_TEST(session_tokens)
{
    struct pst_secret *text = NULL;
    struct pst_sha256 made;
    struct pst_sha256 read;
    ck_assert_int_eq(pst_session_token_new(&text, &made), PST_OK);
    const char *token = (const char *)pst_secret_bytes(text);
    ck_assert_uint_eq(strlen(token), PST_SESSION_TOKEN_TEXT_LEN);
    ck_assert_int_eq(pst_session_token_hash(token, PST_SESSION_TOKEN_TEXT_LEN, &read), PST_OK);
    ck_assert(pst_sha256_equal(&made, &read));
    ck_assert_int_eq(pst_session_token_hash(token, PST_SESSION_TOKEN_TEXT_LEN - 1, &read),
                     PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_session_token_hash("", 0, &read), PST_ERR_SYNTAX);
    pst_secret_free(&text);
}
END_TEST

START_TEST(pace)
{
    static struct pst_pace places;
    struct pst_uuid one = {{[15] = 1}};
    struct pst_uuid two = {{[15] = 2}};
    const int64_t minute = 50 * PST_MINUTE_MS;
    ck_assert_int_eq(pst_pace_count(&places, &one, 2, minute), 0);
    ck_assert_int_eq(pst_pace_count(&places, &one, 2, minute + 1), 0);
    ck_assert_int_eq(pst_pace_count(&places, &one, 2, minute + 15 * PST_SECOND_MS), 45);
    ck_assert_int_eq(pst_pace_count(&places, &two, 2, minute + 2), 0);
    ck_assert_int_eq(pst_pace_count(&places, &one, 2, minute + PST_MINUTE_MS), 0);
}
END_TEST

PST_UNIT_MAIN("router", paths, ids_in_order, allow_names_each_method_once, words, cookies,
              same_site, session_ends, session_tokens, pace)
