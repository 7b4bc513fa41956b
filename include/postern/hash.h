/*
 * SHA-256 (FIPS 180-4), whole and streaming, by OpenSSL, which uses the
 * processor's instructions. Any thread; a stream belongs to one at a time.
 */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"

#define PST_SHA256_BYTES 32

struct pst_sha256 {
    uint8_t bytes[PST_SHA256_BYTES];
};

/* Of all bytes at once. PST_ERR_INTERNAL when OpenSSL fails; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_sha256(struct pst_bytes bytes, struct pst_sha256 *ret_hash);

/* Of several pieces as if they stood side by side, without copying them. The same errors. */
PST_MUST_CHECK enum pst_err pst_sha256_parts(const struct pst_bytes *parts, size_t count,
                                             struct pst_sha256 *ret_hash);

struct pst_sha256_stream;

PST_MUST_CHECK enum pst_err pst_sha256_stream_new(struct pst_sha256_stream **ret_stream);
PST_MUST_CHECK enum pst_err pst_sha256_stream_update(struct pst_sha256_stream *stream,
                                                     struct pst_bytes bytes);

/* The hash of what came so far; the stream then begins anew. */
PST_MUST_CHECK enum pst_err pst_sha256_stream_finish(struct pst_sha256_stream *stream,
                                                     struct pst_sha256 *ret_hash);
void pst_sha256_stream_free(struct pst_sha256_stream **stream);

bool pst_sha256_equal(const struct pst_sha256 *a, const struct pst_sha256 *b);

#endif
