/* Grants over HTTP: who may give which message to whose key, who is shown what, and once. */
#include "postern/grant.h"
#include "postern/record.h"
#include "server/web/places.h"
#include "web_fixture.h"

/* The keys the messages were sealed to: none of today's. */
struct past {
    struct web_fixture f;
    struct member old_patient;
    struct member old_team;
    struct pst_uuid messages[3];
    struct pst_uuid in_room;
};

/* A statement by the person's own hand, which the server hands out unread. */
static void certify(struct practice *p, enum who who)
{
    struct member *member = &p->people[who];
    const struct pst_signer *signers[] = {member->signer};
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_statement_place place;
    struct pst_buf text = {.max = PST_RECORD_MAX_BYTES}, sealed = {.max = PST_RECORD_MAX_BYTES};
    pst_age_recipient_format(&member->recipient, recipient);
    struct pst_statement body = {.name = "Some Example",
                                 .recipient = recipient,
                                 .person = member->id,
                                 .roles = PST_ROLE_CLINICIAN,
                                 .serial = 1,
                                 .has_invitation = true,
                                 .sign = member->signer->public_key,
                                 .until_ms = p->now_ms + 365 * PST_DAY_MS};
    ck_assert_int_eq(pst_record_build(PST_RECORD_STATEMENT, PRACTICE_ORIGIN, p->now_ms, &body,
                                      signers, 1, &text),
                     PST_OK);
    pst_statement_place_init(&place, &member->id, 1);
    ck_assert_int_eq(pst_vault_field_seal(p->vault, pst_statement_place_of(&place),
                                          pst_buf_bytes(&text), &sealed),
                     PST_OK);
    struct pst_sha256 hash;
    ck_assert_int_eq(pst_sha256(pst_buf_bytes(&text), &hash), PST_OK);
    practice_bind(p, "UPDATE statement SET record_enc = ?2, hash = ?3 WHERE person = ?1", "ubb",
                  &member->id, sealed.bytes, (int)sealed.len, hash.bytes, 32);
    pst_buf_free(&text);
    pst_buf_free(&sealed);
}

static void sign_roster(struct practice *p)
{
    const struct pst_signer *signers[] = {p->people[ADA].signer};
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_uuid members[] = {p->people[ADA].id, p->people[BEN].id};
    struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    if (pst_uuid_compare(&members[0], &members[1]) > 0) {
        members[0] = p->people[BEN].id;
        members[1] = p->people[ADA].id;
    }
    pst_age_recipient_format(&p->team.recipient, recipient);
    struct pst_roster body = {.name = "Heart",
                              .recipient = recipient,
                              .team = p->team.id,
                              .serial = 1,
                              .members = members,
                              .members_count = 2};
    ck_assert_int_eq(
        pst_record_build(PST_RECORD_ROSTER, PRACTICE_ORIGIN, p->now_ms, &body, signers, 1, &text),
        PST_OK);
    practice_bind(p, "UPDATE roster SET record = ?2 WHERE team = ?1", "ut", &p->team.id,
                  pst_buf_str(&text));
    pst_buf_free(&text);
}

static void old_message(struct past *past, const struct pst_uuid *thread, int64_t seq,
                        const struct member *a, const struct member *b, struct pst_uuid *ret_id)
{
    struct practice *p = &past->f.practice;
    pst_uuid_v7(p->now_ms, NULL, ret_id);
    practice_bind(p,
                  "INSERT INTO message (id, thread, seq, sender, category, sent_ms, accepted_ms, "
                  "size_bytes, attachments, images, hash, event) "
                  "VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, 0, ?1, ?1)",
                  "uuiu", ret_id, thread, seq, &p->people[ADA].id);
    practice_bind(p,
                  "INSERT INTO message_key (message, position, key_id) VALUES (?1, 0, ?2), "
                  "(?1, 1, ?3)",
                  "ubb", ret_id, a->recipient_id.bytes, 16, b->recipient_id.bytes, 16);
}

