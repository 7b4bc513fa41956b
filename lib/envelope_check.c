/*
 * The streaming half of envelope.h. Bytes pass through three stages: head, age
 * header, payload; the first two are gathered in bounded buffers, of the payload
 * only what pst_looks_plain looks at.
 */
#include <stdlib.h>
#include <string.h>

#include "postern/age_header.h"
#include "postern/cleanup.h"
#include "postern/envelope.h"

/*
 * An X25519 stanza is 96 bytes; intro and MAC line are 72. Anything longer has
 * other stanzas or more than PST_ENVELOPE_KEYS_MAX, and is refused either way.
 */
#define AGE_HEADER_MAX_BYTES ((size_t)(PST_ENVELOPE_KEYS_MAX + 2) * 100)

enum stage { STAGE_HEAD, STAGE_AGE_HEADER, STAGE_PAYLOAD };

struct pst_envelope_check {
    enum stage stage;
    enum pst_envelope_flaw flaw;
    struct pst_buf head_bytes;
    struct pst_buf age_header;
    struct pst_envelope_head head;
    struct pst_age_header_parser age_parser;
    uint8_t look[PST_PLAIN_LOOK_BYTES];
    size_t look_len;
    bool looked;
    uint64_t size;     /* of the envelope so far */
    uint64_t age_size; /* of the age file so far */
    struct pst_sha256_stream *whole;
    struct pst_sha256_stream *age;
};

static const char *const flaw_texts[PST_ENVELOPE__MAX] = {
    [PST_ENVELOPE_OK] = "sealed as its header says",
    [PST_ENVELOPE_HEAD] = "the first three lines are not those of an envelope",
    [PST_ENVELOPE_TOO_LARGE] = "larger than the limit",
    [PST_ENVELOPE_AGE] = "what follows the header is not an age file for X25519 keys",
    [PST_ENVELOPE_STANZAS] = "sealed to another number of keys than the header says",
    [PST_ENVELOPE_PLAIN] = "the payload is readable, not encrypted",
    [PST_ENVELOPE_LENGTH] = "the length is not what the header says, or not possible",
    [PST_ENVELOPE_SHA256] = "the SHA-256 is not what the header says",
    [PST_ENVELOPE_FAILED] = "could not be checked",
};

const char *pst_envelope_flaw_text(enum pst_envelope_flaw flaw)
{
    return (unsigned)flaw < PST_ENVELOPE__MAX ? flaw_texts[flaw] : flaw_texts[PST_ENVELOPE_FAILED];
}

enum pst_err pst_envelope_check_new(struct pst_envelope_check **ret_check)
{
    struct pst_envelope_check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return PST_ERR_NOMEM;
    pst_buf_init(&check->head_bytes, PST_ENVELOPE_HEAD_MAX_BYTES);
    pst_buf_init(&check->age_header, AGE_HEADER_MAX_BYTES);
    enum pst_err r = pst_sha256_stream_new(&check->whole);
    if (r == PST_OK)
        r = pst_sha256_stream_new(&check->age);
    if (r == PST_OK)
        *ret_check = check;
    else
        pst_envelope_check_free(&check);
    return r;
}

void pst_envelope_check_free(struct pst_envelope_check **check)
{
    if (check == NULL || *check == NULL)
        return;
    pst_buf_free(&(*check)->head_bytes);
    pst_buf_free(&(*check)->age_header);
    pst_sha256_stream_free(&(*check)->whole);
    pst_sha256_stream_free(&(*check)->age);
    free(*check);
    *check = NULL;
}

/* Moves as much of *rest as fits into buf; *ret_taken says how much that was. */
static enum pst_err gather(struct pst_buf *buf, struct pst_bytes rest, size_t *ret_taken)
{
    size_t room = buf->max - buf->len;
    *ret_taken = rest.len < room ? rest.len : room;
    return pst_buf_append(buf, rest.ptr, *ret_taken);
}

