#include "server/config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/time.h"

/* Longest text setting: a path (PATH_MAX is 4096) or a connection string. */
#define TEXT_MAX 2048
/* RFC 1035 2.3.4: a name and its labels. */
#define HOST_MAX 253
#define LABEL_MAX 63
/* useradd(8): longest user or group name. */
#define USER_MAX 32
/* Longest header field name we would ask a mail service to add. */
#define HEADER_MAX 64

struct unit {
    const char *name;
    int64_t times;
};

/* A year of 366 days: what must be kept ten years is never removed a day early. */
static const struct unit times[] = {
    {"ms", 1},         {"s", PST_SECOND_MS},  {"min", PST_MINUTE_MS},  {"h", PST_HOUR_MS},
    {"d", PST_DAY_MS}, {"w", 7 * PST_DAY_MS}, {"y", 366 * PST_DAY_MS}, {NULL, 0},
};

static const struct unit sizes[] = {
    {"b", 1},  {"kb", INT64_C(1) << 10}, {"mb", INT64_C(1) << 20}, {"gb", INT64_C(1) << 30},
    {NULL, 0},
};

static const struct unit counts[] = {{"", 1}, {NULL, 0}};

/* Digits and a unit, nothing between, before or after. */
static enum pst_err number_parse(const char *text, const struct unit *units, int64_t *ret_value)
{
    int64_t value = 0;
    const char *at = text;
    if (*at < '0' || *at > '9')
        return PST_ERR_SYNTAX;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return PST_ERR_TOO_LONG;
    }
    for (const struct unit *unit = units; unit->name != NULL; unit++) {
        if (strcmp(at, unit->name) != 0)
            continue;
        if (__builtin_mul_overflow(value, unit->times, &value))
            return PST_ERR_TOO_LONG;
        *ret_value = value;
        return PST_OK;
    }
    return PST_ERR_SYNTAX;
}

enum pst_err pst_config_time_parse(const char *text, int64_t *ret_ms)
{
    return number_parse(text, times, ret_ms);
}

enum pst_err pst_config_size_parse(const char *text, int64_t *ret_bytes)
{
    return number_parse(text, sizes, ret_bytes);
}

/* [host]:port, where brackets stand around IPv6 alone (RFC 3986 3.2.2). */
enum pst_err pst_config_address_parse(const char *text, struct pst_config_address *ret_address)
{
    struct pst_config_address address = {.is_v6 = text[0] == '['};
    const char *host = address.is_v6 ? text + 1 : text;
    const char *end = strchr(host, address.is_v6 ? ']' : ':');
    if (end == NULL || (size_t)(end - host) >= sizeof address.host)
        return PST_ERR_SYNTAX;
    memcpy(address.host, host, (size_t)(end - host));
    if (address.is_v6)
        end++;
    unsigned char binary[sizeof(struct in6_addr)];
    int64_t port = 0;
    if (*end != ':' || inet_pton(address.is_v6 ? AF_INET6 : AF_INET, address.host, binary) != 1 ||
        number_parse(end + 1, counts, &port) != PST_OK || port > UINT16_MAX)
        return PST_ERR_SYNTAX;
    address.port = (uint16_t)port;
    *ret_address = address;
    return PST_OK;
}

/* What each kind lets through. */

static bool is_text(const char *text)
{
    size_t len = strnlen(text, TEXT_MAX + 1);
    if (len == 0 || len > TEXT_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (iscntrl((unsigned char)text[i]))
            return false;
    }
    return true;
}

