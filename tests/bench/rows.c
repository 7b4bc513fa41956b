#include "rows.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_A_COMMIT 2000000

static const struct {
    const char *name;
    const char *columns;
    size_t count;
} tables[TABLE__MAX] = {
    [TABLE_PERSON] = {"person", "id, roles, state, name_enc, created_at_ms", 5},
    [TABLE_PATIENT] = {"patient",
                       "person, key_enc, name_index, birth_enc, language, identity_enc, "
                       "created_by, created_at_ms",
                       8},
    [TABLE_ADDRESS] = {"address", "patient, kind, address_enc, address_index, changed_at_ms", 5},
    [TABLE_VISIT] = {"visit",
                     "id, patient, clinician, specialty, subspecialty, date_days, kind, "
                     "recorded_by, recorded_at_ms",
                     9},
    [TABLE_CONSENT] = {"consent",
                       "id, patient, seq, decision, purposes, terms_id, terms_version, language, "
                       "at_ms, recorded_at_ms, recorded_by, hash, record_enc",
                       13},
    [TABLE_CONSENT_PURPOSE] = {"consent_purpose", "consent, purpose, address_index", 3},
    [TABLE_STATEMENT] = {"statement",
                         "person, serial, hash, record_enc, sign_key, sign_key_id, recipient, "
                         "recipient_id, at_ms, until_ms",
                         10},
    [TABLE_SESSION] = {"session",
                       "token_hash, id, person, created_at_ms, used_at_ms, expires_at_ms, "
                       "step_up_at_ms",
                       7},
    [TABLE_THREAD] = {"thread",
                      "id, patient, team, state, last_seq, size_bytes, created_by, created_at_ms, "
                      "changed_at_ms",
                      9},
    [TABLE_MESSAGE] = {"message",
                       "id, thread, seq, sender, category, sent_ms, accepted_ms, size_bytes, "
                       "attachments, images, replyto, hash, event, consent, answered_at_ms",
                       15},
    [TABLE_MESSAGE_KEY] = {"message_key", "message, position, key_id", 3},
    [TABLE_BODY] = {"body", "message, part, bytes", 3},
    [TABLE_EVENT] = {"event", "id, line", 2},
    [TABLE_RECEIPT] = {"receipt", "message, person, fetched_at_ms, opened_at_ms, record", 5},
};

struct rows {
    sqlite3 *db; /* NULL: into files */
    sqlite3_stmt *inserts[TABLE__MAX];
    FILE *files[TABLE__MAX];
    size_t waiting; /* rows since the last commit */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "rows: %s\n", what);
    exit(EXIT_FAILURE);
}

static void run(struct rows *rows, const char *sql)
{
    if (sqlite3_exec(rows->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(rows->db));
}

static void prepare(struct rows *rows, enum table table)
{
    char sql[1024], marks[64] = "";
    for (size_t i = 0; i < tables[table].count; i++)
        strncat(marks, i == 0 ? "?" : ",?", sizeof marks - strlen(marks) - 1);
    snprintf(sql, sizeof sql, "INSERT INTO %s (%s) VALUES (%s)", tables[table].name,
             tables[table].columns, marks);
    if (sqlite3_prepare_v3(rows->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &rows->inserts[table],
                           NULL) != SQLITE_OK)
        die(sqlite3_errmsg(rows->db));
}

static void open_sqlite(struct rows *rows, const char *path)
{
    if (sqlite3_open_v2(path, &rows->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        die(path);
    /* Nobody else is there, and what breaks off is thrown away: no log, no sync until the end. */
    run(rows, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;"
              "PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;");
    for (int table = 0; table < TABLE__MAX; table++)
        prepare(rows, (enum table)table);
    run(rows, "BEGIN");
}

static void open_files(struct rows *rows, const char *folder)
{
    char path[4096];
    for (int table = 0; table < TABLE__MAX; table++) {
        snprintf(path, sizeof path, "%s/%s.copy", folder, tables[table].name);
        rows->files[table] = fopen(path, "we");
        if (rows->files[table] == NULL)
            die(path);
        /* What psql runs; the rows follow, up to the line that ends them. */
        fprintf(rows->files[table], "COPY %s (%s) FROM STDIN;\n", tables[table].name,
                tables[table].columns);
    }
}

struct rows *rows_open(const char *target)
{
    struct rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL)
        die("memory");
    if (strncmp(target, "sqlite:", 7) == 0)
        open_sqlite(rows, target + 7);
    else if (strncmp(target, "copy:", 5) == 0)
        open_files(rows, target + 5);
    else
        die("target: sqlite:FILE or copy:FOLDER");
    return rows;
}

static void bind(sqlite3_stmt *insert, int number, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NULL:
        sqlite3_bind_null(insert, number);
        break;
    case VALUE_INT:
        sqlite3_bind_int64(insert, number, value->number);
        break;
    case VALUE_TEXT:
        sqlite3_bind_text(insert, number, value->bytes, (int)value->len, SQLITE_STATIC);
        break;
    case VALUE_BLOB:
        sqlite3_bind_blob(insert, number, value->bytes, (int)value->len, SQLITE_STATIC);
        break;
    }
}

static void put_sqlite(struct rows *rows, enum table table, const struct value *values)
{
    sqlite3_stmt *insert = rows->inserts[table];
    for (size_t i = 0; i < tables[table].count; i++)
        bind(insert, (int)i + 1, &values[i]);
    if (sqlite3_step(insert) != SQLITE_DONE)
        die(sqlite3_errmsg(rows->db));
    sqlite3_reset(insert);
    if (++rows->waiting == ROWS_A_COMMIT) {
        run(rows, "COMMIT; BEGIN");
        rows->waiting = 0;
    }
}

static void write_hex(FILE *file, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    fputs("\\\\x", file);
    for (size_t i = 0; i < len; i++) {
        putc(digits[bytes[i] >> 4], file);
        putc(digits[bytes[i] & 15], file);
    }
}

/* COPY's text format: no value of ours holds a tab, an end of line or a backslash. */
static void put_file(FILE *file, const struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putc('\t', file);
        if (values[i].kind == VALUE_NULL)
            fputs("\\N", file);
        else if (values[i].kind == VALUE_INT)
            fprintf(file, "%jd", (intmax_t)values[i].number);
        else if (values[i].kind == VALUE_TEXT)
            fwrite(values[i].bytes, 1, values[i].len, file);
        else
            write_hex(file, values[i].bytes, values[i].len);
    }
    putc('\n', file);
}

void rows_put(struct rows *rows, enum table table, const struct value *values, size_t count)
{
    if (count != tables[table].count)
        die(tables[table].name);
    if (rows->db != NULL)
        put_sqlite(rows, table, values);
    else
        put_file(rows->files[table], values, count);
}

void rows_close(struct rows **rows)
{
    struct rows *all = *rows;
    if (all->db != NULL)
        run(all, "COMMIT");
    for (int table = 0; table < TABLE__MAX; table++) {
        sqlite3_finalize(all->inserts[table]);
        if (all->files[table] == NULL)
            continue;
        fputs("\\.\n", all->files[table]);
        if (ferror(all->files[table]) != 0 || fclose(all->files[table]) != 0)
            die("write");
    }
    if (all->db != NULL) {
        run(all, "PRAGMA synchronous = FULL; PRAGMA locking_mode = NORMAL;"
                 "PRAGMA journal_mode = WAL;");
        if (sqlite3_close(all->db) != SQLITE_OK)
            die("close");
    }
    free(all);
    *rows = NULL;
}
