/*
 * Lines and numbers of text formats by others, strictly: each has one spelling.
 * Used by notes, checkpoints, proofs. Nothing here allocates.
 */
#ifndef POSTERN_LIB_LINES_H
#define POSTERN_LIB_LINES_H

#include <stdbool.h>

#include "postern/buf.h"

/* Cuts the first line off text; ret_line is without its line feed. PST_ERR_SYNTAX: there is none.
 */
PST_MUST_CHECK enum pst_err pst_line_take(struct pst_bytes *text, struct pst_bytes *ret_line);

/* Does a line begin so? Then ret_rest is what follows. */
bool pst_line_after(struct pst_bytes line, const char *start, struct pst_bytes *ret_rest);

/* ASCII decimal without leading zeros, at most max (9 or more). PST_ERR_SYNTAX. */
PST_MUST_CHECK enum pst_err pst_line_number(struct pst_bytes text, uint64_t max,
                                            uint64_t *ret_number);

#endif
