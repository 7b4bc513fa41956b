/*
 * Sign-in, enrolment and look-ups show nobody: what is there and what is not
 * take the same statements, in the same order, the same keyed hashes, and the
 * same signatures, and answer the same. Counted where the linker lets us stand
 * between: --wrap of the store's statements, the vault's hashes and libsodium.
 */
#include <pthread.h>
#include <sodium.h>

#include "server/store/sql.h"
#include "web_fixture.h"

/* ---- what one request did ------------------------------------------------ */

#define STEPS_MAX 256

struct work {
    const char *steps[STEPS_MAX]; /* names of statements, uses of hashes */
    size_t count;
    size_t passwords; /* Argon2 */
    size_t signatures;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct work work;

static void note(const char *step)
{
    pthread_mutex_lock(&lock);
    ck_assert_uint_lt(work.count, STEPS_MAX);
    work.steps[work.count++] = step;
    pthread_mutex_unlock(&lock);
}

static void count(size_t *counter)
{
    pthread_mutex_lock(&lock);
    ++*counter;
    pthread_mutex_unlock(&lock);
}

enum pst_err __real_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t count);
enum pst_err __wrap_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t count);
enum pst_err __wrap_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t values_count)
{
    note(pst_statement_def(statement)->name);
    return __real_pst_sql_exec_values(tx, statement, ret_changes, values, values_count);
}

#define WRAP_QUERY(function)                                                                       \
    enum pst_err __real_##function(struct pst_tx *tx, enum pst_statement statement,                \
                                   struct pst_rows **ret_rows, const struct pst_value *values,     \
                                   size_t values_count);                                           \
    enum pst_err __wrap_##function(struct pst_tx *tx, enum pst_statement statement,                \
                                   struct pst_rows **ret_rows, const struct pst_value *values,     \
                                   size_t values_count);                                           \
    enum pst_err __wrap_##function(struct pst_tx *tx, enum pst_statement statement,                \
                                   struct pst_rows **ret_rows, const struct pst_value *values,     \
                                   size_t values_count)                                            \
    {                                                                                              \
        note(pst_statement_def(statement)->name);                                                  \
        return __real_##function(tx, statement, ret_rows, values, values_count);                   \
    }
WRAP_QUERY(pst_sql_query_values)
WRAP_QUERY(pst_sql_first_values)

enum pst_err __real_pst_vault_index(const struct pst_vault *vault, const char *use,
                                    struct pst_bytes normal, uint8_t *ret_index);
enum pst_err __wrap_pst_vault_index(const struct pst_vault *vault, const char *use,
                                    struct pst_bytes normal, uint8_t *ret_index);
enum pst_err __wrap_pst_vault_index(const struct pst_vault *vault, const char *use,
                                    struct pst_bytes normal, uint8_t *ret_index)
{
    note("keyed hash");
    return __real_pst_vault_index(vault, use, normal, ret_index);
}

enum pst_err __real_pst_vault_auth_hash(const struct pst_vault *vault, const char *use,
                                        const struct pst_uuid *person, struct pst_bytes auth,
                                        uint8_t *ret_hash);
enum pst_err __wrap_pst_vault_auth_hash(const struct pst_vault *vault, const char *use,
                                        const struct pst_uuid *person, struct pst_bytes auth,
                                        uint8_t *ret_hash);
enum pst_err __wrap_pst_vault_auth_hash(const struct pst_vault *vault, const char *use,
                                        const struct pst_uuid *person, struct pst_bytes auth,
                                        uint8_t *ret_hash)
{
    note("auth hash");
    return __real_pst_vault_auth_hash(vault, use, person, auth, ret_hash);
}

int __real_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passwd,
                         unsigned long long passwd_len, const unsigned char *salt,
                         unsigned long long ops, size_t memory, int alg);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passwd,
                         unsigned long long passwd_len, const unsigned char *salt,
                         unsigned long long ops, size_t memory, int alg);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *passwd,
                         unsigned long long passwd_len, const unsigned char *salt,
                         unsigned long long ops, size_t memory, int alg)
{
    count(&work.passwords);
    return __real_crypto_pwhash(out, out_len, passwd, passwd_len, salt, ops, memory, alg);
}

int __real_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
                                       unsigned long long len, const unsigned char *pk);
int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
                                       unsigned long long len, const unsigned char *pk);
int __wrap_crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
                                       unsigned long long len, const unsigned char *pk)
{
    count(&work.signatures);
    return __real_crypto_sign_verify_detached(sig, m, len, pk);
}

/* ---- asking twice ----------------------------------------------------------- */

/* An answer's body without what differs each time: ids of events, challenges and salts. */
static json_t *comparable(const struct answer *answer)
{
    json_t *json = json_deep_copy(answer->json);
    static const char *const varies[] = {"event", "challenge", "salt"};
    for (size_t i = 0; i < sizeof varies / sizeof varies[0]; i++)
        if (json_object_get(json, varies[i]) != NULL)
            json_object_set_new(json, varies[i], json_true());
    return json;
}

