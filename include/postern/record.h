/*
 * Signed records (formats.md "Signed record"):
 *
 *     postern.KIND/1\n
 *     <canonical JSON, one line>\n
 *     ed25519 <key id> <signature>\n      any number; each signs the first two lines
 *
 * The hash is SHA-256 of the first two lines. Parsing checks the grammar, that
 * the JSON is canonical, and each kind's members strictly; it verifies no
 * signature (pst_record_verify) and no right to sign (chain.h).
 *
 * Unsigned records are taken for the kinds where one may be: an invitation (the
 * first administrator's) and a consent (a withdrawal or refusal without a
 * device). All others need one signature at least. A record is immutable once
 * parsed and may be read by many threads. Pointers inside a body are borrowed
 * from its record.
 */
#ifndef POSTERN_RECORD_H
#define POSTERN_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/sign.h"
#include "postern/uuid.h"

/* A roster of PST_ROSTER_MEMBERS_MAX fits, and a consent with its measures. */
#define PST_RECORD_MAX_BYTES ((size_t)64 * 1024)
/* Itself, invitation, certifiers of each kind of role. */
#define PST_RECORD_SIGNATURES_MAX 8
#define PST_ROSTER_MEMBERS_MAX 256
#define PST_CONSENT_PURPOSES_MAX 64
#define PST_CONSENT_MEASURES_MAX 64
#define PST_NAME_MAX_BYTES 256
/* A DNS name (RFC 1035). */
#define PST_ORIGIN_MAX_BYTES 253
/* age1 and 58 characters of Bech32. */
#define PST_RECIPIENT_TEXT_LEN 62
/* Enrolment codes are good for 72 hours (formats.md "Enrolment"). */
#define PST_INVITATION_MAX_MS (72 * INT64_C(3600000))

enum pst_record_kind {
    PST_RECORD_INVITATION,
    PST_RECORD_STATEMENT,
    PST_RECORD_RECORDS,
    PST_RECORD_ROSTER,
    PST_RECORD_GRANT,
    PST_RECORD_OPENED,
    PST_RECORD_RETRACTION,
    PST_RECORD_CONSENT,
    PST_RECORD__MAX
};

/* "invitation" and the like; NULL out of range. */
const char *pst_record_kind_name(enum pst_record_kind kind);
bool pst_record_kind_parse(const char *text, enum pst_record_kind *ret_kind);

/*
 * Bodies. Times are milliseconds. Texts are UTF-8, NUL-terminated. A has_ flag
 * tells whether the member before it was there; optional texts are NULL.
 */
struct pst_invitation {
    const char *name;
    struct pst_uuid person;
    uint32_t roles;
    struct pst_sign_public key; /* derived from the code */
    int64_t until_ms;
};

struct pst_statement {
    const char *name;
    const char *recipient; /* age1… */
    struct pst_uuid person;
    uint32_t roles;
    int64_t serial; /* 1 or more */
    struct pst_sha256 previous;
    bool has_previous;
    struct pst_sha256 invitation;
    bool has_invitation;
    struct pst_sign_public sign;
    int64_t until_ms;
    uint8_t recipient_key[PST_PUBLIC_KEY_BYTES]; /* recipient, decoded */
    struct pst_key_id recipient_id;              /* its key id */
    struct pst_key_id sign_id;                   /* the key id of sign */
};

struct pst_records_key {
    const char *recipient;
    int64_t serial;
    struct pst_sha256 previous;
    bool has_previous;
    uint8_t recipient_key[PST_PUBLIC_KEY_BYTES];
    struct pst_key_id recipient_id;
};

struct pst_roster {
    const char *name;
    const char *recipient;
    struct pst_uuid team;
    int64_t serial;
    struct pst_sha256 previous;
    bool has_previous;
    const struct pst_uuid *members; /* sorted */
    size_t members_count;
    uint8_t recipient_key[PST_PUBLIC_KEY_BYTES];
    struct pst_key_id recipient_id;
};

struct pst_grant {
    const char *stanza; /* its two lines, line feeds included */
    struct pst_uuid message;
    struct pst_key_id key;
    struct pst_uuid by;
};

/* Of opened and of retraction. */
struct pst_acknowledgement {
    struct pst_uuid message;
    struct pst_uuid by;
};

