/*
 * The list of statements against the roles: every one prepares for whoever may
 * use it, nobody gets at another's, and the engine itself refuses the rest.
 */
#include "server/store/statement.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/wait.h>

#include "postern/uuid.h"
#include "server/store/sqlite/sqlite.h"
#include "store_fixture.h"
#include "unit.h"

/* ---- how they are run ---- */

/* The plan's lines, each ended by a newline. */
static void plan_of_sqlite(sqlite3 *db, enum pst_statement statement, char *ret_plan, size_t size)
{
    char sql[4096];
    sqlite3_stmt *stmt = NULL;
    size_t len = 0;
    snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", pst_statement_def(statement)->sql);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW && len < size)
        len += snprintf(ret_plan + len, size - len, "%s\n", sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
}

/*
 * The same of PostgreSQL, with the settings the engine makes that decide plans.
 * EXPLAIN also checks what the login may do. Answers what went wrong, or "".
 */
static const char *plan_of_postgresql(PGconn *pg, enum pst_statement statement, char *ret_plan,
                                      size_t size)
{
    static char why[512];
    const struct pst_statement_def *def = pst_statement_def(statement);
    char sql[8192], nulls[PST_STATEMENT_PARAMS_MAX * 6 + 1] = "";
    Oid types[PST_STATEMENT_PARAMS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < strlen(def->params); i++) {
        char letter = (char)tolower((unsigned char)def->params[i]);
        types[i] = letter == 'i' ? 20 : letter == 't' ? 25 : 17;
        snprintf(nulls + strlen(nulls), 7, "%sNULL", i == 0 ? "" : ",");
    }
    PQclear(PQexec(pg, "DEALLOCATE ALL"));
    PGresult *result = PQprepare(pg, "it", def->sql, (int)strlen(def->params), types);
    snprintf(why, sizeof why, "%s", PQresultErrorMessage(result));
    PQclear(result);
    if (why[0] != '\0')
        return why;
    snprintf(sql, sizeof sql, "EXPLAIN EXECUTE it%s%s%s", nulls[0] != '\0' ? "(" : "", nulls,
             nulls[0] != '\0' ? ")" : "");
    result = PQexec(pg, sql);
    snprintf(why, sizeof why, "%s", PQresultErrorMessage(result));
    ret_plan[0] = '\0';
    for (int row = 0; row < PQntuples(result) && len < size; row++)
        len += snprintf(ret_plan + len, size - len, "%s\n", PQgetvalue(result, row, 0));
    PQclear(result);
    return why;
}

static void plan_settings(PGconn *pg)
{
    PQclear(PQexec(pg, "SET plan_cache_mode = force_generic_plan"));
    PQclear(PQexec(pg, "SET enable_seqscan = off"));
}

/* Lists that people ask for all day must not look at every row there is. */
START_TEST(lists_of_patients_go_by_an_index)
{
    STORE_FIXTURE_SQLITE_ALONE("every_statement_of_postgresql_goes_by_an_index says more");
    static const struct {
        enum pst_statement statement;
        const char *wanted[6];
    } lists[] = {
        {PST_STMT_PATIENT_LIST, {"SEARCH n USING PRIMARY KEY (person>?)"}},
        {PST_STMT_FEED_AFTER, {"SEARCH event USING PRIMARY KEY (id>?)"}},
        {PST_STMT_PATIENT_LIST_SEEN,
         {"SEARCH n USING PRIMARY KEY (person=?)", "(team=? AND patient>?)",
          "visit_clinician (clinician=? AND patient>?)", "representative_person (person=?",
          "team_member_person (person=?)"}},
    };
    struct store_fixture fixture;
    sqlite3 *db = NULL;
    char plan[4096];
    store_fixture_open(&fixture, PST_STORE_WEB);
    ck_assert_int_eq(sqlite3_open(fixture.path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        plan_of_sqlite(db, lists[i].statement, plan, sizeof plan);
        ck_assert_msg(strstr(plan, "SCAN") == NULL, "%s", plan);
        for (const char *const *wanted = lists[i].wanted; *wanted != NULL; wanted++)
            ck_assert_msg(strstr(plan, *wanted) != NULL, "%s is not in\n%s", *wanted, plan);
    }
    sqlite3_close(db);
    store_fixture_close(&fixture);
}
END_TEST

/* ---- the list itself ---- */

START_TEST(types_are_letters_we_know)
{
    for (int i = 0; i < PST_STMT__MAX; i++) {
        const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
        for (const char *c = def->params; *c != '\0'; c++)
            ck_assert_msg(strchr("itbuITBU", *c) != NULL, "%s: %s", def->name, def->params);
        for (const char *c = def->columns; *c != '\0'; c++)
            ck_assert_msg(strchr("itbuITBU", *c) != NULL, "%s: %s", def->name, def->columns);
        ck_assert_uint_le(strlen(def->params), PST_STATEMENT_PARAMS_MAX);
        ck_assert_msg(def->roles != 0 && (def->roles & ~(unsigned)(PST_BY_ALL | PST_BY_COPY)) == 0,
                      "%s", def->name);
        bool reads = def->access == PST_ACCESS_READ || def->lock;
        bool with = def->postgresql && strncmp(def->sql, "WITH ", 5) == 0;
        ck_assert_msg(with || (strncasecmp(def->sql, "SELECT", 6) == 0) == reads, "%s", def->name);
        ck_assert_msg((strstr(def->sql, " FOR ") != NULL) == def->lock, "%s", def->name);
    }
}
END_TEST

/* Is word in the text by itself? */
static bool mentions(const char *sql, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(sql, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == sql || (!isalnum((unsigned char)at[-1]) && at[-1] != '_');
        if (begins && !isalnum((unsigned char)at[len]) && at[len] != '_')
            return true;
    }
    return false;
}

START_TEST(values_are_bound_never_written_into_sql)
{
    for (int i = 0; i < PST_STMT__MAX; i++) {
        const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
        for (size_t n = 1; n <= strlen(def->params); n++) {
            char name[24];
            snprintf(name, sizeof name, "$%zu", n);
            ck_assert_msg(strstr(def->sql, name) != NULL, "%s lacks %s", def->name, name);
        }
        ck_assert_msg(strchr(def->sql, ';') == NULL && strchr(def->sql, '%') == NULL, "%s",
                      def->name);
    }
}
END_TEST

START_TEST(roles_reach_only_the_tables_of_their_row)
{
    static const struct {
        unsigned role;
        const char *tables[12];
    } never[] = {
        {PST_BY_COURIER,
         {"body", "staging", "draft", "message_key", "session", "account", "wrap", "factor",
          "team_key"}},
        {PST_BY_KEEPER, {"account", "wrap", "factor", "team_key"}},
    };
    size_t tried = 0;
    for (size_t n = 0; n < sizeof never / sizeof never[0]; n++) {
        for (int i = 0; i < PST_STMT__MAX; i++) {
            const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
            for (const char *const *table = never[n].tables; *table != NULL; table++) {
                tried++;
                ck_assert_msg((def->roles & never[n].role) == 0 || !mentions(def->sql, *table),
                              "%s reads %s", def->name, *table);
            }
        }
    }
    ck_assert_uint_gt(tried, 1000);
}
END_TEST

START_TEST(what_is_evidence_is_never_overwritten)
{
    static const char *const changes[] = {
        "UPDATE consent ",   "UPDATE consent_purpose", "UPDATE roster",
        "UPDATE terms",      "UPDATE visit",           "DELETE FROM roster",
        "DELETE FROM terms", "DELETE FROM statement",  "REPLACE ",
    };
    for (int i = 0; i < PST_STMT__MAX; i++) {
        const struct pst_statement_def *def = pst_statement_def((enum pst_statement)i);
        for (size_t n = 0; n < sizeof changes / sizeof changes[0]; n++)
            ck_assert_msg(strstr(def->sql, changes[n]) == NULL, "%s: %s", def->name, changes[n]);
    }
}
END_TEST

/* ---- with PostgreSQL ---- */

static const char *const logins[PST_STORE__MAX] = {[PST_STORE_WEB] = "postern_web",
                                                   [PST_STORE_COURIER] = "postern_courier",
                                                   [PST_STORE_KEEPER] = "postern_keeper",
                                                   [PST_STORE_TOOL] = "postern",
                                                   [PST_STORE_COPY] = "postern"};

/* A connection as that role's login. */
static PGconn *connect_as(const struct store_fixture *fixture, enum pst_store_role role)
{
    char port[16] = "";
    const char *colon = strrchr(fixture->url, ':');
    snprintf(port, sizeof port, "%.*s", (int)strcspn(colon + 1, "/"), colon + 1);
    const char *const names[] = {"host", "port", "user", "dbname", NULL};
    const char *const values[] = {"127.0.0.1", port, logins[role], fixture->database, NULL};
    PGconn *pg = PQconnectdbParams(names, values, 0);
    ck_assert_msg(PQstatus(pg) == CONNECTION_OK, "%s", PQerrorMessage(pg));
    return pg;
}

/* The grants are enough for every statement of the list, and every login's own. */
START_TEST(every_statement_runs_for_every_login_that_may_use_it)
{
    STORE_FIXTURE_POSTGRESQL_ALONE("it has no logins");
    struct store_fixture fixture;
    char plan[8192];
    store_fixture_new(&fixture);
    for (int role = 0; role < PST_STORE__MAX; role++) {
        PGconn *pg = connect_as(&fixture, (enum pst_store_role)role);
        for (int i = 0; i < PST_STMT__MAX; i++) {
            enum pst_statement statement = (enum pst_statement)i;
            if (!pst_statement_allowed(statement, (enum pst_store_role)role))
                continue;
            const char *why = plan_of_postgresql(pg, statement, plan, sizeof plan);
            ck_assert_msg(why[0] == '\0', "%s as %s: %s", pst_statement_def(statement)->name,
                          logins[role], why);
        }
        PQfinish(pg);
    }
    store_fixture_close(&fixture);
}
END_TEST

/* What removes old rows looks at all of them, and seldom; records keys are few. */
static bool may_scan(const char *statement, const char *table)
{
    const char *end = strrchr(statement, '_');
    return (end != NULL && strcmp(end, "_SWEEP") == 0) || strncmp(table, "records_key ", 12) == 0;
}

START_TEST(every_statement_of_postgresql_goes_by_an_index)
{
    STORE_FIXTURE_POSTGRESQL_ALONE("lists_of_patients_go_by_an_index is SQLite's");
    struct store_fixture fixture;
    char plan[8192];
    store_fixture_new(&fixture);
    PGconn *pg = connect_as(&fixture, PST_STORE_TOOL);
    plan_settings(pg);
    for (int i = 0; i < PST_STMT__MAX; i++) {
        const char *why = plan_of_postgresql(pg, (enum pst_statement)i, plan, sizeof plan);
        ck_assert_msg(why[0] == '\0', "%s", why);
        for (const char *at = strstr(plan, "Seq Scan on "); at != NULL;
             at = strstr(at + 1, "Seq Scan on "))
            ck_assert_msg(may_scan(pst_statement_def((enum pst_statement)i)->name,
                                   at + strlen("Seq Scan on ")),
                          "%s:\n%s", pst_statement_def((enum pst_statement)i)->name, plan);
    }
    PQfinish(pg);
    store_fixture_close(&fixture);
}
END_TEST

START_TEST(postgresql_itself_refuses_what_no_statement_may_do)
{
    STORE_FIXTURE_POSTGRESQL_ALONE("sqlite_itself_refuses_what_no_statement_may_do is SQLite's");
    static const struct {
        enum pst_store_role role;
        const char *sql;
    } forbidden[] = {
        {PST_STORE_WEB, "DROP TABLE message"},
        {PST_STORE_WEB, "CREATE TABLE x (y INTEGER)"},
        {PST_STORE_WEB, "CREATE FUNCTION f() RETURNS INTEGER LANGUAGE sql AS 'SELECT 1'"},
        {PST_STORE_WEB, "ALTER TABLE message ADD COLUMN x TEXT"},
        {PST_STORE_WEB, "TRUNCATE event"},
        {PST_STORE_WEB, "COPY practice TO PROGRAM 'true'"},
        {PST_STORE_WEB, "SELECT pg_read_file('/etc/hostname')"},
        {PST_STORE_WEB, "SET ROLE postern"},
        {PST_STORE_WEB, "CREATE ROLE x"},
        {PST_STORE_WEB, "UPDATE consent SET decision = 0"},
        {PST_STORE_WEB, "DELETE FROM consent"},
        {PST_STORE_WEB, "DELETE FROM event"},
        {PST_STORE_WEB, "UPDATE event SET line = ''"},
        {PST_STORE_WEB, "DELETE FROM visit"},
        {PST_STORE_WEB, "UPDATE roster SET serial = 2"},
        {PST_STORE_WEB, "UPDATE terms SET version = 2"},
        {PST_STORE_WEB, "INSERT INTO migration VALUES (9, 'x', '', 0)"},
        {PST_STORE_KEEPER, "DELETE FROM statement"},
        {PST_STORE_KEEPER, "SELECT secret_enc FROM factor"},
        {PST_STORE_KEEPER, "SELECT ring_enc FROM account"},
        {PST_STORE_COURIER, "SELECT bytes FROM body"},
        {PST_STORE_COURIER, "SELECT token_hash FROM session"},
        {PST_STORE_COURIER, "SELECT ring_enc FROM account"},
        {PST_STORE_COURIER, "DELETE FROM event"},
    };
    struct store_fixture fixture;
    store_fixture_new(&fixture);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        PGconn *pg = connect_as(&fixture, forbidden[i].role);
        PGresult *result = PQexec(pg, forbidden[i].sql);
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        ck_assert_msg(state != NULL && strcmp(state, "42501") == 0, "%s: %s", forbidden[i].sql,
                      PQresultErrorMessage(result));
        PQclear(result);
        PQfinish(pg);
    }
    store_fixture_close(&fixture);
}
END_TEST

/* ---- with SQLite ---- */

START_TEST(every_statement_prepares_for_every_role_that_may_use_it)
{
    STORE_FIXTURE_SQLITE_ALONE("every_statement_runs_for_every_login_that_may_use_it");
    for (int role = 0; role < PST_STORE__MAX; role++) {
        struct store_fixture fixture;
        struct pst_connection *connection = NULL;
        store_fixture_open(&fixture, (enum pst_store_role)role);
        pst_store_close(&fixture.store);
        for (int write = 0; write < 2; write++) {
            enum pst_connection_use use = write ? PST_CONNECTION_WRITE : PST_CONNECTION_READ;
            ck_assert_int_eq(pst_engine_sqlite.connect(fixture.path, use, (enum pst_store_role)role,
                                                       &connection, NULL),
                             PST_OK);
            for (int i = 0; i < PST_STMT__MAX; i++) {
                enum pst_statement statement = (enum pst_statement)i;
                bool reads = pst_statement_def(statement)->access == PST_ACCESS_READ;
                bool expected = pst_statement_allowed(statement, (enum pst_store_role)role) &&
                                (write || reads) && !pst_statement_def(statement)->postgresql;
                ck_assert_msg((connection->statements[i].stmt != NULL) == expected, "%s",
                              pst_statement_def(statement)->name);
            }
            pst_engine_sqlite.disconnect(&connection);
        }
        store_fixture_close(&fixture);
    }
}
END_TEST

START_TEST(sqlite_itself_refuses_what_no_statement_may_do)
{
    STORE_FIXTURE_SQLITE_ALONE("postgresql_itself_refuses_what_no_statement_may_do");
    static const struct {
        enum pst_store_role role;
        enum pst_connection_use use;
        const char *sql;
    } forbidden[] = {
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "DROP TABLE message"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "CREATE TABLE x (y)"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE,
         "CREATE TEMP TRIGGER t AFTER INSERT ON event "
         "BEGIN SELECT 1; END"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "ALTER TABLE message ADD COLUMN x"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "ATTACH '/tmp/x.db' AS x"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "PRAGMA synchronous = OFF"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "PRAGMA writable_schema = ON"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "UPDATE sqlite_schema SET sql = ''"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "SELECT load_extension('x')"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "UPDATE consent SET decision = 0"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "DELETE FROM consent"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "DELETE FROM event"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "UPDATE event SET line = ''"},
        {PST_STORE_TOOL, PST_CONNECTION_WRITE, "UPDATE event SET line = ''"},
        {PST_STORE_KEEPER, PST_CONNECTION_WRITE, "DELETE FROM statement"},
        {PST_STORE_WEB, PST_CONNECTION_READ, "INSERT INTO event (id, line) VALUES (1, '')"},
        {PST_STORE_COURIER, PST_CONNECTION_WRITE, "SELECT bytes FROM body"},
        {PST_STORE_COURIER, PST_CONNECTION_WRITE, "SELECT ring_enc FROM account"},
        {PST_STORE_KEEPER, PST_CONNECTION_WRITE, "SELECT secret_enc FROM factor"},
        {PST_STORE_COPY, PST_CONNECTION_WRITE, "UPDATE person SET state = 0"},
        {PST_STORE_COPY, PST_CONNECTION_WRITE, "DELETE FROM session"},
        {PST_STORE_COPY, PST_CONNECTION_WRITE, "DELETE FROM copy"},
        {PST_STORE_WEB, PST_CONNECTION_WRITE, "UPDATE copy SET completed_at_ms = 1"},
    };
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    pst_store_close(&fixture.store);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        struct pst_connection *connection = NULL;
        sqlite3_stmt *stmt = NULL;
        ck_assert_int_eq(pst_engine_sqlite.connect(fixture.path, forbidden[i].use,
                                                   forbidden[i].role, &connection, NULL),
                         PST_OK);
        int code = sqlite3_prepare_v2(connection->db, forbidden[i].sql, -1, &stmt, NULL);
        ck_assert_msg(code != SQLITE_OK, "%s", forbidden[i].sql);
        ck_assert_ptr_null(stmt);
        pst_engine_sqlite.disconnect(&connection);
    }
    store_fixture_close(&fixture);
}
END_TEST

