/*
 * A small practice in a store of its own, for tests of what stands above the
 * store: one team of a cardiologist and a colleague, a second team, a patient
 * who was seen and consented, their representative, and a thread. Rows are put
 * in by SQL, since the verbs that make them are tested elsewhere. Names are
 * invented; times are around now.
 */
#ifndef POSTERN_TESTS_PRACTICE_FIXTURE_H
#define POSTERN_TESTS_PRACTICE_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "postern/age_key.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/sign.h"
#include "postern/time.h"
#include "postern/uuid.h"
#include "server/config/config.h"
#include "server/vault/fields.h"
#include "store_fixture.h"
#include "unit.h"

#define PRACTICE_ORIGIN "messages.clinic.example"

enum who { ADA, BEN, CARA, PAT, REP, WHO__MAX };

struct member {
    struct pst_uuid id;
    struct pst_signer *signer;
    struct pst_secret *identity;
    struct pst_age_recipient recipient;
    struct pst_key_id recipient_id;
};

struct practice {
    struct store_fixture fixture;
    struct pst_config *config;
    struct pst_vault *vault;
    struct raw_database db;
    int64_t now_ms;
    struct member people[WHO__MAX];
    struct member team;  /* Ada and Ben */
    struct member other; /* Cara's team */
    struct member records;
    struct pst_uuid thread;
    struct pst_uuid room; /* Ada and Cara */
    struct pst_uuid consent;
};

static inline void practice_exec(struct practice *p, const char *sql)
{
    raw_exec(&p->db, sql);
}

/* A statement's text with ?1.. bound: 'u' uuid, 'b' bytes with length, 'i' int64_t, 't' text. */
static inline void practice_bind(struct practice *p, const char *sql, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    raw_bind(&p->db, sql, types, args);
    va_end(args);
}

static inline int64_t practice_count(struct practice *p, const char *sql)
{
    return raw_int(&p->db, sql);
}

static inline void practice_keys(struct member *member, int64_t now_ms)
{
    pst_uuid_v7(now_ms, NULL, &member->id);
    ck_assert_int_eq(pst_signer_new(NULL, &member->signer), PST_OK);
    ck_assert_int_eq(pst_age_identity_generate(NULL, &member->identity), PST_OK);
    ck_assert_int_eq(pst_age_identity_recipient(member->identity, &member->recipient), PST_OK);
    ck_assert_int_eq(pst_key_id_of(member->recipient.bytes, &member->recipient_id), PST_OK);
}

static inline void practice_person(struct practice *p, enum who who, int64_t roles,
                                   const char *name)
{
    struct member *member = &p->people[who];
    struct pst_buf sealed = {.max = 1024};
    practice_keys(member, p->now_ms);
    ck_assert_int_eq(pst_vault_field_seal(p->vault,
                                          pst_field_of(PST_FIELD_PERSON_NAME, &member->id),
                                          pst_bytes_str(name), &sealed),
                     PST_OK);
    practice_bind(p,
                  "INSERT INTO person (id, roles, state, name_enc, created_at_ms) "
                  "VALUES (?1, ?2, 1, ?3, 0)",
                  "uib", &member->id, roles, sealed.bytes, (int)sealed.len);
    practice_bind(p,
                  "INSERT INTO statement (person, serial, hash, record_enc, sign_key, sign_key_id, "
                  "recipient, recipient_id, at_ms, until_ms) "
                  "VALUES (?1, 1, ?1, x'00', ?2, ?3, ?4, ?5, 0, ?6)",
                  "ubbbbi", &member->id, member->signer->public_key.bytes, 32,
                  member->signer->id.bytes, 16, member->recipient.bytes, 32,
                  member->recipient_id.bytes, 16, p->now_ms + 365 * PST_DAY_MS);
    pst_buf_free(&sealed);
}

static inline void practice_credential(struct practice *p, enum who who, const char *specialty)
{
    struct pst_uuid id;
    struct pst_buf number = {.max = 256};
    pst_uuid_v7(p->now_ms, NULL, &id);
    ck_assert_int_eq(pst_vault_field_seal(p->vault, pst_field_of(PST_FIELD_CREDENTIAL_NUMBER, &id),
                                          pst_bytes_str("1234567893"), &number),
                     PST_OK);
    practice_bind(p,
                  "INSERT INTO credential (id, person, kind, number_enc, specialty, checked_by, "
                  "checked_at_ms, until_days) VALUES (?1, ?2, 'npi', ?5, ?3, ?2, 0, ?4)",
                  "uutib", &id, &p->people[who].id, specialty, p->now_ms / PST_DAY_MS + 30,
                  number.bytes, (int)number.len);
    pst_buf_free(&number);
}

