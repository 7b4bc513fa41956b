/*
 * A store of one test, removed afterwards.
 *
 *     struct store_fixture fixture;
 *     store_fixture_open(&fixture, PST_STORE_WEB);
 *     ...
 *     store_fixture_close(&fixture);
 *
 * A SQLite file in a folder of its own; or, when POSTERN_TEST_POSTGRESQL names
 * a server (postgresql://LOGIN@HOST:PORT, see with_postgresql.py), a database
 * of its own there.
 */
#ifndef POSTERN_TESTS_STORE_FIXTURE_H
#define POSTERN_TESTS_STORE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raw_database.h"
#include "server/store/store.h"

/* A database with the newest schema, from which each test's is copied: far quicker than migrating.
 */
#define STORE_FIXTURE_MODEL "postern_model"

struct store_fixture {
    char folder[64]; /* SQLite alone, as path */
    char path[96];
    char database[64]; /* PostgreSQL alone */
    char url[160];
    struct pst_store *store;
};

static inline const char *store_fixture_server(void)
{
    return getenv("POSTERN_TEST_POSTGRESQL");
}

static inline bool store_fixture_is_postgresql(void)
{
    return store_fixture_server() != NULL;
}

/* For a case about what SQLite alone has: says so, and why, where it is not run. */
#define STORE_FIXTURE_SQLITE_ALONE(reason)                                                         \
    do {                                                                                           \
        if (store_fixture_is_postgresql()) {                                                       \
            printf("not on PostgreSQL: %s: %s\n", __func__, (reason));                             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* The other way round. */
#define STORE_FIXTURE_POSTGRESQL_ALONE(reason)                                                     \
    do {                                                                                           \
        if (!store_fixture_is_postgresql()) {                                                      \
            printf("not on SQLite: %s: %s\n", __func__, (reason));                                 \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* One statement on the server, outside every test's database. */
static inline bool store_fixture_on_server(const char *sql, char *ret_why, size_t size)
{
    struct raw_database server;
    char url[160];
    snprintf(url, sizeof url, "%s/postgres", store_fixture_server());
    raw_open(&server, url);
    bool ok = raw_try(&server, sql, ret_why, size);
    raw_close(&server);
    return ok;
}

static inline void store_fixture_migrate(const char *url)
{
    struct pst_store_problem problem = {""};
    ck_assert_msg(pst_store_migrate(url, NULL, NULL, &problem) == PST_OK, "%s", problem.text);
}

static inline void store_fixture_name_database(struct store_fixture *fixture)
{
    static unsigned made;
    memset(fixture, 0, sizeof *fixture);
    snprintf(fixture->database, sizeof fixture->database, "test_%d_%u", (int)getpid(), made++);
    snprintf(fixture->url, sizeof fixture->url, "%s/%s", store_fixture_server(), fixture->database);
}

static inline bool store_fixture_copy_model(struct store_fixture *fixture)
{
    char sql[192], why[512];
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE " STORE_FIXTURE_MODEL,
             fixture->database);
    return store_fixture_on_server(sql, why, sizeof why);
}

static inline void store_fixture_make_model(void)
{
    char url[160], why[512];
    ck_assert_msg(store_fixture_on_server("CREATE DATABASE " STORE_FIXTURE_MODEL, why, sizeof why),
                  "%s", why);
    snprintf(url, sizeof url, "%s/" STORE_FIXTURE_MODEL, store_fixture_server());
    store_fixture_migrate(url);
}

/* Where a store may be made; none is there. */
static inline void store_fixture_make(struct store_fixture *fixture)
{
    if (store_fixture_is_postgresql()) {
        char sql[128], why[512];
        store_fixture_name_database(fixture);
        snprintf(sql, sizeof sql, "CREATE DATABASE %s", fixture->database);
        ck_assert_msg(store_fixture_on_server(sql, why, sizeof why), "%s", why);
        return;
    }
    const char *base = getenv("TMPDIR");
    memset(fixture, 0, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "%.40s/pst-store-XXXXXX",
             base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/store.db", fixture->folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->path);
}

/* A store as posternd init leaves it; nobody has it open. */
static inline void store_fixture_new(struct store_fixture *fixture)
{
    if (!store_fixture_is_postgresql()) {
        store_fixture_make(fixture);
        store_fixture_migrate(fixture->url);
        return;
    }
    store_fixture_name_database(fixture);
    if (store_fixture_copy_model(fixture))
        return;
    store_fixture_make_model();
    ck_assert(store_fixture_copy_model(fixture));
}

static inline void store_fixture_open(struct store_fixture *fixture, enum pst_store_role role)
{
    struct pst_store_problem problem = {""};
    store_fixture_new(fixture);
    ck_assert_msg(pst_store_open(fixture->url, role, &fixture->store, &problem) == PST_OK, "%s",
                  problem.text);
}

/* The first column of the first row, by SQL of the test's own. */
static inline int64_t store_fixture_int(const struct store_fixture *fixture, const char *sql)
{
    struct raw_database db;
    raw_open(&db, fixture->url);
    int64_t number = raw_int(&db, sql);
    raw_close(&db);
    return number;
}

static inline void store_fixture_exec(const struct store_fixture *fixture, const char *sql)
{
    struct raw_database db;
    raw_open(&db, fixture->url);
    raw_exec(&db, sql);
    raw_close(&db);
}

static inline void store_fixture_remove_files(struct store_fixture *fixture)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char path[128];
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s%s", fixture->path, endings[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(fixture->folder), 0);
}

static inline void store_fixture_close(struct store_fixture *fixture)
{
    pst_store_close(&fixture->store);
    if (!store_fixture_is_postgresql()) {
        store_fixture_remove_files(fixture);
        return;
    }
    /* Fails when somebody left a connection open: the server waits five seconds for them. */
    char sql[128], why[512];
    snprintf(sql, sizeof sql, "DROP DATABASE %s", fixture->database);
    ck_assert_msg(store_fixture_on_server(sql, why, sizeof why), "%s", why);
}

#endif
