#include "postern/chain.h"

#include <stdlib.h>
#include <string.h>

#include "chain_rules.h"
#include "postern/cleanup.h"

static const char *const reason_names[PST_CHAIN__MAX] = {
    [PST_CHAIN_CERTIFIED] = "certified",
    [PST_CHAIN_UNVERIFIED] = "unverified",
    [PST_CHAIN_ORIGIN] = "origin",
    [PST_CHAIN_SELF] = "own-signature",
    [PST_CHAIN_NO_CERTIFIER] = "no-certifier",
    [PST_CHAIN_NO_INVITATION] = "no-invitation",
    [PST_CHAIN_INVITATION_KEY] = "invitation-key",
    [PST_CHAIN_EXPIRED] = "expired",
    [PST_CHAIN_REUSED] = "reused",
    [PST_CHAIN_NO_PREVIOUS] = "no-previous",
    [PST_CHAIN_PREVIOUS_KEY] = "previous-key",
    [PST_CHAIN_SERIAL] = "serial",
    [PST_CHAIN_DIFFERS] = "differs",
    [PST_CHAIN_MEMBER] = "member",
    [PST_CHAIN_NOT_CHAINED] = "not-chained",
};

const char *pst_chain_reason_name(enum pst_chain_reason reason)
{
    return (unsigned)reason < PST_CHAIN__MAX ? reason_names[reason]
                                             : reason_names[PST_CHAIN_UNVERIFIED];
}

enum pst_err pst_chain_new(const char *origin, const struct pst_sign_public *root,
                           const struct pst_key_id *pinned, struct pst_chain **ret_chain)
{
    struct pst_key_id root_id;
    enum pst_err r = pst_key_id_of(root->bytes, &root_id);
    if (r != PST_OK)
        return r;
    if (pinned != NULL && !pst_key_id_equal(pinned, &root_id))
        return PST_ERR_CHAIN;
    struct pst_chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return PST_ERR_NOMEM;
    chain->root = *root;
    chain->root_id = root_id;
    chain->origin = strdup(origin);
    if (chain->origin == NULL) {
        pst_chain_free(&chain);
        return PST_ERR_NOMEM;
    }
    *ret_chain = chain;
    return PST_OK;
}

void pst_chain_free(struct pst_chain **chain)
{
    if (chain == NULL || *chain == NULL)
        return;
    for (size_t i = 0; i < (*chain)->count; i++)
        pst_record_free(&(*chain)->links[i].record);
    free((*chain)->links);
    free((*chain)->by_time);
    free((*chain)->origin);
    free(*chain);
    *chain = NULL;
}

static bool is_there(const struct pst_chain *chain, struct pst_bytes text)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (pst_bytes_equal(pst_record_text(chain->links[i].record), text))
            return true;
    }
    return false;
}

static enum pst_err grow(struct pst_chain *chain)
{
    if (chain->count == PST_CHAIN_RECORDS_MAX)
        return PST_ERR_TOO_LONG;
    if (chain->count < chain->cap)
        return PST_OK;
    size_t cap = chain->cap == 0 ? 32 : chain->cap * 2;
    struct link *links = reallocarray(chain->links, cap, sizeof *links);
    if (links == NULL)
        return PST_ERR_NOMEM;
    chain->links = links;
    size_t *by_time = reallocarray(chain->by_time, cap, sizeof *by_time);
    if (by_time == NULL)
        return PST_ERR_NOMEM;
    chain->by_time = by_time;
    chain->cap = cap;
    return PST_OK;
}

enum pst_err pst_chain_add(struct pst_chain *chain, struct pst_bytes text)
{
    struct pst_record *record = NULL;
    if (is_there(chain, text))
        return PST_OK;
    enum pst_err r = grow(chain);
    if (r == PST_OK)
        r = pst_record_parse(text, &record);
    if (r != PST_OK)
        return r;
    chain->links[chain->count++] = (struct link){.record = record, .reason = PST_CHAIN_UNVERIFIED};
    return PST_OK;
}

