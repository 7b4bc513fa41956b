/*
 * What a consent record must say to be recorded. Pure: everything it is held
 * against is a fact passed in, so that tests can try them all.
 *
 * A record is signed (formats.md "Signed record", kind consent) by the staff
 * member who captured it, and by the patient once enrolled. Of enrolled patients
 * the signature is asked where their device was at hand: by themself, or in
 * person. What came on paper or by telephone bears the staff member's alone; so
 * does a refusal or withdrawal, which nobody may be kept from by a lost device.
 */
#ifndef POSTERN_SERVER_WEB_CONSENT_CHECK_H
#define POSTERN_SERVER_WEB_CONSENT_CHECK_H

#include "postern/record.h"

/* How far the signed time may be off, as for messages (admission.md, clock). */
#define PST_CONSENT_AHEAD_MS (5 * INT64_C(60000))
#define PST_CONSENT_BEHIND_MS (24 * INT64_C(3600000))

enum pst_consent_fault {
    PST_CONSENT_FINE = 0,
    PST_CONSENT_PATIENT,   /* of another patient than the route's */
    PST_CONSENT_BY,        /* captured by another than the caller */
    PST_CONSENT_METHOD,    /* a method that does not fit who captured it */
    PST_CONSENT_CLOCK,     /* signed in the future, or too long ago */
    PST_CONSENT_TERMS,     /* no such wording, another hash, or not the current one */
    PST_CONSENT_PURPOSES,  /* given, but not for messages; or one named twice */
    PST_CONSENT_ADDRESS,   /* not the address on record */
    PST_CONSENT_PROXY,     /* not a live representative */
    PST_CONSENT_MEASURES,  /* given, but no security measure was discussed */
    PST_CONSENT_EXPIRES,   /* ends before it begins */
    PST_CONSENT_PREVIOUS,  /* does not follow the latest record */
    PST_CONSENT_SIGNATURE, /* a signature is missing or wrong */
    PST_CONSENT__MAX
};

/* The member of the record that is at fault; "" for none, static. */
const char *pst_consent_fault_member(enum pst_consent_fault fault);

struct pst_consent_facts {
    struct pst_uuid patient; /* of the route */
    struct pst_uuid caller;
    int64_t at_ms; /* of the record */
    int64_t now_ms;
    bool enrolled;     /* the patient has a key */
    const char *email; /* normal form of the address on record; NULL: none */
    const char *phone;
    const struct pst_uuid *representatives; /* live */
    size_t representatives_count;
    bool has_latest;
    struct pst_sha256 latest_hash;
    enum pst_decision latest_decision;
    bool terms_known; /* this id, version and language are stored */
    struct pst_sha256 terms_hash;
    int64_t terms_current; /* highest version in effect */
    bool caller_signed;    /* by the caller's current key, verified */
    bool patient_signed;   /* by the patient's current key, verified */
};

/* The first fault, in the order of the list. */
enum pst_consent_fault pst_consent_check(const struct pst_consent *consent,
                                         const struct pst_consent_facts *facts);

/* "none", "given", "refused", "withdrawn", "expired", "outdated", static. */
struct pst_consent_standing {
    int64_t decision;            /* enum pst_decision; -1: no record */
    int64_t expires_at_ms;       /* 0: never */
    int64_t terms_superseded_ms; /* newer terms took effect; 0: none */
};
const char *pst_consent_standing_name(const struct pst_consent_standing *standing, int64_t now_ms,
                                      int64_t grace_ms);

#endif
