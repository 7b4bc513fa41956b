/*
 * Admission: whether one exchange is let through, and if not, why.
 *
 *     (exchange, facts) -> standing -> verdict
 *
 * Pure: no I/O, no clock (now is a fact), no allocation, no state; any thread.
 * Uses lib alone. The caller reads the facts inside the transaction that
 * commits what the verdict says. pst_admit_standing() turns raw values (rows,
 * times, sizes) into a standing, which has finitely many values; pst_admit_decide()
 * tries the rules on it in the order of refusal.def. tests/unit walks every
 * standing there is.
 *
 * Whatever is left zero refuses: forgetting a fact closes, never opens.
 */
#ifndef POSTERN_SERVER_ADMISSION_H
#define POSTERN_SERVER_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/names.h"
#include "postern/refusal.h"
#include "postern/time.h"

/* A sender's clock may be this far off: both ends still pass. */
#define PST_ADMIT_AHEAD_MS (5 * PST_MINUTE_MS)
#define PST_ADMIT_BEHIND_MS (24 * PST_HOUR_MS)

/* No end is known, or none is needed. */
#define PST_ADMIT_NO_END INT64_MAX

#define PST_ADMIT_PURPOSE(purpose) ((uint32_t)1 << (purpose))

/* How much of a message there is. */
enum pst_admit_mode {
    PST_ADMIT_MESSAGE, /* all of it */
    PST_ADMIT_HEADER,  /* a large upload, by its header, before its body is taken */
    PST_ADMIT_THREAD,  /* none: "may I write here?", and for giving out keys */
    PST_ADMIT__MODE_MAX
};

enum pst_admit_place {
    PST_ADMIT_PATIENT, /* a patient's thread with a team */
    PST_ADMIT_ROOM,    /* colleagues alone: the patient's rules do not apply */
    PST_ADMIT__PLACE_MAX
};

/* The way it came, or would go. */
enum pst_admit_passage {
    PST_ADMIT_PERSONAL, /* text message, social media, telephone, a recorded redirect */
    PST_ADMIT_INBOUND,  /* mail from a patient's own address: by their consent alone */
    PST_ADMIT_SAFE,     /* portal, client, submission, an original sealed by its forwarder */
    PST_ADMIT__PASSAGE_MAX
};

enum pst_admit_session {
    PST_ADMIT_SESSION_NONE,
    PST_ADMIT_SESSION_ONE_FACTOR, /* this role needs a second one, and it is missing */
    PST_ADMIT_SESSION_FULL,
    PST_ADMIT__SESSION_MAX
};

/* What this person may know of the thread. */
enum pst_admit_sight {
    PST_ADMIT_ABSENT,    /* no such thread, or not for this person: 404, the same */
    PST_ADMIT_FORBIDDEN, /* the role may never use this route: 403 */
    PST_ADMIT_SEEN,
    PST_ADMIT__SIGHT_MAX
};

/* What was found by looking at the envelope (lib's checks). */
enum pst_admit_seal {
    PST_ADMIT_SEAL_UNKNOWN, /* not looked at, or another Content-Type */
    PST_ADMIT_SEAL_BROKEN,
    PST_ADMIT_SEAL_HEADER, /* header, signature line and age header are well-formed */
    PST_ADMIT_SEAL_WHOLE,  /* and the whole is what its header says */
    PST_ADMIT__SEAL_MAX
};

enum pst_admit_signature {
    PST_ADMIT_SIGNATURE_UNKNOWN, /* not checked, or missing */
    PST_ADMIT_SIGNATURE_WRONG,
    PST_ADMIT_SIGNATURE_UNKNOWN_KEY,
    PST_ADMIT_SIGNATURE_UNCERTIFIED,
    PST_ADMIT_SIGNATURE_REPLACED,
    PST_ADMIT_SIGNATURE_OTHER_HEADER, /* of another origin, thread or sender */
    PST_ADMIT_SIGNATURE_GOOD,         /* by the sender's current, certified key */
    PST_ADMIT__SIGNATURE_MAX
};

/* Whether the id was accepted before; see pst_admit_may_repeat(). */
enum pst_admit_earlier {
    PST_ADMIT_EARLIER_UNKNOWN,
    PST_ADMIT_EARLIER_OTHER, /* other bytes, or another sender */
    PST_ADMIT_EARLIER_SAME,
    PST_ADMIT_EARLIER_NONE,
    PST_ADMIT__EARLIER_MAX
};

/* In a patient's thread the writing clinician's, or, when the patient writes, the best in
 * the team; in a room the worst of all members. In rising order of good. */
enum pst_admit_credential {
    PST_ADMIT_CREDENTIAL_UNVERIFIED,
    PST_ADMIT_CREDENTIAL_LEFT, /* disabled, or no longer in the practice */
    PST_ADMIT_CREDENTIAL_LAPSED,
    PST_ADMIT_CREDENTIAL_GOOD,
    PST_ADMIT__CREDENTIAL_MAX
};

