/* Grants: made by who can open, opened by whom they are for, and refused in every other case. */
#include "postern/grant.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "postern/age.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/kdf.h"
#include "postern/time.h"
#include "unit.h"

#define ORIGIN "messages.clinic.example"
#define T0 INT64_C(1795262400000)
#define NOW (T0 + 24 * PST_HOUR_MS)
#define YEAR_MS (365 * PST_DAY_MS)

struct actor {
    const char *name;
    uint32_t roles;
    struct pst_uuid id;
    struct pst_signer *signer;
    struct pst_secret *identity;
    struct pst_age_recipient recipient;
    struct pst_key_id key;
};

enum who { BOSS, DESK, DOCTOR, NURSE, ADA, REP, WHO__MAX };

struct play {
    struct actor people[WHO__MAX];
    struct actor team;
    struct pst_signer *root;
    struct pst_chain *chain;
    struct pst_envelope_header *header;
    struct pst_buf file; /* sealed to the team alone */
    struct pst_secret *file_key;
};

static void add(struct play *p, enum pst_record_kind kind, int64_t at_ms, const void *body,
                const struct pst_signer *a, const struct pst_signer *b, struct pst_sha256 *ret_hash)
{
    const struct pst_signer *signers[] = {a, b};
    struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_record *record = NULL;
    ck_assert_int_eq(pst_record_build(kind, ORIGIN, at_ms, body, signers,
                                      a == NULL   ? 0
                                      : b == NULL ? 1
                                                  : 2,
                                      &text),
                     PST_OK);
    ck_assert_int_eq(pst_record_parse(pst_buf_bytes(&text), &record), PST_OK);
    if (ret_hash != NULL)
        *ret_hash = *pst_record_hash(record);
    pst_record_free(&record);
    ck_assert_int_eq(pst_chain_add(p->chain, pst_buf_bytes(&text)), PST_OK);
    pst_buf_free(&text);
}

static void make_keys(struct actor *who)
{
    ck_assert_int_eq(pst_signer_new(NULL, &who->signer), PST_OK);
    ck_assert_int_eq(pst_age_identity_generate(NULL, &who->identity), PST_OK);
    ck_assert_int_eq(pst_age_identity_recipient(who->identity, &who->recipient), PST_OK);
    ck_assert_int_eq(pst_key_id_of(who->recipient.bytes, &who->key), PST_OK);
}

/* Invited by somebody (NULL: the first) and enrolled an hour later. */
static void enrol(struct play *p, enum who number, const struct pst_signer *by, int64_t at_ms)
{
    struct actor *who = &p->people[number];
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    struct pst_signer *code = NULL;
    struct pst_sha256 hash;
    make_keys(who);
    ck_assert_int_eq(pst_signer_new(NULL, &code), PST_OK);
    struct pst_invitation invitation = {.name = who->name,
                                        .person = who->id,
                                        .roles = who->roles,
                                        .key = code->public_key,
                                        .until_ms = at_ms + PST_INVITATION_MAX_MS};
    add(p, PST_RECORD_INVITATION, at_ms, &invitation, by, NULL, &hash);
    pst_age_recipient_format(&who->recipient, recipient);
    struct pst_statement statement = {.name = who->name,
                                      .recipient = recipient,
                                      .person = who->id,
                                      .roles = who->roles,
                                      .serial = 1,
                                      .invitation = hash,
                                      .has_invitation = true,
                                      .sign = who->signer->public_key,
                                      .until_ms = at_ms + YEAR_MS};
    const struct pst_signer *signers[] = {who->signer, code, p->root};
    struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(pst_record_build(PST_RECORD_STATEMENT, ORIGIN, at_ms + PST_HOUR_MS, &statement,
                                      signers, by == NULL ? 3 : 2, &text),
                     PST_OK);
    ck_assert_int_eq(pst_chain_add(p->chain, pst_buf_bytes(&text)), PST_OK);
    pst_buf_free(&text);
    pst_signer_free(&code);
}

/* The doctor's team; the nurse is not in it. */
static void make_team(struct play *p)
{
    char recipient[PST_AGE_RECIPIENT_CHARS + 1];
    make_keys(&p->team);
    pst_age_recipient_format(&p->team.recipient, recipient);
    struct pst_roster roster = {.name = "Riverside team",
                                .recipient = recipient,
                                .team = p->team.id,
                                .serial = 1,
                                .members = &p->people[DOCTOR].id,
                                .members_count = 1};
    add(p, PST_RECORD_ROSTER, T0 + 8 * PST_HOUR_MS, &roster, p->people[DOCTOR].signer, NULL, NULL);
}

