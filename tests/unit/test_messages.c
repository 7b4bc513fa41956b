/* Sealed messages over HTTP: what is accepted, refused, kept and given out again. */
#include "postern/age.h"
#include "postern/envelope.h"
#include "postern/record.h"
#include "web_fixture.h"

#define SEALED PST_ENVELOPE_MEDIA_TYPE

/* ---- sealing ------------------------------------------------------------------ */

struct recipient {
    struct pst_key_id id;
    struct pst_age_recipient key;
};

static int by_text(const void *a, const void *b)
{
    const struct recipient *x = a;
    const struct recipient *y = b;
    return pst_key_id_compare_text(&x->id, &y->id);
}

struct letter {
    struct pst_envelope_header header;
    struct recipient recipients[5];
    size_t count;
    const struct pst_signer *signer;
};

static void letter_to(struct letter *letter, const struct member *member)
{
    letter->recipients[letter->count++] =
        (struct recipient){member->recipient_id, member->recipient};
}

/* As a right client writes one in the patient's thread. */
static void letter_new(struct web_fixture *f, enum who from, struct letter *ret_letter)
{
    struct practice *p = &f->practice;
    struct letter *l = ret_letter;
    memset(l, 0, sizeof *l);
    snprintf(l->header.origin, sizeof l->header.origin, PRACTICE_ORIGIN);
    pst_uuid_v7(p->now_ms, NULL, &l->header.id);
    l->header.thread = p->thread;
    l->header.from = p->people[from].id;
    l->header.sent_ms = p->now_ms;
    l->signer = p->people[from].signer;
    const struct member *members[] = {&p->people[PAT], &p->people[REP], &p->team};
    for (size_t i = 0; i < 3; i++) {
        letter_to(l, members[i]);
        bool own = members[i] == &p->people[from] || (members[i] == &p->team && from <= BEN);
        if (!own)
            l->header.to[l->header.to_count++] = members[i]->id;
    }
    letter_to(l, &p->records);
}

static void letter_seal(struct letter *l, size_t plain_len, struct pst_buf *ret_envelope)
{
    struct pst_buf age = {.max = (size_t)64 * 1024 * 1024};
    struct pst_age_recipient keys[5];
    uint8_t *plain = calloc(1, plain_len + 1);
    qsort(l->recipients, l->count, sizeof l->recipients[0], by_text);
    l->header.keys_count = l->count;
    for (size_t i = 0; i < l->count; i++) {
        keys[i] = l->recipients[i].key;
        l->header.keys[i] = l->recipients[i].id;
    }
    struct pst_age_sealing sealing = {.recipients = keys, .recipient_count = l->count};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes(plain, plain_len), &age, NULL), PST_OK);
    l->header.size = age.len;
    ck_assert_int_eq(pst_sha256(pst_buf_bytes(&age), &l->header.sha256), PST_OK);
    pst_envelope_header_sort(&l->header);
    *ret_envelope = (struct pst_buf){.max = (size_t)64 * 1024 * 1024};
    ck_assert_int_eq(pst_envelope_sign(&l->header, l->signer, ret_envelope), PST_OK);
    ck_assert_int_eq(pst_buf_append_bytes(ret_envelope, pst_buf_bytes(&age)), PST_OK);
    pst_buf_free(&age);
    free(plain);
}

static void post(struct web_fixture *f, enum who who, const struct pst_uuid *thread,
                 const char *type, struct pst_bytes body, struct answer *ret_answer)
{
    web_ask(f, who, web_line("POST", "/v1/threads/", thread, "/messages"), type, body, ret_answer);
}

/* Post a right message of that size and expect 201. */
static void send_one(struct web_fixture *f, enum who from, size_t plain_len,
                     const struct pst_uuid *replyto, struct pst_uuid *ret_id,
                     struct pst_buf *ret_envelope)
{
    struct letter letter;
    struct pst_buf envelope;
    struct answer answer;
    letter_new(f, from, &letter);
    if (replyto != NULL) {
        letter.header.replyto = *replyto;
        letter.header.has_replyto = true;
    }
    letter_seal(&letter, plain_len, &envelope);
    post(f, from, &f->practice.thread, SEALED, pst_buf_bytes(&envelope), &answer);
    ck_assert_msg(answer.status == 201, "%s", (const char *)answer.body.ptr);
    answer_free(&answer);
    *ret_id = letter.header.id;
    if (ret_envelope != NULL)
        *ret_envelope = envelope;
    else
        pst_buf_free(&envelope);
}

