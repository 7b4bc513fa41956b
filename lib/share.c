#include "postern/share.h"

#include <libgfshare.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/age_key.h"
#include "postern/base64.h"
#include "postern/hash.h"

#define MAGIC_LINE "postern.share/1"
#define IDENTITY_BYTES 32
#define IDENTITY_TEXT_LEN 43
#define CHECKSUM_BYTES 8
#define CHECKSUM_TEXT_SIZE 12
#define LINES 5

static const char *const problem_texts[PST_SHARE__MAX] = {
    [PST_SHARE_OK] = "The shares fit together.",
    [PST_SHARE_FAILED] = "This could not be done: out of memory, or a number out of range.",
    [PST_SHARE_NOT_SHARE] = "This is not a share of a records key.",
    [PST_SHARE_DAMAGED] = "This share is damaged: its last line does not match the others.",
    [PST_SHARE_MIXED] = "These shares are of different keys, or were made at different times.",
    [PST_SHARE_REPEATED] = "The same share was given twice.",
    [PST_SHARE_TOO_FEW] = "There are too few shares.",
    [PST_SHARE_WRONG] = "These shares do not give the key they name: one of them is wrong.",
};

const char *pst_share_problem_text(enum pst_share_problem problem)
{
    return (unsigned)problem < PST_SHARE__MAX ? problem_texts[problem]
                                              : problem_texts[PST_SHARE_FAILED];
}

/* One share taken apart; bytes live in guarded memory. */
struct share {
    struct pst_share_facts facts;
    struct pst_secret *bytes;
};

/*
 * libgfshare's random source is one global pointer without context. It is used for
 * coefficients, and to overwrite memory whenever a context is freed.
 */
static pthread_mutex_t random_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct pst_random *random_now;

static void fill_random(unsigned char *at, unsigned int len)
{
    pst_random_fill(random_now, at, len);
}

static void random_begin(const struct pst_random *random)
{
    (void)pthread_mutex_lock(&random_lock);
    random_now = random;
    gfshare_fill_rand = fill_random;
}

static void random_end(void)
{
    gfshare_fill_rand = NULL;
    random_now = NULL;
    (void)pthread_mutex_unlock(&random_lock);
}

/* ---- splitting --------------------------------------------------------- */

