/* Request bodies made from options by a table, and answers shown as lists. */
#ifndef POSTERN_CLI_FIELDS_H
#define POSTERN_CLI_FIELDS_H

#include "client/cli/cli.h"
#include "postern/uuid.h"

enum pst_field_kind {
    PST_FIELD_TEXT, /* the option's value */
    PST_FIELD_LIST, /* every value of a repeated option, as a set */
    PST_FIELD_INT,  /* a whole number */
    PST_FIELD_FLAG, /* true when given */
    PST_FIELD_TIME, /* a day becomes its first millisecond; a time stays */
};

struct pst_field {
    const char *option;
    const char *member;
    enum pst_field_kind kind;
};

/* An object of the options that were given; table ended by a NULL option. Given. */
PST_MUST_CHECK enum pst_err pst_fields_body(struct pst_cli *cli, const struct pst_field *fields,
                                            json_t **ret_body);

/*
 * Sign in, send body (borrowed or NULL) to path, print the answer with --json,
 * else the sentence. ret_json may be NULL.
 *   format  of the path, with one %s for id, or without
 */
PST_MUST_CHECK enum pst_err pst_fields_send(struct pst_cli *cli, const char *method,
                                            const char *format, const char *id, const json_t *body,
                                            json_t **ret_json);

/* The first operand, checked to be an id. what: "a patient's id". */
PST_MUST_CHECK enum pst_err pst_fields_id(struct pst_cli *cli, const char *what,
                                          struct pst_uuid *ret_id);

/* One line: the members of item named in names (ended by NULL), two blanks between. */
void pst_fields_print(struct pst_cli *cli, const json_t *item, const char *const *names);

/* Fetch a list, print it whole with --json, else a line an item; "empty" when there is none. */
PST_MUST_CHECK enum pst_err pst_fields_list(struct pst_cli *cli, const char *path,
                                            const char *const *names, const char *empty);

#endif