static void expect(struct web_fixture *f, enum who who, const struct pst_uuid *thread,
                   const struct pst_buf *envelope, int status, const char *code)
{
    struct answer answer;
    post(f, who, thread, SEALED, pst_buf_bytes(envelope), &answer);
    ck_assert_msg(answer.status == status && strcmp(answer_text(&answer, "code"), code) == 0,
                  "expected %d %s: %d %.*s", status, code, answer.status, (int)answer.body.len,
                  (const char *)answer.body.ptr);
    if (status != 201)
        ck_assert_uint_eq(strlen(answer_text(&answer, "event")), PST_UUID_TEXT_LEN);
    answer_free(&answer);
}

static int64_t rows(struct web_fixture *f, const char *table)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return practice_count(&f->practice, sql);
}

/* ---- accepting ------------------------------------------------------------------ */

START_TEST(a_sealed_message_is_accepted_once_and_given_out_unchanged)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    struct answer first, again, got;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter_seal(&letter, 4000, &envelope);
    post(&f, ADA, &f.practice.thread, SEALED, pst_buf_bytes(&envelope), &first);
    ck_assert_int_eq(first.status, 201);
    ck_assert_int_eq(json_integer_value(json_object_get(first.json, "seq")), 1);
    ck_assert_ptr_nonnull(strstr(first.head, "Location: /v1/messages/"));
    post(&f, ADA, &f.practice.thread, SEALED, pst_buf_bytes(&envelope), &again);
    ck_assert_int_eq(again.status, 201);
    ck_assert(json_equal(first.json, again.json));
    ck_assert_int_eq(rows(&f, "message"), 1);
    ck_assert_int_eq(rows(&f, "message_key"), 4);
    ck_assert_int_eq(rows(&f, "event WHERE line LIKE '%\"code\":\"accepted\"%'"), 1);
    ck_assert_int_eq(rows(&f, "notice"), 1);
    web_ask(&f, PAT, web_line("GET", "/v1/messages/", &letter.header.id, ""), "",
            pst_bytes(NULL, 0), &got);
    ck_assert_int_eq(got.status, 200);
    ck_assert_ptr_nonnull(strstr(got.head, "Content-Type: " SEALED));
    ck_assert(pst_bytes_equal(got.body, pst_buf_bytes(&envelope)));
    ck_assert_int_eq(rows(&f, "receipt"), 1);
    ck_assert_int_eq(rows(&f, "notice"), 0);
    ck_assert_int_eq(rows(&f, "event WHERE line LIKE '%\"kind\":\"fetched\"%'"), 1);
    answer_free(&first);
    answer_free(&again);
    answer_free(&got);
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

/* How many stored parts of that number hold these letters. */
static int64_t bodies_with(struct web_fixture *f, int part, const char *letters)
{
    char condition[160];
    snprintf(condition, sizeof condition,
             store_fixture_is_postgresql()
                 ? "body WHERE part = %d AND position(convert_to('%s', 'UTF8') IN bytes) > 0"
                 : "body WHERE part = %d AND instr(bytes, '%s') > 0",
             part, letters);
    return rows(f, condition);
}

START_TEST(heads_are_kept_under_the_patients_key_alone)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    send_one(&f, PAT, 100, NULL, &id, NULL);
    ck_assert_int_eq(bodies_with(&f, 0, "postern.sealed"), 0);
    ck_assert_int_eq(bodies_with(&f, 0, "X25519"), 0);
    ck_assert_int_eq(rows(&f, "body WHERE part = 1"), 1);
    ck_assert_int_eq(rows(&f, "notice"), 0);
    web_close(&f);
}
END_TEST