static bool is_label(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", label[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_host(const char *text)
{
    if (strnlen(text, HOST_MAX + 1) > HOST_MAX)
        return false;
    for (;;) {
        size_t len = strcspn(text, ".");
        if (!is_label(text, len))
            return false;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

/* Absolute, so that it means the same to every role and after a chdir. */
static bool is_path(const char *text)
{
    return text[0] == '/' && is_text(text);
}

/* A password in the address would be a secret in the configuration. */
static bool is_postgresql(const char *rest)
{
    size_t host = strcspn(rest, "/?");
    const char *at = memchr(rest, '@', host);
    if (at != NULL && memchr(rest, ':', (size_t)(at - rest)) != NULL)
        return false;
    return host > 0 && is_text(rest) && strstr(rest, "password=") == NULL;
}

/* PostgreSQL is told from SQLite here; which of them this build has, the store says. */
static bool is_store(const char *text)
{
    static const char sqlite[] = "sqlite:";
    static const char postgresql[] = "postgresql://";
    if (strncmp(text, sqlite, strlen(sqlite)) == 0)
        return is_path(text + strlen(sqlite));
    return strncmp(text, postgresql, strlen(postgresql)) == 0 &&
           is_postgresql(text + strlen(postgresql));
}

/* A name as Debian takes it, or a number. */
static bool is_user(const char *text)
{
    size_t len = strnlen(text, USER_MAX + 1);
    if (len == 0 || len > USER_MAX || text[0] == '-')
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* RFC 5322 3.6.8: ftext; here letters, digits and hyphens. */
static bool is_header(const char *text)
{
    size_t len = strnlen(text, HEADER_MAX + 1);
    return len > 0 && len <= HEADER_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

/* RFC 5321 4.1.2: a dot-string of at most 64 at a host. */
static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at - text > 64 || !is_host(at + 1))
        return false;
    size_t len = (size_t)(at - text);
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        ".!#$%&'*+-/=?^_`{|}~") == len;
}

/* An address, or a network with the length of its prefix. */
static bool is_peer(const char *text)
{
    char host[PST_CONFIG_HOST_SIZE];
    size_t len = strcspn(text, "/");
    unsigned char binary[sizeof(struct in6_addr)];
    if (len >= sizeof host)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    bool is_v4 = inet_pton(AF_INET, host, binary) == 1;
    if (!is_v4 && inet_pton(AF_INET6, host, binary) != 1)
        return false;
    int64_t prefix = 0;
    return text[len] == '\0' || (number_parse(text + len + 1, counts, &prefix) == PST_OK &&
                                 prefix <= (is_v4 ? 32 : 128));
}

/* Where a value goes. */

static enum pst_err replace(char **at, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return PST_ERR_NOMEM;
    free(*at);
    *at = copy;
    return PST_OK;
}

/* "credential:NAME": a file that systemd lends (systemd.exec(5), LoadCredential=). */
static enum pst_err set_credential(const char *name, char **at)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || !is_path(folder) || name[0] == '\0' || name[0] == '.' ||
        strchr(name, '/') != NULL)
        return PST_ERR_SYNTAX;
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return PST_ERR_NOMEM;
    free(*at);
    *at = path;
    return PST_OK;
}

static enum pst_err set_file(const char *text, char **at)
{
    static const char prefix[] = "credential:";
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        return set_credential(text + strlen(prefix), at);
    return is_path(text) ? replace(at, text) : PST_ERR_SYNTAX;
}

static enum pst_err set_string(const struct pst_setting *setting, const char *text, void *at)
{
    static bool (*const valid[PST_VALUE__MAX])(const char *) = {
        [PST_VALUE_TEXT] = is_text,   [PST_VALUE_HOST] = is_host, [PST_VALUE_STORE] = is_store,
        [PST_VALUE_FOLDER] = is_path, [PST_VALUE_USER] = is_user, [PST_VALUE_HEADER] = is_header,
        [PST_VALUE_EMAIL] = is_email,
    };
    if (setting->kind == PST_VALUE_FILE || setting->kind == PST_VALUE_PATH)
        return set_file(text, (char **)at);
    return valid[setting->kind](text) ? replace((char **)at, text) : PST_ERR_SYNTAX;
}

static const struct unit *units_of(enum pst_value_kind kind)
{
    return kind == PST_VALUE_TIME ? times : kind == PST_VALUE_SIZE ? sizes : counts;
}

static enum pst_err set_number(const struct pst_setting *setting, const char *text, void *at)
{
    const struct unit *units = units_of(setting->kind);
    int64_t value = 0;
    int64_t least = 0;
    int64_t most = 0;
    enum pst_err r = number_parse(text, units, &value);
    if (r != PST_OK)
        return r;
    if (number_parse(setting->least, units, &least) != PST_OK ||
        number_parse(setting->most, units, &most) != PST_OK)
        return PST_ERR_INTERNAL;
    if (value < least || value > most)
        return PST_ERR_INVALID;
    *(int64_t *)at = value;
    return PST_OK;
}

static enum pst_err set_switch(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    *(bool *)at = strcmp(text, "true") == 0;
    return PST_OK;
}

static enum pst_err set_tls(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    if (strcmp(text, "1.3") == 0)
        *(enum pst_config_tls *)at = PST_CONFIG_TLS_1_3;
    else if (strcmp(text, "1.2") == 0)
        *(enum pst_config_tls *)at = PST_CONFIG_TLS_1_2;
    else
        return PST_ERR_SYNTAX;
    return PST_OK;
}

static enum pst_err set_relay_tls(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    if (strcmp(text, "starttls") == 0)
        *(enum pst_config_relay_tls *)at = PST_CONFIG_RELAY_STARTTLS;
    else if (strcmp(text, "implicit") == 0)
        *(enum pst_config_relay_tls *)at = PST_CONFIG_RELAY_IMPLICIT;
    else
        return PST_ERR_SYNTAX;
    return PST_OK;
}

