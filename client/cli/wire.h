/*
 * Values between JSON and structs, for requests and answers.
 */
#ifndef POSTERN_CLI_WIRE_H
#define POSTERN_CLI_WIRE_H

#include <jansson.h>
#include <stdint.h>

#include "client/cli/cli.h"
#include "postern/buf.h"
#include "postern/record.h"
#include "postern/secret.h"
#include "postern/uuid.h"

/* base64url as a JSON string; NULL without memory. */
json_t *pst_wire_bytes(struct pst_bytes bytes);
json_t *pst_wire_secret(const struct pst_secret *secret);
json_t *pst_wire_buf(const struct pst_buf *buf);
/* A time; a UUID; a record's text, which has no NUL. */
json_t *pst_wire_time(int64_t at_ms);
json_t *pst_wire_uuid(const struct pst_uuid *uuid);
json_t *pst_wire_text(const struct pst_buf *buf);

/* Set a member when value is not NULL: for options that were not given. */
void pst_wire_set_text(json_t *object, const char *name, const char *value);

/* A text member; "" when it is absent. Borrowed. */
const char *pst_wire_get(const json_t *object, const char *name);

/* Append what a base64url member stands for. PST_ERR_SYNTAX when it is absent or malformed. */
PST_MUST_CHECK enum pst_err pst_wire_get_bytes(const json_t *object, const char *name,
                                               struct pst_buf *out);
/* Exactly len bytes. */
PST_MUST_CHECK enum pst_err pst_wire_get_exact(const json_t *object, const char *name,
                                               uint8_t *ret_bytes, size_t len);
PST_MUST_CHECK enum pst_err pst_wire_get_uuid(const json_t *object, const char *name,
                                              struct pst_uuid *ret_uuid);

/* An id from the command line; says what is wrong. what: "a patient's id". */
PST_MUST_CHECK enum pst_err pst_wire_read_id(struct pst_cli *cli, const char *text,
                                             const char *what, struct pst_uuid *ret_uuid);

/* An answer that is not as it should be: says so, PST_ERR_SYNTAX and EX_PROTOCOL. */
enum pst_err pst_wire_unexpected(struct pst_cli *cli, const char *what);

/* Print what a command answers: with --json the object, else nothing. */
void pst_wire_result(struct pst_cli *cli, const json_t *json);

/* "%xx" for everything that may not stand in a query. Given. */
char *pst_wire_query(const char *text);

#endif
