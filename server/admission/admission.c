#include "server/admission/admission.h"

/* In which modes a rule is tried. */
#define IN_MESSAGE (1U << PST_ADMIT_MESSAGE)
#define IN_HEADER (1U << PST_ADMIT_HEADER)
#define IN_THREAD (1U << PST_ADMIT_THREAD)
#define OF_MESSAGE (IN_MESSAGE | IN_HEADER)
#define ALWAYS (OF_MESSAGE | IN_THREAD)

static bool tls_required(const struct pst_standing *s)
{
    return !s->tls;
}

static bool not_authenticated(const struct pst_standing *s)
{
    return s->session != PST_ADMIT_SESSION_FULL;
}

static bool rate_limited(const struct pst_standing *s)
{
    return !s->within_rate;
}

/* The quota is the store's to tell; sizes are known without it. */
static bool too_large(const struct pst_standing *s)
{
    if (s->size == PST_ADMIT_SIZE_QUOTA)
        return s->store_up;
    return s->size != PST_ADMIT_SIZE_FITS;
}

static bool not_permitted(const struct pst_standing *s)
{
    return s->sight != PST_ADMIT_SEEN;
}

/* By its header alone, a well-formed header is all there is to see. */
static bool not_sealed(const struct pst_standing *s)
{
    if (s->mode == PST_ADMIT_HEADER && s->seal == PST_ADMIT_SEAL_HEADER)
        return false;
    return s->seal != PST_ADMIT_SEAL_WHOLE;
}

static bool bad_signature(const struct pst_standing *s)
{
    return !s->signature;
}

static bool clock_wrong(const struct pst_standing *s)
{
    return !s->clock;
}

static bool replayed(const struct pst_standing *s)
{
    return !s->id_free;
}

static bool credential(const struct pst_standing *s)
{
    return !s->credential;
}

static bool not_established(const struct pst_standing *s)
{
    return s->relation != PST_ADMIT_RELATION_ESTABLISHED &&
           s->relation != PST_ADMIT_RELATION_BREAK_GLASS;
}

static bool consent_refused(const struct pst_standing *s)
{
    return s->agreement == PST_ADMIT_AGREEMENT_REFUSED;
}

static bool consent_withdrawn(const struct pst_standing *s)
{
    return s->agreement == PST_ADMIT_AGREEMENT_WITHDRAWN;
}

static bool consent_expired(const struct pst_standing *s)
{
    return s->agreement == PST_ADMIT_AGREEMENT_EXPIRED;
}

/* Whatever is none of the known states is no consent. */
static bool consent_missing(const struct pst_standing *s)
{
    return s->agreement != PST_ADMIT_AGREEMENT_LIVE && s->agreement != PST_ADMIT_AGREEMENT_REPLY &&
           !consent_refused(s) && !consent_withdrawn(s) && !consent_expired(s);
}

static bool consent_scope(const struct pst_standing *s)
{
    return !s->in_scope;
}

static bool consent_outdated(const struct pst_standing *s)
{
    return s->terms != PST_ADMIT_TERMS_CURRENT && s->terms != PST_ADMIT_TERMS_REPLY;
}

static bool restricted(const struct pst_standing *s)
{
    return !s->unrestricted;
}

static bool not_enrolled(const struct pst_standing *s)
{
    return !s->enrolled;
}

static bool wrong_recipients(const struct pst_standing *s)
{
    return !s->recipients_exact;
}

static bool personal_channel(const struct pst_standing *s)
{
    if (s->passage == PST_ADMIT_INBOUND)
        return !s->inbound_agreed;
    return s->passage != PST_ADMIT_SAFE;
}

static bool unavailable(const struct pst_standing *s)
{
    return !s->store_up;
}

/*
 * One row per refusal, in rule order. `store`: its facts come from the store,
 * so without the store it says nothing, and the last rule refuses. `room`: it
 * applies among colleagues too.
 */
struct rule {
    bool (*refuses)(const struct pst_standing *s);
    unsigned modes;
    bool store;
    bool room;
};

