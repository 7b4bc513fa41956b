/*
 * Who is calling: the session behind a bearer token or the cookie. Runtime only.
 */
#ifndef POSTERN_SERVER_WEB_AUTH_H
#define POSTERN_SERVER_WEB_AUTH_H

#include "server/web/exchange.h"

/*
 * Find the caller and put the facts into exchange->request.caller, looked up
 * on a reading connection; signed_in stays false when there is no session that
 * counts. Refreshes its last use at most once a minute, without waiting.
 * PST_OK; else the store failed.
 */
PST_MUST_CHECK enum pst_err pst_web_auth(struct pst_web_exchange *exchange);

/* The same session once more, in the transaction that acts for it. */
PST_MUST_CHECK enum pst_err pst_web_auth_again(struct pst_tx *tx,
                                               struct pst_web_exchange *exchange);

#endif
