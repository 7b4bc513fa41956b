/*
 * Refusals of people who are not signed in: counted in memory by code, address
 * and minute, and written down together, so that a flood of them costs neither
 * a commit each nor disk. When a minute is over, its counts become events of
 * the ledger, one for each code and address (admission.md). Any thread.
 */
#ifndef POSTERN_SERVER_WEB_STRANGERS_H
#define POSTERN_SERVER_WEB_STRANGERS_H

#include <stddef.h>
#include <stdint.h>

#include "server/handover/handover.h"

struct pst_store;
struct pst_strangers;
struct pst_vault;

/*
 * Most different (code, address, minute) between two flushes; what comes from
 * more addresses than that is counted under one hash of all others.
 */
#define PST_STRANGERS_MAX 1024

PST_MUST_CHECK enum pst_err pst_strangers_new(struct pst_store *store,
                                              const struct pst_vault *vault,
                                              struct pst_strangers **ret_strangers);
void pst_strangers_free(struct pst_strangers **strangers);

/* code is static; minute counts from 1970. */
void pst_strangers_add(struct pst_strangers *strangers, const char *code,
                       const struct pst_peer *peer, int64_t minute, int64_t count);

/*
 * How long after its end a minute's counts are waited for: the door sends them
 * when it is over, and other gateways on the same store do the same.
 */
#define PST_STRANGERS_LATE_MS 10000

/*
 * Writes down what was counted, and for every minute that is over the event of
 * each code and address, whose count goes with it; waits for both. Costs no
 * commit when there is neither. To be called every second, by one thread.
 * PST_OK; what pst_store_write returns: then what was counted is tried again.
 */
PST_MUST_CHECK enum pst_err pst_strangers_flush(struct pst_strangers *strangers, int64_t now_ms);

/* The keyed hash of an address with its kind, for throttling and counting. */
PST_MUST_CHECK enum pst_err pst_peer_index(const struct pst_vault *vault,
                                           const struct pst_peer *peer, uint8_t *ret_index);

#endif
