/*
 * The store: everything Postern keeps, behind verbs of the domain.
 *
 * For web, courier, keeper, export and the tools of posternd; door and mail
 * never link it. Only server/store/ holds SQL (sql.h); everybody else calls
 * the verbs of server/store/<domain>.h inside an operation:
 *
 *     static enum pst_err end_session(struct pst_tx *tx, void *ctx);
 *     r = pst_store_write(store, end_session, &ctx);
 *
 * An operation runs inside one transaction: what it returns decides whether
 * the transaction commits (PST_OK) or leaves no trace (anything else). It may
 * be run again from the start, so it sets all it gives in ctx anew each time,
 * touches nothing else, sends nothing, and reads time and random bytes from
 * ctx. A refusal that must be recorded is no error: the operation writes its
 * event, says so in ctx and returns PST_OK.
 *
 * Threads: all of it from any thread, open and close from one. The store never
 * encrypts or decrypts (vault.h) and never logs.
 */
#ifndef POSTERN_SERVER_STORE_STORE_H
#define POSTERN_SERVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

/* Who opened it: decides which statements are there (statements.def). */
enum pst_store_role {
    PST_STORE_WEB,
    PST_STORE_COURIER,
    PST_STORE_KEEPER,
    PST_STORE_TOOL, /* posternd init, check, policy */
    PST_STORE_COPY, /* posternd migrate --to (copy.h): every table, to read and to append */
    PST_STORE__MAX
};

/* Why a store could not be opened, in words for an operator. Never personal. */
#define PST_STORE_PROBLEM_SIZE 256
struct pst_store_problem {
    char text[PST_STORE_PROBLEM_SIZE];
};

struct pst_store;
struct pst_tx;

typedef enum pst_err (*pst_store_fn)(struct pst_tx *tx, void *ctx);

/*
 * Open a store that was made and brought up to date by pst_store_migrate.
 *
 *   url          "sqlite:/absolute/path" or "postgresql://LOGIN@HOST/DATABASE"
 *   ret_store    given; release with pst_store_close
 *   ret_problem  may be NULL; filled on failure
 *
 * Prepares every statement of the role: one that does not fit the schema makes
 * the opening fail. Starts the writer's thread.
 * PST_OK; PST_ERR_INVALID (url); PST_ERR_UNSUPPORTED (the store's version is
 * not this program's); PST_ERR_NOT_FOUND (no such file); PST_ERR_TRUNCATED (an
 * unfinished copy of a practice, copy.h); PST_ERR_STORE; PST_ERR_BUSY (no
 * database answers); PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_store_open(const char *url, enum pst_store_role role,
                                           struct pst_store **ret_store,
                                           struct pst_store_problem *ret_problem);

/* Finishes the jobs that wait, ends the writer, closes. Accepts NULL; leaves NULL. */
void pst_store_close(struct pst_store **store);

/*
 * Run fn in one read transaction: all its reads see one moment. Never waits
 * for a writer. When the database goes away meanwhile, fn is run again from its
 * start over another connection. Returns what fn returns, or PST_ERR_STORE,
 * PST_ERR_BUSY (no database answers), PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_store_read(struct pst_store *store, pst_store_fn fn, void *ctx);

/*
 * The same for an fn that runs a single statement: cheaper, for what every
 * request does. A second statement ends the process.
 */
PST_MUST_CHECK enum pst_err pst_store_read_one(struct pst_store *store, pst_store_fn fn, void *ctx);

/*
 * Run fn in a write transaction and wait until it is durable. It shares its
 * commit with whatever else waits. Not from a job's done().
 *
 * Returns what fn returned when that is not PST_OK (nothing was written);
 * PST_OK: durable; PST_ERR_BUSY: another process kept the store, no database
 * answers or the queue is full, nothing written; PST_ERR_STORE: the commit
 * failed and may or may not have happened: only a look can tell.
 */
PST_MUST_CHECK enum pst_err pst_store_write(struct pst_store *store, pst_store_fn fn, void *ctx);

/*
 * A write whose caller does not wait. The caller owns it and keeps it, and
 * ctx, until done was called; the first five members are theirs to fill.
 */
struct pst_store_job {
    pst_store_fn fn;
    void *ctx;
    /*
     * Called once, on the writer's thread, after the commit is durable (result
     * as pst_store_write returns it). Must not wait for anything; may free job
     * and submit others.
     */
    void (*done)(struct pst_store_job *job, enum pst_err result);
    /*
     * Unless this is set the operation is the only write of its kind in the
     * whole store while it runs: what it has read stays true until it commits.
     * A shared one runs beside others where the engine can; it locks each row
     * whose change would forbid it (pst_sql_lock), and its other statements are
     * right whatever commits between them.
     */
    bool shared;
    /*
     * Any number; shared jobs of the same one take turns here, and so do not
     * wait for each other's locks in the database: what they write to, say. In
     * one transaction they run in the order of lanes.
     */
    uint32_t lane;
    /* The store's own. */
    enum pst_err result;
    int64_t submitted_ms; /* monotonic */
    struct pst_store_job *next;
};

/* Most jobs that wait at once; beyond it the answer is "busy", not more memory. */
#define PST_STORE_QUEUE_MAX 4096
/* Most jobs one commit carries: a group's latency stays in milliseconds. */
#define PST_STORE_GROUP_MAX 64

/* PST_OK: done will be called. PST_ERR_BUSY: the queue is full, job not taken. */
PST_MUST_CHECK enum pst_err pst_store_submit(struct pst_store *store, struct pst_store_job *job);

/* Since opening. */
struct pst_store_counters {
    uint64_t jobs;        /* run to a result */
    uint64_t groups;      /* transactions begun for them */
    uint64_t commits;     /* of those, committed */
    uint64_t reruns;      /* groups run again with savepoints after a job failed */
    uint64_t busy_waits;  /* steps spent waiting for other processes */
    uint64_t checkpoints; /* write-ahead log brought into the file while idle */
    uint64_t readers;     /* reading connections opened */
};
void pst_store_counters(struct pst_store *store, struct pst_store_counters *ret_counters);

/*
 * Make the store if there is none (mode 0660) and apply the migrations it
 * lacks, each in a transaction. Only while no role runs.
 *   ret_from, ret_to  versions before and after; 0: was empty. May be NULL
 * PST_OK, also when nothing was to be done; PST_ERR_UNSUPPORTED: the store is
 * newer than this program, or one of its migrations differs from this
 * program's; else as pst_store_open.
 */
PST_MUST_CHECK enum pst_err pst_store_migrate(const char *url, int *ret_from, int *ret_to,
                                              struct pst_store_problem *ret_problem);

/*
 * The store's version and the one this program knows; makes nothing. PST_OK
 * when they agree; PST_ERR_UNSUPPORTED when they differ (ret_have, ret_know are
 * given then too; have 0: there is a database, and nothing in it);
 * PST_ERR_NOT_FOUND: no such file; else as pst_store_open.
 */
PST_MUST_CHECK enum pst_err pst_store_version(const char *url, int *ret_have, int *ret_know,
                                              struct pst_store_problem *ret_problem);

/*
 * The same, and an integrity check of the file, and whether it opens, for
 * posternd check. PST_ERR_TRUNCATED: an unfinished copy of a practice.
 */
PST_MUST_CHECK enum pst_err pst_store_version_check(const char *url, int *ret_have, int *ret_know,
                                                    struct pst_store_problem *ret_problem);

#endif
