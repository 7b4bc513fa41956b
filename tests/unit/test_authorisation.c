/* The authorisation matrix: every route times every role, by authorisation.def. */
#include "unit.h"

#include "web_fixture.h"

struct expectation {
    const char *method;
    const char *path;
    const char *roles;
    bool step_up;
};

static const struct expectation matrix[] = {
#define X(method, path, roles, step_up) {method, path, roles, step_up},
#include "authorisation.def"
#undef X
};
#define MATRIX (sizeof matrix / sizeof matrix[0])

static const struct {
    char letter;
    uint32_t role;
} roles[] = {
    {'P', PST_ROLE_PATIENT},   {'R', PST_ROLE_REPRESENTATIVE}, {'I', PST_ROLE_INTAKE},
    {'C', PST_ROLE_CLINICIAN}, {'O', PST_ROLE_COMPLIANCE},     {'A', PST_ROLE_ADMINISTRATOR},
    {'E', PST_ROLE_EDGE},      {'-', PST_WEB_PUBLIC},
};
#define ROLES (sizeof roles / sizeof roles[0])

static const struct expectation *expectation_of(const struct pst_route *route)
{
    const struct expectation *found = NULL;
    for (size_t i = 0; i < MATRIX; i++) {
        if (strcmp(matrix[i].method, route->method) != 0 ||
            strcmp(matrix[i].path, route->path) != 0)
            continue;
        ck_assert_msg(found == NULL, "%s %s stands twice", route->method, route->path);
        found = &matrix[i];
    }
    return found;
}

START_TEST(every_route_has_its_line)
{
    size_t routes = 0;
    for (size_t t = 0; pst_routes[t] != NULL; t++) {
        for (const struct pst_route *route = pst_routes[t]; route->method != NULL; route++) {
            const struct expectation *want = expectation_of(route);
            ck_assert_msg(want != NULL, "%s %s is not in authorisation.def", route->method,
                          route->path);
            for (size_t i = 0; i < ROLES; i++)
                ck_assert_msg(((route->roles & roles[i].role) != 0) ==
                                  (strchr(want->roles, roles[i].letter) != NULL),
                              "%s %s for %c", route->method, route->path, roles[i].letter);
            ck_assert_int_eq((route->flags & PST_WEB_STEP_UP) != 0, want->step_up);
            routes++;
        }
    }
    ck_assert_uint_eq(routes, MATRIX);
}
END_TEST

/* A path with an id that nobody has in place of each {id}. */
static void path_fill(const char *path, char *ret_path, size_t size)
{
    const char *at = strstr(path, "{id}");
    if (at == NULL)
        snprintf(ret_path, size, "%s", path);
    else
        snprintf(ret_path, size, "%.*s01900000-0000-7000-8000-000000000000%s", (int)(at - path),
                 path, at + 4);
}

/* A person with one role, signed in now; the token goes where the fixture's first stands. */
static void sign_in(struct web_fixture *f, uint32_t role, unsigned number, bool stepped_up)
{
    struct practice *p = &f->practice;
    uint8_t token[32] = {0x55, (uint8_t)number, (uint8_t)(number >> 8)};
    struct pst_sha256 hash;
    struct pst_uuid person, session;
    struct pst_buf text = {.max = 64};
    struct pst_buf name = {.max = 512};
    pst_uuid_v7(p->now_ms, NULL, &person);
    pst_uuid_v7(p->now_ms, NULL, &session);
    ck_assert_int_eq(pst_vault_field_seal(p->vault, pst_field_of(PST_FIELD_PERSON_NAME, &person),
                                          pst_bytes_str("Matrix Example"), &name),
                     PST_OK);
    practice_bind(p,
                  "INSERT INTO person (id, roles, state, name_enc, created_at_ms) "
                  "VALUES (?1, ?2, 1, ?3, 0)",
                  "uib", &person, (int64_t)role, name.bytes, (int)name.len);
    ck_assert_int_eq(pst_base64url_append(&text, pst_bytes(token, sizeof token)), PST_OK);
    ck_assert_int_eq(pst_sha256(pst_bytes(token, sizeof token), &hash), PST_OK);
    practice_bind(p,
                  "INSERT INTO session (token_hash, id, person, created_at_ms, used_at_ms, "
                  "expires_at_ms, step_up_at_ms) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
                  "buuiii", hash.bytes, 32, &session, &person, p->now_ms, p->now_ms + PST_HOUR_MS,
                  stepped_up ? p->now_ms : (int64_t)0);
    snprintf(f->tokens[ADA], sizeof f->tokens[ADA], "%s", pst_buf_str(&text));
    pst_buf_free(&text);
    pst_buf_free(&name);
}

