#include "server/web/certify.h"

#include <string.h>

#include "postern/chain.h"
#include "postern/cleanup.h"
#include "server/store/practice.h"
#include "server/web/chain_records.h"

static enum pst_err reason_find(const struct pst_chain *chain, const struct pst_record *record)
{
    for (size_t i = 0; i < pst_chain_count(chain); i++)
        if (pst_sha256_equal(pst_record_hash(pst_chain_record(chain, i)), pst_record_hash(record)))
            return pst_chain_reason(chain, i) == PST_CHAIN_CERTIFIED ? PST_OK : PST_ERR_CHAIN;
    return PST_ERR_CHAIN;
}

enum pst_err pst_certify_with(const char *origin, const struct pst_sign_public *root,
                              const json_t *records, const struct pst_record *record)
{
    struct pst_chain *chain = NULL;
    enum pst_err r = pst_chain_new(origin, root, NULL, &chain);
    if (r == PST_OK)
        r = pst_chain_add_array(chain, records);
    if (r == PST_OK)
        r = pst_chain_add(chain, pst_record_text(record));
    /* Others may be over or replaced: only this one must be certified. */
    if (r == PST_OK && pst_chain_verify(chain) == PST_ERR_NOMEM)
        r = PST_ERR_NOMEM;
    if (r == PST_OK)
        r = reason_find(chain, record);
    pst_chain_free(&chain);
    return r;
}

struct gather {
    const struct pst_vault *vault;
    const struct pst_certify_by *by;
    struct pst_practice practice;
    json_t *records;
};

static enum pst_err gather_read(struct pst_tx *tx, void *ctx)
{
    struct gather *gather = ctx;
    struct pst_chain_records chain = {.tx = tx, .vault = gather->vault, .with_records = true};
    enum pst_err r = pst_practice_get(tx, &gather->practice);
    for (size_t i = 0; r == PST_OK && i < gather->by->people_count; i++)
        r = pst_chain_records_person(&chain, &gather->by->people[i]);
    if (r == PST_OK && gather->by->team != NULL)
        r = pst_chain_records_team(&chain, gather->by->team);
    return r == PST_OK ? pst_chain_records_read(&chain, &gather->records) : r;
}

enum pst_err pst_certify(struct pst_request *request, const struct pst_certify_by *by,
                         const struct pst_record *record, struct pst_sign_public *ret_root)
{
    struct gather gather = {.vault = request->vault, .by = by};
    enum pst_err r = pst_store_read(request->store, gather_read, &gather);
    PST_JSON json_t *records = gather.records;
    if (r != PST_OK)
        return r;
    r = gather.practice.has_root
            ? pst_certify_with(request->origin, &gather.practice.root, records, record)
            : PST_ERR_CHAIN;
    if (r == PST_ERR_CHAIN &&
        pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL) != PST_OK)
        return PST_ERR_NOMEM;
    if (r == PST_OK && ret_root != NULL)
        *ret_root = gather.practice.root;
    return r;
}

enum pst_err pst_certify_parse(struct pst_request *request, const char *text,
                               enum pst_record_kind kind, const char *member,
                               struct pst_record **ret_record)
{
    struct pst_record *record = NULL;
    enum pst_err r = pst_record_parse_kind(pst_bytes_str(text), kind, &record);
    if (r == PST_OK && (strcmp(pst_record_origin(record), request->origin) != 0 ||
                        pst_record_at_ms(record) > request->now_ms + PST_CERTIFY_CLOCK_MS ||
                        pst_record_at_ms(record) < request->now_ms - PST_CERTIFY_CLOCK_MS))
        r = PST_ERR_INVALID;
    if (r == PST_OK) {
        *ret_record = record;
        return PST_OK;
    }
    pst_record_free(&record);
    if (r == PST_ERR_NOMEM)
        return r;
    return pst_request_bad(request, member) == PST_OK ? PST_ERR_SYNTAX : PST_ERR_NOMEM;
}
