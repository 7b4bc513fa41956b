/*
 * Checkpoints (c2sp.org/tlog-checkpoint): the text of a note that says which
 * root the ledger has at which size.
 *
 *     <origin>\n
 *     <size, decimal>\n
 *     <root, base64>\n
 *     <extension lines>          none in ours
 *
 * Signing and verifying are note.h's. Any thread.
 */
#ifndef POSTERN_CHECKPOINT_H
#define POSTERN_CHECKPOINT_H

#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"

/* As the name of the key that signs it, which is the same. */
#define PST_CHECKPOINT_ORIGIN_MAX_BYTES 300
/* Origin, 16 digits, 44 characters of root; without extensions. */
#define PST_CHECKPOINT_TEXT_MAX_BYTES 384

struct pst_checkpoint {
    struct pst_bytes origin; /* borrowed; not empty */
    uint64_t size;           /* leaves, at most PST_MERKLE_SIZE_MAX */
    struct pst_sha256 root;
    struct pst_bytes extensions; /* borrowed; whole lines, none of them empty */
};

/*
 * Read a note's text, strictly: sizes without leading zeros, canonical base64.
 * PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG: the origin.
 */
PST_MUST_CHECK enum pst_err pst_checkpoint_parse(struct pst_bytes text,
                                                 struct pst_checkpoint *ret_checkpoint);

/*
 * Append that text. PST_ERR_INVALID: what parse would not take;
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM. On failure out is as before.
 */
PST_MUST_CHECK enum pst_err pst_checkpoint_append(const struct pst_checkpoint *checkpoint,
                                                  struct pst_buf *out);

#endif
