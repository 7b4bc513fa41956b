#include "postern/chain.h"

#include <stdio.h>
#include <string.h>

#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/time.h"
#include "unit.h"

#define ORIGIN "messages.clinic.example"
#define T0 INT64_C(1795262400000)
#define YEAR_MS (365 * PST_DAY_MS)

/* One person of the play, with the texts of what certifies them. */
struct actor {
    struct pst_uuid id;
    const char *name;
    uint32_t roles;
    struct pst_signer *signer;
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_signer *code; /* the key of the invitation */
    struct pst_buf invitation;
    struct pst_buf statement;
    struct pst_sha256 invitation_hash;
    struct pst_sha256 statement_hash;
};

static struct pst_signer *root;
static struct actor boss = {.id = {{1}}, .name = "Bo Example", .roles = PST_ROLE_ADMINISTRATOR};
static struct actor desk = {.id = {{2}}, .name = "Di Example", .roles = PST_ROLE_INTAKE};
static struct actor doctor = {.id = {{3}}, .name = "Dr. Example", .roles = PST_ROLE_CLINICIAN};
static struct actor nurse = {.id = {{4}}, .name = "Nu Example", .roles = PST_ROLE_CLINICIAN};
static struct actor ada = {.id = {{5}}, .name = "Ada Example", .roles = PST_ROLE_PATIENT};

/* What the cases make lives until their process ends, and stays reachable from here. */
static void *kept[4096];
static size_t kept_count;

static void keep(void *at)
{
    ck_assert_uint_lt(kept_count, sizeof kept / sizeof kept[0]);
    kept[kept_count++] = at;
}

static struct pst_signer *new_signer(void)
{
    struct pst_signer *signer = NULL;
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    keep(signer);
    return signer;
}

static void new_recipient(char *ret_text)
{
    struct pst_secret *identity = NULL;
    struct pst_age_recipient recipient;
    ck_assert_int_eq(pst_age_identity_generate(NULL, &identity), PST_OK);
    ck_assert_int_eq(pst_age_identity_recipient(identity, &recipient), PST_OK);
    pst_age_recipient_format(&recipient, ret_text);
    pst_secret_free(&identity);
}

static void hash_of(const struct pst_buf *text, struct pst_sha256 *ret_hash)
{
    struct pst_record *record = NULL;
    ck_assert_int_eq(pst_record_parse(pst_buf_bytes(text), &record), PST_OK);
    *ret_hash = *pst_record_hash(record);
    pst_record_free(&record);
}