struct asked {
    struct work work;
    int status;
    json_t *json;
};

static struct asked ask(struct web_fixture *f, enum who who, const char *line, json_t *body)
{
    struct answer answer;
    char *text = body != NULL ? json_dumps(body, 0) : NULL;
    memset(&work, 0, sizeof work);
    web_ask(f, who, line, "application/json",
            text != NULL ? pst_bytes_str(text) : pst_bytes(NULL, 0), &answer);
    struct asked asked = {.status = answer.status, .json = comparable(&answer)};
    pthread_mutex_lock(&lock);
    asked.work = work;
    pthread_mutex_unlock(&lock);
    answer_free(&answer);
    free(text);
    json_decref(body);
    return asked;
}

/* Both are taken. */
static void expect_alike(const char *what, struct asked a, struct asked b, int status)
{
    ck_assert_msg(a.status == status && b.status == status, "%s: %d and %d", what, a.status,
                  b.status);
    ck_assert_msg(json_equal(a.json, b.json), "%s: answers differ", what);
    for (size_t i = 0; i < a.work.count || i < b.work.count; i++) {
        const char *one = i < a.work.count ? a.work.steps[i] : "nothing";
        const char *other = i < b.work.count ? b.work.steps[i] : "nothing";
        ck_assert_msg(strcmp(one, other) == 0, "%s: step %zu: %s and %s", what, i, one, other);
    }
    ck_assert_msg(a.work.count > 0, "%s: nothing was counted", what);
    ck_assert_uint_eq(a.work.signatures, b.work.signatures);
    ck_assert_uint_eq(a.work.passwords, 0);
    ck_assert_uint_eq(b.work.passwords, 0);
    json_decref(a.json);
    json_decref(b.json);
}

/* ---- accounts ---------------------------------------------------------------- */

static const uint8_t right[PST_VAULT_HASH_BYTES] = {7};

static void add_account(struct practice *p, enum who who, const char *login)
{
    uint8_t index[PST_VAULT_HASH_BYTES], auth[PST_VAULT_HASH_BYTES], recovery[PST_VAULT_HASH_BYTES];
    const struct pst_uuid *person = &p->people[who].id;
    struct pst_bytes bytes = pst_bytes(right, sizeof right);
    ck_assert_int_eq(pst_vault_index(p->vault, PST_INDEX_LOGIN, pst_bytes_str(login), index),
                     PST_OK);
    ck_assert_int_eq(pst_vault_auth_hash(p->vault, "auth", person, bytes, auth), PST_OK);
    ck_assert_int_eq(pst_vault_auth_hash(p->vault, "recovery", person, bytes, recovery), PST_OK);
    practice_bind(p,
                  "INSERT INTO account (person, login_index, login_enc, auth_hash, salt, "
                  "memory_kib, passes, recovery_hash, ring_enc, ring_version) "
                  "VALUES (?1, ?2, x'00', ?3, zeroblob(16), 65536, 3, ?4, x'00', 1)",
                  "ubbb", person, index, 32, auth, 32, recovery, 32);
}

static json_t *sign_in(const char *login, bool recovery, bool is_right)
{
    uint8_t bytes[sizeof right] = {9};
    struct pst_buf text = {.max = 64};
    ck_assert_int_eq(pst_base64url_append(&text, pst_bytes(is_right ? right : bytes, sizeof right)),
                     PST_OK);
    json_t *body = json_pack("{s:s, s:s, s:s, s:b}", "login", login, "auth", pst_buf_str(&text),
                             "totp", "123456", "recovery", recovery);
    pst_buf_free(&text);
    return body;
}

/* ---- cases ---------------------------------------------------------------------- */

START_TEST(parameters_of_a_login_show_nobody)
{
    static const char line[] = "POST /v1/session/params";
    struct web_fixture f;
    web_open(&f);
    add_account(&f.practice, ADA, "ada");
    add_account(&f.practice, PAT, "pat");
    static const char *const nobody[] = {"eve", "not a login", "\xc3\xa9ve", "ada@x"};
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
        expect_alike(nobody[i], ask(&f, PAT, line, json_pack("{s:s}", "login", "ada")),
                     ask(&f, PAT, line, json_pack("{s:s}", "login", nobody[i])), 200);
    web_close(&f);
}
END_TEST

