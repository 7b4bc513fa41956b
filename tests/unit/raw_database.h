/*
 * A store's database without the store: for what tests put in and look at by
 * SQL of their own. One text for both engines: parameters are ?1, ?2, …, bytes
 * x'00ff', many of them zero zeroblob(32); PostgreSQL is given the same in its
 * own spelling.
 */
#ifndef POSTERN_TESTS_RAW_DATABASE_H
#define POSTERN_TESTS_RAW_DATABASE_H

#include <check.h>
#include <endian.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/uuid.h"

/* Parameters of one statement, and the longest text of one. */
#define RAW_PARAMS_MAX 16
#define RAW_SQL_MAX 16384

/* One of the two is NULL. */
struct raw_database {
    sqlite3 *sqlite;
    PGconn *pg;
};

/* By the store's url: sqlite:/path or postgresql://…, as the url's own login. */
static inline void raw_open(struct raw_database *db, const char *url)
{
    *db = (struct raw_database){NULL, NULL};
    if (strncmp(url, "sqlite:", 7) == 0) {
        ck_assert_int_eq(sqlite3_open(url + 7, &db->sqlite), SQLITE_OK);
        sqlite3_busy_timeout(db->sqlite, 5000);
        return;
    }
    db->pg = PQconnectdb(url);
    ck_assert_msg(PQstatus(db->pg) == CONNECTION_OK, "%s: %s", url, PQerrorMessage(db->pg));
}

static inline void raw_close(struct raw_database *db)
{
    sqlite3_close(db->sqlite);
    PQfinish(db->pg);
    *db = (struct raw_database){NULL, NULL};
}

/* ?1 as $1, x'00' as '\x00'::bytea, zeroblob(32) as decode(repeat('00', 32), 'hex'). */
static inline const char *raw_sql_of_postgresql(const char *sql, char *out)
{
    size_t len = 0;
    bool in_bytes = false;
    int size = 0, taken = 0;
    for (const char *at = sql; *at != '\0'; at++) {
        ck_assert_uint_lt(len + 64, RAW_SQL_MAX);
        if (*at == '?') {
            out[len++] = '$';
        } else if (sscanf(at, "zeroblob(%d)%n", &size, &taken) == 1 && taken > 0) {
            len += snprintf(out + len, 64, "decode(repeat('00', %d), 'hex')", size);
            at += taken - 1;
        } else if (*at == 'x' && at[1] == '\'' && (at == sql || at[-1] == ' ' || at[-1] == '(')) {
            memcpy(out + len, "'\\x", 3);
            len += 3;
            at++;
            in_bytes = true;
        } else if (*at == '\'' && in_bytes) {
            memcpy(out + len, "'::bytea", 8);
            len += 8;
            in_bytes = false;
        } else {
            out[len++] = *at;
        }
    }
    out[len] = '\0';
    return out;
}

/* Statements without parameters, one or several; false and the reason on failure. */
static inline bool raw_try(struct raw_database *db, const char *sql, char *ret_why, size_t size)
{
    char text[RAW_SQL_MAX];
    if (db->sqlite != NULL) {
        int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
        snprintf(ret_why, size, "%s", code == SQLITE_OK ? "" : sqlite3_errmsg(db->sqlite));
        return code == SQLITE_OK;
    }
    PGresult *result = PQexec(db->pg, raw_sql_of_postgresql(sql, text));
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    snprintf(ret_why, size, "%s", ok ? "" : PQresultErrorMessage(result));
    PQclear(result);
    return ok;
}

static inline void raw_exec(struct raw_database *db, const char *sql)
{
    char why[512];
    bool ok = raw_try(db, sql, why, sizeof why);
    ck_assert_msg(ok, "%s: %s", sql, why);
}

