/*
 * One value of postern.conf: from its text to its place in struct pst_config.
 * Private to server/config.
 */
#ifndef POSTERN_SERVER_CONFIG_VALUE_H
#define POSTERN_SERVER_CONFIG_VALUE_H

#include "server/config/config.h"

enum pst_value_kind {
    PST_VALUE_TEXT,
    PST_VALUE_HOST,
    PST_VALUE_STORE,
    PST_VALUE_FOLDER,
    PST_VALUE_FILE,
    PST_VALUE_PATH,
    PST_VALUE_USER,
    PST_VALUE_HEADER,
    PST_VALUE_EMAIL,
    PST_VALUE_TIME,
    PST_VALUE_SIZE,
    PST_VALUE_COUNT,
    PST_VALUE_SWITCH,
    PST_VALUE_TLS,
    PST_VALUE_RELAY_TLS,
    PST_VALUE_LEVEL,
    PST_VALUE_LISTEN,
    PST_VALUE_PEERS,
    PST_VALUE__MAX
};

/* How the value stands in the file. */
enum pst_value_form {
    PST_VALUE_FORM_STRING,
    PST_VALUE_FORM_NUMBER,
    PST_VALUE_FORM_SWITCH,
    PST_VALUE_FORM_LIST, /* of strings, each given by itself */
};

struct pst_setting {
    const char *group;
    const char *key;
    enum pst_value_kind kind;
    bool required;
    const char *fallback;
    const char *least;
    const char *most;
    size_t offset; /* in struct pst_config */
};

enum pst_value_form pst_value_form(enum pst_value_kind kind);

/* "a time, such as \"15min\"" and the like: what follows "expected". */
const char *pst_value_expected(enum pst_value_kind kind);

/*
 * text (borrowed) into config at the setting's member; list kinds append.
 * Returns PST_OK; PST_ERR_SYNTAX; PST_ERR_INVALID out of the setting's limits;
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_value_set(const struct pst_setting *setting, const char *text,
                                          struct pst_config *config);

/* The string members: for freeing, and for looking at the files they name. */
char **pst_value_string(const struct pst_setting *setting, struct pst_config *config);

#endif
