/*
 * Each allocation of records, envelopes, rings, shares, events and links fails in
 * turn: out of memory is what comes back, nothing leaks, nothing is half written.
 * Jansson's allocations, made through lib/json_alloc.c, fail like all others.
 */
#include <string.h>

#include "failing.h"
#include "postern/chain.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"
#include "postern/envelope.h"
#include "postern/event.h"
#include "postern/json.h"
#include "postern/keyring.h"
#include "postern/share.h"
#include "unit.h"
#include "vectors.h"

static struct pst_buf envelope;
static struct pst_signer *signer;
static struct pst_secret *identity;
/* Looked up beforehand: Check itself may not run out of memory within a step. */
static const char *record_texts[3];
static const char *team_recipient;
static const struct pst_uuid person = {{1, [6] = 0x70, [8] = 0x80}};

static void setup(void)
{
    struct pst_secret *seed = vectors_secret("signing.seed", PST_SIGN_SEED_BYTES);
    vectors_bytes("envelope.bytes", &envelope);
    identity = vectors_secret("keys.records.secret", 32);
    ck_assert_int_eq(pst_signer_from_seed(seed, &signer), PST_OK);
    pst_secret_free(&seed);
    record_texts[0] = vectors_text("records.invitation");
    record_texts[1] = vectors_text("records.statement");
    record_texts[2] = vectors_text("records.grant");
    team_recipient = vectors_text("keys.team.recipient");
}

static void teardown(void)
{
    pst_buf_free(&envelope);
    pst_signer_free(&signer);
    pst_secret_free(&identity);
}

/* Runs step with the nth allocation failing, for every n there is. */
static void try_each(enum pst_err (*step)(void))
{
    setup();
    ck_assert_int_eq(step(), PST_OK);
    for (long nth = 0;; nth++) {
        failing_begin(nth);
        enum pst_err r = step();
        if (!failing_end()) {
            ck_assert_int_eq(r, PST_OK);
            ck_assert_int_gt(nth, 0);
            break;
        }
        ck_assert_msg(r == PST_ERR_NOMEM, "allocation %ld: %s", nth, pst_err_name(r));
    }
    teardown();
}