static enum pst_err set_level(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    return pst_log_level_parse(text, (enum pst_log_level *)at);
}

static enum pst_err add_listen(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    struct pst_config_listen *listen = (struct pst_config_listen *)at;
    if (listen->count == PST_CONFIG_LISTEN_MAX)
        return PST_ERR_TOO_LONG;
    enum pst_err r = pst_config_address_parse(text, &listen->at[listen->count]);
    if (r == PST_OK)
        listen->count++;
    return r;
}

static enum pst_err add_peer(const struct pst_setting *setting, const char *text, void *at)
{
    (void)setting;
    struct pst_config_peers *peers = (struct pst_config_peers *)at;
    if (peers->count == PST_CONFIG_PEERS_MAX)
        return PST_ERR_TOO_LONG;
    if (!is_peer(text))
        return PST_ERR_SYNTAX;
    enum pst_err r = replace(&peers->at[peers->count], text);
    if (r == PST_OK)
        peers->count++;
    return r;
}

static const struct {
    enum pst_value_form form;
    enum pst_err (*set)(const struct pst_setting *setting, const char *text, void *at);
    const char *expected;
} kinds[PST_VALUE__MAX] = {
    [PST_VALUE_TEXT] = {PST_VALUE_FORM_STRING, set_string, "a text of one line, in quotes"},
    [PST_VALUE_HOST] = {PST_VALUE_FORM_STRING, set_string,
                        "a host name in lower case, such as \"messages.clinic.example\""},
    [PST_VALUE_STORE] = {PST_VALUE_FORM_STRING, set_string,
                         "\"sqlite:/absolute/path\" or \"postgresql://user@host/database\", "
                         "without a password"},
    [PST_VALUE_FOLDER] = {PST_VALUE_FORM_STRING, set_string,
                          "the absolute path of a folder that exists"},
    [PST_VALUE_FILE] = {PST_VALUE_FORM_STRING, set_string,
                        "the absolute path of a file that exists, or \"credential:NAME\""},
    [PST_VALUE_PATH] = {PST_VALUE_FORM_STRING, set_string,
                        "an absolute path, or \"credential:NAME\""},
    [PST_VALUE_USER] = {PST_VALUE_FORM_STRING, set_string,
                        "a name of lower-case letters, digits, - and _, or a number, in quotes"},
    [PST_VALUE_HEADER] = {PST_VALUE_FORM_STRING, set_string,
                          "the name of a header field, such as \"X-Practice-Secret\""},
    [PST_VALUE_EMAIL] = {PST_VALUE_FORM_STRING, set_string,
                         "an address, such as \"portal@clinic.example\""},
    [PST_VALUE_TIME] = {PST_VALUE_FORM_STRING, set_number,
                        "a time with its unit (ms, s, min, h, d, w, y), such as \"15min\""},
    [PST_VALUE_SIZE] = {PST_VALUE_FORM_STRING, set_number,
                        "a size with its unit (b, kb, mb, gb), such as \"25mb\""},
    [PST_VALUE_COUNT] = {PST_VALUE_FORM_NUMBER, set_number, "a whole number"},
    [PST_VALUE_SWITCH] = {PST_VALUE_FORM_SWITCH, set_switch, "true or false"},
    [PST_VALUE_TLS] = {PST_VALUE_FORM_STRING, set_tls, "\"1.3\" or \"1.2\""},
    [PST_VALUE_RELAY_TLS] = {PST_VALUE_FORM_STRING, set_relay_tls, "\"starttls\" or \"implicit\""},
    [PST_VALUE_LEVEL] = {PST_VALUE_FORM_STRING, set_level,
                         "\"debug\", \"info\", \"warn\" or \"error\""},
    [PST_VALUE_LISTEN] = {PST_VALUE_FORM_LIST, add_listen,
                          "a list of addresses with ports, such as [\"[::]:443\", "
                          "\"192.0.2.1:443\"], 8 at most"},
    [PST_VALUE_PEERS] = {PST_VALUE_FORM_LIST, add_peer,
                         "a list of addresses or networks, such as [\"192.0.2.0/24\"], 64 at "
                         "most"},
};

enum pst_value_form pst_value_form(enum pst_value_kind kind)
{
    return kinds[kind].form;
}

const char *pst_value_expected(enum pst_value_kind kind)
{
    return kinds[kind].expected;
}

enum pst_err pst_value_set(const struct pst_setting *setting, const char *text,
                           struct pst_config *config)
{
    return kinds[setting->kind].set(setting, text, (unsigned char *)config + setting->offset);
}

char **pst_value_string(const struct pst_setting *setting, struct pst_config *config)
{
    if (kinds[setting->kind].set != set_string)
        return NULL;
    return (char **)(void *)((unsigned char *)config + setting->offset);
}
