#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/copy_state.h"

/*
 * Both sides are read in the order of their keys and held against each other
 * column by column. Both engines order the same: numbers as numbers, bytes and
 * texts byte by byte.
 */

struct verify {
    struct pst_copy *copy;
    struct pst_tx *to;
    enum pst_copy_table_id id;
    const struct pst_copy_table *table;
    struct pst_copy_key after;
    bool ended;
    bool differs;
};

static bool value_same(const struct pst_value *a, const struct pst_value *b)
{
    if (a->type != b->type)
        return false;
    return a->type == 'i' ? a->number == b->number : pst_bytes_equal(a->bytes, b->bytes);
}

static int value_order(const struct pst_value *a, const struct pst_value *b)
{
    if (a->type == 'i')
        return a->number < b->number ? -1 : a->number > b->number;
    size_t least = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
    int order = least == 0 ? 0 : memcmp(a->bytes.ptr, b->bytes.ptr, least);
    return order != 0 ? order : (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
}

/* "row 0198…/1", and what is wrong with it. */
static enum pst_err differ(struct verify *verify, struct pst_rows *rows, const char *what)
{
    struct pst_copy_result *result = verify->copy->result;
    PST_BUF struct pst_buf text = {.max = sizeof result->difference - 1};
    enum pst_err r = pst_copy_key_describe(verify->table, rows, &text);
    if (r == PST_ERR_TOO_LONG) /* the beginning of it is enough */
        r = PST_OK;
    if (r != PST_OK)
        return r;
    verify->differs = true;
    result->end = PST_COPY_DIFFERS;
    result->different = verify->id;
    (void)snprintf(result->difference, sizeof result->difference, "row %s %s", pst_buf_str(&text),
                   what);
    return PST_OK;
}

static enum pst_err column_differs(struct verify *verify, struct pst_rows *from, int column)
{
    char what[96];
    const char *name = verify->table->columns;
    for (int i = 0; i < column; i++)
        name = strchr(name, ' ') + 1;
    (void)snprintf(what, sizeof what, "has another value in column %.*s", (int)strcspn(name, ","),
                   name);
    return differ(verify, from, what);
}

static enum pst_err missing(struct verify *verify, struct pst_rows *from)
{
    return differ(verify, from, "is missing in the destination");
}

static enum pst_err extra(struct verify *verify, struct pst_rows *to)
{
    return differ(verify, to, "is in the destination alone");
}

static enum pst_err rows_compare(struct verify *verify, struct pst_rows *from, struct pst_rows *to)
{
    const struct pst_copy_table *table = verify->table;
    size_t keys = strlen(table->key_types);
    for (size_t i = 0; i < strlen(table->types); i++) {
        struct pst_value a = pst_copy_column(table, from, (int)i);
        struct pst_value b = pst_copy_column(table, to, (int)i);
        verify->copy->progress.bytes += pst_copy_weight(&a);
        if (value_same(&a, &b))
            continue;
        if (i >= keys)
            return column_differs(verify, from, (int)i);
        return value_order(&a, &b) < 0 ? missing(verify, from) : extra(verify, to);
    }
    return pst_copy_key_take(table, from, &verify->after);
}

/* PST_ERR_NOT_FOUND: both are at their end. */
static enum pst_err step(struct verify *verify, struct pst_rows *from, struct pst_rows *to)
{
    enum pst_err in_from = pst_sql_next(from), in_to = pst_sql_next(to);
    if (in_from == PST_OK && in_to == PST_OK)
        return rows_compare(verify, from, to);
    if (in_from == PST_OK && in_to == PST_ERR_NOT_FOUND)
        return missing(verify, from);
    if (in_from == PST_ERR_NOT_FOUND && in_to == PST_OK)
        return extra(verify, to);
    return in_from != PST_ERR_NOT_FOUND ? in_from : in_to;
}

static enum pst_err page_verify(struct verify *verify)
{
    PST_ROWS struct pst_rows *from = NULL;
    PST_ROWS struct pst_rows *to = NULL;
    int64_t rows = 0;
    enum pst_err r = pst_copy_page(verify->copy->from, verify->table, &verify->after, &from);
    if (r == PST_OK)
        r = pst_copy_page(verify->to, verify->table, &verify->after, &to);
    while (r == PST_OK && !verify->differs) {
        r = step(verify, from, to);
        rows += r == PST_OK && !verify->differs;
    }
    verify->copy->progress.rows += rows;
    verify->copy->result->counts[verify->id] += rows;
    verify->ended = rows < verify->table->page_rows;
    return r == PST_ERR_NOT_FOUND ? PST_OK : r;
}

static enum pst_err table_verify(struct verify *verify, enum pst_copy_table_id id)
{
    struct pst_copy *copy = verify->copy;
    enum pst_err r = PST_OK;
    pst_copy_key_free(&verify->after);
    verify->id = copy->progress.table = id;
    verify->table = pst_copy_table(id);
    verify->ended = false;
    while (r == PST_OK && !verify->ended && !verify->differs && !copy->stopped) {
        r = page_verify(verify);
        (void)pst_copy_goes_on(copy);
    }
    return r;
}

static enum pst_err tables_verify(struct pst_tx *to, void *ctx)
{
    struct verify verify = {.copy = ctx, .to = to};
    struct pst_copy *copy = ctx;
    enum pst_err r = PST_OK;
    copy->result->end = PST_COPY_STOPPED;
    copy->progress.phase = PST_COPY_VERIFYING;
    copy->progress.rows = copy->progress.bytes = 0;
    memset(copy->result->counts, 0, sizeof copy->result->counts);
    for (int i = 0; r == PST_OK && !verify.differs && !copy->stopped && i < PST_COPY_TABLES; i++)
        r = table_verify(&verify, (enum pst_copy_table_id)i);
    pst_copy_key_free(&verify.after);
    if (!copy->stopped)
        copy->result->rows = copy->progress.rows;
    copy->result->bytes = copy->progress.bytes;
    return r;
}

enum pst_err pst_copy_verify(struct pst_copy *copy)
{
    return pst_store_read(copy->to, tables_verify, copy);
}
