/*
 * From raw values to a standing: each member by itself, so that each can be
 * tested at its boundaries apart from the rules.
 */
#include "server/admission/admission.h"

/* TLS 1.2 and 1.3 as their ClientHello counts them (RFC 5246, RFC 8446). */
#define TLS_1_2 0x0303
#define TLS_1_3 0x0304

bool pst_admit_tls(int version, bool aead)
{
    return version >= TLS_1_3 || (version == TLS_1_2 && aead);
}

bool pst_admit_clock(int64_t sent_ms, int64_t now_ms)
{
    if (sent_ms < 0 || now_ms < 0)
        return false;
    return sent_ms - now_ms <= PST_ADMIT_AHEAD_MS && now_ms - sent_ms <= PST_ADMIT_BEHIND_MS;
}

uint32_t pst_admit_purposes(uint32_t images, bool representative)
{
    uint32_t purposes = PST_ADMIT_PURPOSE(PST_PURPOSE_MESSAGES);
    if (images > 0)
        purposes |= PST_ADMIT_PURPOSE(PST_PURPOSE_IMAGES);
    if (representative)
        purposes |= PST_ADMIT_PURPOSE(PST_PURPOSE_PROXY);
    return purposes;
}

enum pst_admit_passage pst_admit_passage_of(enum pst_channel channel)
{
    switch (channel) {
    case PST_CHANNEL_PORTAL:
    case PST_CHANNEL_SUBMISSION:
        return PST_ADMIT_SAFE;
    case PST_CHANNEL_INBOUND:
        return PST_ADMIT_INBOUND;
    default:
        return PST_ADMIT_PERSONAL;
    }
}

int64_t pst_admit_day_end_ms(int64_t last_day)
{
    return (last_day + 1) * PST_DAY_MS;
}

enum pst_admit_credential pst_admit_credential_of(bool active, bool checked, int64_t until_ms,
                                                  int64_t now_ms)
{
    if (!checked)
        return PST_ADMIT_CREDENTIAL_UNVERIFIED;
    if (!active)
        return PST_ADMIT_CREDENTIAL_LEFT;
    return now_ms < until_ms ? PST_ADMIT_CREDENTIAL_GOOD : PST_ADMIT_CREDENTIAL_LAPSED;
}

enum pst_admit_credential pst_admit_credential_worse(enum pst_admit_credential a,
                                                     enum pst_admit_credential b)
{
    return a < b ? a : b;
}

/* Half open, like every time here: [lapsed, lapsed + window). */
static bool reply_possible(int64_t lapsed_ms, const struct pst_facts *facts)
{
    return facts->answers && facts->now_ms - lapsed_ms < facts->reply_window_ms;
}

enum pst_admit_agreement pst_admit_agreement_of(const struct pst_admit_consent *consent,
                                                const struct pst_facts *facts)
{
    if (!consent->recorded)
        return PST_ADMIT_AGREEMENT_NONE;
    switch (consent->decision) {
    case PST_DECISION_GIVEN:
        break;
    case PST_DECISION_WITHDRAWN:
        return PST_ADMIT_AGREEMENT_WITHDRAWN;
    default:
        return PST_ADMIT_AGREEMENT_REFUSED;
    }
    if (consent->expires_ms == 0 || facts->now_ms < consent->expires_ms)
        return PST_ADMIT_AGREEMENT_LIVE;
    return reply_possible(consent->expires_ms, facts) ? PST_ADMIT_AGREEMENT_REPLY
                                                      : PST_ADMIT_AGREEMENT_EXPIRED;
}

enum pst_admit_terms pst_admit_terms_of(const struct pst_admit_consent *consent,
                                        const struct pst_facts *facts)
{
    if (consent->superseded_ms == 0 || facts->now_ms - consent->superseded_ms < facts->grace_ms)
        return PST_ADMIT_TERMS_CURRENT;
    return reply_possible(consent->superseded_ms + facts->grace_ms, facts)
               ? PST_ADMIT_TERMS_REPLY
               : PST_ADMIT_TERMS_OUTDATED;
}

static enum pst_admit_size size_of(const struct pst_exchange *exchange,
                                   const struct pst_facts *facts)
{
    bool message = exchange->mode != PST_ADMIT_THREAD;
    uint64_t bytes = message ? exchange->size_bytes : 0;
    if (message &&
        (bytes > facts->size_max_bytes || exchange->attachments > facts->attachments_max))
        return PST_ADMIT_SIZE_OVER;
    if (facts->quota_left_bytes == 0 || bytes > facts->quota_left_bytes)
        return PST_ADMIT_SIZE_QUOTA;
    return PST_ADMIT_SIZE_FITS;
}

static enum pst_admit_relation relation_of(const struct pst_facts *facts)
{
    if (facts->now_ms < facts->established_until_ms)
        return PST_ADMIT_RELATION_ESTABLISHED;
    if (facts->now_ms < facts->break_glass_until_ms)
        return PST_ADMIT_RELATION_BREAK_GLASS;
    return PST_ADMIT_RELATION_NONE;
}

/* An exchange that needs no purpose was not filled in. */
static bool in_scope(uint32_t needed, const struct pst_admit_consent *consent)
{
    return needed != 0 && (needed & ~consent->purposes) == 0 && consent->addresses_match;
}

static bool inbound_agreed(const struct pst_admit_consent *consent)
{
    return (consent->purposes & PST_ADMIT_PURPOSE(PST_PURPOSE_EMAIL_INBOUND)) != 0 &&
           consent->inbound_address_matches;
}

struct pst_standing pst_admit_standing(const struct pst_exchange *exchange,
                                       const struct pst_facts *facts)
{
    return (struct pst_standing){
        .mode = exchange->mode,
        .place = exchange->place,
        .passage = exchange->passage,
        .session = facts->session,
        .size = size_of(exchange, facts),
        .sight = facts->sight,
        .seal = exchange->seal,
        .relation = relation_of(facts),
        .agreement = pst_admit_agreement_of(&facts->consent, facts),
        .terms = pst_admit_terms_of(&facts->consent, facts),
        .tls = pst_admit_tls(exchange->tls_version, exchange->tls_aead),
        .within_rate = facts->within_rate,
        .signature = exchange->signature == PST_ADMIT_SIGNATURE_GOOD,
        .clock = pst_admit_clock(exchange->sent_ms, facts->now_ms),
        .id_free = facts->earlier == PST_ADMIT_EARLIER_NONE,
        .credential = facts->credential == PST_ADMIT_CREDENTIAL_GOOD,
        .in_scope = in_scope(exchange->purposes, &facts->consent),
        .unrestricted = facts->unrestricted,
        .enrolled = facts->enrolment == PST_ADMIT_ENROLMENT_COMPLETE,
        .recipients_exact = facts->recipients_exact,
        .inbound_agreed = inbound_agreed(&facts->consent),
        .store_up = facts->store_up,
    };
}
