/*
 * From raw rows, times and sizes to the code, in one go: millions of exchanges
 * and facts, each value in order or near one of its boundaries, against the
 * rules written down once more as one reads them in docs/refusals.md. The walk
 * over every standing (test_admission_exhaustive) proves the order of the
 * rules; this holds that the standing is the right one.
 */
#include "server/admission/admission.h"

#include <inttypes.h>
#include <stdio.h>

#include "unit.h"

#define TRIES 4000000
#define NOW_MS INT64_C(1795297463123)
#define MESSAGES PST_ADMIT_PURPOSE(PST_PURPOSE_MESSAGES)
#define IMAGES PST_ADMIT_PURPOSE(PST_PURPOSE_IMAGES)
#define INBOUND PST_ADMIT_PURPOSE(PST_PURPOSE_EMAIL_INBOUND)

/* splitmix64 (Steele, Lea, Flood 2014): the same run every time. */
static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Mostly in order, so that late rules are reached as often as early ones. */
static bool mostly(void)
{
    return random_next() % 20 != 0;
}

static bool half(void)
{
    return (random_next() & 1) != 0;
}

static int any_of(int good, int count)
{
    return mostly() ? good : (int)(random_next() % (uint64_t)count);
}

/* Around an instant, on both sides, and far off. */
static int64_t near_ms(int64_t at_ms)
{
    static const int64_t steps[] = {-PST_DAY_MS, -1, 0, 1, PST_DAY_MS};
    return at_ms + steps[random_next() % (sizeof steps / sizeof steps[0])];
}

static struct pst_exchange random_exchange(void)
{
    static const int versions[] = {0, 0x0301, 0x0302, 0x0303, 0x0304};
    struct pst_exchange e = {
        .mode = (enum pst_admit_mode)(random_next() % PST_ADMIT__MODE_MAX),
        .place = (enum pst_admit_place)any_of(PST_ADMIT_PATIENT, PST_ADMIT__PLACE_MAX),
        .passage = (enum pst_admit_passage)any_of(PST_ADMIT_SAFE, PST_ADMIT__PASSAGE_MAX),
        .tls_version = versions[any_of(4, 5)],
        .tls_aead = half(),
        .size_bytes = 999 + random_next() % (mostly() ? 2 : 3),
        .attachments = (uint32_t)(random_next() % (mostly() ? 3 : 4)),
        .seal = (enum pst_admit_seal)any_of(PST_ADMIT_SEAL_WHOLE, PST_ADMIT__SEAL_MAX),
        .signature =
            (enum pst_admit_signature)any_of(PST_ADMIT_SIGNATURE_GOOD, PST_ADMIT__SIGNATURE_MAX),
        .sent_ms = NOW_MS,
        .purposes = MESSAGES | (half() ? IMAGES : 0),
    };
    if (!mostly())
        e.sent_ms = near_ms(half() ? NOW_MS + 300000 : NOW_MS - 86400000);
    return e;
}

static struct pst_admit_consent random_consent(void)
{
    struct pst_admit_consent consent = {
        .recorded = mostly(),
        .decision = (enum pst_decision)any_of(PST_DECISION_GIVEN, PST_DECISION__MAX),
        .purposes = mostly() ? MESSAGES | IMAGES : MESSAGES,
        .addresses_match = mostly(),
        .inbound_address_matches = half(),
    };
    if (half())
        consent.purposes |= INBOUND;
    /* Lapsing now, and a window of two days ago. */
    if (!mostly())
        consent.expires_ms = near_ms(half() ? NOW_MS : NOW_MS - 2 * PST_DAY_MS);
    /* Outdated now: three days of grace, and then the window. */
    if (!mostly())
        consent.superseded_ms = near_ms(NOW_MS - (half() ? 3 : 5) * PST_DAY_MS);
    return consent;
}

