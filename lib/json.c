#include "postern/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "json_alloc.h"
#include "json_text.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/time.h"

/* Members of an object sorted without allocating; ours have far fewer. */
#define SORT_ON_STACK 64

/*
 * Nesting is counted before Jansson sees the text: its own limit (2048 levels
 * of recursion) is more than a small thread stack should be asked for.
 */
static bool too_deep(struct pst_bytes text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > PST_JSON_DEPTH_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static bool int_in_range(const json_t *json)
{
    json_int_t value = json_integer_value(json);
    return value >= -PST_JSON_INT_MAX && value <= PST_JSON_INT_MAX;
}

/* No fraction and no integer that loses digits elsewhere; depth is bounded by then. */
static bool numbers_fit(const json_t *json)
{
    size_t i = 0;
    const char *name = NULL;
    json_t *child = NULL;
    if (json_is_real(json))
        return false;
    if (json_is_integer(json))
        return int_in_range(json);
    json_array_foreach(json, i, child)
    {
        if (!numbers_fit(child))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)json, name, child)
    {
        if (!numbers_fit(child))
            return false;
    }
    return true;
}

enum pst_err pst_json_parse(struct pst_bytes text, size_t max_bytes, json_t **ret_json)
{
    if (text.len > max_bytes)
        return PST_ERR_TOO_LONG;
    if (text.len == 0 || too_deep(text))
        return PST_ERR_SYNTAX;
    enum pst_err r = PST_ERR_INTERNAL;
    PST_JSON json_t *json = pst_json_load(text, JSON_REJECT_DUPLICATES, &r);
    if (json == NULL)
        return r;
    if (!numbers_fit(json))
        return PST_ERR_SYNTAX;
    *ret_json = json;
    json = NULL;
    return PST_OK;
}

enum pst_err pst_json_parse_canonical(struct pst_bytes text, size_t max_bytes, json_t **ret_json)
{
    PST_JSON json_t *json = NULL;
    PST_BUF struct pst_buf again = {.max = text.len};
    enum pst_err r = pst_json_parse(text, max_bytes, &json);
    if (r != PST_OK)
        return r;
    r = pst_json_write_canonical(json, &again);
    if (r == PST_ERR_NOMEM)
        return r;
    if (r != PST_OK || !pst_bytes_equal(pst_buf_bytes(&again), text))
        return PST_ERR_NOT_CANONICAL;
    *ret_json = json;
    json = NULL;
    return PST_OK;
}

enum pst_err pst_json_canonical_check(struct pst_bytes text, size_t max_bytes)
{
    PST_JSON json_t *json = NULL;
    return pst_json_parse_canonical(text, max_bytes, &json);
}

static enum pst_err write_value(const json_t *json, size_t depth, struct pst_buf *out);

/* RFC 8785 3.2.2.2: the short escapes, else \u00xx; nothing else is escaped. */
static enum pst_err write_escape(uint8_t c, struct pst_buf *out)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
    };
    if (c == '"')
        return pst_buf_append_str(out, "\\\"");
    if (c == '\\')
        return pst_buf_append_str(out, "\\\\");
    if (shorts[c] != NULL)
        return pst_buf_append_str(out, shorts[c]);
    return pst_buf_printf(out, "\\u%04x", c);
}

enum pst_err pst_json_string_write(const char *text, size_t len, struct pst_buf *out)
{
    size_t plain = 0;
    enum pst_err r = pst_buf_append_byte(out, '"');
    for (size_t i = 0; r == PST_OK && i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == 0)
            return PST_ERR_INVALID;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        r = pst_buf_append(out, text + plain, i - plain);
        if (r == PST_OK)
            r = write_escape(c, out);
        plain = i + 1;
    }
    if (r == PST_OK)
        r = pst_buf_append(out, text + plain, len - plain);
    return r == PST_OK ? pst_buf_append_byte(out, '"') : r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_ascii(const char *text)
{
    for (; *text != 0; text++) {
        if ((uint8_t)*text > 0x7e)
            return false;
    }
    return true;
}

static enum pst_err write_members(const json_t *object, const char **names, size_t count,
                                  size_t depth, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '{');
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        if (i > 0)
            r = pst_buf_append_byte(out, ',');
        if (r == PST_OK)
            r = pst_json_string_write(names[i], strlen(names[i]), out);
        if (r == PST_OK)
            r = pst_buf_append_byte(out, ':');
        if (r == PST_OK)
            r = write_value(json_object_get(object, names[i]), depth + 1, out);
    }
    return r == PST_OK ? pst_buf_append_byte(out, '}') : r;
}