START_TEST(large_messages_go_through_parts_and_come_back)
{
    static const size_t sizes[] = {256 * 1024 - 400, 256 * 1024, 600 * 1024, 5 * 1024 * 1024};
    struct web_fixture f;
    web_open(&f);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pst_uuid id;
        struct pst_buf envelope;
        struct answer got;
        send_one(&f, ADA, sizes[i], NULL, &id, &envelope);
        ck_assert_int_eq(rows(&f, "staging"), 0);
        web_ask(&f, PAT, web_line("GET", "/v1/messages/", &id, ""), "", pst_bytes(NULL, 0), &got);
        ck_assert_int_eq(got.status, 200);
        ck_assert_msg(pst_bytes_equal(got.body, pst_buf_bytes(&envelope)), "size %zu", sizes[i]);
        answer_free(&got);
        pst_buf_free(&envelope);
    }
    ck_assert_int_eq(rows(&f, "body WHERE length(bytes) > 262144"), 0);
    web_close(&f);
}
END_TEST

START_TEST(a_large_message_that_is_refused_leaves_nothing)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter_seal(&letter, 900 * 1024, &envelope);
    practice_exec(&f.practice, "DELETE FROM visit");
    expect(&f, ADA, &f.practice.thread, &envelope, 403, "not-established");
    practice_visit(&f.practice, ADA, "cardiology", f.practice.now_ms / PST_DAY_MS);
    envelope.bytes[envelope.len - 1] ^= 1;
    expect(&f, ADA, &f.practice.thread, &envelope, 422, "not-sealed");
    ck_assert_int_eq(rows(&f, "staging"), 0);
    ck_assert_int_eq(rows(&f, "body"), 0);
    ck_assert_int_eq(rows(&f, "message"), 0);
    ck_assert_int_eq(rows(&f, "event"), 2);
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

static void wait_until_none(struct web_fixture *f, const char *table)
{
    int64_t until_ms = pst_clock_now(NULL) + WEB_WAIT_MS;
    while (rows(f, table) != 0) {
        ck_assert_int_lt(pst_clock_now(NULL), until_ms);
        poll(NULL, 0, 10);
    }
}

START_TEST(an_upload_that_ends_early_is_dropped)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter_seal(&letter, 900 * 1024, &envelope);
    int fd = web_connect(&f);
    web_head(&f, fd, ADA, web_line("POST", "/v1/threads/", &f.practice.thread, "/messages"), SEALED,
             (int64_t)envelope.len, "");
    web_write(fd, pst_bytes(envelope.bytes, 700 * 1024));
    int64_t until_ms = pst_clock_now(NULL) + WEB_WAIT_MS;
    while (rows(&f, "staging") == 0) {
        ck_assert_int_lt(pst_clock_now(NULL), until_ms);
        poll(NULL, 0, 10);
    }
    close(fd);
    wait_until_none(&f, "staging");
    ck_assert_int_eq(rows(&f, "message"), 0);
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

/* ---- refusing ---------------------------------------------------------------------- */

static void spoil_origin(struct letter *l)
{
    snprintf(l->header.origin, sizeof l->header.origin, "other.example");
}

static void spoil_from(struct letter *l)
{
    l->header.from.bytes[15] ^= 1;
}

static void spoil_thread(struct letter *l)
{
    l->header.thread.bytes[15] ^= 1;
}

static void spoil_clock_ahead(struct letter *l)
{
    l->header.sent_ms += 10 * PST_MINUTE_MS;
}

static void spoil_clock_behind(struct letter *l)
{
    l->header.sent_ms -= 25 * PST_HOUR_MS;
}

static void spoil_keys_fewer(struct letter *l)
{
    l->count--;
}

static void spoil_to(struct letter *l)
{
    l->header.to[0].bytes[15] ^= 1;
}

static void spoil_attachments(struct letter *l)
{
    l->header.attachments = 21;
}

static void spoil_via(struct letter *l)
{
    l->header.via = PST_VIA_SUBMISSION;
}

static const struct refusal_case {
    const char *name;
    void (*spoil)(struct letter *letter);
    int status;
    const char *code;
} refusals[] = {
    {"another origin", spoil_origin, 422, "bad-signature"},
    {"another sender", spoil_from, 422, "bad-signature"},
    {"another thread", spoil_thread, 422, "bad-signature"},
    {"by mail's way", spoil_via, 422, "bad-signature"},
    {"ahead", spoil_clock_ahead, 422, "clock"},
    {"behind", spoil_clock_behind, 422, "clock"},
    {"fewer keys", spoil_keys_fewer, 409, "wrong-recipients"},
    {"others in to", spoil_to, 409, "wrong-recipients"},
    {"too many attachments", spoil_attachments, 413, "too-large"},
};

