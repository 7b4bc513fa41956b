#include "postern/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * Fetched once: an implicit fetch at every hash costs more than hashing a
 * header does. Kept for the process's life.
 */
static EVP_MD *sha256_md;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    (void)pthread_once(&sha256_once, fetch_sha256);
    return sha256_md;
}

enum pst_err pst_sha256(struct pst_bytes bytes, struct pst_sha256 *ret_hash)
{
    struct pst_sha256 hash = {{0}};
    if (sha256() == NULL || EVP_Digest(bytes.ptr, bytes.len, hash.bytes, NULL, sha256(), NULL) != 1)
        return PST_ERR_INTERNAL;
    *ret_hash = hash;
    return PST_OK;
}

enum pst_err pst_sha256_parts(const struct pst_bytes *parts, size_t count,
                              struct pst_sha256 *ret_hash)
{
    struct pst_sha256 hash = {{0}};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL)
        return PST_ERR_NOMEM;
    bool ok = sha256() != NULL && EVP_DigestInit_ex2(ctx, sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, hash.bytes, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return PST_ERR_INTERNAL;
    *ret_hash = hash;
    return PST_OK;
}

struct pst_sha256_stream {
    EVP_MD_CTX *ctx;
};

enum pst_err pst_sha256_stream_new(struct pst_sha256_stream **ret_stream)
{
    struct pst_sha256_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return PST_ERR_NOMEM;
    stream->ctx = EVP_MD_CTX_new();
    if (stream->ctx == NULL || sha256() == NULL ||
        EVP_DigestInit_ex2(stream->ctx, sha256(), NULL) != 1) {
        pst_sha256_stream_free(&stream);
        return PST_ERR_NOMEM;
    }
    *ret_stream = stream;
    return PST_OK;
}

enum pst_err pst_sha256_stream_update(struct pst_sha256_stream *stream, struct pst_bytes bytes)
{
    return EVP_DigestUpdate(stream->ctx, bytes.ptr, bytes.len) == 1 ? PST_OK : PST_ERR_INTERNAL;
}

enum pst_err pst_sha256_stream_finish(struct pst_sha256_stream *stream, struct pst_sha256 *ret_hash)
{
    struct pst_sha256 hash = {{0}};
    if (EVP_DigestFinal_ex(stream->ctx, hash.bytes, NULL) != 1 ||
        EVP_DigestInit_ex2(stream->ctx, sha256(), NULL) != 1)
        return PST_ERR_INTERNAL;
    *ret_hash = hash;
    return PST_OK;
}

void pst_sha256_stream_free(struct pst_sha256_stream **stream)
{
    if (stream == NULL || *stream == NULL)
        return;
    EVP_MD_CTX_free((*stream)->ctx);
    free(*stream);
    *stream = NULL;
}

bool pst_sha256_equal(const struct pst_sha256 *a, const struct pst_sha256 *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
