/*
 * sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET.
 * Any thread. Without systemd nothing is sent.
 */
#ifndef POSTERN_SERVER_NOTIFY_H
#define POSTERN_SERVER_NOTIFY_H

#include <stdint.h>

/* state: "READY=1", "STOPPING=1" and the like (sd_notify(3)), borrowed. */
void pst_notify(const char *state);

/* Half of $WATCHDOG_USEC in milliseconds, or 0 when systemd watches nothing. */
int64_t pst_notify_watchdog_ms(void);

#endif
