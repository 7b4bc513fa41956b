/*
 * A practice with rows in every table, copied: whole, broken off at every
 * statement and taken up again, spoilt, and into stores that are somebody's.
 * And tables.def against the schema.
 */
#include "server/store/copy.h"

#include <signal.h>
#include <sys/wait.h>

#include "practice_fixture.h"
#include "server/store/copy_table.h"
#include "server/store/migrate.h"

/* ---- statements that fail, or kill, from the nth on (linked with --wrap) ---- */

static long execs_left = -1; /* negative: none fails */
static bool execs_kill;
static bool execs_hit;

enum pst_err __real_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t count);
enum pst_err __wrap_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t count);

enum pst_err __wrap_pst_sql_exec_values(struct pst_tx *tx, enum pst_statement statement,
                                        int64_t *ret_changes, const struct pst_value *values,
                                        size_t count)
{
    if (execs_left == 0) {
        execs_hit = true;
        if (execs_kill)
            (void)raise(SIGKILL);
        return PST_ERR_IO;
    }
    if (execs_left > 0)
        execs_left--;
    return __real_pst_sql_exec_values(tx, statement, ret_changes, values, count);
}

/* ---- a practice with everything in it ---------------------------------------- */

/* What practice_open leaves empty: ?1 patient, ?2 clinician, ?3 thread, ?4 team. */
static const char *const more_rows[] = {
    "INSERT INTO account VALUES (?2, ?1, x'01', x'02', x'03', 65536, 3, NULL, x'04', 1)",
    "INSERT INTO wrap VALUES (?2, 'passphrase', x'01'), (?2, 'Prf:b', x'02'), (?2, 'prf:B', x'')",
    "INSERT INTO factor VALUES (?1, ?2, 'totp', x'05', 7, 1)",
    "INSERT INTO session VALUES (zeroblob(32), ?1, ?2, 1, 2, 3, 0)",
    "INSERT INTO attempt VALUES (zeroblob(32), 5, x'0000000000000001'), (zeroblob(32), -5, x'ff')",
    "INSERT INTO invitation VALUES (?1, ?2, x'01', x'02', x'03', 4, NULL, NULL, 5)",
    "INSERT INTO team_key VALUES (?4, 1, ?2, x'616765')",
    "INSERT INTO restriction VALUES (?1, ?1, 'no-messages', NULL, NULL, ?2, 1, NULL)",
    "INSERT INTO break_glass VALUES (?1, ?1, ?2, x'01', 1, 2)",
    ("INSERT INTO message VALUES (?1, ?3, 1, ?2, 0, 1, 2, 3, 0, 0, NULL, 0, x'00', ?1, ?2, NULL, "
     "7, NULL)"),
    "INSERT INTO body VALUES (?1, 0, x'00'), (?1, 1, x''), (?1, 2, zeroblob(300)), (?2, 0, x'ff')",
    "INSERT INTO staging VALUES (?1, 0, ?2, 1, x'00ff')",
    "INSERT INTO message_key VALUES (?1, 0, ?4), (?1, 1, ?2)",
    "INSERT INTO message_grant VALUES (?1, zeroblob(16), ?2, 1, x'00', ?1, x'01ff')",
    "INSERT INTO receipt VALUES (?1, ?2, 1, NULL, NULL), (?1, ?1, 1, 2, '{\"opened\":\"\u00e4\"}')",
    "INSERT INTO draft VALUES (?3, ?2, 1, 2, x'616765')",
    "INSERT INTO redirect VALUES (?1, ?1, ?2, 0, NULL, ?3, 1, ?1)",
    "INSERT INTO notice VALUES (?1, ?1, ?1, ?3, 'email', 0, 1, 2, 0)",
    "INSERT INTO event VALUES (?1, '{\"v\":1}', NULL), (?2, '{\"v\":1}', 9223372036854775807)",
    "INSERT INTO stranger VALUES ('no-tls', zeroblob(32), 1, 2), ('No-tls', zeroblob(32), 1, 2)",
};

