/*
 * Jansson's allocator in every program of ours, and json_loadb made safe where
 * memory runs out: Jansson 2.14 then drops characters where its lexer's buffer
 * cannot grow, and reads beyond it. Here the first allocation that fails ends the
 * parse, and what it had made is freed.
 */
#ifndef POSTERN_LIB_JSON_ALLOC_H
#define POSTERN_LIB_JSON_ALLOC_H

#include <jansson.h>

#include "postern/buf.h"

/* json_loadb. NULL with *ret_err PST_ERR_SYNTAX or PST_ERR_NOMEM. Given. */
json_t *pst_json_load(struct pst_bytes text, size_t flags, enum pst_err *ret_err);

/* From here on, whatever Jansson frees in this process is wiped first. */
void pst_json_alloc_wipe(void);

#endif
