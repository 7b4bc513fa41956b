#include "server/admission/admission.h"

#include <string.h>

#include "unit.h"

#define NOW_MS INT64_C(1795297463123) /* 2026-11-21 */
#define GRACE_MS (30 * PST_DAY_MS)
#define WINDOW_MS (14 * PST_DAY_MS)
#define SIZE_MAX_BYTES (UINT64_C(36) << 20)

/* A clinician writes to an established, consenting, enrolled patient. */
static const struct pst_exchange good_exchange = {
    .mode = PST_ADMIT_MESSAGE,
    .place = PST_ADMIT_PATIENT,
    .passage = PST_ADMIT_SAFE,
    .tls_version = 0x0304,
    .tls_aead = true,
    .size_bytes = 4096,
    .attachments = 2,
    .sent_ms = NOW_MS,
    .seal = PST_ADMIT_SEAL_WHOLE,
    .signature = PST_ADMIT_SIGNATURE_GOOD,
    .purposes = PST_ADMIT_PURPOSE(PST_PURPOSE_MESSAGES),
};

static const struct pst_facts good_facts = {
    .now_ms = NOW_MS,
    .store_up = true,
    .session = PST_ADMIT_SESSION_FULL,
    .within_rate = true,
    .retry_ms = 7000,
    .size_max_bytes = SIZE_MAX_BYTES,
    .attachments_max = 20,
    .quota_left_bytes = UINT64_MAX,
    .sight = PST_ADMIT_SEEN,
    .earlier = PST_ADMIT_EARLIER_NONE,
    .credential = PST_ADMIT_CREDENTIAL_GOOD,
    .established_until_ms = NOW_MS + 900 * PST_DAY_MS,
    .consent = {.recorded = true,
                .decision = PST_DECISION_GIVEN,
                .purposes = PST_ADMIT_PURPOSE(PST_PURPOSE_MESSAGES),
                .addresses_match = true},
    .grace_ms = GRACE_MS,
    .reply_window_ms = WINDOW_MS,
    .unrestricted = true,
    .enrolment = PST_ADMIT_ENROLMENT_COMPLETE,
    .recipients_exact = true,
};

#define PURPOSES(...) purposes_of((const enum pst_purpose[]){__VA_ARGS__, PST_PURPOSE__MAX})

static uint32_t purposes_of(const enum pst_purpose *list)
{
    uint32_t purposes = 0;
    for (; *list != PST_PURPOSE__MAX; list++)
        purposes |= PST_ADMIT_PURPOSE(*list);
    return purposes;
}

/*
 * C(name, expected code, what is changed in the good exchange (e) and facts
 * (f)). Every rule from both sides of each of its boundaries.
 */