static inline void practice_team(struct practice *p, struct member *team, const char *name)
{
    practice_keys(team, p->now_ms);
    practice_bind(p, "INSERT INTO team (id, name, created_at_ms) VALUES (?1, ?2, 0)", "ut",
                  &team->id, name);
    practice_bind(p,
                  "INSERT INTO roster (team, serial, record, hash, recipient, recipient_id, at_ms) "
                  "VALUES (?1, 1, '', ?1, ?2, ?3, 0)",
                  "ubb", &team->id, team->recipient.bytes, 32, team->recipient_id.bytes, 16);
}

static inline void practice_join(struct practice *p, const struct member *team, enum who who)
{
    practice_bind(p, "INSERT INTO team_member (team, person) VALUES (?1, ?2)", "uu", &team->id,
                  &p->people[who].id);
}

static inline void practice_patient(struct practice *p)
{
    struct pst_buf wrapped = {.max = 512};
    struct pst_patient_key *key = NULL;
    const struct pst_uuid *patient = &p->people[PAT].id;
    ck_assert_int_eq(pst_patient_key_new(p->vault, patient, &wrapped, &key), PST_OK);
    struct pst_buf birth = {.max = 256};
    ck_assert_int_eq(pst_patient_key_seal(key, pst_field_of(PST_FIELD_PATIENT_BIRTH, patient),
                                          pst_bytes_str("1980-02-29"), &birth),
                     PST_OK);
    practice_bind(p,
                  "INSERT INTO patient (person, key_enc, name_index, birth_enc, language, "
                  "identity_enc, created_by, created_at_ms) "
                  "VALUES (?1, ?2, x'00', ?3, 'es', x'00', ?1, 0)",
                  "ubb", patient, wrapped.bytes, (int)wrapped.len, birth.bytes, (int)birth.len);
    pst_buf_free(&birth);
    pst_patient_key_free(&key);
    pst_buf_free(&wrapped);
    practice_bind(p,
                  "INSERT INTO address (patient, kind, address_enc, address_index, changed_at_ms) "
                  "VALUES (?1, 'email', x'00', x'aabb', 0)",
                  "u", patient);
}

static inline void practice_visit(struct practice *p, enum who who, const char *specialty,
                                  int64_t days)
{
    struct pst_uuid id;
    pst_uuid_v7(p->now_ms, NULL, &id);
    practice_bind(p,
                  "INSERT INTO visit (id, patient, clinician, specialty, subspecialty, date_days, "
                  "kind, recorded_by, recorded_at_ms) "
                  "VALUES (?1, ?2, ?3, ?4, '', ?5, 'in-person', ?3, 0)",
                  "uuuti", &id, &p->people[PAT].id, &p->people[who].id, specialty, days);
}

/* messages, images, e-mail notice and the representative as proxy */
static inline void practice_consent(struct practice *p)
{
    pst_uuid_v7(p->now_ms, NULL, &p->consent);
    practice_exec(p, "INSERT INTO terms (id, version, language, hash, text, effective_at_ms) "
                     "VALUES ('messages', 1, 'en', zeroblob(32), 'Terms.', 0)");
    practice_bind(p,
                  "INSERT INTO consent (id, patient, seq, decision, purposes, terms_id, "
                  "terms_version, language, at_ms, recorded_at_ms, recorded_by, hash, record_enc) "
                  "VALUES (?1, ?2, 1, 0, ?3, 'messages', 1, 'en', 0, 0, ?2, x'00', x'00')",
                  "uui", &p->consent, &p->people[PAT].id,
                  (int64_t)(1 << PST_PURPOSE_MESSAGES | 1 << PST_PURPOSE_IMAGES |
                            1 << PST_PURPOSE_EMAIL_NOTICE | 1 << PST_PURPOSE_PROXY));
    practice_bind(p,
                  "INSERT INTO consent_purpose (consent, purpose, address_index) "
                  "VALUES (?1, 2, x'aabb'), (?1, 5, ?2)",
                  "uu", &p->consent, &p->people[REP].id);
}

