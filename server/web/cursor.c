#include "server/web/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/web/request.h"

void pst_cursor_write(int64_t at_ms, const struct pst_uuid *id, char *ret_text)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    (void)snprintf(ret_text, PST_CURSOR_SIZE, "%" PRId64 ".%s", at_ms, text);
}

enum pst_err pst_cursor_read(struct pst_request *request, const char *cursor, int64_t *ret_at_ms,
                             struct pst_uuid *ret_id)
{
    struct pst_uuid id;
    char *end = NULL;
    if (cursor == NULL)
        return PST_OK;
    long long at_ms = strtoll(cursor, &end, 10);
    if (end == cursor || *end != '.' || at_ms < 0 ||
        pst_uuid_parse(end + 1, strlen(end + 1), &id) != PST_OK)
        return pst_request_bad(request, "cursor");
    *ret_at_ms = at_ms;
    *ret_id = id;
    return PST_OK;
}