static enum pst_err write_object(const json_t *object, size_t depth, struct pst_buf *out)
{
    const char *on_stack[SORT_ON_STACK];
    PST_FREE const char **on_heap = NULL;
    const char **names = on_stack;
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;
    if (json_object_size(object) > SORT_ON_STACK) {
        on_heap = calloc(json_object_size(object), sizeof *on_heap);
        if (on_heap == NULL)
            return PST_ERR_NOMEM;
        names = on_heap;
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!is_ascii(name))
            return PST_ERR_INVALID;
        names[count++] = name;
    }
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
    return write_members(object, names, count, depth, out);
}

static enum pst_err write_array(const json_t *array, size_t depth, struct pst_buf *out)
{
    size_t i = 0;
    json_t *item = NULL;
    enum pst_err r = pst_buf_append_byte(out, '[');
    json_array_foreach(array, i, item)
    {
        if (r == PST_OK && i > 0)
            r = pst_buf_append_byte(out, ',');
        if (r == PST_OK)
            r = write_value(item, depth + 1, out);
    }
    return r == PST_OK ? pst_buf_append_byte(out, ']') : r;
}

static enum pst_err write_value(const json_t *json, size_t depth, struct pst_buf *out)
{
    if (json == NULL || depth > PST_JSON_DEPTH_MAX)
        return PST_ERR_INVALID;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return write_object(json, depth, out);
    case JSON_ARRAY:
        return write_array(json, depth, out);
    case JSON_STRING:
        return pst_json_string_write(json_string_value(json), json_string_length(json), out);
    case JSON_INTEGER:
        return int_in_range(json) ? pst_buf_printf(out, "%lld", json_integer_value(json))
                                  : PST_ERR_INVALID;
    case JSON_TRUE:
        return pst_buf_append_str(out, "true");
    case JSON_FALSE:
        return pst_buf_append_str(out, "false");
    case JSON_REAL:
    case JSON_NULL:
    default:
        return PST_ERR_INVALID;
    }
}

enum pst_err pst_json_write_canonical(const json_t *json, struct pst_buf *out)
{
    size_t before = out->len;
    enum pst_err r = write_value(json, 1, out);
    if (r != PST_OK && out->bytes != NULL) {
        out->len = before;
        out->bytes[before] = 0;
    }
    return r;
}

enum pst_err pst_json_text_new(const char *text, json_t **ret_json)
{
    json_t *json = json_string(text);
    if (json == NULL)
        return u8_check((const uint8_t *)text, strlen(text)) == NULL ? PST_ERR_NOMEM
                                                                     : PST_ERR_INVALID;
    *ret_json = json;
    return PST_OK;
}

enum pst_err pst_json_set_check(const json_t *array)
{
    const char *before = NULL;
    size_t i = 0;
    json_t *item = NULL;
    if (!json_is_array(array))
        return PST_ERR_SYNTAX;
    json_array_foreach(array, i, item)
    {
        const char *text = json_string_value(item);
        if (text == NULL)
            return PST_ERR_SYNTAX;
        if (before != NULL && strcmp(before, text) >= 0)
            return PST_ERR_NOT_CANONICAL;
        before = text;
    }
    return PST_OK;
}

enum pst_err pst_json_set_new(const char *const *texts, size_t count, json_t **ret_array)
{
    PST_FREE const char **sorted = calloc(count + 1, sizeof *sorted);
    PST_JSON json_t *array = json_array();
    if (sorted == NULL || array == NULL)
        return PST_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = texts[i];
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(sorted[i - 1], sorted[i]) == 0)
            continue;
        if (json_array_append_new(array, json_string(sorted[i])) != 0)
            return PST_ERR_NOMEM;
    }
    *ret_array = array;
    array = NULL;
    return PST_OK;
}

enum pst_err pst_json_uuid_set(const json_t *array, struct pst_uuid *ret_items, size_t max,
                               size_t *ret_count)
{
    size_t i = 0;
    json_t *item = NULL;
    enum pst_err r = pst_json_set_check(array);
    if (r != PST_OK)
        return r;
    if (json_array_size(array) > max)
        return PST_ERR_TOO_LONG;
    json_array_foreach(array, i, item)
    {
        r = pst_uuid_parse(json_string_value(item), json_string_length(item), &ret_items[i]);
        if (r != PST_OK)
            return r;
    }
    *ret_count = json_array_size(array);
    return PST_OK;
}

enum pst_err pst_json_uuid_set_new(const struct pst_uuid *items, size_t count, json_t **ret_array)
{
    PST_JSON json_t *array = json_array();
    if (array == NULL)
        return PST_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        char text[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&items[i], text);
        if (json_array_append_new(array, json_string(text)) != 0)
            return PST_ERR_NOMEM;
    }
    if (pst_json_set_check(array) != PST_OK)
        return PST_ERR_INVALID;
    *ret_array = array;
    array = NULL;
    return PST_OK;
}
