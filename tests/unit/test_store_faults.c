/*
 * Disks that fail: the Nth write or sync of the store fails, for every N in
 * turn. What was reported done must be there afterwards, what was reported
 * failed for a reason of its own must not, and the file must be whole.
 */
#include <semaphore.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "postern/uuid.h"
#include "server/store/events.h"
#include "server/store/store.h"
#include "store_fixture.h"
#include "unit.h"

/* Enough for every write of a group and of the checkpoint at closing. */
#define FAULTS_MAX 400
#define JOBS 8

/* ---- a file system that fails ---- */

static sqlite3_vfs failing;
static const sqlite3_io_methods *real_methods;
static sqlite3_io_methods failing_methods;
static atomic_int countdown; /* 0: never; 1: the next one fails */
static atomic_bool for_good; /* and all after it */
static atomic_bool has_failed;
static int failure;

static bool fails_now(void)
{
    if (atomic_load(&has_failed) && atomic_load(&for_good))
        return true;
    if (atomic_load(&countdown) == 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_store(&has_failed, true);
    return true;
}

static int write_or_fail(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    return fails_now() ? failure : real_methods->xWrite(file, bytes, len, at);
}

static int sync_or_fail(sqlite3_file *file, int flags)
{
    return fails_now() ? SQLITE_IOERR_FSYNC : real_methods->xSync(file, flags);
}

static int open_failing(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *ret_flags)
{
    sqlite3_vfs *real = sqlite3_vfs_find("unix");
    int code = real->xOpen(real, name, file, flags, ret_flags);
    (void)vfs;
    if (code == SQLITE_OK && file->pMethods != NULL) {
        if (real_methods == NULL) {
            real_methods = file->pMethods;
            failing_methods = *real_methods;
            failing_methods.xWrite = write_or_fail;
            failing_methods.xSync = sync_or_fail;
        }
        if (file->pMethods == real_methods)
            file->pMethods = &failing_methods;
    }
    return code;
}

static void install(void)
{
    failing = *sqlite3_vfs_find("unix");
    failing.zName = "failing";
    failing.xOpen = open_failing;
    ck_assert_int_eq(sqlite3_vfs_register(&failing, /* makeDflt= */ 1), SQLITE_OK);
}

static void arm(int nth, bool ever_after, int with)
{
    failure = with;
    atomic_store(&for_good, ever_after);
    atomic_store(&has_failed, false);
    atomic_store(&countdown, nth);
}

/* ---- jobs ---- */

struct one {
    struct pst_store_job job;
    struct pst_uuid id;
    enum pst_err then, result;
    atomic_int *left;
    sem_t *all;
};

static enum pst_err write_one(struct pst_tx *tx, void *ctx)
{
    struct one *one = ctx;
    enum pst_err r = pst_event_insert(tx, &one->id, "{\"v\":1}");
    return r == PST_OK ? one->then : r;
}

static void one_done(struct pst_store_job *job, enum pst_err result)
{
    struct one *one = (struct one *)job;
    one->result = result;
    if (atomic_fetch_sub(one->left, 1) == 1)
        sem_post(one->all);
}

static void submit_all(struct pst_store *store, struct one *jobs)
{
    atomic_int left = JOBS;
    sem_t all;
    sem_init(&all, 0, 0);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct one){.job = {.fn = write_one, .ctx = &jobs[i], .done = one_done},
                               .then = i == 3 ? PST_ERR_DENIED : PST_OK,
                               .left = &left,
                               .all = &all};
        pst_uuid_v7(1700000000000, NULL, &jobs[i].id);
        ck_assert_int_eq(pst_store_submit(store, &jobs[i].job), PST_OK);
    }
    sem_wait(&all);
}

static enum pst_err has_event(struct pst_tx *tx, void *ctx)
{
    struct pst_buf line = {.max = 64};
    enum pst_err r = pst_event_get(tx, ctx, &line, NULL);
    pst_buf_free(&line);
    return r;
}

static void check_jobs(struct pst_store *store, struct one *jobs, int nth)
{
    for (size_t i = 0; i < JOBS; i++) {
        enum pst_err there = pst_store_read(store, has_event, &jobs[i].id);
        if (jobs[i].result == PST_OK)
            ck_assert_msg(there == PST_OK, "fault %d: job %zu is lost", nth, i);
        if (jobs[i].then != PST_OK)
            ck_assert_msg(there == PST_ERR_NOT_FOUND && jobs[i].result != PST_OK,
                          "fault %d: job %zu stayed", nth, i);
    }
}

/* One round; false when nothing failed any more. */
static bool round_of(int nth, bool ever_after, int with)
{
    struct store_fixture fixture;
    static struct one jobs[JOBS], later[JOBS];
    store_fixture_open(&fixture, PST_STORE_WEB);
    arm(nth, ever_after, with);
    submit_all(fixture.store, jobs);
    if (!ever_after)
        submit_all(fixture.store, later);
    pst_store_close(&fixture.store);
    bool failed = atomic_load(&has_failed);
    arm(0, false, 0);
    ck_assert_int_eq(pst_store_version_check(fixture.url, NULL, NULL, NULL), PST_OK);
    ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, NULL), PST_OK);
    check_jobs(fixture.store, jobs, nth);
    if (!ever_after)
        check_jobs(fixture.store, later, nth);
    store_fixture_close(&fixture);
    return failed;
}

static void every_fault(bool ever_after, int with)
{
    int nth = 1;
    install();
    while (round_of(nth, ever_after, with)) {
        nth++;
        ck_assert_int_lt(nth, FAULTS_MAX);
    }
    /* It must have bitten: a group takes some writes and a sync. */
    ck_assert_int_gt(nth, 3);
}

START_TEST(one_failed_write_or_sync_loses_nothing_that_was_answered)
{
    every_fault(/* ever_after= */ false, SQLITE_IOERR_WRITE);
}
END_TEST

START_TEST(a_full_disk_loses_nothing_that_was_answered)
{
    every_fault(/* ever_after= */ true, SQLITE_FULL);
}
END_TEST

PST_UNIT_MAIN("store_faults", one_failed_write_or_sync_loses_nothing_that_was_answered,
              a_full_disk_loses_nothing_that_was_answered)
