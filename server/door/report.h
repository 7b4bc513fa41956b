/*
 * What the door turned away, on its way to web, which records it.
 *
 * A flood must not become a flood of reports: of one code, listener and
 * address the first in a minute is reported at once, all others of that minute
 * together when it is over. Any thread counts; one thread sends.
 */
#ifndef POSTERN_SERVER_DOOR_REPORT_H
#define POSTERN_SERVER_DOOR_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/handover/handover.h"

/*
 * Addresses kept apart at a time. Beyond it, refusals of the minute are counted
 * together under 0.0.0.0: the number stays true, the addresses are given up.
 */
#define PST_DOOR_REPORT_ADDRESSES ((size_t)2048)

struct pst_door_report;

/* PST_OK; PST_ERR_NOMEM. Given: pst_door_report_free. */
PST_MUST_CHECK enum pst_err pst_door_report_new(struct pst_door_report **ret_report);
void pst_door_report_free(struct pst_door_report **report);

/* Count one refusal; now_s is seconds since 1970. */
void pst_door_report_count(struct pst_door_report *report, enum pst_handover_refusal refusal,
                           enum pst_listener_kind listener, const struct pst_peer *peer,
                           int64_t now_s);

/*
 * Send what is due over the hand-over socket; with everything, also what could
 * wait for its minute's end. What the receiver has no room for stays and is
 * tried next time.
 */
void pst_door_report_send(struct pst_door_report *report, int socket, int64_t now_s,
                          bool everything);

#endif
