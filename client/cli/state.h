/*
 * What stays on this computer between two calls: one folder a profile under
 * $XDG_STATE_HOME/postern (~/.local/state/postern), readable by its owner alone.
 *
 *   profile.json   server, ca, login, person, origin, root (key id), roles,
 *                  totp_step (the last one-time code's time step, never used twice)
 *   session        while signed in, mode 0600: the session's token and the key K
 *                  of the key ring, a line each, base64url
 *
 * K is kept so that scripts and people who are signed in are not asked for the
 * passphrase at every call. It opens nothing without the ring, which the server
 * gives out for that session only; both lines go when one signs out or the
 * server ends the session (docs/decisions/0002-client-session-file.md).
 */
#ifndef POSTERN_CLI_STATE_H
#define POSTERN_CLI_STATE_H

#include "client/cli/cli.h"
#include "postern/secret.h"

struct pst_state {
    char *folder;                /* of the profile */
    char *server;                /* https://…, without a slash at its end; NULL: not known */
    char *ca;                    /* NULL: the system's certificates */
    json_t *profile;             /* never NULL once loaded */
    struct pst_secret *token;    /* characters, without terminator; NULL: not signed in */
    struct pst_secret *ring_key; /* K, 32 bytes; NULL as above */
};

/* Read the profile of this call once; options and environment go before what is stored. */
PST_MUST_CHECK enum pst_err pst_state_load(struct pst_cli *cli);
void pst_state_free(struct pst_state **state);

/* A text member of profile.json; NULL when absent. Borrowed. */
const char *pst_state_get(const struct pst_cli *cli, const char *name);

/* Set (or with NULL remove) one; pst_state_save makes it last. */
PST_MUST_CHECK enum pst_err pst_state_set(struct pst_cli *cli, const char *name, const char *value);
PST_MUST_CHECK enum pst_err pst_state_save(struct pst_cli *cli);

/* Keep or forget the session's secrets; both are copied. */
PST_MUST_CHECK enum pst_err pst_state_session_save(struct pst_cli *cli, const char *token,
                                                   const struct pst_secret *ring_key);
PST_MUST_CHECK enum pst_err pst_state_session_forget(struct pst_cli *cli);

/* Write a file whole or not at all: mode is that of the new file. Says what went wrong. */
PST_MUST_CHECK enum pst_err pst_state_write_file(struct pst_cli *cli, const char *path,
                                                 const void *bytes, size_t len, unsigned mode);

#endif
