/*
 * Bytes of known length, and a growing buffer with a fixed maximum.
 *
 * All length arithmetic of Postern stands here; what must be elsewhere is
 * marked UNSAFE with its reason. Not for secrets: those live in secret.h
 * alone. A buffer belongs to one thread at a time.
 */
#ifndef POSTERN_BUF_H
#define POSTERN_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

/* Borrowed bytes; ptr may be NULL when len is 0. Not NUL-terminated. */
struct pst_bytes {
    const uint8_t *ptr;
    size_t len;
};

static inline struct pst_bytes pst_bytes(const void *ptr, size_t len)
{
    return (struct pst_bytes){(const uint8_t *)ptr, len};
}

/* Of a NUL-terminated string, without its terminator. */
struct pst_bytes pst_bytes_str(const char *text);

/* Equal length and content; not for secrets (not constant time). */
bool pst_bytes_equal(struct pst_bytes a, struct pst_bytes b);

/* Fields are for reading; bytes[len] is always 0 once anything was appended. */
struct pst_buf {
    uint8_t *bytes;
    size_t len;
    size_t cap;
    size_t max;
};

/* An empty buffer that never holds more than max_bytes. Allocates nothing. */
void pst_buf_init(struct pst_buf *buf, size_t max_bytes);

/* Frees the bytes and leaves an empty buffer; accepts a zeroed struct. */
void pst_buf_free(struct pst_buf *buf);

/* len = 0; keeps the memory. */
void pst_buf_clear(struct pst_buf *buf);

/*
 * Each appends whole or not at all.
 * Return PST_OK; PST_ERR_TOO_LONG beyond max; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_buf_append(struct pst_buf *buf, const void *ptr, size_t len);
PST_MUST_CHECK enum pst_err pst_buf_append_bytes(struct pst_buf *buf, struct pst_bytes bytes);
PST_MUST_CHECK enum pst_err pst_buf_append_str(struct pst_buf *buf, const char *text);
PST_MUST_CHECK enum pst_err pst_buf_append_byte(struct pst_buf *buf, uint8_t byte);
PST_MUST_CHECK enum pst_err pst_buf_printf(struct pst_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for len more bytes at *ret_at, counted as appended at once. */
PST_MUST_CHECK enum pst_err pst_buf_extend(struct pst_buf *buf, size_t len, uint8_t **ret_at);

/* Shortens it to len bytes, when it holds more; what is cut off is not wiped. */
void pst_buf_truncate(struct pst_buf *buf, size_t len);

/* Drops len bytes (at most buf->len) from the front. */
void pst_buf_consume(struct pst_buf *buf, size_t len);

/* What it holds, borrowed until the next change. */
struct pst_bytes pst_buf_bytes(const struct pst_buf *buf);

/* As a NUL-terminated string, borrowed until the next change; "" when empty. */
const char *pst_buf_str(const struct pst_buf *buf);

#endif
