/*
 * range.proof (formats.md): that some leaves are all leaves of a range.
 *
 *     postern.range/1\n
 *     first end size\n           end exclusive; size is the checkpoint's
 *     \n
 *     <hash, base64url>\n        the subtrees that cover [0, first)
 *     \n
 *     <hash, base64url>\n        those that cover [end, size)
 *
 * With the leaves, pst_merkle_range_begin and its like give the root. Any thread.
 */
#ifndef POSTERN_RANGE_PROOF_H
#define POSTERN_RANGE_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/merkle.h"

/* First two lines, and two covers of 44 characters a hash. */
#define PST_RANGE_PROOF_MAX_BYTES ((size_t)128 + 2 * PST_MERKLE_COVER_MAX * 44)

struct pst_range_proof {
    uint64_t first;
    uint64_t end;
    uint64_t size;
    struct pst_merkle_cover before;
    struct pst_merkle_cover after;
};

/*
 * Read one, strictly, with as many hashes as its numbers take.
 *   ret_line   on PST_ERR_SYNTAX the line that is wrong, counted from 1; may be NULL
 * PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG.
 */
PST_MUST_CHECK enum pst_err
pst_range_proof_parse(struct pst_bytes text, struct pst_range_proof *ret_proof, size_t *ret_line);

/* Make one. PST_ERR_INVALID unless first <= end <= size <= PST_MERKLE_SIZE_MAX; the source's. */
PST_MUST_CHECK enum pst_err pst_range_proof_make(const struct pst_merkle_source *source,
                                                 uint64_t first, uint64_t end, uint64_t size,
                                                 struct pst_range_proof *ret_proof);

/* Append its text. PST_ERR_TOO_LONG; PST_ERR_NOMEM. On failure out is as before. */
PST_MUST_CHECK enum pst_err pst_range_proof_append(const struct pst_range_proof *proof,
                                                   struct pst_buf *out);

#endif