#define CHANGES                                                                                    \
    C(all_in_order, NONE, )                                                                        \
    C(plain_text, TLS_REQUIRED, e->tls_version = 0)                                                \
    C(tls_1_1, TLS_REQUIRED, e->tls_version = 0x0302)                                              \
    C(tls_1_2_without_aead, TLS_REQUIRED, (e->tls_version = 0x0303, e->tls_aead = false))          \
    C(tls_1_2_with_aead, NONE, e->tls_version = 0x0303)                                            \
    C(no_session, NOT_AUTHENTICATED, f->session = PST_ADMIT_SESSION_NONE)                          \
    C(no_second_factor, NOT_AUTHENTICATED, f->session = PST_ADMIT_SESSION_ONE_FACTOR)              \
    C(session_out_of_range, NOT_AUTHENTICATED, f->session = PST_ADMIT__SESSION_MAX)                \
    C(too_often, RATE_LIMITED, f->within_rate = false)                                             \
    C(size_at_the_limit, NONE, e->size_bytes = SIZE_MAX_BYTES)                                     \
    C(size_over_the_limit, TOO_LARGE, e->size_bytes = SIZE_MAX_BYTES + 1)                          \
    C(attachments_at_the_limit, NONE, e->attachments = 20)                                         \
    C(attachments_over_the_limit, TOO_LARGE, e->attachments = 21)                                  \
    C(quota_exactly_enough, NONE, f->quota_left_bytes = 4096)                                      \
    C(quota_not_enough, TOO_LARGE, f->quota_left_bytes = 4095)                                     \
    C(quota_used_up, TOO_LARGE, (e->size_bytes = 0, f->quota_left_bytes = 0))                      \
    C(thread_not_there, NOT_PERMITTED, f->sight = PST_ADMIT_ABSENT)                                \
    C(role_never_may, NOT_PERMITTED, f->sight = PST_ADMIT_FORBIDDEN)                               \
    C(sight_out_of_range, NOT_PERMITTED, f->sight = PST_ADMIT__SIGHT_MAX)                          \
    C(seal_not_looked_at, NOT_SEALED, e->seal = PST_ADMIT_SEAL_UNKNOWN)                            \
    C(seal_broken, NOT_SEALED, e->seal = PST_ADMIT_SEAL_BROKEN)                                    \
    C(seal_of_the_header_alone, NOT_SEALED, e->seal = PST_ADMIT_SEAL_HEADER)                       \
    C(seal_out_of_range, NOT_SEALED, e->seal = PST_ADMIT__SEAL_MAX)                                \
    C(signature_missing, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_UNKNOWN)                \
    C(signature_wrong, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_WRONG)                    \
    C(signature_unknown_key, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_UNKNOWN_KEY)        \
    C(signature_uncertified, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_UNCERTIFIED)        \
    C(signature_replaced_key, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_REPLACED)          \
    C(signature_other_header, BAD_SIGNATURE, e->signature = PST_ADMIT_SIGNATURE_OTHER_HEADER)      \
    C(signature_out_of_range, BAD_SIGNATURE, e->signature = PST_ADMIT__SIGNATURE_MAX)              \
    C(clock_5_minutes_ahead, NONE, e->sent_ms = NOW_MS + 5 * PST_MINUTE_MS)                        \
    C(clock_more_than_5_minutes_ahead, CLOCK, e->sent_ms = NOW_MS + 5 * PST_MINUTE_MS + 1)         \
    C(clock_24_hours_behind, NONE, e->sent_ms = NOW_MS - 24 * PST_HOUR_MS)                         \
    C(clock_more_than_24_hours_behind, CLOCK, e->sent_ms = NOW_MS - 24 * PST_HOUR_MS - 1)          \
    C(clock_at_the_end_of_time, CLOCK, e->sent_ms = INT64_MAX)                                     \
    C(clock_before_all_time, CLOCK, e->sent_ms = INT64_MIN)                                        \
    C(id_not_looked_up, REPLAYED, f->earlier = PST_ADMIT_EARLIER_UNKNOWN)                          \
    C(id_of_other_bytes, REPLAYED, f->earlier = PST_ADMIT_EARLIER_OTHER)                           \
    C(id_of_the_same_bytes, REPLAYED, f->earlier = PST_ADMIT_EARLIER_SAME)                         \
    C(credential_unverified, CREDENTIAL, f->credential = PST_ADMIT_CREDENTIAL_UNVERIFIED)          \
    C(credential_lapsed, CREDENTIAL, f->credential = PST_ADMIT_CREDENTIAL_LAPSED)                  \
    C(credential_left, CREDENTIAL, f->credential = PST_ADMIT_CREDENTIAL_LEFT)                      \
    C(credential_out_of_range, CREDENTIAL, f->credential = PST_ADMIT__CREDENTIAL_MAX)              \
    C(never_seen, NOT_ESTABLISHED, f->established_until_ms = 0)                                    \
    C(established_last_millisecond, NONE, f->established_until_ms = NOW_MS + 1)                    \
    C(established_over, NOT_ESTABLISHED, f->established_until_ms = NOW_MS)                         \
    C(break_glass_live, NONE, (f->established_until_ms = 0, f->break_glass_until_ms = NOW_MS + 1)) \
    C(break_glass_over, NOT_ESTABLISHED,                                                           \
      (f->established_until_ms = 0, f->break_glass_until_ms = NOW_MS))                             \
    C(break_glass_is_not_consent, CONSENT_WITHDRAWN,                                               \
      (f->established_until_ms = 0, f->break_glass_until_ms = NOW_MS + 1,                          \
       f->consent.decision = PST_DECISION_WITHDRAWN))                                              \
    C(no_consent, CONSENT_MISSING, f->consent.recorded = false)                                    \
    C(consent_refused, CONSENT_REFUSED, f->consent.decision = PST_DECISION_REFUSED)                \
    C(consent_decision_out_of_range, CONSENT_REFUSED, f->consent.decision = PST_DECISION__MAX)     \
    C(consent_withdrawn, CONSENT_WITHDRAWN, f->consent.decision = PST_DECISION_WITHDRAWN)          \
    C(reply_after_refusal, CONSENT_REFUSED,                                                        \
      (f->consent.decision = PST_DECISION_REFUSED, f->answers = true))                             \
    C(reply_after_withdrawal, CONSENT_WITHDRAWN,                                                   \
      (f->consent.decision = PST_DECISION_WITHDRAWN, f->answers = true))                           \
    C(consent_last_millisecond, NONE, f->consent.expires_ms = NOW_MS + 1)                          \
    C(consent_expired, CONSENT_EXPIRED, f->consent.expires_ms = NOW_MS)                            \
    C(expired_and_withdrawn, CONSENT_WITHDRAWN,                                                    \
      (f->consent.expires_ms = NOW_MS, f->consent.decision = PST_DECISION_WITHDRAWN))              \
    C(reply_when_just_expired, NONE, (f->consent.expires_ms = NOW_MS, f->answers = true))          \
    C(reply_at_the_end_of_its_window, NONE,                                                        \
      (f->consent.expires_ms = NOW_MS - WINDOW_MS + 1, f->answers = true))                         \
    C(reply_after_its_window, CONSENT_EXPIRED,                                                     \
      (f->consent.expires_ms = NOW_MS - WINDOW_MS, f->answers = true))                             \
    C(reply_without_a_window, CONSENT_EXPIRED,                                                     \
      (f->consent.expires_ms = NOW_MS, f->answers = true, f->reply_window_ms = 0))                 \
    C(reply_out_of_scope, CONSENT_SCOPE,                                                           \
      (f->consent.expires_ms = NOW_MS, f->answers = true,                                          \
       e->purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_IMAGES)))                          \
    C(images_without_consent_to_images, CONSENT_SCOPE,                                             \
      e->purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_IMAGES))                            \
    C(images_with_consent_to_images, NONE,                                                         \
      (e->purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_IMAGES),                           \
       f->consent.purposes = e->purposes))                                                         \
    C(consent_to_images_alone, CONSENT_SCOPE, f->consent.purposes = PURPOSES(PST_PURPOSE_IMAGES))  \
    C(notice_without_consent_to_notices, CONSENT_SCOPE,                                            \
      e->purposes = PURPOSES(PST_PURPOSE_EMAIL_NOTICE))                                            \
    C(representative_without_proxy, CONSENT_SCOPE,                                                 \
      e->purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_PROXY))                             \
    C(another_address, CONSENT_SCOPE, f->consent.addresses_match = false)                          \
    C(no_purpose_said, CONSENT_SCOPE, e->purposes = 0)                                             \
    C(terms_change_ahead, NONE, f->consent.superseded_ms = NOW_MS + PST_DAY_MS)                    \
    C(terms_in_grace, NONE, f->consent.superseded_ms = NOW_MS - GRACE_MS + 1)                      \
    C(terms_past_grace, CONSENT_OUTDATED, f->consent.superseded_ms = NOW_MS - GRACE_MS)            \
    C(terms_without_grace, CONSENT_OUTDATED, (f->consent.superseded_ms = NOW_MS, f->grace_ms = 0)) \
    C(reply_under_outdated_terms, NONE,                                                            \
      (f->consent.superseded_ms = NOW_MS - GRACE_MS, f->answers = true))                           \
    C(reply_under_outdated_terms_at_its_end, NONE,                                                 \
      (f->consent.superseded_ms = NOW_MS - GRACE_MS - WINDOW_MS + 1, f->answers = true))           \
    C(reply_under_terms_long_outdated, CONSENT_OUTDATED,                                           \
      (f->consent.superseded_ms = NOW_MS - GRACE_MS - WINDOW_MS, f->answers = true))               \
    C(restriction, RESTRICTED, f->unrestricted = false)                                            \
    C(recipient_not_enrolled, NOT_ENROLLED, f->enrolment = PST_ADMIT_ENROLMENT_MISSING)            \
    C(recipient_disabled, NOT_ENROLLED, f->enrolment = PST_ADMIT_ENROLMENT_DISABLED)               \
    C(recipient_merged, NOT_ENROLLED, f->enrolment = PST_ADMIT_ENROLMENT_MERGED)                   \
    C(recipient_out_of_range, NOT_ENROLLED, f->enrolment = PST_ADMIT__ENROLMENT_MAX)               \
    C(sealed_to_others, WRONG_RECIPIENTS, f->recipients_exact = false)                             \
    C(recorded_redirect, PERSONAL_CHANNEL, e->passage = PST_ADMIT_PERSONAL)                        \
    C(passage_out_of_range, PERSONAL_CHANNEL, e->passage = PST_ADMIT__PASSAGE_MAX)                 \
    C(inbound_without_its_purpose, PERSONAL_CHANNEL,                                               \
      (e->passage = PST_ADMIT_INBOUND, f->consent.inbound_address_matches = true))                 \
    C(inbound_from_another_address, PERSONAL_CHANNEL,                                              \
      (e->passage = PST_ADMIT_INBOUND,                                                             \
       f->consent.purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_EMAIL_INBOUND)))           \
    C(inbound_by_consent, NONE,                                                                    \
      (e->passage = PST_ADMIT_INBOUND, f->consent.inbound_address_matches = true,                  \
       f->consent.purposes = PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_EMAIL_INBOUND)))           \
    C(store_away, UNAVAILABLE, f->store_up = false)                                                \
    C(store_away_and_nothing_known, UNAVAILABLE,                                                   \
      *f = ((struct pst_facts){                                                                    \
          .now_ms = NOW_MS, .size_max_bytes = SIZE_MAX_BYTES, .attachments_max = 20}))             \
    C(store_away_and_plain_text, TLS_REQUIRED, (f->store_up = false, e->tls_version = 0))          \
    C(store_away_and_not_sealed, NOT_SEALED,                                                       \
      (f->store_up = false, e->seal = PST_ADMIT_SEAL_BROKEN))                                      \
    C(mode_out_of_range, UNAVAILABLE, e->mode = PST_ADMIT__MODE_MAX)                               \
    C(place_out_of_range, NOT_ESTABLISHED,                                                         \
      (e->place = PST_ADMIT__PLACE_MAX, f->established_until_ms = 0))                              \
    C(nothing_filled_in, TLS_REQUIRED, (*e = (struct pst_exchange){0}, *f = (struct pst_facts){0}))

