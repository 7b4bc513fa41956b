/*
 * The web role: HTTP on the streams that the door hands over.
 *
 * Holds the store by its role's statements and the vault's key; never TLS keys,
 * message plaintext or private message keys.
 */
#ifndef POSTERN_SERVER_WEB_ROLE_H
#define POSTERN_SERVER_WEB_ROLE_H

#include "postern/err.h"
#include "server/role/role.h"

/*
 * Serve until told to stop. Expects handover in start.
 * Returns PST_OK after a drain; PST_ERR_CONFIG when the store or the vault's
 * key cannot be opened, or the store is another practice's; PST_ERR_TIMEOUT
 * when requests did not end in time; PST_ERR_NOMEM; PST_ERR_INTERNAL.
 */
PST_MUST_CHECK enum pst_err pst_web_run(struct pst_role_start *start);

#endif
