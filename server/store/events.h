/*
 * Events: the rows the ledger is made of, and counts of strangers' refusals.
 *
 * A verb here runs inside the operation of what it tells, so that both commit
 * or neither. The line is made by libpostern (postern/event.h); the store
 * looks into none. Any role; on the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_EVENTS_H
#define POSTERN_SERVER_STORE_EVENTS_H

#include "postern/buf.h"
#include "server/store/store.h"

struct pst_uuid;

/* Longest line of an event, without a line feed (ledger.md). */
#define PST_EVENT_LINE_MAX 4096

/*
 * Put one event into the record.
 *   id    the event's, UUIDv7, also inside the line
 *   line  canonical JSON, NUL-terminated, borrowed, no line feed
 * PST_OK; PST_ERR_TOO_LONG; PST_ERR_EXISTS; PST_ERR_STORE; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_event_insert(struct pst_tx *tx, const struct pst_uuid *id,
                                             const char *line);

/*
 * An event's line, and its leaf index or -1 while it has none.
 *   ret_line  appended to; ret_leaf may be NULL
 * PST_ERR_NOT_FOUND.
 */
PST_MUST_CHECK enum pst_err pst_event_get(struct pst_tx *tx, const struct pst_uuid *id,
                                          struct pst_buf *ret_line, int64_t *ret_leaf);

/*
 * Count refusals of somebody who is not signed in.
 *   code           of the refusal, NUL-terminated
 *   address_index  keyed hash of the peer's address (vault)
 *   minute         minutes since 1970
 *   count          so many, 1 or more
 */
PST_MUST_CHECK enum pst_err pst_stranger_count(struct pst_tx *tx, const char *code,
                                               struct pst_bytes address_index, int64_t minute,
                                               int64_t count);

/* Longest code that is counted, with its terminator; longest address hash. */
#define PST_STRANGER_CODE_SIZE 32
#define PST_STRANGER_ADDRESS_BYTES 32

struct pst_stranger {
    char code[PST_STRANGER_CODE_SIZE];
    uint8_t address_index[PST_STRANGER_ADDRESS_BYTES];
    int64_t minute;
    int64_t count;
};

/*
 * Take out the counts of minutes before the given one, oldest first: the
 * caller writes an event for each in the same operation.
 *   ret_counts  room for max; *ret_count of them are filled
 */
PST_MUST_CHECK enum pst_err pst_stranger_take(struct pst_tx *tx, int64_t before_minute,
                                              struct pst_stranger *ret_counts, size_t max,
                                              size_t *ret_count);

#endif
