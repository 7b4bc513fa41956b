/* Threads, rooms, admission beforehand, drafts and redirects, over HTTP. */
#include "postern/age.h"
#include "web_fixture.h"

#define JSON "application/json"

static json_t *get(struct web_fixture *f, enum who who, const char *line, int status)
{
    struct answer answer;
    web_ask(f, who, line, "", pst_bytes(NULL, 0), &answer);
    ck_assert_msg(answer.status == status, "%s: %d %.*s", line, answer.status, (int)answer.body.len,
                  (const char *)answer.body.ptr);
    json_t *json = json_incref(answer.json);
    answer_free(&answer);
    return json;
}

/* Takes body. */
static json_t *send_json(struct web_fixture *f, enum who who, const char *line, json_t *body,
                         int status)
{
    struct answer answer;
    char *text = json_dumps(body, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    web_ask(f, who, line, JSON, pst_bytes_str(text), &answer);
    ck_assert_msg(answer.status == status, "%s %s: %d %.*s", line, text, answer.status,
                  (int)answer.body.len, (const char *)answer.body.ptr);
    json_t *json = json_incref(answer.json);
    answer_free(&answer);
    free(text);
    json_decref(body);
    return json;
}

static json_t *id_json(const struct pst_uuid *id)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    return json_string(text);
}

static json_t *opening(struct web_fixture *f, const struct pst_uuid *id, const struct member *team)
{
    return json_pack("{s:o, s:o, s:o}", "id", id_json(id), "patient",
                     id_json(&f->practice.people[PAT].id), "team", id_json(&team->id));
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text != NULL ? text : "";
}

START_TEST(a_thread_names_its_members_and_is_for_them_alone)
{
    struct web_fixture f;
    static const struct {
        enum who who;
        int status;
    } cases[] = {{ADA, 200}, {BEN, 200}, {PAT, 200}, {REP, 200}, {CARA, 404}};
    web_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        json_decref(get(&f, cases[i].who, web_line("GET", "/v1/threads/", &f.practice.thread, ""),
                        cases[i].status));
    json_t *thread = get(&f, PAT, web_line("GET", "/v1/threads/", &f.practice.thread, ""), 200);
    const json_t *members = json_object_get(thread, "members");
    ck_assert_uint_eq(json_array_size(members), 3);
    ck_assert_str_eq(text_of(json_array_get(members, 0), "role"), "patient");
    ck_assert_str_eq(text_of(json_array_get(members, 0), "name"), "Pat Example");
    ck_assert_str_eq(text_of(json_array_get(members, 1), "role"), "representative");
    ck_assert_str_eq(text_of(json_array_get(members, 2), "name"), "Heart");
    ck_assert_str_eq(text_of(thread, "state"), "open");
    ck_assert_ptr_null(json_object_get(thread, "last"));
    json_decref(thread);
    web_close(&f);
}
END_TEST

START_TEST(absent_and_invisible_threads_answer_the_same)
{
    static const char *const after[] = {"", "/admission", "/keys", "/draft", "/messages"};
    struct web_fixture f;
    struct pst_uuid absent;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &absent);
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++) {
        json_t *one =
            get(&f, CARA, web_line("GET", "/v1/threads/", &f.practice.thread, after[i]), 404);
        json_t *other = get(&f, CARA, web_line("GET", "/v1/threads/", &absent, after[i]), 404);
        json_object_del(one, "event");
        json_object_del(other, "event");
        ck_assert(json_equal(one, other));
        json_decref(one);
        json_decref(other);
    }
    web_close(&f);
}
END_TEST

START_TEST(opening_again_is_the_same_and_another_is_a_conflict)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    struct member *team = &f.practice.team;
    json_decref(send_json(&f, PAT, "POST /v1/threads", opening(&f, &id, team), 201));
    json_decref(send_json(&f, PAT, "POST /v1/threads", opening(&f, &id, team), 200));
    json_decref(send_json(&f, PAT, "POST /v1/threads", opening(&f, &id, &f.practice.other), 409));
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    json_decref(send_json(&f, CARA, "POST /v1/threads", opening(&f, &id, team), 404));
    json_decref(send_json(&f, CARA, "POST /v1/threads", opening(&f, &id, &f.practice.other), 201));
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    json_decref(send_json(&f, REP, "POST /v1/threads", opening(&f, &id, team), 201));
    json_t *odd = opening(&f, &id, team);
    json_object_set_new(odd, "subject", json_string("x"));
    json_decref(send_json(&f, PAT, "POST /v1/threads", odd, 400));
    ck_assert_int_eq(practice_count(&f.practice, "SELECT count(*) FROM thread"), 5);
    web_close(&f);
}
END_TEST

