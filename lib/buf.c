#include "postern/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_CAP ((size_t)256)

struct pst_bytes pst_bytes_str(const char *text)
{
    return pst_bytes(text, strlen(text));
}

bool pst_bytes_equal(struct pst_bytes a, struct pst_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

void pst_buf_init(struct pst_buf *buf, size_t max_bytes)
{
    *buf = (struct pst_buf){.max = max_bytes};
}

void pst_buf_free(struct pst_buf *buf)
{
    free(buf->bytes);
    *buf = (struct pst_buf){.max = buf->max};
}

void pst_buf_clear(struct pst_buf *buf)
{
    buf->len = 0;
    if (buf->bytes != NULL)
        buf->bytes[0] = 0;
}

/* Makes cap > len + more, so that a terminator always fits. */
static enum pst_err reserve(struct pst_buf *buf, size_t more)
{
    if (more > buf->max || buf->len > buf->max - more)
        return PST_ERR_TOO_LONG;
    size_t need = buf->len + more;
    if (buf->bytes != NULL && need < buf->cap)
        return PST_OK;
    size_t cap = buf->cap < BUF_FIRST_CAP ? BUF_FIRST_CAP : buf->cap;
    while (cap <= need)
        cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
    uint8_t *bytes = realloc(buf->bytes, cap);
    if (bytes == NULL)
        return PST_ERR_NOMEM;
    buf->bytes = bytes;
    buf->cap = cap;
    return PST_OK;
}

enum pst_err pst_buf_extend(struct pst_buf *buf, size_t len, uint8_t **ret_at)
{
    enum pst_err r = reserve(buf, len);
    if (r != PST_OK)
        return r;
    *ret_at = buf->bytes + buf->len;
    buf->len += len;
    buf->bytes[buf->len] = 0;
    return PST_OK;
}

enum pst_err pst_buf_append(struct pst_buf *buf, const void *ptr, size_t len)
{
    uint8_t *at = NULL;
    enum pst_err r = pst_buf_extend(buf, len, &at);
    if (r == PST_OK && len > 0)
        memcpy(at, ptr, len);
    return r;
}

enum pst_err pst_buf_append_bytes(struct pst_buf *buf, struct pst_bytes bytes)
{
    return pst_buf_append(buf, bytes.ptr, bytes.len);
}

enum pst_err pst_buf_append_str(struct pst_buf *buf, const char *text)
{
    return pst_buf_append(buf, text, strlen(text));
}

enum pst_err pst_buf_append_byte(struct pst_buf *buf, uint8_t byte)
{
    return pst_buf_append(buf, &byte, 1);
}

enum pst_err pst_buf_printf(struct pst_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return PST_ERR_INVALID;
    uint8_t *at = NULL;
    enum pst_err r = pst_buf_extend(buf, (size_t)len, &at);
    if (r != PST_OK)
        return r;
    va_start(args, format);
    (void)vsnprintf((char *)at, (size_t)len + 1, format, args);
    va_end(args);
    return PST_OK;
}

void pst_buf_truncate(struct pst_buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    buf->len = len;
    buf->bytes[len] = 0;
}

void pst_buf_consume(struct pst_buf *buf, size_t len)
{
    if (len > buf->len)
        len = buf->len;
    if (len == 0)
        return;
    memmove(buf->bytes, buf->bytes + len, buf->len - len);
    buf->len -= len;
    buf->bytes[buf->len] = 0;
}

struct pst_bytes pst_buf_bytes(const struct pst_buf *buf)
{
    return pst_bytes(buf->bytes, buf->len);
}

const char *pst_buf_str(const struct pst_buf *buf)
{
    return buf->bytes == NULL ? "" : (const char *)buf->bytes;
}