/* What was gathered beyond a stage's end goes back to *rest, from whose front it came. */
static void give_back(struct pst_buf *buf, size_t stage_len, size_t taken, struct pst_bytes *rest)
{
    size_t used = taken - (buf->len - stage_len);
    buf->len = stage_len;
    buf->bytes[stage_len] = 0;
    *rest = pst_bytes(rest->ptr + used, rest->len - used);
}

static enum pst_envelope_flaw feed_head(struct pst_envelope_check *check, struct pst_bytes *rest)
{
    size_t taken = 0;
    if (gather(&check->head_bytes, *rest, &taken) != PST_OK)
        return PST_ENVELOPE_FAILED;
    enum pst_err r = pst_envelope_head_parse(pst_buf_bytes(&check->head_bytes), &check->head);
    if (r == PST_ERR_TRUNCATED) {
        *rest = pst_bytes(rest->ptr + taken, rest->len - taken);
        return PST_ENVELOPE_OK;
    }
    if (r != PST_OK)
        return r == PST_ERR_NOMEM ? PST_ENVELOPE_FAILED : PST_ENVELOPE_HEAD;
    give_back(&check->head_bytes, check->head.len, taken, rest);
    check->stage = STAGE_AGE_HEADER;
    uint64_t whole = check->head.len + check->head.header.size;
    return whole > PST_ENVELOPE_MAX_BYTES ? PST_ENVELOPE_TOO_LARGE : PST_ENVELOPE_OK;
}

/* The age header is whole: are there X25519 stanzas alone, as many as keys? */
static enum pst_envelope_flaw judge_age_header(const struct pst_envelope_check *check)
{
    const struct pst_age_header *age = &check->age_parser.header;
    if (age->x25519_count != age->stanza_count)
        return PST_ENVELOPE_AGE;
    return age->stanza_count == check->head.header.keys_count ? PST_ENVELOPE_OK
                                                              : PST_ENVELOPE_STANZAS;
}

static enum pst_envelope_flaw feed_age_header(struct pst_envelope_check *check,
                                              struct pst_bytes *rest)
{
    size_t taken = 0;
    if (gather(&check->age_header, *rest, &taken) != PST_OK)
        return PST_ENVELOPE_FAILED;
    enum pst_err r = pst_age_header_feed(&check->age_parser, pst_buf_bytes(&check->age_header));
    if (r == PST_ERR_TRUNCATED && check->age_header.len < check->age_header.max) {
        *rest = pst_bytes(rest->ptr + taken, rest->len - taken);
        return PST_ENVELOPE_OK;
    }
    if (r != PST_OK)
        return PST_ENVELOPE_AGE;
    give_back(&check->age_header, check->age_parser.header.len, taken, rest);
    check->stage = STAGE_PAYLOAD;
    return judge_age_header(check);
}

static enum pst_envelope_flaw look(struct pst_envelope_check *check)
{
    check->looked = true;
    return pst_looks_plain(pst_bytes(check->look, check->look_len)) ? PST_ENVELOPE_PLAIN
                                                                    : PST_ENVELOPE_OK;
}

static enum pst_envelope_flaw feed_payload(struct pst_envelope_check *check, struct pst_bytes *rest)
{
    size_t room = sizeof check->look - check->look_len;
    size_t len = rest->len < room ? rest->len : room;
    if (len > 0)
        memcpy(check->look + check->look_len, rest->ptr, len);
    check->look_len += len;
    *rest = pst_bytes(NULL, 0);
    if (!check->looked && check->look_len == sizeof check->look)
        return look(check);
    return PST_ENVELOPE_OK;
}

static enum pst_envelope_flaw feed_stage(struct pst_envelope_check *check, struct pst_bytes *rest)
{
    switch (check->stage) {
    case STAGE_HEAD:
        return feed_head(check, rest);
    case STAGE_AGE_HEADER:
        return feed_age_header(check, rest);
    case STAGE_PAYLOAD:
    default:
        return feed_payload(check, rest);
    }
}

