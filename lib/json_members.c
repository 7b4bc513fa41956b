/*
 * Objects to structs and back by a table: one pair of functions per type of
 * member. Every write into the caller's struct goes through field(), which the
 * table's offsetof makes safe.
 */
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/json.h"
#include "postern/time.h"

static enum pst_err decode_text(const json_t *json, const struct pst_json_member *member,
                                void *field)
{
    size_t max = member->max == 0 ? PST_JSON_TEXT_MAX_BYTES : member->max;
    const char *text = json_string_value(json);
    if (text == NULL || json_string_length(json) > max)
        return PST_ERR_SYNTAX;
    if (text[0] == 0 && (member->flags & PST_JSON_EMPTY) == 0)
        return PST_ERR_SYNTAX;
    *(const char **)field = text;
    return PST_OK;
}

static enum pst_err encode_text(const void *field, json_t **ret_json)
{
    const char *text = *(const char *const *)field;
    if (text == NULL)
        return PST_ERR_INVALID;
    return pst_json_text_new(text, ret_json);
}

static enum pst_err decode_int(const json_t *json, const struct pst_json_member *member,
                               void *field)
{
    (void)member;
    json_int_t value = json_integer_value(json);
    if (!json_is_integer(json) || value < 0 || value > PST_JSON_INT_MAX)
        return PST_ERR_SYNTAX;
    *(int64_t *)field = value;
    return PST_OK;
}

static enum pst_err encode_int(const void *field, json_t **ret_json)
{
    int64_t value = *(const int64_t *)field;
    if (value < 0 || value > PST_JSON_INT_MAX)
        return PST_ERR_INVALID;
    *ret_json = json_integer(value);
    return PST_OK;
}

static enum pst_err decode_bool(const json_t *json, const struct pst_json_member *member,
                                void *field)
{
    (void)member;
    if (!json_is_boolean(json))
        return PST_ERR_SYNTAX;
    *(bool *)field = json_is_true(json);
    return PST_OK;
}

static enum pst_err encode_bool(const void *field, json_t **ret_json)
{
    *ret_json = json_boolean(*(const bool *)field);
    return PST_OK;
}

static enum pst_err decode_uuid(const json_t *json, const struct pst_json_member *member,
                                void *field)
{
    struct pst_uuid uuid = {{0}};
    if (!json_is_string(json) ||
        pst_uuid_parse(json_string_value(json), json_string_length(json), &uuid) != PST_OK)
        return PST_ERR_SYNTAX;
    if (member->type == PST_JSON_UUID7 && !pst_uuid_is_v7(&uuid))
        return PST_ERR_SYNTAX;
    *(struct pst_uuid *)field = uuid;
    return PST_OK;
}

static enum pst_err encode_uuid(const void *field, json_t **ret_json)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(field, text);
    *ret_json = json_string(text);
    return PST_OK;
}

static enum pst_err decode_time(const json_t *json, const struct pst_json_member *member,
                                void *field)
{
    (void)member;
    int64_t at_ms = 0;
    if (!json_is_string(json) ||
        pst_time_parse(json_string_value(json), json_string_length(json), &at_ms) != PST_OK)
        return PST_ERR_SYNTAX;
    *(int64_t *)field = at_ms;
    return PST_OK;
}

static enum pst_err encode_time(const void *field, json_t **ret_json)
{
    char text[PST_TIME_TEXT_SIZE];
    int64_t at_ms = *(const int64_t *)field;
    if (at_ms < 0 || at_ms > PST_TIME_MAX_MS)
        return PST_ERR_INVALID;
    pst_time_format(at_ms, text);
    *ret_json = json_string(text);
    return PST_OK;
}

static enum pst_err decode_bin(const json_t *json, const struct pst_json_member *member,
                               void *field)
{
    size_t len = member->type == PST_JSON_BIN16 ? 16 : 32;
    uint8_t bytes[32];
    if (!json_is_string(json))
        return PST_ERR_SYNTAX;
    struct pst_bytes text = pst_bytes(json_string_value(json), json_string_length(json));
    if (pst_base64url_decode_exact(text, bytes, len) != PST_OK)
        return PST_ERR_SYNTAX;
    memcpy(field, bytes, len);
    return PST_OK;
}

static enum pst_err encode_bin(const void *field, size_t len, json_t **ret_json)
{
    PST_BUF struct pst_buf text = {.max = PST_BASE64_LEN(32)};
    enum pst_err r = pst_base64url_append(&text, pst_bytes(field, len));
    if (r == PST_OK)
        *ret_json = json_string(pst_buf_str(&text));
    return r;
}

static enum pst_err encode_bin16(const void *field, json_t **ret_json)
{
    return encode_bin(field, 16, ret_json);
}

static enum pst_err encode_bin32(const void *field, json_t **ret_json)
{
    return encode_bin(field, 32, ret_json);
}

static enum pst_err decode_array(const json_t *json, const struct pst_json_member *member,
                                 void *field)
{
    if (!json_is_array(json) || (member->max > 0 && json_array_size(json) > member->max))
        return PST_ERR_SYNTAX;
    *(const json_t **)field = json;
    return PST_OK;
}

