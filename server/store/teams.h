/*
 * Care teams: their signed rosters, who is in them now, and the team's identity
 * sealed to each member. On the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_TEAMS_H
#define POSTERN_SERVER_STORE_TEAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"

#define PST_TEAM_NAME_SIZE 257
/* Most teams and members that one list reads. */
#define PST_TEAMS_MAX 128
#define PST_TEAM_MEMBERS_MAX 256

struct pst_team {
    struct pst_uuid id;
    char name[PST_TEAM_NAME_SIZE];
    bool active; /* on reading alone */
};

/* PST_ERR_EXISTS. */
PST_MUST_CHECK enum pst_err pst_team_insert(struct pst_tx *tx, const struct pst_team *team,
                                            int64_t at_ms);
/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_team_get(struct pst_tx *tx, const struct pst_uuid *id,
                                         struct pst_team *ret_team);

enum pst_team_of {
    PST_TEAM_OF_ALL,     /* active ones, after id (nil: from the first) */
    PST_TEAM_OF_MEMBER,  /* those the person id is in */
    PST_TEAM_OF_PATIENT, /* of the threads of the patient id, or of patients id stands for */
};

/* ret_teams: room for PST_TEAMS_MAX; in the order of their ids. */
PST_MUST_CHECK enum pst_err pst_team_list(struct pst_tx *tx, enum pst_team_of of,
                                          const struct pst_uuid *id, struct pst_team *ret_teams,
                                          size_t *ret_count);

/* ret_members: room for PST_TEAM_MEMBERS_MAX; sorted. */
PST_MUST_CHECK enum pst_err pst_team_members(struct pst_tx *tx, const struct pst_uuid *team,
                                             struct pst_uuid *ret_members, size_t *ret_count);

struct pst_roster_row {
    struct pst_uuid team;
    int64_t serial;
    struct pst_sha256 hash;
    uint8_t recipient[PST_PUBLIC_KEY_BYTES];
    struct pst_key_id recipient_id;
    int64_t at_ms;
    const char *name; /* the team's from now on */
    const struct pst_uuid *members;
    size_t members_count;
};

/* Accept a roster: the row, who is in the team now, and its name. PST_ERR_EXISTS. */
PST_MUST_CHECK enum pst_err
pst_roster_insert(struct pst_tx *tx, const struct pst_roster_row *roster, const char *record);

/* Newest first; record and hash are borrowed for the call. */
PST_MUST_CHECK enum pst_err pst_roster_each(struct pst_tx *tx, const struct pst_uuid *team,
                                            enum pst_err (*each)(void *ctx, int64_t serial,
                                                                 const char *record,
                                                                 struct pst_bytes hash),
                                            void *ctx);

/* The team's identity of a serial as sealed to a person. ret_sealed: appended to. */
PST_MUST_CHECK enum pst_err pst_team_key_insert(struct pst_tx *tx, const struct pst_uuid *team,
                                                int64_t serial, const struct pst_uuid *person,
                                                struct pst_bytes sealed);
PST_MUST_CHECK enum pst_err pst_team_key_get(struct pst_tx *tx, const struct pst_uuid *team,
                                             int64_t serial, const struct pst_uuid *person,
                                             struct pst_buf *ret_sealed);

#endif
