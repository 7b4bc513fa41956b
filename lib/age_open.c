#include "postern/age.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "age_internal.h"

#define SEALED_CHUNK_BYTES (PST_AGE_CHUNK_BYTES + PST_AGE_TAG_BYTES)

/* Chunks given to the sink at once. */
#define BATCH_CHUNKS 4
#define BATCH_BYTES ((size_t)BATCH_CHUNKS * PST_AGE_CHUNK_BYTES)

struct pst_age_opener {
    struct pst_sink out;
    struct pst_age_keys keys; /* borrowed until the header is complete */
    struct pst_age_header_parser parser;
    struct pst_buf head; /* the header, and until it is complete what follows */
    bool header_done;
    struct pst_secret *file_key;
    size_t nonce_len;
    uint8_t nonce[PST_AGE_NONCE_BYTES];
    struct age_chunks chunks;
    enum pst_err failed; /* what every further call returns */
    size_t held_len;     /* sealed bytes held back: they may be the last chunk */
    size_t batch_len;
    size_t batch_used; /* most that ever was in batch, to be wiped */
    uint8_t *held;     /* SEALED_CHUNK_BYTES */
    uint8_t *batch;    /* BATCH_BYTES */
};

enum pst_err pst_age_opener_new(const struct pst_age_keys *keys, struct pst_sink out,
                                struct pst_age_opener **ret_opener)
{
    struct pst_age_opener *opener = calloc(1, sizeof *opener);
    if (opener == NULL)
        return PST_ERR_NOMEM;
    opener->out = out;
    opener->keys = *keys;
    pst_buf_init(&opener->head, PST_AGE_HEADER_MAX_BYTES);
    opener->held = malloc(SEALED_CHUNK_BYTES);
    opener->batch = malloc(BATCH_BYTES);
    if (opener->held == NULL || opener->batch == NULL) {
        pst_age_opener_free(&opener);
        return PST_ERR_NOMEM;
    }
    *ret_opener = opener;
    return PST_OK;
}

static enum pst_err flush(struct pst_age_opener *opener)
{
    size_t len = opener->batch_len;
    opener->batch_len = 0;
    return len == 0 ? PST_OK : opener->out.write(opener->out.ctx, pst_bytes(opener->batch, len));
}

static enum pst_err open_chunk(struct pst_age_opener *opener, const uint8_t *sealed, size_t len,
                               bool last)
{
    enum pst_err r = PST_OK;
    size_t plain_len = len - PST_AGE_TAG_BYTES;
    if (BATCH_BYTES - opener->batch_len < PST_AGE_CHUNK_BYTES)
        r = flush(opener);
    if (r == PST_OK)
        r = age_chunk_open(&opener->chunks, sealed, len, last, opener->batch + opener->batch_len);
    if (r != PST_OK)
        return r;
    opener->batch_len += plain_len;
    if (opener->batch_used < opener->batch_len)
        opener->batch_used = opener->batch_len;
    return PST_OK;
}

/*
 * A chunk did not verify. If it would with the other flag, it is an honest
 * file with something after its end or cut at a chunk's end; the plaintext is
 * not kept.
 */
static enum pst_err explain(struct pst_age_opener *opener, const uint8_t *sealed, size_t len,
                            bool last)
{
    if (BATCH_BYTES - opener->batch_len < PST_AGE_CHUNK_BYTES && flush(opener) != PST_OK)
        return PST_ERR_CRYPTO;
    uint8_t *scratch = opener->batch + opener->batch_len;
    if (age_chunk_open(&opener->chunks, sealed, len, !last, scratch) != PST_OK)
        return PST_ERR_CRYPTO;
    sodium_memzero(scratch, len - PST_AGE_TAG_BYTES);
    return last ? PST_ERR_TRUNCATED : PST_ERR_TRAILING;
}

/* What verified before goes out also when this chunk does not: it is genuine. */
static enum pst_err open_full_chunk(struct pst_age_opener *opener, const uint8_t *sealed)
{
    enum pst_err r = open_chunk(opener, sealed, SEALED_CHUNK_BYTES, /* last= */ false);
    return r == PST_ERR_CRYPTO ? explain(opener, sealed, SEALED_CHUNK_BYTES, /* last= */ false) : r;
}

static size_t hold(struct pst_age_opener *opener, struct pst_bytes sealed)
{
    size_t room = SEALED_CHUNK_BYTES - opener->held_len;
    size_t len = sealed.len < room ? sealed.len : room;
    memcpy(opener->held + opener->held_len, sealed.ptr, len);
    opener->held_len += len;
    return len;
}

/* A full chunk is opened only when more bytes follow: else it may be the last. */
static enum pst_err payload_update(struct pst_age_opener *opener, struct pst_bytes sealed)
{
    enum pst_err r = PST_OK;
    while (r == PST_OK && sealed.len > 0) {
        size_t used = 0;
        if (opener->held_len == SEALED_CHUNK_BYTES) {
            r = open_full_chunk(opener, opener->held);
            opener->held_len = 0;
        } else if (opener->held_len == 0 && sealed.len > SEALED_CHUNK_BYTES) {
            r = open_full_chunk(opener, sealed.ptr);
            used = SEALED_CHUNK_BYTES;
        } else {
            used = hold(opener, sealed);
        }
        sealed = pst_bytes(sealed.ptr + used, sealed.len - used);
    }
    enum pst_err flushed = flush(opener);
    return r != PST_OK ? r : flushed;
}

