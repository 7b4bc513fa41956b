/*
 * The resources of patients, terms and consents, from a decoded body to rows
 * and back, on a real store and vault; HTTP itself is not here.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "postern/record.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/store/consents.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/store/practice.h"
#include "server/store/terms.h"
#include "server/vault/fields.h"
#include "server/web/exchange.h"
#include "store_fixture.h"
#include "unit.h"

#define NOW INT64_C(1790000000000)
#define ORIGIN "messages.clinic.example"

/* ---- the practice ---- */

struct person {
    struct pst_uuid id;
    uint32_t roles;
    struct pst_signer *signer; /* NULL: no key */
};

struct scene {
    struct store_fixture store;
    struct pst_vault *vault;
    struct pst_config config;
    struct person intake, carol, dave; /* carol and dave: clinicians; dave may break glass */
    struct person ada;                 /* a patient, after add_patient */
    char ada_text[PST_UUID_TEXT_SIZE];
};

struct seeding {
    struct scene *scene;
    struct person *person;
    bool break_glass;
};

static enum pst_err insert_person(struct pst_tx *tx, void *ctx)
{
    struct seeding *seeding = ctx;
    struct pst_person row = {.id = seeding->person->id,
                             .roles = seeding->person->roles,
                             .state = PST_PERSON_ACTIVE,
                             .break_glass = seeding->break_glass};
    struct pst_buf name = {.max = 512};
    enum pst_err r =
        pst_vault_field_seal(seeding->scene->vault, pst_field_of(PST_FIELD_PERSON_NAME, &row.id),
                             pst_bytes_str("Carol Example"), &name);
    if (r == PST_OK)
        r = pst_sealed_text_set(&row.name, pst_buf_bytes(&name));
    pst_buf_free(&name);
    return r == PST_OK ? pst_person_insert(tx, &row) : r;
}

static enum pst_err insert_key(struct pst_tx *tx, void *ctx)
{
    const struct person *person = ctx;
    struct pst_key_row row = {.person = person->id,
                              .serial = 1,
                              .sign_key = person->signer->public_key,
                              .sign_key_id = person->signer->id,
                              .at_ms = NOW - 1000,
                              .until_ms = NOW + PST_DAY_MS};
    memcpy(row.hash.bytes, person->id.bytes, PST_UUID_BYTES);
    memcpy(row.recipient, person->id.bytes, PST_UUID_BYTES);
    return pst_key_insert(tx, &row, pst_bytes_str("sealed"));
}

static void add_key(struct scene *scene, struct person *person)
{
    ck_assert_int_eq(pst_signer_new(NULL, &person->signer), PST_OK);
    ck_assert_int_eq(pst_store_write(scene->store.store, insert_key, person), PST_OK);
}

static void add_staff(struct scene *scene, struct person *person, uint32_t roles, bool break_glass)
{
    struct seeding seeding = {scene, person, break_glass};
    pst_uuid_v7(NOW, NULL, &person->id);
    person->roles = roles;
    ck_assert_int_eq(pst_store_write(scene->store.store, insert_person, &seeding), PST_OK);
    add_key(scene, person);
}

static enum pst_err insert_terms(struct pst_tx *tx, void *ctx)
{
    (void)ctx;
    return pst_terms_insert_builtin(tx, NOW - 1000);
}

static void scene_open(struct scene *scene)
{
    struct pst_secret *master = NULL;
    memset(scene, 0, sizeof *scene);
    store_fixture_open(&scene->store, PST_STORE_WEB);
    ck_assert_int_eq(pst_secret_random(PST_VAULT_KEY_BYTES, &master), PST_OK);
    ck_assert_int_eq(pst_vault_new(master, &scene->vault), PST_OK);
    pst_secret_free(&master);
    ck_assert_int_eq(pst_store_write(scene->store.store, insert_terms, NULL), PST_OK);
    add_staff(scene, &scene->intake, PST_ROLE_INTAKE, false);
    add_staff(scene, &scene->carol, PST_ROLE_CLINICIAN, false);
    add_staff(scene, &scene->dave, PST_ROLE_CLINICIAN, true);
}

