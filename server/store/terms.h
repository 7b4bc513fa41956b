/*
 * Terms: the wording patients agree to, by id, version and language. Rows are
 * never changed; versions only grow. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_TERMS_H
#define POSTERN_SERVER_STORE_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/hash.h"
#include "server/store/store.h"

/* Longest id ("messages") and language (BCP 47), with terminators; longest text. */
#define PST_TERMS_ID_SIZE 33
#define PST_LANGUAGE_SIZE 36
#define PST_TERMS_TEXT_MAX ((size_t)64 * 1024)

struct pst_terms {
    const char *id;
    int64_t version; /* 1 or more */
    const char *language;
    const char *text;       /* UTF-8 */
    struct pst_sha256 hash; /* of the text; computed on writing */
    int64_t effective_at_ms;
};

/* The wording this program brings, for posternd init: schema/terms. */
extern const struct pst_terms pst_terms_builtin[];
extern const size_t pst_terms_builtin_count;

/* Hashes the text. PST_ERR_EXISTS. */
PST_MUST_CHECK enum pst_err pst_terms_insert(struct pst_tx *tx, const struct pst_terms *terms);

/* Put in what this program brings and the store has not, in effect from now on. */
PST_MUST_CHECK enum pst_err pst_terms_insert_builtin(struct pst_tx *tx, int64_t now_ms);

/* PST_ERR_NOT_FOUND: no such wording. */
PST_MUST_CHECK enum pst_err pst_terms_hash(struct pst_tx *tx, const char *id, int64_t version,
                                           const char *language, struct pst_sha256 *ret_hash);

/* Highest version, and the highest in effect; 0: none. */
PST_MUST_CHECK enum pst_err pst_terms_newest(struct pst_tx *tx, const char *id, int64_t now_ms,
                                             int64_t *ret_newest, int64_t *ret_current);

PST_MUST_CHECK enum pst_err pst_terms_have_language(struct pst_tx *tx, const char *language,
                                                    bool *ret_have);

typedef enum pst_err pst_language_fn(void *ctx, const char *language);
PST_MUST_CHECK enum pst_err pst_terms_languages(struct pst_tx *tx, const char *id, int64_t version,
                                                pst_language_fn *fn, void *ctx);

typedef enum pst_err pst_terms_fn(void *ctx, const struct pst_terms *terms);
/* By id, newest version first. language NULL: all. */
PST_MUST_CHECK enum pst_err pst_terms_list(struct pst_tx *tx, const char *language, size_t limit,
                                           size_t skip, pst_terms_fn *fn, void *ctx);

#endif