static void make_message(struct play *p)
{
    struct pst_age_sealing sealing = {.recipients = &p->team.recipient, .recipient_count = 1};
    p->header = calloc(1, sizeof *p->header);
    ck_assert_ptr_nonnull(p->header);
    pst_uuid_v7(T0, NULL, &p->header->id);
    p->header->from = p->people[ADA].id;
    p->header->to[p->header->to_count++] = p->team.id;
    p->header->keys[p->header->keys_count++] = p->team.key;
    p->file = (struct pst_buf){.max = 65536};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str("Itchy."), &p->file, &p->file_key),
                     PST_OK);
}

static void play_open(struct play *p)
{
    static const struct actor people[WHO__MAX] = {
        {.name = "Bo Example", .roles = PST_ROLE_ADMINISTRATOR, .id = {{1}}},
        {.name = "Di Example", .roles = PST_ROLE_INTAKE, .id = {{2}}},
        {.name = "Dr. Example", .roles = PST_ROLE_CLINICIAN, .id = {{3}}},
        {.name = "Nu Example", .roles = PST_ROLE_CLINICIAN, .id = {{4}}},
        {.name = "Ada Example", .roles = PST_ROLE_PATIENT, .id = {{5}}},
        {.name = "Rae Example", .roles = PST_ROLE_REPRESENTATIVE, .id = {{6}}},
    };
    memset(p, 0, sizeof *p);
    memcpy(p->people, people, sizeof people);
    p->team.id = (struct pst_uuid){{9}};
    ck_assert_int_eq(pst_signer_new(NULL, &p->root), PST_OK);
    ck_assert_int_eq(pst_chain_new(ORIGIN, &p->root->public_key, &p->root->id, &p->chain), PST_OK);
    enrol(p, BOSS, NULL, T0);
    enrol(p, DESK, p->people[BOSS].signer, T0 + 2 * PST_HOUR_MS);
    enrol(p, DOCTOR, p->people[BOSS].signer, T0 + 2 * PST_HOUR_MS);
    enrol(p, NURSE, p->people[BOSS].signer, T0 + 2 * PST_HOUR_MS);
    enrol(p, ADA, p->people[DESK].signer, T0 + 4 * PST_HOUR_MS);
    enrol(p, REP, p->people[DESK].signer, T0 + 4 * PST_HOUR_MS);
    make_team(p);
    ck_assert_int_eq(pst_chain_verify(p->chain), PST_OK);
    make_message(p);
}

static void forget(struct actor *who)
{
    pst_signer_free(&who->signer);
    pst_secret_free(&who->identity);
}

static void play_close(struct play *p)
{
    for (int i = 0; i < WHO__MAX; i++)
        forget(&p->people[i]);
    forget(&p->team);
    pst_signer_free(&p->root);
    pst_chain_free(&p->chain);
    pst_secret_free(&p->file_key);
    pst_buf_free(&p->file);
    free(p->header);
}

/* What a right grant of the doctor's to Ada says; each case then changes one thing. */
struct making {
    struct pst_grant body;
    const char *origin;
    int64_t at_ms;
    const struct pst_signer *signer;
    struct pst_buf stanza;
};

static void making_start(struct play *p, struct making *m)
{
    *m = (struct making){.body.message = p->header->id,
                         .body.by = p->people[DOCTOR].id,
                         .origin = ORIGIN,
                         .at_ms = NOW,
                         .signer = p->people[DOCTOR].signer,
                         .stanza = {.max = 256}};
    ck_assert_int_eq(
        pst_grant_wrap(p->file_key, &p->people[ADA].recipient, &m->stanza, &m->body.key), PST_OK);
}

static void making_end(struct making *m, struct pst_buf *ret_text)
{
    const struct pst_signer *signers[] = {m->signer};
    m->body.stanza = pst_buf_str(&m->stanza);
    *ret_text = (struct pst_buf){.max = PST_RECORD_MAX_BYTES};
    ck_assert_int_eq(
        pst_record_build(PST_RECORD_GRANT, m->origin, m->at_ms, &m->body, signers, 1, ret_text),
        PST_OK);
    pst_buf_free(&m->stanza);
}