static void full_open(struct practice *p)
{
    practice_open(p);
    practice_exec(p, "BEGIN");
    for (size_t i = 0; i < sizeof more_rows / sizeof more_rows[0]; i++)
        practice_bind(p, more_rows[i], "uuuu", &p->people[PAT].id, &p->people[ADA].id, &p->thread,
                      &p->team.id);
    practice_exec(p, "COMMIT");
}

static int64_t table_rows(const struct store_fixture *fixture, int table)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s",
             pst_copy_table_name((enum pst_copy_table_id)table));
    return store_fixture_int(fixture, sql);
}

struct destination {
    struct store_fixture fixture;
    struct pst_store *from;
    struct pst_store *to;
    struct pst_copy_result result;
    struct pst_store_problem problem;
};

static void destination_make(struct destination *d)
{
    memset(d, 0, sizeof *d);
    store_fixture_new(&d->fixture);
}

/* As posternd migrate --to does it, each time with stores opened anew. */
static enum pst_err copy_into(struct practice *p, struct destination *d, pst_copy_watch watch,
                              void *ctx)
{
    d->problem.text[0] = '\0';
    ck_assert_int_eq(pst_store_open(p->fixture.url, PST_STORE_COPY, &d->from, NULL), PST_OK);
    ck_assert_int_eq(pst_store_open(d->fixture.url, PST_STORE_COPY, &d->to, NULL), PST_OK);
    enum pst_err r = pst_store_copy(d->from, d->to, watch, ctx, &d->result, &d->problem);
    pst_store_close(&d->from);
    pst_store_close(&d->to);
    return r;
}

/* Every table has the same rows on both sides, as the engine itself compares them. */
static void check_same(struct practice *p, struct destination *d)
{
    for (int i = 0; i < PST_COPY_TABLES; i++)
        ck_assert_msg(table_rows(&p->fixture, i) == table_rows(&d->fixture, i), "%s",
                      pst_copy_table_name((enum pst_copy_table_id)i));
    if (store_fixture_is_postgresql())
        return;
    char sql[512];
    snprintf(sql, sizeof sql, "ATTACH '%s' AS there", d->fixture.path);
    practice_exec(p, sql);
    for (int i = 0; i < PST_COPY_TABLES; i++) {
        const char *name = pst_copy_table_name((enum pst_copy_table_id)i);
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM there.%s)", name,
                 name);
        ck_assert_msg(practice_count(p, sql) == 0, "%s", name);
    }
    practice_exec(p, "DETACH there");
}

static enum pst_err opens(struct destination *d)
{
    struct pst_store *store = NULL;
    enum pst_err r = pst_store_open(d->fixture.url, PST_STORE_WEB, &store, &d->problem);
    pst_store_close(&store);
    return r;
}

static void check_complete(struct practice *p, struct destination *d)
{
    ck_assert_msg(copy_into(p, d, NULL, NULL) == PST_OK, "%s", d->problem.text);
    ck_assert_msg(d->result.end == PST_COPY_COMPLETE, "%s: %s",
                  pst_copy_table_name(d->result.different), d->result.difference);
    check_same(p, d);
    ck_assert_int_eq(opens(d), PST_OK);
    ck_assert_int_eq(pst_store_version_check(d->fixture.url, NULL, NULL, NULL), PST_OK);
}

/* ---- the list against the schema ---------------------------------------------- */