static void past_open(struct past *past)
{
    web_open(&past->f);
    struct practice *p = &past->f.practice;
    practice_keys(&past->old_patient, p->now_ms);
    practice_keys(&past->old_team, p->now_ms);
    practice_exec(p, "UPDATE practice SET root_key = zeroblob(32)");
    for (int who = 0; who < WHO__MAX; who++)
        certify(p, (enum who)who);
    sign_roster(p);
    for (size_t i = 0; i < 3; i++)
        old_message(past, &p->thread, (int64_t)i + 1, &past->old_patient, &past->old_team,
                    &past->messages[i]);
    old_message(past, &p->room, 1, &p->people[ADA], &past->old_team, &past->in_room);
}

static void past_close(struct past *past)
{
    practice_forget(&past->old_patient);
    practice_forget(&past->old_team);
    web_close(&past->f);
}

static int64_t rows(struct past *past, const char *table)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return practice_count(&past->f.practice, sql);
}

/* Everything about one POST that a case can change. */
struct order {
    enum who caller;
    const struct pst_uuid *message; /* of the route */
    struct pst_grant body;
    const char *origin;
    int64_t at_ms;
    const struct pst_signer *signer;
    enum pst_record_kind kind;
};

static struct order order_of(struct past *past, enum who caller, const struct pst_uuid *message,
                             const struct member *to)
{
    struct practice *p = &past->f.practice;
    return (struct order){
        .caller = caller,
        .message = message,
        .body = {.message = *message, .key = to->recipient_id, .by = p->people[caller].id},
        .origin = PRACTICE_ORIGIN,
        .at_ms = p->now_ms,
        .signer = p->people[caller].signer,
        .kind = PST_RECORD_GRANT};
}

static void place(struct past *past, struct order *order, struct answer *ret_answer)
{
    struct pst_buf text = {.max = 4096}, stanza = {.max = 256};
    struct pst_secret *file_key = NULL;
    struct pst_key_id key;
    struct pst_acknowledgement said = {.message = order->body.message, .by = order->body.by};
    const void *record = order->kind == PST_RECORD_GRANT ? (void *)&order->body : (void *)&said;
    ck_assert_int_eq(pst_secret_random(16, &file_key), PST_OK);
    ck_assert_int_eq(pst_grant_wrap(file_key, &past->old_team.recipient, &stanza, &key), PST_OK);
    pst_secret_free(&file_key);
    order->body.stanza = pst_buf_str(&stanza);
    ck_assert_int_eq(pst_record_build(order->kind, order->origin, order->at_ms, record,
                                      &order->signer, 1, &text),
                     PST_OK);
    json_t *body = json_pack("{s:s}", "record", pst_buf_str(&text));
    char *json = json_dumps(body, JSON_COMPACT);
    web_ask(&past->f, order->caller, web_line("POST", "/v1/messages/", order->message, "/grants"),
            "application/json", pst_bytes_str(json), ret_answer);
    free(json);
    json_decref(body);
    pst_buf_free(&text);
    pst_buf_free(&stanza);
}

static void expect(struct past *past, struct order order, int status, const char *code)
{
    struct answer answer;
    place(past, &order, &answer);
    ck_assert_msg(answer.status == status && strcmp(answer_text(&answer, "code"), code) == 0,
                  "expected %d %s: %d %.*s", status, code, answer.status, (int)answer.body.len,
                  (const char *)answer.body.ptr);
    answer_free(&answer);
}

static void give(struct past *past, enum who caller, const struct pst_uuid *message,
                 const struct member *to, int status, const char *code)
{
    expect(past, order_of(past, caller, message, to), status, code);
}

#define WRONG "wrong-recipients"

