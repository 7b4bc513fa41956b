/*
 * Copying a whole practice from one store into another, of whatever engine,
 * and holding the copy against the original row by row. For posternd migrate.
 *
 * The copy can be broken off at any point, also by kill -9, and taken up again:
 * every table goes in the order of its primary key, in batches that are one
 * durable transaction each, so that a table's greatest key in the destination
 * says where it stands. Until all of it is verified the destination is marked
 * as unfinished, and pst_store_open opens it for nobody (but PST_STORE_COPY).
 *
 * What is copied is what the source held at one moment; nobody should write it
 * meanwhile, since what they wrote would be missing. Rows are never opened:
 * what the vault encrypted stays as it is, and needs the same vault key.
 *
 * Memory: one page of rows for each side, at most PST_COPY_PAGE_BYTES_MAX.
 * Main thread; never logs.
 */
#ifndef POSTERN_SERVER_STORE_COPY_H
#define POSTERN_SERVER_STORE_COPY_H

#include "server/store/store.h"

/* Tables of a practice, in the order in which they are copied. */
enum pst_copy_table_id {
#define T(id, ...) PST_COPY_TABLE_##id,
#include "server/store/tables.def"
#undef T
    PST_COPY_TABLES
};

/* Static; "person". */
const char *pst_copy_table_name(enum pst_copy_table_id table);

/*
 * A durable transaction of the copy ends at the first of these: what a kill
 * costs stays a fraction of a second, and the log of the store small.
 */
#define PST_COPY_BATCH_ROWS ((int64_t)8192)
#define PST_COPY_BATCH_BYTES ((int64_t)8 * 1024 * 1024)

/*
 * Rows asked for at once, of tables with rows of a few KiB and of those with
 * parts of bodies (256 KiB) in them: an engine may hold all of them in memory.
 */
#define PST_COPY_PAGE_ROWS_SMALL 1024
#define PST_COPY_PAGE_ROWS_LARGE 32
#define PST_COPY_PAGE_BYTES_MAX ((size_t)PST_COPY_PAGE_ROWS_LARGE * 256 * 1024)

enum pst_copy_phase {
    PST_COPY_COPYING,
    PST_COPY_VERIFYING,
};

struct pst_copy_progress {
    enum pst_copy_phase phase;
    enum pst_copy_table_id table;
    int64_t rows;     /* of this phase, also those of earlier tries */
    int64_t rows_all; /* in the source */
    int64_t bytes;    /* of this phase, in this try */
};

/* Called after every batch or page, outside any writing transaction. False: stop. */
typedef bool (*pst_copy_watch)(const struct pst_copy_progress *progress, void *ctx);

enum pst_copy_end {
    PST_COPY_COMPLETE, /* verified, marked, and may be opened */
    PST_COPY_STOPPED,  /* the watcher said so; the same again goes on */
    PST_COPY_DIFFERS,  /* not the same; stays marked as unfinished */
};

/* "row 0198…/1 of table body: column bytes is another"; never personal. */
#define PST_COPY_DIFFERENCE_SIZE 256

struct pst_copy_result {
    enum pst_copy_end end;
    int64_t rows;                              /* STOPPED: in the destination; else verified */
    int64_t bytes;                             /* verified */
    int64_t counts[PST_COPY_TABLES];           /* rows that were verified, by table */
    enum pst_copy_table_id different;          /* with DIFFERS: where, */
    char difference[PST_COPY_DIFFERENCE_SIZE]; /* and what */
};

/*
 *   from, to  opened as PST_STORE_COPY
 *   watch     NULL: nobody watches
 * PST_OK: see ret_result->end. PST_ERR_NOT_FOUND: no practice in the source;
 * PST_ERR_TRUNCATED: the source is itself an unfinished copy; PST_ERR_EXISTS:
 * the destination holds something else, or a finished copy; PST_ERR_CONFLICT:
 * the source was used since the copy was begun, or somebody else copies to the
 * same destination; all with words in ret_problem. Else as pst_store_write.
 */
PST_MUST_CHECK enum pst_err pst_store_copy(struct pst_store *from, struct pst_store *to,
                                           pst_copy_watch watch, void *ctx,
                                           struct pst_copy_result *ret_result,
                                           struct pst_store_problem *ret_problem);

/*
 * In an operation of any role: PST_OK; PST_ERR_TRUNCATED when this store is an
 * unfinished copy, with words in ret_problem (may be NULL).
 */
PST_MUST_CHECK enum pst_err pst_copy_whole(struct pst_tx *tx,
                                           struct pst_store_problem *ret_problem);

#endif
