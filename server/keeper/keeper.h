/*
 * The keeper role: what follows from the passing of time.
 *
 * Integration of the ledger, retention and timers come with the ledger: until
 * then it holds its place among the roles and answers for being alive.
 */
#ifndef POSTERN_SERVER_KEEPER_H
#define POSTERN_SERVER_KEEPER_H

#include "postern/err.h"
#include "server/role/role.h"

/* Run until told to stop. PST_OK. */
PST_MUST_CHECK enum pst_err pst_keeper_run(struct pst_role_start *start);

#endif
