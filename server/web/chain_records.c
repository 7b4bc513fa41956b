#include "server/web/chain_records.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/record.h"
#include "server/store/invitations.h"
#include "server/store/keys.h"
#include "server/store/practice.h"
#include "server/store/teams.h"
#include "server/vault/fields.h"
#include "server/web/places.h"

/* A record as the vault sealed it. */
#define SEALED_MAX_BYTES (PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES)
/* 43 characters. */
#define ROOT_TEXT_MAX_BYTES ((size_t)64)

static enum pst_err add_id(struct pst_uuid *ids, size_t *count, size_t max,
                           const struct pst_uuid *id)
{
    for (size_t i = 0; i < *count; i++)
        if (pst_uuid_equal(&ids[i], id))
            return PST_OK;
    if (*count == max)
        return PST_ERR_TOO_LONG;
    ids[(*count)++] = *id;
    return PST_OK;
}

enum pst_err pst_chain_records_person(struct pst_chain_records *chain,
                                      const struct pst_uuid *person)
{
    return add_id(chain->people, &chain->people_count, PST_CHAIN_PEOPLE_MAX, person);
}

enum pst_err pst_chain_records_team(struct pst_chain_records *chain, const struct pst_uuid *team)
{
    return add_id(chain->teams, &chain->teams_count, PST_CHAIN_TEAMS_MAX, team);
}

static enum pst_err append_text(json_t *records, struct pst_bytes text)
{
    json_t *string = json_stringn((const char *)text.ptr, text.len);
    return json_array_append_new(records, string) == 0 ? PST_OK : PST_ERR_NOMEM;
}

/* Whoever signed it has statements too; the root has none. */
static enum pst_err add_signers(struct pst_chain_records *chain, const struct pst_record *record)
{
    for (size_t i = 0; i < pst_record_signature_count(record); i++) {
        struct pst_key_row key;
        enum pst_err r = pst_key_by_sign_id(chain->tx, pst_record_signature_key(record, i), &key);
        if (r == PST_OK)
            r = pst_chain_records_person(chain, &key.person);
        if (r != PST_OK && r != PST_ERR_NOT_FOUND)
            return r;
    }
    return PST_OK;
}

/* A record in clear: its signers are wanted too, and a roster's members. */
static enum pst_err take_record(struct pst_chain_records *chain, struct pst_bytes text)
{
    struct pst_record *record = NULL;
    enum pst_err r = pst_record_parse(text, &record);
    if (r != PST_OK)
        return r;
    const struct pst_roster *roster = pst_record_roster(record);
    r = add_signers(chain, record);
    for (size_t i = 0; r == PST_OK && roster != NULL && i < roster->members_count; i++)
        r = pst_chain_records_person(chain, &roster->members[i]);
    pst_record_free(&record);
    return r;
}

/* ---- people ------------------------------------------------------------------ */

/* Statements of one person as they are read; what they need is fetched afterwards. */
struct statements {
    const struct pst_vault *vault;
    json_t *texts;
    struct pst_uuid invitations[64];
    size_t invitations_count;
};

static enum pst_err read_statement(void *ctx, const struct pst_key_row *key,
                                   struct pst_bytes record)
{
    struct statements *statements = ctx;
    struct pst_statement_place place;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    pst_statement_place_init(&place, &key->person, key->serial);
    enum pst_err r =
        pst_vault_field_open(statements->vault, pst_statement_place_of(&place), record, &text);
    if (r == PST_OK)
        r = append_text(statements->texts, pst_buf_bytes(&text));
    if (r == PST_OK && !pst_uuid_is_nil(&key->invitation))
        r = add_id(statements->invitations, &statements->invitations_count,
                   sizeof statements->invitations / sizeof statements->invitations[0],
                   &key->invitation);
    return r;
}

static enum pst_err take_invitation(struct pst_chain_records *chain, const struct pst_uuid *id,
                                    json_t *records)
{
    struct pst_invitation_row row;
    PST_BUF struct pst_buf sealed = {.max = SEALED_MAX_BYTES};
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err r = pst_invitation_get(chain->tx, id, &row, &sealed);
    if (r == PST_OK)
        r = pst_vault_field_open(chain->vault, pst_field_of(PST_FIELD_INVITATION_RECORD, id),
                                 pst_buf_bytes(&sealed), &text);
    if (r == PST_OK)
        r = append_text(records, pst_buf_bytes(&text));
    return r == PST_OK ? take_record(chain, pst_buf_bytes(&text)) : r;
}

static enum pst_err take_person(struct pst_chain_records *chain, const struct pst_uuid *person,
                                json_t *records)
{
    PST_JSON json_t *texts = json_array();
    struct statements statements = {.vault = chain->vault, .texts = texts};
    enum pst_err r = pst_key_each(chain->tx, person, read_statement, &statements);
    for (size_t i = 0; r == PST_OK && i < json_array_size(texts); i++) {
        json_t *text = json_array_get(texts, i);
        r = take_record(chain, pst_bytes(json_string_value(text), json_string_length(text)));
    }
    for (size_t i = 0; r == PST_OK && i < statements.invitations_count; i++)
        r = take_invitation(chain, &statements.invitations[i], records);
    if (r == PST_OK && json_array_extend(records, texts) != 0)
        r = PST_ERR_NOMEM;
    return r;
}

/* ---- teams, records ----------------------------------------------------------- */

static enum pst_err read_roster(void *ctx, int64_t serial, const char *record,
                                struct pst_bytes hash)
{
    (void)serial;
    (void)hash;
    return append_text(ctx, pst_bytes_str(record));
}

static enum pst_err read_records(void *ctx, const char *record)
{
    return append_text(ctx, pst_bytes_str(record));
}

static enum pst_err take_teams(struct pst_chain_records *chain, json_t *records)
{
    PST_JSON json_t *texts = json_array();
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < chain->teams_count; i++)
        r = pst_roster_each(chain->tx, &chain->teams[i], read_roster, texts);
    if (r == PST_OK && chain->with_records)
        r = pst_records_each(chain->tx, read_records, texts);
    for (size_t i = 0; r == PST_OK && i < json_array_size(texts); i++) {
        json_t *text = json_array_get(texts, i);
        r = take_record(chain, pst_bytes(json_string_value(text), json_string_length(text)));
    }
    if (r == PST_OK && json_array_extend(records, texts) != 0)
        r = PST_ERR_NOMEM;
    return r;
}

enum pst_err pst_chain_records_read(struct pst_chain_records *chain, json_t **ret_records)
{
    PST_JSON json_t *records = json_array();
    enum pst_err r = take_teams(chain, records);
    while (r == PST_OK && chain->people_done < chain->people_count) {
        struct pst_uuid person = chain->people[chain->people_done++];
        r = take_person(chain, &person, records);
    }
    if (r == PST_OK)
        *ret_records = json_incref(records);
    return r;
}

enum pst_err pst_chain_records_root(struct pst_tx *tx, json_t **ret_root)
{
    struct pst_practice practice;
    PST_BUF struct pst_buf text = {.max = ROOT_TEXT_MAX_BYTES};
    enum pst_err r = pst_practice_get(tx, &practice);
    if (r != PST_OK)
        return r;
    if (!practice.has_root)
        return PST_ERR_NOT_FOUND;
    r = pst_base64url_append(&text, pst_bytes(practice.root.bytes, sizeof practice.root.bytes));
    if (r != PST_OK)
        return r;
    json_t *root = json_string(pst_buf_str(&text));
    if (root == NULL)
        return PST_ERR_NOMEM;
    *ret_root = root;
    return PST_OK;
}
