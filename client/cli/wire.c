#include "client/cli/wire.h"

#include <ctype.h>
#include <sodium.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/time.h"

/* An envelope in base64url is longer than any other value. */
#define VALUE_MAX_BYTES ((size_t)64 * 1024 * 1024)

json_t *pst_wire_bytes(struct pst_bytes bytes)
{
    PST_BUF struct pst_buf text = {.max = VALUE_MAX_BYTES};
    if (pst_base64url_append(&text, bytes) != PST_OK)
        return NULL;
    json_t *json = json_stringn(pst_buf_str(&text), text.len);
    if (text.len > 0)
        sodium_memzero(text.bytes, text.len);
    return json;
}

json_t *pst_wire_secret(const struct pst_secret *secret)
{
    return pst_wire_bytes(pst_bytes(pst_secret_bytes(secret), pst_secret_len(secret)));
}

json_t *pst_wire_buf(const struct pst_buf *buf)
{
    return pst_wire_bytes(pst_buf_bytes(buf));
}

json_t *pst_wire_time(int64_t at_ms)
{
    char text[PST_TIME_TEXT_SIZE];
    pst_time_format(at_ms, text);
    return json_string(text);
}

json_t *pst_wire_uuid(const struct pst_uuid *uuid)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(uuid, text);
    return json_string(text);
}

json_t *pst_wire_text(const struct pst_buf *buf)
{
    return json_stringn(pst_buf_str(buf), buf->len);
}

void pst_wire_set_text(json_t *object, const char *name, const char *value)
{
    if (value != NULL)
        (void)json_object_set_new(object, name, json_string(value));
}

const char *pst_wire_get(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

enum pst_err pst_wire_get_bytes(const json_t *object, const char *name, struct pst_buf *out)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? pst_base64url_decode(pst_bytes_str(text), out) : PST_ERR_SYNTAX;
}

enum pst_err pst_wire_get_exact(const json_t *object, const char *name, uint8_t *ret_bytes,
                                size_t len)
{
    return pst_base64url_decode_exact(pst_bytes_str(pst_wire_get(object, name)), ret_bytes, len);
}

enum pst_err pst_wire_get_uuid(const json_t *object, const char *name, struct pst_uuid *ret_uuid)
{
    const char *text = pst_wire_get(object, name);
    return pst_uuid_parse(text, strlen(text), ret_uuid);
}

enum pst_err pst_wire_read_id(struct pst_cli *cli, const char *text, const char *what,
                              struct pst_uuid *ret_uuid)
{
    if (pst_uuid_parse(text, strlen(text), ret_uuid) == PST_OK)
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_USAGE, "\"%s\" is not %s.", text, what);
}

enum pst_err pst_wire_unexpected(struct pst_cli *cli, const char *what)
{
    return pst_cli_fail_exit(cli, EX_PROTOCOL, PST_ERR_SYNTAX,
                             "The server's answer is not as it should be (%s). Tell whoever runs "
                             "it.",
                             what);
}

void pst_wire_result(struct pst_cli *cli, const json_t *json)
{
    if (cli->json && json != NULL)
        pst_cli_print_json(cli, json);
}

char *pst_wire_query(const char *text)
{
    char *out = malloc(strlen(text) * 3 + 1);
    if (out == NULL)
        return NULL;
    char *at = out;
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (isalnum(*c) || strchr("-._~", *c) != NULL)
            *at++ = (char)*c;
        else
            at += snprintf(at, 4, "%%%02X", *c);
    }
    *at = '\0';
    return out;
}
