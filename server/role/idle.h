/* The main loop of a role whose work is not its own thread's: wait, ping, stop. */
#ifndef POSTERN_SERVER_ROLE_IDLE_H
#define POSTERN_SERVER_ROLE_IDLE_H

#include "postern/err.h"
#include "server/role/role.h"

/* Says ready, then alive every PST_ROLE_ALIVE_S, until STOP. PST_OK. */
PST_MUST_CHECK enum pst_err pst_role_idle(struct pst_role_start *start);

#endif
