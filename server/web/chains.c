#include "server/web/chains.h"

#include <string.h>

#include "postern/cleanup.h"
#include "postern/record.h"
#include "server/store/invitations.h"
#include "server/store/keys.h"
#include "server/store/teams.h"
#include "server/vault/fields.h"
#include "server/web/places.h"

enum pst_err pst_chains_init(struct pst_chains *chains, const struct pst_vault *vault)
{
    chains->vault = vault;
    chains->count = chains->done = 0;
    chains->records = json_array();
    return chains->records == NULL ? PST_ERR_NOMEM : PST_OK;
}

void pst_chains_free(struct pst_chains *chains)
{
    json_decref(chains->records);
    chains->records = NULL;
}

json_t *pst_chains_take(struct pst_chains *chains)
{
    json_t *records = chains->records;
    chains->records = NULL;
    return records;
}

static enum pst_err person_add(struct pst_chains *chains, const struct pst_uuid *person)
{
    if (pst_uuid_is_nil(person))
        return PST_OK;
    for (size_t i = 0; i < chains->count; i++)
        if (pst_uuid_equal(&chains->people[i], person))
            return PST_OK;
    if (chains->count == PST_CHAINS_PEOPLE_MAX)
        return PST_ERR_TOO_LONG;
    chains->people[chains->count++] = *person;
    return PST_OK;
}

static enum pst_err text_add(struct pst_chains *chains, struct pst_bytes text)
{
    json_t *string = json_stringn((const char *)text.ptr, text.len);
    return json_array_append_new(chains->records, string) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err invitation_add(struct pst_tx *tx, struct pst_chains *chains,
                                   const struct pst_uuid *id)
{
    PST_BUF struct pst_buf sealed = {.max = PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_invitation_row row;
    enum pst_err r = pst_invitation_get(tx, id, &row, &sealed);
    if (r == PST_OK)
        r = pst_vault_field_open(chains->vault, pst_field_of(PST_FIELD_INVITATION_RECORD, id),
                                 pst_buf_bytes(&sealed), &text);
    if (r == PST_OK)
        r = text_add(chains, pst_buf_bytes(&text));
    return r == PST_OK ? person_add(chains, &row.inviter) : r;
}

/* Whoever else signed the statement certifies what differs in it. */
static enum pst_err signers_add(struct pst_tx *tx, struct pst_chains *chains,
                                const struct pst_key_row *key, struct pst_bytes text)
{
    struct pst_record *record = NULL;
    enum pst_err r = pst_record_parse(text, &record);
    for (size_t i = 0; r == PST_OK && i < pst_record_signature_count(record); i++) {
        const struct pst_key_id *id = pst_record_signature_key(record, i);
        struct pst_key_row signer;
        if (pst_key_id_equal(id, &key->sign_key_id))
            continue;
        r = pst_key_by_sign_id(tx, id, &signer);
        if (r == PST_OK)
            r = person_add(chains, &signer.person);
        else if (r == PST_ERR_NOT_FOUND)
            r = PST_OK; /* the invitation's key, or the root's */
    }
    pst_record_free(&record);
    return r;
}

struct gather {
    struct pst_tx *tx;
    struct pst_chains *chains;
};

static enum pst_err statement_add(void *ctx, const struct pst_key_row *key, struct pst_bytes sealed)
{
    const struct gather *gather = ctx;
    struct pst_chains *chains = gather->chains;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    struct pst_statement_place place;
    pst_statement_place_init(&place, &key->person, key->serial);
    enum pst_err r =
        pst_vault_field_open(chains->vault, pst_statement_place_of(&place), sealed, &text);
    if (r == PST_OK)
        r = text_add(chains, pst_buf_bytes(&text));
    if (r == PST_OK && !pst_uuid_is_nil(&key->invitation))
        r = invitation_add(gather->tx, chains, &key->invitation);
    return r == PST_OK ? signers_add(gather->tx, chains, key, pst_buf_bytes(&text)) : r;
}

/* Everybody added and not gathered yet, and whoever that adds. */
static enum pst_err gather_all(struct pst_tx *tx, struct pst_chains *chains)
{
    struct gather gather = {tx, chains};
    enum pst_err r = PST_OK;
    while (r == PST_OK && chains->done < chains->count)
        r = pst_key_each(tx, &chains->people[chains->done++], statement_add, &gather);
    return r;
}

enum pst_err pst_chains_person(struct pst_tx *tx, struct pst_chains *chains,
                               const struct pst_uuid *person)
{
    enum pst_err r = person_add(chains, person);
    return r == PST_OK ? gather_all(tx, chains) : r;
}

enum pst_err pst_chains_invitation(struct pst_tx *tx, struct pst_chains *chains,
                                   const struct pst_uuid *invitation)
{
    enum pst_err r = invitation_add(tx, chains, invitation);
    return r == PST_OK ? gather_all(tx, chains) : r;
}

static enum pst_err roster_add(void *ctx, int64_t serial, const char *record, struct pst_bytes hash)
{
    struct pst_chains *chains = ctx;
    struct pst_record *parsed = NULL;
    (void)serial;
    (void)hash;
    enum pst_err r = text_add(chains, pst_bytes_str(record));
    if (r == PST_OK)
        r = pst_record_parse_kind(pst_bytes_str(record), PST_RECORD_ROSTER, &parsed);
    if (r != PST_OK)
        return r;
    const struct pst_roster *roster = pst_record_roster(parsed);
    for (size_t i = 0; r == PST_OK && i < roster->members_count; i++)
        r = person_add(chains, &roster->members[i]);
    pst_record_free(&parsed);
    return r;
}

enum pst_err pst_chains_team(struct pst_tx *tx, struct pst_chains *chains,
                             const struct pst_uuid *team)
{
    enum pst_err r = pst_roster_each(tx, team, roster_add, chains);
    return r == PST_OK ? gather_all(tx, chains) : r;
}

static enum pst_err records_add(void *ctx, const char *record)
{
    return text_add(ctx, pst_bytes_str(record));
}

enum pst_err pst_chains_records(struct pst_tx *tx, struct pst_chains *chains)
{
    return pst_records_each(tx, records_add, chains);
}