/* The worst of all recipients. */
enum pst_admit_enrolment {
    PST_ADMIT_ENROLMENT_MISSING,
    PST_ADMIT_ENROLMENT_DISABLED,
    PST_ADMIT_ENROLMENT_MERGED,
    PST_ADMIT_ENROLMENT_COMPLETE,
    PST_ADMIT__ENROLMENT_MAX
};

/* What is asked, and what looking at it alone has told. */
struct pst_exchange {
    enum pst_admit_mode mode;
    enum pst_admit_place place;
    enum pst_admit_passage passage;
    int tls_version; /* as OpenSSL counts: 0x0303 is 1.2; 0: none */
    bool tls_aead;   /* the suite in use; always so from 1.3 on */
    /* Of the message; not looked at with PST_ADMIT_THREAD. */
    uint64_t size_bytes; /* of the envelope: declared or real, whichever is greater */
    uint32_t attachments;
    int64_t sent_ms;
    enum pst_admit_seal seal;
    enum pst_admit_signature signature;
    /* PST_ADMIT_PURPOSE() bits; pst_admit_purposes() makes them. */
    uint32_t purposes;
};

/* The latest record of the patient's consent chain; zeroed where there is none. */
struct pst_admit_consent {
    bool recorded;
    enum pst_decision decision;
    uint32_t purposes;     /* granted: PST_ADMIT_PURPOSE() bits */
    int64_t expires_ms;    /* first millisecond it no longer holds; 0: never */
    int64_t superseded_ms; /* when newer terms took effect, that the record is not for; 0: none */
    bool addresses_match;  /* every exact address and proxy that this exchange needs */
    bool inbound_address_matches; /* the sender's, for the purpose email-inbound */
};

/* What the store, the session and the configuration say. */
struct pst_facts {
    int64_t now_ms;
    bool store_up; /* every fact below that the store keeps was read, in one transaction */
    enum pst_admit_session session;
    bool within_rate;
    int64_t retry_ms; /* when not within the rate: how long to wait */
    uint64_t size_max_bytes;
    uint32_t attachments_max;
    uint64_t quota_left_bytes; /* UINT64_MAX: no quota */
    enum pst_admit_sight sight;
    enum pst_admit_earlier earlier;
    enum pst_admit_credential credential;
    int64_t credential_until_ms; /* for the answer's "until" alone; 0: not known */
    /* First millisecond no longer established; 0: never was. By the clinician who writes, or
     * when the patient or the team writes by any current member of the thread's team. */
    int64_t established_until_ms;
    int64_t break_glass_until_ms; /* first millisecond it no longer holds; 0: none */
    struct pst_admit_consent consent;
    int64_t grace_ms;        /* configured: how long outdated terms still do */
    int64_t reply_window_ms; /* configured: how long after a lapse a reply is possible */
    /* It answers a message of this thread that the sender received under valid consent; with
     * PST_ADMIT_THREAD: there is such a message to answer. */
    bool answers;
    bool unrestricted; /* no live restriction forbids this exchange */
    enum pst_admit_enrolment enrolment;
    bool recipients_exact; /* sealed to exactly the members' current keys and the records key */
};

enum pst_admit_relation {
    PST_ADMIT_RELATION_NONE,
    PST_ADMIT_RELATION_BREAK_GLASS,
    PST_ADMIT_RELATION_ESTABLISHED,
    PST_ADMIT__RELATION_MAX
};

enum pst_admit_agreement {
    PST_ADMIT_AGREEMENT_NONE,
    PST_ADMIT_AGREEMENT_REFUSED,
    PST_ADMIT_AGREEMENT_WITHDRAWN,
    PST_ADMIT_AGREEMENT_EXPIRED,
    PST_ADMIT_AGREEMENT_REPLY, /* expired, but this is a reply within its window */
    PST_ADMIT_AGREEMENT_LIVE,
    PST_ADMIT__AGREEMENT_MAX
};

enum pst_admit_terms {
    PST_ADMIT_TERMS_OUTDATED, /* newer terms, and the grace period is over */
    PST_ADMIT_TERMS_REPLY,    /* so, but this is a reply within its window */
    PST_ADMIT_TERMS_CURRENT,  /* or within the grace period */
    PST_ADMIT__TERMS_MAX
};

enum pst_admit_size {
    PST_ADMIT_SIZE_OVER,  /* too many bytes or attachments */
    PST_ADMIT_SIZE_QUOTA, /* the quota is used up */
    PST_ADMIT_SIZE_FITS,
    PST_ADMIT__SIZE_MAX
};