static const struct rule rules[PST_REFUSAL__MAX] = {
    [PST_REFUSAL_TLS_REQUIRED] = {tls_required, ALWAYS, .store = false, .room = true},
    [PST_REFUSAL_NOT_AUTHENTICATED] = {not_authenticated, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_RATE_LIMITED] = {rate_limited, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_TOO_LARGE] = {too_large, ALWAYS, .store = false, .room = true},
    [PST_REFUSAL_NOT_PERMITTED] = {not_permitted, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_NOT_SEALED] = {not_sealed, OF_MESSAGE, .store = false, .room = true},
    [PST_REFUSAL_BAD_SIGNATURE] = {bad_signature, OF_MESSAGE, .store = true, .room = true},
    [PST_REFUSAL_CLOCK] = {clock_wrong, OF_MESSAGE, .store = false, .room = true},
    [PST_REFUSAL_REPLAYED] = {replayed, OF_MESSAGE, .store = true, .room = true},
    [PST_REFUSAL_CREDENTIAL] = {credential, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_NOT_ESTABLISHED] = {not_established, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_MISSING] = {consent_missing, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_REFUSED] = {consent_refused, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_WITHDRAWN] = {consent_withdrawn, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_EXPIRED] = {consent_expired, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_SCOPE] = {consent_scope, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_CONSENT_OUTDATED] = {consent_outdated, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_RESTRICTED] = {restricted, ALWAYS, .store = true, .room = false},
    [PST_REFUSAL_NOT_ENROLLED] = {not_enrolled, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_WRONG_RECIPIENTS] = {wrong_recipients, OF_MESSAGE, .store = true, .room = true},
    [PST_REFUSAL_PERSONAL_CHANNEL] = {personal_channel, ALWAYS, .store = true, .room = true},
    [PST_REFUSAL_UNAVAILABLE] = {unavailable, ALWAYS, .store = false, .room = true},
};

static enum pst_policy_outcome try_rule(const struct rule *rule, const struct pst_standing *s)
{
    if ((rule->modes & (1U << s->mode)) == 0)
        return PST_POLICY_NOT_TRIED;
    if (s->place == PST_ADMIT_ROOM && !rule->room)
        return PST_POLICY_NOT_TRIED;
    if (rule->store && !s->store_up)
        return PST_POLICY_NOT_TRIED;
    return rule->refuses(s) ? PST_POLICY_FAILED : PST_POLICY_PASSED;
}

enum pst_refusal pst_admit_decide(const struct pst_standing *standing)
{
    /* A mode outside the list would try no rule at all. */
    if ((unsigned)standing->mode >= PST_ADMIT__MODE_MAX)
        return PST_REFUSAL_UNAVAILABLE;
    for (int i = PST_REFUSAL_NONE + 1; i < PST_REFUSAL__MAX; i++) {
        if (try_rule(&rules[i], standing) == PST_POLICY_FAILED)
            return (enum pst_refusal)i;
    }
    return PST_REFUSAL_NONE;
}

void pst_policy_explain(const struct pst_exchange *exchange, const struct pst_facts *facts,
                        struct pst_policy_line ret_lines[static PST_REFUSAL__MAX])
{
    const struct pst_standing standing = pst_admit_standing(exchange, facts);
    bool admitted = pst_admit_decide(&standing) == PST_REFUSAL_NONE;
    ret_lines[0].rule = PST_REFUSAL_NONE;
    ret_lines[0].outcome = admitted ? PST_POLICY_PASSED : PST_POLICY_FAILED;
    for (int i = PST_REFUSAL_NONE + 1; i < PST_REFUSAL__MAX; i++) {
        ret_lines[i].rule = (enum pst_refusal)i;
        ret_lines[i].outcome = try_rule(&rules[i], &standing);
    }
}

static void earlier(int64_t *until_ms, int64_t end_ms)
{
    if (end_ms < *until_ms)
        *until_ms = end_ms;
}