static void scene_close(struct scene *scene)
{
    struct person *people[] = {&scene->intake, &scene->carol, &scene->dave, &scene->ada};
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++)
        pst_signer_free(&people[i]->signer);
    pst_vault_free(&scene->vault);
    store_fixture_close(&scene->store);
}

/* ---- one call ---- */

struct call {
    struct pst_web_exchange exchange;
    enum pst_err result; /* of prepare or run */
    int status;          /* 0: no answer was set */
    json_t *json;        /* borrowed */
};

static const struct pst_route *find_route(const char *method, const char *path)
{
    for (size_t i = 0; pst_routes[i] != NULL; i++) {
        for (const struct pst_route *route = pst_routes[i]; route->method != NULL; route++) {
            if (strcmp(route->method, method) == 0 && strcmp(route->path, path) == 0)
                return route;
        }
    }
    ck_abort_msg("no route %s %s", method, path);
}

static enum pst_err run_route(struct pst_tx *tx, void *ctx)
{
    struct pst_request *request = ctx;
    return request->route->run(tx, request);
}

static void call(struct scene *scene, const struct person *who, const char *method,
                 const char *path, const struct pst_uuid *id, json_t *body, struct call *ret_call)
{
    struct pst_request *request = &ret_call->exchange.request;
    memset(ret_call, 0, sizeof *ret_call);
    request->exchange = &ret_call->exchange;
    request->route = find_route(method, path);
    request->config = &scene->config;
    request->store = scene->store.store;
    request->vault = scene->vault;
    request->origin = ORIGIN;
    request->now_ms = NOW;
    request->caller.signed_in = true;
    request->caller.person = who->id;
    request->caller.roles = who->roles;
    request->body = ret_call->exchange.body_json = body;
    if (id != NULL)
        request->ids[0] = *id;
    ck_assert_msg((request->route->roles & who->roles) != 0, "%s may not %s", path, method);
    if (request->route->prepare != NULL)
        ret_call->result = request->route->prepare(request);
    if (ret_call->result == PST_OK && !pst_request_answered(request)) {
        pst_store_fn fn = run_route;
        ret_call->result = request->route->kind == PST_WEB_WRITE
                               ? pst_store_write(scene->store.store, fn, request)
                               : pst_store_read(scene->store.store, fn, request);
    }
    ret_call->status = ret_call->exchange.answer.status;
    ret_call->json = ret_call->exchange.answer.json;
}

static void call_free(struct call *done)
{
    struct pst_request *request = &done->exchange.request;
    if (request->state_free != NULL)
        request->state_free(request->state);
    json_decref(done->exchange.body_json);
    pst_web_answer_clear(&done->exchange.answer);
}

/* A call of which only the outcome counts: status 0 when an error is left to the runtime. */
static void expect(struct scene *scene, const struct person *who, const char *method,
                   const char *path, const struct pst_uuid *id, json_t *body, enum pst_err result,
                   int status)
{
    struct call done;
    call(scene, who, method, path, id, body, &done);
    ck_assert_msg(done.result == result && (result != PST_OK || done.status == status),
                  "%s %s: %s, %d", method, path, pst_err_name(done.result), done.status);
    call_free(&done);
}

static void take_id(const struct call *done, struct pst_uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(done->json, "id"));
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pst_uuid_parse(text, strlen(text), ret_id), PST_OK);
}

static json_t *registration(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:b}}", "name", "Ada Example", "birth",
                     "1980-02-29", "language", "en", "email", "Ada.Example@Home.example", "phone",
                     "+1 555 010 0142", "identity", "document", "passport X1234567", "checked", 1);
}