/* All that a rule looks at. Finite: the product of its members' values. */
struct pst_standing {
    enum pst_admit_mode mode;
    enum pst_admit_place place;
    enum pst_admit_passage passage;
    enum pst_admit_session session;
    enum pst_admit_size size;
    enum pst_admit_sight sight;
    enum pst_admit_seal seal;
    enum pst_admit_relation relation;
    enum pst_admit_agreement agreement;
    enum pst_admit_terms terms;
    bool tls;
    bool within_rate;
    bool signature;
    bool clock;
    bool id_free;
    bool credential;
    bool in_scope;
    bool unrestricted;
    bool enrolled;
    bool recipients_exact;
    bool inbound_agreed;
    bool store_up;
};

/* On what an admission rests, for the event's "basis". */
enum pst_admit_basis {
    PST_ADMIT_BASIS_NONE, /* refused */
    PST_ADMIT_BASIS_CONSENT,
    PST_ADMIT_BASIS_REPLY,
    PST_ADMIT_BASIS_ROOM,
    PST_ADMIT__BASIS_MAX
};

struct pst_verdict {
    enum pst_refusal code; /* PST_REFUSAL_NONE: admitted */
    int http;              /* status to answer: 200 where admitted; not-permitted 404 or 403 */
    enum pst_admit_basis basis;
    enum pst_admit_relation relation; /* what it rested on; NONE in rooms and where refused */
    int64_t until_ms;  /* admitted: first millisecond it would not be any more, or NO_END */
    int64_t retry_ms;  /* rate-limited: how long to wait; else 0 */
    bool later_needed; /* admitted by less than a message: its end is to be decided again */
};

/* The answer. */
struct pst_verdict pst_admit(const struct pst_exchange *exchange, const struct pst_facts *facts);

/* Its two halves. */
struct pst_standing pst_admit_standing(const struct pst_exchange *exchange,
                                       const struct pst_facts *facts);
enum pst_refusal pst_admit_decide(const struct pst_standing *standing);

/*
 * Whether an id accepted before is answered again with what was answered then:
 * over TLS, by its signed-in sender, for the same bytes, at any time. Ask this
 * first; pst_admit() calls such an id replayed.
 */
bool pst_admit_may_repeat(const struct pst_exchange *exchange, const struct pst_facts *facts);

enum pst_policy_outcome {
    PST_POLICY_PASSED,
    PST_POLICY_FAILED,
    PST_POLICY_NOT_TRIED, /* the rule is not for this mode or place, or its facts cannot be had */
    PST_POLICY__OUTCOME_MAX
};

/* One line per refusal in rule order: index is the code; [PST_REFUSAL_NONE] the verdict. */
struct pst_policy_line {
    enum pst_refusal rule;
    enum pst_policy_outcome outcome;
};

/*
 * Every rule by itself, also those after the first that fails: for posternd policy try.
 *   ret_lines   PST_REFUSAL__MAX lines; the first is PASSED where all pass, else FAILED
 */
void pst_policy_explain(const struct pst_exchange *exchange, const struct pst_facts *facts,
                        struct pst_policy_line ret_lines[static PST_REFUSAL__MAX]);

/* From raw values to facts. Each is what its name says, and nothing else. */

/* TLS 1.2 with an AEAD suite, or later. */
bool pst_admit_tls(int version, bool aead);

/* sent is at most PST_ADMIT_AHEAD_MS ahead of and PST_ADMIT_BEHIND_MS behind now. */
bool pst_admit_clock(int64_t sent_ms, int64_t now_ms);

/* What the exchange needs consent for: messages, images if any, the proxy where a
 * representative writes or is written to. Inbound mail: rule 19's business. */
uint32_t pst_admit_purposes(uint32_t images, bool representative);

/* PORTAL and SUBMISSION are safe, INBOUND by consent, all else personal. */
enum pst_admit_passage pst_admit_passage_of(enum pst_channel channel);

/* First millisecond (UTC) after the last day on which a visit establishes. */
int64_t pst_admit_established_until_ms(const struct pst_date *visit);

/* First millisecond (UTC) after a last day, given as days since 1970. */
int64_t pst_admit_day_end_ms(int64_t last_day);

/*
 *   active    the clinician is active in the practice
 *   checked   somebody checked the credential
 *   until_ms  first millisecond it no longer holds
 */
enum pst_admit_credential pst_admit_credential_of(bool active, bool checked, int64_t until_ms,
                                                  int64_t now_ms);

enum pst_admit_credential pst_admit_credential_worse(enum pst_admit_credential a,
                                                     enum pst_admit_credential b);

/* The latest record at now: a lapse within the reply window is REPLY where it answers. */
enum pst_admit_agreement pst_admit_agreement_of(const struct pst_admit_consent *consent,
                                                const struct pst_facts *facts);

/* The terms it was given under, at now. */
enum pst_admit_terms pst_admit_terms_of(const struct pst_admit_consent *consent,
                                        const struct pst_facts *facts);

/* "consent", "reply", "room"; "established", "break-glass", "none"; "passed" and the like. */
const char *pst_admit_basis_name(enum pst_admit_basis basis);
const char *pst_admit_relation_name(enum pst_admit_relation relation);
const char *pst_policy_outcome_name(enum pst_policy_outcome outcome);

#endif