enum pst_err pst_chain_add_array(struct pst_chain *chain, const json_t *array)
{
    size_t i = 0;
    json_t *item = NULL;
    if (!json_is_array(array))
        return PST_ERR_SYNTAX;
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return PST_ERR_SYNTAX;
        enum pst_err r =
            pst_chain_add(chain, pst_bytes(json_string_value(item), json_string_length(item)));
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

/* By time; records of one moment in an order that does not depend on who sent them. */
static int compare_links(const void *a, const void *b, void *ctx)
{
    const struct pst_chain *chain = ctx;
    const struct pst_record *first = chain->links[*(const size_t *)a].record;
    const struct pst_record *second = chain->links[*(const size_t *)b].record;
    int64_t difference = pst_record_at_ms(first) - pst_record_at_ms(second);
    if (difference != 0)
        return difference < 0 ? -1 : 1;
    return memcmp(pst_record_hash(first)->bytes, pst_record_hash(second)->bytes, PST_SHA256_BYTES);
}

/*
 * Decides the records of one moment: again and again while that certifies more,
 * since they may depend on each other (an invitation and its statement).
 */
static void decide_moment(struct pst_chain *chain, size_t first, size_t end)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = first; i < end; i++) {
            struct link *link = &chain->links[chain->by_time[i]];
            if (link->reason == PST_CHAIN_CERTIFIED)
                continue;
            link->reason = pst_chain_rule(chain, link->record);
            more = more || link->reason == PST_CHAIN_CERTIFIED;
        }
    }
}

enum pst_err pst_chain_verify(struct pst_chain *chain)
{
    bool all = true;
    for (size_t i = 0; i < chain->count; i++) {
        chain->by_time[i] = i;
        chain->links[i].reason = PST_CHAIN_UNVERIFIED;
    }
    if (chain->count > 1)
        qsort_r(chain->by_time, chain->count, sizeof *chain->by_time, compare_links, chain);
    for (size_t first = 0; first < chain->count;) {
        size_t end = first;
        int64_t at_ms = pst_record_at_ms(chain->links[chain->by_time[first]].record);
        while (end < chain->count &&
               pst_record_at_ms(chain->links[chain->by_time[end]].record) == at_ms)
            end++;
        decide_moment(chain, first, end);
        first = end;
    }
    for (size_t i = 0; i < chain->count; i++)
        all = all && chain->links[i].reason == PST_CHAIN_CERTIFIED;
    return all ? PST_OK : PST_ERR_CHAIN;
}

size_t pst_chain_count(const struct pst_chain *chain)
{
    return chain->count;
}

const struct pst_record *pst_chain_record(const struct pst_chain *chain, size_t index)
{
    return chain->links[index].record;
}

enum pst_chain_reason pst_chain_reason(const struct pst_chain *chain, size_t index)
{
    return chain->links[index].reason;
}

size_t pst_chain_alarms(const struct pst_chain *chain)
{
    size_t alarms = 0;
    for (size_t i = 0; i < chain->count; i++)
        alarms += chain->links[i].reason == PST_CHAIN_REUSED ? 1 : 0;
    return alarms;
}

const struct pst_sign_public *pst_chain_root(const struct pst_chain *chain)
{
    return &chain->root;
}

const struct pst_key_id *pst_chain_root_id(const struct pst_chain *chain)
{
    return &chain->root_id;
}

/* The certified record for which is(record, key) holds and newest(record) is greatest. */
static const struct pst_record *find(const struct pst_chain *chain, int64_t at_ms,
                                     bool (*is)(const struct pst_record *, const void *),
                                     const void *key)
{
    const struct pst_record *found = NULL;
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        if (link->reason != PST_CHAIN_CERTIFIED || pst_record_at_ms(link->record) > at_ms ||
            !is(link->record, key))
            continue;
        if (found == NULL || pst_chain_serial(link->record) > pst_chain_serial(found))
            found = link->record;
    }
    return found;
}

