/* A new TOTP factor from what a client sends: checked, used once, sealed. */
#ifndef POSTERN_SERVER_WEB_FACTOR_TAKE_H
#define POSTERN_SERVER_WEB_FACTOR_TAKE_H

#include "server/store/accounts.h"
#include "server/web/request.h"

/* Secret in base32, and a code of it that shows that the app has it. Borrowed. */
struct pst_totp_body {
    const char *secret;
    const char *code;
};

/*
 * PST_ERR_SYNTAX with a bad-request set: no secret, or not its code now;
 * PST_ERR_CRYPTO; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_factor_take(struct pst_request *request,
                                            const struct pst_uuid *person,
                                            const struct pst_totp_body *body,
                                            struct pst_factor *ret_factor);

#endif
