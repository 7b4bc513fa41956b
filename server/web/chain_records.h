/*
 * The signed records that a client needs to verify somebody's keys up to the
 * practice's root: statements, the invitations under them, whoever signed
 * these, rosters with their members, the records key.
 *
 * Reads all inside one operation, in any order; clients put them together
 * (postern/chain.h). Nothing is verified here: the server is not trusted to.
 */
#ifndef POSTERN_SERVER_WEB_CHAIN_RECORDS_H
#define POSTERN_SERVER_WEB_CHAIN_RECORDS_H

#include <jansson.h>

#include "postern/uuid.h"
#include "server/store/store.h"
#include "server/vault/vault.h"

/* People and teams one answer can name: rosters of a large practice. */
#define PST_CHAIN_PEOPLE_MAX 512
#define PST_CHAIN_TEAMS_MAX 16

struct pst_chain_records {
    struct pst_tx *tx;
    const struct pst_vault *vault;
    struct pst_uuid people[PST_CHAIN_PEOPLE_MAX];
    size_t people_count;
    size_t people_done;
    struct pst_uuid teams[PST_CHAIN_TEAMS_MAX];
    size_t teams_count;
    bool with_records;
};

/* What the answer is about. PST_ERR_TOO_LONG beyond the limits; once each is enough. */
PST_MUST_CHECK enum pst_err pst_chain_records_person(struct pst_chain_records *chain,
                                                     const struct pst_uuid *person);
PST_MUST_CHECK enum pst_err pst_chain_records_team(struct pst_chain_records *chain,
                                                   const struct pst_uuid *team);

/*
 * Read them all, and whoever certified them.
 *   ret_records  an array of strings; given
 * PST_OK; PST_ERR_TOO_LONG; PST_ERR_CRYPTO, PST_ERR_SYNTAX (the store is
 * damaged); PST_ERR_STORE; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_chain_records_read(struct pst_chain_records *chain,
                                                   json_t **ret_records);

/* The practice's root key as base64url, or PST_ERR_NOT_FOUND before it was set. */
PST_MUST_CHECK enum pst_err pst_chain_records_root(struct pst_tx *tx, json_t **ret_root);

#endif
