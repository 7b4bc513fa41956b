#include "server/web/consent_check.h"

#include <string.h>

#include "postern/cleanup.h"
#include "server/vault/normal.h"

static const char *const members[PST_CONSENT__MAX] = {
    [PST_CONSENT_FINE] = "",
    [PST_CONSENT_PATIENT] = "patient",
    [PST_CONSENT_BY] = "by",
    [PST_CONSENT_METHOD] = "method",
    [PST_CONSENT_CLOCK] = "at",
    [PST_CONSENT_TERMS] = "terms",
    [PST_CONSENT_PURPOSES] = "purposes",
    [PST_CONSENT_ADDRESS] = "address",
    [PST_CONSENT_PROXY] = "proxy",
    [PST_CONSENT_MEASURES] = "measures",
    [PST_CONSENT_EXPIRES] = "expires",
    [PST_CONSENT_PREVIOUS] = "previous",
    [PST_CONSENT_SIGNATURE] = "signature",
};

const char *pst_consent_fault_member(enum pst_consent_fault fault)
{
    return (unsigned)fault < PST_CONSENT__MAX ? members[fault] : "";
}

static bool by_patient(const struct pst_consent *consent)
{
    return pst_uuid_equal(&consent->by, &consent->patient);
}

static enum pst_consent_fault check_who(const struct pst_consent *consent,
                                        const struct pst_consent_facts *facts)
{
    if (!pst_uuid_equal(&consent->patient, &facts->patient))
        return PST_CONSENT_PATIENT;
    if (!pst_uuid_equal(&consent->by, &facts->caller))
        return PST_CONSENT_BY;
    /* STOP comes without a device, and not through here. */
    if (consent->method == PST_METHOD_STOP ||
        (consent->method == PST_METHOD_PATIENT) != by_patient(consent))
        return PST_CONSENT_METHOD;
    if (facts->at_ms > facts->now_ms + PST_CONSENT_AHEAD_MS ||
        facts->at_ms < facts->now_ms - PST_CONSENT_BEHIND_MS)
        return PST_CONSENT_CLOCK;
    return PST_CONSENT_FINE;
}

/* One can end an agreement to old terms, but agree to the current ones alone. */
static enum pst_consent_fault check_terms(const struct pst_consent *consent,
                                          const struct pst_consent_facts *facts)
{
    if (!facts->terms_known || !pst_sha256_equal(&consent->terms_hash, &facts->terms_hash))
        return PST_CONSENT_TERMS;
    if (consent->decision == PST_DECISION_GIVEN && consent->terms_version < facts->terms_current)
        return PST_CONSENT_TERMS;
    return PST_CONSENT_FINE;
}

typedef enum pst_err normalise(struct pst_bytes text, struct pst_buf *out);

static bool same_address(const char *said, const char *on_record, normalise *to_normal)
{
    PST_BUF struct pst_buf normal = {.max = PST_NORMAL_MAX_BYTES * 8};
    return said != NULL && on_record != NULL && to_normal(pst_bytes_str(said), &normal) == PST_OK &&
           strcmp(pst_buf_str(&normal), on_record) == 0;
}

static bool is_representative(const struct pst_uuid *person, const struct pst_consent_facts *facts)
{
    for (size_t i = 0; i < facts->representatives_count; i++) {
        if (pst_uuid_equal(person, &facts->representatives[i]))
            return true;
    }
    return false;
}

static enum pst_consent_fault check_purpose(const struct pst_consent_purpose *purpose,
                                            const struct pst_consent_facts *facts)
{
    bool fits = true;
    switch (purpose->purpose) {
    case PST_PURPOSE_EMAIL_NOTICE:
    case PST_PURPOSE_EMAIL_INBOUND:
        fits = same_address(purpose->address, facts->email, pst_normal_email);
        break;
    case PST_PURPOSE_SMS_NOTICE:
        fits = same_address(purpose->address, facts->phone, pst_normal_phone);
        break;
    case PST_PURPOSE_PROXY:
        return is_representative(&purpose->person, facts) ? PST_CONSENT_FINE : PST_CONSENT_PROXY;
    default:
        fits = purpose->address == NULL;
        break;
    }
    return fits ? PST_CONSENT_FINE : PST_CONSENT_ADDRESS;
}