START_TEST(members_give_to_the_newest_keys_of_readers)
{
    struct past past;
    past_open(&past);
    struct practice *p = &past.f.practice;
    struct pst_uuid *message = &past.messages[0];
    give(&past, ADA, message, &p->people[PAT], 201, "");
    give(&past, BEN, message, &p->people[REP], 201, "");
    give(&past, PAT, message, &p->team, 201, "");
    give(&past, REP, message, &p->people[BEN], 201, "");
    give(&past, ADA, &past.in_room, &p->people[CARA], 201, "");
    ck_assert_int_eq(rows(&past, "message_grant"), 5);
    ck_assert_int_eq(rows(&past, "event WHERE line LIKE '%\"kind\":\"grant\"%'"), 5);
    ck_assert_int_eq(rows(&past, "event WHERE line LIKE '%X25519%'"), 0);
    /* Not to others, and not to keys that are no longer, or are nobody's. */
    give(&past, ADA, message, &p->people[CARA], 409, WRONG);
    give(&past, ADA, message, &p->other, 409, WRONG);
    give(&past, ADA, message, &p->records, 409, WRONG);
    give(&past, ADA, message, &past.old_patient, 409, WRONG);
    give(&past, ADA, &past.in_room, &p->people[PAT], 409, WRONG);
    give(&past, ADA, &past.in_room, &p->people[BEN], 409, WRONG);
    /* Nor by whoever does not see it. */
    give(&past, CARA, message, &p->people[CARA], 404, "not-permitted");
    give(&past, PAT, &past.in_room, &p->people[PAT], 404, "not-permitted");
    ck_assert_int_eq(rows(&past, "message_grant"), 5);
    past_close(&past);
}
END_TEST

START_TEST(standing_decides_at_the_moment)
{
    struct past past;
    past_open(&past);
    struct practice *p = &past.f.practice;
    struct pst_uuid *message = &past.messages[0];
    practice_exec(p, "DELETE FROM consent_purpose WHERE purpose = 5");
    give(&past, ADA, message, &p->people[REP], 409, WRONG);
    practice_exec(p, "DELETE FROM consent_purpose");
    practice_exec(p, "DELETE FROM consent");
    give(&past, ADA, message, &p->people[PAT], 201, ""); /* whatever they consent to */
    practice_bind(p, "DELETE FROM team_member WHERE person = ?1", "u", &p->people[BEN].id);
    give(&past, ADA, message, &p->people[BEN], 409, WRONG);
    give(&past, BEN, message, &p->people[PAT], 404, "not-permitted");
    practice_bind(p, "UPDATE statement SET until_ms = 1 WHERE person = ?1", "u",
                  &p->people[PAT].id);
    give(&past, ADA, &past.messages[1], &p->people[PAT], 409, WRONG);
    past_close(&past);
}
END_TEST

START_TEST(what_is_signed_must_be_what_is_done)
{
    struct past past;
    past_open(&past);
    struct practice *p = &past.f.practice;
    struct order right = order_of(&past, ADA, &past.messages[0], &p->people[PAT]);
    struct order order = right;
    order.message = &past.messages[1];
    expect(&past, order, 422, "bad-signature");
    order = right;
    order.body.by = p->people[BEN].id;
    expect(&past, order, 422, "bad-signature");
    order = right;
    order.signer = p->people[BEN].signer;
    expect(&past, order, 422, "bad-signature");
    order = right;
    order.origin = "other.clinic.example";
    expect(&past, order, 422, "bad-signature");
    order = right;
    order.at_ms -= 2 * PST_DAY_MS;
    expect(&past, order, 422, "clock");
    order = right;
    order.kind = PST_RECORD_OPENED;
    expect(&past, order, 400, "bad-request");
    ck_assert_int_eq(rows(&past, "message_grant"), 0);
    ck_assert_int_eq(rows(&past, "event WHERE line LIKE '%\"kind\":\"grant\"%'"), 0);
    past_close(&past);
}
END_TEST