#define C(name, code, change)                                                                      \
    static void change_##name(struct pst_exchange *e, struct pst_facts *f)                         \
    {                                                                                              \
        (void)e;                                                                                   \
        (void)f;                                                                                   \
        change;                                                                                    \
    }
CHANGES
#undef C

static const struct {
    const char *name;
    enum pst_refusal code;
    void (*change)(struct pst_exchange *e, struct pst_facts *f);
} changes[] = {
#define C(name, code, change) {#name, PST_REFUSAL_##code, change_##name},
    CHANGES
#undef C
};

#define CHANGES_COUNT (sizeof changes / sizeof changes[0])

static struct pst_verdict verdict_of(size_t i, enum pst_admit_mode mode, enum pst_admit_place place)
{
    struct pst_exchange exchange = good_exchange;
    struct pst_facts facts = good_facts;
    exchange.mode = mode;
    exchange.place = place;
    exchange.seal = mode == PST_ADMIT_HEADER ? PST_ADMIT_SEAL_HEADER : PST_ADMIT_SEAL_WHOLE;
    changes[i].change(&exchange, &facts);
    return pst_admit(&exchange, &facts);
}

START_TEST(each_rule_refuses_at_its_boundary_and_no_earlier)
{
    for (size_t i = 0; i < CHANGES_COUNT; i++) {
        struct pst_verdict verdict = verdict_of(i, PST_ADMIT_MESSAGE, PST_ADMIT_PATIENT);
        ck_assert_msg(verdict.code == changes[i].code, "%s: %s", changes[i].name,
                      pst_refusal_code(verdict.code));
    }
}
END_TEST