/* Takes the payload's nonce off the front; the cipher is set up when it is whole. */
static enum pst_err nonce_update(struct pst_age_opener *opener, struct pst_bytes *file)
{
    size_t room = PST_AGE_NONCE_BYTES - opener->nonce_len;
    size_t len = file->len < room ? file->len : room;
    if (len == 0)
        return PST_OK;
    memcpy(opener->nonce + opener->nonce_len, file->ptr, len);
    opener->nonce_len += len;
    *file = pst_bytes(file->ptr + len, file->len - len);
    if (opener->nonce_len < PST_AGE_NONCE_BYTES)
        return PST_OK;
    return age_chunks_init(&opener->chunks, opener->file_key, opener->nonce, /* sealing= */ false);
}

/* Takes the header's bytes off the front; PST_ERR_TRUNCATED while there is more to come. */
static enum pst_err header_update(struct pst_age_opener *opener, struct pst_bytes *file)
{
    size_t before = opener->head.len, room = PST_AGE_HEADER_MAX_BYTES - before;
    enum pst_err r = pst_buf_append(&opener->head, file->ptr, file->len < room ? file->len : room);
    if (r == PST_OK)
        r = pst_age_header_feed(&opener->parser, pst_buf_bytes(&opener->head));
    if (r != PST_OK)
        return r;
    size_t used = opener->parser.header.len - before;
    *file = pst_bytes(file->ptr + used, file->len - used);
    pst_buf_truncate(&opener->head, opener->parser.header.len);
    r = pst_age_header_unwrap(pst_buf_bytes(&opener->head), &opener->parser.header, &opener->keys,
                              &opener->file_key);
    opener->keys = (struct pst_age_keys){.identities = NULL};
    opener->header_done = r == PST_OK;
    return r;
}

static enum pst_err update(struct pst_age_opener *opener, struct pst_bytes file)
{
    enum pst_err r = PST_OK;
    if (!opener->header_done && file.len > 0)
        r = header_update(opener, &file);
    if (r == PST_ERR_TRUNCATED)
        return PST_OK;
    if (r == PST_OK && opener->header_done)
        r = nonce_update(opener, &file);
    if (r == PST_OK && file.len > 0)
        r = payload_update(opener, file);
    return r;
}

enum pst_err pst_age_opener_update(struct pst_age_opener *opener, struct pst_bytes file)
{
    if (opener->failed == PST_OK)
        opener->failed = update(opener, file);
    return opener->failed;
}

static enum pst_err finish(struct pst_age_opener *opener)
{
    if (opener->chunks.cipher == NULL || opener->held_len < PST_AGE_TAG_BYTES)
        return PST_ERR_TRUNCATED;
    if (opener->held_len == PST_AGE_TAG_BYTES && opener->chunks.counter > 0)
        return PST_ERR_NOT_CANONICAL;
    enum pst_err r = open_chunk(opener, opener->held, opener->held_len, /* last= */ true);
    if (r == PST_ERR_CRYPTO && opener->held_len == SEALED_CHUNK_BYTES)
        r = explain(opener, opener->held, opener->held_len, /* last= */ true);
    enum pst_err flushed = flush(opener);
    return r != PST_OK ? r : flushed;
}

enum pst_err pst_age_opener_finish(struct pst_age_opener *opener)
{
    if (opener->failed != PST_OK)
        return opener->failed;
    enum pst_err r = finish(opener);
    opener->failed = r == PST_OK ? PST_ERR_INVALID : r; /* nothing comes after the end */
    return r;
}

const struct pst_secret *pst_age_opener_file_key(const struct pst_age_opener *opener)
{
    return opener->file_key;
}

struct pst_bytes pst_age_opener_header(const struct pst_age_opener *opener,
                                       struct pst_age_header *ret_header)
{
    if (!opener->header_done)
        return pst_bytes(NULL, 0);
    *ret_header = opener->parser.header;
    return pst_buf_bytes(&opener->head);
}

void pst_age_opener_free(struct pst_age_opener **opener)
{
    struct pst_age_opener *o = opener == NULL ? NULL : *opener;
    if (o == NULL)
        return;
    if (o->batch != NULL)
        sodium_memzero(o->batch, o->batch_used);
    free(o->batch);
    free(o->held);
    pst_buf_free(&o->head);
    age_chunks_free(&o->chunks);
    pst_secret_free(&o->file_key);
    free(o);
    *opener = NULL;
}

enum pst_err pst_age_open_buf(const struct pst_age_keys *keys, struct pst_bytes file,
                              struct pst_buf *out, struct pst_secret **ret_file_key)
{
    struct pst_age_opener *opener = NULL;
    size_t start_len = out->len;
    enum pst_err r = pst_age_opener_new(keys, pst_sink_buf(out), &opener);
    if (r == PST_OK)
        r = pst_age_opener_update(opener, file);
    if (r == PST_OK)
        r = pst_age_opener_finish(opener);
    if (r == PST_OK && ret_file_key != NULL) {
        *ret_file_key = opener->file_key;
        opener->file_key = NULL;
    }
    if (r != PST_OK && out->len > start_len) {
        sodium_memzero(out->bytes + start_len, out->len - start_len);
        pst_buf_truncate(out, start_len);
    }
    pst_age_opener_free(&opener);
    return r;
}
