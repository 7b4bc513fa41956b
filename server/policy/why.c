/* One sentence a rule: which fact it looked at, and what that fact was. */
#include "server/policy/policy.h"

typedef enum pst_err (*why_fn)(const struct pst_policy_answer *answer, struct pst_buf *out);

/* "TEXT TIME" */
static enum pst_err at(struct pst_buf *out, const char *text, int64_t at_ms)
{
    char time[PST_TIME_TEXT_SIZE];
    pst_time_format(at_ms, time);
    return pst_buf_printf(out, "%s %s", text, time);
}

static enum pst_err why_rate(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    return pst_buf_printf(out, "%lld sent just now; the limit is %lld a minute",
                          (long long)answer->result.thread.sent_lately,
                          (long long)answer->messages_per_minute);
}

static enum pst_err why_size(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_exchange *exchange = &answer->result.exchange;
    const struct pst_facts *facts = &answer->result.facts;
    return pst_buf_printf(
        out, "%llu of %llu bytes, %u of %u attachments, %llu bytes left of the quota",
        (unsigned long long)exchange->size_bytes, (unsigned long long)facts->size_max_bytes,
        exchange->attachments, facts->attachments_max, (unsigned long long)facts->quota_left_bytes);
}

static enum pst_err why_permitted(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    static const char *const as[] = {
        [PST_THREAD_AS_NONE] = "there is no such thread, or this person has no part in it",
        [PST_THREAD_AS_PATIENT] = "writes as the patient",
        [PST_THREAD_AS_REPRESENTATIVE] = "writes as a representative of the patient",
        [PST_THREAD_AS_TEAM] = "writes as a member of the team",
        [PST_THREAD_AS_ROOM] = "writes as a member of the room",
    };
    return pst_buf_append_str(out, as[answer->result.thread.as]);
}

static enum pst_err why_signature(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    bool current = answer->result.exchange.signature == PST_ADMIT_SIGNATURE_GOOD;
    return pst_buf_append_str(out, current ? "the person has a current key; assumed: signed by it"
                                           : "the person has no current signing key");
}

static enum pst_err why_credential(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_facts *facts = &answer->result.facts;
    bool room = answer->result.exchange.place == PST_ADMIT_ROOM;
    switch (facts->credential) {
    case PST_ADMIT_CREDENTIAL_GOOD:
        return room ? pst_buf_append_str(out, "every member's credential holds")
                    : at(out, "the credential holds until", facts->credential_until_ms);
    case PST_ADMIT_CREDENTIAL_LAPSED:
        return at(out, "the credential lapsed on", facts->credential_until_ms);
    case PST_ADMIT_CREDENTIAL_LEFT:
        return pst_buf_append_str(out, "the clinician left, or is disabled");
    default:
        return pst_buf_append_str(out, room ? "a member's credential was not checked or lapsed"
                                            : "no credential was checked");
    }
}

static enum pst_err why_established(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_facts *facts = &answer->result.facts;
    if (facts->now_ms < facts->established_until_ms)
        return at(out,
                  answer->result.by_same_clinician
                      ? "seen by this team's clinician: established until"
                      : "seen in the same specialty: established until",
                  facts->established_until_ms);
    if (facts->now_ms < facts->break_glass_until_ms)
        return at(out, "not established, but overridden until", facts->break_glass_until_ms);
    if (facts->established_until_ms == 0)
        return pst_buf_append_str(out,
                                  "no visit with the team or its specialty within three years");
    return at(out, "the last visit established until", facts->established_until_ms);
}

static enum pst_err why_recorded(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    char id[PST_UUID_TEXT_SIZE];
    if (!answer->result.thread.has_consent)
        return pst_buf_append_str(out, "no consent is recorded");
    pst_uuid_format(&answer->result.thread.consent, id);
    return pst_buf_printf(out, "the latest record is %s", id);
}

static enum pst_err why_decision(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_admit_consent *consent = &answer->result.facts.consent;
    if (!consent->recorded)
        return pst_buf_append_str(out, "no consent is recorded");
    return pst_buf_printf(out, "the latest record says: %s", pst_decision_name(consent->decision));
}

static enum pst_err why_expired(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_facts *facts = &answer->result.facts;
    int64_t expires_ms = facts->consent.expires_ms;
    if (!facts->consent.recorded)
        return pst_buf_append_str(out, "no consent is recorded");
    if (expires_ms == 0)
        return pst_buf_append_str(out, "the consent has no end");
    if (facts->now_ms < expires_ms)
        return at(out, "the consent holds until", expires_ms);
    enum pst_err r = at(out, "the consent expired on", expires_ms);
    if (r != PST_OK)
        return r;
    return pst_buf_append_str(out, pst_admit_agreement_of(&facts->consent, facts) ==
                                           PST_ADMIT_AGREEMENT_REPLY
                                       ? "; this answers a message in time"
                                       : "; no message is answered in time");
}

static enum pst_err purposes(uint32_t mask, struct pst_buf *out)
{
    const char *between = "";
    enum pst_err r = mask == 0 ? pst_buf_append_str(out, "nothing") : PST_OK;
    for (unsigned i = 0; r == PST_OK && i < PST_PURPOSE__MAX; i++) {
        if ((mask & PST_ADMIT_PURPOSE(i)) == 0)
            continue;
        r = pst_buf_printf(out, "%s%s", between, pst_purpose_name((enum pst_purpose)i));
        between = ", ";
    }
    return r;
}

