/* Invitations: a code, a record signed over its public half, and the link. */
#ifndef POSTERN_CLI_INVITE_H
#define POSTERN_CLI_INVITE_H

#include "client/cli/cli.h"
#include "postern/uuid.h"

/* Options of every command that invites. */
#define PST_INVITE_OPTIONS                                                                         \
    {"link-file", 0, "FILE", "write the link there instead of showing it", PST_CLI_FILE},          \
    {                                                                                              \
        "no-qr", 0, NULL, "do not draw the link", 0                                                \
    }

/*
 * Invite a person: make the code, sign, post, and show the link (or write it to
 * --link-file). The code leaves this process only in the link.
 *   roles     mask of enum pst_role
 *   ret_json  {"person","invitation","link"?}: the link only without --link-file. Given
 */
PST_MUST_CHECK enum pst_err pst_invite(struct pst_cli *cli, const struct pst_uuid *person,
                                       const char *name, uint32_t roles, json_t **ret_json);

#endif
