/*
 * The control socket between the supervisor and one role: one word a packet,
 * RELOAD with the configuration, and the TLS files for the door. For server/role and the
 * supervisor.
 */
#ifndef POSTERN_SERVER_CONTROL_H
#define POSTERN_SERVER_CONTROL_H

#include "postern/err.h"
#include "server/role/role.h"

enum pst_control_word {
    PST_CONTROL_STOP = 1, /* supervisor to role */
    PST_CONTROL_RELOAD,   /* supervisor to role, with or without files */
    PST_CONTROL_READY,    /* role to supervisor */
    PST_CONTROL_ALIVE,    /* role to supervisor */
    PST_CONTROL__MAX
};

/* fresh: borrowed, -1 for what is not sent. PST_OK; PST_ERR_BUSY; PST_ERR_IO. */
PST_MUST_CHECK enum pst_err pst_control_send(int socket, enum pst_control_word word,
                                             const struct pst_role_fresh *fresh);

/* *ret_fresh is given. PST_OK; PST_ERR_BUSY; PST_ERR_TRUNCATED at the end; PST_ERR_SYNTAX. */
PST_MUST_CHECK enum pst_err pst_control_recv(int socket, enum pst_control_word *ret_word,
                                             struct pst_role_fresh *ret_fresh);

/* SIGTERM, SIGINT, SIGHUP and SIGCHLD blocked and readable; -1 on failure. */
int pst_role_signals_open(void);

#endif
