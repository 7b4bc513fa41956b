#include "server/store/migrate.h"

#include <sodium.h>
#include <string.h>

#include "postern/time.h"
#include "server/store/target.h"

_Static_assert(PST_MIGRATION_HASH_BYTES == crypto_hash_sha256_BYTES, "SHA-256");

static void hash_of(const struct pst_migration *migration, uint8_t *ret_hash)
{
    (void)crypto_hash_sha256(ret_hash, (const uint8_t *)migration->sql, strlen(migration->sql));
}

static int last_known(const struct pst_engine *engine)
{
    return (int)*engine->migrations_count;
}

enum pst_err pst_migrate_same_version(const struct pst_engine *engine, const char *target,
                                      enum pst_store_role role, int *ret_have, int *ret_know,
                                      struct pst_store_problem *ret_problem)
{
    struct pst_connection *connection = NULL;
    int have = 0, know = last_known(engine);
    enum pst_err r = engine->connect(target, PST_CONNECTION_CHECK, role, &connection, ret_problem);
    if (r == PST_OK)
        r = engine->migration_last(connection, &have);
    engine->disconnect(&connection);
    if (r != PST_OK)
        return r;
    if (ret_have != NULL)
        *ret_have = have;
    if (ret_know != NULL)
        *ret_know = know;
    if (have == know)
        return PST_OK;
    pst_store_problem_set(ret_problem, "the store is at version %d, this program at %d: %s", have,
                          know, have < know ? "run posternd migrate" : "install a newer program");
    return PST_ERR_UNSUPPORTED;
}

/* What was applied must be what we have under that number: else versions say nothing. */
static enum pst_err check_applied(const struct pst_engine *engine,
                                  struct pst_connection *connection,
                                  const struct pst_migration *migrations, int last,
                                  struct pst_store_problem *ret_problem)
{
    for (int i = 0; i < last; i++) {
        uint8_t here[PST_MIGRATION_HASH_BYTES], there[PST_MIGRATION_HASH_BYTES];
        hash_of(&migrations[i], here);
        enum pst_err r = engine->migration_hash(connection, migrations[i].version, there);
        if (r == PST_OK && memcmp(here, there, sizeof here) == 0)
            continue;
        pst_store_problem_set(ret_problem, "the store's migration %d is not this program's %s",
                              migrations[i].version, migrations[i].name);
        return r == PST_OK || r == PST_ERR_NOT_FOUND ? PST_ERR_UNSUPPORTED : r;
    }
    return PST_OK;
}

static enum pst_err apply(const struct pst_engine *engine, struct pst_connection *connection,
                          const struct pst_migration *migration,
                          struct pst_store_problem *ret_problem)
{
    uint8_t hash[PST_MIGRATION_HASH_BYTES];
    hash_of(migration, hash);
    enum pst_err r = engine->begin(connection, PST_BEGIN_WRITE);
    if (r != PST_OK)
        return r;
    r = engine->script(connection, migration->sql, ret_problem);
    if (r == PST_OK)
        r = engine->migration_record(connection, migration->version, migration->name, hash,
                                     pst_clock_now(NULL));
    if (r == PST_OK)
        return engine->commit(connection);
    engine->rollback(connection);
    return r;
}

static enum pst_err apply_missing(const struct pst_engine *engine,
                                  struct pst_connection *connection,
                                  const struct pst_migration *migrations, size_t count,
                                  int *ret_from, struct pst_store_problem *ret_problem)
{
    int last = 0;
    enum pst_err r = engine->migration_last(connection, &last);
    if (r != PST_OK)
        return r;
    if ((size_t)last > count) {
        pst_store_problem_set(ret_problem, "the store is at version %d, this program knows %zu",
                              last, count);
        return PST_ERR_UNSUPPORTED;
    }
    r = check_applied(engine, connection, migrations, last, ret_problem);
    for (size_t i = (size_t)last; r == PST_OK && i < count; i++)
        r = apply(engine, connection, &migrations[i], ret_problem);
    if (r == PST_OK && ret_from != NULL)
        *ret_from = last;
    return r;
}

enum pst_err pst_migrate_with(const struct pst_engine *engine, const char *target,
                              const struct pst_migration *migrations, size_t count, int *ret_from,
                              int *ret_to, struct pst_store_problem *ret_problem)
{
    struct pst_connection *connection = NULL;
    enum pst_err r =
        engine->connect(target, PST_CONNECTION_MIGRATE, PST_STORE_TOOL, &connection, ret_problem);
    if (r == PST_OK)
        r = apply_missing(engine, connection, migrations, count, ret_from, ret_problem);
    /* They speak of the newest schema: a test's older one has not all of its tables. */
    if (r == PST_OK && engine->grants != NULL && count >= *engine->migrations_count)
        r = engine->script(connection, engine->grants, ret_problem);
    engine->disconnect(&connection);
    if (r == PST_OK && ret_to != NULL)
        *ret_to = (int)count;
    return r;
}

enum pst_err pst_store_migrate(const char *url, int *ret_from, int *ret_to,
                               struct pst_store_problem *ret_problem)
{
    const struct pst_engine *engine = NULL;
    const char *target = NULL;
    enum pst_err r = pst_store_target(url, &engine, &target, ret_problem);
    if (r != PST_OK)
        return r;
    return pst_migrate_with(engine, target, engine->migrations, *engine->migrations_count, ret_from,
                            ret_to, ret_problem);
}

enum pst_err pst_store_version(const char *url, int *ret_have, int *ret_know,
                               struct pst_store_problem *ret_problem)
{
    const struct pst_engine *engine = NULL;
    const char *target = NULL;
    enum pst_err r = pst_store_target(url, &engine, &target, ret_problem);
    if (r == PST_OK)
        r = pst_migrate_same_version(engine, target, PST_STORE_TOOL, ret_have, ret_know,
                                     ret_problem);
    return r;
}

/* As everybody opens it, which an unfinished copy does not let happen. */
static enum pst_err check_opens(const char *url, struct pst_store_problem *ret_problem)
{
    struct pst_store *store = NULL;
    enum pst_err r = pst_store_open(url, PST_STORE_TOOL, &store, ret_problem);
    pst_store_close(&store);
    return r;
}

static enum pst_err check_integrity(const struct pst_engine *engine, const char *target,
                                    struct pst_store_problem *ret_problem)
{
    struct pst_connection *connection = NULL;
    enum pst_err r =
        engine->connect(target, PST_CONNECTION_CHECK, PST_STORE_TOOL, &connection, ret_problem);
    if (r == PST_OK)
        r = engine->integrity(connection, ret_problem);
    engine->disconnect(&connection);
    return r;
}

enum pst_err pst_store_version_check(const char *url, int *ret_have, int *ret_know,
                                     struct pst_store_problem *ret_problem)
{
    const struct pst_engine *engine = NULL;
    const char *target = NULL;
    enum pst_err r = pst_store_target(url, &engine, &target, ret_problem);
    if (r == PST_OK)
        r = pst_migrate_same_version(engine, target, PST_STORE_TOOL, ret_have, ret_know,
                                     ret_problem);
    if (r == PST_OK)
        r = check_integrity(engine, target, ret_problem);
    return r == PST_OK ? check_opens(url, ret_problem) : r;
}