START_TEST(what_is_wrong_is_refused_for_its_reason)
{
    struct web_fixture f;
    web_open(&f);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct letter letter;
        struct pst_buf envelope;
        letter_new(&f, ADA, &letter);
        refusals[i].spoil(&letter);
        letter_seal(&letter, 1000, &envelope);
        expect(&f, ADA, &f.practice.thread, &envelope, refusals[i].status, refusals[i].code);
        pst_buf_free(&envelope);
    }
    ck_assert_int_eq(rows(&f, "message"), 0);
    ck_assert_int_eq(rows(&f, "event"), (int64_t)(sizeof refusals / sizeof refusals[0]));
    web_close(&f);
}
END_TEST

START_TEST(the_right_keys_are_told)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    struct answer answer;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter.count--;
    letter_seal(&letter, 10, &envelope);
    post(&f, ADA, &f.practice.thread, SEALED, pst_buf_bytes(&envelope), &answer);
    ck_assert_int_eq(answer.status, 409);
    ck_assert_uint_eq(json_array_size(json_object_get(answer.json, "keys")), 4);
    answer_free(&answer);
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

START_TEST(what_is_not_sealed_is_not_kept)
{
    static const char plain[] = "Dear Pat, your result is in. The marker is quokka.";
    struct web_fixture f;
    struct answer answer;
    struct pst_bytes body = pst_bytes(plain, sizeof plain - 1);
    web_open(&f);
    post(&f, ADA, &f.practice.thread, "text/plain", body, &answer);
    ck_assert_int_eq(answer.status, 422);
    ck_assert_str_eq(answer_text(&answer, "code"), "not-sealed");
    answer_free(&answer);
    post(&f, ADA, &f.practice.thread, SEALED, body, &answer);
    ck_assert_int_eq(answer.status, 422);
    ck_assert_str_eq(answer_text(&answer, "code"), "not-sealed");
    answer_free(&answer);
    ck_assert_int_eq(rows(&f, "body"), 0);
    ck_assert_int_eq(rows(&f, "event WHERE line LIKE '%quokka%'"), 0);
    web_close(&f);
}
END_TEST

START_TEST(another_signature_or_a_replaced_key_is_bad)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter.signer = f.practice.people[BEN].signer;
    letter_seal(&letter, 10, &envelope);
    expect(&f, ADA, &f.practice.thread, &envelope, 422, "bad-signature");
    pst_buf_free(&envelope);
    letter_new(&f, ADA, &letter);
    letter_seal(&letter, 10, &envelope);
    practice_bind(&f.practice, "UPDATE statement SET until_ms = 1 WHERE person = ?1", "u",
                  &f.practice.people[ADA].id);
    expect(&f, ADA, &f.practice.thread, &envelope, 422, "bad-signature");
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

START_TEST(an_id_is_of_one_message)
{
    struct web_fixture f;
    struct letter letter;
    struct pst_buf first, second;
    web_open(&f);
    letter_new(&f, ADA, &letter);
    letter_seal(&letter, 10, &first);
    letter_seal(&letter, 11, &second);
    expect(&f, ADA, &f.practice.thread, &first, 201, "");
    expect(&f, ADA, &f.practice.thread, &second, 409, "replayed");
    practice_exec(&f.practice, "UPDATE consent SET decision = 2");
    expect(&f, ADA, &f.practice.thread, &first, 201, "");
    ck_assert_int_eq(rows(&f, "message"), 1);
    pst_buf_free(&first);
    pst_buf_free(&second);
    web_close(&f);
}
END_TEST