static bool is_of_person(const struct pst_record *record, const void *key)
{
    const struct pst_statement *statement = pst_record_statement(record);
    return statement != NULL && pst_uuid_equal(&statement->person, key);
}

static bool is_signed_with(const struct pst_record *record, const void *key)
{
    const struct pst_statement *statement = pst_record_statement(record);
    return statement != NULL && pst_key_id_equal(&statement->sign_id, key);
}

static bool is_sealed_to(const struct pst_record *record, const void *key)
{
    const struct pst_statement *statement = pst_record_statement(record);
    return statement != NULL && pst_key_id_equal(&statement->recipient_id, key);
}

static bool is_of_team(const struct pst_record *record, const void *key)
{
    const struct pst_roster *roster = pst_record_roster(record);
    return roster != NULL && pst_uuid_equal(&roster->team, key);
}

static bool is_team_key(const struct pst_record *record, const void *key)
{
    const struct pst_roster *roster = pst_record_roster(record);
    return roster != NULL && pst_key_id_equal(&roster->recipient_id, key);
}

static bool is_any_records(const struct pst_record *record, const void *key)
{
    (void)key;
    return pst_record_records_key(record) != NULL;
}

static bool is_records_key(const struct pst_record *record, const void *key)
{
    const struct pst_records_key *records = pst_record_records_key(record);
    return records != NULL && pst_key_id_equal(&records->recipient_id, key);
}

const struct pst_record *pst_chain_statement_at(const struct pst_chain *chain,
                                                const struct pst_uuid *person, int64_t at_ms)
{
    /* The newest that began; if that one ended, older ones do not come back. */
    const struct pst_record *newest = find(chain, at_ms, is_of_person, person);
    return newest != NULL && pst_record_statement(newest)->until_ms > at_ms ? newest : NULL;
}

const struct pst_record *pst_chain_statement_by_key(const struct pst_chain *chain,
                                                    const struct pst_key_id *sign_id, int64_t at_ms)
{
    const struct pst_record *record = find(chain, at_ms, is_signed_with, sign_id);
    if (record == NULL)
        return NULL;
    const struct pst_record *current =
        pst_chain_statement_at(chain, &pst_record_statement(record)->person, at_ms);
    return current == record ? record : NULL;
}

const struct pst_record *pst_chain_statement_by_recipient(const struct pst_chain *chain,
                                                          const struct pst_key_id *recipient_id)
{
    return find(chain, INT64_MAX, is_sealed_to, recipient_id);
}

const struct pst_record *pst_chain_roster_at(const struct pst_chain *chain,
                                             const struct pst_uuid *team, int64_t at_ms)
{
    return find(chain, at_ms, is_of_team, team);
}

const struct pst_record *pst_chain_roster_by_recipient(const struct pst_chain *chain,
                                                       const struct pst_key_id *recipient_id)
{
    return find(chain, INT64_MAX, is_team_key, recipient_id);
}

const struct pst_record *pst_chain_records_at(const struct pst_chain *chain, int64_t at_ms)
{
    return find(chain, at_ms, is_any_records, NULL);
}

const struct pst_record *pst_chain_records_by_recipient(const struct pst_chain *chain,
                                                        const struct pst_key_id *recipient_id)
{
    return find(chain, INT64_MAX, is_records_key, recipient_id);
}

enum pst_err pst_chain_signed_by(const struct pst_chain *chain, const struct pst_record *record,
                                 const struct pst_uuid *person, uint32_t any_of_roles)
{
    if (strcmp(pst_record_origin(record), chain->origin) != 0)
        return PST_ERR_CHAIN;
    const struct pst_record *by = pst_chain_statement_at(chain, person, pst_record_at_ms(record));
    if (by == NULL)
        return PST_ERR_CHAIN;
    const struct pst_statement *statement = pst_record_statement(by);
    if (any_of_roles != 0 && (statement->roles & any_of_roles) == 0)
        return PST_ERR_CHAIN;
    return pst_record_verify(record, &statement->sign) == PST_OK ? PST_OK : PST_ERR_CHAIN;
}