static void add_patient(struct scene *scene)
{
    struct call done;
    call(scene, &scene->intake, "POST", "/v1/patients", NULL, registration(), &done);
    ck_assert_int_eq(done.result, PST_OK);
    ck_assert_int_eq(done.status, 201);
    take_id(&done, &scene->ada.id);
    scene->ada.roles = PST_ROLE_PATIENT;
    pst_uuid_format(&scene->ada.id, scene->ada_text);
    call_free(&done);
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* ---- patients ---- */

START_TEST(a_registered_patient_is_shown_to_those_who_may_see)
{
    struct scene scene;
    struct call done;
    scene_open(&scene);
    add_patient(&scene);
    const struct person *who[] = {&scene.intake, &scene.ada};
    for (size_t i = 0; i < 2; i++) {
        call(&scene, who[i], "GET", "/v1/patients/{id}", &scene.ada.id, NULL, &done);
        ck_assert_int_eq(done.status, 200);
        ck_assert_str_eq(text_of(done.json, "name"), "Ada Example");
        ck_assert_str_eq(text_of(done.json, "birth"), "1980-02-29");
        ck_assert_str_eq(text_of(done.json, "state"), "invited");
        ck_assert_str_eq(text_of(done.json, "consent"), "none");
        const json_t *addresses = json_object_get(done.json, "addresses");
        ck_assert_str_eq(text_of(addresses, "email"), "ada.example@home.example");
        ck_assert_str_eq(text_of(addresses, "phone"), "+15550100142");
        ck_assert_str_eq(done.exchange.answer.etag, "\"1\"");
        call_free(&done);
    }
    /* Absent and invisible are the same. */
    struct pst_uuid absent = {{9}};
    expect(&scene, &scene.carol, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, PST_ERR_NOT_FOUND,
           0);
    expect(&scene, &scene.carol, "GET", "/v1/patients/{id}", &absent, NULL, PST_ERR_NOT_FOUND, 0);
    expect(&scene, &scene.intake, "GET", "/v1/patients/{id}", &absent, NULL, PST_ERR_NOT_FOUND, 0);
    scene_close(&scene);
}
END_TEST

START_TEST(a_list_holds_whom_the_caller_may_see)
{
    struct scene scene;
    struct call done;
    scene_open(&scene);
    add_patient(&scene);
    call(&scene, &scene.intake, "GET", "/v1/patients", NULL, NULL, &done);
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "items")), 1);
    ck_assert(json_is_null(json_object_get(done.json, "next")));
    call_free(&done);
    call(&scene, &scene.carol, "GET", "/v1/patients", NULL, NULL, &done);
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "items")), 0);
    call_free(&done);
    scene_close(&scene);
}
END_TEST

START_TEST(a_registration_must_be_whole)
{
    static const struct {
        const char *member, *value;
    } wrong[] = {
        {"name", " "},           {"birth", "1980-02-30"}, {"birth", "2999-01-01"},
        {"language", "tlh"},     {"email", "ada@home"},   {"phone", "555-0142"},
        {"birth", "1779-01-01"}, {"more", "than asked"},
    };
    struct scene scene;
    scene_open(&scene);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *body = registration();
        json_object_set_new(body, wrong[i].member, json_string(wrong[i].value));
        struct call done;
        call(&scene, &scene.intake, "POST", "/v1/patients", NULL, body, &done);
        ck_assert_msg(done.status == 400, "%s: %d", wrong[i].value, done.status);
        call_free(&done);
    }
    json_t *unchecked = registration();
    json_object_set_new(json_object_get(unchecked, "identity"), "checked", json_false());
    expect(&scene, &scene.intake, "POST", "/v1/patients", NULL, unchecked, PST_OK, 400);
    scene_close(&scene);
}
END_TEST

START_TEST(a_change_needs_the_version_it_changes)
{
    struct scene scene;
    struct call done;
    scene_open(&scene);
    add_patient(&scene);
    call(&scene, &scene.intake, "PATCH", "/v1/patients/{id}", &scene.ada.id,
         json_pack("{s:s}", "name", "Ada Other"), &done);
    ck_assert_int_eq(done.status, 412);
    call_free(&done);
    scene_close(&scene);
}
END_TEST

static void expect_none_in_file(const char *path, const char *const *words, size_t count)
{
    int fd = open(path, O_RDONLY);
    struct stat found;
    ck_assert_int_eq(fstat(fd, &found), 0);
    char *bytes = malloc((size_t)found.st_size + 1);
    ck_assert_int_eq(read(fd, bytes, (size_t)found.st_size), found.st_size);
    close(fd);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(memmem(bytes, (size_t)found.st_size, words[i], strlen(words[i])) == NULL,
                      "%s in %s", words[i], path);
    free(bytes);
}