START_TEST(the_same_id_at_once_is_one_message)
{
    enum { CLIENTS = 8 };
    struct web_fixture f;
    struct letter letter;
    struct pst_buf envelope;
    int fds[CLIENTS];
    web_open(&f);
    letter_new(&f, PAT, &letter);
    letter_seal(&letter, 2000, &envelope);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = web_connect(&f);
        web_head(&f, fds[i], PAT, web_line("POST", "/v1/threads/", &f.practice.thread, "/messages"),
                 SEALED, (int64_t)envelope.len, "");
    }
    for (int i = 0; i < CLIENTS; i++)
        web_write(fds[i], pst_buf_bytes(&envelope));
    for (int i = 0; i < CLIENTS; i++) {
        struct answer answer;
        web_read(fds[i], &answer);
        ck_assert_int_eq(answer.status, 201);
        ck_assert_int_eq(json_integer_value(json_object_get(answer.json, "seq")), 1);
        answer_free(&answer);
        close(fds[i]);
    }
    ck_assert_int_eq(rows(&f, "message"), 1);
    ck_assert_int_eq(rows(&f, "event"), 1);
    pst_buf_free(&envelope);
    web_close(&f);
}
END_TEST

START_TEST(absent_and_invisible_answer_the_same)
{
    static const char *const after[] = {"", "/summary", "/keys"};
    struct web_fixture f;
    struct pst_uuid id;
    struct pst_uuid absent;
    web_open(&f);
    send_one(&f, ADA, 10, NULL, &id, NULL);
    pst_uuid_v7(f.practice.now_ms, NULL, &absent);
    for (size_t i = 0; i < 3; i++) {
        struct answer one, other;
        web_ask(&f, CARA, web_line("GET", "/v1/messages/", &id, after[i]), "", pst_bytes(NULL, 0),
                &one);
        web_ask(&f, CARA, web_line("GET", "/v1/messages/", &absent, after[i]), "",
                pst_bytes(NULL, 0), &other);
        ck_assert_int_eq(one.status, 404);
        json_object_del(one.json, "event");
        json_object_del(other.json, "event");
        ck_assert(json_equal(one.json, other.json));
        answer_free(&one);
        answer_free(&other);
    }
    web_close(&f);
}
END_TEST

/* ---- lists, receipts, retraction ------------------------------------------------------ */

START_TEST(lists_page_newest_first_with_states)
{
    struct web_fixture f;
    struct pst_uuid ids[5];
    struct answer page;
    char line[256];
    web_open(&f);
    for (int i = 0; i < 4; i++)
        send_one(&f, ADA, 10, NULL, &ids[i], NULL);
    send_one(&f, PAT, 10, &ids[3], &ids[4], NULL);
    web_ask(&f, PAT, web_line("GET", "/v1/threads/", &f.practice.thread, "/messages?limit=3"), "",
            pst_bytes(NULL, 0), &page);
    json_t *items = json_object_get(page.json, "items");
    ck_assert_uint_eq(json_array_size(items), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(items, 0), "seq")), 5);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(items, 1), "state")),
                     "answered");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(items, 2), "state")),
                     "received");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(items, 0), "to")), 2);
    snprintf(line, sizeof line, "/messages?limit=3&cursor=%s", answer_text(&page, "next"));
    answer_free(&page);
    web_ask(&f, PAT, web_line("GET", "/v1/threads/", &f.practice.thread, line), "",
            pst_bytes(NULL, 0), &page);
    items = json_object_get(page.json, "items");
    ck_assert_uint_eq(json_array_size(items), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(items, 1), "seq")), 1);
    ck_assert(json_is_null(json_object_get(page.json, "next")));
    answer_free(&page);
    web_close(&f);
}
END_TEST

static void say(struct web_fixture *f, enum who who, enum pst_record_kind kind,
                const struct pst_uuid *message, const char *path, int status)
{
    struct pst_acknowledgement said = {.message = *message, .by = f->practice.people[who].id};
    const struct pst_signer *signer = f->practice.people[who].signer;
    struct pst_buf text = {.max = 4096};
    struct answer answer;
    ck_assert_int_eq(
        pst_record_build(kind, PRACTICE_ORIGIN, f->practice.now_ms, &said, &signer, 1, &text),
        PST_OK);
    json_t *body = json_pack("{s:s}", "record", pst_buf_str(&text));
    char *json = json_dumps(body, JSON_COMPACT);
    web_ask(f, who, web_line("POST", "/v1/messages/", message, path), "application/json",
            pst_bytes_str(json), &answer);
    ck_assert_msg(answer.status == status, "%d: %.*s", answer.status, (int)answer.body.len,
                  (const char *)answer.body.ptr);
    answer_free(&answer);
    free(json);
    json_decref(body);
    pst_buf_free(&text);
}