START_TEST(said_again_it_is_recorded_once)
{
    struct past past;
    struct answer first, again;
    past_open(&past);
    struct order order = order_of(&past, ADA, &past.messages[0], &past.f.practice.people[PAT]);
    place(&past, &order, &first);
    place(&past, &order, &again);
    ck_assert_int_eq(again.status, 201);
    ck_assert(json_equal(first.json, again.json));
    ck_assert_int_eq(rows(&past, "message_grant"), 1);
    ck_assert_int_eq(rows(&past, "event WHERE line LIKE '%\"kind\":\"grant\"%'"), 1);
    answer_free(&first);
    answer_free(&again);
    /* A colleague's is another: theirs opens if this one does not. */
    give(&past, BEN, &past.messages[0], &past.f.practice.people[PAT], 201, "");
    ck_assert_int_eq(rows(&past, "message_grant"), 2);
    past_close(&past);
}
END_TEST

/* How many grants, or how many damaged ones, this caller is shown; -1: not found. */
static int64_t shown(struct past *past, enum who who, const struct pst_uuid *message, bool damaged)
{
    struct answer answer;
    int64_t count = -1;
    web_ask(&past->f, who, web_line("GET", "/v1/messages/", message, "/grants"), "",
            pst_bytes(NULL, 0), &answer);
    if (answer.status == 200) {
        count = damaged ? json_integer_value(json_object_get(answer.json, "damaged"))
                        : (int64_t)json_array_size(json_object_get(answer.json, "grants"));
        ck_assert_ptr_nonnull(json_object_get(answer.json, "statements"));
    } else {
        ck_assert_int_eq(answer.status, 404);
    }
    answer_free(&answer);
    return count;
}

START_TEST(readers_are_shown_those_to_their_own_keys)
{
    struct past past;
    past_open(&past);
    struct practice *p = &past.f.practice;
    struct pst_uuid *message = &past.messages[0];
    give(&past, ADA, message, &p->people[PAT], 201, "");
    give(&past, PAT, message, &p->team, 201, "");
    ck_assert_int_eq(shown(&past, PAT, message, false), 1);
    ck_assert_int_eq(shown(&past, REP, message, false), 0);
    ck_assert_int_eq(shown(&past, ADA, message, false), 1);
    ck_assert_int_eq(shown(&past, BEN, message, false), 1);
    ck_assert_int_eq(shown(&past, CARA, message, false), -1);
    ck_assert_int_eq(shown(&past, PAT, &past.messages[1], false), 0);
    /* Changed where it is stored: left out, and said. */
    practice_exec(p, "UPDATE message_grant SET record_enc = zeroblob(500)");
    ck_assert_int_eq(shown(&past, PAT, message, false), 0);
    ck_assert_int_eq(shown(&past, PAT, message, true), 1);
    past_close(&past);
}
END_TEST

START_TEST(grants_are_kept_under_the_patients_key)
{
    struct past past;
    past_open(&past);
    give(&past, ADA, &past.messages[0], &past.f.practice.people[PAT], 201, "");
    ck_assert_int_eq(
        rows(&past, store_fixture_is_postgresql()
                        ? "message_grant WHERE position(convert_to('X25519', 'UTF8') IN "
                          "record_enc) > 0"
                        : "message_grant WHERE instr(record_enc, 'X25519') > 0"),
        0);
    practice_exec(&past.f.practice, "UPDATE patient SET key_enc = zeroblob(72)");
    struct answer answer;
    web_ask(&past.f, PAT, web_line("GET", "/v1/messages/", &past.messages[0], "/grants"), "",
            pst_bytes(NULL, 0), &answer);
    ck_assert_int_ne(answer.status, 200);
    ck_assert_ptr_null(strstr(pst_buf_str(&answer.raw), "X25519"));
    answer_free(&answer);
    past_close(&past);
}
END_TEST

