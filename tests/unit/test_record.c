#include "postern/record.h"

#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "unit.h"
#include "vectors.h"

static void free_record(struct pst_record **record)
{
    pst_record_free(record);
}
#define RECORD __attribute__((cleanup(free_record))) struct pst_record

static struct pst_record *parsed(const char *text)
{
    struct pst_record *record = NULL;
    ck_assert_int_eq(pst_record_parse(pst_bytes_str(text), &record), PST_OK);
    return record;
}

static enum pst_err parse(const char *text)
{
    RECORD *record = NULL;
    return pst_record_parse(pst_bytes_str(text), &record);
}

static struct pst_sign_public public_of(const char *path)
{
    struct pst_sign_public key;
    vectors_exact(path, key.bytes, sizeof key.bytes);
    return key;
}

START_TEST(invitation_is_the_vectors)
{
    RECORD *record = parsed(vectors_text("records.invitation"));
    struct pst_sha256 hash;
    struct pst_sign_public inviter = public_of("records.inviter");
    struct pst_sign_public derived = public_of("enrol.public");
    const struct pst_invitation *body = pst_record_invitation(record);
    vectors_exact("records.invitation_hash", hash.bytes, sizeof hash.bytes);
    ck_assert(pst_sha256_equal(pst_record_hash(record), &hash));
    ck_assert_int_eq(pst_record_verify(record, &inviter), PST_OK);
    ck_assert_int_eq(pst_record_verify(record, &derived), PST_ERR_NO_KEY);
    ck_assert_str_eq(body->name, "Ada Example");
    ck_assert_uint_eq(body->roles, PST_ROLE_PATIENT);
    ck_assert_mem_eq(body->key.bytes, derived.bytes, sizeof derived.bytes);
    ck_assert_int_eq(body->until_ms - pst_record_at_ms(record), PST_INVITATION_MAX_MS);
    ck_assert_str_eq(pst_record_origin(record), "messages.clinic.example");
    ck_assert_ptr_null(pst_record_statement(record));
}
END_TEST

START_TEST(statement_is_the_vectors)
{
    RECORD *record = parsed(vectors_text("records.statement"));
    struct pst_sha256 hash;
    struct pst_sign_public own = public_of("signing.public");
    struct pst_sign_public derived = public_of("enrol.public");
    char id[PST_KEY_ID_TEXT_SIZE];
    const struct pst_statement *body = pst_record_statement(record);
    vectors_exact("records.statement_hash", hash.bytes, sizeof hash.bytes);
    ck_assert(pst_sha256_equal(pst_record_hash(record), &hash));
    ck_assert_int_eq(pst_record_verify(record, &own), PST_OK);
    ck_assert_int_eq(pst_record_verify(record, &derived), PST_OK);
    ck_assert_uint_eq(pst_record_signature_count(record), 2);
    ck_assert_int_eq(body->serial, 1);
    ck_assert(!body->has_previous);
    ck_assert(body->has_invitation);
    ck_assert_str_eq(body->recipient, vectors_text("keys.patient.recipient"));
    pst_key_id_format(&body->recipient_id, id);
    ck_assert_str_eq(id, vectors_text("keys.patient.id"));
    pst_key_id_format(&body->sign_id, id);
    ck_assert_str_eq(id, vectors_text("signing.id"));
}
END_TEST

START_TEST(grant_is_the_vectors)
{
    RECORD *record = parsed(vectors_text("records.grant"));
    struct pst_sign_public own = public_of("signing.public");
    char id[PST_KEY_ID_TEXT_SIZE];
    ck_assert_int_eq(pst_record_verify(record, &own), PST_OK);
    pst_key_id_format(&pst_record_grant(record)->key, id);
    ck_assert_str_eq(id, vectors_text("keys.new.id"));
    ck_assert_uint_eq(pst_record_grant(record)->message.bytes[15], 0xaa);
}
END_TEST

/* Ed25519 has one signature per message and key: building again gives the same bytes. */
START_TEST(statement_built_again_is_the_vectors)
{
    RECORD *record = parsed(vectors_text("records.statement"));
    struct pst_secret *seed = vectors_secret("signing.seed", PST_SIGN_SEED_BYTES);
    struct pst_signer *signer = NULL;
    PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(pst_signer_from_seed(seed, &signer), PST_OK);
    const struct pst_signer *signers[] = {signer};
    ck_assert_int_eq(pst_record_build(PST_RECORD_STATEMENT, pst_record_origin(record),
                                      pst_record_at_ms(record), pst_record_statement(record),
                                      signers, 1, &out),
                     PST_OK);
    const char *want = vectors_text("records.statement");
    ck_assert_uint_eq(out.len, strlen(want) - 118); /* the invitation key's line is missing */
    ck_assert_mem_eq(out.bytes, want, out.len);
    pst_signer_free(&signer);
    pst_secret_free(&seed);
}
END_TEST

