#include "postern/range_proof.h"

#include <string.h>

#include "lines.h"
#include "postern/base64.h"
#include "postern/cleanup.h"

#define HEAD "postern.range/1"

/* "first end size". */
static enum pst_err numbers_parse(struct pst_bytes line, struct pst_range_proof *proof)
{
    uint64_t *const numbers[] = {&proof->first, &proof->end, &proof->size};
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < 3; i++) {
        const uint8_t *space = line.len > 0 ? memchr(line.ptr, ' ', line.len) : NULL;
        size_t len = space == NULL ? line.len : (size_t)(space - line.ptr);
        if ((space == NULL) != (i == 2))
            return PST_ERR_SYNTAX;
        r = pst_line_number(pst_bytes(line.ptr, len), PST_MERKLE_SIZE_MAX, numbers[i]);
        if (space != NULL)
            line = pst_bytes(space + 1, line.len - len - 1);
    }
    if (r == PST_OK && (proof->first > proof->end || proof->end > proof->size))
        r = PST_ERR_SYNTAX;
    return r;
}

/* Exactly count lines of one hash. */
static enum pst_err cover_parse(struct pst_bytes *text, size_t count,
                                struct pst_merkle_cover *ret_cover, size_t *line_number)
{
    struct pst_bytes line;
    for (ret_cover->count = 0; ret_cover->count < count; ret_cover->count++) {
        ++*line_number;
        enum pst_err r = pst_line_take(text, &line);
        if (r == PST_OK)
            r = pst_base64url_decode_exact(line, ret_cover->hashes[ret_cover->count].bytes,
                                           PST_SHA256_BYTES);
        if (r != PST_OK)
            return r;
    }
    return PST_OK;
}

static enum pst_err word_parse(struct pst_bytes *text, const char *word, size_t *line_number)
{
    struct pst_bytes line;
    ++*line_number;
    enum pst_err r = pst_line_take(text, &line);
    return r == PST_OK && !pst_bytes_equal(line, pst_bytes_str(word)) ? PST_ERR_SYNTAX : r;
}

static enum pst_err parse(struct pst_bytes text, struct pst_range_proof *proof, size_t *line_number)
{
    struct pst_bytes line;
    enum pst_err r = word_parse(&text, HEAD, line_number);
    if (r != PST_OK)
        return r;
    ++*line_number;
    r = pst_line_take(&text, &line);
    if (r == PST_OK)
        r = numbers_parse(line, proof);
    if (r == PST_OK)
        r = word_parse(&text, "", line_number);
    if (r == PST_OK)
        r = cover_parse(&text, pst_merkle_cover_count(0, proof->first), &proof->before,
                        line_number);
    if (r == PST_OK)
        r = word_parse(&text, "", line_number);
    if (r == PST_OK)
        r = cover_parse(&text, pst_merkle_cover_count(proof->end, proof->size), &proof->after,
                        line_number);
    if (r == PST_OK && text.len > 0) {
        ++*line_number;
        r = PST_ERR_SYNTAX;
    }
    return r;
}

enum pst_err pst_range_proof_parse(struct pst_bytes text, struct pst_range_proof *ret_proof,
                                   size_t *ret_line)
{
    struct pst_range_proof proof;
    size_t line_number = 0;
    if (text.len > PST_RANGE_PROOF_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    enum pst_err r = parse(text, &proof, &line_number);
    if (r == PST_OK)
        *ret_proof = proof;
    else if (ret_line != NULL)
        *ret_line = line_number;
    return r;
}

enum pst_err pst_range_proof_make(const struct pst_merkle_source *source, uint64_t first,
                                  uint64_t end, uint64_t size, struct pst_range_proof *ret_proof)
{
    struct pst_range_proof proof = {.first = first, .end = end, .size = size};
    enum pst_err r = first <= end ? PST_OK : PST_ERR_INVALID;
    if (r == PST_OK)
        r = pst_merkle_cover(source, 0, first, &proof.before);
    if (r == PST_OK)
        r = pst_merkle_cover(source, end, size, &proof.after);
    if (r == PST_OK)
        *ret_proof = proof;
    return r;
}

static enum pst_err cover_append(const struct pst_merkle_cover *cover, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '\n');
    for (size_t i = 0; r == PST_OK && i < cover->count; i++) {
        r = pst_base64url_append(out,
                                 pst_bytes(cover->hashes[i].bytes, sizeof cover->hashes[i].bytes));
        if (r == PST_OK)
            r = pst_buf_append_byte(out, '\n');
    }
    return r;
}

enum pst_err pst_range_proof_append(const struct pst_range_proof *proof, struct pst_buf *out)
{
    size_t start = out->len;
    enum pst_err r =
        pst_buf_printf(out, HEAD "\n%llu %llu %llu\n", (unsigned long long)proof->first,
                       (unsigned long long)proof->end, (unsigned long long)proof->size);
    if (r == PST_OK)
        r = cover_append(&proof->before, out);
    if (r == PST_OK)
        r = cover_append(&proof->after, out);
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}