/* Rows of all tables in which the word can be read, bytes as the letters they are. */
static int64_t rows_with(struct raw_database *db, const char *word)
{
    char sql[256];
    int64_t found = 0;
    raw_exec(db, "SET bytea_output = escape");
    int64_t tables = raw_int(db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
    ck_assert_int_gt(tables, 30);
    for (int64_t i = 0; i < tables; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename "
                 "OFFSET %d LIMIT 1",
                 (int)i);
        char *table = raw_text(db, sql);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s AS t WHERE t::text LIKE '%%%s%%'", table,
                 word);
        found += raw_int(db, sql);
        free(table);
    }
    return found;
}

static void expect_none_in_tables(const char *url, const char *const *words, size_t count)
{
    struct raw_database db;
    raw_open(&db, url);
    /* What was put there in plain letters (insert_key) is found, or nothing would be. */
    ck_assert_int_gt(rows_with(&db, "sealed"), 0);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(rows_with(&db, words[i]) == 0, "%s", words[i]);
    raw_close(&db);
}

START_TEST(nothing_personal_is_readable_in_the_store)
{
    static const char *const personal[] = {"Ada",        "Example", "home.example",
                                           "5550100142", "1980-02", "passport"};
    const size_t count = sizeof personal / sizeof personal[0];
    struct scene scene;
    char path[128];
    scene_open(&scene);
    add_patient(&scene);
    if (store_fixture_is_postgresql()) {
        expect_none_in_tables(scene.store.url, personal, count);
    } else {
        snprintf(path, sizeof path, "%s-wal", scene.store.path);
        expect_none_in_file(scene.store.path, personal, count);
        expect_none_in_file(path, personal, count);
    }
    scene_close(&scene);
}
END_TEST

/* ---- what is on record ---- */

static json_t *visit_body(const struct person *clinician, const char *date)
{
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&clinician->id, id);
    return json_pack("{s:s, s:s, s:s, s:s}", "clinician", id, "date", date, "kind", "in-person",
                     "code", "99213");
}

START_TEST(a_visit_makes_the_patient_visible_to_the_clinician)
{
    static const char path[] = "/v1/patients/{id}/visits";
    struct scene scene;
    struct call done;
    scene_open(&scene);
    add_patient(&scene);
    expect(&scene, &scene.carol, "POST", path, &scene.ada.id,
           visit_body(&scene.carol, "2026-09-01"), PST_ERR_NOT_FOUND, 0);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           visit_body(&scene.carol, "2099-09-01"), PST_OK, 400);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           visit_body(&scene.intake, "2026-09-01"), PST_OK, 400);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           visit_body(&scene.carol, "2026-09-01"), PST_OK, 201);
    expect(&scene, &scene.carol, "POST", path, &scene.ada.id,
           visit_body(&scene.carol, "2026-09-02"), PST_OK, 201);
    call(&scene, &scene.carol, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, &done);
    const json_t *visits = json_object_get(done.json, "visits");
    ck_assert_uint_eq(json_array_size(visits), 2);
    ck_assert_str_eq(text_of(json_array_get(visits, 0), "date"), "2026-09-02");
    ck_assert_str_eq(text_of(json_array_get(visits, 0), "code"), "99213");
    call_free(&done);
    expect(&scene, &scene.dave, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, PST_ERR_NOT_FOUND,
           0);
    scene_close(&scene);
}
END_TEST

START_TEST(a_representative_sees_the_patient_until_ended)
{
    static const char path[] = "/v1/patients/{id}/representatives";
    struct scene scene;
    struct call done;
    struct person bea = {.roles = PST_ROLE_REPRESENTATIVE};
    scene_open(&scene);
    add_patient(&scene);
    call(&scene, &scene.intake, "POST", path, &scene.ada.id,
         json_pack("{s:s, s:s}", "name", "Bea Example", "authority", "guardian"), &done);
    ck_assert_int_eq(done.status, 201);
    const char *person = text_of(done.json, "person");
    ck_assert_int_eq(pst_uuid_parse(person, strlen(person), &bea.id), PST_OK);
    call_free(&done);
    call(&scene, &bea, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, &done);
    const json_t *list = json_object_get(done.json, "representatives");
    ck_assert_str_eq(text_of(json_array_get(list, 0), "name"), "Bea Example");
    ck_assert_str_eq(text_of(json_array_get(list, 0), "authority"), "guardian");
    call_free(&done);
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&bea.id, id);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:b}", "person", id, "end", 1), PST_OK, 201);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:b}", "person", id, "end", 1), PST_OK, 400);
    expect(&scene, &bea, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, PST_ERR_NOT_FOUND, 0);
    /* Staff stand for nobody, and nobody for themself. */
    pst_uuid_format(&scene.carol.id, id);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:s}", "person", id, "authority", "other"), PST_OK, 400);
    expect(&scene, &scene.intake, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:s}", "person", scene.ada_text, "authority", "other"), PST_OK, 400);
    scene_close(&scene);
}
END_TEST

