/*
 * The person who is signed in: who they are, their key ring, and the chain of
 * records by which they know others.
 *
 * Everything is fetched when first asked for and kept for the one call. The
 * root key is the one pinned at enrolment: a server that shows another is not
 * believed.
 */
#ifndef POSTERN_CLI_SELF_H
#define POSTERN_CLI_SELF_H

#include "client/cli/cli.h"
#include "client/cli/net.h"
#include "postern/chain.h"
#include "postern/kdf.h"
#include "postern/keyring.h"

/* Every identity that one's teams ever had, as far as one was given it. */
#define PST_SELF_TEAM_KEYS_MAX 192

struct pst_self {
    json_t *me; /* GET /v1/me */
    struct pst_uuid person;
    const char *origin; /* borrowed from me */
    struct pst_sign_public root;
    struct pst_key_id root_id;
    struct pst_keyring *ring; /* NULL until pst_self_ring */
    json_t *wraps;
    char ring_etag[PST_NET_ETAG_MAX];
    bool ring_changed;
    struct pst_signer *signer; /* newest signing key */
    struct pst_chain *chain;   /* NULL until pst_self_chain */
    /* Identities of one's teams, fetched once (team.h); owned. */
    struct pst_secret *team_identities[PST_SELF_TEAM_KEYS_MAX];
    size_t team_identities_count;
    bool has_team_identities;
};

/* Who is signed in; says so when nobody is. */
PST_MUST_CHECK enum pst_err pst_self_open(struct pst_cli *cli);

/* The same with the key ring opened. */
PST_MUST_CHECK enum pst_err pst_self_ring(struct pst_cli *cli);

/* Seal and put the ring back if it changed (pins). */
PST_MUST_CHECK enum pst_err pst_self_ring_save(struct pst_cli *cli);

/* Put ring and wraps, with a new credential or recovery (borrowed, may be NULL). */
PST_MUST_CHECK enum pst_err pst_self_ring_put(struct pst_cli *cli, const json_t *credential,
                                              const json_t *recovery);

/* Add records (an array of texts, or NULL) to the chain and decide all again. */
PST_MUST_CHECK enum pst_err pst_self_chain(struct pst_cli *cli, const json_t *records);

/* Fetch the key statements of a person into the chain. */
PST_MUST_CHECK enum pst_err pst_self_fetch_person(struct pst_cli *cli,
                                                  const struct pst_uuid *person);

void pst_self_free(struct pst_self **self);

/* Is the signed-in person staff, who have a second factor? By the profile. */
bool pst_self_has_factor(const struct pst_cli *cli);

/* Do the signed-in person's roles hold this one? After pst_self_open. */
bool pst_self_is(const struct pst_cli *cli, const char *role);

/* Ask for the passphrase; what the server wants as `auth`, base64url. Given. */
PST_MUST_CHECK enum pst_err pst_self_auth_text(struct pst_cli *cli, char **ret_auth);

/* The login's parameters from the server, and the keys of a passphrase by them. */
PST_MUST_CHECK enum pst_err pst_self_derive(struct pst_cli *cli, const char *login,
                                            struct pst_secret *phrase,
                                            struct pst_login_keys *ret_keys);

/*
 * Open a session, unwrap the ring's key, and keep both in the profile.
 *   kind  of the wrap: "passphrase" or "recovery"
 */
PST_MUST_CHECK enum pst_err pst_self_sign_in(struct pst_cli *cli, const char *login,
                                             const struct pst_login_keys *keys, const char *kind,
                                             const char *totp, json_t **ret_session);

/* Now, corrected; a fresh id of that time. */
void pst_self_new_id(struct pst_cli *cli, struct pst_uuid *ret_id);

/* Append a record by the signed-in person's newest key. */
PST_MUST_CHECK enum pst_err pst_self_record(struct pst_cli *cli, enum pst_record_kind kind,
                                            const void *body, struct pst_buf *out);

#endif