/* ---- misuse is our bug, and ends the process ---- */

static enum pst_err write_in_read(struct pst_tx *tx, void *ctx)
{
    struct pst_uuid id = {{1}};
    (void)ctx;
    return pst_sql_exec(tx, PST_STMT_EVENT_INSERT, PST_V_UUID(&id), PST_V_TEXT("{}"));
}

static enum pst_err wrong_count(struct pst_tx *tx, void *ctx)
{
    (void)ctx;
    return pst_sql_exec(tx, PST_STMT_EVENT_INSERT, PST_V_TEXT("{}"));
}

static enum pst_err wrong_type(struct pst_tx *tx, void *ctx)
{
    (void)ctx;
    return pst_sql_exec(tx, PST_STMT_EVENT_INSERT, PST_V_TEXT("{}"), PST_V_TEXT("{}"));
}

static enum pst_err wrong_null(struct pst_tx *tx, void *ctx)
{
    struct pst_uuid id = {{1}};
    (void)ctx;
    return pst_sql_exec(tx, PST_STMT_EVENT_INSERT, PST_V_UUID(&id), PST_V_NULL);
}

static enum pst_err anothers(struct pst_tx *tx, void *ctx)
{
    uint8_t subject[32] = {1};
    (void)ctx;
    return pst_sql_exec(tx, PST_STMT_ATTEMPT_CLEAR, PST_V_ARRAY(subject));
}

