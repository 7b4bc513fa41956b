/*
 * Every standing there is, one after the other: the rules look at nothing else
 * (server/admission/admission.h), so what holds here holds of every exchange.
 *
 * An oracle, written apart from the rules as a table of what each value of
 * each fact offends against, predicts the exact first code. Beside it, each
 * property "nothing is admitted without X" is held over the whole space, and
 * the number of combinations in which X was missing is printed.
 */
#include "server/admission/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* A set of refusals. */
#define R(name) (1U << PST_REFUSAL_##name)

#define PROPERTIES                                                                                 \
    P(TLS, "TLS")                                                                                  \
    P(SESSION, "a session")                                                                        \
    P(SECOND_FACTOR, "the second factor")                                                          \
    P(RATE, "being within the rate")                                                               \
    P(SIZE, "being within size and quota")                                                         \
    P(SIGHT, "the right to see and use the thread")                                                \
    P(SEAL, "a seal")                                                                              \
    P(SIGNATURE, "a signature by a current certified key")                                         \
    P(CLOCK, "a right clock")                                                                      \
    P(FRESH, "an id of its own")                                                                   \
    P(CREDENTIAL, "a credential")                                                                  \
    P(RELATION, "an established relationship or a live break-glass")                               \
    P(CONSENT, "live consent or a reply within its window")                                        \
    P(SCOPE, "consent for this purpose and address")                                               \
    P(TERMS, "current terms, their grace or a reply within its window")                            \
    P(RESTRICTION, "freedom from restrictions")                                                    \
    P(ENROLMENT, "enrolled recipients")                                                            \
    P(RECIPIENTS, "exact recipients")                                                              \
    P(CHANNEL, "a safe channel or consent to inbound mail")                                        \
    P(STORE, "the store")

enum {
#define P(name, text) PROPERTY_##name,
    PROPERTIES
#undef P
        PROPERTIES_COUNT
};

static const char *const property_names[] = {
#define P(name, text) text,
    PROPERTIES
#undef P
};

#define WITHOUT(name) (1U << PROPERTY_##name)

/* Rules among colleagues alone: 11 to 16 are the patient's. */
#define PATIENT_RULES                                                                              \
    (R(NOT_ESTABLISHED) | R(CONSENT_MISSING) | R(CONSENT_REFUSED) | R(CONSENT_WITHDRAWN) |         \
     R(CONSENT_EXPIRED) | R(CONSENT_SCOPE) | R(CONSENT_OUTDATED) | R(RESTRICTED))
#define PATIENT_PROPERTIES                                                                         \
    (WITHOUT(RELATION) | WITHOUT(CONSENT) | WITHOUT(SCOPE) | WITHOUT(TERMS) | WITHOUT(RESTRICTION))

/* Rules that need a message; the others are tried before anybody types. */
#define MESSAGE_RULES                                                                              \
    (R(NOT_SEALED) | R(BAD_SIGNATURE) | R(CLOCK) | R(REPLAYED) | R(WRONG_RECIPIENTS))
#define MESSAGE_PROPERTIES                                                                         \
    (WITHOUT(SEAL) | WITHOUT(SIGNATURE) | WITHOUT(CLOCK) | WITHOUT(FRESH) | WITHOUT(RECIPIENTS))

/* Without the store only these can be told; it is the last that refuses the rest. */
#define STORELESS_RULES (R(TLS_REQUIRED) | R(TOO_LARGE) | R(NOT_SEALED) | R(CLOCK) | R(UNAVAILABLE))

/* What one value of one fact offends against. */
struct offence {
    uint32_t refusals;
    uint32_t missing;
};

struct dimension {
    const char *name;
    size_t offset;
    size_t size;
    unsigned count;
    struct offence offences[PST_ADMIT__AGREEMENT_MAX];
};