/* Codes of rules 11 to 16, and of those that look at a message. */
static bool is_patients(enum pst_refusal code)
{
    return code >= PST_REFUSAL_NOT_ESTABLISHED && code <= PST_REFUSAL_RESTRICTED;
}

static bool is_messages(enum pst_refusal code)
{
    return (code >= PST_REFUSAL_NOT_SEALED && code <= PST_REFUSAL_REPLAYED) ||
           code == PST_REFUSAL_WRONG_RECIPIENTS;
}

START_TEST(rooms_skip_the_patients_rules_and_no_others)
{
    for (size_t i = 0; i < CHANGES_COUNT; i++) {
        if (strcmp(changes[i].name, "place_out_of_range") == 0)
            continue;
        struct pst_verdict verdict = verdict_of(i, PST_ADMIT_MESSAGE, PST_ADMIT_ROOM);
        enum pst_refusal expected =
            is_patients(changes[i].code) ? PST_REFUSAL_NONE : changes[i].code;
        ck_assert_msg(verdict.code == expected, "%s: %s", changes[i].name,
                      pst_refusal_code(verdict.code));
    }
}
END_TEST

/* Sizes belong to a message as well; the quota does not. */
static bool is_of_a_message(size_t i)
{
    static const char *const sizes[] = {"size_over_the_limit", "attachments_over_the_limit",
                                        "quota_not_enough"};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        if (strcmp(changes[i].name, sizes[s]) == 0)
            return true;
    }
    return is_messages(changes[i].code);
}