START_TEST(a_restriction_is_the_patients_to_make_and_to_end)
{
    static const char path[] = "/v1/patients/{id}/restrictions";
    struct scene scene;
    struct call done;
    struct person stranger = {.id = {{5}}, .roles = PST_ROLE_PATIENT};
    struct pst_uuid id;
    char text[PST_UUID_TEXT_SIZE];
    scene_open(&scene);
    add_patient(&scene);
    expect(&scene, &stranger, "POST", path, &scene.ada.id,
           json_pack("{s:s}", "kind", "no-messages"), PST_ERR_NOT_FOUND, 0);
    expect(&scene, &scene.ada, "POST", path, &scene.ada.id, json_pack("{s:s}", "kind", "not-team"),
           PST_OK, 400);
    call(&scene, &scene.ada, "POST", path, &scene.ada.id,
         json_pack("{s:s, s:s}", "kind", "no-email-notice", "note", "My mail is shared."), &done);
    ck_assert_int_eq(done.status, 201);
    take_id(&done, &id);
    call_free(&done);
    call(&scene, &scene.intake, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, &done);
    const json_t *one = json_array_get(json_object_get(done.json, "restrictions"), 0);
    ck_assert_str_eq(text_of(one, "kind"), "no-email-notice");
    ck_assert_str_eq(text_of(one, "note"), "My mail is shared.");
    call_free(&done);
    pst_uuid_format(&id, text);
    expect(&scene, &scene.ada, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:b}", "id", text, "end", 1), PST_OK, 201);
    call(&scene, &scene.intake, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, &done);
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "restrictions")), 0);
    call_free(&done);
    scene_close(&scene);
}
END_TEST

START_TEST(breaking_glass_needs_the_right_and_a_reason)
{
    static const char path[] = "/v1/patients/{id}/break-glass";
    struct scene scene;
    scene_open(&scene);
    add_patient(&scene);
    expect(&scene, &scene.carol, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:i}", "reason", "On call", "minutes", 30), PST_ERR_DENIED, 0);
    expect(&scene, &scene.dave, "POST", path, &scene.ada.id, json_pack("{s:i}", "minutes", 30),
           PST_ERR_SYNTAX, 400);
    expect(&scene, &scene.dave, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:i}", "reason", "On call", "minutes", 1441), PST_OK, 400);
    expect(&scene, &scene.dave, "POST", path, &scene.ada.id,
           json_pack("{s:s, s:i}", "reason", "On call", "minutes", 30), PST_OK, 201);
    scene_close(&scene);
}
END_TEST

START_TEST(who_is_merged_or_ended_takes_no_more)
{
    struct scene scene;
    struct pst_uuid first;
    char into[PST_UUID_TEXT_SIZE];
    scene_open(&scene);
    add_patient(&scene);
    first = scene.ada.id;
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/visits", &first,
           visit_body(&scene.carol, "2026-09-01"), PST_OK, 201);
    add_patient(&scene);
    pst_uuid_format(&scene.ada.id, into);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/merge", &scene.ada.id,
           json_pack("{s:s}", "into", into), PST_OK, 400);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/merge", &first,
           json_pack("{s:s}", "into", into), PST_OK, 204);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/visits", &first,
           visit_body(&scene.carol, "2026-09-01"), PST_ERR_CONFLICT, 0);
    /* The evidence went along: carol has seen the one that stays. */
    expect(&scene, &scene.carol, "GET", "/v1/patients/{id}", &scene.ada.id, NULL, PST_OK, 200);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/end", &scene.ada.id,
           json_pack("{s:s}", "reason", "bored"), PST_OK, 400);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/end", &scene.ada.id,
           json_pack("{s:s}", "reason", "moved"), PST_OK, 204);
    expect(&scene, &scene.intake, "POST", "/v1/patients/{id}/end", &scene.ada.id,
           json_pack("{s:s}", "reason", "moved"), PST_ERR_CONFLICT, 0);
    scene_close(&scene);
}
END_TEST

