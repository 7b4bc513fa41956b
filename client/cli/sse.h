/*
 * Server-sent events as they arrive (WHATWG HTML, 9.2.6), in pieces of any
 * size. What the server never sends (carriage returns alone, retry) is left
 * out; lines and data are bounded. Pure.
 */
#ifndef POSTERN_CLI_SSE_H
#define POSTERN_CLI_SSE_H

#include "postern/buf.h"

/* Longest line, and longest data of one event: far above what we are sent. */
#define PST_SSE_MAX_BYTES ((size_t)16384)
#define PST_SSE_NAME_SIZE 32
#define PST_SSE_ID_SIZE 64

struct pst_sse_event {
    const char *name; /* borrowed for the call; "message" when none was said */
    const char *data; /* its lines, with line feeds between them */
};

struct pst_sse {
    /* Called for each whole event; an error stops the push and comes back from it. */
    enum pst_err (*event)(void *ctx, const struct pst_sse_event *event);
    void *ctx;
    char id[PST_SSE_ID_SIZE]; /* the last that came whole, also by what is no event; "" */
    /* Its own. */
    char next_id[PST_SSE_ID_SIZE]; /* said, by what has not come whole */
    char name[PST_SSE_NAME_SIZE];
    struct pst_buf line;
    struct pst_buf data;
};

void pst_sse_init(struct pst_sse *sse,
                  enum pst_err (*event)(void *ctx, const struct pst_sse_event *event), void *ctx);

/* A new stream begins: half an event is forgotten, the id is not. */
void pst_sse_restart(struct pst_sse *sse);

/* PST_OK; PST_ERR_TOO_LONG; PST_ERR_NOMEM; what event returned. */
PST_MUST_CHECK enum pst_err pst_sse_push(struct pst_sse *sse, struct pst_bytes bytes);

void pst_sse_free(struct pst_sse *sse);

#endif
