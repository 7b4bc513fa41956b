/*
 * Messages: accepted envelopes, their bodies in parts, receipts, retractions,
 * and parts of uploads that still wait for their verdict.
 *
 * Part 0 of a body is the envelope's head and the age header, sealed by the
 * caller under the patient's key (vault.h); parts from 1 are the age payload
 * as it came. Nothing here decides who may see what: the caller has asked
 * pst_thread_get() first. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_MESSAGES_H
#define POSTERN_SERVER_STORE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* Longest part of a body, so that rows stay small and memory flat. */
#define PST_BODY_PART_BYTES ((size_t)256 * 1024)

/* A message without its body. */
struct pst_message {
    struct pst_uuid id;
    struct pst_uuid thread;
    int64_t seq;
    struct pst_uuid sender;
    enum pst_category category;
    int64_t sent_ms;
    int64_t accepted_ms;
    int64_t size_bytes; /* of the whole envelope */
    int64_t attachments;
    int64_t images;
    struct pst_uuid replyto; /* nil: none */
    enum pst_via via;
    /* Only read: */
    int64_t retracted_at_ms; /* 0: not */
    int64_t answered_at_ms;  /* 0: not */
    bool opened;             /* by anybody who received it */
    bool fetched;
};

/* What is kept beside it. */
struct pst_message_acceptance {
    struct pst_message message;
    struct pst_sha256 hash; /* of the whole envelope */
    struct pst_uuid event;
    struct pst_uuid consent;       /* nil: none (a room) */
    const struct pst_key_id *keys; /* in the header's order; borrowed */
    size_t keys_count;
    struct pst_bytes head;    /* part 0, sealed; borrowed */
    struct pst_bytes payload; /* the rest; of an upload what comes after its parts; borrowed */
    struct pst_uuid upload;   /* where full parts were staged; nil: nowhere */
    int64_t upload_parts;     /* how many */
};

/*
 * What has to be known before an envelope can be checked and its head sealed:
 * the sender's newest signing key and the key of the thread's patient.
 */
struct pst_post_keys {
    bool has_sign_key;
    struct pst_sign_public sign_key;
    struct pst_uuid patient; /* nil: a room, or no such thread */
    struct pst_buf key_enc;  /* patient.key_enc; pst_buf_free() */
};
PST_MUST_CHECK enum pst_err pst_post_keys_get(struct pst_tx *tx, const struct pst_uuid *thread,
                                              const struct pst_uuid *sender,
                                              struct pst_post_keys *ret_keys);

/*
 * Put an accepted message into its thread: row, keys, body, the thread's place
 * in lists, the answered message's mark; the sender's draft goes.
 * PST_OK; PST_ERR_EXISTS: the id is taken; PST_ERR_STORE; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_message_accept(struct pst_tx *tx,
                                               const struct pst_message_acceptance *acceptance);

/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_message_get(struct pst_tx *tx, const struct pst_uuid *id,
                                            struct pst_message *ret_message);
PST_MUST_CHECK enum pst_err pst_message_at(struct pst_tx *tx, const struct pst_uuid *thread,
                                           int64_t seq, struct pst_message *ret_message);

/* Newest first, from before_seq (exclusive; INT64_MAX: the newest) down. Reads no bodies. */
PST_MUST_CHECK enum pst_err pst_message_list(struct pst_tx *tx, const struct pst_uuid *thread,
                                             int64_t before_seq, struct pst_message *ret_messages,
                                             size_t max, size_t *ret_count);

/* The ids of its keys, in order. PST_ERR_TOO_LONG beyond max. */
PST_MUST_CHECK enum pst_err pst_message_keys(struct pst_tx *tx, const struct pst_uuid *id,
                                             struct pst_key_id *ret_keys, size_t max,
                                             size_t *ret_count);

/* To whom it went: people and the team, sorted. PST_ERR_TOO_LONG beyond max. */
PST_MUST_CHECK enum pst_err pst_message_to(struct pst_tx *tx, const struct pst_message *message,
                                           struct pst_uuid *ret_to, size_t max, size_t *ret_count);

/* The patient whose key part 0 is under (nil: the vault's field key), and that key as kept. */
PST_MUST_CHECK enum pst_err pst_message_patient_key(struct pst_tx *tx, const struct pst_uuid *id,
                                                    struct pst_uuid *ret_patient,
                                                    struct pst_buf *key_enc);

