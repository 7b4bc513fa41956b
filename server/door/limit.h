/*
 * How many connections there may be, in all and of one address.
 *
 * IPv6 counts by /64: that is what one customer gets. Any thread. The table
 * grows with the addresses that have connections, or had some in the last
 * seconds, and so is bounded by the limits themselves.
 */
#ifndef POSTERN_SERVER_DOOR_LIMIT_H
#define POSTERN_SERVER_DOOR_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/door/settings.h"
#include "server/handover/handover.h"

struct pst_door_limits;

/* PST_OK; PST_ERR_NOMEM. Given: pst_door_limits_free. */
PST_MUST_CHECK enum pst_err pst_door_limits_new(const struct pst_door_settings *settings,
                                                struct pst_door_limits **ret_limits);
/* Other limits from now on; those who are in already stay. */
void pst_door_limits_change(struct pst_door_limits *limits,
                            const struct pst_door_settings *settings);
void pst_door_limits_free(struct pst_door_limits **limits);

/*
 * Count one more connection of this address. now_ms is monotonic.
 * Returns PST_OK, and the caller owes one pst_door_limits_leave; PST_ERR_BUSY
 * when a limit is reached; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_door_limits_enter(struct pst_door_limits *limits,
                                                  const struct pst_peer *peer, int64_t now_ms);
void pst_door_limits_leave(struct pst_door_limits *limits, const struct pst_peer *peer);

/* Connections counted now. */
size_t pst_door_limits_count(struct pst_door_limits *limits);

#endif
