#include "server/web/consent_check.h"

#include <string.h>

#include "unit.h"

#define NOW INT64_C(1790000000000)

static const struct pst_uuid ada = {{1}}, bea = {{2}}, intake = {{3}}, other = {{4}};
static const struct pst_sha256 terms_hash = {{7}}, latest_hash = {{8}}, wrong_hash = {{9}};

/* One that passes, captured at the desk, with everything it can have. */
struct scene {
    struct pst_consent consent;
    struct pst_consent_facts facts;
    struct pst_uuid representatives[1];
};

static void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    struct pst_consent *consent = &scene->consent;
    consent->patient = ada;
    consent->by = intake;
    consent->method = PST_METHOD_IN_PERSON;
    consent->decision = PST_DECISION_GIVEN;
    consent->purposes[0] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_MESSAGES};
    consent->purposes[1] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_EMAIL_NOTICE,
                                                        .address = "Ada@Home.example"};
    consent->purposes[2] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_SMS_NOTICE,
                                                        .address = "+1 555 010 0142"};
    consent->purposes[3] =
        (struct pst_consent_purpose){.purpose = PST_PURPOSE_PROXY, .person = bea};
    consent->purposes_count = 4;
    consent->terms_id = "messages";
    consent->terms_version = 2;
    consent->terms_language = "en";
    consent->terms_hash = terms_hash;
    consent->measures[0] = "sealed-on-device";
    consent->measures_count = 1;
    consent->expires_ms = NOW + 1000;
    consent->has_expires = true;
    consent->previous = latest_hash;
    consent->has_previous = true;
    scene->representatives[0] = bea;
    scene->facts = (struct pst_consent_facts){.patient = ada,
                                              .caller = intake,
                                              .at_ms = NOW,
                                              .now_ms = NOW,
                                              .enrolled = false,
                                              .email = "ada@home.example",
                                              .phone = "+15550100142",
                                              .representatives = scene->representatives,
                                              .representatives_count = 1,
                                              .has_latest = true,
                                              .latest_hash = latest_hash,
                                              .latest_decision = PST_DECISION_GIVEN,
                                              .terms_known = true,
                                              .terms_hash = terms_hash,
                                              .terms_current = 2,
                                              .caller_signed = true,
                                              .patient_signed = false};
}

/* ---- one thing changed each ---- */

