#include "client/cli/team.h"

#include <sodium.h>
#include <string.h>

#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"

/* The key file of one line inside. */
#define PLAIN_MAX_BYTES 1024
#define SEALED_MAX_BYTES 4096

enum pst_err pst_team_fetch(struct pst_cli *cli, const struct pst_uuid *team, json_t **ret_answer,
                            const struct pst_record **ret_roster)
{
    char id[PST_UUID_TEXT_SIZE];
    char path[96];
    PST_JSON json_t *answer = NULL;
    PST_JSON json_t *records = json_array();
    pst_uuid_format(team, id);
    snprintf(path, sizeof path, "/v1/teams/%s/roster", id);
    enum pst_err err = pst_net_json(cli, "GET", path, NULL, &answer);
    if (err != PST_OK)
        return err;
    size_t i;
    json_t *item;
    (void)json_array_extend(records, json_object_get(answer, "statements"));
    json_array_foreach(json_object_get(answer, "rosters"), i, item)(void)
        json_array_append(records, json_object_get(item, "roster"));
    err = pst_self_chain(cli, records);
    if (err != PST_OK)
        return err;
    const struct pst_record *roster =
        pst_chain_roster_at(cli->self->chain, team, pst_net_now_ms(cli));
    if (roster == NULL && ret_roster != NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "This team's list of members is not certified up to the practice's "
                            "root. Nothing was changed. Tell the administrator.");
    if (ret_roster != NULL)
        *ret_roster = roster;
    *ret_answer = answer;
    answer = NULL;
    return PST_OK;
}

/* One `sealed` of the rosters with one's own identities. */
static enum pst_err open_sealed(struct pst_cli *cli, const json_t *item,
                                struct pst_secret **ret_identity)
{
    PST_BUF struct pst_buf file = {.max = SEALED_MAX_BYTES};
    PST_BUF struct pst_buf plain = {.max = PLAIN_MAX_BYTES};
    enum pst_err err = pst_wire_get_bytes(item, "sealed", &file);
    if (err != PST_OK)
        return PST_ERR_NO_KEY;
    const struct pst_keyring *ring = cli->self->ring;
    struct pst_age_keys keys = {.identities = ring->identities,
                                .identity_count = ring->identities_count};
    err = pst_age_open_buf(&keys, pst_buf_bytes(&file), &plain, NULL);
    struct pst_age_identities found = {0};
    if (err == PST_OK)
        err = pst_age_identities_parse(pst_buf_bytes(&plain), &found);
    if (err == PST_OK) {
        *ret_identity = found.items[0];
        found.items[0] = NULL;
    }
    pst_age_identities_free(&found);
    if (plain.len > 0)
        sodium_memzero(plain.bytes, plain.len);
    return err;
}

enum pst_err pst_team_identities(struct pst_cli *cli, const struct pst_uuid *team,
                                 struct pst_secret **items, size_t max, size_t *count)
{
    PST_JSON json_t *answer = NULL;
    enum pst_err err = pst_team_fetch(cli, team, &answer, NULL);
    if (err != PST_OK)
        return err;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "rosters"), i, item)
    {
        struct pst_secret *identity = NULL;
        if (*count < max && open_sealed(cli, item, &identity) == PST_OK)
            items[(*count)++] = identity;
    }
    return PST_OK;
}

enum pst_err pst_team_identities_all(struct pst_cli *cli)
{
    struct pst_self *self = cli->self;
    size_t i;
    json_t *team;
    if (self->has_team_identities)
        return PST_OK;
    json_array_foreach(json_object_get(self->me, "teams"), i, team)
    {
        struct pst_uuid id;
        if (pst_wire_get_uuid(team, "id", &id) != PST_OK)
            return pst_wire_unexpected(cli, "teams");
        enum pst_err err = pst_team_identities(
            cli, &id, self->team_identities, PST_SELF_TEAM_KEYS_MAX, &self->team_identities_count);
        if (err != PST_OK)
            return err;
    }
    self->has_team_identities = true;
    return PST_OK;
}

static bool has_id(const struct pst_secret *identity, const struct pst_key_id *key)
{
    struct pst_age_recipient recipient;
    struct pst_key_id id;
    return pst_age_identity_recipient(identity, &recipient) == PST_OK &&
           pst_key_id_of(recipient.bytes, &id) == PST_OK && pst_key_id_equal(&id, key);
}

enum pst_err pst_team_identity(struct pst_cli *cli, const struct pst_uuid *team,
                               const struct pst_key_id *key, struct pst_secret **ret_identity)
{
    struct pst_secret *items[PST_KEYRING_KEYS_MAX] = {0};
    size_t count = 0;
    enum pst_err err = pst_team_identities(cli, team, items, PST_KEYRING_KEYS_MAX, &count);
    struct pst_secret *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (found == NULL && err == PST_OK && has_id(items[i], key))
            found = items[i];
        else
            pst_secret_free(&items[i]);
    }
    if (err != PST_OK)
        return err;
    if (found == NULL)
        return pst_cli_fail(cli, PST_ERR_NO_KEY,
                            "You do not hold this team's key. Another member can add you again.");
    *ret_identity = found;
    return PST_OK;
}
