/* A team's rosters and its key, as a member sees them. */
#ifndef POSTERN_CLI_TEAM_H
#define POSTERN_CLI_TEAM_H

#include "client/cli/cli.h"
#include "postern/record.h"
#include "postern/secret.h"

/*
 * Fetch the rosters into the chain and find the newest certified one (borrowed
 * from the chain).
 *   ret_answer  given
 */
PST_MUST_CHECK enum pst_err pst_team_fetch(struct pst_cli *cli, const struct pst_uuid *team,
                                           json_t **ret_answer,
                                           const struct pst_record **ret_roster);

/* The team's identity with this key id, opened with one's own. Given. */
PST_MUST_CHECK enum pst_err pst_team_identity(struct pst_cli *cli, const struct pst_uuid *team,
                                              const struct pst_key_id *key,
                                              struct pst_secret **ret_identity);

/* Append every identity of the team that one holds to items (owned by the caller), newest first. */
PST_MUST_CHECK enum pst_err pst_team_identities(struct pst_cli *cli, const struct pst_uuid *team,
                                                struct pst_secret **items, size_t max,
                                                size_t *count);

/* The identities of all one's teams into cli->self, once a call. */
PST_MUST_CHECK enum pst_err pst_team_identities_all(struct pst_cli *cli);

#endif