static enum pst_err decode_object(const json_t *json, const struct pst_json_member *member,
                                  void *field)
{
    (void)member;
    if (!json_is_object(json))
        return PST_ERR_SYNTAX;
    *(const json_t **)field = json;
    return PST_OK;
}

static enum pst_err encode_shared(const void *field, json_t **ret_json)
{
    json_t *json = *(json_t *const *)field;
    if (json == NULL)
        return PST_ERR_INVALID;
    *ret_json = json_incref(json);
    return PST_OK;
}

static const struct {
    enum pst_err (*decode)(const json_t *json, const struct pst_json_member *member, void *field);
    enum pst_err (*encode)(const void *field, json_t **ret_json);
} types[PST_JSON__MAX] = {
    [PST_JSON_TEXT] = {decode_text, encode_text},
    [PST_JSON_INT] = {decode_int, encode_int},
    [PST_JSON_BOOL] = {decode_bool, encode_bool},
    [PST_JSON_UUID] = {decode_uuid, encode_uuid},
    [PST_JSON_UUID7] = {decode_uuid, encode_uuid},
    [PST_JSON_TIME] = {decode_time, encode_time},
    [PST_JSON_BIN16] = {decode_bin, encode_bin16},
    [PST_JSON_BIN32] = {decode_bin, encode_bin32},
    [PST_JSON_ARRAY] = {decode_array, encode_shared},
    [PST_JSON_OBJECT] = {decode_object, encode_shared},
};

/* Zeroes a field, so that one the object does not have reads as absent. */
static void clear(void *to, const struct pst_json_member *member)
{
    static const size_t sizes[PST_JSON__MAX] = {
        [PST_JSON_TEXT] = sizeof(const char *),
        [PST_JSON_INT] = sizeof(int64_t),
        [PST_JSON_BOOL] = sizeof(bool),
        [PST_JSON_UUID] = sizeof(struct pst_uuid),
        [PST_JSON_UUID7] = sizeof(struct pst_uuid),
        [PST_JSON_TIME] = sizeof(int64_t),
        [PST_JSON_BIN16] = 16,
        [PST_JSON_BIN32] = 32,
        [PST_JSON_ARRAY] = sizeof(json_t *),
        [PST_JSON_OBJECT] = sizeof(json_t *),
    };
    memset((uint8_t *)to + member->offset, 0, sizes[member->type]);
}

static size_t find_member(const struct pst_json_member *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0)
            return i;
    }
    return count;
}

static const char *first_missing(const struct pst_json_member *members, size_t count,
                                 uint64_t present)
{
    for (size_t i = 0; i < count; i++) {
        if ((members[i].flags & PST_JSON_REQUIRED) != 0 && !PST_JSON_HAS(present, i))
            return members[i].name;
    }
    return NULL;
}

/* Returns the name of the first member that is wrong; NULL when all are right. */
static const char *decode_members(const json_t *json, const struct pst_json_member *members,
                                  size_t count, void *to, uint64_t *ret_present)
{
    const char *name = NULL;
    json_t *value = NULL;
    uint64_t present = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        size_t i = find_member(members, count, name);
        if (i == count)
            return name;
        void *field = (uint8_t *)to + members[i].offset;
        if (types[members[i].type].decode(value, &members[i], field) != PST_OK)
            return name;
        present |= UINT64_C(1) << i;
    }
    *ret_present = present;
    return first_missing(members, count, present);
}

enum pst_err pst_json_decode(const json_t *json, const struct pst_json_member *members,
                             size_t count, void *ret_struct, uint64_t *ret_present,
                             const char **ret_wrong)
{
    uint64_t present = 0;
    const char *wrong = NULL;
    if (count > PST_JSON_MEMBERS_MAX)
        return PST_ERR_INTERNAL;
    for (size_t i = 0; i < count; i++)
        clear(ret_struct, &members[i]);
    if (json_is_object(json))
        wrong = decode_members(json, members, count, ret_struct, &present);
    if (!json_is_object(json) || wrong != NULL) {
        if (ret_wrong != NULL)
            *ret_wrong = wrong;
        return PST_ERR_SYNTAX;
    }
    if (ret_present != NULL)
        *ret_present = present;
    return PST_OK;
}

enum pst_err pst_json_encode(const void *from, const struct pst_json_member *members, size_t count,
                             uint64_t present, json_t **ret_json)
{
    PST_JSON json_t *object = json_object();
    if (object == NULL)
        return PST_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        json_t *value = NULL;
        if (!PST_JSON_HAS(present, i))
            continue;
        const void *field = (const uint8_t *)from + members[i].offset;
        enum pst_err r = types[members[i].type].encode(field, &value);
        if (r != PST_OK)
            return r;
        /* Takes value, also on failure and when it is NULL. */
        if (json_object_set_new(object, members[i].name, value) != 0)
            return PST_ERR_NOMEM;
    }
    *ret_json = object;
    object = NULL;
    return PST_OK;
}