/* The last line's characters: the first 8 bytes of SHA-256 over the lines before. */
static enum pst_err checksum_of(struct pst_bytes lines, char ret_text[CHECKSUM_TEXT_SIZE])
{
    struct pst_sha256 hash;
    enum pst_err r = pst_sha256(lines, &hash);
    if (r == PST_OK)
        (void)sodium_bin2base64(ret_text, CHECKSUM_TEXT_SIZE, hash.bytes, CHECKSUM_BYTES,
                                sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return r;
}

static enum pst_err write_share(const struct share *share, struct pst_secret **ret_text)
{
    struct pst_secret *text = NULL;
    char key[PST_KEY_ID_TEXT_SIZE];
    char checksum[CHECKSUM_TEXT_SIZE];
    enum pst_err r = pst_secret_new(PST_SHARE_TEXT_MAX_BYTES, &text);
    if (r != PST_OK)
        return r;
    char *at = (char *)pst_secret_mut(text);
    pst_key_id_format(&share->facts.key, key);
    /* UNSAFE: lengths by hand; every part is bounded, together far below the text's size. */
    int len = snprintf(at, PST_SHARE_TEXT_MAX_BYTES, MAGIC_LINE "\n%zu %zu %zu\n%s\n",
                       share->facts.threshold, share->facts.count, share->facts.number, key);
    (void)sodium_bin2base64(at + len, IDENTITY_TEXT_LEN + 1, pst_secret_bytes(share->bytes),
                            IDENTITY_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t lines_len = (size_t)len + IDENTITY_TEXT_LEN + 1;
    at[lines_len - 1] = '\n';
    r = checksum_of(pst_bytes(at, lines_len), checksum);
    if (r == PST_OK) {
        (void)snprintf(at + lines_len, PST_SHARE_TEXT_MAX_BYTES - lines_len, "%s\n", checksum);
        *ret_text = text;
    } else {
        pst_secret_free(&text);
    }
    return r;
}

static enum pst_err write_all(gfshare_ctx *ctx, struct share *share, struct pst_secret **ret_texts)
{
    for (size_t i = 0; i < share->facts.count; i++) {
        share->facts.number = i + 1;
        gfshare_ctx_enc_getshare(ctx, (unsigned char)i, pst_secret_mut(share->bytes));
        enum pst_err r = write_share(share, &ret_texts[i]);
        if (r == PST_OK)
            continue;
        while (i-- > 0)
            pst_secret_free(&ret_texts[i]);
        return r;
    }
    return PST_OK;
}

static enum pst_err split(const struct pst_secret *identity, struct share *share,
                          struct pst_secret **ret_texts)
{
    unsigned char numbers[PST_SHARES_MAX];
    struct pst_secret *copy = NULL;
    for (size_t i = 0; i < share->facts.count; i++)
        numbers[i] = (unsigned char)(i + 1);
    enum pst_err r = pst_secret_copy(identity, &copy);
    if (r != PST_OK)
        return r;
    gfshare_ctx *ctx = gfshare_ctx_init_enc(numbers, (unsigned)share->facts.count,
                                            (unsigned char)share->facts.threshold, IDENTITY_BYTES);
    r = PST_ERR_NOMEM;
    if (ctx != NULL) {
        gfshare_ctx_enc_setsecret(ctx, pst_secret_mut(copy));
        r = write_all(ctx, share, ret_texts);
        gfshare_ctx_free(ctx);
    }
    pst_secret_free(&copy);
    return r;
}

enum pst_err pst_share_split(const struct pst_secret *identity, size_t count, size_t threshold,
                             const struct pst_random *random, struct pst_secret **ret_texts)
{
    struct share share = {.facts = {.threshold = threshold, .count = count}};
    struct pst_age_recipient recipient;
    if (threshold < PST_SHARES_MIN || threshold > count || count > PST_SHARES_MAX)
        return PST_ERR_INVALID;
    enum pst_err r = pst_age_identity_recipient(identity, &recipient);
    if (r == PST_OK)
        r = pst_key_id_of(recipient.bytes, &share.facts.key);
    if (r == PST_OK)
        r = pst_secret_new(IDENTITY_BYTES, &share.bytes);
    if (r != PST_OK)
        return r;
    random_begin(random);
    r = split(identity, &share, ret_texts);
    random_end();
    pst_secret_free(&share.bytes);
    return r;
}

/* ---- reading ----------------------------------------------------------- */

/* Line feeds, perhaps after a carriage return; a missing one at the very end is forgiven. */
static bool take_lines(struct pst_bytes text, struct pst_bytes ret_lines[LINES])
{
    for (size_t i = 0; i < LINES; i++) {
        const uint8_t *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        if (len == 0 || (end == NULL && i + 1 < LINES))
            return false;
        ret_lines[i] = pst_bytes(text.ptr, text.ptr[len - 1] == '\r' ? len - 1 : len);
        size_t used = end == NULL ? len : len + 1;
        text = pst_bytes(text.ptr + used, text.len - used);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\n' && text.ptr[i] != '\r')
            return false;
    }
    return true;
}

/* 1..PST_SHARES_MAX without leading zeros, off the front of *line. */
static bool take_number(struct pst_bytes *line, size_t *ret_number)
{
    size_t number = 0;
    size_t digits = 0;
    while (digits < line->len && line->ptr[digits] >= '0' && line->ptr[digits] <= '9') {
        number = number * 10 + (size_t)(line->ptr[digits] - '0');
        if (++digits > 3)
            return false;
    }
    if (digits == 0 || line->ptr[0] == '0' || number > PST_SHARES_MAX)
        return false;
    bool blank = digits < line->len;
    if (blank && line->ptr[digits] != ' ')
        return false;
    size_t used = digits + (blank ? 1 : 0);
    *line = pst_bytes(line->ptr + used, line->len - used);
    *ret_number = number;
    return true;
}

static bool read_numbers(struct pst_bytes line, struct pst_share_facts *facts)
{
    return take_number(&line, &facts->threshold) && take_number(&line, &facts->count) &&
           take_number(&line, &facts->number) && line.len == 0 &&
           facts->threshold >= PST_SHARES_MIN && facts->threshold <= facts->count &&
           facts->number <= facts->count;
}

/* The checksum is over lines with plain line feeds, however this copy was stored. */
static enum pst_share_problem check_sum(const struct pst_bytes lines[LINES])
{
    struct pst_sha256_stream *stream = NULL;
    struct pst_sha256 hash;
    uint8_t want[CHECKSUM_BYTES];
    enum pst_err r = pst_sha256_stream_new(&stream);
    for (size_t i = 0; r == PST_OK && i + 1 < LINES; i++) {
        r = pst_sha256_stream_update(stream, lines[i]);
        if (r == PST_OK)
            r = pst_sha256_stream_update(stream, pst_bytes("\n", 1));
    }
    if (r == PST_OK)
        r = pst_sha256_stream_finish(stream, &hash);
    pst_sha256_stream_free(&stream);
    if (r != PST_OK)
        return PST_SHARE_FAILED;
    r = pst_base64url_decode_exact(lines[LINES - 1], want, sizeof want);
    bool same = r == PST_OK && memcmp(hash.bytes, want, sizeof want) == 0;
    return same ? PST_SHARE_OK : PST_SHARE_DAMAGED;
}

static enum pst_share_problem read_share(struct pst_bytes text, struct share *share)
{
    struct pst_bytes lines[LINES];
    size_t magic_len = sizeof MAGIC_LINE - 1;
    if (text.len < magic_len || memcmp(text.ptr, MAGIC_LINE, magic_len) != 0)
        return PST_SHARE_NOT_SHARE;
    if (text.len > PST_SHARE_TEXT_MAX_BYTES || !take_lines(text, lines))
        return PST_SHARE_DAMAGED;
    enum pst_share_problem problem = check_sum(lines);
    if (problem != PST_SHARE_OK)
        return problem;
    /* The checksum was right, so what follows is how it was written. */
    if (!pst_bytes_equal(lines[0], pst_bytes_str(MAGIC_LINE)))
        return PST_SHARE_NOT_SHARE;
    if (!read_numbers(lines[1], &share->facts) ||
        pst_key_id_parse((const char *)lines[2].ptr, lines[2].len, &share->facts.key) != PST_OK)
        return PST_SHARE_DAMAGED;
    if (pst_secret_new(IDENTITY_BYTES, &share->bytes) != PST_OK)
        return PST_SHARE_FAILED;
    enum pst_err r =
        pst_base64url_decode_exact(lines[3], pst_secret_mut(share->bytes), IDENTITY_BYTES);
    return r == PST_OK ? PST_SHARE_OK : PST_SHARE_DAMAGED;
}

enum pst_share_problem pst_share_read(struct pst_bytes text, struct pst_share_facts *ret_facts)
{
    struct share share = {0};
    enum pst_share_problem problem = read_share(text, &share);
    pst_secret_free(&share.bytes);
    if (problem == PST_SHARE_OK)
        *ret_facts = share.facts;
    return problem;
}

/* ---- combining --------------------------------------------------------- */

/* Does share number i belong to those before it? */
static enum pst_share_problem fits(const struct share *shares, size_t i)
{
    const struct pst_share_facts *first = &shares[0].facts;
    const struct pst_share_facts *this = &shares[i].facts;
    if (this->threshold != first->threshold || this->count != first->count ||
        !pst_key_id_equal(&this->key, &first->key))
        return PST_SHARE_MIXED;
    for (size_t k = 0; k < i; k++) {
        if (shares[k].facts.number == this->number)
            return PST_SHARE_REPEATED;
    }
    return PST_SHARE_OK;
}

/* False when out of memory. */
static bool interpolate(const struct share *shares, size_t count, struct pst_secret *identity)
{
    unsigned char numbers[PST_SHARES_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        numbers[i] = (unsigned char)shares[i].facts.number;
    random_begin(NULL);
    gfshare_ctx *ctx = gfshare_ctx_init_dec(numbers, (unsigned)count, IDENTITY_BYTES);
    for (size_t i = 0; ctx != NULL && i < count; i++)
        gfshare_ctx_dec_giveshare(ctx, (unsigned char)i, pst_secret_mut(shares[i].bytes));
    if (ctx != NULL) {
        gfshare_ctx_dec_extract(ctx, pst_secret_mut(identity));
        gfshare_ctx_free(ctx);
    }
    random_end();
    return ctx != NULL;
}

/* More than the threshold may be given; the first ones are used. */
static enum pst_share_problem extract(const struct share *shares, size_t count,
                                      struct pst_secret *identity)
{
    struct pst_age_recipient recipient;
    struct pst_key_id id;
    if (!interpolate(shares, count, identity))
        return PST_SHARE_FAILED;
    if (pst_age_identity_recipient(identity, &recipient) != PST_OK ||
        pst_key_id_of(recipient.bytes, &id) != PST_OK)
        return PST_SHARE_FAILED;
    return pst_key_id_equal(&id, &shares[0].facts.key) ? PST_SHARE_OK : PST_SHARE_WRONG;
}

static enum pst_share_problem combine(struct share *shares, const struct pst_bytes *texts,
                                      size_t count, struct pst_secret *identity, size_t *ret_which,
                                      size_t *ret_need)
{
    for (size_t i = 0; i < count; i++) {
        enum pst_share_problem problem = read_share(texts[i], &shares[i]);
        if (problem == PST_SHARE_OK)
            problem = fits(shares, i);
        if (problem != PST_SHARE_OK) {
            *ret_which = i;
            return problem;
        }
    }
    *ret_need = count == 0 ? PST_SHARES_MIN : shares[0].facts.threshold;
    return count < *ret_need ? PST_SHARE_TOO_FEW : extract(shares, *ret_need, identity);
}

enum pst_share_problem pst_share_combine(const struct pst_bytes *texts, size_t count,
                                         struct pst_secret **ret_identity, size_t *ret_which,
                                         size_t *ret_need)
{
    size_t which = 0;
    size_t need = 0;
    struct pst_secret *identity = NULL;
    struct share *shares = NULL;
    if (count > PST_SHARES_MAX)
        return PST_SHARE_FAILED;
    shares = calloc(count + 1, sizeof *shares);
    if (shares == NULL || pst_secret_new(IDENTITY_BYTES, &identity) != PST_OK) {
        free(shares);
        return PST_SHARE_FAILED;
    }
    enum pst_share_problem problem = combine(shares, texts, count, identity, &which, &need);
    for (size_t i = 0; i < count; i++)
        pst_secret_free(&shares[i].bytes);
    free(shares);
    if (ret_which != NULL)
        *ret_which = which;
    if (ret_need != NULL)
        *ret_need = need;
    if (problem == PST_SHARE_OK)
        *ret_identity = identity;
    else
        pst_secret_free(&identity);
    return problem;
}
