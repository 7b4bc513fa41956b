/*
 * Values of ours as JSON, for answers. Each is given, or NULL without memory:
 * Jansson's json_pack ("o") and json_object_set_new take NULL as a failure, and
 * so does pst_request_json, so nobody needs to look in between. Any thread.
 */
#ifndef POSTERN_SERVER_WEB_ANSWER_H
#define POSTERN_SERVER_WEB_ANSWER_H

#include <jansson.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"

json_t *pst_answer_id(const struct pst_uuid *id);
/* YYYY-MM-DDTHH:MM:SS.mmmZ */
json_t *pst_answer_time(int64_t at_ms);
/* YYYY-MM-DD */
json_t *pst_answer_date(int64_t days);
/* base64url */
json_t *pst_answer_binary(struct pst_bytes bytes);
/* Text that need not be NUL-terminated; must be UTF-8. */
json_t *pst_answer_text(struct pst_bytes text);
/* A mask of enum pst_role as a sorted array of names. */
json_t *pst_answer_roles(uint32_t roles);

#endif
