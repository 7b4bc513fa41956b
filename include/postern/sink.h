/*
 * Where a stream's output goes, push style: the stream calls, the caller's
 * function takes. An error it returns stops the stream and comes back from the
 * call that pushed.
 */
#ifndef POSTERN_SINK_H
#define POSTERN_SINK_H

#include "postern/buf.h"

struct pst_sink {
    /* bytes are borrowed for the call alone; never empty. */
    enum pst_err (*write)(void *ctx, struct pst_bytes bytes);
    void *ctx;
};

/* Appends to buf, which is borrowed as long as the sink is used. */
struct pst_sink pst_sink_buf(struct pst_buf *buf);

#endif
