/* Canonical strings, for the two ways of writing JSON (json.c, json_direct.c). */
#ifndef POSTERN_LIB_JSON_TEXT_H
#define POSTERN_LIB_JSON_TEXT_H

#include "postern/buf.h"
#include "postern/err.h"

/*
 * Append text in quotes, escaped as RFC 8785 says.
 *   text  valid UTF-8, borrowed; the caller has checked that
 * PST_ERR_INVALID for a NUL in it; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_json_string_write(const char *text, size_t len,
                                                  struct pst_buf *out);

#endif