START_TEST(a_failed_sign_in_shows_nobody)
{
    static const char line[] = "POST /v1/session";
    struct web_fixture f;
    web_open(&f);
    add_account(&f.practice, ADA, "ada");
    add_account(&f.practice, BEN, "ben");
    add_account(&f.practice, PAT, "pat");
    practice_bind(&f.practice, "UPDATE account SET recovery_hash = NULL WHERE person = ?1", "u",
                  &f.practice.people[PAT].id);
    practice_bind(&f.practice, "UPDATE person SET state = 2 WHERE id = ?1", "u",
                  &f.practice.people[BEN].id);
    static const struct {
        const char *what, *login;
        bool recovery, is_right;
    } cases[] = {
        {"wrong of a clinician", "ada", false, false},
        {"wrong of a patient", "pat", false, false},
        {"wrong recovery", "ada", true, false},
        {"recovery where there is none", "pat", true, true},
        {"right of somebody disabled", "ben", false, true},
        {"what cannot be a login", "no login", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        practice_exec(&f.practice, "DELETE FROM attempt");
        expect_alike(
            cases[i].what,
            ask(&f, PAT, line, sign_in(cases[i].login, cases[i].recovery, cases[i].is_right)),
            ask(&f, PAT, line, sign_in("eve", cases[i].recovery, cases[i].is_right)), 401);
    }
    web_close(&f);
}
END_TEST

START_TEST(an_invitation_is_shown_to_who_holds_its_code)
{
    static const char line[] = "POST /v1/enrolments/params";
    struct web_fixture f;
    struct pst_uuid live, used, absent;
    struct pst_uuid *ids[] = {&live, &used};
    char text[PST_UUID_TEXT_SIZE], at[PST_TIME_TEXT_SIZE];
    char proof[87];
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &live);
    pst_uuid_v7(f.practice.now_ms, NULL, &used);
    pst_uuid_v7(f.practice.now_ms, NULL, &absent);
    for (size_t i = 0; i < 2; i++)
        practice_bind(&f.practice,
                      "INSERT INTO invitation (id, person, record_enc, hash, key, until_ms, "
                      "used_at_ms, inviter, created_at_ms) "
                      "VALUES (?1, ?2, x'00', zeroblob(32), ?3, ?4, nullif(?5, 0), ?6, 0)",
                      "uubiiu", ids[i], &f.practice.people[PAT].id,
                      f.practice.people[PAT].signer->public_key.bytes, 32,
                      f.practice.now_ms + PST_DAY_MS, (int64_t)i, &f.practice.people[ADA].id);
    pst_time_format(f.practice.now_ms, at);
    memset(proof, 'A', 86);
    proof[86] = '\0';
    struct asked asked[3];
    const struct pst_uuid *all[] = {&live, &used, &absent};
    for (size_t i = 0; i < 3; i++) {
        pst_uuid_format(all[i], text);
        asked[i] = ask(&f, PAT, line,
                       json_pack("{s:s, s:s, s:s}", "invitation", text, "at", at, "proof", proof));
        ck_assert_uint_eq(asked[i].work.signatures, 1);
    }
    json_incref(asked[2].json);
    expect_alike("live and absent", asked[0], asked[2], 404);
    expect_alike("used and absent", asked[1], asked[2], 404);
    web_close(&f);
}
END_TEST

START_TEST(what_one_may_not_see_is_as_absent)
{
    static const struct {
        const char *method, *before, *after;
        enum who who;
    } looks[] = {
        {"GET", "/v1/patients/", "", CARA},      {"GET", "/v1/patients/", "/consents", CARA},
        {"GET", "/v1/threads/", "", CARA},       {"GET", "/v1/threads/", "/messages", CARA},
        {"GET", "/v1/threads/", "/keys", CARA},  {"GET", "/v1/threads/", "/admission", CARA},
        {"GET", "/v1/threads/", "/draft", CARA}, {"GET", "/v1/messages/", "", CARA},
        {"GET", "/v1/messages/", "/keys", CARA},
    };
    struct web_fixture f;
    struct pst_uuid message, absent;
    web_open(&f);
    pst_uuid_v7(f.practice.now_ms, NULL, &message);
    pst_uuid_v7(f.practice.now_ms, NULL, &absent);
    practice_bind(&f.practice,
                  "INSERT INTO message (id, thread, seq, sender, category, sent_ms, accepted_ms, "
                  "size_bytes, attachments, images, hash, event) "
                  "VALUES (?1, ?2, 1, ?3, 0, 0, 0, 1, 0, 0, zeroblob(32), ?1)",
                  "uuu", &message, &f.practice.thread, &f.practice.people[ADA].id);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        const struct pst_uuid *there =
            strstr(looks[i].before, "patients") != NULL  ? &f.practice.people[PAT].id
            : strstr(looks[i].before, "threads") != NULL ? &f.practice.thread
                                                         : &message;
        char line[640];
        snprintf(line, sizeof line, "%s",
                 web_line(looks[i].method, looks[i].before, there, looks[i].after));
        struct asked seen = ask(&f, looks[i].who, line, NULL);
        struct asked gone =
            ask(&f, looks[i].who,
                web_line(looks[i].method, looks[i].before, &absent, looks[i].after), NULL);
        expect_alike(line, seen, gone, 404);
    }
    web_close(&f);
}
END_TEST

PST_UNIT_MAIN("nobody", parameters_of_a_login_show_nobody, a_failed_sign_in_shows_nobody,
              an_invitation_is_shown_to_who_holds_its_code, what_one_may_not_see_is_as_absent)