/* Of one store, and not of the practice. */
static bool is_own(const char *name)
{
    static const char *const own[] = {"migration", "copy"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return strncmp(name, "sqlite_", 7) == 0;
}

static int index_of(const char *name)
{
    for (int i = 0; i < PST_COPY_TABLES; i++)
        if (strcmp(name, pst_copy_table_name((enum pst_copy_table_id)i)) == 0)
            return i;
    return -1;
}

static char letter_of(const char *declared, bool may_be_null)
{
    char letter = strcmp(declared, "TEXT") == 0 ? 't' : strcmp(declared, "BLOB") == 0 ? 'b' : 'i';
    return (char)(may_be_null ? letter - 'a' + 'A' : letter);
}

/* Names, types and keys of one table, as the schema has them, against its row of the list. */
static void check_columns(sqlite3 *db, const struct pst_copy_table *table)
{
    char names[1024] = "", types[64] = "", sql[128];
    char keys[PST_COPY_KEY_MAX + 2] = "";
    sqlite3_stmt *stmt = NULL;
    snprintf(sql, sizeof sql, "PRAGMA table_info(%s)", table->name);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; sqlite3_step(stmt) == SQLITE_ROW; i++) {
        const char *declared = (const char *)sqlite3_column_text(stmt, 2);
        int key = sqlite3_column_int(stmt, 5);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "",
                 sqlite3_column_text(stmt, 1));
        types[i] = letter_of(declared, key == 0 && sqlite3_column_int(stmt, 3) == 0);
        ck_assert_msg(key == 0 || key == i + 1, "%s: the key is not its first columns",
                      table->name);
        if (key > 0)
            keys[i] = types[i];
    }
    sqlite3_finalize(stmt);
    ck_assert_str_eq(names, table->columns);
    ck_assert_msg(strcmp(types, table->types) == 0, "%s: %s", table->name, types);
    ck_assert_msg(strcmp(keys, table->key_types) == 0, "%s: %s", table->name, keys);
}

static void check_references(sqlite3 *db, int table)
{
    char sql[128];
    sqlite3_stmt *stmt = NULL;
    snprintf(sql, sizeof sql, "PRAGMA foreign_key_list(%s)",
             pst_copy_table_name((enum pst_copy_table_id)table));
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        int to = index_of((const char *)sqlite3_column_text(stmt, 2));
        ck_assert_msg(to >= 0 && to < table, "%s is copied before %s",
                      pst_copy_table_name((enum pst_copy_table_id)table),
                      sqlite3_column_text(stmt, 2));
    }
    sqlite3_finalize(stmt);
}

