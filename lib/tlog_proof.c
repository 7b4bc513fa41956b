#include "postern/tlog_proof.h"

#include <stdbool.h>
#include <string.h>

#include "lines.h"
#include "postern/base64.h"

#define HEAD "c2sp.org/tlog-proof@v1"
#define EXTRA "extra "
#define INDEX "index "

/* What is left to read, and how many lines were. */
struct reader {
    struct pst_bytes rest;
    struct pst_bytes line;
    size_t count;
};

static enum pst_err next(struct reader *reader)
{
    reader->count++;
    return pst_line_take(&reader->rest, &reader->line);
}

static enum pst_err read_head(struct reader *reader)
{
    enum pst_err r = next(reader);
    if (r == PST_OK && !pst_bytes_equal(reader->line, pst_bytes_str(HEAD)))
        r = PST_ERR_SYNTAX;
    return r;
}

/* "extra", if it is there, and "index". */
static enum pst_err read_named(struct reader *reader, struct pst_tlog_proof *proof)
{
    struct pst_bytes value;
    enum pst_err r = next(reader);
    if (r == PST_OK && pst_line_after(reader->line, EXTRA, &value)) {
        r = pst_base64_padded_decode(value, &proof->extra);
        if (r == PST_OK && proof->extra.len == 0)
            r = PST_ERR_SYNTAX;
        if (r == PST_OK)
            r = next(reader);
    }
    if (r == PST_OK && !pst_line_after(reader->line, INDEX, &value))
        r = PST_ERR_SYNTAX;
    /* An index is below a size. */
    return r == PST_OK ? pst_line_number(value, PST_MERKLE_SIZE_MAX - 1, &proof->index) : r;
}

static enum pst_err read_path(struct reader *reader, struct pst_merkle_proof *path)
{
    for (;;) {
        enum pst_err r = next(reader);
        if (r != PST_OK || reader->line.len == 0)
            return r;
        if (path->count == PST_MERKLE_PROOF_MAX)
            return PST_ERR_TOO_LONG;
        r = pst_base64_padded_decode_exact(reader->line, path->hashes[path->count].bytes,
                                           PST_SHA256_BYTES);
        if (r != PST_OK)
            return r;
        path->count++;
    }
}

enum pst_err pst_tlog_proof_parse(struct pst_bytes bytes, struct pst_tlog_proof *ret_proof,
                                  size_t *ret_line)
{
    struct pst_tlog_proof proof = {.extra = {.max = PST_TLOG_PROOF_EXTRA_MAX_BYTES}};
    struct reader reader = {.rest = bytes};
    enum pst_err r = bytes.len <= PST_TLOG_PROOF_MAX_BYTES ? PST_OK : PST_ERR_TOO_LONG;
    if (r == PST_OK)
        r = read_head(&reader);
    if (r == PST_OK)
        r = read_named(&reader, &proof);
    if (r == PST_OK)
        r = read_path(&reader, &proof.path);
    if (r == PST_OK) {
        proof.checkpoint = reader.rest;
        *ret_proof = proof;
        return PST_OK;
    }
    pst_tlog_proof_free(&proof);
    if (ret_line != NULL)
        *ret_line = reader.count > 0 ? reader.count : 1;
    return r;
}

void pst_tlog_proof_free(struct pst_tlog_proof *proof)
{
    pst_buf_free(&proof->extra);
}

static enum pst_err extra_append(struct pst_bytes extra, struct pst_buf *out)
{
    if (extra.len == 0)
        return PST_OK;
    enum pst_err r = pst_buf_append_str(out, EXTRA);
    if (r == PST_OK)
        r = pst_base64_padded_append(out, extra);
    return r == PST_OK ? pst_buf_append_byte(out, '\n') : r;
}

static enum pst_err path_append(const struct pst_merkle_proof *path, struct pst_buf *out)
{
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < path->count; i++) {
        r = pst_base64_padded_append(
            out, pst_bytes(path->hashes[i].bytes, sizeof path->hashes[i].bytes));
        if (r == PST_OK)
            r = pst_buf_append_byte(out, '\n');
    }
    return r;
}

enum pst_err pst_tlog_proof_append(struct pst_bytes extra, uint64_t index,
                                   const struct pst_merkle_proof *path, struct pst_bytes checkpoint,
                                   struct pst_buf *out)
{
    size_t start = out->len;
    if (index >= PST_MERKLE_SIZE_MAX || path->count > PST_MERKLE_PROOF_MAX)
        return PST_ERR_INVALID;
    if (extra.len > PST_TLOG_PROOF_EXTRA_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    enum pst_err r = pst_buf_append_str(out, HEAD "\n");
    if (r == PST_OK)
        r = extra_append(extra, out);
    if (r == PST_OK)
        r = pst_buf_printf(out, INDEX "%llu\n", (unsigned long long)index);
    if (r == PST_OK)
        r = path_append(path, out);
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    if (r == PST_OK)
        r = pst_buf_append_bytes(out, checkpoint);
    if (r == PST_OK && out->len - start > PST_TLOG_PROOF_MAX_BYTES)
        r = PST_ERR_TOO_LONG;
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}