static bool is_twice(const struct pst_consent *consent, size_t index)
{
    const struct pst_consent_purpose *one = &consent->purposes[index];
    for (size_t i = 0; i < index; i++) {
        const struct pst_consent_purpose *other = &consent->purposes[i];
        if (other->purpose == one->purpose && pst_uuid_equal(&other->person, &one->person))
            return true;
    }
    return false;
}

/* What is refused or withdrawn needs no scope: it is all of it. */
static enum pst_consent_fault check_scope(const struct pst_consent *consent,
                                          const struct pst_consent_facts *facts)
{
    bool messages = false;
    if (consent->decision != PST_DECISION_GIVEN)
        return PST_CONSENT_FINE;
    for (size_t i = 0; i < consent->purposes_count; i++) {
        messages |= consent->purposes[i].purpose == PST_PURPOSE_MESSAGES;
        if (is_twice(consent, i))
            return PST_CONSENT_PURPOSES;
    }
    if (!messages)
        return PST_CONSENT_PURPOSES;
    for (size_t i = 0; i < consent->purposes_count; i++) {
        enum pst_consent_fault fault = check_purpose(&consent->purposes[i], facts);
        if (fault != PST_CONSENT_FINE)
            return fault;
    }
    if (consent->measures_count == 0)
        return PST_CONSENT_MEASURES;
    if (consent->has_expires && consent->expires_ms <= facts->at_ms)
        return PST_CONSENT_EXPIRES;
    return PST_CONSENT_FINE;
}

static bool follows_latest(const struct pst_consent *consent, const struct pst_consent_facts *facts)
{
    if (consent->has_previous != facts->has_latest)
        return false;
    if (facts->has_latest && !pst_sha256_equal(&consent->previous, &facts->latest_hash))
        return false;
    return consent->decision != PST_DECISION_WITHDRAWN ||
           (facts->has_latest && facts->latest_decision == PST_DECISION_GIVEN);
}

static bool is_signed(const struct pst_consent *consent, const struct pst_consent_facts *facts)
{
    bool patients_too =
        facts->enrolled && consent->decision == PST_DECISION_GIVEN &&
        (consent->method == PST_METHOD_IN_PERSON || consent->method == PST_METHOD_PATIENT);
    return facts->caller_signed && (!patients_too || facts->patient_signed);
}

enum pst_consent_fault pst_consent_check(const struct pst_consent *consent,
                                         const struct pst_consent_facts *facts)
{
    enum pst_consent_fault fault = check_who(consent, facts);
    if (fault == PST_CONSENT_FINE)
        fault = check_terms(consent, facts);
    if (fault == PST_CONSENT_FINE)
        fault = check_scope(consent, facts);
    if (fault == PST_CONSENT_FINE && !follows_latest(consent, facts))
        fault = PST_CONSENT_PREVIOUS;
    if (fault == PST_CONSENT_FINE && !is_signed(consent, facts))
        fault = PST_CONSENT_SIGNATURE;
    return fault;
}

const char *pst_consent_standing_name(const struct pst_consent_standing *standing, int64_t now_ms,
                                      int64_t grace_ms)
{
    if (standing->decision == PST_DECISION_REFUSED)
        return "refused";
    if (standing->decision == PST_DECISION_WITHDRAWN)
        return "withdrawn";
    if (standing->decision != PST_DECISION_GIVEN)
        return "none";
    if (standing->expires_at_ms != 0 && standing->expires_at_ms <= now_ms)
        return "expired";
    if (standing->terms_superseded_ms != 0 && standing->terms_superseded_ms + grace_ms <= now_ms)
        return "outdated";
    return "given";
}