START_TEST(without_a_message_the_other_rules_are_tried)
{
    for (size_t i = 0; i < CHANGES_COUNT; i++) {
        if (strcmp(changes[i].name, "mode_out_of_range") == 0 ||
            strcmp(changes[i].name, "nothing_filled_in") == 0)
            continue;
        struct pst_verdict verdict = verdict_of(i, PST_ADMIT_THREAD, PST_ADMIT_PATIENT);
        enum pst_refusal expected = is_of_a_message(i) ? PST_REFUSAL_NONE : changes[i].code;
        if (strcmp(changes[i].name, "store_away_and_not_sealed") == 0)
            expected = PST_REFUSAL_UNAVAILABLE;
        ck_assert_msg(verdict.code == expected, "%s: %s", changes[i].name,
                      pst_refusal_code(verdict.code));
        ck_assert(verdict.code != PST_REFUSAL_NONE || verdict.later_needed);
    }
}
END_TEST

START_TEST(a_header_is_decided_like_a_message_but_for_its_seal)
{
    for (size_t i = 0; i < CHANGES_COUNT; i++) {
        if (strcmp(changes[i].name, "mode_out_of_range") == 0)
            continue;
        bool header_alone = strcmp(changes[i].name, "seal_of_the_header_alone") == 0;
        struct pst_verdict verdict = verdict_of(i, PST_ADMIT_HEADER, PST_ADMIT_PATIENT);
        enum pst_refusal expected = header_alone ? PST_REFUSAL_NONE : changes[i].code;
        ck_assert_msg(verdict.code == expected, "%s: %s", changes[i].name,
                      pst_refusal_code(verdict.code));
        ck_assert(verdict.code != PST_REFUSAL_NONE || verdict.later_needed);
    }
}
END_TEST

