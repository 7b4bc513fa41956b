/*
 * The door role: every connection from outside, and TLS.
 *
 * Holds the TLS keys and sees every byte inside TLS; has neither store nor
 * vault. Uses lib, config, log, role and hand-over alone.
 */
#ifndef POSTERN_SERVER_DOOR_H
#define POSTERN_SERVER_DOOR_H

#include "postern/err.h"
#include "server/role/role.h"

/*
 * Serve until told to stop. Expects listeners, handover and tls in start.
 * Returns PST_OK after a drain; PST_ERR_CONFIG when certificate or key cannot
 * be used; PST_ERR_IO; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_door_run(struct pst_role_start *start);

#endif