START_TEST(rooms_are_for_clinicians)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    const struct pst_uuid *cara = &f.practice.people[CARA].id;
    const struct pst_uuid *pat = &f.practice.people[PAT].id;
    json_decref(send_json(&f, ADA, "POST /v1/threads",
                          json_pack("{s:o, s:[o]}", "id", id_json(&id), "room", id_json(cara)),
                          201));
    json_decref(send_json(&f, ADA, "POST /v1/threads",
                          json_pack("{s:o, s:[o]}", "id", id_json(&id), "room", id_json(cara)),
                          200));
    json_decref(get(&f, CARA, web_line("GET", "/v1/threads/", &id, ""), 200));
    json_decref(get(&f, BEN, web_line("GET", "/v1/threads/", &id, ""), 404));
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    json_decref(send_json(&f, ADA, "POST /v1/threads",
                          json_pack("{s:o, s:[o]}", "id", id_json(&id), "room", id_json(pat)),
                          404));
    json_decref(send_json(&f, PAT, "POST /v1/threads",
                          json_pack("{s:o, s:[o]}", "id", id_json(&id), "room", id_json(cara)),
                          404));
    web_close(&f);
}
END_TEST

START_TEST(lists_are_merged_newest_first_and_paged)
{
    struct web_fixture f;
    char cursor[128] = "";
    int seen = 0;
    int64_t total = 0;
    web_open(&f);
    for (int i = 0; i < 7; i++) {
        struct pst_uuid id;
        pst_uuid_v7(f.practice.now_ms, NULL, &id);
        practice_bind(&f.practice,
                      "INSERT INTO thread (id, patient, team, state, created_by, created_at_ms, "
                      "changed_at_ms) VALUES (?1, ?2, ?3, ?4, ?2, 1, ?5)",
                      "uuuii", &id, &f.practice.people[PAT].id, &f.practice.team.id,
                      (int64_t)(i % 2), (int64_t)(10 + i / 2));
    }
    total = practice_count(&f.practice, "SELECT count(*) FROM thread");
    do {
        char line[256];
        snprintf(line, sizeof line, "GET /v1/threads?limit=2%s", cursor);
        json_t *page = get(&f, ADA, line, 200);
        seen += (int)json_array_size(json_object_get(page, "items"));
        snprintf(cursor, sizeof cursor, "&cursor=%s", text_of(page, "next"));
        bool more = json_is_string(json_object_get(page, "next"));
        json_decref(page);
        if (!more)
            break;
    } while (seen < 100);
    ck_assert_int_eq(seen, total);
    json_t *closed = get(&f, PAT, "GET /v1/threads?state=closed", 200);
    ck_assert_uint_eq(json_array_size(json_object_get(closed, "items")), 3);
    json_decref(closed);
    json_decref(get(&f, PAT, "GET /v1/threads?state=odd", 400));
    json_decref(get(&f, PAT, "GET /v1/threads?cursor=odd", 400));
    web_close(&f);
}
END_TEST

START_TEST(clinicians_close_and_assign)
{
    struct web_fixture f;
    web_open(&f);
    const char *line = web_line("PATCH", "/v1/threads/", &f.practice.thread, "");
    json_t *thread = send_json(
        &f, ADA, line,
        json_pack("{s:s, s:o}", "state", "closed", "assigned", id_json(&f.practice.people[BEN].id)),
        200);
    ck_assert_str_eq(text_of(thread, "state"), "closed");
    ck_assert_uint_eq(strlen(text_of(thread, "assigned")), PST_UUID_TEXT_LEN);
    json_decref(thread);
    thread = send_json(&f, BEN, line, json_pack("{s:n}", "assigned"), 200);
    ck_assert_ptr_null(json_object_get(thread, "assigned"));
    json_decref(thread);
    json_decref(send_json(
        &f, ADA, line, json_pack("{s:o}", "assigned", id_json(&f.practice.people[CARA].id)), 400));
    json_decref(send_json(&f, ADA, line, json_pack("{s:s}", "subject", "x"), 400));
    json_decref(send_json(&f, CARA, line, json_pack("{s:s}", "state", "open"), 404));
    json_decref(send_json(&f, PAT, line, json_pack("{s:s}", "state", "open"), 403));
    web_close(&f);
}
END_TEST