static int64_t unread(struct web_fixture *f, enum who who)
{
    struct answer answer;
    web_ask(f, who, web_line("GET", "/v1/threads/", &f->practice.thread, ""), "",
            pst_bytes(NULL, 0), &answer);
    ck_assert_int_eq(answer.status, 200);
    int64_t count = json_integer_value(json_object_get(answer.json, "unread"));
    answer_free(&answer);
    return count;
}

START_TEST(opened_is_said_by_a_reader_with_their_key)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    send_one(&f, ADA, 10, NULL, &id, NULL);
    ck_assert_int_eq(unread(&f, PAT), 1);
    ck_assert_int_eq(unread(&f, REP), 1);
    ck_assert_int_eq(unread(&f, BEN), 0);
    say(&f, PAT, PST_RECORD_OPENED, &id, "/receipts", 201);
    say(&f, BEN, PST_RECORD_OPENED, &id, "/receipts", 404);
    say(&f, PAT, PST_RECORD_RETRACTION, &id, "/receipts", 400);
    ck_assert_int_eq(unread(&f, PAT), 0);
    ck_assert_int_eq(unread(&f, REP), 1);
    ck_assert_int_eq(rows(&f, "receipt WHERE opened_at_ms NOTNULL AND record NOTNULL"), 1);
    ck_assert_int_eq(rows(&f, "event WHERE line LIKE '%\"kind\":\"opened\"%'"), 1);
    web_close(&f);
}
END_TEST

START_TEST(a_reader_reports_what_does_not_fit)
{
    struct web_fixture f;
    struct pst_uuid id;
    struct answer answer;
    web_open(&f);
    send_one(&f, ADA, 10, NULL, &id, NULL);
    web_ask(&f, PAT, web_line("POST", "/v1/messages/", &id, "/receipts"), "application/json",
            pst_bytes_str("{\"problem\":\"stanza\"}"), &answer);
    ck_assert_int_eq(answer.status, 201);
    answer_free(&answer);
    web_ask(&f, PAT, web_line("POST", "/v1/messages/", &id, "/receipts"), "application/json",
            pst_bytes_str("{\"problem\":\"mood\"}"), &answer);
    ck_assert_int_eq(answer.status, 400);
    answer_free(&answer);
    /* A colleague of the sender received nothing, and sees what is wrong all the same. */
    web_ask(&f, BEN, web_line("POST", "/v1/messages/", &id, "/receipts"), "application/json",
            pst_bytes_str("{\"problem\":\"headers\"}"), &answer);
    ck_assert_int_eq(answer.status, 201);
    answer_free(&answer);
    ck_assert_int_eq(rows(&f, "event WHERE line LIKE '%\"kind\":\"report\"%'"), 2);
    web_close(&f);
}
END_TEST

static int fetch_status(struct web_fixture *f, enum who who, const struct pst_uuid *id)
{
    struct answer answer;
    web_ask(f, who, web_line("GET", "/v1/messages/", id, ""), "", pst_bytes(NULL, 0), &answer);
    int status = answer.status;
    answer_free(&answer);
    return status;
}

START_TEST(a_retracted_message_goes_to_nobody_new)
{
    struct web_fixture f;
    struct pst_uuid id;
    web_open(&f);
    send_one(&f, ADA, 10, NULL, &id, NULL);
    say(&f, REP, PST_RECORD_OPENED, &id, "/receipts", 201);
    say(&f, BEN, PST_RECORD_RETRACTION, &id, "/retraction", 404);
    say(&f, ADA, PST_RECORD_RETRACTION, &id, "/retraction", 201);
    say(&f, ADA, PST_RECORD_RETRACTION, &id, "/retraction", 409);
    ck_assert_int_eq(fetch_status(&f, PAT, &id), 404);
    ck_assert_int_eq(fetch_status(&f, REP, &id), 200);
    ck_assert_int_eq(fetch_status(&f, ADA, &id), 200);
    ck_assert_int_eq(rows(&f, "body"), 2);
    ck_assert_int_eq(rows(&f, "message WHERE retraction NOTNULL"), 1);
    web_close(&f);
}
END_TEST