/* Bytes of all parts but part 0, and the number of the last part. */
PST_MUST_CHECK enum pst_err pst_body_size(struct pst_tx *tx, const struct pst_uuid *message,
                                          int64_t *ret_bytes, int64_t *ret_last_part);
/* Append one part. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_body_part(struct pst_tx *tx, const struct pst_uuid *message,
                                          int64_t part, struct pst_buf *out);

/* ---- uploads under way ------------------------------------------------- */

/*
 * Keep one part of an upload until its verdict.
 *   part         1, 2, …
 *   quota_bytes  all staged parts of the person together
 * PST_OK; PST_ERR_DENIED: the quota is used up; PST_ERR_STORE.
 */
PST_MUST_CHECK enum pst_err pst_staging_add(struct pst_tx *tx, const struct pst_uuid *upload,
                                            int64_t part, const struct pst_uuid *person,
                                            int64_t now_ms, int64_t quota_bytes,
                                            struct pst_bytes bytes);
PST_MUST_CHECK enum pst_err pst_staging_used(struct pst_tx *tx, const struct pst_uuid *person,
                                             int64_t *ret_bytes);
PST_MUST_CHECK enum pst_err pst_staging_drop(struct pst_tx *tx, const struct pst_uuid *upload);
/* Delete what was staged before that time, and say how many parts that was. */
PST_MUST_CHECK enum pst_err pst_staging_sweep(struct pst_tx *tx, int64_t before_ms,
                                              int64_t *ret_parts);

/* ---- receipts ---------------------------------------------------------- */

/* Did this person, who may see the message, receive it (and not send it, or their side)? */
PST_MUST_CHECK enum pst_err pst_message_received_by(struct pst_tx *tx, const struct pst_uuid *id,
                                                    const struct pst_uuid *person,
                                                    bool *ret_received);

/* Is there a message in the thread that this side received under a consent, to answer? */
PST_MUST_CHECK enum pst_err pst_thread_answerable(struct pst_tx *tx, const struct pst_uuid *thread,
                                                  const struct pst_uuid *patient, bool to_team,
                                                  int64_t last_seq, bool *ret_answerable);

/* ret_opened_ms: 0, not opened. PST_ERR_NOT_FOUND: not even fetched. */
PST_MUST_CHECK enum pst_err pst_receipt_get(struct pst_tx *tx, const struct pst_uuid *message,
                                            const struct pst_uuid *person, int64_t *ret_opened_ms);

/*
 * Fetched, once: later ones change nothing. Waiting notices of the thread to
 * this person go.
 *   ret_first  this was the first time
 */
PST_MUST_CHECK enum pst_err pst_receipt_fetched(struct pst_tx *tx, const struct pst_uuid *message,
                                                const struct pst_uuid *thread,
                                                const struct pst_uuid *person, int64_t now_ms,
                                                bool *ret_first);

/* Opened, once, with the signed record that says so. */
PST_MUST_CHECK enum pst_err pst_receipt_opened(struct pst_tx *tx, const struct pst_uuid *message,
                                               const struct pst_uuid *person, int64_t now_ms,
                                               const char *record, bool *ret_first);

/* ret_first false: it was retracted before. */
PST_MUST_CHECK enum pst_err pst_message_retract(struct pst_tx *tx, const struct pst_uuid *id,
                                                int64_t now_ms, const char *record,
                                                bool *ret_first);

/* ---- notices ----------------------------------------------------------- */

struct pst_notice_order {
    struct pst_uuid email_id; /* of the rows, if any are made */
    struct pst_uuid sms_id;
    struct pst_uuid thread;
    struct pst_uuid patient;
    struct pst_uuid consent;
    bool email; /* the purposes were agreed to, and no restriction forbids it */
    bool sms;
    int64_t now_ms;
};

/*
 * Queue content-free notices to the patient at exactly the addresses that the
 * consent names: none while an earlier one of the thread was not followed by a look.
 */
PST_MUST_CHECK enum pst_err pst_notice_queue(struct pst_tx *tx,
                                             const struct pst_notice_order *order);

/* Remove notices made before that time that failed or were dropped: nobody sends them any more. */
PST_MUST_CHECK enum pst_err pst_notice_sweep(struct pst_tx *tx, int64_t before_ms);

#endif