static void ask(struct web_fixture *f, const struct expectation *route, struct answer *ret_answer)
{
    char path[256];
    char line[300];
    bool body = strcmp(route->method, "GET") != 0 && strcmp(route->method, "DELETE") != 0;
    path_fill(route->path, path, sizeof path);
    snprintf(line, sizeof line, "%s %s", route->method, path);
    web_ask(f, ADA, line, "application/json", body ? pst_bytes("{}", 2) : pst_bytes(NULL, 0),
            ret_answer);
}

static void check_answer(const struct expectation *route, size_t role, bool stepped_up,
                         const struct answer *answer)
{
    const char *code = answer_text(answer, "code");
    const char *method = route->method;
    if (strcmp(route->roles, "-") == 0) {
        ck_assert_msg(answer->status != 403, "%s %s", method, route->path);
    } else if (strchr(route->roles, roles[role].letter) == NULL) {
        ck_assert_msg(answer->status == 403 && strcmp(code, "not-permitted") == 0 &&
                          answer_text(answer, "event")[0] != '\0',
                      "%s %s for %c: %d %s", method, route->path, roles[role].letter,
                      answer->status, code);
    } else if (route->step_up && !stepped_up) {
        ck_assert_msg(answer->status == 401 && strcmp(code, "step-up-required") == 0,
                      "%s %s for %c: %d %s", method, route->path, roles[role].letter,
                      answer->status, code);
    } else {
        ck_assert_msg((answer->status != 403 || strcmp(code, "not-permitted") != 0) &&
                          strcmp(code, "step-up-required") != 0 && answer->status < 500,
                      "%s %s for %c: %d %s", method, route->path, roles[role].letter,
                      answer->status, code);
    }
}

START_TEST(every_role_is_answered_so)
{
    struct web_fixture f;
    unsigned number = 0;
    web_open(&f);
    for (size_t i = 0; i < MATRIX; i++) {
        for (size_t role = 0; role + 1 < ROLES; role++) {
            bool stepped_up = (i + role) % 2 == 0;
            struct answer answer;
            sign_in(&f, roles[role].role, number++, stepped_up);
            ask(&f, &matrix[i], &answer);
            check_answer(&matrix[i], role, stepped_up, &answer);
            answer_free(&answer);
        }
    }
    web_close(&f);
}
END_TEST

START_TEST(nobody_gets_in_without_a_session)
{
    struct web_fixture f;
    web_open(&f);
    memset(f.tokens[ADA], 'Q', 43);
    for (size_t i = 0; i < MATRIX; i++) {
        struct answer answer;
        if (strcmp(matrix[i].roles, "-") == 0)
            continue;
        ask(&f, &matrix[i], &answer);
        ck_assert_msg(answer.status == 401 &&
                          strcmp(answer_text(&answer, "code"), "not-authenticated") == 0 &&
                          answer_text(&answer, "event")[0] == '\0',
                      "%s %s: %d", matrix[i].method, matrix[i].path, answer.status);
        answer_free(&answer);
    }
    web_close(&f);
}
END_TEST

PST_UNIT_MAIN("authorisation", every_route_has_its_line, every_role_is_answered_so,
              nobody_gets_in_without_a_session)
