#include "postern/age.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "age_internal.h"

#define SEALED_CHUNK_BYTES (PST_AGE_CHUNK_BYTES + PST_AGE_TAG_BYTES)

/* Chunks given to the sink at once: fewer calls, and files are written in large pieces. */
#define BATCH_CHUNKS 4
#define BATCH_BYTES ((size_t)BATCH_CHUNKS * SEALED_CHUNK_BYTES)

struct pst_age_sealer {
    struct pst_sink out;
    struct pst_secret *file_key;
    struct age_chunks chunks;
    enum pst_err failed; /* what every further call returns */
    size_t held_len;     /* plaintext held back: it may be the last chunk */
    size_t batch_len;
    uint8_t *held;  /* PST_AGE_CHUNK_BYTES */
    uint8_t *batch; /* BATCH_BYTES */
};

static enum pst_err header_append(const struct pst_age_sealing *sealing,
                                  const struct pst_secret *file_key,
                                  const struct pst_random *random, struct pst_buf *out)
{
    if (sealing->passphrase == NULL)
        return pst_age_header_append(file_key, sealing->recipients, sealing->recipient_count, out);
    if (sealing->recipient_count != 0)
        return PST_ERR_INVALID;
    return age_scrypt_header_append(file_key, sealing->passphrase,
                                    sealing->log_n != 0 ? sealing->log_n : PST_AGE_SCRYPT_LOG_N,
                                    random, out);
}

/* Header and nonce to the sink, and the chunk cipher set up. */
static enum pst_err start(struct pst_age_sealer *sealer, const struct pst_age_sealing *sealing,
                          const struct pst_random *random)
{
    struct pst_buf head = {.max = PST_AGE_HEADER_MAX_BYTES + PST_AGE_NONCE_BYTES};
    uint8_t nonce[PST_AGE_NONCE_BYTES];
    enum pst_err r = header_append(sealing, sealer->file_key, random, &head);
    if (r == PST_OK) {
        pst_random_fill(random, nonce, sizeof nonce);
        r = pst_buf_append(&head, nonce, sizeof nonce);
    }
    if (r == PST_OK)
        r = age_chunks_init(&sealer->chunks, sealer->file_key, nonce, /* sealing= */ true);
    if (r == PST_OK)
        r = sealer->out.write(sealer->out.ctx, pst_buf_bytes(&head));
    pst_buf_free(&head);
    return r;
}

enum pst_err pst_age_sealer_new(const struct pst_age_sealing *sealing, struct pst_sink out,
                                struct pst_age_sealer **ret_sealer)
{
    const struct pst_random *random =
        sealing->random != NULL ? sealing->random : pst_random_system();
    struct pst_age_sealer *sealer = calloc(1, sizeof *sealer);
    if (sealer == NULL)
        return PST_ERR_NOMEM;
    sealer->out = out;
    sealer->held = malloc(PST_AGE_CHUNK_BYTES);
    sealer->batch = malloc(BATCH_BYTES);
    enum pst_err r = sealer->held == NULL || sealer->batch == NULL ? PST_ERR_NOMEM : PST_OK;
    if (r == PST_OK)
        r = pst_secret_new(PST_AGE_FILE_KEY_BYTES, &sealer->file_key);
    if (r == PST_OK) {
        pst_random_fill(random, pst_secret_mut(sealer->file_key), PST_AGE_FILE_KEY_BYTES);
        r = start(sealer, sealing, random);
    }
    if (r == PST_OK)
        *ret_sealer = sealer;
    else
        pst_age_sealer_free(&sealer);
    return r;
}

static enum pst_err flush(struct pst_age_sealer *sealer)
{
    size_t len = sealer->batch_len;
    sealer->batch_len = 0;
    return len == 0 ? PST_OK : sealer->out.write(sealer->out.ctx, pst_bytes(sealer->batch, len));
}