static inline void raw_bind_sqlite(struct raw_database *db, const char *sql, const char *types,
                                   va_list args)
{
    sqlite3_stmt *stmt = NULL;
    ck_assert_msg(sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(db->sqlite));
    for (int i = 0; types[i] != '\0'; i++) {
        if (types[i] == 'u') {
            const struct pst_uuid *id = va_arg(args, const struct pst_uuid *);
            sqlite3_bind_blob(stmt, i + 1, id->bytes, sizeof id->bytes, SQLITE_TRANSIENT);
        } else if (types[i] == 'b') {
            const void *bytes = va_arg(args, const void *);
            sqlite3_bind_blob(stmt, i + 1, bytes, va_arg(args, int), SQLITE_TRANSIENT);
        } else if (types[i] == 'i') {
            sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
        } else {
            sqlite3_bind_text(stmt, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        }
    }
    ck_assert_msg(sqlite3_step(stmt) == SQLITE_DONE, "%s: %s", sql, sqlite3_errmsg(db->sqlite));
    sqlite3_finalize(stmt);
}

/* Types by their numbers in PostgreSQL's catalogue: bytea, bigint, text. */
static inline void raw_bind_postgresql(struct raw_database *db, const char *sql, const char *types,
                                       va_list args)
{
    Oid oids[RAW_PARAMS_MAX];
    const char *values[RAW_PARAMS_MAX];
    int lengths[RAW_PARAMS_MAX], formats[RAW_PARAMS_MAX];
    uint64_t numbers[RAW_PARAMS_MAX];
    char text[RAW_SQL_MAX];
    int count = (int)strlen(types);
    ck_assert_int_le(count, RAW_PARAMS_MAX);
    for (int i = 0; i < count; i++) {
        formats[i] = 1;
        if (types[i] == 'i') {
            numbers[i] = htobe64((uint64_t)va_arg(args, int64_t));
            oids[i] = 20;
            values[i] = (const char *)&numbers[i];
            lengths[i] = sizeof numbers[i];
        } else {
            oids[i] = types[i] == 't' ? 25 : 17;
            values[i] = va_arg(args, const char *);
            lengths[i] = types[i] == 'u'   ? PST_UUID_BYTES
                         : types[i] == 'b' ? va_arg(args, int)
                                           : (int)strlen(values[i]);
        }
    }
    PGresult *result = PQexecParams(db->pg, raw_sql_of_postgresql(sql, text), count, oids, values,
                                    lengths, formats, /* resultFormat= */ 0);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQresultErrorMessage(result));
    PQclear(result);
}

/* A statement with ?1.. bound: 'u' uuid, 'b' bytes with length, 'i' int64_t, 't' text. */
static inline void raw_bind(struct raw_database *db, const char *sql, const char *types,
                            va_list args)
{
    if (db->sqlite != NULL)
        raw_bind_sqlite(db, sql, types, args);
    else
        raw_bind_postgresql(db, sql, types, args);
}

/* The first column of the first row as text, given; NULL when there is no row. */
static inline char *raw_text(struct raw_database *db, const char *sql)
{
    char text[RAW_SQL_MAX];
    char *found = NULL;
    if (db->sqlite != NULL) {
        sqlite3_stmt *stmt = NULL;
        ck_assert_msg(sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s",
                      sql, sqlite3_errmsg(db->sqlite));
        if (sqlite3_step(stmt) == SQLITE_ROW)
            found = strdup((const char *)sqlite3_column_text(stmt, 0));
        sqlite3_finalize(stmt);
        return found;
    }
    PGresult *result = PQexec(db->pg, raw_sql_of_postgresql(sql, text));
    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s", sql,
                  PQresultErrorMessage(result));
    if (PQntuples(result) > 0)
        found = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    return found;
}

/* The first column of the first row, which must be there, as a number. */
static inline int64_t raw_int(struct raw_database *db, const char *sql)
{
    char *text = raw_text(db, sql);
    ck_assert_msg(text != NULL, "no row: %s", sql);
    int64_t number = strtoll(text, NULL, 10);
    free(text);
    return number;
}

#endif
