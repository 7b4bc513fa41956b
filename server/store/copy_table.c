#include "server/store/copy_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "postern/uuid.h"

/* The longest text in a key names a browser's credential: WebAuthn allows 1023 bytes, in base64. */
#define KEY_BYTES_MAX 4096

/* Bytes of a keyed hash that an operator is shown. */
#define HASH_SHOWN_BYTES 4

static const struct pst_copy_table tables[PST_COPY_TABLES] = {
#define T(id, name, page, keys, key, key_types, count, types, columns)                             \
    {name,                                                                                         \
     columns,                                                                                      \
     types,                                                                                        \
     key_types,                                                                                    \
     PST_COPY_PAGE_ROWS_##page,                                                                    \
     PST_STMT_COPY_FIRST_##id,                                                                     \
     PST_STMT_COPY_NEXT_##id,                                                                      \
     PST_STMT_COPY_LAST_##id,                                                                      \
     PST_STMT_COPY_COUNT_##id,                                                                     \
     PST_STMT_COPY_INSERT_##id},
#include "server/store/tables.def"
#undef T
};

const struct pst_copy_table *pst_copy_table(enum pst_copy_table_id table)
{
    if ((unsigned)table >= PST_COPY_TABLES)
        abort();
    return &tables[table];
}

const char *pst_copy_table_name(enum pst_copy_table_id table)
{
    return pst_copy_table(table)->name;
}

void pst_copy_key_free(struct pst_copy_key *key)
{
    pst_buf_free(&key->bytes);
    *key = (struct pst_copy_key){.given = false};
}

static void key_clear(struct pst_copy_key *key)
{
    key->given = false;
    if (key->bytes.max == 0)
        pst_buf_init(&key->bytes, KEY_BYTES_MAX);
    pst_buf_clear(&key->bytes);
}

enum pst_err pst_copy_key_take(const struct pst_copy_table *table, struct pst_rows *rows,
                               struct pst_copy_key *key)
{
    enum pst_err r = PST_OK;
    key_clear(key);
    for (int i = 0; r == PST_OK && table->key_types[i] != '\0'; i++) {
        struct pst_value value = pst_copy_column(table, rows, i);
        key->numbers[i] = value.number;
        if (value.type != 'i')
            r = pst_buf_append_bytes(&key->bytes, value.bytes);
        key->ends[i] = key->bytes.len;
    }
    key->given = r == PST_OK;
    return r;
}

enum pst_err pst_copy_key_copy(const struct pst_copy_table *table, const struct pst_copy_key *from,
                               struct pst_copy_key *key)
{
    key_clear(key);
    if (!from->given)
        return PST_OK;
    enum pst_err r = pst_buf_append_bytes(&key->bytes, pst_buf_bytes(&from->bytes));
    for (size_t i = 0; i < strlen(table->key_types); i++) {
        key->numbers[i] = from->numbers[i];
        key->ends[i] = from->ends[i];
    }
    key->given = r == PST_OK;
    return r;
}

enum pst_err pst_copy_key_last(struct pst_tx *tx, const struct pst_copy_table *table,
                               struct pst_copy_key *key)
{
    PST_ROWS struct pst_rows *rows = NULL;
    key_clear(key);
    enum pst_err r = pst_sql_first_values(tx, table->last, &rows, NULL, 0);
    if (r == PST_ERR_NOT_FOUND)
        return PST_OK;
    return r == PST_OK ? pst_copy_key_take(table, rows, key) : r;
}

static struct pst_value key_value(const struct pst_copy_table *table,
                                  const struct pst_copy_key *key, size_t i)
{
    size_t begin = i == 0 ? 0 : key->ends[i - 1];
    if (table->key_types[i] == 'i')
        return pst_value_int(key->numbers[i]);
    struct pst_bytes all = pst_buf_bytes(&key->bytes);
    return (struct pst_value){.type = table->key_types[i],
                              .bytes = pst_bytes(all.ptr + begin, key->ends[i] - begin)};
}

enum pst_err pst_copy_page(struct pst_tx *tx, const struct pst_copy_table *table,
                           const struct pst_copy_key *after, struct pst_rows **ret_rows)
{
    struct pst_value values[PST_COPY_KEY_MAX + 1];
    size_t count = 0;
    for (; after->given && table->key_types[count] != '\0'; count++)
        values[count] = key_value(table, after, count);
    values[count++] = pst_value_int(table->page_rows);
    return pst_sql_query_values(tx, after->given ? table->next : table->first, ret_rows, values,
                                count);
}

struct pst_value pst_copy_column(const struct pst_copy_table *table, struct pst_rows *rows,
                                 int column)
{
    char type = (char)tolower((unsigned char)table->types[column]);
    if (pst_row_is_null(rows, column))
        return pst_value_null();
    if (type == 'i')
        return pst_value_int(pst_row_int(rows, column));
    return (struct pst_value){.type = type, .bytes = pst_row_bytes(rows, column)};
}

int64_t pst_copy_weight(const struct pst_value *value)
{
    if (value->type == 'n')
        return 0;
    return value->type == 'i' ? (int64_t)sizeof value->number : (int64_t)value->bytes.len;
}

static enum pst_err bytes_describe(struct pst_bytes bytes, struct pst_buf *out)
{
    enum pst_err r = PST_OK;
    if (bytes.len == PST_UUID_BYTES) {
        struct pst_uuid id;
        char text[PST_UUID_TEXT_SIZE];
        memcpy(id.bytes, bytes.ptr, sizeof id.bytes);
        pst_uuid_format(&id, text);
        return pst_buf_append_str(out, text);
    }
    for (size_t i = 0; r == PST_OK && i < bytes.len && i < HASH_SHOWN_BYTES; i++)
        r = pst_buf_printf(out, "%02x", bytes.ptr[i]);
    return r == PST_OK && bytes.len > HASH_SHOWN_BYTES ? pst_buf_append_str(out, "...") : r;
}

enum pst_err pst_copy_key_describe(const struct pst_copy_table *table, struct pst_rows *rows,
                                   struct pst_buf *out)
{
    enum pst_err r = PST_OK;
    for (int i = 0; r == PST_OK && table->key_types[i] != '\0'; i++) {
        struct pst_value value = pst_copy_column(table, rows, i);
        if (i > 0)
            r = pst_buf_append_str(out, "/");
        if (r == PST_OK && value.type == 'i')
            r = pst_buf_printf(out, "%lld", (long long)value.number);
        else if (r == PST_OK && value.type == 't')
            r = pst_buf_append_bytes(out, value.bytes);
        else if (r == PST_OK)
            r = bytes_describe(value.bytes, out);
    }
    return r;
}