#define ENUM(member, max)                                                                          \
#member, offsetof(struct pst_standing, member), sizeof(((struct pst_standing *)0)->member), max
#define BOOL(member, refusal, property)                                                            \
    {                                                                                              \
        ENUM(member, 2),                                                                           \
        {                                                                                          \
            {refusal, property},                                                                   \
            {                                                                                      \
                0, 0                                                                               \
            }                                                                                      \
        }                                                                                          \
    }

/* Mode, place and store_up come first: what offends depends on them. */
static const struct dimension dimensions[] = {
    {ENUM(mode, PST_ADMIT__MODE_MAX), {{0, 0}}},
    {ENUM(place, PST_ADMIT__PLACE_MAX), {{0, 0}}},
    BOOL(store_up, R(UNAVAILABLE), WITHOUT(STORE)),
    {ENUM(passage, PST_ADMIT__PASSAGE_MAX),
     {[PST_ADMIT_PERSONAL] = {R(PERSONAL_CHANNEL), WITHOUT(CHANNEL)}}},
    /* offends only with inbound mail: see offence_of() */
    BOOL(inbound_agreed, R(PERSONAL_CHANNEL), WITHOUT(CHANNEL)),
    {ENUM(session, PST_ADMIT__SESSION_MAX),
     {[PST_ADMIT_SESSION_NONE] = {R(NOT_AUTHENTICATED), WITHOUT(SESSION)},
      [PST_ADMIT_SESSION_ONE_FACTOR] = {R(NOT_AUTHENTICATED), WITHOUT(SECOND_FACTOR)}}},
    {ENUM(size, PST_ADMIT__SIZE_MAX),
     {[PST_ADMIT_SIZE_OVER] = {R(TOO_LARGE), WITHOUT(SIZE)},
      [PST_ADMIT_SIZE_QUOTA] = {R(TOO_LARGE), WITHOUT(SIZE)}}},
    {ENUM(sight, PST_ADMIT__SIGHT_MAX),
     {[PST_ADMIT_ABSENT] = {R(NOT_PERMITTED), WITHOUT(SIGHT)},
      [PST_ADMIT_FORBIDDEN] = {R(NOT_PERMITTED), WITHOUT(SIGHT)}}},
    {ENUM(seal, PST_ADMIT__SEAL_MAX),
     {[PST_ADMIT_SEAL_UNKNOWN] = {R(NOT_SEALED), WITHOUT(SEAL)},
      [PST_ADMIT_SEAL_BROKEN] = {R(NOT_SEALED), WITHOUT(SEAL)},
      /* does for a header alone: see offence_of() */
      [PST_ADMIT_SEAL_HEADER] = {R(NOT_SEALED), WITHOUT(SEAL)}}},
    {ENUM(relation, PST_ADMIT__RELATION_MAX),
     {[PST_ADMIT_RELATION_NONE] = {R(NOT_ESTABLISHED), WITHOUT(RELATION)}}},
    {ENUM(agreement, PST_ADMIT__AGREEMENT_MAX),
     {[PST_ADMIT_AGREEMENT_NONE] = {R(CONSENT_MISSING), WITHOUT(CONSENT)},
      [PST_ADMIT_AGREEMENT_REFUSED] = {R(CONSENT_REFUSED), WITHOUT(CONSENT)},
      [PST_ADMIT_AGREEMENT_WITHDRAWN] = {R(CONSENT_WITHDRAWN), WITHOUT(CONSENT)},
      [PST_ADMIT_AGREEMENT_EXPIRED] = {R(CONSENT_EXPIRED), WITHOUT(CONSENT)}}},
    {ENUM(terms, PST_ADMIT__TERMS_MAX),
     {[PST_ADMIT_TERMS_OUTDATED] = {R(CONSENT_OUTDATED), WITHOUT(TERMS)}}},
    BOOL(tls, R(TLS_REQUIRED), WITHOUT(TLS)),
    BOOL(within_rate, R(RATE_LIMITED), WITHOUT(RATE)),
    BOOL(signature, R(BAD_SIGNATURE), WITHOUT(SIGNATURE)),
    BOOL(clock, R(CLOCK), WITHOUT(CLOCK)),
    BOOL(id_free, R(REPLAYED), WITHOUT(FRESH)),
    BOOL(credential, R(CREDENTIAL), WITHOUT(CREDENTIAL)),
    BOOL(in_scope, R(CONSENT_SCOPE), WITHOUT(SCOPE)),
    BOOL(unrestricted, R(RESTRICTED), WITHOUT(RESTRICTION)),
    BOOL(enrolled, R(NOT_ENROLLED), WITHOUT(ENROLMENT)),
    BOOL(recipients_exact, R(WRONG_RECIPIENTS), WITHOUT(RECIPIENTS)),
};