/* ---- terms ---- */

START_TEST(terms_only_grow)
{
    struct scene scene;
    struct call done;
    struct person admin = {.id = {{6}}, .roles = PST_ROLE_ADMINISTRATOR};
    scene_open(&scene);
    call(&scene, &scene.carol, "GET", "/v1/terms", NULL, NULL, &done);
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "items")),
                      pst_terms_builtin_count);
    call_free(&done);
    static const struct {
        int version;
        const char *other;
        enum pst_err result;
        int status;
    } tries[] = {
        {1, "es", PST_ERR_CONFLICT, 0}, {2, "fr", PST_OK, 400},         {2, "E", PST_OK, 400},
        {2, "es", PST_OK, 201},         {2, "es", PST_ERR_CONFLICT, 0}, {5, "es", PST_OK, 201},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
        expect(&scene, &admin, "POST", "/v1/terms", NULL,
               json_pack("{s:s, s:i, s:s, s:{s:s, s:s}}", "id", "messages", "version",
                         tries[i].version, "effective", "2027-01-01T00:00:00.000Z", "texts", "en",
                         "New words.", tries[i].other, "Otras."),
               tries[i].result, tries[i].status);
    scene_close(&scene);
}
END_TEST

/* ---- consents ---- */

struct hashing {
    struct pst_sha256 hash;
};

static enum pst_err read_hash(struct pst_tx *tx, void *ctx)
{
    struct hashing *hashing = ctx;
    return pst_terms_hash(tx, "messages", 1, "en", &hashing->hash);
}

/* A consent captured at the desk, for others to change. */
static void consent_init(struct scene *scene, struct pst_consent *ret_consent)
{
    struct hashing hashing;
    ck_assert_int_eq(pst_store_read(scene->store.store, read_hash, &hashing), PST_OK);
    *ret_consent = (struct pst_consent){.patient = scene->ada.id,
                                        .decision = PST_DECISION_GIVEN,
                                        .terms_id = "messages",
                                        .terms_version = 1,
                                        .terms_language = "en",
                                        .terms_hash = hashing.hash,
                                        .method = PST_METHOD_IN_PERSON,
                                        .by = scene->intake.id,
                                        .signer = "Ada Example"};
    pst_uuid_v7(NOW, NULL, &ret_consent->id);
    ret_consent->purposes[0].purpose = PST_PURPOSE_MESSAGES;
    ret_consent->purposes[1] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_EMAIL_NOTICE,
                                                            .address = "ada.example@home.example"};
    ret_consent->purposes_count = 2;
    ret_consent->measures[0] = "sealed-on-device";
    ret_consent->measures_count = 1;
}

static json_t *record_body(const struct pst_consent *consent, const struct pst_signer *signer,
                           struct pst_sha256 *ret_hash)
{
    struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_record *record = NULL;
    ck_assert_int_eq(pst_record_build(PST_RECORD_CONSENT, ORIGIN, NOW, consent, &signer, 1, &text),
                     PST_OK);
    if (ret_hash != NULL) {
        ck_assert_int_eq(pst_record_parse(pst_buf_bytes(&text), &record), PST_OK);
        *ret_hash = *pst_record_hash(record);
        pst_record_free(&record);
    }
    json_t *body = json_pack("{s:s}", "record", pst_buf_str(&text));
    pst_buf_free(&text);
    return body;
}

static const char consents_path[] = "/v1/patients/{id}/consents";

