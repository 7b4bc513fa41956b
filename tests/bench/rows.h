/*
 * Rows for a store, put in bulk while nothing else has it open: into a SQLite
 * file, or as files that PostgreSQL's COPY reads. For benchmarks alone; one
 * thread. Every failure ends the program.
 */
#ifndef POSTERN_TESTS_BENCH_ROWS_H
#define POSTERN_TESTS_BENCH_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB };

struct value {
    enum value_kind kind;
    int64_t number;
    const void *bytes; /* borrowed until rows_put returns */
    size_t len;
};

static inline struct value of_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

static inline struct value of_int(int64_t number)
{
    return (struct value){.kind = VALUE_INT, .number = number};
}

static inline struct value of_text(const char *text, size_t len)
{
    return (struct value){.kind = VALUE_TEXT, .bytes = text, .len = len};
}

static inline struct value of_blob(const void *bytes, size_t len)
{
    return (struct value){.kind = VALUE_BLOB, .bytes = bytes, .len = len};
}

enum table {
    TABLE_PERSON,
    TABLE_PATIENT,
    TABLE_ADDRESS,
    TABLE_VISIT,
    TABLE_CONSENT,
    TABLE_CONSENT_PURPOSE,
    TABLE_STATEMENT,
    TABLE_SESSION,
    TABLE_THREAD,
    TABLE_MESSAGE,
    TABLE_MESSAGE_KEY,
    TABLE_BODY,
    TABLE_EVENT,
    TABLE_RECEIPT,
    TABLE__MAX
};

struct rows;

/* target: "sqlite:FILE", a store that exists; or "copy:FOLDER", one file TABLE.copy each. */
struct rows *rows_open(const char *target);

/* values: one for each column, in the order of rows.c. */
void rows_put(struct rows *rows, enum table table, const struct value *values, size_t count);

#define ROWS_PUT(rows, table, ...)                                                                 \
    rows_put(rows, table, (const struct value[]){__VA_ARGS__},                                     \
             sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value))

/* Commits, and leaves the store as a gateway expects it. */
void rows_close(struct rows **rows);

#endif
