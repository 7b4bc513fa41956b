#include "client/cli/sse.h"

#include <stdio.h>
#include <string.h>

void pst_sse_init(struct pst_sse *sse,
                  enum pst_err (*event)(void *ctx, const struct pst_sse_event *event), void *ctx)
{
    *sse = (struct pst_sse){.event = event, .ctx = ctx};
    pst_buf_init(&sse->line, PST_SSE_MAX_BYTES);
    pst_buf_init(&sse->data, PST_SSE_MAX_BYTES);
}

void pst_sse_restart(struct pst_sse *sse)
{
    sse->name[0] = '\0';
    memcpy(sse->next_id, sse->id, sizeof sse->next_id);
    pst_buf_clear(&sse->line);
    pst_buf_clear(&sse->data);
}

void pst_sse_free(struct pst_sse *sse)
{
    pst_buf_free(&sse->line);
    pst_buf_free(&sse->data);
}

/* An empty line: what was said so far is an event, if it has data. */
static enum pst_err dispatch(struct pst_sse *sse)
{
    enum pst_err r = PST_OK;
    memcpy(sse->id, sse->next_id, sizeof sse->id);
    if (sse->data.len > 0) {
        pst_buf_truncate(&sse->data, sse->data.len - 1);
        struct pst_sse_event event = {.name = sse->name[0] != '\0' ? sse->name : "message",
                                      .data = pst_buf_str(&sse->data)};
        r = sse->event(sse->ctx, &event);
    }
    sse->name[0] = '\0';
    pst_buf_clear(&sse->data);
    return r;
}

static enum pst_err field(struct pst_sse *sse, const char *name, const char *value)
{
    if (strcmp(name, "event") == 0)
        (void)snprintf(sse->name, sizeof sse->name, "%s", value);
    else if (strcmp(name, "id") == 0 && strlen(value) < sizeof sse->next_id)
        (void)snprintf(sse->next_id, sizeof sse->next_id, "%s", value);
    if (strcmp(name, "data") != 0)
        return PST_OK;
    enum pst_err r = pst_buf_append_str(&sse->data, value);
    return r == PST_OK ? pst_buf_append_byte(&sse->data, '\n') : r;
}

/* A line that begins with a colon says nothing. */
static enum pst_err take_line(struct pst_sse *sse, char *line)
{
    if (line[0] == '\0')
        return dispatch(sse);
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return field(sse, line, "");
    *colon = '\0';
    return field(sse, line, colon[1] == ' ' ? colon + 2 : colon + 1);
}

static enum pst_err end_line(struct pst_sse *sse)
{
    if (sse->line.len > 0 && sse->line.bytes[sse->line.len - 1] == '\r')
        pst_buf_truncate(&sse->line, sse->line.len - 1);
    enum pst_err r = pst_buf_append_byte(&sse->line, '\0');
    if (r == PST_OK)
        r = take_line(sse, (char *)sse->line.bytes);
    pst_buf_clear(&sse->line);
    return r;
}

enum pst_err pst_sse_push(struct pst_sse *sse, struct pst_bytes bytes)
{
    enum pst_err r = PST_OK;
    while (r == PST_OK && bytes.len > 0) {
        const uint8_t *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t part = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
        r = pst_buf_append(&sse->line, bytes.ptr, part);
        if (r == PST_OK && end != NULL)
            r = end_line(sse);
        part += end != NULL ? 1 : 0;
        bytes.ptr += part;
        bytes.len -= part;
    }
    return r;
}