START_TEST(a_consent_is_recorded_shown_and_ended)
{
    struct scene scene;
    struct call done;
    struct pst_consent consent, end;
    struct pst_sha256 hash;
    scene_open(&scene);
    add_patient(&scene);
    consent_init(&scene, &consent);
    call(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
         record_body(&consent, scene.intake.signer, &hash), &done);
    ck_assert_int_eq(done.status, 201);
    ck_assert_str_eq(text_of(done.json, "state"), "given");
    call_free(&done);
    /* Its answer was lost: the same once more is the same. */
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&consent, scene.intake.signer, NULL), PST_OK, 201);
    call(&scene, &scene.ada, "GET", consents_path, &scene.ada.id, NULL, &done);
    ck_assert_str_eq(text_of(done.json, "state"), "given");
    const json_t *items = json_object_get(done.json, "items");
    ck_assert_uint_eq(json_array_size(items), 1);
    ck_assert_str_eq(text_of(json_array_get(items, 0), "decision"), "given");
    ck_assert_ptr_nonnull(strstr(text_of(json_array_get(items, 0), "record"), "postern.consent/1"));
    call_free(&done);
    end = consent;
    end.decision = PST_DECISION_WITHDRAWN;
    end.purposes_count = end.measures_count = 0;
    pst_uuid_v7(NOW, NULL, &end.id);
    end.previous = hash;
    end.has_previous = true;
    /* Another than the one that counts cannot be withdrawn. */
    expect(&scene, &scene.intake, "POST", "/v1/consents/{id}/withdrawal", &end.id,
           record_body(&end, scene.intake.signer, NULL), PST_ERR_NOT_FOUND, 0);
    call(&scene, &scene.intake, "POST", "/v1/consents/{id}/withdrawal", &consent.id,
         record_body(&end, scene.intake.signer, NULL), &done);
    ck_assert_int_eq(done.status, 201);
    ck_assert_str_eq(text_of(done.json, "state"), "withdrawn");
    call_free(&done);
    call(&scene, &scene.intake, "GET", consents_path, &scene.ada.id, NULL, &done);
    ck_assert_str_eq(text_of(done.json, "state"), "withdrawn");
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "items")), 2);
    call_free(&done);
    scene_close(&scene);
}
END_TEST

START_TEST(a_consent_that_does_not_hold_leaves_nothing)
{
    struct scene scene;
    struct call done;
    struct pst_consent consent, wrong;
    struct pst_uuid absent = {{9}};
    scene_open(&scene);
    add_patient(&scene);
    consent_init(&scene, &consent);
    /* Signed by another than who captured it. */
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&consent, scene.carol.signer, NULL), PST_OK, 422);
    /* Sent by another than who captured it. */
    wrong = consent;
    wrong.by = scene.carol.id;
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&wrong, scene.carol.signer, NULL), PST_OK, 400);
    wrong = consent;
    wrong.purposes[1].address = "eve@home.example";
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&wrong, scene.intake.signer, NULL), PST_OK, 400);
    wrong = consent;
    wrong.terms_version = 2;
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&wrong, scene.intake.signer, NULL), PST_OK, 400);
    wrong = consent;
    wrong.has_previous = true;
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           record_body(&wrong, scene.intake.signer, NULL), PST_ERR_CONFLICT, 0);
    expect(&scene, &scene.intake, "POST", consents_path, &absent,
           record_body(&consent, scene.intake.signer, NULL), PST_ERR_NOT_FOUND, 0);
    expect(&scene, &scene.intake, "POST", consents_path, &scene.ada.id,
           json_pack("{s:s}", "record", "postern.consent/1\n{}\n"), PST_OK, 400);
    call(&scene, &scene.intake, "GET", consents_path, &scene.ada.id, NULL, &done);
    ck_assert_str_eq(text_of(done.json, "state"), "none");
    ck_assert_uint_eq(json_array_size(json_object_get(done.json, "items")), 0);
    call_free(&done);
    scene_close(&scene);
}
END_TEST

PST_UNIT_MAIN("web_patients", a_registered_patient_is_shown_to_those_who_may_see,
              a_list_holds_whom_the_caller_may_see, a_registration_must_be_whole,
              a_change_needs_the_version_it_changes, nothing_personal_is_readable_in_the_store,
              a_visit_makes_the_patient_visible_to_the_clinician,
              a_representative_sees_the_patient_until_ended,
              a_restriction_is_the_patients_to_make_and_to_end,
              breaking_glass_needs_the_right_and_a_reason, who_is_merged_or_ended_takes_no_more,
              terms_only_grow, a_consent_is_recorded_shown_and_ended,
              a_consent_that_does_not_hold_leaves_nothing)