/* a + b, where times far off stay far off. */
static int64_t after(int64_t at_ms, int64_t span_ms)
{
    int64_t sum = 0;
    return __builtin_add_overflow(at_ms, span_ms, &sum) ? PST_ADMIT_NO_END : sum;
}

/* When the first of what admitted it ends, and its reply window if it answers. */
static int64_t until(const struct pst_standing *s, const struct pst_facts *facts)
{
    const struct pst_admit_consent *consent = &facts->consent;
    int64_t window_ms = facts->answers ? facts->reply_window_ms : 0;
    int64_t end_ms = PST_ADMIT_NO_END;
    if (facts->credential_until_ms != 0)
        earlier(&end_ms, facts->credential_until_ms);
    if (s->place == PST_ADMIT_ROOM)
        return end_ms;
    earlier(&end_ms, facts->established_until_ms > facts->break_glass_until_ms
                         ? facts->established_until_ms
                         : facts->break_glass_until_ms);
    if (consent->expires_ms != 0)
        earlier(&end_ms, after(consent->expires_ms, window_ms));
    if (consent->superseded_ms != 0)
        earlier(&end_ms, after(after(consent->superseded_ms, facts->grace_ms), window_ms));
    return end_ms;
}

static enum pst_admit_basis basis(const struct pst_standing *s)
{
    if (s->place == PST_ADMIT_ROOM)
        return PST_ADMIT_BASIS_ROOM;
    if (s->agreement == PST_ADMIT_AGREEMENT_REPLY || s->terms == PST_ADMIT_TERMS_REPLY)
        return PST_ADMIT_BASIS_REPLY;
    return PST_ADMIT_BASIS_CONSENT;
}

static int http_status(enum pst_refusal code, const struct pst_standing *s)
{
    if (code == PST_REFUSAL_NOT_PERMITTED && s->sight == PST_ADMIT_FORBIDDEN)
        return 403;
    return pst_refusal_http(code);
}

struct pst_verdict pst_admit(const struct pst_exchange *exchange, const struct pst_facts *facts)
{
    const struct pst_standing standing = pst_admit_standing(exchange, facts);
    struct pst_verdict verdict = {.code = pst_admit_decide(&standing)};
    verdict.http = http_status(verdict.code, &standing);
    if (verdict.code == PST_REFUSAL_RATE_LIMITED)
        verdict.retry_ms = facts->retry_ms;
    if (verdict.code != PST_REFUSAL_NONE)
        return verdict;
    verdict.basis = basis(&standing);
    verdict.relation =
        standing.place == PST_ADMIT_ROOM ? PST_ADMIT_RELATION_NONE : standing.relation;
    verdict.until_ms = until(&standing, facts);
    verdict.later_needed = standing.mode != PST_ADMIT_MESSAGE;
    return verdict;
}

bool pst_admit_may_repeat(const struct pst_exchange *exchange, const struct pst_facts *facts)
{
    return facts->store_up && pst_admit_tls(exchange->tls_version, exchange->tls_aead) &&
           facts->session == PST_ADMIT_SESSION_FULL && facts->earlier == PST_ADMIT_EARLIER_SAME;
}

const char *pst_admit_basis_name(enum pst_admit_basis value)
{
    static const char *const names[PST_ADMIT__BASIS_MAX] = {"none", "consent", "reply", "room"};
    return (unsigned)value < PST_ADMIT__BASIS_MAX ? names[value] : names[0];
}

const char *pst_admit_relation_name(enum pst_admit_relation value)
{
    static const char *const names[PST_ADMIT__RELATION_MAX] = {"none", "break-glass",
                                                               "established"};
    return (unsigned)value < PST_ADMIT__RELATION_MAX ? names[value] : names[0];
}

const char *pst_policy_outcome_name(enum pst_policy_outcome value)
{
    static const char *const names[PST_POLICY__OUTCOME_MAX] = {"passed", "failed", "not-tried"};
    return (unsigned)value < PST_POLICY__OUTCOME_MAX ? names[value] : names[1];
}