/* ---- notices ----------------------------------------------------------------------- */

/* Intake writes what the patient's addresses are. Ada is of intake too, in these tests. */
static void set_addresses(struct web_fixture *f, const char *email, const char *phone)
{
    struct practice *p = &f->practice;
    struct answer answer;
    char more[64];
    json_t *body = json_pack("{s:s, s:s}", "email", email, "phone", phone);
    char *text = json_dumps(body, 0);
    int fd = web_connect(f);
    snprintf(more, sizeof more, "If-Match: \"%lld\"\r\n",
             (long long)practice_count(p, "SELECT version FROM patient"));
    web_head(f, fd, ADA, web_line("PATCH", "/v1/patients/", &p->people[PAT].id, ""),
             "application/json", (int64_t)strlen(text), more);
    web_write(fd, pst_bytes_str(text));
    web_read(fd, &answer);
    ck_assert_msg(answer.status == 200, "%s", (const char *)answer.body.ptr);
    close(fd);
    answer_free(&answer);
    free(text);
    json_decref(body);
}

/* The patient agrees, at the desk, to be told at these addresses. */
static void consent_to(struct web_fixture *f, const char *email, const char *phone)
{
    struct practice *p = &f->practice;
    const struct pst_signer *signers[] = {p->people[ADA].signer, p->people[PAT].signer};
    struct pst_consent consent = {.patient = p->people[PAT].id,
                                  .decision = PST_DECISION_GIVEN,
                                  .terms_id = "messages",
                                  .terms_version = 1,
                                  .terms_language = "en",
                                  .method = PST_METHOD_IN_PERSON,
                                  .by = p->people[ADA].id,
                                  .signer = "Pat Example",
                                  .measures = {"sealed-on-device"},
                                  .measures_count = 1,
                                  .purposes_count = 4};
    consent.purposes[0].purpose = PST_PURPOSE_MESSAGES;
    consent.purposes[1] =
        (struct pst_consent_purpose){.purpose = PST_PURPOSE_EMAIL_NOTICE, .address = email};
    consent.purposes[2] =
        (struct pst_consent_purpose){.purpose = PST_PURPOSE_SMS_NOTICE, .address = phone};
    consent.purposes[3] =
        (struct pst_consent_purpose){.purpose = PST_PURPOSE_PROXY, .person = p->people[REP].id};
    pst_uuid_v7(p->now_ms, NULL, &consent.id);
    struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    struct answer answer;
    ck_assert_int_eq(pst_record_build(PST_RECORD_CONSENT, PRACTICE_ORIGIN, p->now_ms, &consent,
                                      signers, 2, &record),
                     PST_OK);
    json_t *body = json_pack("{s:s}", "record", pst_buf_str(&record));
    char *text = json_dumps(body, 0);
    web_ask(f, ADA, web_line("POST", "/v1/patients/", &consent.patient, "/consents"),
            "application/json", pst_bytes_str(text), &answer);
    ck_assert_msg(answer.status == 201, "%s", (const char *)answer.body.ptr);
    answer_free(&answer);
    free(text);
    json_decref(body);
    pst_buf_free(&record);
}

static void notices_open(struct web_fixture *f)
{
    web_open(f);
    practice_exec(&f->practice, "DELETE FROM consent_purpose; DELETE FROM consent");
    practice_bind(&f->practice, "UPDATE person SET roles = roles | ?2 WHERE id = ?1", "ui",
                  &f->practice.people[ADA].id, (int64_t)PST_ROLE_INTAKE);
}

static void expect_notices(struct web_fixture *f, int64_t email, int64_t sms)
{
    ck_assert_int_eq(rows(f, "notice WHERE kind = 'email'"), email);
    ck_assert_int_eq(rows(f, "notice WHERE kind = 'sms'"), sms);
}

