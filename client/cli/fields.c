#include "client/cli/fields.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/net.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/json.h"
#include "postern/time.h"

#define PATH_MAX_BYTES 256
#define LIST_MAX 64

static json_t *list_of(const struct pst_cli *cli, const char *option)
{
    const char *texts[LIST_MAX];
    size_t count = 0;
    const char *text = NULL;
    while (count < LIST_MAX && (text = pst_cli_nth(cli, option, count)) != NULL)
        texts[count++] = text;
    json_t *set = NULL;
    return pst_json_set_new(texts, count, &set) == PST_OK ? set : NULL;
}

static json_t *time_of(const char *text)
{
    struct pst_date day;
    if (pst_date_parse(text, strlen(text), &day) == PST_OK)
        return pst_wire_time(pst_date_start_ms(&day));
    return json_string(text);
}

static json_t *value_of(const struct pst_cli *cli, const struct pst_field *field)
{
    const char *text = pst_cli_get(cli, field->option);
    switch (field->kind) {
    case PST_FIELD_LIST:
        return list_of(cli, field->option);
    case PST_FIELD_INT:
        return json_integer(strtol(text, NULL, 10));
    case PST_FIELD_FLAG:
        return json_true();
    case PST_FIELD_TIME:
        return time_of(text);
    case PST_FIELD_TEXT:
    default:
        return json_string(text);
    }
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text);
}

enum pst_err pst_fields_body(struct pst_cli *cli, const struct pst_field *fields, json_t **ret_body)
{
    PST_JSON json_t *body = json_object();
    for (; fields->option != NULL; fields++) {
        const char *text = pst_cli_get(cli, fields->option);
        if (text == NULL)
            continue;
        if (fields->kind == PST_FIELD_INT && !is_number(text))
            return pst_cli_fail(cli, PST_ERR_USAGE, "--%s must be a whole number.", fields->option);
        if (json_object_set_new(body, fields->member, value_of(cli, fields)) != 0)
            return pst_cli_fail(cli, PST_ERR_USAGE, "--%s is no text in UTF-8.", fields->option);
    }
    *ret_body = json_incref(body);
    return PST_OK;
}

enum pst_err pst_fields_send(struct pst_cli *cli, const char *method, const char *format,
                             const char *id, const json_t *body, json_t **ret_json)
{
    char path[PATH_MAX_BYTES];
    const char *mark = strstr(format, "%s");
    if (mark != NULL)
        snprintf(path, sizeof path, "%.*s%s%s", (int)(mark - format), format, id, mark + 2);
    else
        snprintf(path, sizeof path, "%s", format);
    PST_JSON json_t *answer = NULL;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_net_json(cli, method, path, body, &answer);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, answer);
    if (ret_json != NULL) {
        *ret_json = answer;
        answer = NULL;
    }
    return PST_OK;
}

enum pst_err pst_fields_id(struct pst_cli *cli, const char *what, struct pst_uuid *ret_id)
{
    return pst_wire_read_id(cli, cli->operands[0], what, ret_id);
}

static void print_value(FILE *out, const json_t *value)
{
    size_t i;
    json_t *item;
    if (json_is_string(value))
        pst_cli_write_safe(out, json_string_value(value), false);
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "yes" : "no", out);
    else if (json_is_array(value))
        json_array_foreach(value, i, item)
        {
            fputs(i > 0 ? ", " : "", out);
            print_value(out, json_is_object(item) ? json_object_get(item, "name") : item);
        }
}

void pst_fields_print(struct pst_cli *cli, const json_t *item, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (i > 0)
            fputs("  ", cli->out);
        print_value(cli->out, json_object_get(item, names[i]));
    }
    fputc('\n', cli->out);
}

enum pst_err pst_fields_list(struct pst_cli *cli, const char *path, const char *const *names,
                             const char *empty)
{
    PST_JSON json_t *list = NULL;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = pst_net_list(cli, path, 0, &list);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, list);
    if (cli->json)
        return PST_OK;
    const json_t *items = json_object_get(list, "items");
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) pst_fields_print(cli, item, names);
    if (json_array_size(items) == 0)
        pst_cli_note(cli, "%s", empty);
    return PST_OK;
}
