/* Ledger events: what parses writes back to the same line. */
#include "postern/event.h"

#include "fuzz.h"
#include "postern/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_event event;
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    if (pst_event_parse(pst_bytes(data, len), &event) != PST_OK)
        return 0;
    HOLDS(pst_event_write(&event, &line) == PST_OK);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&line), pst_bytes(data, len)));
    return 0;
}