static enum pst_grant_flaw read_as(struct play *p, struct pst_bytes text, enum who who,
                                   struct pst_secret **ret_file_key, struct pst_uuid *ret_granter)
{
    int64_t at_ms = 0;
    struct pst_grant_reading reading = {.chain = p->chain,
                                        .origin = ORIGIN,
                                        .header = p->header,
                                        .file = pst_buf_bytes(&p->file),
                                        .identities = &p->people[who].identity,
                                        .identity_count = 1};
    enum pst_grant_flaw flaw = pst_grant_open(text, &reading, ret_file_key, ret_granter, &at_ms);
    ck_assert_int_eq(at_ms, flaw == PST_GRANT_OK ? NOW : 0);
    return flaw;
}

/* By Ada, who says what is wrong with it and has nothing of it then. */
static enum pst_grant_flaw flaw_of(struct play *p, struct making *m)
{
    struct pst_buf text;
    struct pst_secret *file_key = NULL;
    struct pst_uuid granter;
    making_end(m, &text);
    enum pst_grant_flaw flaw = read_as(p, pst_buf_bytes(&text), ADA, &file_key, &granter);
    ck_assert_int_eq(file_key != NULL, flaw == PST_GRANT_OK);
    ck_assert_uint_gt(strlen(pst_grant_flaw_text(flaw)), 0);
    pst_secret_free(&file_key);
    pst_buf_free(&text);
    return flaw;
}

START_TEST(a_grant_opens_the_original_for_whom_it_is)
{
    struct play p;
    struct making m;
    struct pst_buf text, plain = {.max = 65536};
    struct pst_secret *file_key = NULL;
    struct pst_uuid granter;
    play_open(&p);
    making_start(&p, &m);
    making_end(&m, &text);
    ck_assert_int_eq(read_as(&p, pst_buf_bytes(&text), ADA, &file_key, &granter), PST_GRANT_OK);
    ck_assert(pst_uuid_equal(&granter, &p.people[DOCTOR].id));
    struct pst_age_keys keys = {.file_key = file_key};
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&p.file), &plain, NULL), PST_OK);
    ck_assert_str_eq(pst_buf_str(&plain), "Itchy.");
    pst_secret_free(&file_key);
    ck_assert_int_eq(read_as(&p, pst_buf_bytes(&text), NURSE, &file_key, &granter), PST_GRANT_KEY);
    ck_assert_ptr_null(file_key);
    pst_buf_free(&plain);
    pst_buf_free(&text);
    play_close(&p);
}
END_TEST

START_TEST(each_field_that_is_not_right_is_named)
{
    struct play p;
    struct making m;
    play_open(&p);
    making_start(&p, &m);
    m.body.message.bytes[15] ^= 1;
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_MESSAGE);
    making_start(&p, &m);
    m.origin = "other.clinic.example";
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_MESSAGE);
    making_start(&p, &m);
    m.body.key = p.people[NURSE].key;
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_KEY);
    making_start(&p, &m);
    m.signer = p.people[NURSE].signer;
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_SIGNATURE);
    making_start(&p, &m);
    m.body.by = (struct pst_uuid){{77}};
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_SIGNATURE);
    making_start(&p, &m);
    m.at_ms = T0; /* before the doctor had keys */
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_SIGNATURE);
    making_start(&p, &m);
    m.at_ms = T0 + 2 * YEAR_MS; /* after they ran out */
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_SIGNATURE);
    making_start(&p, &m);
    m.at_ms = T0 + 5 * PST_HOUR_MS; /* before the doctor was in the team */
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_GRANTER);
    play_close(&p);
}
END_TEST

START_TEST(only_readers_grant)
{
    static const struct {
        enum who who;
        enum pst_grant_flaw flaw;
    } cases[] = {{DOCTOR, PST_GRANT_OK},     {ADA, PST_GRANT_OK},       {REP, PST_GRANT_OK},
                 {NURSE, PST_GRANT_GRANTER}, {DESK, PST_GRANT_GRANTER}, {BOSS, PST_GRANT_GRANTER}};
    struct play p;
    struct making m;
    play_open(&p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        making_start(&p, &m);
        m.body.by = p.people[cases[i].who].id;
        m.signer = p.people[cases[i].who].signer;
        ck_assert_int_eq(flaw_of(&p, &m), cases[i].flaw);
    }
    play_close(&p);
}
END_TEST