START_TEST(admission_says_beforehand_what_would_happen)
{
    struct web_fixture f;
    web_open(&f);
    json_t *said =
        get(&f, ADA, web_line("GET", "/v1/threads/", &f.practice.thread, "/admission"), 200);
    ck_assert(json_is_true(json_object_get(said, "admitted")));
    ck_assert_uint_eq(strlen(text_of(said, "until")), PST_TIME_TEXT_LEN);
    json_decref(said);
    practice_exec(&f.practice, "UPDATE consent SET purposes = purposes - 2");
    said = get(&f, ADA, web_line("GET", "/v1/threads/", &f.practice.thread, "/admission?images=1"),
               200);
    ck_assert_str_eq(text_of(said, "code"), "consent-scope");
    ck_assert_str_eq(text_of(json_object_get(said, "cure"), "who"), "patient");
    json_decref(said);
    json_decref(
        get(&f, ADA, web_line("GET", "/v1/threads/", &f.practice.thread, "/keys?images=1"), 403));
    ck_assert_int_eq(practice_count(&f.practice, "SELECT count(*) FROM event"), 1);
    json_decref(get(
        &f, ADA, web_line("GET", "/v1/threads/", &f.practice.thread, "/admission?images=x"), 400));
    web_close(&f);
}
END_TEST

static void draft(struct web_fixture *f, enum who who, struct pst_bytes body, const char *more,
                  int status)
{
    struct answer answer;
    int fd = web_connect(f);
    web_head(f, fd, who, web_line("PUT", "/v1/threads/", &f->practice.thread, "/draft"),
             "application/octet-stream", (int64_t)body.len, more);
    web_write(fd, body);
    web_read(fd, &answer);
    close(fd);
    ck_assert_msg(answer.status == status, "%d %.*s", answer.status, (int)answer.body.len,
                  (const char *)answer.body.ptr);
    answer_free(&answer);
}

START_TEST(drafts_are_sealed_to_their_owner_and_versioned)
{
    struct web_fixture f;
    struct pst_buf age = {.max = 4096};
    struct answer answer;
    web_open(&f);
    struct pst_age_sealing sealing = {.recipients = &f.practice.people[PAT].recipient,
                                      .recipient_count = 1};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str("Dear"), &age, NULL), PST_OK);
    draft(&f, PAT, pst_bytes_str("Dear doctor"), "", 422);
    draft(&f, PAT, pst_buf_bytes(&age), "", 204);
    draft(&f, PAT, pst_buf_bytes(&age), "If-Match: \"1\"\r\n", 204);
    draft(&f, PAT, pst_buf_bytes(&age), "If-Match: \"1\"\r\n", 412);
    draft(&f, CARA, pst_buf_bytes(&age), "", 404);
    web_ask(&f, PAT, web_line("GET", "/v1/threads/", &f.practice.thread, "/draft"), "",
            pst_bytes(NULL, 0), &answer);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(strstr(answer.head, "ETag: \"2\""));
    ck_assert(pst_bytes_equal(answer.body, pst_buf_bytes(&age)));
    answer_free(&answer);
    json_decref(get(&f, REP, web_line("GET", "/v1/threads/", &f.practice.thread, "/draft"), 404));
    json_decref(
        get(&f, PAT, web_line("DELETE", "/v1/threads/", &f.practice.thread, "/draft"), 204));
    json_decref(get(&f, PAT, web_line("GET", "/v1/threads/", &f.practice.thread, "/draft"), 404));
    pst_buf_free(&age);
    web_close(&f);
}
END_TEST

static json_t *redirect_body(struct web_fixture *f, const struct pst_uuid *id, const char *channel,
                             const char *address)
{
    return json_pack("{s:o, s:o, s:s, s:s}", "id", id_json(id), "patient",
                     id_json(&f->practice.people[PAT].id), "channel", channel, "address", address);
}

START_TEST(redirects_give_words_and_keep_no_address)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    json_t *said = send_json(&f, ADA, "POST /v1/redirects",
                             redirect_body(&f, &id, "email", "pat@mail.example"), 201);
    ck_assert_str_eq(text_of(said, "code"), "personal-channel");
    ck_assert_ptr_nonnull(strstr(text_of(said, "words"), "911"));
    ck_assert_ptr_nonnull(strstr(text_of(said, "words"), "Gracias"));
    json_t *again = send_json(&f, ADA, "POST /v1/redirects",
                              redirect_body(&f, &id, "email", "pat@mail.example"), 201);
    ck_assert(json_equal(said, again));
    json_decref(said);
    json_decref(again);
    json_decref(send_json(&f, ADA, "POST /v1/redirects",
                          redirect_body(&f, &id, "sms", "+15551234567"), 409));
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    json_decref(
        send_json(&f, ADA, "POST /v1/redirects", redirect_body(&f, &id, "pigeon", "x"), 400));
    json_decref(
        send_json(&f, ADA, "POST /v1/redirects", redirect_body(&f, &id, "email", "x y"), 400));
    json_decref(send_json(&f, CARA, "POST /v1/redirects",
                          redirect_body(&f, &id, "email", "pat@mail.example"), 404));
    ck_assert_int_eq(practice_count(&f.practice, "SELECT count(*) FROM redirect"), 1);
    ck_assert_int_eq(
        practice_count(&f.practice, "SELECT count(*) FROM event WHERE line LIKE '%pat@%'"), 0);
    ck_assert_int_eq(practice_count(&f.practice, "SELECT count(*) FROM event WHERE line LIKE "
                                                 "'%\"code\":\"personal-channel\"%'"),
                     1);
    json_t *list = get(&f, ADA, "GET /v1/redirects", 200);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    ck_assert_str_eq(text_of(item, "channel"), "email");
    ck_assert(json_is_false(json_object_get(item, "converted")));
    json_decref(list);
    list = get(&f, CARA, "GET /v1/redirects", 200);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 0);
    json_decref(list);
    json_decref(get(&f, PAT, "GET /v1/redirects", 403));
    web_close(&f);
}
END_TEST

