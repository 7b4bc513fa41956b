/* Migrations: forward only, each whole or not at all, from every earlier version with data. */
#include "server/store/migrate.h"

#include "store_fixture.h"
#include "unit.h"

/* The engine that this run is on. */
#define ENGINE (store_fixture_is_postgresql() ? &pst_engine_postgresql : &pst_engine_sqlite)
#define KNOWN (*ENGINE->migrations_count)
#define MORE_MAX 64

static const char add_column[] = "ALTER TABLE event ADD COLUMN extra TEXT NOT NULL DEFAULT 'x'";
static const char fails_late[] = "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1)";

/* The program's own migrations and one of the test's. */
static size_t with_one_more(const char *sql, struct pst_migration *ret_migrations)
{
    for (size_t i = 0; i < KNOWN; i++)
        ret_migrations[i] = ENGINE->migrations[i];
    ret_migrations[KNOWN] = (struct pst_migration){(int)KNOWN + 1, "of-a-test", sql};
    return KNOWN + 1;
}

static const char *target_of(const struct store_fixture *fixture)
{
    return fixture->url + strlen(ENGINE->scheme);
}

static enum pst_err migrate(const struct store_fixture *fixture,
                            const struct pst_migration *migrations, size_t count, int *ret_from)
{
    int to = 0;
    enum pst_err r =
        pst_migrate_with(ENGINE, target_of(fixture), migrations, count, ret_from, &to, NULL);
    if (r == PST_OK)
        ck_assert_int_eq(to, (int)count);
    return r;
}

static const char data[] = "INSERT INTO person (id, roles, state, name_enc, created_at_ms) "
                           "VALUES (x'01', 1, 1, x'00', 0);"
                           "INSERT INTO event (id, line) VALUES (x'02', '{}'), (x'03', '{}')";

START_TEST(every_earlier_version_comes_up_with_its_data)
{
    struct pst_migration migrations[MORE_MAX];
    size_t count = with_one_more(add_column, migrations);
    for (size_t version = 1; version < count; version++) {
        struct store_fixture fixture;
        int from = -1;
        store_fixture_make(&fixture);
        ck_assert_int_eq(migrate(&fixture, migrations, version, &from), PST_OK);
        ck_assert_int_eq(from, 0);
        store_fixture_exec(&fixture, data);
        ck_assert_int_eq(migrate(&fixture, migrations, count, &from), PST_OK);
        ck_assert_int_eq(from, (int)version);
        ck_assert_int_eq(
            store_fixture_int(&fixture, "SELECT count(*) FROM event WHERE extra = 'x'"), 2);
        ck_assert_int_eq(store_fixture_int(&fixture, "SELECT count(*) FROM person"), 1);
        ck_assert_int_eq(migrate(&fixture, migrations, count, &from), PST_OK);
        ck_assert_int_eq(from, (int)count);
        store_fixture_close(&fixture);
    }
}
END_TEST

START_TEST(one_that_fails_leaves_the_version_before)
{
    const char *half_made = store_fixture_is_postgresql()
                                ? "SELECT count(*) FROM pg_class WHERE relname = 'half'"
                                : "SELECT count(*) FROM sqlite_schema WHERE name = 'half'";
    struct store_fixture fixture;
    struct pst_migration migrations[MORE_MAX];
    size_t count = with_one_more(fails_late, migrations);
    store_fixture_make(&fixture);
    ck_assert_int_eq(migrate(&fixture, migrations, KNOWN, NULL), PST_OK);
    store_fixture_exec(&fixture, data);
    ck_assert_int_ne(migrate(&fixture, migrations, count, NULL), PST_OK);
    ck_assert_int_eq(store_fixture_int(&fixture, half_made), 0);
    ck_assert_int_eq(store_fixture_int(&fixture, "SELECT max(version) FROM migration"), (int)KNOWN);
    ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, NULL), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(a_newer_store_is_left_alone)
{
    struct store_fixture fixture;
    struct pst_migration migrations[MORE_MAX];
    struct pst_store_problem problem = {""};
    size_t count = with_one_more(add_column, migrations);
    int have = 0, know = 0;
    store_fixture_make(&fixture);
    ck_assert_int_eq(migrate(&fixture, migrations, count, NULL), PST_OK);
    ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, &problem),
                     PST_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(problem.text, "newer program"));
    ck_assert_int_eq(pst_store_migrate(fixture.url, NULL, NULL, &problem), PST_ERR_UNSUPPORTED);
    ck_assert_int_eq(pst_store_version_check(fixture.url, &have, &know, &problem),
                     PST_ERR_UNSUPPORTED);
    ck_assert_int_eq(have, (int)count);
    ck_assert_int_eq(know, (int)KNOWN);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(an_older_store_must_be_migrated_first)
{
    struct store_fixture fixture;
    struct pst_store_problem problem = {""};
    store_fixture_make(&fixture);
    if (!store_fixture_is_postgresql()) /* whose database is there before its tables */
        ck_assert_int_eq(migrate(&fixture, ENGINE->migrations, 0, NULL), PST_OK);
    ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, &problem),
                     PST_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(problem.text, "posternd migrate"));
    ck_assert_int_eq(pst_store_migrate(fixture.url, NULL, NULL, &problem), PST_OK);
    ck_assert_int_eq(pst_store_open(fixture.url, PST_STORE_WEB, &fixture.store, &problem), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(a_migration_that_was_changed_is_noticed)
{
    struct store_fixture fixture;
    struct pst_migration migrations[MORE_MAX];
    size_t count = with_one_more(add_column, migrations);
    store_fixture_make(&fixture);
    ck_assert_int_eq(migrate(&fixture, migrations, count, NULL), PST_OK);
    migrations[KNOWN].sql = "SELECT 1";
    ck_assert_int_eq(migrate(&fixture, migrations, count, NULL), PST_ERR_UNSUPPORTED);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(a_damaged_file_is_found)
{
    STORE_FIXTURE_SQLITE_ALONE("PostgreSQL's files are its server's: data checksums find it there");
    struct store_fixture fixture;
    struct pst_store_problem problem = {""};
    char row[200];
    store_fixture_open(&fixture, PST_STORE_WEB);
    pst_store_close(&fixture.store);
    for (int i = 0; i < 200; i++) {
        snprintf(row, sizeof row, "INSERT INTO event (id, line) VALUES (x'%04x', '%0100d')", i, i);
        store_fixture_exec(&fixture, row);
    }
    ck_assert_int_eq(pst_store_version_check(fixture.url, NULL, NULL, &problem), PST_OK);
    /* The second half of the file, where the rows are, is overwritten. */
    FILE *file = fopen(fixture.path, "r+b");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, size / 2, SEEK_SET);
    for (long i = size / 2; i < size; i++)
        fputc(0x5a, file);
    fclose(file);
    ck_assert_int_ne(pst_store_version_check(fixture.url, NULL, NULL, &problem), PST_OK);
    store_fixture_close(&fixture);
}
END_TEST

PST_UNIT_MAIN("store_migrate", every_earlier_version_comes_up_with_its_data,
              one_that_fails_leaves_the_version_before, a_newer_store_is_left_alone,
              an_older_store_must_be_migrated_first, a_migration_that_was_changed_is_noticed,
              a_damaged_file_is_found)
