/*
 * Where each encrypted field lives, and for what each keyed hash is made: one
 * list, since a place written in two ways would not open again.
 *
 * Rows are primary keys: a UUID's 16 bytes; of two columns, one after the
 * other. PATIENT: under the patient's key, the others under the vault's.
 */
#ifndef POSTERN_SERVER_VAULT_FIELDS_H
#define POSTERN_SERVER_VAULT_FIELDS_H

#include "postern/uuid.h"
#include "server/vault/vault.h"

#define PST_FIELD_PERSON_NAME "person.name_enc"
#define PST_FIELD_ACCOUNT_LOGIN "account.login_enc"
#define PST_FIELD_ACCOUNT_RING "account.ring_enc"
#define PST_FIELD_WRAP "wrap.wrap_enc" /* row: person, then kind */
#define PST_FIELD_FACTOR_SECRET "factor.secret_enc"
#define PST_FIELD_INVITATION_RECORD "invitation.record_enc"
#define PST_FIELD_STATEMENT_RECORD "statement.record_enc" /* row: person, serial big-endian 8 */
#define PST_FIELD_CREDENTIAL_NUMBER "credential.number_enc"
/* PATIENT: */
#define PST_FIELD_PATIENT_BIRTH "patient.birth_enc"
#define PST_FIELD_PATIENT_IDENTITY "patient.identity_enc"
#define PST_FIELD_ADDRESS "address.address_enc" /* row: patient, then kind */
#define PST_FIELD_RESTRICTION_NOTE "restriction.note_enc"
#define PST_FIELD_BREAK_GLASS_REASON "break_glass.reason_enc"
#define PST_FIELD_CONSENT_RECORD "consent.record_enc"
#define PST_FIELD_BODY_HEAD "body.bytes"           /* part 0; row: message */
#define PST_FIELD_GRANT "message_grant.record_enc" /* row: message, key id, granter */

/* Uses of keyed hashes (pst_vault_index). */
#define PST_INDEX_LOGIN "account.login"
#define PST_INDEX_NAME "patient.name"
#define PST_INDEX_EMAIL "address.email"
#define PST_INDEX_PHONE "address.phone"
#define PST_INDEX_NETWORK "network.address" /* strangers, throttling */

/* A field whose row is one UUID. */
static inline struct pst_vault_place pst_field_of(const char *column, const struct pst_uuid *row)
{
    return pst_vault_at(column, row->bytes, sizeof row->bytes);
}

#endif