START_TEST(clinicians_list_the_patients_of_their_visits_and_teams)
{
    /* Ada saw the patient; Ben is in the team of their thread; Cara has neither. */
    static const struct {
        enum who who;
        size_t count;
    } lists[] = {{ADA, 1}, {BEN, 1}, {CARA, 0}, {REP, 1}};
    struct web_fixture f;
    web_open(&f);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        json_t *list = get(&f, lists[i].who, "GET /v1/patients", 200);
        ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), lists[i].count);
        json_decref(list);
    }
    practice_visit(&f.practice, CARA, "dermatology", f.practice.now_ms / PST_DAY_MS - 1);
    practice_exec(&f.practice, "DELETE FROM team_member");
    practice_exec(&f.practice, "UPDATE representative SET ended_at_ms = 1");
    static const size_t later[] = {1, 0, 1, 0};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        json_t *list = get(&f, lists[i].who, "GET /v1/patients", 200);
        ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), later[i]);
        json_decref(list);
    }
    web_close(&f);
}
END_TEST

/* The status of a draft of that many zero bytes: 422, when there is room to look at it. */
static int put_draft(struct web_fixture *f, size_t size, struct answer *ret_answer)
{
    uint8_t *zeroes = calloc(1, size);
    web_ask(f, ADA, web_line("PUT", "/v1/threads/", &f->practice.thread, "/draft"),
            "application/octet-stream", pst_bytes(zeroes, size), ret_answer);
    free(zeroes);
    return ret_answer->status;
}

START_TEST(drafts_that_would_not_fit_beside_others_wait)
{
    static const int64_t largest = INT64_C(36) * 1024 * 1024;
    static const size_t middle = (size_t)21 * 1024 * 1024;
    struct web_fixture f;
    struct answer answer;
    int fds[3];
    web_open(&f);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = web_connect(&f);
        web_head(&f, fds[i], ADA, web_line("PUT", "/v1/threads/", &f.practice.thread, "/draft"),
                 "application/octet-stream", largest, "");
        web_write(fds[i], pst_bytes_str("begun"));
    }
    int64_t until_ms = pst_clock_now(NULL) + WEB_WAIT_MS;
    while (put_draft(&f, middle, &answer) != 503) { /* the three have not all been seen yet */
        ck_assert_int_lt(pst_clock_now(NULL), until_ms);
        answer_free(&answer);
    }
    ck_assert_str_eq(answer_text(&answer, "code"), "unavailable");
    ck_assert_ptr_nonnull(strstr(answer.head, "Retry-After: 5"));
    answer_free(&answer);
    ck_assert_int_eq(put_draft(&f, 16 * 1024, &answer), 422);
    answer_free(&answer);
    close(fds[0]);
    while (put_draft(&f, middle, &answer) != 422) {
        ck_assert_int_lt(pst_clock_now(NULL), until_ms);
        answer_free(&answer);
    }
    answer_free(&answer);
    close(fds[1]);
    close(fds[2]);
    web_close(&f);
}
END_TEST

PST_UNIT_MAIN("threads", drafts_that_would_not_fit_beside_others_wait,
              clinicians_list_the_patients_of_their_visits_and_teams,
              a_thread_names_its_members_and_is_for_them_alone,
              absent_and_invisible_threads_answer_the_same,
              opening_again_is_the_same_and_another_is_a_conflict, rooms_are_for_clinicians,
              lists_are_merged_newest_first_and_paged, clinicians_close_and_assign,
              admission_says_beforehand_what_would_happen,
              drafts_are_sealed_to_their_owner_and_versioned,
              redirects_give_words_and_keep_no_address)