START_TEST(absent_and_invisible_are_404_and_a_role_that_never_may_403)
{
    struct pst_facts facts = good_facts;
    facts.sight = PST_ADMIT_ABSENT;
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).http, 404);
    facts.sight = PST_ADMIT_FORBIDDEN;
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).http, 403);
    facts = good_facts;
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).http, 200);
    facts.within_rate = false;
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).http, 429);
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).retry_ms, 7000);
    facts.store_up = false;
    facts.within_rate = true;
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).http, 503);
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).retry_ms, 0);
}
END_TEST

START_TEST(a_verdict_says_on_what_it_rests_and_until_when)
{
    struct pst_exchange exchange = good_exchange;
    struct pst_facts facts = good_facts;
    struct pst_verdict verdict = pst_admit(&exchange, &facts);
    ck_assert_str_eq(pst_admit_basis_name(verdict.basis), "consent");
    ck_assert_str_eq(pst_admit_relation_name(verdict.relation), "established");
    ck_assert_int_eq(verdict.until_ms, facts.established_until_ms);
    ck_assert(!verdict.later_needed);

    facts.consent.expires_ms = NOW_MS + PST_DAY_MS;
    ck_assert_int_eq(pst_admit(&exchange, &facts).until_ms, NOW_MS + PST_DAY_MS);
    facts.answers = true;
    ck_assert_int_eq(pst_admit(&exchange, &facts).until_ms, NOW_MS + PST_DAY_MS + WINDOW_MS);
    facts.consent.superseded_ms = NOW_MS - GRACE_MS;
    verdict = pst_admit(&exchange, &facts);
    ck_assert_str_eq(pst_admit_basis_name(verdict.basis), "reply");
    ck_assert_int_eq(verdict.until_ms, NOW_MS + WINDOW_MS);
    facts.credential_until_ms = NOW_MS + 5;
    ck_assert_int_eq(pst_admit(&exchange, &facts).until_ms, NOW_MS + 5);

    facts = good_facts;
    facts.established_until_ms = 0;
    facts.break_glass_until_ms = NOW_MS + 60000;
    verdict = pst_admit(&exchange, &facts);
    ck_assert_str_eq(pst_admit_relation_name(verdict.relation), "break-glass");
    ck_assert_int_eq(verdict.until_ms, NOW_MS + 60000);

    exchange.place = PST_ADMIT_ROOM;
    verdict = pst_admit(&exchange, &facts);
    ck_assert_str_eq(pst_admit_basis_name(verdict.basis), "room");
    ck_assert_str_eq(pst_admit_relation_name(verdict.relation), "none");
    ck_assert_int_eq(verdict.until_ms, PST_ADMIT_NO_END);
}
END_TEST

/* At "until" it is admitted no more, a millisecond before it still is. */
START_TEST(until_is_the_first_millisecond_of_refusal)
{
    struct pst_facts facts = good_facts;
    facts.answers = true;
    facts.consent.expires_ms = NOW_MS - PST_DAY_MS;
    facts.consent.superseded_ms = NOW_MS - GRACE_MS - 2 * PST_DAY_MS;
    struct pst_exchange exchange = good_exchange;
    exchange.mode = PST_ADMIT_THREAD;
    int64_t until_ms = pst_admit(&exchange, &facts).until_ms;
    ck_assert_int_eq(until_ms, NOW_MS + 12 * PST_DAY_MS);
    facts.now_ms = until_ms - 1;
    ck_assert_int_eq(pst_admit(&exchange, &facts).code, PST_REFUSAL_NONE);
    facts.now_ms = until_ms;
    ck_assert_int_eq(pst_admit(&exchange, &facts).code, PST_REFUSAL_CONSENT_OUTDATED);
}
END_TEST

