/*
 * A store of one test in a folder of its own, removed afterwards.
 *
 *     struct store_fixture fixture;
 *     store_fixture_open(&fixture, PST_STORE_WEB);
 *     ...
 *     store_fixture_close(&fixture);
 */
#ifndef POSTERN_TESTS_STORE_FIXTURE_H
#define POSTERN_TESTS_STORE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/store.h"

struct store_fixture {
    char folder[64];
    char path[96];
    char url[112];
    struct pst_store *store;
};

static inline void store_fixture_make(struct store_fixture *fixture)
{
    const char *base = getenv("TMPDIR");
    memset(fixture, 0, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "%.40s/pst-store-XXXXXX",
             base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/store.db", fixture->folder);
    snprintf(fixture->url, sizeof fixture->url, "sqlite:%s", fixture->path);
}

static inline void store_fixture_open(struct store_fixture *fixture, enum pst_store_role role)
{
    struct pst_store_problem problem = {""};
    store_fixture_make(fixture);
    ck_assert_msg(pst_store_migrate(fixture->url, NULL, NULL, &problem) == PST_OK, "%s",
                  problem.text);
    ck_assert_msg(pst_store_open(fixture->url, role, &fixture->store, &problem) == PST_OK, "%s",
                  problem.text);
}

static inline void store_fixture_close(struct store_fixture *fixture)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char path[128];
    pst_store_close(&fixture->store);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(path, sizeof path, "%s%s", fixture->path, endings[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(fixture->folder), 0);
}

#endif