/* Mode, place and the store are set: what can apply at all is known. */
#define SCOPE_DEPTH 3

#define DIMENSIONS_COUNT (sizeof dimensions / sizeof dimensions[0])

static struct {
    struct pst_standing standing;
    struct offence scope; /* of the mode, place and store now walked */
    uint64_t tried;
    uint64_t admitted[PST_ADMIT__MODE_MAX][PST_ADMIT__PLACE_MAX];
    uint64_t by_code[PST_REFUSAL__MAX];
    uint64_t by_missing[1U << PROPERTIES_COUNT];
    uint64_t wrong;
} walk;

/* The few places where a value offends only together with another. */
static struct offence offence_of(const struct dimension *dimension, unsigned value)
{
    const struct pst_standing *s = &walk.standing;
    struct offence offence = dimension->offences[value];
    if (dimension->offset == offsetof(struct pst_standing, inbound_agreed) &&
        s->passage != PST_ADMIT_INBOUND)
        return (struct offence){0, 0};
    if (dimension->offset == offsetof(struct pst_standing, seal) && s->mode == PST_ADMIT_HEADER &&
        value == PST_ADMIT_SEAL_HEADER)
        return (struct offence){0, 0};
    if (dimension->offset == offsetof(struct pst_standing, size) && !s->store_up &&
        value == PST_ADMIT_SIZE_QUOTA)
        offence.refusals = 0;
    return offence;
}

/* What can apply at all; nothing that cannot is asked of the properties. */
static struct offence scope(void)
{
    const struct pst_standing *s = &walk.standing;
    struct offence scope = {~0U, ~0U};
    if (s->mode == PST_ADMIT_THREAD) {
        scope.refusals &= ~MESSAGE_RULES;
        scope.missing &= ~MESSAGE_PROPERTIES;
    }
    if (s->place == PST_ADMIT_ROOM) {
        scope.refusals &= ~PATIENT_RULES;
        scope.missing &= ~PATIENT_PROPERTIES;
    }
    if (!s->store_up)
        scope.refusals &= STORELESS_RULES;
    return scope;
}

static void check(struct offence found)
{
    enum pst_refusal got = pst_admit_decide(&walk.standing);
    uint32_t refusals = found.refusals & walk.scope.refusals;
    uint32_t missing = found.missing & walk.scope.missing;
    enum pst_refusal expected =
        refusals == 0 ? PST_REFUSAL_NONE : (enum pst_refusal)__builtin_ctz(refusals);
    walk.tried++;
    walk.by_missing[missing]++;
    walk.by_code[got]++;
    if (got == PST_REFUSAL_NONE)
        walk.admitted[walk.standing.mode][walk.standing.place]++;
    if (got != expected || (got == PST_REFUSAL_NONE && missing != 0)) {
        if (walk.wrong++ < 5)
            fprintf(stderr, "expected %s, got %s, missing %05" PRIx32 "\n",
                    pst_refusal_code(expected), pst_refusal_code(got), missing);
    }
}