START_TEST(the_same_bytes_are_answered_again_at_any_time)
{
    struct pst_exchange exchange = good_exchange;
    struct pst_facts facts = good_facts;
    ck_assert(!pst_admit_may_repeat(&exchange, &facts));
    facts.earlier = PST_ADMIT_EARLIER_SAME;
    exchange.sent_ms = 0;
    facts.within_rate = false;
    facts.consent.decision = PST_DECISION_WITHDRAWN;
    ck_assert(pst_admit_may_repeat(&exchange, &facts));
    facts.earlier = PST_ADMIT_EARLIER_OTHER;
    ck_assert(!pst_admit_may_repeat(&exchange, &facts));
    facts.earlier = PST_ADMIT_EARLIER_SAME;
    facts.session = PST_ADMIT_SESSION_ONE_FACTOR;
    ck_assert(!pst_admit_may_repeat(&exchange, &facts));
    facts.session = PST_ADMIT_SESSION_FULL;
    exchange.tls_version = 0;
    ck_assert(!pst_admit_may_repeat(&exchange, &facts));
    exchange = good_exchange;
    facts.store_up = false;
    ck_assert(!pst_admit_may_repeat(&exchange, &facts));
}
END_TEST

START_TEST(policy_is_explained_rule_by_rule)
{
    struct pst_exchange exchange = good_exchange;
    struct pst_facts facts = good_facts;
    struct pst_policy_line lines[PST_REFUSAL__MAX];
    pst_policy_explain(&exchange, &facts, lines);
    for (int i = 0; i < PST_REFUSAL__MAX; i++) {
        ck_assert_int_eq(lines[i].rule, i);
        ck_assert_str_eq(pst_policy_outcome_name(lines[i].outcome), "passed");
    }
    exchange.mode = PST_ADMIT_THREAD;
    facts.consent.decision = PST_DECISION_REFUSED;
    facts.unrestricted = false;
    pst_policy_explain(&exchange, &facts, lines);
    ck_assert_int_eq(lines[PST_REFUSAL_NONE].outcome, PST_POLICY_FAILED);
    ck_assert_int_eq(lines[PST_REFUSAL_CONSENT_REFUSED].outcome, PST_POLICY_FAILED);
    ck_assert_int_eq(lines[PST_REFUSAL_CONSENT_MISSING].outcome, PST_POLICY_PASSED);
    ck_assert_int_eq(lines[PST_REFUSAL_RESTRICTED].outcome, PST_POLICY_FAILED);
    ck_assert_str_eq(pst_policy_outcome_name(lines[PST_REFUSAL_NOT_SEALED].outcome), "not-tried");
    facts.store_up = false;
    pst_policy_explain(&exchange, &facts, lines);
    ck_assert_int_eq(lines[PST_REFUSAL_RESTRICTED].outcome, PST_POLICY_NOT_TRIED);
    ck_assert_int_eq(lines[PST_REFUSAL_UNAVAILABLE].outcome, PST_POLICY_FAILED);
}
END_TEST