static enum pst_err record_step(void)
{
    PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
    for (size_t i = 0; i < 3; i++) {
        struct pst_record *record = NULL;
        enum pst_err r = pst_record_parse(pst_bytes_str(record_texts[i]), &record);
        if (r == PST_OK && i == 0)
            r = pst_record_countersign(record, signer, &out);
        if (r != PST_OK && i == 0 && out.len != 0)
            r = PST_ERR_TRAILING;
        pst_record_free(&record);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err consent_step(void)
{
    static const struct pst_consent consent = {
        .id = {{1, [6] = 0x70, [8] = 0x80}},
        .decision = PST_DECISION_GIVEN,
        .purposes = {{.purpose = PST_PURPOSE_MESSAGES},
                     {.purpose = PST_PURPOSE_EMAIL_NOTICE, .address = "ada@mail.example"}},
        .purposes_count = 2,
        .terms_id = "standard",
        .terms_version = 1,
        .terms_language = "en",
        .method = PST_METHOD_PAPER,
        .measures = {"sealed", "devices"},
        .measures_count = 2,
        .signer = "Ada Example",
    };
    const struct pst_signer *signers[] = {signer};
    PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err r =
        pst_record_build(PST_RECORD_CONSENT, "x.example", 1000, &consent, signers, 1, &out);
    return r == PST_OK || out.len == 0 ? r : PST_ERR_TRAILING;
}

static enum pst_err roster_step(void)
{
    static const struct pst_uuid members[] = {{{1}}, {{2}}};
    struct pst_roster roster = {.name = "Riverside team",
                                .recipient = team_recipient,
                                .serial = 1,
                                .members = members,
                                .members_count = 2};
    const struct pst_signer *signers[] = {signer};
    PST_BUF struct pst_buf out = {.max = PST_RECORD_MAX_BYTES};
    return pst_record_build(PST_RECORD_ROSTER, "x.example", 1000, &roster, signers, 1, &out);
}

static enum pst_err envelope_step(void)
{
    struct pst_envelope_check *check = NULL;
    struct pst_envelope_facts facts;
    PST_BUF struct pst_buf out = {.max = 65536};
    enum pst_err r = pst_envelope_check_new(&check);
    if (r != PST_OK)
        return r;
    enum pst_envelope_flaw flaw = pst_envelope_check_update(check, pst_buf_bytes(&envelope));
    if (flaw == PST_ENVELOPE_OK)
        flaw = pst_envelope_check_finish(check, &facts);
    if (flaw == PST_ENVELOPE_OK)
        r = pst_envelope_sign(&pst_envelope_check_head(check)->header, signer, &out);
    pst_envelope_check_free(&check);
    /* A message is not called unsealed because there was no memory to look. */
    if (flaw != PST_ENVELOPE_OK)
        return flaw == PST_ENVELOPE_FAILED ? PST_ERR_NOMEM : PST_ERR_SYNTAX;
    return r;
}

static enum pst_err ring_step(void)
{
    struct pst_keyring *ring = NULL;
    struct pst_keyring *again = NULL;
    struct pst_secret *key = NULL;
    struct pst_secret *copy = NULL;
    struct pst_pin pin = {.id = person, .serial = 1};
    PST_BUF struct pst_buf sealed = {.max = PST_KEYRING_MAX_BYTES};
    PST_BUF struct pst_buf wrapped = {.max = 1024};
    enum pst_err r = pst_keyring_new(&ring);
    if (r == PST_OK)
        r = pst_secret_copy(identity, &copy);
    if (r == PST_OK)
        r = pst_keyring_add_identity(ring, copy);
    if (r == PST_OK)
        r = pst_keyring_pin_set(ring, &pin);
    if (r == PST_OK)
        r = pst_keyring_checkpoint_set(ring, "x.example/ledger\n");
    if (r == PST_OK)
        r = pst_keyring_key_new(NULL, &key);
    if (r == PST_OK)
        r = pst_keyring_seal(ring, key, &person, NULL, &sealed);
    if (r == PST_OK)
        r = pst_keyring_open(pst_buf_bytes(&sealed), key, &person, &again);
    if (r == PST_OK)
        r = pst_keyring_wrap(key, identity, &person, "recovery", NULL, &wrapped);
    pst_keyring_free(&ring);
    pst_keyring_free(&again);
    pst_secret_free(&key);
    return r;
}

static enum pst_err share_step(void)
{
    struct pst_secret *texts[3] = {NULL};
    struct pst_secret *again = NULL;
    enum pst_err r = pst_share_split(identity, 3, 2, NULL, texts);
    if (r == PST_OK) {
        struct pst_bytes two[] = {pst_bytes_str((const char *)pst_secret_bytes(texts[0])),
                                  pst_bytes_str((const char *)pst_secret_bytes(texts[2]))};
        enum pst_share_problem problem = pst_share_combine(two, 2, &again, NULL, NULL);
        if (problem != PST_SHARE_OK)
            r = problem == PST_SHARE_FAILED ? PST_ERR_NOMEM : PST_ERR_SYNTAX;
    }
    for (size_t i = 0; i < 3; i++)
        pst_secret_free(&texts[i]);
    pst_secret_free(&again);
    return r;
}

static enum pst_err event_step(void)
{
    struct pst_event event;
    struct pst_event again;
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    pst_event_init(&event, PST_EVENT_EXCHANGE, 1000, NULL);
    event.has = PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL | PST_EVENT_HAS_TO |
                PST_EVENT_HAS_CONSENT | PST_EVENT_HAS_SHA256;
    event.to_count = 2;
    strncpy(event.code, "accepted", sizeof event.code - 1);
    enum pst_err r = pst_event_write(&event, &line);
    if (r != PST_OK && line.len != 0)
        return PST_ERR_TRAILING;
    return r == PST_OK ? pst_event_parse(pst_buf_bytes(&line), &again) : r;
}

static enum pst_err link_step(void)
{
    static const char text[] = "https://localhost:8443/enrol#0190a0b0-0000-7000-8000-0000000000aa"
                               ".vwfqlopndbzf7vklq6hscifufm.-";
    struct pst_enrol_link link = {.code = NULL};
    struct pst_secret *again = NULL;
    struct pst_signer *derived = NULL;
    enum pst_err r = pst_enrol_link_parse(text, sizeof text - 1, &link);
    if (r == PST_OK)
        r = pst_enrol_link_format(&link, &again);
    if (r == PST_OK)
        r = pst_enrol_signer(link.code, &derived);
    pst_enrol_link_free(&link);
    pst_secret_free(&again);
    pst_signer_free(&derived);
    return r;
}

static enum pst_err chain_step(void)
{
    struct pst_chain *chain = NULL;
    enum pst_err r = pst_chain_new("messages.clinic.example", &signer->public_key, NULL, &chain);
    if (r == PST_OK)
        r = pst_chain_add(chain, pst_bytes_str(record_texts[0]));
    if (r == PST_OK)
        r = pst_chain_add(chain, pst_bytes_str(record_texts[1]));
    pst_chain_free(&chain);
    return r;
}

#define EACH(name)                                                                                 \
    START_TEST(each_allocation_of_##name)                                                          \
    {                                                                                              \
        try_each(name##_step);                                                                     \
    }                                                                                              \
    END_TEST

EACH(record)
EACH(consent)
EACH(roster)
EACH(envelope)
EACH(ring)
EACH(share)
EACH(event)
EACH(link)
EACH(chain)

PST_UNIT_MAIN("keys_nomem", each_allocation_of_record, each_allocation_of_consent,
              each_allocation_of_roster, each_allocation_of_envelope, each_allocation_of_ring,
              each_allocation_of_share, each_allocation_of_event, each_allocation_of_link,
              each_allocation_of_chain)