static void nothing(struct scene *s)
{
    (void)s;
}
static void other_patient(struct scene *s)
{
    s->consent.patient = other;
}
static void other_by(struct scene *s)
{
    s->consent.by = other;
}
static void stop(struct scene *s)
{
    s->consent.method = PST_METHOD_STOP;
}
static void patient_method_by_staff(struct scene *s)
{
    s->consent.method = PST_METHOD_PATIENT;
}
static void ahead(struct scene *s)
{
    s->facts.at_ms = NOW + PST_CONSENT_AHEAD_MS + 1;
}
static void just_ahead(struct scene *s)
{
    s->facts.at_ms = NOW + PST_CONSENT_AHEAD_MS;
    s->consent.expires_ms = s->facts.at_ms + 1;
}
static void behind(struct scene *s)
{
    s->facts.at_ms = NOW - PST_CONSENT_BEHIND_MS - 1;
}
static void just_behind(struct scene *s)
{
    s->facts.at_ms = NOW - PST_CONSENT_BEHIND_MS;
}
static void unknown_terms(struct scene *s)
{
    s->facts.terms_known = false;
}
static void other_terms(struct scene *s)
{
    s->consent.terms_hash = wrong_hash;
}
static void old_terms(struct scene *s)
{
    s->consent.terms_version = 1;
}
static void coming_terms(struct scene *s)
{
    s->consent.terms_version = 3;
}
static void no_messages(struct scene *s)
{
    s->consent.purposes[0].purpose = PST_PURPOSE_IMAGES;
}
static void twice(struct scene *s)
{
    s->consent.purposes[2] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_MESSAGES};
}
static void two_emails(struct scene *s)
{
    s->consent.purposes[2] = (struct pst_consent_purpose){.purpose = PST_PURPOSE_EMAIL_NOTICE,
                                                          .address = "bea@home.example"};
}
static void other_email(struct scene *s)
{
    s->consent.purposes[1].address = "eve@home.example";
}
static void no_email_on_record(struct scene *s)
{
    s->facts.email = NULL;
}
static void email_without(struct scene *s)
{
    s->consent.purposes[1].address = NULL;
}
static void other_phone(struct scene *s)
{
    s->consent.purposes[2].address = "+15550100143";
}
static void address_of_messages(struct scene *s)
{
    s->consent.purposes[0].address = "a@b.example";
}
static void other_proxy(struct scene *s)
{
    s->consent.purposes[3].person = other;
}
static void proxy_ended(struct scene *s)
{
    s->facts.representatives_count = 0;
}
static void no_measures(struct scene *s)
{
    s->consent.measures_count = 0;
}
static void ends_at_once(struct scene *s)
{
    s->consent.expires_ms = NOW;
}
static void never_ends(struct scene *s)
{
    s->consent.has_expires = false;
}
static void no_previous(struct scene *s)
{
    s->consent.has_previous = false;
}
static void wrong_previous(struct scene *s)
{
    s->consent.previous = wrong_hash;
}
static void previous_of_nothing(struct scene *s)
{
    s->facts.has_latest = false;
}
static void first(struct scene *s)
{
    s->facts.has_latest = false;
    s->consent.has_previous = false;
}
static void unsigned_by_staff(struct scene *s)
{
    s->facts.caller_signed = false;
}
static void enrolled_at_the_desk(struct scene *s)
{
    s->facts.enrolled = true;
}
static void enrolled_and_signed(struct scene *s)
{
    s->facts.enrolled = true;
    s->facts.patient_signed = true;
}
static void enrolled_on_paper(struct scene *s)
{
    s->facts.enrolled = true;
    s->consent.method = PST_METHOD_PAPER;
}
static void enrolled_by_telephone(struct scene *s)
{
    s->facts.enrolled = true;
    s->consent.method = PST_METHOD_TELEPHONE;
}
static void by_the_patient(struct scene *s)
{
    s->consent.by = s->facts.caller = ada;
    s->consent.method = PST_METHOD_PATIENT;
    s->facts.enrolled = s->facts.patient_signed = true;
}
static void by_the_patient_unsigned(struct scene *s)
{
    by_the_patient(s);
    s->facts.caller_signed = s->facts.patient_signed = false;
}
static void by_the_patient_at_the_desk(struct scene *s)
{
    by_the_patient(s);
    s->consent.method = PST_METHOD_IN_PERSON;
}
static void refused(struct scene *s)
{
    s->consent.decision = PST_DECISION_REFUSED;
    s->consent.purposes_count = s->consent.measures_count = 0;
    s->facts.enrolled = true;
    s->consent.terms_version = 1;
}
static void refused_at_first(struct scene *s)
{
    refused(s);
    first(s);
}
static void withdrawn(struct scene *s)
{
    refused(s);
    s->consent.decision = PST_DECISION_WITHDRAWN;
}
static void withdrawn_unsigned(struct scene *s)
{
    withdrawn(s);
    s->facts.caller_signed = false;
}
static void withdrawn_of_nothing(struct scene *s)
{
    withdrawn(s);
    first(s);
}
static void withdrawn_of_refused(struct scene *s)
{
    withdrawn(s);
    s->facts.latest_decision = PST_DECISION_REFUSED;
}
static void withdrawn_twice(struct scene *s)
{
    withdrawn(s);
    s->facts.latest_decision = PST_DECISION_WITHDRAWN;
}
static void given_again(struct scene *s)
{
    s->facts.latest_decision = PST_DECISION_WITHDRAWN;
}

#define SAYS(change, fault)                                                                        \
    {                                                                                              \
#change, change, PST_CONSENT_##fault                                                       \
    }

