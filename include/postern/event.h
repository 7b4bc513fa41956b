/*
 * Ledger events (formats.md "Event"): one line of canonical JSON, at most
 * 4 KiB, without its line feed here. Content-free by construction: there is no
 * field for text from people, only ids, counts, hashes, times and words of
 * closed lists. schema/event.schema.json says the same. Any thread.
 */
#ifndef POSTERN_EVENT_H
#define POSTERN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/random.h"
#include "postern/uuid.h"

#define PST_EVENT_MAX_BYTES ((size_t)4096)
#define PST_EVENT_VERSION 1
#define PST_EVENT_SALT_BYTES 16
/* As many as an envelope's recipients would fit; what does not is an error. */
#define PST_EVENT_TO_MAX 64
/* "accepted", or a refusal's code. */
#define PST_EVENT_CODE_MAX_BYTES 32
/* A keyed hash of a network address. */
#define PST_EVENT_ADDRESS_BYTES 16

enum pst_event_kind {
    PST_EVENT_EXCHANGE,
    PST_EVENT_FETCHED,
    PST_EVENT_OPENED,
    PST_EVENT_NOTICE,
    PST_EVENT_CONSENT,
    PST_EVENT_INVITATION,
    PST_EVENT_STATEMENT,
    PST_EVENT_ROSTER,
    PST_EVENT_RECORDS,
    PST_EVENT_GRANT,
    PST_EVENT_RETRACTION,
    PST_EVENT_REPORT,
    PST_EVENT_SESSION,
    PST_EVENT_ROLE,
    PST_EVENT_CONFIG,
    PST_EVENT_TERMS,
    PST_EVENT_VISIT,
    PST_EVENT_RESTRICTION,
    PST_EVENT_BREAK_GLASS,
    PST_EVENT_EXPORT,
    PST_EVENT_RECORDS_USE,
    PST_EVENT_STRANGER,
    PST_EVENT_DAY,
    PST_EVENT_PURGE,
    PST_EVENT_SUCCEED,
    PST_EVENT__MAX
};
const char *pst_event_kind_name(enum pst_event_kind kind);
bool pst_event_kind_parse(const char *text, enum pst_event_kind *ret_kind);

/* How a patient was found established (admission.md). */
enum pst_basis {
    PST_BASIS_CLINICIAN,   /* seen by this clinician */
    PST_BASIS_SPECIALTY,   /* seen by another of the same specialty in the practice */
    PST_BASIS_BREAK_GLASS, /* a live break-glass */
    PST_BASIS_ROOM,        /* colleagues only: nobody to be established */
    PST_BASIS__MAX
};
const char *pst_basis_name(enum pst_basis basis);
bool pst_basis_parse(const char *text, enum pst_basis *ret_basis);

/* One recipient or sender: a person in a role, or a team (no role bit). */
struct pst_event_party {
    struct pst_uuid id;
    uint32_t role; /* one enum pst_role bit; 0: "team" */
};

/* Members set in struct pst_event: what is not set is not written. */
enum {
    PST_EVENT_HAS_ACTOR = 1U << 0,
    PST_EVENT_HAS_ROLE = 1U << 1,
    PST_EVENT_HAS_PATIENT = 1U << 2,
    PST_EVENT_HAS_THREAD = 1U << 3,
    PST_EVENT_HAS_MESSAGE = 1U << 4,
    PST_EVENT_HAS_RECORD = 1U << 5,
    /* Of an exchange; code, address, minute and count of a stranger. */
    PST_EVENT_HAS_DIRECTION = 1U << 6,
    PST_EVENT_HAS_CHANNEL = 1U << 7,
    PST_EVENT_HAS_FROM = 1U << 8,
    PST_EVENT_HAS_TO = 1U << 9,
    PST_EVENT_HAS_CATEGORY = 1U << 10,
    PST_EVENT_HAS_ATTACHMENTS = 1U << 11, /* attachments and images together */
    PST_EVENT_HAS_SIZE = 1U << 12,
    PST_EVENT_HAS_SHA256 = 1U << 13,
    PST_EVENT_HAS_CODE = 1U << 14,
    PST_EVENT_HAS_CONSENT = 1U << 15,
    PST_EVENT_HAS_BASIS = 1U << 16,
    PST_EVENT_HAS_ADDRESS = 1U << 17,
    PST_EVENT_HAS_MINUTE = 1U << 18,
    PST_EVENT_HAS_COUNT = 1U << 19,
};

struct pst_event {
    enum pst_event_kind kind;
    struct pst_uuid id; /* version 7 */
    int64_t at_ms;
    uint8_t salt[PST_EVENT_SALT_BYTES];
    uint32_t has; /* PST_EVENT_HAS_ bits */
    struct pst_uuid actor;
    enum pst_role role; /* in which the actor acted */
    struct pst_uuid patient;
    struct pst_uuid thread;
    struct pst_uuid message;
    struct pst_sha256 record; /* hash of a signed record */
    enum pst_direction direction;
    enum pst_channel channel;
    struct pst_uuid from;
    struct pst_event_party to[PST_EVENT_TO_MAX];
    size_t to_count;
    enum pst_category category;
    int64_t attachments;
    int64_t images;
    uint64_t size;
    struct pst_sha256 sha256; /* of the whole envelope */
    char code[PST_EVENT_CODE_MAX_BYTES + 1];
    struct pst_uuid consent;
    int64_t consent_version; /* of the terms */
    enum pst_basis basis;
    uint8_t address[PST_EVENT_ADDRESS_BYTES]; /* keyed hash */
    int64_t minute_ms;                        /* first millisecond of the minute */
    int64_t count;
};

/*
 * A zeroed event of this kind with its id, time and salt. random NULL: the
 * system's.
 */
void pst_event_init(struct pst_event *event, enum pst_event_kind kind, int64_t at_ms,
                    const struct pst_random *random);

/*
 * Append the line, without line feed. PST_ERR_INVALID for a value out of range
 * or an exchange or stranger without code; PST_ERR_TOO_LONG beyond
 * PST_EVENT_MAX_BYTES; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_event_write(const struct pst_event *event, struct pst_buf *out);

/*
 * Parse one line (without line feed), strictly: canonical, known kind, members
 * as above and no others. PST_OK; PST_ERR_SYNTAX; PST_ERR_NOT_CANONICAL;
 * PST_ERR_TOO_LONG; PST_ERR_UNSUPPORTED (version or kind); PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_event_parse(struct pst_bytes line, struct pst_event *ret_event);

#endif
