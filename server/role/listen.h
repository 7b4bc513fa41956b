/*
 * Listening sockets of the configuration: both families, Nagle off.
 * Main thread, while there may still be a right to ports below 1024.
 */
#ifndef POSTERN_SERVER_LISTEN_H
#define POSTERN_SERVER_LISTEN_H

#include "server/role/role.h"

/*
 * Open all of them into start->listeners. On failure those opened stay, to be
 * closed by pst_role_listen_close. PST_OK; PST_ERR_IO (the address went to the
 * log by its number).
 */
PST_MUST_CHECK enum pst_err pst_role_listen_open(const struct pst_config *config,
                                                 struct pst_role_start *start);
void pst_role_listen_close(struct pst_role_start *start);

/*
 * Write run/ports.json: {"https":[{"address":"127.0.0.1","port":8443}]}, as
 * the kernel says it, so that port 0 can be asked for. PST_OK; PST_ERR_IO; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_role_ports_write(const struct pst_config *config,
                                                 const struct pst_role_start *start);

/* "https", "submission", "inbound"; static. */
const char *pst_listener_name(enum pst_listener_kind kind);

#endif