static void set(const struct dimension *dimension, unsigned value)
{
    unsigned char *at = (unsigned char *)&walk.standing + dimension->offset;
    if (dimension->size == sizeof(bool))
        *(bool *)at = value != 0;
    else
        memcpy(at, &value, sizeof value);
}

static void walk_from(size_t depth, struct offence found)
{
    if (depth == DIMENSIONS_COUNT) {
        check(found);
        return;
    }
    if (depth == SCOPE_DEPTH)
        walk.scope = scope();
    const struct dimension *dimension = &dimensions[depth];
    for (unsigned value = 0; value < dimension->count; value++) {
        set(dimension, value);
        struct offence offence = offence_of(dimension, value);
        walk_from(depth + 1, (struct offence){found.refusals | offence.refusals,
                                              found.missing | offence.missing});
    }
}

/* A member of the standing that no dimension covers would go untried. */
static void check_every_byte_is_walked(void)
{
    unsigned char covered[sizeof(struct pst_standing)] = {0};
    size_t bytes = 0;
    for (size_t i = 0; i < DIMENSIONS_COUNT; i++) {
        for (size_t b = 0; b < dimensions[i].size; b++) {
            ck_assert_int_eq(covered[dimensions[i].offset + b]++, 0);
            bytes++;
        }
    }
    /* Only what pads the end may stay uncovered: less than one enum. */
    ck_assert_uint_lt(sizeof(struct pst_standing) - bytes, sizeof(enum pst_admit_mode));
    ck_assert_uint_ge(sizeof(struct pst_standing), bytes);
}

static uint64_t missing_alone_or_not(int property, uint64_t *ret_alone)
{
    uint64_t sum = 0;
    for (uint32_t set_of = 0; set_of < (1U << PROPERTIES_COUNT); set_of++) {
        if ((set_of & (1U << property)) != 0)
            sum += walk.by_missing[set_of];
    }
    *ret_alone = walk.by_missing[1U << property];
    return sum;
}

static void check_properties(void)
{
    for (int p = 0; p < PROPERTIES_COUNT; p++) {
        uint64_t alone = 0;
        uint64_t without = missing_alone_or_not(p, &alone);
        printf("  nothing admitted without %-58s %10" PRIu64 " tried, %6" PRIu64
               " with all else in order\n",
               property_names[p], without, alone);
        ck_assert_uint_gt(alone, 0);
    }
}

/* A rule that refuses all would keep every property. */
static void check_liveness(void)
{
    for (int mode = 0; mode < PST_ADMIT__MODE_MAX; mode++) {
        for (int place = 0; place < PST_ADMIT__PLACE_MAX; place++)
            ck_assert_uint_gt(walk.admitted[mode][place], 0);
    }
    for (int code = 0; code < PST_REFUSAL__MAX; code++)
        ck_assert_msg(walk.by_code[code] > 0, "never: %s",
                      pst_refusal_code((enum pst_refusal)code));
    ck_assert_uint_eq(walk.by_code[PST_REFUSAL_NONE], walk.by_missing[0]);
}

START_TEST(every_standing_gets_its_first_code_and_none_is_admitted_without_what_it_needs)
{
    uint64_t expected = 1;
    check_every_byte_is_walked();
    for (size_t i = 0; i < DIMENSIONS_COUNT; i++)
        expected *= dimensions[i].count;
    walk_from(0, (struct offence){0, 0});
    ck_assert_uint_eq(walk.tried, expected);
    printf("admission: %" PRIu64 " combinations tried, %" PRIu64 " with another code than "
           "predicted, %" PRIu64 " admitted\n",
           walk.tried, walk.wrong, walk.by_code[PST_REFUSAL_NONE]);
    check_properties();
    check_liveness();
    ck_assert_uint_eq(walk.wrong, 0);
}
END_TEST

PST_UNIT_MAIN("admission_exhaustive",
              every_standing_gets_its_first_code_and_none_is_admitted_without_what_it_needs)
