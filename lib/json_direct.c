/*
 * Canonical text straight from a struct, by the same table that decodes it: no
 * tree is built. What the tree's way refuses is refused here too.
 */
#include <string.h>
#include <unistr.h>

#include "json_text.h"
#include "postern/base64.h"
#include "postern/json.h"
#include "postern/time.h"

/* "-9223372036854775808" and what a shorter one is built from behind. */
#define INT_TEXT_SIZE 20

static enum pst_err write_text(const char *text, struct pst_buf *out)
{
    if (text == NULL)
        return PST_ERR_INVALID;
    size_t len = strlen(text);
    if (u8_check((const uint8_t *)text, len) != NULL)
        return PST_ERR_INVALID;
    return pst_json_string_write(text, len, out);
}

static enum pst_err write_int(int64_t value, struct pst_buf *out)
{
    char text[INT_TEXT_SIZE];
    size_t at = sizeof text;
    if (value < 0 || value > PST_JSON_INT_MAX)
        return PST_ERR_INVALID;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return pst_buf_append(out, text + at, sizeof text - at);
}

static enum pst_err write_uuid(const struct pst_uuid *uuid, struct pst_buf *out)
{
    char text[PST_UUID_TEXT_SIZE + 2] = "\"";
    pst_uuid_format(uuid, text + 1);
    text[1 + PST_UUID_TEXT_LEN] = '"';
    return pst_buf_append(out, text, PST_UUID_TEXT_LEN + 2);
}

static enum pst_err write_time(int64_t at_ms, struct pst_buf *out)
{
    char text[PST_TIME_TEXT_SIZE];
    if (at_ms < 0 || at_ms > PST_TIME_MAX_MS)
        return PST_ERR_INVALID;
    pst_time_format(at_ms, text);
    return pst_json_string_write(text, strlen(text), out);
}

static enum pst_err write_bin(const uint8_t *bytes, size_t len, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '"');
    if (r == PST_OK)
        r = pst_base64url_append(out, pst_bytes(bytes, len));
    return r == PST_OK ? pst_buf_append_byte(out, '"') : r;
}

/* UNSAFE: what field points to is what the table says of it. */
static enum pst_err write_field(const void *field, enum pst_json_type type, struct pst_buf *out)
{
    switch (type) {
    case PST_JSON_TEXT:
        return write_text(*(const char *const *)field, out);
    case PST_JSON_INT:
        return write_int(*(const int64_t *)field, out);
    case PST_JSON_BOOL:
        return pst_buf_append_str(out, *(const bool *)field ? "true" : "false");
    case PST_JSON_UUID:
    case PST_JSON_UUID7:
        return write_uuid(field, out);
    case PST_JSON_TIME:
        return write_time(*(const int64_t *)field, out);
    case PST_JSON_BIN16:
        return write_bin(field, 16, out);
    case PST_JSON_BIN32:
        return write_bin(field, 32, out);
    case PST_JSON_ARRAY:
    case PST_JSON_OBJECT:
    default:
        return PST_ERR_INVALID;
    }
}

static enum pst_err write_member(const struct pst_json_direct *of, size_t i, struct pst_buf *out)
{
    const struct pst_json_member *member = &of->members[i];
    bool nested = member->type == PST_JSON_ARRAY || member->type == PST_JSON_OBJECT;
    enum pst_err r = pst_json_string_write(member->name, strlen(member->name), out);
    if (r == PST_OK)
        r = pst_buf_append_byte(out, ':');
    if (r != PST_OK)
        return r;
    if (nested)
        return of->nested == NULL ? PST_ERR_INVALID : of->nested(of->ctx, member, out);
    return write_field((const uint8_t *)of->from + member->offset, member->type, out);
}

enum pst_err pst_json_direct_write(const struct pst_json_direct *of, struct pst_buf *out)
{
    size_t before = out->len;
    const char *last = NULL;
    enum pst_err r = pst_buf_append_byte(out, '{');
    for (size_t i = 0; r == PST_OK && i < of->count; i++) {
        if (!PST_JSON_HAS(of->present, i))
            continue;
        if (last != NULL && strcmp(last, of->members[i].name) >= 0)
            r = PST_ERR_INTERNAL;
        else if (last != NULL)
            r = pst_buf_append_byte(out, ',');
        if (r == PST_OK)
            r = write_member(of, i, out);
        last = of->members[i].name;
    }
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '}');
    if (r != PST_OK)
        pst_buf_truncate(out, before);
    return r;
}
