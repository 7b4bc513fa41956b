/*
 * Who is whom: records verified up to the practice's root key.
 *
 *   root -> administrator -> intake, clinician, compliance, edge
 *   intake -> patient, representative
 *
 * Add records in any order, verify once, then ask. What is not certified is
 * not there, and pst_chain_reason says why. The rules, beyond formats.md:
 *
 * - An invitation is good when one statement that was current at the
 *   invitation's time, and whose roles certify all the invited roles, signed it;
 *   or the root, for an administrator. At most 72 hours.
 * - The very first administrator's invitation is unsigned (posternd init makes
 *   it and holds no key). Its statement carries the root's signature beside the
 *   other two: the root certifies administrators, and that certifies this one.
 * - A statement is signed by its own key, and: under an invitation, by the
 *   invitation's key while it is valid; else by the key of the statement that
 *   `previous` names, with the next serial. Where name or roles differ from
 *   those of the invitation or of the previous statement, certifiers of all that
 *   changed sign too (of all roles where the name differs).
 * - A second statement under one invitation is refused, and is an alarm.
 * - A statement holds from `at` until its successor's `at` or its own `until`.
 *   Signatures made while it held go on verifying.
 * - What a record depends on must not be younger than the record itself.
 * - Rosters: serial 1 is signed by one of its members, later ones by a member of
 *   the previous roster, all by their key at that time; every member is a
 *   certified clinician at that time.
 * - The records key is signed by the root; the highest serial is the newest.
 *
 * Not thread-safe while records are added; then readers may share it.
 */
#ifndef POSTERN_CHAIN_H
#define POSTERN_CHAIN_H

#include "postern/record.h"

/* A practice's statements, rosters and invitations given at once. */
#define PST_CHAIN_RECORDS_MAX 4096

struct pst_chain;

enum pst_chain_reason {
    PST_CHAIN_CERTIFIED,
    PST_CHAIN_UNVERIFIED,     /* pst_chain_verify was not called since it was added */
    PST_CHAIN_ORIGIN,         /* another practice's record */
    PST_CHAIN_SELF,           /* not signed by the key it states */
    PST_CHAIN_NO_CERTIFIER,   /* no certified key for this signed it */
    PST_CHAIN_NO_INVITATION,  /* its invitation is missing or not certified */
    PST_CHAIN_INVITATION_KEY, /* not signed by the invitation's key */
    PST_CHAIN_EXPIRED,        /* outside a time of validity */
    PST_CHAIN_REUSED,         /* second statement under one invitation: alarm */
    PST_CHAIN_NO_PREVIOUS,    /* the previous record is missing or not certified */
    PST_CHAIN_PREVIOUS_KEY,   /* not signed by the previous key or roster */
    PST_CHAIN_SERIAL,         /* serial out of order, or used twice */
    PST_CHAIN_DIFFERS,        /* name or roles differ without a certifier; other person or team */
    PST_CHAIN_MEMBER,         /* a member is no certified clinician */
    PST_CHAIN_NOT_CHAINED,    /* a kind that certifies nobody: use pst_chain_signed_by */
    PST_CHAIN__MAX
};

/* A short lower-case word for --json and logs, static. */
const char *pst_chain_reason_name(enum pst_chain_reason reason);

/*
 * An empty chain of one practice.
 *   origin  the configuration's value, borrowed, copied
 *   root    its root key
 *   pinned  the key id got with the enrolment code, or pinned; NULL: none yet
 * PST_ERR_CHAIN when root is not the pinned key; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_chain_new(const char *origin, const struct pst_sign_public *root,
                                          const struct pst_key_id *pinned,
                                          struct pst_chain **ret_chain);
void pst_chain_free(struct pst_chain **chain);

/*
 * Add one record's text (copied). One that is there already, byte for byte, is
 * not added twice. Errors of pst_record_parse; PST_ERR_TOO_LONG beyond
 * PST_CHAIN_RECORDS_MAX. A malformed record leaves the chain as it was.
 */
PST_MUST_CHECK enum pst_err pst_chain_add(struct pst_chain *chain, struct pst_bytes text);

/* Every string of a JSON array, as in an answer's `statements`. Stops at the first error. */
PST_MUST_CHECK enum pst_err pst_chain_add_array(struct pst_chain *chain, const json_t *array);

/*
 * Decide every record. May be called again after more were added.
 * PST_OK when all are certified; PST_ERR_CHAIN when at least one is not (the
 * others can be asked for all the same); PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_chain_verify(struct pst_chain *chain);

size_t pst_chain_count(const struct pst_chain *chain);
/* index < count, in order of adding; borrowed. */
const struct pst_record *pst_chain_record(const struct pst_chain *chain, size_t index);
enum pst_chain_reason pst_chain_reason(const struct pst_chain *chain, size_t index);
/* Number of records refused as PST_CHAIN_REUSED. */
size_t pst_chain_alarms(const struct pst_chain *chain);

const struct pst_sign_public *pst_chain_root(const struct pst_chain *chain);
const struct pst_key_id *pst_chain_root_id(const struct pst_chain *chain);

/* Certified records, borrowed; NULL when there is none. */

/* The person's statement that holds at that time. */
const struct pst_record *pst_chain_statement_at(const struct pst_chain *chain,
                                                const struct pst_uuid *person, int64_t at_ms);
/* The statement whose signing key has this id, if it held at that time. */
const struct pst_record *pst_chain_statement_by_key(const struct pst_chain *chain,
                                                    const struct pst_key_id *sign_id,
                                                    int64_t at_ms);
/* The statement whose X25519 key has this id, whenever it held. */
const struct pst_record *pst_chain_statement_by_recipient(const struct pst_chain *chain,
                                                          const struct pst_key_id *recipient_id);
/* The team's newest roster at that time; and the one with this key. */
const struct pst_record *pst_chain_roster_at(const struct pst_chain *chain,
                                             const struct pst_uuid *team, int64_t at_ms);
const struct pst_record *pst_chain_roster_by_recipient(const struct pst_chain *chain,
                                                       const struct pst_key_id *recipient_id);
/* The newest records key at that time; and the one with this id. */
const struct pst_record *pst_chain_records_at(const struct pst_chain *chain, int64_t at_ms);
const struct pst_record *pst_chain_records_by_recipient(const struct pst_chain *chain,
                                                        const struct pst_key_id *recipient_id);

/*
 * Does record carry a good signature of that person's key that held at the
 * record's time, and had the person one of these roles (0: any)? For grant,
 * opened, retraction and consent; the caller says whose signature it must be.
 * PST_OK; PST_ERR_CHAIN.
 */
PST_MUST_CHECK enum pst_err pst_chain_signed_by(const struct pst_chain *chain,
                                                const struct pst_record *record,
                                                const struct pst_uuid *person,
                                                uint32_t any_of_roles);

#endif