static const struct {
    const char *name;
    void (*change)(struct scene *scene);
    enum pst_consent_fault expected;
} changes[] = {
    SAYS(nothing, FINE),
    SAYS(other_patient, PATIENT),
    SAYS(other_by, BY),
    SAYS(stop, METHOD),
    SAYS(patient_method_by_staff, METHOD),
    SAYS(ahead, CLOCK),
    SAYS(just_ahead, FINE),
    SAYS(behind, CLOCK),
    SAYS(just_behind, FINE),
    SAYS(unknown_terms, TERMS),
    SAYS(other_terms, TERMS),
    SAYS(old_terms, TERMS),
    SAYS(coming_terms, FINE),
    SAYS(no_messages, PURPOSES),
    SAYS(twice, PURPOSES),
    SAYS(two_emails, PURPOSES),
    SAYS(other_email, ADDRESS),
    SAYS(no_email_on_record, ADDRESS),
    SAYS(email_without, ADDRESS),
    SAYS(other_phone, ADDRESS),
    SAYS(address_of_messages, ADDRESS),
    SAYS(other_proxy, PROXY),
    SAYS(proxy_ended, PROXY),
    SAYS(no_measures, MEASURES),
    SAYS(ends_at_once, EXPIRES),
    SAYS(never_ends, FINE),
    SAYS(no_previous, PREVIOUS),
    SAYS(wrong_previous, PREVIOUS),
    SAYS(previous_of_nothing, PREVIOUS),
    SAYS(first, FINE),
    SAYS(unsigned_by_staff, SIGNATURE),
    SAYS(enrolled_at_the_desk, SIGNATURE),
    SAYS(enrolled_and_signed, FINE),
    SAYS(enrolled_on_paper, FINE),
    SAYS(enrolled_by_telephone, FINE),
    SAYS(by_the_patient, FINE),
    SAYS(by_the_patient_unsigned, SIGNATURE),
    SAYS(by_the_patient_at_the_desk, METHOD),
    SAYS(refused, FINE),
    SAYS(refused_at_first, FINE),
    SAYS(withdrawn, FINE),
    SAYS(withdrawn_unsigned, SIGNATURE),
    SAYS(withdrawn_of_nothing, PREVIOUS),
    SAYS(withdrawn_of_refused, PREVIOUS),
    SAYS(withdrawn_twice, PREVIOUS),
    SAYS(given_again, FINE),
};

START_TEST(each_fault_is_found_and_nothing_else_is_one)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct scene scene;
        scene_init(&scene);
        changes[i].change(&scene);
        enum pst_consent_fault fault = pst_consent_check(&scene.consent, &scene.facts);
        ck_assert_msg(fault == changes[i].expected, "%s: %s", changes[i].name,
                      pst_consent_fault_member(fault));
    }
}
END_TEST

START_TEST(without_the_staff_members_signature_nothing_passes)
{
    size_t tried = 0;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct scene scene;
        scene_init(&scene);
        changes[i].change(&scene);
        scene.facts.caller_signed = false;
        ck_assert_int_ne(pst_consent_check(&scene.consent, &scene.facts), PST_CONSENT_FINE);
        tried++;
    }
    ck_assert_uint_gt(tried, 40);
}
END_TEST

START_TEST(a_standing_has_one_name)
{
    static const struct {
        struct pst_consent_standing standing;
        const char *name;
    } standings[] = {
        {{-1, 0, 0}, "none"},
        {{PST_DECISION_GIVEN, 0, 0}, "given"},
        {{PST_DECISION_GIVEN, NOW + 1, 0}, "given"},
        {{PST_DECISION_GIVEN, NOW, 0}, "expired"},
        {{PST_DECISION_GIVEN, 0, NOW - 99}, "given"},
        {{PST_DECISION_GIVEN, 0, NOW - 100}, "outdated"},
        {{PST_DECISION_GIVEN, NOW, NOW - 100}, "expired"},
        {{PST_DECISION_REFUSED, NOW, NOW - 100}, "refused"},
        {{PST_DECISION_WITHDRAWN, NOW, NOW - 100}, "withdrawn"},
    };
    for (size_t i = 0; i < sizeof standings / sizeof standings[0]; i++)
        ck_assert_str_eq(
            pst_consent_standing_name(&standings[i].standing, NOW, /* grace_ms= */ 100),
            standings[i].name);
}
END_TEST

PST_UNIT_MAIN("consent_check", each_fault_is_found_and_nothing_else_is_one,
              without_the_staff_members_signature_nothing_passes, a_standing_has_one_name)
