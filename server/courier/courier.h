/*
 * The courier role: content-free notices, from the outbox to the relay.
 *
 * Nothing is sent before notices exist: it holds its place among the roles,
 * with its own user and no way to the outside, and answers for being alive.
 */
#ifndef POSTERN_SERVER_COURIER_H
#define POSTERN_SERVER_COURIER_H

#include "postern/err.h"
#include "server/role/role.h"

/* Run until told to stop. PST_OK. */
PST_MUST_CHECK enum pst_err pst_courier_run(struct pst_role_start *start);

#endif