static enum pst_err seal_chunk(struct pst_age_sealer *sealer, const uint8_t *plaintext, size_t len,
                               bool last)
{
    enum pst_err r = PST_OK;
    if (BATCH_BYTES - sealer->batch_len < SEALED_CHUNK_BYTES)
        r = flush(sealer);
    if (r == PST_OK)
        r = age_chunk_seal(&sealer->chunks, plaintext, len, last,
                           sealer->batch + sealer->batch_len);
    if (r == PST_OK)
        sealer->batch_len += len + PST_AGE_TAG_BYTES;
    return r;
}

/* Adds to what is held back, up to a chunk; returns how much it took. */
static size_t hold(struct pst_age_sealer *sealer, struct pst_bytes plaintext)
{
    size_t room = PST_AGE_CHUNK_BYTES - sealer->held_len;
    size_t len = plaintext.len < room ? plaintext.len : room;
    memcpy(sealer->held + sealer->held_len, plaintext.ptr, len);
    sealer->held_len += len;
    return len;
}

/* A chunk is sealed only when more plaintext follows: else it may be the last. */
static enum pst_err seal_some(struct pst_age_sealer *sealer, struct pst_bytes plaintext)
{
    enum pst_err r = PST_OK;
    while (r == PST_OK && plaintext.len > 0) {
        size_t used = 0;
        if (sealer->held_len == PST_AGE_CHUNK_BYTES) {
            r = seal_chunk(sealer, sealer->held, PST_AGE_CHUNK_BYTES, /* last= */ false);
            sealer->held_len = 0;
        } else if (sealer->held_len == 0 && plaintext.len > PST_AGE_CHUNK_BYTES) {
            r = seal_chunk(sealer, plaintext.ptr, PST_AGE_CHUNK_BYTES, /* last= */ false);
            used = PST_AGE_CHUNK_BYTES;
        } else {
            used = hold(sealer, plaintext);
        }
        plaintext = pst_bytes(plaintext.ptr + used, plaintext.len - used);
    }
    return r == PST_OK ? flush(sealer) : r;
}

enum pst_err pst_age_sealer_update(struct pst_age_sealer *sealer, struct pst_bytes plaintext)
{
    if (sealer->failed == PST_OK)
        sealer->failed = seal_some(sealer, plaintext);
    return sealer->failed;
}

enum pst_err pst_age_sealer_finish(struct pst_age_sealer *sealer)
{
    if (sealer->failed != PST_OK)
        return sealer->failed;
    enum pst_err r = seal_chunk(sealer, sealer->held, sealer->held_len, /* last= */ true);
    if (r == PST_OK)
        r = flush(sealer);
    sealer->failed = r == PST_OK ? PST_ERR_INVALID : r; /* nothing comes after the end */
    return r;
}

const struct pst_secret *pst_age_sealer_file_key(const struct pst_age_sealer *sealer)
{
    return sealer->file_key;
}

void pst_age_sealer_free(struct pst_age_sealer **sealer)
{
    struct pst_age_sealer *s = sealer == NULL ? NULL : *sealer;
    if (s == NULL)
        return;
    if (s->held != NULL)
        sodium_memzero(s->held, PST_AGE_CHUNK_BYTES);
    free(s->held);
    free(s->batch);
    age_chunks_free(&s->chunks);
    pst_secret_free(&s->file_key);
    free(s);
    *sealer = NULL;
}

enum pst_err pst_age_seal_buf(const struct pst_age_sealing *sealing, struct pst_bytes plaintext,
                              struct pst_buf *out, struct pst_secret **ret_file_key)
{
    struct pst_age_sealer *sealer = NULL;
    size_t start_len = out->len;
    enum pst_err r = pst_age_sealer_new(sealing, pst_sink_buf(out), &sealer);
    if (r == PST_OK)
        r = pst_age_sealer_update(sealer, plaintext);
    if (r == PST_OK)
        r = pst_age_sealer_finish(sealer);
    if (r == PST_OK && ret_file_key != NULL) {
        *ret_file_key = sealer->file_key;
        sealer->file_key = NULL;
    }
    if (r != PST_OK)
        pst_buf_truncate(out, start_len);
    pst_age_sealer_free(&sealer);
    return r;
}
