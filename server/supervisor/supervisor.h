/*
 * posternd run: opens the listening sockets, starts one process per role,
 * starts one that dies anew, stops them in order.
 *
 * It keeps both ends of what connects two roles, so that either can be started
 * anew while the other goes on, and what was under way between them is not
 * lost. It reads no byte from outside. One thread.
 */
#ifndef POSTERN_SERVER_SUPERVISOR_H
#define POSTERN_SERVER_SUPERVISOR_H

#include <stddef.h>

#include "server/role/run.h"

/*
 * Run until SIGTERM or SIGINT.
 *   programs   in the order in which they are started; stopped door first
 * Returns the exit status (sysexits.h): EX_OK after a drain; EX_CONFIG;
 * EX_OSERR when a socket cannot be opened or a role not started.
 */
int pst_supervisor_run(const struct pst_role_program *programs, size_t count,
                       const char *config_path);

#endif
