/*
 * Cursors of lists that are sorted by time and id: "<milliseconds>.<id>" of the
 * last item shown. Opaque to clients; any thread.
 */
#ifndef POSTERN_SERVER_WEB_CURSOR_H
#define POSTERN_SERVER_WEB_CURSOR_H

#include <stdint.h>

#include "postern/uuid.h"

struct pst_request;

/* 20 digits, a dot, an id with its terminator. */
#define PST_CURSOR_SIZE (20 + 1 + PST_UUID_TEXT_SIZE)

/* ret_text: PST_CURSOR_SIZE bytes. */
void pst_cursor_write(int64_t at_ms, const struct pst_uuid *id, char *ret_text);

/*
 * Read what a client gave back (may be NULL: the first page, both results are
 * left as they are). Anything else is answered as a bad request: PST_OK then too,
 * as pst_request_bad returns, and pst_request_answered() is true.
 */
PST_MUST_CHECK enum pst_err pst_cursor_read(struct pst_request *request, const char *cursor,
                                            int64_t *ret_at_ms, struct pst_uuid *ret_id);

#endif
