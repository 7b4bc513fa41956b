#include "server/door/plain.h"

#include <string.h>

#include "postern/cleanup.h"
#include "postern/refusal.h"

/* RFC 8446 5.1: ContentType handshake, then the legacy version's major. */
#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR 0x03

static bool is_method_letter(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
}

enum pst_door_speech pst_door_speech(struct pst_bytes first)
{
    if (first.len == 0)
        return PST_DOOR_SPEECH_UNKNOWN;
    if (first.ptr[0] == TLS_HANDSHAKE) {
        if (first.len == 1)
            return PST_DOOR_SPEECH_UNKNOWN;
        return first.ptr[1] == TLS_MAJOR ? PST_DOOR_SPEECH_TLS : PST_DOOR_SPEECH_OTHER;
    }
    size_t len = 0;
    while (len < first.len && is_method_letter(first.ptr[len]))
        len++;
    if (len > PST_DOOR_METHOD_MAX)
        return PST_DOOR_SPEECH_OTHER;
    if (len == first.len)
        return PST_DOOR_SPEECH_UNKNOWN;
    return len > 0 && first.ptr[len] == ' ' ? PST_DOOR_SPEECH_HTTP : PST_DOOR_SPEECH_OTHER;
}

enum pst_err pst_door_plain_answer(struct pst_buf *answer)
{
    PST_JSON json_t *problem = NULL;
    enum pst_err r =
        pst_refusal_json(PST_REFUSAL_TLS_REQUIRED, PST_VIEWER_STRANGER, NULL, &problem);
    if (r != PST_OK)
        return r;
    PST_FREE char *body = json_dumps(problem, JSON_COMPACT);
    if (body == NULL)
        return PST_ERR_NOMEM;
    /* RFC 9110 15.5.22: a 426 names what to upgrade to. */
    return pst_buf_printf(answer,
                          "HTTP/1.1 426 Upgrade Required\r\n"
                          "Upgrade: TLS/1.3, HTTP/1.1\r\n"
                          "Connection: Upgrade, close\r\n"
                          "Content-Type: application/problem+json\r\n"
                          "Cache-Control: no-store\r\n"
                          "Content-Length: %zu\r\n\r\n%s\n",
                          strlen(body) + 1, body);
}