/* Hashes what belongs to the age file, then parses on. */
static enum pst_envelope_flaw feed(struct pst_envelope_check *check, struct pst_bytes bytes)
{
    if (bytes.len > PST_ENVELOPE_MAX_BYTES - check->size)
        return PST_ENVELOPE_TOO_LARGE;
    check->size += bytes.len;
    if (pst_sha256_stream_update(check->whole, bytes) != PST_OK)
        return PST_ENVELOPE_FAILED;
    if (check->stage == STAGE_HEAD) {
        enum pst_envelope_flaw flaw = feed_head(check, &bytes);
        if (flaw != PST_ENVELOPE_OK || check->stage == STAGE_HEAD)
            return flaw;
    }
    check->age_size += bytes.len;
    if (check->age_size > check->head.header.size)
        return PST_ENVELOPE_LENGTH;
    if (pst_sha256_stream_update(check->age, bytes) != PST_OK)
        return PST_ENVELOPE_FAILED;
    while (bytes.len > 0) {
        enum pst_envelope_flaw flaw = feed_stage(check, &bytes);
        if (flaw != PST_ENVELOPE_OK)
            return flaw;
    }
    return PST_ENVELOPE_OK;
}

enum pst_envelope_flaw pst_envelope_check_update(struct pst_envelope_check *check,
                                                 struct pst_bytes bytes)
{
    if (check->flaw == PST_ENVELOPE_OK && bytes.len > 0)
        check->flaw = feed(check, bytes);
    return check->flaw;
}

const struct pst_envelope_head *pst_envelope_check_head(const struct pst_envelope_check *check)
{
    return check->stage == STAGE_HEAD ? NULL : &check->head;
}

struct pst_bytes pst_envelope_check_head_bytes(const struct pst_envelope_check *check)
{
    return check->stage == STAGE_HEAD ? pst_bytes(NULL, 0) : pst_buf_bytes(&check->head_bytes);
}

struct pst_bytes pst_envelope_check_age_header(const struct pst_envelope_check *check)
{
    return check->stage == STAGE_PAYLOAD ? pst_buf_bytes(&check->age_header) : pst_bytes(NULL, 0);
}

static enum pst_envelope_flaw judge_end(struct pst_envelope_check *check,
                                        struct pst_envelope_facts *facts)
{
    const struct pst_envelope_header *header = &check->head.header;
    if (check->stage != STAGE_PAYLOAD)
        return check->stage == STAGE_HEAD ? PST_ENVELOPE_HEAD : PST_ENVELOPE_AGE;
    uint64_t payload = check->age_size - check->age_header.len;
    if (!check->looked && look(check) != PST_ENVELOPE_OK)
        return PST_ENVELOPE_PLAIN;
    if (check->age_size != header->size || !pst_age_payload_len_possible(payload))
        return PST_ENVELOPE_LENGTH;
    if (pst_sha256_stream_finish(check->whole, &facts->sha256) != PST_OK ||
        pst_sha256_stream_finish(check->age, &facts->age_sha256) != PST_OK)
        return PST_ENVELOPE_FAILED;
    if (!pst_sha256_equal(&facts->age_sha256, &header->sha256))
        return PST_ENVELOPE_SHA256;
    facts->size = check->size;
    facts->age_header_len = check->age_header.len;
    return PST_ENVELOPE_OK;
}

enum pst_envelope_flaw pst_envelope_check_finish(struct pst_envelope_check *check,
                                                 struct pst_envelope_facts *ret_facts)
{
    struct pst_envelope_facts facts = {0};
    if (check->flaw == PST_ENVELOPE_OK)
        check->flaw = judge_end(check, &facts);
    if (check->flaw == PST_ENVELOPE_OK)
        *ret_facts = facts;
    return check->flaw;
}