START_TEST(the_list_has_every_table_and_column_of_the_schema)
{
    STORE_FIXTURE_SQLITE_ALONE("the_list_has_every_table_and_column_of_postgresql");
    struct destination d;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int tables = 0;
    destination_make(&d);
    ck_assert_int_eq(sqlite3_open(d.fixture.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table'",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        if (is_own(name))
            continue;
        int table = index_of(name);
        ck_assert_msg(table >= 0, "tables.def lacks %s", name);
        check_columns(db, pst_copy_table((enum pst_copy_table_id)table));
        check_references(db, table);
        tables++;
    }
    ck_assert_int_eq(tables, PST_COPY_TABLES);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    store_fixture_close(&d.fixture);
}
END_TEST

static void plan_of(sqlite3 *db, enum pst_statement statement, char *ret_plan, size_t size)
{
    char sql[4096];
    sqlite3_stmt *stmt = NULL;
    size_t len = 0;
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", pst_statement_def(statement)->sql);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    ret_plan[0] = '\0';
    while (sqlite3_step(stmt) == SQLITE_ROW && len < size)
        len += snprintf(ret_plan + len, size - len, "%s\n", sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
}

static void check_text(struct raw_database *db, const char *sql, const char *expected)
{
    char *found = raw_text(db, sql);
    ck_assert_msg(found != NULL && strcmp(found, expected) == 0, "%s\n%s", sql, found);
    free(found);
}

/* The same for PostgreSQL; and that texts in keys are ordered as SQLite orders them. */
START_TEST(the_list_has_every_table_and_column_of_postgresql)
{
    STORE_FIXTURE_POSTGRESQL_ALONE("the_list_has_every_table_and_column_of_the_schema");
    struct destination d;
    struct raw_database db;
    char sql[1024];
    destination_make(&d);
    raw_open(&db, d.fixture.url);
    for (int i = 0; i < PST_COPY_TABLES; i++) {
        const struct pst_copy_table *table = pst_copy_table((enum pst_copy_table_id)i);
        snprintf(sql, sizeof sql,
                 "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) "
                 "FROM information_schema.columns WHERE table_schema = 'public' "
                 "AND table_name = '%s'",
                 table->name);
        check_text(&db, sql, table->columns);
        snprintf(sql, sizeof sql,
                 "SELECT string_agg(CASE WHEN is_nullable = 'YES' THEN upper(letter) "
                 "ELSE letter END, '' ORDER BY ordinal_position) FROM (SELECT *, CASE data_type "
                 "WHEN 'bigint' THEN 'i' WHEN 'text' THEN 't' ELSE 'b' END AS letter "
                 "FROM information_schema.columns WHERE table_schema = 'public' "
                 "AND table_name = '%s') AS c",
                 table->name);
        check_text(&db, sql, table->types);
        snprintf(sql, sizeof sql,
                 "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' "
                 "AND table_name = '%s' AND data_type = 'text' AND ordinal_position <= %zu "
                 "AND collation_name IS DISTINCT FROM 'C'",
                 table->name, strlen(table->key_types));
        ck_assert_msg(raw_int(&db, sql) == 0, "%s: its key is ordered by a locale", table->name);
    }
    ck_assert_int_eq(raw_int(&db, "SELECT count(*) FROM information_schema.tables WHERE "
                                  "table_schema = 'public' AND table_name NOT IN "
                                  "('migration', 'copy', 'alone', 'writer')"),
                     PST_COPY_TABLES);
    raw_close(&db);
    store_fixture_close(&d.fixture);
}
END_TEST

START_TEST(pages_go_by_the_primary_key)
{
    STORE_FIXTURE_SQLITE_ALONE("every_statement_of_postgresql_goes_by_an_index");
    struct destination d;
    sqlite3 *db = NULL;
    destination_make(&d);
    ck_assert_int_eq(sqlite3_open(d.fixture.path, &db), SQLITE_OK);
    for (int i = 0; i < PST_COPY_TABLES; i++) {
        const struct pst_copy_table *table = pst_copy_table((enum pst_copy_table_id)i);
        const enum pst_statement all[] = {table->first, table->next, table->last};
        for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) {
            char plan[1024];
            plan_of(db, all[n], plan, sizeof plan);
            ck_assert_msg(strstr(plan, "B-TREE") == NULL, "%s: %s", table->name, plan);
            ck_assert_msg(all[n] != table->next || strstr(plan, "SEARCH") != NULL, "%s: %s",
                          table->name, plan);
        }
    }
    sqlite3_close(db);
    store_fixture_close(&d.fixture);
}
END_TEST

/* ---- copies -------------------------------------------------------------------- */

START_TEST(every_table_is_copied_and_verified)
{
    struct practice p;
    struct destination d;
    int64_t all = 0;
    full_open(&p);
    destination_make(&d);
    check_complete(&p, &d);
    for (int i = 0; i < PST_COPY_TABLES; i++) {
        int64_t rows = table_rows(&p.fixture, i);
        ck_assert_msg(rows > 0, "this test has no row of table %s",
                      pst_copy_table_name((enum pst_copy_table_id)i));
        ck_assert_int_eq(d.result.counts[i], rows);
        all += rows;
    }
    ck_assert_int_eq(d.result.rows, all);
    ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(d.problem.text, "finished copy"));
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

/* What was begun opens for nobody; what was not begun is an empty store. */
static void check_unfinished(struct destination *d, bool begun)
{
    ck_assert_int_eq(opens(d), begun ? PST_ERR_TRUNCATED : PST_OK);
    ck_assert_int_eq(pst_store_version_check(d->fixture.url, NULL, NULL, NULL),
                     begun ? PST_ERR_TRUNCATED : PST_OK);
}

/* A database for each try takes its time: fewer of them there. */
static long apart(long statements)
{
    return store_fixture_is_postgresql() ? 3 * statements : statements;
}

/* Three apart on SQLite, so that every table is met at its first, a middle or its last row. */
START_TEST(broken_off_at_any_statement_it_goes_on)
{
    struct practice p;
    long nth = 0;
    full_open(&p);
    for (execs_hit = true; execs_hit; nth += apart(3)) {
        struct destination d;
        destination_make(&d);
        execs_hit = false;
        execs_left = nth;
        enum pst_err r = copy_into(&p, &d, NULL, NULL);
        execs_left = -1;
        ck_assert_int_eq(r, execs_hit ? PST_ERR_IO : PST_OK);
        if (execs_hit) {
            check_unfinished(&d, nth > 0);
            check_complete(&p, &d);
        }
        store_fixture_close(&d.fixture);
    }
    ck_assert_int_gt(nth, PST_COPY_TABLES);
    practice_close(&p);
}
END_TEST

/* The child dies without a word; whoever comes next finds only what was durable. */
START_TEST(killed_at_any_moment_it_goes_on)
{
    struct practice p;
    int status = 0, killed = 0;
    full_open(&p);
    for (long nth = 0; nth == 0 || WIFSIGNALED(status); nth += apart(7)) {
        struct destination d;
        destination_make(&d);
        pid_t child = fork();
        if (child == 0) {
            execs_left = nth;
            execs_kill = true;
            _exit(copy_into(&p, &d, NULL, NULL) == PST_OK ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFSIGNALED(status)) {
            ck_assert_int_eq(WTERMSIG(status), SIGKILL);
            check_unfinished(&d, nth > 0);
            check_complete(&p, &d);
            killed++;
        } else {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
        }
        store_fixture_close(&d.fixture);
    }
    ck_assert_int_gt(killed, 2);
    practice_close(&p);
}
END_TEST

/* Stops after so many words of progress. */
struct patience {
    int steps;
    int64_t rows; /* as last said, of the copying */
};

static bool patient(const struct pst_copy_progress *progress, void *ctx)
{
    struct patience *patience = ctx;
    if (progress->phase == PST_COPY_COPYING) {
        ck_assert_int_ge(progress->rows, patience->rows);
        patience->rows = progress->rows;
    }
    ck_assert_int_le(progress->rows, progress->rows_all);
    return --patience->steps > 0;
}

START_TEST(stopped_it_goes_on_and_never_counts_a_row_twice)
{
    struct practice p;
    struct destination d;
    int stops = 0;
    int64_t before = 0;
    full_open(&p);
    destination_make(&d);
    do {
        struct patience patience = {.steps = PST_COPY_TABLES + 3, .rows = before};
        ck_assert_int_eq(copy_into(&p, &d, patient, &patience), PST_OK);
        if (d.result.end == PST_COPY_STOPPED && d.result.rows == before)
            break; /* the verification alone has more steps than that */
        ck_assert_int_eq(d.result.end, PST_COPY_STOPPED);
        check_unfinished(&d, true);
        before = d.result.rows;
        stops++;
    } while (true);
    ck_assert_int_gt(stops, 0);
    check_complete(&p, &d);
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

static bool until_all_is_copied(const struct pst_copy_progress *progress, void *ctx)
{
    (void)ctx;
    return progress->phase == PST_COPY_COPYING && progress->rows < progress->rows_all;
}

START_TEST(a_row_that_differs_is_found_and_named)
{
    static const struct {
        const char *spoil, *table, *says;
    } cases[] = {
        {"UPDATE visit SET specialty = 'other'", "visit", "another value in column specialty"},
        {"UPDATE receipt SET opened_at_ms = NULL", "receipt", "column opened_at_ms"},
        {"UPDATE event SET leaf = leaf - 1 WHERE leaf > 0", "event", "column leaf"},
        {"UPDATE body SET bytes = x'01' WHERE part = 1", "body", "/1 has another"},
        {"UPDATE message_key SET key_id = zeroblob(16)", "message_key", "column key_id"},
        {"DELETE FROM body WHERE part = 1", "body", "/1 is missing in the destination"},
        {"DELETE FROM stranger WHERE code = 'No-tls'", "stranger",
         "No-tls/00000000.../1 is missing"},
        {"INSERT INTO body VALUES (zeroblob(16), 7, x'')", "body",
         "00000000-0000-0000-0000-000000000000/7 is in the destination alone"},
        {"INSERT INTO attempt VALUES (x'a1a2a3a4a5a6', 5, x'00')", "attempt",
         "row a1a2a3a4.../5/00 is in the destination alone"},
        {"UPDATE wrap SET kind = 'prf:C' WHERE kind = 'prf:B'", "wrap", "missing"},
    };
    struct practice p;
    full_open(&p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct destination d;
        destination_make(&d);
        ck_assert_int_eq(copy_into(&p, &d, until_all_is_copied, NULL), PST_OK);
        ck_assert_int_eq(d.result.end, PST_COPY_STOPPED);
        store_fixture_exec(&d.fixture, cases[i].spoil);
        ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_OK);
        ck_assert_msg(d.result.end == PST_COPY_DIFFERS, "%s", cases[i].spoil);
        ck_assert_str_eq(pst_copy_table_name(d.result.different), cases[i].table);
        ck_assert_msg(strstr(d.result.difference, cases[i].says) != NULL, "%s",
                      d.result.difference);
        check_unfinished(&d, true);
        store_fixture_close(&d.fixture);
    }
    practice_close(&p);
}
END_TEST

#define BODY_PART_BYTES (256 * 1024)
#define BODY_PARTS 200

/* One message of 50 MiB, in parts as large as they come. */
static void bodies_add(struct practice *p)
{
    const struct pst_uuid id = {{0}};
    char *bytes = malloc(BODY_PART_BYTES);
    ck_assert_ptr_nonnull(bytes);
    practice_exec(p, "BEGIN");
    for (int64_t part = 0; part < BODY_PARTS; part++) {
        memset(bytes, (int)part, BODY_PART_BYTES);
        practice_bind(p, "INSERT INTO body VALUES (?1, ?2, ?3)", "uib", &id, part, bytes,
                      BODY_PART_BYTES);
    }
    practice_exec(p, "COMMIT");
    free(bytes);
}

START_TEST(bodies_go_in_bounded_batches)
{
    struct practice p;
    struct destination d;
    int64_t batches = 0;
    full_open(&p);
    bodies_add(&p);
    destination_make(&d);
    for (struct patience patience = {.steps = 0}; batches == 0 || d.result.end != PST_COPY_COMPLETE;
         batches++) {
        int64_t before = patience.rows;
        /* Each try makes one batch of body, and one word for each table before it. */
        patience.steps = PST_COPY_TABLE_BODY + 1;
        ck_assert_int_eq(copy_into(&p, &d, batches < 5 ? patient : NULL, &patience), PST_OK);
        ck_assert_int_le(patience.rows - before, PST_COPY_BATCH_BYTES / BODY_PART_BYTES +
                                                     PST_COPY_PAGE_ROWS_LARGE +
                                                     BODY_PARTS * (batches == 0));
    }
    ck_assert_int_ge(batches, 5);
    check_same(&p, &d);
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------- */

START_TEST(a_store_that_is_somebodys_is_left_alone)
{
    struct practice p;
    struct destination d;
    full_open(&p);
    destination_make(&d);
    store_fixture_exec(&d.fixture, "INSERT INTO attempt VALUES (x'00', 1, x'00')");
    ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(d.problem.text, "its table attempt has rows"));
    store_fixture_exec(&d.fixture,
                       "DELETE FROM attempt; INSERT INTO practice (id, origin, created_at_ms) "
                       "VALUES (1, '" PRACTICE_ORIGIN "', 0)");
    ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_ERR_EXISTS);
    ck_assert_int_eq(opens(&d), PST_OK);
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

START_TEST(a_copy_of_another_practice_is_not_gone_on_with)
{
    static const char *const another[] = {
        "UPDATE copy SET origin = 'messages.other.example'",
        "UPDATE copy SET origin = '" PRACTICE_ORIGIN "', practice_at_ms = 1",
    };
    struct practice p;
    struct destination d;
    full_open(&p);
    destination_make(&d);
    ck_assert_int_eq(copy_into(&p, &d, until_all_is_copied, NULL), PST_OK);
    for (size_t i = 0; i < sizeof another / sizeof another[0]; i++) {
        store_fixture_exec(&d.fixture, another[i]);
        ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_ERR_EXISTS);
        ck_assert_ptr_nonnull(strstr(d.problem.text, "another practice"));
    }
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

START_TEST(a_practice_used_meanwhile_is_copied_anew)
{
    struct practice p;
    struct destination d;
    full_open(&p);
    destination_make(&d);
    ck_assert_int_eq(copy_into(&p, &d, until_all_is_copied, NULL), PST_OK);
    practice_exec(&p, "INSERT INTO event VALUES (x'ffffffffffffffffffffffffffffffff', '{}', NULL)");
    ck_assert_int_eq(copy_into(&p, &d, NULL, NULL), PST_ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(d.problem.text, "was used since"));
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

/* Somebody else's batch comes between two of ours. */
static bool another_copies(const struct pst_copy_progress *progress, void *ctx)
{
    if (progress->table == PST_COPY_TABLE_PERSON && progress->phase == PST_COPY_COPYING)
        store_fixture_exec(&((struct destination *)ctx)->fixture,
                           "UPDATE copy SET row_count = row_count + 1");
    return true;
}

START_TEST(of_two_that_copy_at_once_one_gives_up)
{
    struct practice p;
    struct destination d;
    full_open(&p);
    destination_make(&d);
    ck_assert_int_eq(copy_into(&p, &d, another_copies, &d), PST_ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(d.problem.text, "somebody else"));
    store_fixture_close(&d.fixture);
    practice_close(&p);
}
END_TEST

START_TEST(half_a_practice_and_none_are_not_copied)
{
    struct practice p;
    struct destination half, none, next;
    full_open(&p);
    destination_make(&half);
    destination_make(&none);
    destination_make(&next);
    ck_assert_int_eq(copy_into(&p, &half, until_all_is_copied, NULL), PST_OK);
    const struct destination *sources[] = {&half, &none};
    static const enum pst_err expected[] = {PST_ERR_TRUNCATED, PST_ERR_NOT_FOUND};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        struct practice from = {.fixture = sources[i]->fixture};
        ck_assert_int_eq(copy_into(&from, &next, NULL, NULL), expected[i]);
        ck_assert_msg(next.problem.text[0] != '\0', "no words");
    }
    check_complete(&p, &next);
    store_fixture_close(&half.fixture);
    store_fixture_close(&none.fixture);
    store_fixture_close(&next.fixture);
    practice_close(&p);
}
END_TEST

PST_UNIT_MAIN("copy", the_list_has_every_table_and_column_of_the_schema,
              the_list_has_every_table_and_column_of_postgresql, pages_go_by_the_primary_key,
              every_table_is_copied_and_verified, broken_off_at_any_statement_it_goes_on,
              killed_at_any_moment_it_goes_on, stopped_it_goes_on_and_never_counts_a_row_twice,
              a_row_that_differs_is_found_and_named, bodies_go_in_bounded_batches,
              a_store_that_is_somebodys_is_left_alone,
              a_copy_of_another_practice_is_not_gone_on_with,
              a_practice_used_meanwhile_is_copied_anew, of_two_that_copy_at_once_one_gives_up,
              half_a_practice_and_none_are_not_copied)