START_TEST(a_patient_is_told_once_until_they_look)
{
    struct web_fixture f;
    struct pst_uuid first, second, third;
    notices_open(&f);
    /* Written differently in each place: they are the same address all the same. */
    set_addresses(&f, "Pat.Example@Home.example", "+1 (555) 010-0142");
    consent_to(&f, "pat.example@HOME.example", "+15550100142");
    send_one(&f, ADA, 100, NULL, &first, NULL);
    expect_notices(&f, 1, 1);
    ck_assert_int_eq(rows(&f, "notice WHERE state = 0 AND tries = 0"), 2);
    send_one(&f, ADA, 100, NULL, &second, NULL);
    expect_notices(&f, 1, 1);
    /* Sent meanwhile, and still nobody looked. */
    practice_exec(&f.practice, "UPDATE notice SET state = 1");
    send_one(&f, BEN, 100, NULL, &second, NULL);
    expect_notices(&f, 1, 1);
    ck_assert_int_eq(fetch_status(&f, PAT, &first), 200);
    expect_notices(&f, 0, 0);
    send_one(&f, ADA, 100, NULL, &third, NULL);
    expect_notices(&f, 1, 1);
    ck_assert_int_eq(rows(&f, "notice WHERE state = 0"), 2);
    /* What the patient writes tells themself nothing. */
    ck_assert_int_eq(fetch_status(&f, PAT, &third), 200);
    send_one(&f, PAT, 100, NULL, &second, NULL);
    expect_notices(&f, 0, 0);
    web_close(&f);
}
END_TEST

START_TEST(an_address_that_changed_since_the_consent_is_told_nothing)
{
    struct web_fixture f;
    struct pst_uuid id;
    notices_open(&f);
    set_addresses(&f, "pat@home.example", "+15550100142");
    consent_to(&f, "pat@home.example", "+15550100142");
    set_addresses(&f, "other@home.example", "+15550100142");
    send_one(&f, ADA, 100, NULL, &id, NULL);
    expect_notices(&f, 0, 1);
    ck_assert_int_eq(fetch_status(&f, PAT, &id), 200);
    set_addresses(&f, "pat@home.example", "+15550100143");
    send_one(&f, ADA, 100, NULL, &id, NULL);
    expect_notices(&f, 1, 0);
    ck_assert_int_eq(fetch_status(&f, PAT, &id), 200);
    set_addresses(&f, "", "");
    send_one(&f, ADA, 100, NULL, &id, NULL);
    expect_notices(&f, 0, 0);
    web_close(&f);
}
END_TEST

START_TEST(who_asked_for_no_notices_gets_none)
{
    struct web_fixture f;
    struct pst_uuid id;
    notices_open(&f);
    set_addresses(&f, "pat@home.example", "+15550100142");
    consent_to(&f, "pat@home.example", "+15550100142");
    pst_uuid_v7(f.practice.now_ms, NULL, &id);
    practice_bind(&f.practice,
                  "INSERT INTO restriction (id, patient, kind, recorded_by, recorded_at_ms) "
                  "VALUES (?1, ?2, 'no-sms-notice', ?2, 0)",
                  "uu", &id, &f.practice.people[PAT].id);
    send_one(&f, ADA, 100, NULL, &id, NULL);
    expect_notices(&f, 1, 0);
    web_close(&f);
}
END_TEST

PST_UNIT_MAIN("messages", a_sealed_message_is_accepted_once_and_given_out_unchanged,
              heads_are_kept_under_the_patients_key_alone,
              large_messages_go_through_parts_and_come_back,
              a_large_message_that_is_refused_leaves_nothing, an_upload_that_ends_early_is_dropped,
              what_is_wrong_is_refused_for_its_reason, the_right_keys_are_told,
              what_is_not_sealed_is_not_kept, another_signature_or_a_replaced_key_is_bad,
              an_id_is_of_one_message, the_same_id_at_once_is_one_message,
              absent_and_invisible_answer_the_same, lists_page_newest_first_with_states,
              opened_is_said_by_a_reader_with_their_key, a_reader_reports_what_does_not_fit,
              a_retracted_message_goes_to_nobody_new, a_patient_is_told_once_until_they_look,
              an_address_that_changed_since_the_consent_is_told_nothing,
              who_asked_for_no_notices_gets_none)