/* Asks and answers; the caller frees. */
static json_t *missing(struct past *past, enum who caller, const struct pst_uuid *thread,
                       const struct pst_uuid *person, const char *more)
{
    struct answer answer;
    char id[PST_UUID_TEXT_SIZE];
    char path[256];
    pst_uuid_format(person, id);
    snprintf(path, sizeof path, "/ungranted?person=%s%s", id, more);
    web_ask(&past->f, caller, web_line("GET", "/v1/threads/", thread, path), "", pst_bytes(NULL, 0),
            &answer);
    json_t *json = answer.status == 200 ? json_incref(answer.json) : NULL;
    ck_assert(answer.status == 200 || answer.status == 404);
    answer_free(&answer);
    return json;
}

static void expect_missing(struct past *past, enum who caller, enum who of, const char *kind,
                           const struct member *key, size_t count)
{
    struct practice *p = &past->f.practice;
    char id[PST_KEY_ID_TEXT_SIZE];
    json_t *json = missing(past, caller, &p->thread, &p->people[of].id, "");
    ck_assert_ptr_nonnull(json);
    json_t *shown_key = json_object_get(json, "key");
    pst_key_id_format(&key->recipient_id, id);
    ck_assert_str_eq(json_string_value(json_object_get(shown_key, "id")), id);
    ck_assert_str_eq(json_string_value(json_object_get(shown_key, "kind")), kind);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), count);
    ck_assert_uint_gt(json_array_size(json_object_get(json, "statements")), 0);
    json_decref(json);
}

START_TEST(what_is_missing_is_listed_until_it_is_given)
{
    struct past past;
    past_open(&past);
    struct practice *p = &past.f.practice;
    expect_missing(&past, ADA, PAT, "person", &p->people[PAT], 3);
    expect_missing(&past, PAT, BEN, "team", &p->team, 3);
    expect_missing(&past, PAT, REP, "person", &p->people[REP], 3);
    give(&past, BEN, &past.messages[1], &p->people[PAT], 201, "");
    expect_missing(&past, ADA, PAT, "person", &p->people[PAT], 2);
    expect_missing(&past, ADA, REP, "person", &p->people[REP], 3);
    practice_bind(p, "UPDATE message SET retracted_at_ms = 1 WHERE id = ?1", "u",
                  &past.messages[0]);
    expect_missing(&past, ADA, PAT, "person", &p->people[PAT], 1);
    practice_bind(p, "INSERT INTO message_key (message, position, key_id) VALUES (?1, 2, ?2)", "ub",
                  &past.messages[2], p->people[PAT].recipient_id.bytes, 16);
    expect_missing(&past, ADA, PAT, "person", &p->people[PAT], 0);
    ck_assert_ptr_null(missing(&past, ADA, &p->thread, &p->people[CARA].id, ""));
    ck_assert_ptr_null(missing(&past, CARA, &p->thread, &p->people[PAT].id, ""));
    ck_assert_ptr_null(missing(&past, ADA, &p->thread, &past.messages[0], ""));
    past_close(&past);
}
END_TEST

START_TEST(what_is_missing_comes_in_pages)
{
    struct past past;
    char more[64];
    past_open(&past);
    struct practice *p = &past.f.practice;
    json_t *page = missing(&past, ADA, &p->thread, &p->people[PAT].id, "&limit=2");
    ck_assert_uint_eq(json_array_size(json_object_get(page, "items")), 2);
    snprintf(more, sizeof more, "&limit=2&cursor=%s",
             json_string_value(json_object_get(page, "next")));
    json_decref(page);
    page = missing(&past, ADA, &p->thread, &p->people[PAT].id, more);
    ck_assert_uint_eq(json_array_size(json_object_get(page, "items")), 1);
    ck_assert(json_is_null(json_object_get(page, "next")));
    json_decref(page);
    past_close(&past);
}
END_TEST

PST_UNIT_MAIN("grants", members_give_to_the_newest_keys_of_readers, standing_decides_at_the_moment,
              what_is_signed_must_be_what_is_done, said_again_it_is_recorded_once,
              readers_are_shown_those_to_their_own_keys, grants_are_kept_under_the_patients_key,
              what_is_missing_is_listed_until_it_is_given, what_is_missing_comes_in_pages)
