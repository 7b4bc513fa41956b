/* One table of tables.def: its pages, its keys, its rows. Only for copy*.c. */
#ifndef POSTERN_SERVER_STORE_COPY_TABLE_H
#define POSTERN_SERVER_STORE_COPY_TABLE_H

#include "server/store/copy.h"
#include "server/store/sql.h"

#define PST_COPY_KEY_MAX 3

struct pst_copy_table {
    const char *name;
    const char *columns;   /* "person, kind, wrap_enc"; the key's come first */
    const char *types;     /* of all columns, statement.h */
    const char *key_types; /* lower case */
    int64_t page_rows;
    enum pst_statement first, next, last, count, insert;
};

/* Never NULL for a table in range. */
const struct pst_copy_table *pst_copy_table(enum pst_copy_table_id table);

/* A primary key that outlives its row. {0} is the one before all. */
struct pst_copy_key {
    bool given;
    struct pst_buf bytes; /* one after the other */
    int64_t numbers[PST_COPY_KEY_MAX];
    size_t ends[PST_COPY_KEY_MAX]; /* in bytes */
};
void pst_copy_key_free(struct pst_copy_key *key);
#define PST_COPY_KEY __attribute__((cleanup(pst_copy_key_free)))

/* The first columns of a row. PST_ERR_NOMEM; PST_ERR_TOO_LONG: no key of ours is. */
PST_MUST_CHECK enum pst_err pst_copy_key_take(const struct pst_copy_table *table,
                                              struct pst_rows *rows, struct pst_copy_key *key);
PST_MUST_CHECK enum pst_err pst_copy_key_copy(const struct pst_copy_table *table,
                                              const struct pst_copy_key *from,
                                              struct pst_copy_key *key);

/* The greatest key of a table; not given when it is empty. */
PST_MUST_CHECK enum pst_err pst_copy_key_last(struct pst_tx *tx, const struct pst_copy_table *table,
                                              struct pst_copy_key *key);

/*
 * Append a row's key for an operator: "0198…-…/3". Identifiers, numbers and
 * words as they are; of other bytes (keyed hashes of addresses) the first four,
 * enough to find the row and too few to know whose it is.
 */
PST_MUST_CHECK enum pst_err pst_copy_key_describe(const struct pst_copy_table *table,
                                                  struct pst_rows *rows, struct pst_buf *out);

/* Begin the page past a key. */
PST_MUST_CHECK enum pst_err pst_copy_page(struct pst_tx *tx, const struct pst_copy_table *table,
                                          const struct pst_copy_key *after,
                                          struct pst_rows **ret_rows);

/* A column as a value, borrowed until the next row; and what it weighs. */
struct pst_value pst_copy_column(const struct pst_copy_table *table, struct pst_rows *rows,
                                 int column);
int64_t pst_copy_weight(const struct pst_value *value);

#endif