static struct pst_facts random_facts(void)
{
    return (struct pst_facts){
        .now_ms = NOW_MS,
        .store_up = mostly(),
        .session = (enum pst_admit_session)any_of(PST_ADMIT_SESSION_FULL, PST_ADMIT__SESSION_MAX),
        .within_rate = mostly(),
        .size_max_bytes = 1000,
        .attachments_max = 2,
        .quota_left_bytes = mostly() ? UINT64_MAX : random_next() % 2 * 1000,
        .sight = (enum pst_admit_sight)any_of(PST_ADMIT_SEEN, PST_ADMIT__SIGHT_MAX),
        .earlier = (enum pst_admit_earlier)any_of(PST_ADMIT_EARLIER_NONE, PST_ADMIT__EARLIER_MAX),
        .credential =
            (enum pst_admit_credential)any_of(PST_ADMIT_CREDENTIAL_GOOD, PST_ADMIT__CREDENTIAL_MAX),
        .established_until_ms = mostly() ? NOW_MS + PST_DAY_MS : near_ms(NOW_MS),
        .break_glass_until_ms = half() ? 0 : near_ms(NOW_MS),
        .consent = random_consent(),
        .grace_ms = 3 * PST_DAY_MS,
        .reply_window_ms = 2 * PST_DAY_MS,
        .answers = half(),
        .unrestricted = mostly(),
        .enrolment = (enum pst_admit_enrolment)any_of(PST_ADMIT_ENROLMENT_COMPLETE,
                                                      PST_ADMIT__ENROLMENT_MAX),
        .recipients_exact = mostly(),
    };
}

/* Rules 1 to 4, which look at no person. */
static enum pst_refusal first_of_the_connection(const struct pst_exchange *e,
                                                const struct pst_facts *f)
{
    bool message = e->mode != PST_ADMIT_THREAD;
    if (e->tls_version < 0x0303 || (e->tls_version == 0x0303 && !e->tls_aead))
        return PST_REFUSAL_TLS_REQUIRED;
    if (f->store_up && f->session != PST_ADMIT_SESSION_FULL)
        return PST_REFUSAL_NOT_AUTHENTICATED;
    if (f->store_up && !f->within_rate)
        return PST_REFUSAL_RATE_LIMITED;
    if (message && (e->size_bytes > 1000 || e->attachments > 2))
        return PST_REFUSAL_TOO_LARGE;
    if (f->store_up &&
        (f->quota_left_bytes == 0 || (message && e->size_bytes > f->quota_left_bytes)))
        return PST_REFUSAL_TOO_LARGE;
    return PST_REFUSAL_NONE;
}

/* Rules 5 to 10. */
static enum pst_refusal first_of_the_message(const struct pst_exchange *e,
                                             const struct pst_facts *f)
{
    bool message = e->mode != PST_ADMIT_THREAD;
    bool sealed = e->seal == PST_ADMIT_SEAL_WHOLE ||
                  (e->mode == PST_ADMIT_HEADER && e->seal == PST_ADMIT_SEAL_HEADER);
    if (f->store_up && f->sight != PST_ADMIT_SEEN)
        return PST_REFUSAL_NOT_PERMITTED;
    if (message && !sealed)
        return PST_REFUSAL_NOT_SEALED;
    if (message && f->store_up && e->signature != PST_ADMIT_SIGNATURE_GOOD)
        return PST_REFUSAL_BAD_SIGNATURE;
    if (message && (e->sent_ms > f->now_ms + 300000 || e->sent_ms < f->now_ms - 86400000))
        return PST_REFUSAL_CLOCK;
    if (!f->store_up)
        return PST_REFUSAL_UNAVAILABLE;
    if (message && f->earlier != PST_ADMIT_EARLIER_NONE)
        return PST_REFUSAL_REPLAYED;
    return f->credential == PST_ADMIT_CREDENTIAL_GOOD ? PST_REFUSAL_NONE : PST_REFUSAL_CREDENTIAL;
}

/* Within two days of a lapse, and an answer. */
static bool may_still_answer(const struct pst_facts *f, int64_t lapse_ms)
{
    return f->answers && f->now_ms < lapse_ms + f->reply_window_ms;
}

