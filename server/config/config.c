#include "server/config/config.h"

#include <errno.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "server/config/value.h"

/* Where data is when neither data nor an SQLite file says so. */
#define DATA_DEFAULT "/var/lib/postern"

#define NONE ((size_t)-1)

static const struct group {
    const char *name;
    bool required;
    size_t present; /* offset of a bool in struct pst_config, or NONE */
} groups[] = {
#define GROUP(name, required, present) {name, required, present},
#define PRESENT(member) offsetof(struct pst_config, member)
#include "server/config/settings.def"
#undef GROUP
#undef PRESENT
};

static const struct pst_setting settings[] = {
#define SETTING(group, key, kind, required, fallback, least, most, member)                         \
    {group,                                                                                        \
     key,                                                                                          \
     PST_VALUE_##kind,                                                                             \
     required,                                                                                     \
     fallback,                                                                                     \
     least,                                                                                        \
     most,                                                                                         \
     offsetof(struct pst_config, member)},
#include "server/config/settings.def"
#undef SETTING
};

/* A configuration is a few KiB: this bounds what a wrong file costs. */
#define TEXT_MAX_BYTES ((size_t)1 << 20)

#define GROUPS_COUNT (sizeof groups / sizeof groups[0])
#define SETTINGS_COUNT (sizeof settings / sizeof settings[0])

struct reader {
    config_t file;
    const char *path;
    enum pst_config_check check;
    struct pst_config *config;
    struct pst_config_problem *problem;
};

static enum pst_err wrong(struct reader *reader, const config_setting_t *at, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

/* FILE:LINE: and what is wrong there; at NULL: the file's first line. */
static enum pst_err wrong(struct reader *reader, const config_setting_t *at, const char *format,
                          ...)
{
    const char *file = at != NULL ? config_setting_source_file(at) : NULL;
    unsigned line = at != NULL ? config_setting_source_line(at) : 0;
    char *text = reader->problem->text;
    int used = snprintf(text, PST_CONFIG_PROBLEM_SIZE,
                        "%s:%u: ", file != NULL ? file : reader->path, line > 0 ? line : 1);
    if (used < 0 || used >= PST_CONFIG_PROBLEM_SIZE)
        return PST_ERR_CONFIG;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, (size_t)(PST_CONFIG_PROBLEM_SIZE - used), format, args);
    va_end(args);
    return PST_ERR_CONFIG;
}

static const char *dot(const char *group)
{
    return group[0] != '\0' ? "." : "";
}

static const struct pst_setting *setting_find(const char *group, const char *key)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (strcmp(settings[i].group, group) == 0 && strcmp(settings[i].key, key) == 0)
            return &settings[i];
    }
    return NULL;
}

static const struct group *group_find(const char *name)
{
    for (size_t i = 0; i < GROUPS_COUNT; i++) {
        if (strcmp(groups[i].name, name) == 0)
            return &groups[i];
    }
    return NULL;
}

/* Without the member that is asked for, the person needs the list of those there are. */
static enum pst_err unknown(struct reader *reader, const config_setting_t *at, const char *group,
                            const char *key)
{
    PST_BUF struct pst_buf known = {.max = PST_CONFIG_PROBLEM_SIZE};
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (strcmp(settings[i].group, group) == 0 &&
            pst_buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", settings[i].key) != PST_OK)
            break;
    }
    for (size_t i = 0; group[0] == '\0' && i < GROUPS_COUNT; i++) {
        if (pst_buf_printf(&known, ", %s", groups[i].name) != PST_OK)
            break;
    }
    return wrong(reader, at, "%s%s%s: not a setting; expected one of %s", group, dot(group), key,
                 pst_buf_str(&known));
}

static enum pst_err wrong_value(struct reader *reader, const config_setting_t *at,
                                const struct pst_setting *setting)
{
    if (setting->least != NULL)
        return wrong(reader, at, "%s%s%s: expected %s, from %s to %s", setting->group,
                     dot(setting->group), setting->key, pst_value_expected(setting->kind),
                     setting->least, setting->most);
    return wrong(reader, at, "%s%s%s: expected %s", setting->group, dot(setting->group),
                 setting->key, pst_value_expected(setting->kind));
}

static enum pst_err set_text(struct reader *reader, const config_setting_t *at,
                             const struct pst_setting *setting, const char *text)
{
    enum pst_err r = pst_value_set(setting, text, reader->config);
    if (r == PST_OK || r == PST_ERR_NOMEM)
        return r;
    return wrong_value(reader, at, setting);
}

