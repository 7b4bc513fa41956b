#include "postern/sink.h"

static enum pst_err write_buf(void *ctx, struct pst_bytes bytes)
{
    return pst_buf_append_bytes(ctx, bytes);
}

struct pst_sink pst_sink_buf(struct pst_buf *buf)
{
    return (struct pst_sink){write_buf, buf};
}
