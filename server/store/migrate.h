/* Migrations: numbered, forward only, each in a transaction. For store.c. */
#ifndef POSTERN_SERVER_STORE_MIGRATE_H
#define POSTERN_SERVER_STORE_MIGRATE_H

#include "server/store/engine.h"

/*
 * PST_OK when the store is at exactly this program's version;
 * PST_ERR_UNSUPPORTED else; ret_have and ret_know may be NULL.
 */
PST_MUST_CHECK enum pst_err pst_migrate_same_version(const struct pst_engine *engine,
                                                     const char *target, enum pst_store_role role,
                                                     int *ret_have, int *ret_know,
                                                     struct pst_store_problem *ret_problem);

/*
 * Bring a store to the last of some migrations (the engine's own, or a
 * test's). As pst_store_migrate.
 */
PST_MUST_CHECK enum pst_err pst_migrate_with(const struct pst_engine *engine, const char *target,
                                             const struct pst_migration *migrations, size_t count,
                                             int *ret_from, int *ret_to,
                                             struct pst_store_problem *ret_problem);

#endif