static enum pst_err why_scope(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_admit_consent *consent = &answer->result.facts.consent;
    enum pst_err r = pst_buf_append_str(out, "needed: ");
    if (r == PST_OK)
        r = purposes(answer->result.exchange.purposes, out);
    if (r == PST_OK)
        r = pst_buf_append_str(out, "; granted: ");
    if (r == PST_OK)
        r = purposes(consent->purposes, out);
    if (r == PST_OK && !consent->addresses_match)
        r = pst_buf_append_str(out, "; this representative is not named");
    return r;
}

static enum pst_err why_terms(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_facts *facts = &answer->result.facts;
    if (!facts->consent.recorded)
        return pst_buf_append_str(out, "no consent is recorded");
    if (facts->consent.superseded_ms == 0)
        return pst_buf_append_str(out, "no newer terms are in effect");
    return at(out, "newer terms; the older ones do until",
              facts->consent.superseded_ms + facts->grace_ms);
}

static enum pst_err why_restricted(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    const struct pst_thread_facts *thread = &answer->result.thread;
    if (thread->no_messages)
        return pst_buf_append_str(out, "the patient asked for no messages");
    return pst_buf_append_str(out, thread->not_team
                                       ? "the patient asked not to write with this team"
                                       : "no restriction forbids it");
}

static enum pst_err why_enrolled(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    static const char *const text[PST_ADMIT__ENROLMENT_MAX] = {
        [PST_ADMIT_ENROLMENT_MISSING] = "a recipient has no current key yet",
        [PST_ADMIT_ENROLMENT_DISABLED] = "a recipient is disabled or has left",
        [PST_ADMIT_ENROLMENT_MERGED] = "the patient was merged into another",
        [PST_ADMIT_ENROLMENT_COMPLETE] = "every recipient has a current key",
    };
    return pst_buf_append_str(out, text[answer->result.facts.enrolment]);
}

static enum pst_err why_recipients(const struct pst_policy_answer *answer, struct pst_buf *out)
{
    return pst_buf_printf(out, "assumed: sealed to exactly the %zu keys of the thread",
                          answer->result.key_ids_count);
}

/* A rule has a sentence of its own or a function that writes it. */
static const struct reason {
    const char *assumed;
    why_fn why;
} reasons[PST_REFUSAL__MAX] = {
    [PST_REFUSAL_TLS_REQUIRED] = {"assumed: TLS 1.3", NULL},
    [PST_REFUSAL_NOT_AUTHENTICATED] = {"assumed: signed in, with every factor needed", NULL},
    [PST_REFUSAL_RATE_LIMITED] = {NULL, why_rate},
    [PST_REFUSAL_TOO_LARGE] = {NULL, why_size},
    [PST_REFUSAL_NOT_PERMITTED] = {NULL, why_permitted},
    [PST_REFUSAL_NOT_SEALED] = {"assumed: sealed as the clients do", NULL},
    [PST_REFUSAL_BAD_SIGNATURE] = {NULL, why_signature},
    [PST_REFUSAL_CLOCK] = {"assumed: sent now", NULL},
    [PST_REFUSAL_REPLAYED] = {"assumed: a new message", NULL},
    [PST_REFUSAL_CREDENTIAL] = {NULL, why_credential},
    [PST_REFUSAL_NOT_ESTABLISHED] = {NULL, why_established},
    [PST_REFUSAL_CONSENT_MISSING] = {NULL, why_recorded},
    [PST_REFUSAL_CONSENT_REFUSED] = {NULL, why_decision},
    [PST_REFUSAL_CONSENT_WITHDRAWN] = {NULL, why_decision},
    [PST_REFUSAL_CONSENT_EXPIRED] = {NULL, why_expired},
    [PST_REFUSAL_CONSENT_SCOPE] = {NULL, why_scope},
    [PST_REFUSAL_CONSENT_OUTDATED] = {NULL, why_terms},
    [PST_REFUSAL_RESTRICTED] = {NULL, why_restricted},
    [PST_REFUSAL_NOT_ENROLLED] = {NULL, why_enrolled},
    [PST_REFUSAL_WRONG_RECIPIENTS] = {NULL, why_recipients},
    [PST_REFUSAL_PERSONAL_CHANNEL] = {"assumed: by the portal or a client", NULL},
    [PST_REFUSAL_UNAVAILABLE] = {"the store was read", NULL},
};

bool pst_policy_is_assumed(enum pst_refusal rule)
{
    return (unsigned)rule < PST_REFUSAL__MAX &&
           (reasons[rule].assumed != NULL || rule == PST_REFUSAL_WRONG_RECIPIENTS) &&
           rule != PST_REFUSAL_UNAVAILABLE;
}

enum pst_err pst_policy_why(const struct pst_policy_answer *answer, enum pst_refusal rule,
                            struct pst_buf *out)
{
    if (rule <= PST_REFUSAL_NONE || rule >= PST_REFUSAL__MAX)
        return PST_ERR_INVALID;
    if (answer->lines[rule].outcome == PST_POLICY_NOT_TRIED)
        return pst_buf_append_str(out, answer->result.facts.sight == PST_ADMIT_SEEN
                                           ? "not for a room of colleagues"
                                           : "nothing is known of such a thread");
    const struct reason *reason = &reasons[rule];
    return reason->why != NULL ? reason->why(answer, out)
                               : pst_buf_append_str(out, reason->assumed);
}