/* Builds into a fresh buffer; up to three signers, NULL ends them. */
static void build(enum pst_record_kind kind, int64_t at_ms, const void *body,
                  const struct pst_signer *a, const struct pst_signer *b,
                  const struct pst_signer *c, struct pst_buf *out)
{
    const struct pst_signer *signers[] = {a, b, c};
    size_t count = a == NULL ? 0 : b == NULL ? 1 : c == NULL ? 2 : 3;
    *out = (struct pst_buf){.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(pst_record_build(kind, ORIGIN, at_ms, body, signers, count, out), PST_OK);
    keep(out->bytes);
}

static void invite(struct actor *who, const struct pst_signer *by, int64_t at_ms)
{
    who->code = new_signer();
    struct pst_invitation body = {.name = who->name,
                                  .person = who->id,
                                  .roles = who->roles,
                                  .key = who->code->public_key,
                                  .until_ms = at_ms + PST_INVITATION_MAX_MS};
    build(PST_RECORD_INVITATION, at_ms, &body, by, NULL, NULL, &who->invitation);
    hash_of(&who->invitation, &who->invitation_hash);
}

static struct pst_statement first_statement(const struct actor *who, int64_t at_ms)
{
    return (struct pst_statement){.name = who->name,
                                  .recipient = who->recipient,
                                  .person = who->id,
                                  .roles = who->roles,
                                  .serial = 1,
                                  .invitation = who->invitation_hash,
                                  .has_invitation = true,
                                  .sign = who->signer->public_key,
                                  .until_ms = at_ms + YEAR_MS};
}

static void enrol(struct actor *who, const struct pst_signer *also, int64_t at_ms)
{
    who->signer = new_signer();
    new_recipient(who->recipient);
    struct pst_statement body = first_statement(who, at_ms);
    build(PST_RECORD_STATEMENT, at_ms, &body, who->signer, who->code, also, &who->statement);
    hash_of(&who->statement, &who->statement_hash);
}

static struct pst_buf roster1;
static struct pst_sha256 roster1_hash;
static struct pst_buf records1;
static const struct pst_uuid team = {{9}};

static struct pst_roster roster_body(const struct pst_uuid *members, size_t count,
                                     const char *recipient, int64_t serial)
{
    return (struct pst_roster){.name = "Riverside team",
                               .recipient = recipient,
                               .team = team,
                               .serial = serial,
                               .members = members,
                               .members_count = count};
}

/* A practice from its root to a patient, an hour between any two steps. */
static void make_practice(void)
{
    static char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    root = new_signer();
    invite(&boss, NULL, T0);
    enrol(&boss, root, T0 + 1 * PST_HOUR_MS);
    invite(&desk, boss.signer, T0 + 2 * PST_HOUR_MS);
    enrol(&desk, NULL, T0 + 3 * PST_HOUR_MS);
    invite(&doctor, boss.signer, T0 + 4 * PST_HOUR_MS);
    enrol(&doctor, NULL, T0 + 5 * PST_HOUR_MS);
    invite(&nurse, boss.signer, T0 + 4 * PST_HOUR_MS);
    enrol(&nurse, NULL, T0 + 5 * PST_HOUR_MS);
    invite(&ada, desk.signer, T0 + 6 * PST_HOUR_MS);
    enrol(&ada, NULL, T0 + 7 * PST_HOUR_MS);
    new_recipient(recipient);
    struct pst_roster roster = roster_body(&doctor.id, 1, recipient, 1);
    build(PST_RECORD_ROSTER, T0 + 8 * PST_HOUR_MS, &roster, doctor.signer, NULL, NULL, &roster1);
    hash_of(&roster1, &roster1_hash);
    struct pst_records_key records = {.recipient = recipient, .serial = 1};
    build(PST_RECORD_RECORDS, T0 + 8 * PST_HOUR_MS, &records, root, NULL, NULL, &records1);
}

static struct pst_chain *new_chain(void)
{
    struct pst_chain *chain = NULL;
    ck_assert_int_eq(pst_chain_new(ORIGIN, &root->public_key, &root->id, &chain), PST_OK);
    return chain;
}

static void add(struct pst_chain *chain, const struct pst_buf *text)
{
    ck_assert_int_eq(pst_chain_add(chain, pst_buf_bytes(text)), PST_OK);
}

static struct pst_chain *practice_chain(void)
{
    struct pst_chain *chain = new_chain();
    /* Youngest first: the order of adding must not matter. */
    add(chain, &records1);
    add(chain, &roster1);
    struct actor *all[] = {&ada, &nurse, &doctor, &desk, &boss};
    for (size_t i = 0; i < 5; i++) {
        add(chain, &all[i]->statement);
        add(chain, &all[i]->invitation);
    }
    return chain;
}

/* Verifies the practice and one record more; gives that record's reason. */
static enum pst_chain_reason reason_of(const struct pst_buf *text)
{
    struct pst_chain *chain = practice_chain();
    size_t index = pst_chain_count(chain);
    add(chain, text);
    ck_assert_uint_eq(pst_chain_count(chain), index + 1);
    enum pst_err r = pst_chain_verify(chain);
    enum pst_chain_reason reason = pst_chain_reason(chain, index);
    ck_assert_int_eq(r, reason == PST_CHAIN_CERTIFIED ? PST_OK : PST_ERR_CHAIN);
    for (size_t i = 0; i < index; i++)
        ck_assert_int_eq(pst_chain_reason(chain, i), PST_CHAIN_CERTIFIED);
    ck_assert_uint_eq(pst_chain_alarms(chain), reason == PST_CHAIN_REUSED ? 1 : 0);
    pst_chain_free(&chain);
    return reason;
}

START_TEST(a_whole_practice_verifies_to_the_root)
{
    make_practice();
    struct pst_chain *chain = practice_chain();
    int64_t now = T0 + 10 * PST_HOUR_MS;
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    const struct pst_record *record = pst_chain_statement_at(chain, &ada.id, now);
    ck_assert_ptr_nonnull(record);
    ck_assert(pst_sha256_equal(pst_record_hash(record), &ada.statement_hash));
    ck_assert_ptr_null(pst_chain_statement_at(chain, &ada.id, T0 + 7 * PST_HOUR_MS - 1));
    ck_assert_ptr_null(pst_chain_statement_at(chain, &ada.id, T0 + 7 * PST_HOUR_MS + YEAR_MS));
    ck_assert_ptr_eq(pst_chain_statement_by_key(chain, &ada.signer->id, now), record);
    ck_assert_ptr_eq(
        pst_chain_statement_by_recipient(chain, &pst_record_statement(record)->recipient_id),
        record);
    const struct pst_record *roster = pst_chain_roster_at(chain, &team, now);
    ck_assert_ptr_nonnull(roster);
    ck_assert_ptr_eq(pst_chain_roster_by_recipient(chain, &pst_record_roster(roster)->recipient_id),
                     roster);
    ck_assert_ptr_null(pst_chain_roster_at(chain, &team, T0));
    ck_assert_ptr_nonnull(pst_chain_records_at(chain, now));
    ck_assert_uint_eq(pst_chain_alarms(chain), 0);
    /* The same texts again change nothing. */
    size_t count = pst_chain_count(chain);
    add(chain, &ada.statement);
    ck_assert_uint_eq(pst_chain_count(chain), count);
    pst_chain_free(&chain);
    pst_chain_free(&chain);
}
END_TEST

START_TEST(another_root_or_a_missing_step_certifies_nobody)
{
    make_practice();
    struct pst_signer *other = new_signer();
    struct pst_chain *chain = NULL;
    ck_assert_int_eq(pst_chain_new(ORIGIN, &other->public_key, &root->id, &chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_new(ORIGIN, &other->public_key, NULL, &chain), PST_OK);
    add(chain, &boss.invitation);
    add(chain, &boss.statement);
    add(chain, &desk.invitation);
    add(chain, &desk.statement);
    ck_assert_int_eq(pst_chain_verify(chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_reason(chain, 1), PST_CHAIN_NO_CERTIFIER);
    ck_assert_int_eq(pst_chain_reason(chain, 2), PST_CHAIN_NO_CERTIFIER);
    ck_assert_int_eq(pst_chain_reason(chain, 3), PST_CHAIN_NO_INVITATION);
    ck_assert_ptr_null(pst_chain_statement_at(chain, &desk.id, T0 + PST_DAY_MS));
    pst_chain_free(&chain);
    chain = new_chain();
    add(chain, &boss.statement);
    ck_assert_int_eq(pst_chain_verify(chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_reason(chain, 0), PST_CHAIN_NO_INVITATION);
    /* What was missing comes later, and all is well. */
    add(chain, &boss.invitation);
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    pst_chain_free(&chain);
}
END_TEST

START_TEST(invitations_need_a_certifier_for_their_roles)
{
    make_practice();
    static const struct {
        struct actor *by;
        uint32_t roles;
        int64_t at_ms;
        enum pst_chain_reason want;
    } cases[] = {
        {&boss, PST_ROLE_INTAKE | PST_ROLE_CLINICIAN, 20 * PST_HOUR_MS, PST_CHAIN_CERTIFIED},
        {&boss, PST_ROLE_EDGE, 20 * PST_HOUR_MS, PST_CHAIN_CERTIFIED},
        {&boss, PST_ROLE_ADMINISTRATOR, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        {&boss, PST_ROLE_PATIENT, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        {&desk, PST_ROLE_PATIENT | PST_ROLE_REPRESENTATIVE, 20 * PST_HOUR_MS, PST_CHAIN_CERTIFIED},
        {&desk, PST_ROLE_INTAKE, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        {&desk, PST_ROLE_PATIENT | PST_ROLE_CLINICIAN, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        {&doctor, PST_ROLE_PATIENT, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        {&ada, PST_ROLE_REPRESENTATIVE, 20 * PST_HOUR_MS, PST_CHAIN_NO_CERTIFIER},
        /* Before the certifier was certified, and after their statement ended. */
        {&desk, PST_ROLE_PATIENT, 3 * PST_HOUR_MS - 1, PST_CHAIN_NO_CERTIFIER},
        {&desk, PST_ROLE_PATIENT, 3 * PST_HOUR_MS + YEAR_MS, PST_CHAIN_NO_CERTIFIER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct actor guest = {.id = {{77}}, .name = "Gil Example", .roles = cases[i].roles};
        invite(&guest, cases[i].by->signer, T0 + cases[i].at_ms);
        ck_assert_msg(reason_of(&guest.invitation) == cases[i].want, "case %zu", i);
    }
    struct actor second = {.id = {{78}}, .name = "Sue Example", .roles = PST_ROLE_ADMINISTRATOR};
    invite(&second, root, T0 + 20 * PST_HOUR_MS);
    ck_assert_int_eq(reason_of(&second.invitation), PST_CHAIN_CERTIFIED);
    /* Unsigned ones are for the first administrator alone. */
    struct actor nobody = {.id = {{79}}, .name = "No Example", .roles = PST_ROLE_CLINICIAN};
    invite(&nobody, NULL, T0 + 20 * PST_HOUR_MS);
    ck_assert_int_eq(reason_of(&nobody.invitation), PST_CHAIN_NO_CERTIFIER);
}
END_TEST

START_TEST(invitations_last_72_hours_at_most)
{
    make_practice();
    struct pst_buf text;
    struct pst_invitation body = {.name = "Gil Example",
                                  .person = {{77}},
                                  .roles = PST_ROLE_PATIENT,
                                  .key = ada.code->public_key,
                                  .until_ms = T0 + PST_DAY_MS + PST_INVITATION_MAX_MS + 1};
    build(PST_RECORD_INVITATION, T0 + PST_DAY_MS, &body, desk.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_EXPIRED);
}
END_TEST

/* A guest invited by the desk at hour 20, whose statement a case then spoils. */
struct spoil {
    const char *what;
    int64_t at_ms;
    uint32_t roles;
    const char *name;
    uint8_t person;
    bool without_self;
    bool without_code;
    bool with_desk;
    enum pst_chain_reason want;
};

START_TEST(statements_keep_to_their_invitation)
{
    make_practice();
    struct actor guest = {.id = {{77}}, .name = "Gil Example", .roles = PST_ROLE_PATIENT};
    invite(&guest, desk.signer, T0 + 20 * PST_HOUR_MS);
    guest.signer = new_signer();
    new_recipient(guest.recipient);
    static const struct spoil cases[] = {
        {.what = "as invited", .want = PST_CHAIN_CERTIFIED},
        {.what = "own signature", .without_self = true, .want = PST_CHAIN_SELF},
        {.what = "code", .without_code = true, .want = PST_CHAIN_INVITATION_KEY},
        {.what = "late", .at_ms = PST_INVITATION_MAX_MS, .want = PST_CHAIN_EXPIRED},
        {.what = "early", .at_ms = -1, .want = PST_CHAIN_NO_INVITATION},
        {.what = "other person", .person = 78, .want = PST_CHAIN_DIFFERS},
        {.what = "other name", .name = "Gus Example", .want = PST_CHAIN_DIFFERS},
        {.what = "other name, certified",
         .name = "Gus Example",
         .with_desk = true,
         .want = PST_CHAIN_CERTIFIED},
        {.what = "more roles", .roles = PST_ROLE_CLINICIAN, .want = PST_CHAIN_DIFFERS},
        {.what = "more roles, by one who may not",
         .roles = PST_ROLE_CLINICIAN,
         .with_desk = true,
         .want = PST_CHAIN_DIFFERS},
        {.what = "more roles, certified",
         .roles = PST_ROLE_REPRESENTATIVE,
         .with_desk = true,
         .want = PST_CHAIN_CERTIFIED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct spoil *spoil = &cases[i];
        struct pst_statement body = first_statement(&guest, T0 + YEAR_MS);
        const struct pst_signer *signers[3];
        size_t count = 0;
        struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
        struct pst_chain *chain = practice_chain();
        body.roles |= spoil->roles;
        if (spoil->name != NULL)
            body.name = spoil->name;
        if (spoil->person != 0)
            body.person.bytes[0] = spoil->person;
        if (!spoil->without_self)
            signers[count++] = guest.signer;
        if (!spoil->without_code)
            signers[count++] = guest.code;
        if (spoil->with_desk)
            signers[count++] = desk.signer;
        int64_t at_ms = T0 + 20 * PST_HOUR_MS + spoil->at_ms;
        ck_assert_int_eq(
            pst_record_build(PST_RECORD_STATEMENT, ORIGIN, at_ms, &body, signers, count, &text),
            PST_OK);
        add(chain, &guest.invitation);
        size_t index = pst_chain_count(chain);
        add(chain, &text);
        ck_assert_int_eq(pst_chain_verify(chain),
                         spoil->want == PST_CHAIN_CERTIFIED ? PST_OK : PST_ERR_CHAIN);
        ck_assert_msg(pst_chain_reason(chain, index) == spoil->want, "%s: %s", spoil->what,
                      pst_chain_reason_name(pst_chain_reason(chain, index)));
        pst_chain_free(&chain);
        pst_buf_free(&text);
    }
}
END_TEST

START_TEST(a_second_statement_under_one_invitation_is_an_alarm)
{
    make_practice();
    struct pst_buf text;
    struct actor thief = ada;
    thief.signer = new_signer();
    new_recipient(thief.recipient);
    struct pst_statement body = first_statement(&thief, T0 + 8 * PST_HOUR_MS);
    body.serial = 2;
    build(PST_RECORD_STATEMENT, T0 + 8 * PST_HOUR_MS, &body, thief.signer, ada.code, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_REUSED);
}
END_TEST

START_TEST(without_the_root_the_first_administrator_is_nobody)
{
    make_practice();
    struct pst_chain *chain = new_chain();
    struct pst_buf text;
    struct pst_statement body = first_statement(&boss, T0 + PST_HOUR_MS);
    build(PST_RECORD_STATEMENT, T0 + PST_HOUR_MS, &body, boss.signer, boss.code, NULL, &text);
    add(chain, &boss.invitation);
    add(chain, &text);
    ck_assert_int_eq(pst_chain_verify(chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_reason(chain, 1), PST_CHAIN_NO_CERTIFIER);
    pst_chain_free(&chain);
}
END_TEST

static struct pst_statement rotation(const struct actor *who, const struct pst_signer *new_key,
                                     const char *recipient, int64_t at_ms)
{
    return (struct pst_statement){.name = who->name,
                                  .recipient = recipient,
                                  .person = who->id,
                                  .roles = who->roles,
                                  .serial = 2,
                                  .previous = who->statement_hash,
                                  .has_previous = true,
                                  .sign = new_key->public_key,
                                  .until_ms = at_ms + YEAR_MS};
}

START_TEST(rotation_by_the_previous_key)
{
    make_practice();
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_signer *fresh = new_signer();
    struct pst_buf text;
    int64_t at_ms = T0 + 30 * PST_HOUR_MS;
    new_recipient(recipient);
    struct pst_statement body = rotation(&ada, fresh, recipient, at_ms);
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, ada.signer, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_CERTIFIED);
    struct pst_chain *chain = practice_chain();
    add(chain, &text);
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    /* Each key holds for its own time; the old X25519 key is still known. */
    ck_assert_ptr_nonnull(pst_chain_statement_by_key(chain, &ada.signer->id, at_ms - 1));
    ck_assert_ptr_null(pst_chain_statement_by_key(chain, &ada.signer->id, at_ms));
    ck_assert_ptr_nonnull(pst_chain_statement_by_key(chain, &fresh->id, at_ms));
    ck_assert_ptr_null(pst_chain_statement_by_key(chain, &fresh->id, at_ms - 1));
    pst_chain_free(&chain);
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, desk.signer, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_PREVIOUS_KEY);
    body.serial = 3;
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, ada.signer, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_SERIAL);
    body.serial = 2;
    body.previous.bytes[0] ^= 1;
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, ada.signer, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_NO_PREVIOUS);
    body = rotation(&ada, fresh, recipient, at_ms);
    body.roles = PST_ROLE_ADMINISTRATOR;
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, ada.signer, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_DIFFERS);
    body = rotation(&ada, fresh, recipient, at_ms);
    body.name = "Ada Newname";
    build(PST_RECORD_STATEMENT, at_ms, &body, fresh, ada.signer, desk.signer, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_CERTIFIED);
}
END_TEST

START_TEST(after_a_loss_an_invitation_certifies_again)
{
    make_practice();
    struct actor again = ada;
    struct pst_buf text;
    int64_t at_ms = T0 + 40 * PST_HOUR_MS;
    invite(&again, desk.signer, at_ms);
    again.signer = new_signer();
    new_recipient(again.recipient);
    struct pst_statement body = first_statement(&again, at_ms);
    struct pst_chain *chain = practice_chain();
    add(chain, &again.invitation);
    body.serial = 2;
    build(PST_RECORD_STATEMENT, at_ms, &body, again.signer, again.code, NULL, &text);
    add(chain, &text);
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    ck_assert_ptr_null(pst_chain_statement_by_key(chain, &ada.signer->id, at_ms));
    ck_assert_ptr_nonnull(pst_chain_statement_by_key(chain, &again.signer->id, at_ms));
    pst_chain_free(&chain);
    /* The serial must go on. */
    chain = practice_chain();
    add(chain, &again.invitation);
    size_t index = pst_chain_count(chain);
    body.serial = 1;
    build(PST_RECORD_STATEMENT, at_ms, &body, again.signer, again.code, NULL, &text);
    add(chain, &text);
    ck_assert_int_eq(pst_chain_verify(chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_reason(chain, index), PST_CHAIN_SERIAL);
    pst_chain_free(&chain);
}
END_TEST

START_TEST(rosters_are_made_by_their_members)
{
    make_practice();
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    const struct pst_uuid both[] = {doctor.id, nurse.id};
    const struct pst_uuid with_desk[] = {desk.id, doctor.id};
    int64_t at_ms = T0 + 50 * PST_HOUR_MS;
    struct pst_buf text;
    new_recipient(recipient);
    struct pst_roster body = roster_body(both, 2, recipient, 2);
    body.previous = roster1_hash;
    body.has_previous = true;
    build(PST_RECORD_ROSTER, at_ms, &body, doctor.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_CERTIFIED);
    /* The nurse was not in the roster before. */
    build(PST_RECORD_ROSTER, at_ms, &body, nurse.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_PREVIOUS_KEY);
    build(PST_RECORD_ROSTER, at_ms, &body, boss.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_PREVIOUS_KEY);
    body.members = with_desk;
    build(PST_RECORD_ROSTER, at_ms, &body, doctor.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_MEMBER);
    body.members = both;
    body.serial = 3;
    build(PST_RECORD_ROSTER, at_ms, &body, doctor.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_SERIAL);
    body = roster_body(both, 2, recipient, 1);
    build(PST_RECORD_ROSTER, at_ms, &body, doctor.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_SERIAL);
    /* A first roster of another team, signed by a clinician who is not in it. */
    body = roster_body(&nurse.id, 1, recipient, 1);
    body.team.bytes[0] = 10;
    build(PST_RECORD_ROSTER, at_ms, &body, doctor.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_PREVIOUS_KEY);
    build(PST_RECORD_ROSTER, at_ms, &body, nurse.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_CERTIFIED);
}
END_TEST

START_TEST(the_records_key_is_the_roots_word)
{
    make_practice();
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_buf text;
    new_recipient(recipient);
    struct pst_records_key body = {.recipient = recipient, .serial = 2};
    build(PST_RECORD_RECORDS, T0 + PST_DAY_MS, &body, root, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_CERTIFIED);
    struct pst_chain *chain = practice_chain();
    add(chain, &text);
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    const struct pst_record *newest = pst_chain_records_at(chain, T0 + PST_DAY_MS);
    ck_assert_int_eq(pst_record_records_key(newest)->serial, 2);
    ck_assert_int_eq(
        pst_record_records_key(pst_chain_records_at(chain, T0 + PST_DAY_MS - 1))->serial, 1);
    ck_assert_ptr_eq(
        pst_chain_records_by_recipient(chain, &pst_record_records_key(newest)->recipient_id),
        newest);
    pst_chain_free(&chain);
    build(PST_RECORD_RECORDS, T0 + PST_DAY_MS, &body, boss.signer, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_NO_CERTIFIER);
    body.serial = 1;
    build(PST_RECORD_RECORDS, T0 + PST_DAY_MS, &body, root, NULL, NULL, &text);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_SERIAL);
}
END_TEST

START_TEST(other_records_are_checked_by_signer)
{
    make_practice();
    struct pst_chain *chain = practice_chain();
    struct pst_acknowledgement body = {.message = {{1, [6] = 0x70, [8] = 0x80}}, .by = ada.id};
    struct pst_buf text;
    struct pst_record *record = NULL;
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    build(PST_RECORD_OPENED, T0 + PST_DAY_MS, &body, ada.signer, NULL, NULL, &text);
    ck_assert_int_eq(pst_record_parse(pst_buf_bytes(&text), &record), PST_OK);
    ck_assert_int_eq(pst_chain_signed_by(chain, record, &ada.id, 0), PST_OK);
    ck_assert_int_eq(pst_chain_signed_by(chain, record, &ada.id, PST_ROLE_PATIENT), PST_OK);
    ck_assert_int_eq(pst_chain_signed_by(chain, record, &ada.id, PST_ROLE_INTAKE), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_signed_by(chain, record, &desk.id, 0), PST_ERR_CHAIN);
    pst_record_free(&record);
    build(PST_RECORD_OPENED, T0, &body, ada.signer, NULL, NULL, &text);
    ck_assert_int_eq(pst_record_parse(pst_buf_bytes(&text), &record), PST_OK);
    ck_assert_int_eq(pst_chain_signed_by(chain, record, &ada.id, 0), PST_ERR_CHAIN);
    pst_record_free(&record);
    pst_chain_free(&chain);
    ck_assert_int_eq(reason_of(&text), PST_CHAIN_NOT_CHAINED);
}
END_TEST

START_TEST(another_practice_is_not_this_one)
{
    make_practice();
    struct pst_chain *chain = NULL;
    ck_assert_int_eq(pst_chain_new("other.example", &root->public_key, NULL, &chain), PST_OK);
    add(chain, &boss.invitation);
    ck_assert_int_eq(pst_chain_verify(chain), PST_ERR_CHAIN);
    ck_assert_int_eq(pst_chain_reason(chain, 0), PST_CHAIN_ORIGIN);
    pst_chain_free(&chain);
}
END_TEST

START_TEST(arrays_of_an_answer)
{
    make_practice();
    struct pst_chain *chain = new_chain();
    PST_JSON json_t *array =
        json_pack("[ss]", pst_buf_str(&boss.invitation), pst_buf_str(&boss.statement));
    PST_JSON json_t *wrong = json_pack("[si]", pst_buf_str(&boss.invitation), 1);
    ck_assert_int_eq(pst_chain_add_array(chain, array), PST_OK);
    ck_assert_uint_eq(pst_chain_count(chain), 2);
    ck_assert_int_eq(pst_chain_verify(chain), PST_OK);
    ck_assert_int_eq(pst_chain_add_array(chain, wrong), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_chain_add(chain, pst_bytes_str("nonsense")), PST_ERR_SYNTAX);
    ck_assert_uint_eq(pst_chain_count(chain), 2);
    pst_chain_free(&chain);
}
END_TEST

PST_UNIT_MAIN("chain", a_whole_practice_verifies_to_the_root,
              another_root_or_a_missing_step_certifies_nobody,
              invitations_need_a_certifier_for_their_roles, invitations_last_72_hours_at_most,
              statements_keep_to_their_invitation,
              a_second_statement_under_one_invitation_is_an_alarm,
              without_the_root_the_first_administrator_is_nobody, rotation_by_the_previous_key,
              after_a_loss_an_invitation_certifies_again, rosters_are_made_by_their_members,
              the_records_key_is_the_roots_word, other_records_are_checked_by_signer,
              another_practice_is_not_this_one, arrays_of_an_answer)