#define LINE1 "postern.opened/1\n"
#define JSON                                                                                       \
    "{\"at\":\"2026-11-21T13:00:00.000Z\",\"by\":\"0190a0b0-0000-7000-8000-000000000001\","        \
    "\"message\":\"0190a0b0-0000-7000-8000-0000000000aa\","                                        \
    "\"origin\":\"messages.clinic.example\"}\n"
#define SIGNATURE86                                                                                \
    "tDw7-x3yANp55Yngu4xbgYPqFq4rBZmhmhgAqbyQzdK0s9mXjgsIzmYBngp_yWbeDCiXM1lCvRBzDCRHzpvvDg"
#define KEY22 "ojvOqVIWky4jDck6nRrKMw"
#define SIGNED "ed25519 " KEY22 " " SIGNATURE86 "\n"

START_TEST(grammar_is_strict)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {LINE1 JSON SIGNED, PST_OK},
        {"", PST_ERR_SYNTAX},
        {LINE1, PST_ERR_SYNTAX},
        {LINE1 JSON, PST_ERR_SYNTAX}, /* this kind must be signed */
        {"postern.opened/2\n" JSON SIGNED, PST_ERR_UNSUPPORTED},
        {"postern.closed/1\n" JSON SIGNED, PST_ERR_UNSUPPORTED},
        {"postern.sealed/1\n" JSON SIGNED, PST_ERR_UNSUPPORTED},
        {"opened/1\n" JSON SIGNED, PST_ERR_SYNTAX},
        {"postern.opened/1\r\n" JSON SIGNED, PST_ERR_UNSUPPORTED},
        {LINE1 JSON SIGNED SIGNED, PST_ERR_SYNTAX}, /* the same key twice */
        {LINE1 JSON SIGNED "\n", PST_ERR_SYNTAX},
        {LINE1 JSON "\n" SIGNED, PST_ERR_SYNTAX},
        {LINE1 JSON "ed25519 " KEY22 " " SIGNATURE86, PST_ERR_SYNTAX},
        {LINE1 JSON "ed25519 " KEY22 "  " SIGNATURE86 "\n", PST_ERR_SYNTAX},
        {LINE1 JSON "ed25518 " KEY22 " " SIGNATURE86 "\n", PST_ERR_SYNTAX},
        {LINE1 JSON "ed25519 " KEY22 "=" SIGNATURE86 "\n", PST_ERR_SYNTAX},
        {LINE1 "{}\n" SIGNED, PST_ERR_SYNTAX},
        {LINE1 " " JSON SIGNED, PST_ERR_NOT_CANONICAL},
        {LINE1 "x\n" SIGNED, PST_ERR_SYNTAX},
        {LINE1 "\n" SIGNED, PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(parse(cases[i].text) == cases[i].want, "case %zu: %s", i,
                      pst_err_name(parse(cases[i].text)));
}
END_TEST

/* Replaces the first `from` in a vector's text; the signature is not looked at. */
static enum pst_err parse_changed(const char *path, const char *from, const char *to)
{
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    const char *whole = vectors_text(path);
    const char *at = strstr(whole, from);
    ck_assert_msg(at != NULL, "%s not in %s", from, path);
    ck_assert_int_eq(pst_buf_append(&text, whole, (size_t)(at - whole)), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&text, to), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&text, at + strlen(from)), PST_OK);
    return parse(pst_buf_str(&text));
}