static enum pst_err set_list(struct reader *reader, const config_setting_t *at,
                             const struct pst_setting *setting)
{
    int type = config_setting_type(at);
    int length = config_setting_length(at);
    if ((type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) || length == 0)
        return wrong_value(reader, at, setting);
    for (int i = 0; i < length; i++) {
        const config_setting_t *element = config_setting_get_elem(at, (unsigned)i);
        if (config_setting_type(element) != CONFIG_TYPE_STRING)
            return wrong_value(reader, at, setting);
        enum pst_err r = set_text(reader, at, setting, config_setting_get_string(element));
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err set_number(struct reader *reader, const config_setting_t *at,
                               const struct pst_setting *setting)
{
    int type = config_setting_type(at);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return wrong_value(reader, at, setting);
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", config_setting_get_int64(at));
    return set_text(reader, at, setting, text);
}

static enum pst_err set_value(struct reader *reader, const config_setting_t *at,
                              const struct pst_setting *setting)
{
    int type = config_setting_type(at);
    switch (pst_value_form(setting->kind)) {
    case PST_VALUE_FORM_LIST:
        return set_list(reader, at, setting);
    case PST_VALUE_FORM_NUMBER:
        return set_number(reader, at, setting);
    case PST_VALUE_FORM_SWITCH:
        if (type != CONFIG_TYPE_BOOL)
            return wrong_value(reader, at, setting);
        return set_text(reader, at, setting, config_setting_get_bool(at) ? "true" : "false");
    case PST_VALUE_FORM_STRING:
        if (type != CONFIG_TYPE_STRING)
            return wrong_value(reader, at, setting);
        return set_text(reader, at, setting, config_setting_get_string(at));
    }
    return PST_ERR_INTERNAL;
}

/* That a file is there, as its kind says. */
static enum pst_err check_file(struct reader *reader, const config_setting_t *at,
                               const struct pst_setting *setting)
{
    struct stat found;
    bool folder = setting->kind == PST_VALUE_FOLDER;
    if (reader->check != PST_CONFIG_CHECK_FILES || (!folder && setting->kind != PST_VALUE_FILE))
        return PST_OK;
    const char *path = *pst_value_string(setting, reader->config);
    if (stat(path, &found) != 0)
        return wrong(reader, at, "%s%s%s: %s: %s; expected %s", setting->group, dot(setting->group),
                     setting->key, path, strerror(errno), pst_value_expected(setting->kind));
    if (folder ? !S_ISDIR(found.st_mode) : !S_ISREG(found.st_mode))
        return wrong(reader, at, "%s%s%s: %s is no %s; expected %s", setting->group,
                     dot(setting->group), setting->key, path, folder ? "folder" : "file",
                     pst_value_expected(setting->kind));
    return PST_OK;
}

static enum pst_err read_setting(struct reader *reader, const config_setting_t *at,
                                 const char *group)
{
    const struct pst_setting *setting = setting_find(group, config_setting_name(at));
    if (setting == NULL)
        return unknown(reader, at, group, config_setting_name(at));
    enum pst_err r = set_value(reader, at, setting);
    return r != PST_OK ? r : check_file(reader, at, setting);
}

static enum pst_err read_group(struct reader *reader, const config_setting_t *at,
                               const struct group *group)
{
    if (config_setting_type(at) != CONFIG_TYPE_GROUP)
        return wrong(reader, at, "%s: expected a group, such as %s: { … };", group->name,
                     group->name);
    if (group->present != NONE)
        *(bool *)((unsigned char *)reader->config + group->present) = true;
    for (int i = 0; i < config_setting_length(at); i++) {
        enum pst_err r =
            read_setting(reader, config_setting_get_elem(at, (unsigned)i), group->name);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err read_root(struct reader *reader)
{
    const config_setting_t *root = config_root_setting(&reader->file);
    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *at = config_setting_get_elem(root, (unsigned)i);
        const struct group *group = group_find(config_setting_name(at));
        enum pst_err r =
            group != NULL ? read_group(reader, at, group) : read_setting(reader, at, "");
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

/* What the file did not say: an error where it must, else the default. */
static enum pst_err complete(struct reader *reader, const struct pst_setting *setting)
{
    bool at_top = setting->group[0] == '\0';
    const config_setting_t *group =
        at_top ? config_root_setting(&reader->file) : config_lookup(&reader->file, setting->group);
    if (group != NULL && config_setting_get_member(group, setting->key) != NULL)
        return PST_OK;
    if (setting->required && group != NULL)
        return wrong(reader, at_top ? NULL : group, "%s%s%s: missing; expected %s", setting->group,
                     dot(setting->group), setting->key, pst_value_expected(setting->kind));
    if (setting->fallback == NULL)
        return PST_OK;
    return pst_value_set(setting, setting->fallback, reader->config);
}

static enum pst_err complete_all(struct reader *reader)
{
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        enum pst_err r = complete(reader, &settings[i]);
        if (r != PST_OK)
            return r;
    }
    for (size_t i = 0; i < GROUPS_COUNT; i++) {
        if (groups[i].required && config_lookup(&reader->file, groups[i].name) == NULL)
            return wrong(reader, NULL, "%s: missing; expected a group, such as %s: { … };",
                         groups[i].name, groups[i].name);
    }
    return PST_OK;
}

/* Rules between settings: what each alone cannot tell. */

static bool staff_idle_fits(const struct pst_config *config)
{
    return config->sessions.staff_idle_ms <= config->sessions.staff_absolute_ms;
}

static bool patient_idle_fits(const struct pst_config *config)
{
    return config->sessions.patient_idle_ms <= config->sessions.patient_absolute_ms;
}

/* Hosted services share their addresses: an address alone proves nobody. */
static bool peers_prove_themselves(const struct pst_config *config)
{
    if (!config->inbound.present || config->inbound.client_ca != NULL)
        return true;
    return config->inbound.peers.count > 0 && config->inbound.secret_header != NULL &&
           config->inbound.secret_file != NULL;
}

static bool relay_signs_in_whole(const struct pst_config *config)
{
    return (config->relay.user == NULL) == (config->relay.password_file == NULL);
}

static const struct {
    const char *key;
    bool (*holds)(const struct pst_config *config);
    const char *expected;
} rules[] = {
    {"sessions.staff-idle", staff_idle_fits, "no more than sessions.staff-absolute"},
    {"sessions.patient-idle", patient_idle_fits, "no more than sessions.patient-absolute"},
    {"inbound", peers_prove_themselves,
     "client-ca, or peers with secret-header and secret-file: a mail service must prove itself"},
    {"relay", relay_signs_in_whole, "user and password-file, or neither"},
};

static enum pst_err check_rules(struct reader *reader)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (!rules[i].holds(reader->config))
            return wrong(reader, config_lookup(&reader->file, rules[i].key), "%s: expected %s",
                         rules[i].key, rules[i].expected);
    }
    return PST_OK;
}

/* Where the file said nothing: text and what is appended to it. */
static enum pst_err text_of(char **at, const char *text, const char *rest)
{
    if (*at == NULL && asprintf(at, "%s%s", text, rest) < 0) {
        *at = NULL;
        return PST_ERR_NOMEM;
    }
    return PST_OK;
}

/* The folder of the SQLite file: one data folder, said once. */
static enum pst_err derive_data(struct pst_config *config)
{
    static const char sqlite[] = "sqlite:";
    if (config->data != NULL)
        return PST_OK;
    config->data =
        strdup(strncmp(config->store, sqlite, strlen(sqlite)) == 0 ? config->store + strlen(sqlite)
                                                                   : DATA_DEFAULT "/");
    if (config->data == NULL)
        return PST_ERR_NOMEM;
    char *slash = strrchr(config->data, '/');
    slash[slash == config->data ? 1 : 0] = '\0';
    return PST_OK;
}

static enum pst_err derive(struct pst_config *config)
{
    enum pst_err r = derive_data(config);
    if (r == PST_OK)
        r = text_of(&config->vault_key, config->data, "/vault.key");
    if (r == PST_OK)
        r = text_of(&config->ledger_key, config->data, "/ledger.key");
    if (r == PST_OK)
        r = text_of(&config->practice.name, config->origin, "");
    return r;
}

static enum pst_err read_tree(struct reader *reader)
{
    enum pst_err r = read_root(reader);
    if (r == PST_OK)
        r = complete_all(reader);
    if (r == PST_OK)
        r = check_rules(reader);
    if (r == PST_OK)
        r = derive(reader->config);
    return r;
}

static enum pst_err syntax(struct reader *reader)
{
    const char *file = config_error_file(&reader->file);
    if (config_error_type(&reader->file) == CONFIG_ERR_FILE_IO)
        (void)snprintf(reader->problem->text, PST_CONFIG_PROBLEM_SIZE,
                       "%s:1: cannot be read (%s); expected the configuration file", reader->path,
                       strerror(errno));
    else
        (void)snprintf(reader->problem->text, PST_CONFIG_PROBLEM_SIZE,
                       "%s:%d: %s; expected settings such as name = value; or name: { … };",
                       file != NULL ? file : reader->path, config_error_line(&reader->file),
                       config_error_text(&reader->file));
    return PST_ERR_CONFIG;
}

/* Included files are named from the folder of the file itself. */
static void include_from(struct reader *reader)
{
    PST_FREE char *folder = strdup(reader->path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    if (slash != NULL) {
        *slash = '\0';
        config_set_include_dir(&reader->file, folder);
    }
}

/* text NULL: the file at reader->path. */
static int parse(struct reader *reader, const char *text)
{
    include_from(reader);
    errno = 0;
    return text != NULL ? config_read_string(&reader->file, text)
                        : config_read_file(&reader->file, reader->path);
}

/* text NULL: the file at path. */
static enum pst_err read_all(const char *path, const char *text, enum pst_config_check check,
                             struct pst_config **ret_config, struct pst_config_problem *ret_problem)
{
    struct reader reader = {.path = path, .check = check, .problem = ret_problem};
    (void)snprintf(ret_problem->text, PST_CONFIG_PROBLEM_SIZE, "%s:1: out of memory", path);
    reader.config = (struct pst_config *)calloc(1, sizeof *reader.config);
    if (reader.config == NULL)
        return PST_ERR_NOMEM;
    config_init(&reader.file);
    int parsed = parse(&reader, text);
    enum pst_err r = parsed == CONFIG_TRUE ? read_tree(&reader) : syntax(&reader);
    config_destroy(&reader.file);
    if (r == PST_OK && (reader.config->path = strdup(path)) == NULL)
        r = PST_ERR_NOMEM;
    if (r != PST_OK) {
        pst_config_free(&reader.config);
        return r;
    }
    ret_problem->text[0] = '\0';
    *ret_config = reader.config;
    return PST_OK;
}

enum pst_err pst_config_read(const char *path, enum pst_config_check check,
                             struct pst_config **ret_config, struct pst_config_problem *ret_problem)
{
    return read_all(path, NULL, check, ret_config, ret_problem);
}

static enum pst_err text_of_fd(int fd, struct pst_buf *out)
{
    uint8_t part[4096];
    ssize_t got = 0;
    enum pst_err r = PST_OK;
    /* pread: several processes may hold this open file */
    while (r == PST_OK && (got = pread(fd, part, sizeof part, (off_t)out->len)) > 0)
        r = pst_buf_append(out, part, (size_t)got);
    return r == PST_OK && got < 0 ? PST_ERR_IO : r;
}

enum pst_err pst_config_read_fd(int fd, const char *path, enum pst_config_check check,
                                struct pst_config **ret_config,
                                struct pst_config_problem *ret_problem)
{
    PST_BUF struct pst_buf text = {.max = TEXT_MAX_BYTES};
    enum pst_err r = text_of_fd(fd, &text);
    if (r == PST_OK)
        return read_all(path, pst_buf_str(&text), check, ret_config, ret_problem);
    (void)snprintf(ret_problem->text, PST_CONFIG_PROBLEM_SIZE,
                   "%s:1: cannot be read (%s); expected the configuration file", path,
                   pst_err_text(r));
    return r == PST_ERR_NOMEM ? r : PST_ERR_CONFIG;
}

enum pst_err pst_config_read_text(const char *text, enum pst_config_check check,
                                  struct pst_config **ret_config,
                                  struct pst_config_problem *ret_problem)
{
    return read_all("(text)", text, check, ret_config, ret_problem);
}

void pst_config_free(struct pst_config **config)
{
    if (*config == NULL)
        return;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        char **string = pst_value_string(&settings[i], *config);
        if (string != NULL)
            free(*string);
    }
    for (size_t i = 0; i < (*config)->inbound.peers.count; i++)
        free((*config)->inbound.peers.at[i]);
    free((*config)->path);
    free(*config);
    *config = NULL;
}