static int died_of(const char *url, enum pst_store_role role, pst_store_fn fn, bool write)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct pst_store *store = NULL;
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(3);
        (void)signal(SIGABRT, SIG_DFL);
        if (pst_store_open(url, role, &store, NULL) == PST_OK) {
            enum pst_err r =
                write ? pst_store_write(store, fn, NULL) : pst_store_read(store, fn, NULL);
            _exit(r == PST_OK ? 0 : 1);
        }
        _exit(2);
    }
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(misuse_ends_the_process_before_anything_is_written)
{
    struct store_fixture fixture;
    store_fixture_open(&fixture, PST_STORE_WEB);
    pst_store_close(&fixture.store);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_WEB, write_in_read, false), SIGABRT);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_WEB, wrong_count, true), SIGABRT);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_WEB, wrong_type, true), SIGABRT);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_WEB, wrong_null, true), SIGABRT);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_COURIER, anothers, true), SIGABRT);
    ck_assert_int_eq(died_of(fixture.url, PST_STORE_WEB, anothers, true), 0);
    store_fixture_close(&fixture);
}
END_TEST

PST_UNIT_MAIN("store_statements", lists_of_patients_go_by_an_index, types_are_letters_we_know,
              values_are_bound_never_written_into_sql, roles_reach_only_the_tables_of_their_row,
              what_is_evidence_is_never_overwritten,
              every_statement_runs_for_every_login_that_may_use_it,
              every_statement_of_postgresql_goes_by_an_index,
              postgresql_itself_refuses_what_no_statement_may_do,
              every_statement_prepares_for_every_role_that_may_use_it,
              sqlite_itself_refuses_what_no_statement_may_do,
              misuse_ends_the_process_before_anything_is_written)