START_TEST(members_are_strict)
{
    static const struct {
        const char *path;
        const char *from;
        const char *to;
    } cases[] = {
        {"records.invitation", "\"roles\":[\"patient\"]", "\"roles\":[]"},
        {"records.invitation", "\"roles\":[\"patient\"]", "\"roles\":[\"patient\",\"intake\"]"},
        {"records.invitation", "\"roles\":[\"patient\"]", "\"roles\":[\"king\"]"},
        {"records.invitation", "Ada Example", ""},
        {"records.invitation", "Ada Example", "Ada\\u001b[2J"},
        {"records.invitation", "Ada Example", "Ada\xc2\x9b"},
        {"records.invitation", ",\"until\":\"2026-11-24T11:00:00.000Z\"", ""},
        {"records.invitation", "2026-11-24T11", "2026-11-21T11"}, /* ends as it begins */
        {"records.invitation", "clinic.example\"", "clinic.example\",\"other\":1"},
        {"records.invitation", "messages.clinic", "messages clinic"},
        {"records.statement", "\"serial\":1", "\"serial\":0"},
        {"records.statement", "\"serial\":1", "\"serial\":\"1\""},
        {"records.statement", "age122kl", "AGE122KL"},
        {"records.statement", "wfmq6kwj59", "wfmq6kwj5"},
        {"records.grant", "-> X25519", "-> X25518"},
        {"records.grant", "-> X25519", "-> scrypt"},
        {"records.grant", "jWac\\n", "jWac"},
        {"records.grant", "jWac\\n", "jWac\\n-> X25519 a\\n\\n"},
        {"records.grant", "7000-8000-0000000000aa", "4000-8000-0000000000aa"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(parse_changed(cases[i].path, cases[i].from, cases[i].to) != PST_OK,
                      "%s: %s -> %s", cases[i].path, cases[i].from, cases[i].to);
    }
    ck_assert_int_eq(parse_changed("records.statement", "\"serial\":1", "\"serial\":2"), PST_OK);
}
END_TEST

START_TEST(any_change_breaks_the_signature)
{
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_sign_public inviter = public_of("records.inviter");
    const char *whole = vectors_text("records.invitation");
    ck_assert_int_eq(pst_buf_append_str(&text, whole), PST_OK);
    size_t at = (size_t)(strstr(whole, "Ada") - whole);
    text.bytes[at] = 'E';
    RECORD *record = parsed(pst_buf_str(&text));
    ck_assert_int_eq(pst_record_verify(record, &inviter), PST_ERR_CRYPTO);
}
END_TEST

static struct pst_consent sample_consent(void)
{
    struct pst_consent consent = {
        .id = {{1, [6] = 0x70, [8] = 0x80}},
        .patient = {{2}},
        .decision = PST_DECISION_GIVEN,
        .purposes = {{.purpose = PST_PURPOSE_MESSAGES},
                     {.purpose = PST_PURPOSE_EMAIL_NOTICE, .address = "ada@mail.example"},
                     {.purpose = PST_PURPOSE_PROXY, .person = {{7}}}},
        .purposes_count = 3,
        .terms_id = "standard",
        .terms_version = 2,
        .terms_language = "es",
        .terms_hash = {{5}},
        .method = PST_METHOD_IN_PERSON,
        .measures = {"sealed", "devices"},
        .measures_count = 2,
        .by = {{3}},
        .signer = "Ada Example",
        .witness = "Wim Example",
        .expires_ms = INT64_C(1895262400000),
        .has_expires = true,
    };
    return consent;
}

static enum pst_err build_consent(const struct pst_consent *consent, struct pst_buf *out)
{
    return pst_record_build(PST_RECORD_CONSENT, "messages.clinic.example", INT64_C(1795262400000),
                            consent, NULL, 0, out);
}

START_TEST(consent_round_trip_and_countersignature)
{
    struct pst_consent consent = sample_consent();
    struct pst_signer *staff = NULL;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    PST_BUF struct pst_buf more = {.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(pst_signer_new(NULL, &staff), PST_OK);
    ck_assert_int_eq(build_consent(&consent, &text), PST_OK);
    RECORD *record = parsed(pst_buf_str(&text));
    const struct pst_consent *again = pst_record_consent(record);
    ck_assert_uint_eq(again->purposes_count, 3);
    ck_assert_str_eq(again->purposes[1].address, "ada@mail.example");
    ck_assert_uint_eq(again->purposes[2].person.bytes[0], 7);
    ck_assert_uint_eq(again->measures_count, 2);
    ck_assert_str_eq(again->measures[0], "devices");
    ck_assert_str_eq(again->witness, "Wim Example");
    ck_assert(again->has_expires);
    ck_assert(!again->has_previous);
    ck_assert_int_eq(again->terms_version, 2);
    ck_assert_int_eq(pst_record_countersign(record, staff, &more), PST_OK);
    RECORD *signed_record = parsed(pst_buf_str(&more));
    ck_assert(pst_sha256_equal(pst_record_hash(record), pst_record_hash(signed_record)));
    ck_assert_int_eq(pst_record_verify(signed_record, &staff->public_key), PST_OK);
    ck_assert_int_eq(pst_record_countersign(signed_record, staff, &more), PST_ERR_EXISTS);
    pst_signer_free(&staff);
}
END_TEST

START_TEST(consents_that_say_too_little_are_not_built)
{
    struct pst_consent cases[7];
    for (size_t i = 0; i < 7; i++)
        cases[i] = sample_consent();
    cases[0].purposes_count = 0;
    cases[1].measures_count = 0;
    cases[2].purposes[1].address = NULL;
    cases[3].purposes[0].address = "ada@mail.example";
    cases[4].purposes[2] = cases[4].purposes[0];
    cases[5].signer = NULL;
    cases[6].terms_version = 0;
    for (size_t i = 0; i < 7; i++) {
        PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
        ck_assert_msg(build_consent(&cases[i], &out) == PST_ERR_INVALID, "case %zu", i);
        ck_assert_uint_eq(out.len, 0);
    }
    struct pst_consent withdrawal = sample_consent();
    PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
    withdrawal.decision = PST_DECISION_WITHDRAWN;
    withdrawal.method = PST_METHOD_STOP;
    withdrawal.purposes_count = 0;
    withdrawal.measures_count = 0;
    ck_assert_int_eq(build_consent(&withdrawal, &out), PST_OK);
}
END_TEST

START_TEST(roster_and_records_key_round_trip)
{
    struct pst_uuid members[] = {{{1}}, {{2}}};
    struct pst_roster roster = {
        .name = "Riverside team",
        .recipient = vectors_text("keys.team.recipient"),
        .team = {{9}},
        .serial = 1,
        .members = members,
        .members_count = 2,
    };
    struct pst_records_key key = {.recipient = vectors_text("keys.records.recipient"),
                                  .serial = 2,
                                  .previous = {{4}},
                                  .has_previous = true};
    struct pst_signer *signer = NULL;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    const struct pst_signer *signers[] = {signer};
    ck_assert_int_eq(
        pst_record_build(PST_RECORD_ROSTER, "x.example", 1000, &roster, signers, 1, &text), PST_OK);
    RECORD *record = parsed(pst_buf_str(&text));
    ck_assert_uint_eq(pst_record_roster(record)->members_count, 2);
    ck_assert(pst_uuid_equal(&pst_record_roster(record)->members[1], &members[1]));
    pst_buf_clear(&text);
    ck_assert_int_eq(
        pst_record_build(PST_RECORD_RECORDS, "x.example", 1000, &key, signers, 1, &text), PST_OK);
    RECORD *records = parsed(pst_buf_str(&text));
    char id[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(&pst_record_records_key(records)->recipient_id, id);
    ck_assert_str_eq(id, vectors_text("keys.records.id"));
    ck_assert(pst_record_records_key(records)->has_previous);
    /* Unsorted members, and a kind that must be signed without a signer. */
    members[0].bytes[0] = 3;
    ck_assert_int_eq(
        pst_record_build(PST_RECORD_ROSTER, "x.example", 1000, &roster, signers, 1, &text),
        PST_ERR_INVALID);
    ck_assert_int_eq(pst_record_build(PST_RECORD_RECORDS, "x.example", 1000, &key, NULL, 0, &text),
                     PST_ERR_INVALID);
    pst_signer_free(&signer);
}
END_TEST

START_TEST(every_shorter_text_is_refused)
{
    const char *whole = vectors_text("records.statement");
    size_t len = strlen(whole);
    for (size_t cut = 0; cut < len; cut++) {
        RECORD *record = NULL;
        enum pst_err r = pst_record_parse(pst_bytes(whole, cut), &record);
        bool one_signature_less = cut == len - 118;
        ck_assert_msg((r == PST_OK) == one_signature_less, "cut %zu", cut);
    }
}
END_TEST

PST_UNIT_MAIN("record", invitation_is_the_vectors, statement_is_the_vectors, grant_is_the_vectors,
              statement_built_again_is_the_vectors, grammar_is_strict, members_are_strict,
              any_change_breaks_the_signature, consent_round_trip_and_countersignature,
              consents_that_say_too_little_are_not_built, roster_and_records_key_round_trip,
              every_shorter_text_is_refused)
