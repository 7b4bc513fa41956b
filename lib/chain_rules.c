#include "chain_rules.h"

#include <string.h>

int64_t pst_chain_serial(const struct pst_record *record)
{
    switch (pst_record_kind(record)) {
    case PST_RECORD_STATEMENT:
        return pst_record_statement(record)->serial;
    case PST_RECORD_ROSTER:
        return pst_record_roster(record)->serial;
    case PST_RECORD_RECORDS:
        return pst_record_records_key(record)->serial;
    default:
        return 0;
    }
}

static bool signed_by_root(const struct pst_chain *chain, const struct pst_record *record)
{
    return pst_record_verify(record, &chain->root) == PST_OK;
}

/*
 * All roles that those who signed the record, by keys certified at its time,
 * may certify together. With root, the root's signature counts too.
 */
static uint32_t certified_roles(const struct pst_chain *chain, const struct pst_record *record)
{
    uint32_t roles = signed_by_root(chain, record) ? PST_ROOT_CERTIFIES : 0;
    for (size_t i = 0; i < pst_record_signature_count(record); i++) {
        const struct pst_record *by = pst_chain_statement_by_key(
            chain, pst_record_signature_key(record, i), pst_record_at_ms(record));
        if (by == NULL || by == record)
            continue;
        const struct pst_statement *statement = pst_record_statement(by);
        if (pst_record_verify(record, &statement->sign) == PST_OK)
            roles |= pst_roles_certifies(statement->roles);
    }
    return roles;
}

static enum pst_chain_reason rule_invitation(const struct pst_chain *chain,
                                             const struct pst_record *record)
{
    const struct pst_invitation *invitation = pst_record_invitation(record);
    if (invitation->until_ms - pst_record_at_ms(record) > PST_INVITATION_MAX_MS)
        return PST_CHAIN_EXPIRED;
    /*
     * The first administrator's is unsigned and certifies nobody by itself: the
     * root must sign the statement made under it (rule_enrolment).
     */
    if (pst_record_signature_count(record) == 0)
        return invitation->roles == PST_ROOT_CERTIFIES ? PST_CHAIN_CERTIFIED
                                                       : PST_CHAIN_NO_CERTIFIER;
    uint32_t certified = certified_roles(chain, record);
    return (invitation->roles & ~certified) == 0 ? PST_CHAIN_CERTIFIED : PST_CHAIN_NO_CERTIFIER;
}

/* The certified record with this hash that is not younger than at_ms; NULL when none is. */
static const struct pst_record *by_hash(const struct pst_chain *chain,
                                        const struct pst_sha256 *hash, int64_t at_ms)
{
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        if (link->reason == PST_CHAIN_CERTIFIED && pst_record_at_ms(link->record) <= at_ms &&
            pst_sha256_equal(pst_record_hash(link->record), hash))
            return link->record;
    }
    return NULL;
}

/* Name and roles before and after: who must have certified the difference? */
static enum pst_chain_reason rule_difference(const struct pst_chain *chain,
                                             const struct pst_record *record, const char *old_name,
                                             uint32_t old_roles)
{
    const struct pst_statement *statement = pst_record_statement(record);
    uint32_t changed = statement->roles ^ old_roles;
    if (strcmp(statement->name, old_name) != 0)
        changed |= statement->roles;
    if (changed == 0)
        return PST_CHAIN_CERTIFIED;
    return (changed & ~certified_roles(chain, record)) == 0 ? PST_CHAIN_CERTIFIED
                                                            : PST_CHAIN_DIFFERS;
}

/* Is another certified statement of this invitation there? */
static bool is_used(const struct pst_chain *chain, const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        const struct pst_statement *other = pst_record_statement(link->record);
        if (link->reason == PST_CHAIN_CERTIFIED && other != NULL && other->has_invitation &&
            pst_sha256_equal(&other->invitation, &statement->invitation) &&
            !pst_sha256_equal(pst_record_hash(link->record), pst_record_hash(record)))
            return true;
    }
    return false;
}

/* The highest serial of the person among certified statements; 0: none. */
static int64_t highest_serial(const struct pst_chain *chain, const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    int64_t highest = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        const struct pst_statement *other = pst_record_statement(link->record);
        if (link->reason == PST_CHAIN_CERTIFIED && other != NULL &&
            pst_uuid_equal(&other->person, &statement->person) && other->serial > highest &&
            !pst_sha256_equal(pst_record_hash(link->record), pst_record_hash(record)))
            highest = other->serial;
    }
    return highest;
}

/* A first statement, or one after a loss: made under an invitation. */
static enum pst_chain_reason rule_enrolment(const struct pst_chain *chain,
                                            const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    int64_t at_ms = pst_record_at_ms(record);
    const struct pst_record *by = by_hash(chain, &statement->invitation, at_ms);
    const struct pst_invitation *invitation = by == NULL ? NULL : pst_record_invitation(by);
    if (invitation == NULL)
        return PST_CHAIN_NO_INVITATION;
    if (pst_record_verify(record, &invitation->key) != PST_OK)
        return PST_CHAIN_INVITATION_KEY;
    if (at_ms >= invitation->until_ms)
        return PST_CHAIN_EXPIRED;
    if (!pst_uuid_equal(&invitation->person, &statement->person))
        return PST_CHAIN_DIFFERS;
    if (is_used(chain, record))
        return PST_CHAIN_REUSED;
    if (pst_record_signature_count(by) == 0 && !signed_by_root(chain, record))
        return PST_CHAIN_NO_CERTIFIER;
    if (statement->serial <= highest_serial(chain, record))
        return PST_CHAIN_SERIAL;
    return rule_difference(chain, record, invitation->name, invitation->roles);
}