struct pst_consent_purpose {
    enum pst_purpose purpose;
    struct pst_uuid person; /* of proxy; else nil */
    const char *address;    /* NULL where the purpose has none */
};

struct pst_consent {
    struct pst_uuid id;
    uint8_t nonce[16];
    struct pst_uuid patient;
    enum pst_decision decision;
    struct pst_consent_purpose purposes[PST_CONSENT_PURPOSES_MAX];
    size_t purposes_count;
    const char *terms_id;
    int64_t terms_version; /* 1 or more */
    const char *terms_language;
    struct pst_sha256 terms_hash;
    enum pst_method method;
    const char *measures[PST_CONSENT_MEASURES_MAX]; /* names of measures, sorted */
    size_t measures_count;
    struct pst_uuid by; /* the capturing staff member; the patient for method patient and stop */
    const char *signer; /* who agreed, as signed: a name, or an id where there is one */
    const char *witness;
    int64_t expires_ms;
    bool has_expires;
    struct pst_sha256 previous;
    bool has_previous;
};

struct pst_record;

/*
 * Parse text (borrowed, copied; at most PST_RECORD_MAX_BYTES).
 *   ret_record  given; release with pst_record_free
 * Returns PST_OK; PST_ERR_SYNTAX; PST_ERR_NOT_CANONICAL; PST_ERR_UNSUPPORTED
 * (kind or version unknown); PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_record_parse(struct pst_bytes text, struct pst_record **ret_record);

/* The same, and it must be of this kind: else PST_ERR_UNSUPPORTED. */
PST_MUST_CHECK enum pst_err pst_record_parse_kind(struct pst_bytes text, enum pst_record_kind kind,
                                                  struct pst_record **ret_record);
void pst_record_free(struct pst_record **record);

enum pst_record_kind pst_record_kind(const struct pst_record *record);
/* The whole text; and the first two lines, which are what is signed. */
struct pst_bytes pst_record_text(const struct pst_record *record);
struct pst_bytes pst_record_signed_text(const struct pst_record *record);
const struct pst_sha256 *pst_record_hash(const struct pst_record *record);
const char *pst_record_origin(const struct pst_record *record);
int64_t pst_record_at_ms(const struct pst_record *record);
/* The JSON as parsed, borrowed: for answers and export. */
const json_t *pst_record_json(const struct pst_record *record);

/* The body of that kind; NULL when the record is of another. */
const struct pst_invitation *pst_record_invitation(const struct pst_record *record);
const struct pst_statement *pst_record_statement(const struct pst_record *record);
const struct pst_records_key *pst_record_records_key(const struct pst_record *record);
const struct pst_roster *pst_record_roster(const struct pst_record *record);
const struct pst_grant *pst_record_grant(const struct pst_record *record);
const struct pst_acknowledgement *pst_record_acknowledgement(const struct pst_record *record);
const struct pst_consent *pst_record_consent(const struct pst_record *record);

size_t pst_record_signature_count(const struct pst_record *record);
/* index < count; borrowed. */
const struct pst_key_id *pst_record_signature_key(const struct pst_record *record, size_t index);

/*
 * Is there a signature line of this key, and does it verify?
 * PST_OK; PST_ERR_NO_KEY when no line names it; PST_ERR_CRYPTO.
 */
PST_MUST_CHECK enum pst_err pst_record_verify(const struct pst_record *record,
                                              const struct pst_sign_public *public_key);

/*
 * Build a record.
 *   body     the struct of the kind (struct pst_invitation and so on; opened and
 *            retraction take struct pst_acknowledgement), borrowed. Fields that
 *            parsing derives (recipient_key, *_id) are not read
 *   signers  in the order of their lines; count 0 only where a record may be
 *            unsigned
 *   out      the text is appended
 * PST_ERR_INVALID when a member is missing or out of range (what is built is
 * parsed again before it is given); PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_record_build(enum pst_record_kind kind, const char *origin,
                                             int64_t at_ms, const void *body,
                                             const struct pst_signer *const *signers,
                                             size_t signers_count, struct pst_buf *out);

/*
 * The record with one more signature line (a patient countersigns a consent).
 * PST_ERR_EXISTS when this key signed already.
 */
PST_MUST_CHECK enum pst_err pst_record_countersign(const struct pst_record *record,
                                                   const struct pst_signer *signer,
                                                   struct pst_buf *out);

#endif
