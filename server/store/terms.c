#include "server/store/terms.h"

#include "server/store/sql.h"

enum pst_err pst_terms_insert(struct pst_tx *tx, const struct pst_terms *terms)
{
    struct pst_sha256 hash;
    enum pst_err r = pst_sha256(pst_bytes_str(terms->text), &hash);
    if (r != PST_OK)
        return r;
    return pst_sql_exec(tx, PST_STMT_TERMS_INSERT, PST_V_TEXT(terms->id), PST_V_INT(terms->version),
                        PST_V_TEXT(terms->language), PST_V_ARRAY(hash.bytes),
                        PST_V_TEXT(terms->text), PST_V_INT(terms->effective_at_ms));
}

enum pst_err pst_terms_insert_builtin(struct pst_tx *tx, int64_t now_ms)
{
    for (size_t i = 0; i < pst_terms_builtin_count; i++) {
        struct pst_terms terms = pst_terms_builtin[i];
        struct pst_sha256 hash;
        terms.effective_at_ms = now_ms;
        enum pst_err r = pst_terms_hash(tx, terms.id, terms.version, terms.language, &hash);
        if (r == PST_ERR_NOT_FOUND)
            r = pst_terms_insert(tx, &terms);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

enum pst_err pst_terms_hash(struct pst_tx *tx, const char *id, int64_t version,
                            const char *language, struct pst_sha256 *ret_hash)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_TERMS_GET, &rows, PST_V_TEXT(id),
                                   PST_V_INT(version), PST_V_TEXT(language));
    return r == PST_OK ? pst_row_array(rows, 0, ret_hash->bytes, sizeof ret_hash->bytes) : r;
}

enum pst_err pst_terms_newest(struct pst_tx *tx, const char *id, int64_t now_ms,
                              int64_t *ret_newest, int64_t *ret_current)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_TERMS_NEWEST, &rows, PST_V_TEXT(id), PST_V_INT(now_ms));
    if (r != PST_OK)
        return r;
    *ret_newest = pst_row_int(rows, 0);
    *ret_current = pst_row_int(rows, 1);
    return PST_OK;
}

enum pst_err pst_terms_have_language(struct pst_tx *tx, const char *language, bool *ret_have)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_TERMS_HAVE_LANGUAGE, &rows, PST_V_TEXT(language));
    if (r == PST_OK)
        *ret_have = pst_row_int(rows, 0) != 0;
    return r;
}

enum pst_err pst_terms_languages(struct pst_tx *tx, const char *id, int64_t version,
                                 pst_language_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_query(tx, PST_STMT_TERMS_LANGUAGES, &rows, PST_V_TEXT(id), PST_V_INT(version));
    while (pst_sql_each(rows, &r))
        r = fn(ctx, pst_row_text(rows, 0));
    return r;
}

enum pst_err pst_terms_list(struct pst_tx *tx, const char *language, size_t limit, size_t skip,
                            pst_terms_fn *fn, void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_TERMS_LIST, &rows, PST_V_TEXT(language),
                                   PST_V_INT((int64_t)limit), PST_V_INT((int64_t)skip));
    while (pst_sql_each(rows, &r)) {
        struct pst_terms terms = {.id = pst_row_text(rows, 0),
                                  .version = pst_row_int(rows, 1),
                                  .language = pst_row_text(rows, 2),
                                  .text = pst_row_text(rows, 3),
                                  .effective_at_ms = pst_row_int(rows, 5)};
        r = pst_row_array(rows, 4, terms.hash.bytes, sizeof terms.hash.bytes);
        if (r == PST_OK)
            r = fn(ctx, &terms);
    }
    return r;
}