static enum pst_chain_reason rule_rotation(const struct pst_chain *chain,
                                           const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    int64_t at_ms = pst_record_at_ms(record);
    const struct pst_record *by =
        statement->has_previous ? by_hash(chain, &statement->previous, at_ms) : NULL;
    const struct pst_statement *previous = by == NULL ? NULL : pst_record_statement(by);
    if (previous == NULL)
        return PST_CHAIN_NO_PREVIOUS;
    if (!pst_uuid_equal(&previous->person, &statement->person))
        return PST_CHAIN_DIFFERS;
    if (at_ms >= previous->until_ms)
        return PST_CHAIN_EXPIRED;
    /* One successor each: of two the earlier stands, and the other shows. */
    if (statement->serial != previous->serial + 1 ||
        highest_serial(chain, record) >= statement->serial)
        return PST_CHAIN_SERIAL;
    if (pst_record_verify(record, &previous->sign) != PST_OK)
        return PST_CHAIN_PREVIOUS_KEY;
    return rule_difference(chain, record, previous->name, previous->roles);
}

static enum pst_chain_reason rule_statement(const struct pst_chain *chain,
                                            const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    if (pst_record_verify(record, &statement->sign) != PST_OK)
        return PST_CHAIN_SELF;
    return statement->has_invitation ? rule_enrolment(chain, record) : rule_rotation(chain, record);
}

static enum pst_chain_reason rule_records(const struct pst_chain *chain,
                                          const struct pst_record *record)
{
    if (!signed_by_root(chain, record))
        return PST_CHAIN_NO_CERTIFIER;
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        if (link->reason == PST_CHAIN_CERTIFIED && pst_record_records_key(link->record) != NULL &&
            pst_chain_serial(link->record) == pst_chain_serial(record) &&
            !pst_sha256_equal(pst_record_hash(link->record), pst_record_hash(record)))
            return PST_CHAIN_SERIAL;
    }
    return PST_CHAIN_CERTIFIED;
}

static bool is_clinician(const struct pst_chain *chain, const struct pst_uuid *person,
                         int64_t at_ms)
{
    const struct pst_record *record = pst_chain_statement_at(chain, person, at_ms);
    return record != NULL && (pst_record_statement(record)->roles & PST_ROLE_CLINICIAN) != 0;
}

/* Did a member of that roster, who is a certified clinician now, sign the record? */
static bool signed_by_member(const struct pst_chain *chain, const struct pst_record *record,
                             const struct pst_roster *roster)
{
    for (size_t i = 0; i < roster->members_count; i++) {
        if (pst_chain_signed_by(chain, record, &roster->members[i], PST_ROLE_CLINICIAN) == PST_OK)
            return true;
    }
    return false;
}

/* The roster this one follows, or itself for serial 1; NULL with *ret_reason. */
static const struct pst_roster *roster_before(const struct pst_chain *chain,
                                              const struct pst_record *record,
                                              enum pst_chain_reason *ret_reason)
{
    const struct pst_roster *roster = pst_record_roster(record);
    const struct pst_record *newest =
        pst_chain_roster_at(chain, &roster->team, pst_record_at_ms(record));
    *ret_reason = PST_CHAIN_SERIAL;
    if (newest != NULL && pst_chain_serial(newest) >= roster->serial)
        return NULL;
    if (roster->serial == 1)
        return roster->has_previous ? NULL : roster;
    *ret_reason = PST_CHAIN_NO_PREVIOUS;
    if (newest == NULL || !roster->has_previous ||
        !pst_sha256_equal(pst_record_hash(newest), &roster->previous))
        return NULL;
    *ret_reason = PST_CHAIN_SERIAL;
    return pst_chain_serial(newest) + 1 == roster->serial ? pst_record_roster(newest) : NULL;
}

static enum pst_chain_reason rule_roster(const struct pst_chain *chain,
                                         const struct pst_record *record)
{
    const struct pst_roster *roster = pst_record_roster(record);
    enum pst_chain_reason reason = PST_CHAIN_NO_PREVIOUS;
    const struct pst_roster *before = roster_before(chain, record, &reason);
    if (before == NULL)
        return reason;
    for (size_t i = 0; i < roster->members_count; i++) {
        if (!is_clinician(chain, &roster->members[i], pst_record_at_ms(record)))
            return PST_CHAIN_MEMBER;
    }
    return signed_by_member(chain, record, before) ? PST_CHAIN_CERTIFIED : PST_CHAIN_PREVIOUS_KEY;
}

enum pst_chain_reason pst_chain_rule(const struct pst_chain *chain, const struct pst_record *record)
{
    if (strcmp(pst_record_origin(record), chain->origin) != 0)
        return PST_CHAIN_ORIGIN;
    switch (pst_record_kind(record)) {
    case PST_RECORD_INVITATION:
        return rule_invitation(chain, record);
    case PST_RECORD_STATEMENT:
        return rule_statement(chain, record);
    case PST_RECORD_RECORDS:
        return rule_records(chain, record);
    case PST_RECORD_ROSTER:
        return rule_roster(chain, record);
    default:
        return PST_CHAIN_NOT_CHAINED;
    }
}
