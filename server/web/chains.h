/*
 * The records that lead from people and teams to the practice's root, gathered
 * for answers (`statements`) and for checks with postern/chain.h.
 *
 *     PST_CHAINS struct pst_chains chains;
 *     r = pst_chains_init(&chains, vault);
 *     r = pst_chains_person(tx, &chains, &id);      any number, also teams
 *     … pst_chains_take(&chains) …                  the array, given
 *
 * Of each person all statements, the invitations that admitted them and, over
 * those, everybody who certified; nobody and nothing twice. On the operation's
 * thread.
 */
#ifndef POSTERN_SERVER_WEB_CHAINS_H
#define POSTERN_SERVER_WEB_CHAINS_H

#include <jansson.h>

#include "postern/chain.h"
#include "postern/uuid.h"
#include "server/store/store.h"

struct pst_vault;

/* People in one answer: a team and those above them. */
#define PST_CHAINS_PEOPLE_MAX 512

struct pst_chains {
    const struct pst_vault *vault;
    json_t *records;
    struct pst_uuid people[PST_CHAINS_PEOPLE_MAX]; /* the first done of them are gathered */
    size_t count;
    size_t done;
};

PST_MUST_CHECK enum pst_err pst_chains_init(struct pst_chains *chains,
                                            const struct pst_vault *vault);
void pst_chains_free(struct pst_chains *chains);
#define PST_CHAINS __attribute__((cleanup(pst_chains_free)))

/* Everything above a person; nothing for one without statements. PST_ERR_TOO_LONG; store's. */
PST_MUST_CHECK enum pst_err pst_chains_person(struct pst_tx *tx, struct pst_chains *chains,
                                              const struct pst_uuid *person);

/* The invitation's record too, and everything above its inviter. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_chains_invitation(struct pst_tx *tx, struct pst_chains *chains,
                                                  const struct pst_uuid *invitation);

/* A team's rosters, and everything above all who were ever in them. */
PST_MUST_CHECK enum pst_err pst_chains_team(struct pst_tx *tx, struct pst_chains *chains,
                                            const struct pst_uuid *team);

/* The signed records keys. */
PST_MUST_CHECK enum pst_err pst_chains_records(struct pst_tx *tx, struct pst_chains *chains);

/* The array, given; chains is empty afterwards. */
json_t *pst_chains_take(struct pst_chains *chains);

#endif
