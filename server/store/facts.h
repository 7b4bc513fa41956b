/*
 * Facts: the rows that admission is decided on, read as few statements as can
 * be, inside the operation that commits what the verdict says.
 *
 * Raw rows, no judgement: server/web/admit.c makes struct pst_facts of them
 * (the store knows nothing of the rules). All rows are of one patient. Nothing
 * here is encrypted or personal but identifiers.
 */
#ifndef POSTERN_SERVER_STORE_FACTS_H
#define POSTERN_SERVER_STORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/hash.h"
#include "postern/names.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"
#include "server/store/threads.h"

/* Most keys one thread has: PST_ENVELOPE_KEYS_MAX, and one more to notice too many. */
#define PST_FACT_KEYS_MAX 65

/* A day count that no row has. */
#define PST_FACT_NO_DAY INT64_MIN

/* What to look for. */
struct pst_facts_of {
    struct pst_uuid thread;
    struct pst_uuid sender;
    struct pst_uuid message; /* nil: none yet */
    struct pst_uuid replyto; /* nil: none */
    int64_t now_ms;
    int64_t rate_since_ms; /* the sender's messages after this are counted, */
    int64_t rate_max;      /* up to so many */
};

/* The thread with its sender, patient and consent. Nil and 0 where there is nothing. */
struct pst_thread_facts {
    enum pst_thread_as as;
    struct pst_uuid patient; /* nil: a room */
    struct pst_uuid team;
    bool closed;
    int64_t last_seq;
    bool has_sign_key;
    struct pst_key_id sign_key; /* the sender's newest */
    int64_t sign_key_until_ms;
    int64_t patient_state; /* person.state */
    bool patient_merged;
    bool patient_ended;
    bool team_active;
    bool has_consent;
    struct pst_uuid consent; /* the latest record */
    int64_t consent_decision;
    uint32_t consent_purposes;   /* bit mask of enum pst_purpose */
    int64_t consent_version;     /* of its terms */
    int64_t consent_expires_ms;  /* 0: never */
    bool consent_proxy;          /* it names the sender as proxy */
    int64_t terms_superseded_ms; /* first newer version of its terms in effect; 0: none */
    bool no_messages;            /* live restrictions */
    bool not_team;
    bool no_email_notice;
    bool no_sms_notice;
    int64_t sent_lately;
    int64_t used_bytes;       /* all accepted messages of the patient, or of the room */
    bool has_answered;        /* the message answered is of this thread */
    bool answered_consented;  /* and was accepted under a consent */
    bool answered_by_patient; /* it came from the patient's side */
    bool has_earlier;         /* a message with this id was accepted */
    struct pst_uuid earlier_sender;
    struct pst_uuid earlier_thread;
    struct pst_sha256 earlier_hash;
    int64_t earlier_seq;
    int64_t earlier_accepted_ms;
    struct pst_uuid earlier_event;
};

/*
 * Lock what a message to this thread relies on: the thread, its team, its
 * patient, the sender and everybody it is sealed to. To be called before the
 * facts are read, in the transaction that commits what they say: no withdrawal
 * then commits between the two. PST_OK; PST_ERR_STORE; PST_ERR_BUSY.
 */
PST_MUST_CHECK enum pst_err pst_facts_lock(struct pst_tx *tx, const struct pst_uuid *thread,
                                           const struct pst_uuid *sender);

/*
 * PST_OK, also where the sender does not belong to the thread (as is
 * PST_THREAD_AS_NONE); PST_ERR_NOT_FOUND: no such thread, or the sender is not active.
 */
PST_MUST_CHECK enum pst_err pst_facts_thread(struct pst_tx *tx, const struct pst_facts_of *of,
                                             struct pst_thread_facts *ret_facts);

/* Whose credential and visits count; days are since 1970, PST_FACT_NO_DAY: none. */
struct pst_clinician_facts {
    int64_t credential_until_days;
    int64_t visit_days;           /* newest with them */
    int64_t specialty_visit_days; /* newest within a specialty of theirs, by anybody here */
    int64_t break_glass_until_ms; /* 0: none */
};

/* Of a room: how many members, and how many of them are active with a credential that holds. */
PST_MUST_CHECK enum pst_err pst_facts_room(struct pst_tx *tx, const struct pst_uuid *thread,
                                           int64_t now_ms, int64_t *ret_members, int64_t *ret_fit);

enum pst_key_owner {
    PST_KEY_PATIENT = 1,
    PST_KEY_REPRESENTATIVE = 2,
    PST_KEY_TEAM = 3,
    PST_KEY_COLLEAGUE = 4,
    PST_KEY_RECORDS = 5,
};

/* One current key of a thread. */
struct pst_thread_key {
    enum pst_key_owner kind;
    struct pst_uuid owner; /* person or team; nil for records */
    int64_t owner_state;   /* person.state; 1 for others */
    struct pst_key_id id;
    uint8_t recipient[PST_PUBLIC_KEY_BYTES];
    int64_t until_ms; /* 0: no end */
};

struct pst_thread_keys {
    struct pst_thread_key keys[PST_FACT_KEYS_MAX];
    size_t count;
};

/* Of a patient's thread: whose keys and whose standing. All borrowed. */
struct pst_facts_members_of {
    const struct pst_uuid *patient;
    const struct pst_uuid *team;
    const struct pst_uuid *writer; /* whose credential counts; NULL: the best of the team's */
    int64_t now_ms;
};

/*
 * The newest keys of the thread's members and the records key, and how the
 * team's active members stand to the patient. Members who have no key yet are
 * left out, representatives whom the latest consent does not name too. What is
 * no longer active or has run out is there, and says so.
 * PST_OK; PST_ERR_TOO_LONG; PST_ERR_STORE.
 */
PST_MUST_CHECK enum pst_err pst_facts_members(struct pst_tx *tx,
                                              const struct pst_facts_members_of *of,
                                              struct pst_thread_keys *ret_keys,
                                              struct pst_clinician_facts *ret_team);

/* The newest keys of a room's members and the records key. As above. */
PST_MUST_CHECK enum pst_err pst_facts_room_keys(struct pst_tx *tx, const struct pst_uuid *thread,
                                                struct pst_thread_keys *ret_keys);

/* Whose key this is, whenever it held. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_key_owner_of(struct pst_tx *tx, const struct pst_key_id *id,
                                             struct pst_thread_key *ret_key);

/* A person's newest signing key and its end. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_sign_key_newest(struct pst_tx *tx, const struct pst_uuid *person,
                                                struct pst_sign_public *ret_key,
                                                int64_t *ret_until_ms);

#endif
