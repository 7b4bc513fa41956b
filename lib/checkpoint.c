#include "postern/checkpoint.h"

#include <string.h>

#include "lines.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/merkle.h"

/* Whole lines that say something; the note's reader has looked at the characters. */
static bool are_extensions(struct pst_bytes rest)
{
    while (rest.len > 0) {
        struct pst_bytes line;
        if (pst_line_take(&rest, &line) != PST_OK || line.len == 0)
            return false;
    }
    return true;
}

enum pst_err pst_checkpoint_parse(struct pst_bytes text, struct pst_checkpoint *ret_checkpoint)
{
    struct pst_checkpoint checkpoint = {.size = 0};
    struct pst_bytes size;
    struct pst_bytes root;
    enum pst_err r = pst_line_take(&text, &checkpoint.origin);
    if (r == PST_OK)
        r = pst_line_take(&text, &size);
    if (r == PST_OK)
        r = pst_line_take(&text, &root);
    if (r == PST_OK && checkpoint.origin.len > PST_CHECKPOINT_ORIGIN_MAX_BYTES)
        r = PST_ERR_TOO_LONG;
    if (r == PST_OK && (checkpoint.origin.len == 0 || !are_extensions(text)))
        r = PST_ERR_SYNTAX;
    if (r == PST_OK)
        r = pst_line_number(size, PST_MERKLE_SIZE_MAX, &checkpoint.size);
    if (r == PST_OK)
        r = pst_base64_padded_decode_exact(root, checkpoint.root.bytes,
                                           sizeof checkpoint.root.bytes);
    if (r != PST_OK)
        return r;
    checkpoint.extensions = text;
    *ret_checkpoint = checkpoint;
    return PST_OK;
}

enum pst_err pst_checkpoint_append(const struct pst_checkpoint *checkpoint, struct pst_buf *out)
{
    size_t start = out->len;
    struct pst_checkpoint again;
    enum pst_err r = pst_buf_append_bytes(out, checkpoint->origin);
    if (r == PST_OK)
        r = pst_buf_printf(out, "\n%llu\n", (unsigned long long)checkpoint->size);
    if (r == PST_OK)
        r = pst_base64_padded_append(
            out, pst_bytes(checkpoint->root.bytes, sizeof checkpoint->root.bytes));
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    if (r == PST_OK)
        r = pst_buf_append_bytes(out, checkpoint->extensions);
    /* A line feed in the origin would move every line after it. */
    if (r == PST_OK &&
        (pst_checkpoint_parse(pst_bytes(out->bytes + start, out->len - start), &again) != PST_OK ||
         !pst_bytes_equal(again.origin, checkpoint->origin) || again.size != checkpoint->size))
        r = PST_ERR_INVALID;
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}