static inline void practice_thread(struct practice *p)
{
    pst_uuid_v7(p->now_ms, NULL, &p->thread);
    pst_uuid_v7(p->now_ms, NULL, &p->room);
    practice_bind(p,
                  "INSERT INTO thread (id, patient, team, state, created_by, created_at_ms, "
                  "changed_at_ms) VALUES (?1, ?2, ?3, 0, ?2, 1, 1)",
                  "uuu", &p->thread, &p->people[PAT].id, &p->team.id);
    practice_bind(p,
                  "INSERT INTO thread (id, state, created_by, created_at_ms, changed_at_ms) "
                  "VALUES (?1, 0, ?2, 2, 2)",
                  "uu", &p->room, &p->people[ADA].id);
    practice_bind(p, "INSERT INTO room_member (thread, person) VALUES (?1, ?2), (?1, ?3)", "uuu",
                  &p->room, &p->people[ADA].id, &p->people[CARA].id);
}

static inline void practice_open(struct practice *p)
{
    struct pst_secret *master = NULL;
    struct pst_config_problem problem;
    char text[512];
    memset(p, 0, sizeof *p);
    p->now_ms = pst_clock_now(NULL);
    store_fixture_open(&p->fixture, PST_STORE_WEB);
    (void)snprintf(text, sizeof text,
                   "origin = \"" PRACTICE_ORIGIN "\"; store = \"%s\"; data = \"/tmp\"; "
                   "https: { listen = [\"127.0.0.1:0\"]; certificate = \"/c\"; key = \"/k\"; };",
                   p->fixture.url);
    ck_assert_int_eq(pst_config_read_text(text, PST_CONFIG_CHECK_SHAPE, &p->config, &problem),
                     PST_OK);
    ck_assert_int_eq(pst_secret_random(PST_VAULT_KEY_BYTES, &master), PST_OK);
    ck_assert_int_eq(pst_vault_new(master, &p->vault), PST_OK);
    pst_secret_free(&master);
    raw_open(&p->db, p->fixture.url);
    practice_exec(p, "BEGIN");
    practice_exec(p, "INSERT INTO practice (id, origin, created_at_ms) "
                     "VALUES (1, '" PRACTICE_ORIGIN "', 0)");
    practice_person(p, ADA, PST_ROLE_CLINICIAN, "Ada Example");
    practice_person(p, BEN, PST_ROLE_CLINICIAN, "Ben Example");
    practice_person(p, CARA, PST_ROLE_CLINICIAN, "Cara Example");
    practice_person(p, PAT, PST_ROLE_PATIENT, "Pat Example");
    practice_person(p, REP, PST_ROLE_REPRESENTATIVE, "Rae Example");
    practice_credential(p, ADA, "cardiology");
    practice_credential(p, BEN, "nursing");
    practice_credential(p, CARA, "dermatology");
    practice_team(p, &p->team, "Heart");
    practice_team(p, &p->other, "Skin");
    practice_join(p, &p->team, ADA);
    practice_join(p, &p->team, BEN);
    practice_join(p, &p->other, CARA);
    practice_patient(p);
    practice_bind(p,
                  "INSERT INTO representative (patient, person, authority, recorded_by, "
                  "recorded_at_ms) VALUES (?1, ?2, 'parent', ?1, 0)",
                  "uu", &p->people[PAT].id, &p->people[REP].id);
    practice_visit(p, ADA, "cardiology", p->now_ms / PST_DAY_MS - 10);
    practice_consent(p);
    practice_keys(&p->records, p->now_ms);
    practice_bind(p,
                  "INSERT INTO records_key (serial, recipient, recipient_id, at_ms) "
                  "VALUES (0, ?1, ?2, 0)",
                  "bb", p->records.recipient.bytes, 32, p->records.recipient_id.bytes, 16);
    practice_thread(p);
    practice_exec(p, "COMMIT");
}

static inline void practice_forget(struct member *member)
{
    pst_signer_free(&member->signer);
    pst_secret_free(&member->identity);
}

static inline void practice_close(struct practice *p)
{
    for (int i = 0; i < WHO__MAX; i++)
        practice_forget(&p->people[i]);
    practice_forget(&p->team);
    practice_forget(&p->other);
    practice_forget(&p->records);
    raw_close(&p->db);
    pst_vault_free(&p->vault);
    pst_config_free(&p->config);
    store_fixture_close(&p->fixture);
}

#endif