/* Rules 11 to 16. */
static enum pst_refusal first_of_the_patient(const struct pst_exchange *e,
                                             const struct pst_facts *f)
{
    const struct pst_admit_consent *c = &f->consent;
    int64_t outdated_ms = c->superseded_ms + f->grace_ms;
    if (f->established_until_ms <= f->now_ms && f->break_glass_until_ms <= f->now_ms)
        return PST_REFUSAL_NOT_ESTABLISHED;
    if (!c->recorded)
        return PST_REFUSAL_CONSENT_MISSING;
    if (c->decision == PST_DECISION_REFUSED)
        return PST_REFUSAL_CONSENT_REFUSED;
    if (c->decision == PST_DECISION_WITHDRAWN)
        return PST_REFUSAL_CONSENT_WITHDRAWN;
    if (c->expires_ms != 0 && c->expires_ms <= f->now_ms && !may_still_answer(f, c->expires_ms))
        return PST_REFUSAL_CONSENT_EXPIRED;
    if (((e->purposes & IMAGES) != 0 && (c->purposes & IMAGES) == 0) || !c->addresses_match)
        return PST_REFUSAL_CONSENT_SCOPE;
    if (c->superseded_ms != 0 && outdated_ms <= f->now_ms && !may_still_answer(f, outdated_ms))
        return PST_REFUSAL_CONSENT_OUTDATED;
    return f->unrestricted ? PST_REFUSAL_NONE : PST_REFUSAL_RESTRICTED;
}

/* Rules 17 to 19. */
static enum pst_refusal first_of_the_way(const struct pst_exchange *e, const struct pst_facts *f)
{
    if (f->enrolment != PST_ADMIT_ENROLMENT_COMPLETE)
        return PST_REFUSAL_NOT_ENROLLED;
    if (e->mode != PST_ADMIT_THREAD && !f->recipients_exact)
        return PST_REFUSAL_WRONG_RECIPIENTS;
    if (e->passage == PST_ADMIT_PERSONAL)
        return PST_REFUSAL_PERSONAL_CHANNEL;
    if (e->passage == PST_ADMIT_INBOUND &&
        !((f->consent.purposes & INBOUND) != 0 && f->consent.inbound_address_matches))
        return PST_REFUSAL_PERSONAL_CHANNEL;
    return PST_REFUSAL_NONE;
}

static enum pst_refusal predicted(const struct pst_exchange *e, const struct pst_facts *f)
{
    enum pst_refusal code = first_of_the_connection(e, f);
    if (code == PST_REFUSAL_NONE)
        code = first_of_the_message(e, f);
    if (code == PST_REFUSAL_NONE && e->place == PST_ADMIT_PATIENT)
        code = first_of_the_patient(e, f);
    return code == PST_REFUSAL_NONE ? first_of_the_way(e, f) : code;
}

/* What "until" says must be so: refused from then on, and not before. */
static bool until_holds(const struct pst_exchange *exchange, const struct pst_facts *facts,
                        const struct pst_verdict *verdict)
{
    struct pst_exchange e = *exchange;
    struct pst_facts later = *facts;
    if (verdict->until_ms == PST_ADMIT_NO_END)
        return true;
    e.mode = PST_ADMIT_THREAD;
    later.now_ms = verdict->until_ms - 1;
    bool before = pst_admit(&e, &later).code == PST_REFUSAL_NONE;
    later.now_ms = verdict->until_ms;
    return before && verdict->until_ms > facts->now_ms &&
           pst_admit(&e, &later).code != PST_REFUSAL_NONE;
}

START_TEST(raw_values_get_the_code_that_the_page_of_refusals_says)
{
    uint64_t by_code[PST_REFUSAL__MAX] = {0};
    random_state = 2026;
    for (int i = 0; i < TRIES; i++) {
        struct pst_exchange exchange = random_exchange();
        struct pst_facts facts = random_facts();
        struct pst_verdict verdict = pst_admit(&exchange, &facts);
        enum pst_refusal expected = predicted(&exchange, &facts);
        /* Check's assertions cost a system call each: only what fails is told. */
        if (verdict.code != expected)
            ck_abort_msg("try %d: expected %s, got %s", i, pst_refusal_code(expected),
                         pst_refusal_code(verdict.code));
        if (verdict.code == PST_REFUSAL_NONE && !until_holds(&exchange, &facts, &verdict))
            ck_abort_msg("try %d: admitted until another time than %" PRId64, i, verdict.until_ms);
        by_code[expected]++;
    }
    printf("admission: %d raw exchanges tried, %" PRIu64 " of them admitted\n", TRIES,
           by_code[PST_REFUSAL_NONE]);
    for (int code = 0; code < PST_REFUSAL__MAX; code++)
        ck_assert_msg(by_code[code] > 1000, "hardly tried: %s",
                      pst_refusal_code((enum pst_refusal)code));
}
END_TEST

PST_UNIT_MAIN("admission_raw", raw_values_get_the_code_that_the_page_of_refusals_says)