START_TEST(credentials_are_good_to_their_last_millisecond)
{
    int64_t end_ms = pst_admit_day_end_ms(19723); /* 2023-12-31 is the last day */
    ck_assert_int_eq(end_ms, INT64_C(1704153600000));
    ck_assert_int_eq(pst_admit_credential_of(true, true, end_ms, end_ms - 1),
                     PST_ADMIT_CREDENTIAL_GOOD);
    ck_assert_int_eq(pst_admit_credential_of(true, true, end_ms, end_ms),
                     PST_ADMIT_CREDENTIAL_LAPSED);
    ck_assert_int_eq(pst_admit_credential_of(false, true, end_ms, end_ms - 1),
                     PST_ADMIT_CREDENTIAL_LEFT);
    ck_assert_int_eq(pst_admit_credential_of(true, false, end_ms, end_ms - 1),
                     PST_ADMIT_CREDENTIAL_UNVERIFIED);
    ck_assert_int_eq(
        pst_admit_credential_worse(PST_ADMIT_CREDENTIAL_GOOD, PST_ADMIT_CREDENTIAL_LAPSED),
        PST_ADMIT_CREDENTIAL_LAPSED);
    ck_assert_int_eq(
        pst_admit_credential_worse(PST_ADMIT_CREDENTIAL_UNVERIFIED, PST_ADMIT_CREDENTIAL_LEFT),
        PST_ADMIT_CREDENTIAL_UNVERIFIED);
}
END_TEST

START_TEST(purposes_and_passages_follow_from_the_exchange)
{
    ck_assert_uint_eq(pst_admit_purposes(0, false), PURPOSES(PST_PURPOSE_MESSAGES));
    ck_assert_uint_eq(pst_admit_purposes(1, false),
                      PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_IMAGES));
    ck_assert_uint_eq(pst_admit_purposes(3, true),
                      PURPOSES(PST_PURPOSE_MESSAGES, PST_PURPOSE_IMAGES, PST_PURPOSE_PROXY));
    static const enum pst_admit_passage passages[PST_CHANNEL__MAX] = {
        [PST_CHANNEL_PORTAL] = PST_ADMIT_SAFE,
        [PST_CHANNEL_SUBMISSION] = PST_ADMIT_SAFE,
        [PST_CHANNEL_INBOUND] = PST_ADMIT_INBOUND,
    };
    for (int i = 0; i < PST_CHANNEL__MAX; i++)
        ck_assert_int_eq(pst_admit_passage_of((enum pst_channel)i), passages[i]);
    ck_assert_int_eq(pst_admit_passage_of(PST_CHANNEL__MAX), PST_ADMIT_PERSONAL);
}
END_TEST

static int64_t established_until_ms(int year, int month, int day)
{
    const struct pst_date visit = {.year = year, .month = month, .day = day};
    return pst_admit_established_until_ms(&visit);
}

/* Exactly three years later is still established; 29 February has 28 February. */
START_TEST(a_visit_establishes_for_three_years_to_the_day)
{
    const struct pst_date day_after = {.year = 2026, .month = 11, .day = 22};
    const struct pst_date march = {.year = 2027, .month = 3, .day = 1};
    ck_assert_int_eq(established_until_ms(2023, 11, 21), pst_date_start_ms(&day_after));
    ck_assert_int_eq(established_until_ms(2024, 2, 28), pst_date_start_ms(&march));
    ck_assert_int_eq(established_until_ms(2024, 2, 29), pst_date_start_ms(&march));
    struct pst_facts facts = good_facts;
    facts.established_until_ms = established_until_ms(2023, 11, 21); /* today, three years on */
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).code, PST_REFUSAL_NONE);
    facts.established_until_ms = established_until_ms(2023, 11, 20);
    ck_assert_int_eq(pst_admit(&good_exchange, &facts).code, PST_REFUSAL_NOT_ESTABLISHED);
}
END_TEST

PST_UNIT_MAIN("admission", a_visit_establishes_for_three_years_to_the_day,
              each_rule_refuses_at_its_boundary_and_no_earlier,
              rooms_skip_the_patients_rules_and_no_others,
              without_a_message_the_other_rules_are_tried,
              a_header_is_decided_like_a_message_but_for_its_seal,
              absent_and_invisible_are_404_and_a_role_that_never_may_403,
              a_verdict_says_on_what_it_rests_and_until_when,
              until_is_the_first_millisecond_of_refusal,
              the_same_bytes_are_answered_again_at_any_time, policy_is_explained_rule_by_rule,
              credentials_are_good_to_their_last_millisecond,
              purposes_and_passages_follow_from_the_exchange)