/* As any age program makes one: opens, and could hide anything in its ephemeral. */
static void random_stanza(const struct pst_secret *file_key, const struct pst_age_recipient *to,
                          struct pst_buf *out)
{
    static const uint8_t nonce[12];
    uint8_t scalar[32], share[32], shared[32], salt[64], wrapped[32];
    struct pst_secret *key = NULL;
    randombytes_buf(scalar, sizeof scalar);
    ck_assert_int_eq(crypto_scalarmult_base(share, scalar), 0);
    ck_assert_int_eq(crypto_scalarmult(shared, scalar, to->bytes), 0);
    memcpy(salt, share, 32);
    memcpy(salt + 32, to->bytes, 32);
    ck_assert_int_eq(pst_hkdf_sha256(pst_bytes(shared, 32), pst_bytes(salt, 64),
                                     "age-encryption.org/v1/X25519", 32, &key),
                     PST_OK);
    ck_assert_int_eq(
        crypto_aead_chacha20poly1305_ietf_encrypt(wrapped, NULL, pst_secret_bytes(file_key), 16,
                                                  NULL, 0, NULL, nonce, pst_secret_bytes(key)),
        0);
    pst_secret_free(&key);
    pst_buf_clear(out);
    ck_assert_int_eq(pst_buf_append_str(out, "-> X25519 "), PST_OK);
    ck_assert_int_eq(pst_base64_append(out, pst_bytes(share, 32)), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(out, "\n"), PST_OK);
    ck_assert_int_eq(pst_base64_append(out, pst_bytes(wrapped, 32)), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(out, "\n"), PST_OK);
}

START_TEST(a_stanza_must_hold_this_files_key_and_be_the_derived_one)
{
    struct play p;
    struct making m;
    struct pst_secret *other = NULL;
    struct pst_key_id key;
    play_open(&p);
    making_start(&p, &m); /* sealed to the nurse under Ada's key id */
    pst_buf_clear(&m.stanza);
    ck_assert_int_eq(pst_grant_wrap(p.file_key, &p.people[NURSE].recipient, &m.stanza, &key),
                     PST_OK);
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_STANZA);
    making_start(&p, &m);
    random_stanza(p.file_key, &p.people[ADA].recipient, &m.stanza);
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_STANZA);
    making_start(&p, &m); /* the key of another file */
    ck_assert_int_eq(pst_secret_random(PST_AGE_FILE_KEY_BYTES, &other), PST_OK);
    pst_buf_clear(&m.stanza);
    ck_assert_int_eq(pst_grant_wrap(other, &p.people[ADA].recipient, &m.stanza, &key), PST_OK);
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_MAC);
    pst_secret_free(&other);
    play_close(&p);
}
END_TEST

START_TEST(the_original_header_must_be_as_it_was)
{
    struct play p;
    struct making m;
    play_open(&p);
    making_start(&p, &m);
    /* The first character of the share: still base64, still an X25519 stanza. */
    char *share = strstr((char *)p.file.bytes, "X25519 ") + strlen("X25519 ");
    *share = *share == 'A' ? 'B' : 'A';
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_MAC);
    making_start(&p, &m);
    p.file.len = 20;
    ck_assert_int_eq(flaw_of(&p, &m), PST_GRANT_MAC);
    play_close(&p);
}
END_TEST

START_TEST(no_character_can_be_changed)
{
    struct play p;
    struct making m;
    struct pst_buf text;
    struct pst_secret *file_key = NULL;
    struct pst_uuid granter;
    play_open(&p);
    making_start(&p, &m);
    making_end(&m, &text);
    for (size_t i = 0; i < text.len; i++) {
        text.bytes[i] ^= 1;
        ck_assert_int_ne(read_as(&p, pst_buf_bytes(&text), ADA, &file_key, &granter), PST_GRANT_OK);
        ck_assert_ptr_null(file_key);
        text.bytes[i] ^= 1;
        /* Cut there. */
        ck_assert_int_eq(read_as(&p, pst_bytes(text.bytes, i), ADA, &file_key, &granter),
                         PST_GRANT_KIND);
    }
    ck_assert_int_eq(read_as(&p, pst_buf_bytes(&text), ADA, &file_key, &granter), PST_GRANT_OK);
    pst_secret_free(&file_key);
    pst_buf_free(&text);
    play_close(&p);
}
END_TEST

PST_UNIT_MAIN("grant", a_grant_opens_the_original_for_whom_it_is,
              each_field_that_is_not_right_is_named, only_readers_grant,
              a_stanza_must_hold_this_files_key_and_be_the_derived_one,
              the_original_header_must_be_as_it_was, no_character_can_be_changed)
