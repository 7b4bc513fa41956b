/*
 * The ledger's Merkle tree: RFC 6962 section 2.1 over SHA-256.
 *
 * Roots, inclusion and consistency proofs (RFC 6962 2.1.1 and 2.1.2, checked as
 * RFC 9162 2.1.3.2 and 2.1.4.2 say), and covers: the subtrees beside a range of
 * leaves, from which whoever has those leaves gets the root (range.proof).
 * Nothing here keeps the tree: a struct pst_merkle is its right edge, and a
 * source gives the hashes of whole subtrees, from tiles of 256 or elsewhere.
 * Not for signing or for texts: note.h, checkpoint.h, tlog_proof.h.
 *
 * Any thread; a tree belongs to one at a time. No clock, no input or output.
 */
#ifndef POSTERN_MERKLE_H
#define POSTERN_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "postern/hash.h"

/* Leaves at most: what every store and JSON reader of ours still counts exactly. */
#define PST_MERKLE_SIZE_MAX ((UINT64_C(1) << 53) - 1)
/* Levels of such a tree, leaves included: bits of its size. */
#define PST_MERKLE_LEVELS_MAX 53
/* Hashes of an inclusion or consistency proof at most: one a level and one more. */
#define PST_MERKLE_PROOF_MAX 64
/* Subtrees of a cover at most: sizes rise once to the right and fall once. */
#define PST_MERKLE_COVER_MAX (2 * PST_MERKLE_LEVELS_MAX)

/* tlog-tiles: a tile holds the hashes of 256 neighbours, eight levels of the tree. */
#define PST_MERKLE_TILE_LEVELS 8
#define PST_MERKLE_TILE_WIDTH ((size_t)1 << PST_MERKLE_TILE_LEVELS)

/* SHA-256(0x00 || leaf); SHA-256(0x01 || left || right). PST_ERR_INTERNAL; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_merkle_leaf(struct pst_bytes leaf, struct pst_sha256 *ret_hash);
PST_MUST_CHECK enum pst_err pst_merkle_node(const struct pst_sha256 *left,
                                            const struct pst_sha256 *right,
                                            struct pst_sha256 *ret_hash);

/*
 * The right edge of a tree: all that appending needs. Plain data; a zeroed one
 * is the empty tree.
 */
struct pst_merkle {
    uint64_t size; /* leaves */
    /* edge[level]: where this bit of size is set, the whole subtree of 2^level leaves there. */
    struct pst_sha256 edge[PST_MERKLE_LEVELS_MAX];
};

/* Told of every subtree that an append makes whole, smallest first; what it returns ends it. */
struct pst_merkle_sink {
    /* The hash of the leaves from index * 2^level on, 2^level of them. */
    enum pst_err (*subtree)(void *ctx, unsigned level, uint64_t index,
                            const struct pst_sha256 *hash);
    void *ctx;
};

/*
 * Append one leaf by its hash; or a whole subtree of 2^level leaves, where size
 * is a multiple of that.
 *   sink   told of each subtree that is whole now, the appended one included;
 *          NULL: nobody is
 * PST_OK; PST_ERR_INVALID (level too high or size not a multiple);
 * PST_ERR_TOO_LONG beyond PST_MERKLE_SIZE_MAX; PST_ERR_NOMEM; the sink's. On
 * failure the tree is as before.
 */
PST_MUST_CHECK enum pst_err pst_merkle_append(struct pst_merkle *tree,
                                              const struct pst_sha256 *leaf_hash,
                                              const struct pst_merkle_sink *sink);
PST_MUST_CHECK enum pst_err pst_merkle_append_subtree(struct pst_merkle *tree, unsigned level,
                                                      const struct pst_sha256 *hash,
                                                      const struct pst_merkle_sink *sink);

/* Of the leaves so far; of none, SHA-256 of nothing. PST_ERR_INTERNAL; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_merkle_root(const struct pst_merkle *tree,
                                            struct pst_sha256 *ret_root);

/* Where the hashes of whole subtrees come from. */
struct pst_merkle_source {
    /* As in a sink. Asked only for subtrees within the size that was named. */
    enum pst_err (*subtree)(void *ctx, unsigned level, uint64_t index, struct pst_sha256 *ret_hash);
    void *ctx;
};

/*
 * A source over tiles.
 *   tile   the hashes of tile `index` of tile level `tile_level` (its leaves are
 *          the subtrees of level 8 * tile_level), at least `width` of them;
 *          borrowed until the next call
 */
struct pst_merkle_tiles {
    enum pst_err (*tile)(void *ctx, unsigned tile_level, uint64_t index, size_t width,
                         const struct pst_sha256 **ret_hashes);
    void *ctx;
};

/* tiles: borrowed as long as the source is used. */
struct pst_merkle_source pst_merkle_tiles_source(struct pst_merkle_tiles *tiles);

/*
 * The right edge of the tree of the first size leaves, so that appending and
 * roots go on from there: at most one subtree a level is asked for.
 * PST_OK; PST_ERR_INVALID (size); the source's.
 */
PST_MUST_CHECK enum pst_err pst_merkle_load(const struct pst_merkle_source *source, uint64_t size,
                                            struct pst_merkle *ret_tree);

struct pst_merkle_proof {
    size_t count;
    struct pst_sha256 hashes[PST_MERKLE_PROOF_MAX]; /* from the leaf upwards */
};

/*
 * That the leaf at index is in the tree of the first size leaves.
 * PST_OK; PST_ERR_INVALID unless index < size <= PST_MERKLE_SIZE_MAX; the source's.
 */
PST_MUST_CHECK enum pst_err pst_merkle_inclusion(const struct pst_merkle_source *source,
                                                 uint64_t index, uint64_t size,
                                                 struct pst_merkle_proof *ret_proof);

/* PST_OK; PST_ERR_INVALID unless index < size; PST_ERR_CRYPTO: it proves nothing; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_merkle_inclusion_check(const struct pst_merkle_proof *proof,
                                                       uint64_t index, uint64_t size,
                                                       const struct pst_sha256 *leaf_hash,
                                                       const struct pst_sha256 *root);

/*
 * That the tree of the first `old_size` leaves begins that of the first
 * `size`. Of an empty tree and of the same one the proof is empty.
 * PST_OK; PST_ERR_INVALID unless old_size <= size <= PST_MERKLE_SIZE_MAX; the source's.
 */
PST_MUST_CHECK enum pst_err pst_merkle_consistency(const struct pst_merkle_source *source,
                                                   uint64_t old_size, uint64_t size,
                                                   struct pst_merkle_proof *ret_proof);

/* PST_OK; PST_ERR_INVALID; PST_ERR_CRYPTO: they are not proven to agree; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_merkle_consistency_check(const struct pst_merkle_proof *proof,
                                                         uint64_t old_size, uint64_t size,
                                                         const struct pst_sha256 *old_root,
                                                         const struct pst_sha256 *root);

struct pst_merkle_cover {
    size_t count;
    struct pst_sha256 hashes[PST_MERKLE_COVER_MAX]; /* from left to right */
};

/*
 * The largest aligned subtrees that together are the leaves from `first` to
 * before `end`.
 * PST_OK; PST_ERR_INVALID unless first <= end <= PST_MERKLE_SIZE_MAX; the source's.
 */
PST_MUST_CHECK enum pst_err pst_merkle_cover(const struct pst_merkle_source *source, uint64_t first,
                                             uint64_t end, struct pst_merkle_cover *ret_cover);

/* How many hashes that is; first <= end. */
size_t pst_merkle_cover_count(uint64_t first, uint64_t end);

/*
 * The root of a tree of `size` leaves from the leaves of one range and the
 * covers of both sides. Plain data, for one pass:
 *   begin   before covers [0, first); PST_ERR_INVALID where it has not as many
 *           hashes as that takes, or not first <= end <= size
 *   leaf    the next leaf's hash, from first on; PST_ERR_TOO_LONG beyond end
 *   finish  after covers [end, size); PST_ERR_TRUNCATED where leaves are
 *           missing, PST_ERR_INVALID as above
 * Each also PST_ERR_NOMEM.
 */
struct pst_merkle_range {
    uint64_t first;
    uint64_t end;
    uint64_t size;
    struct pst_merkle tree;
};
PST_MUST_CHECK enum pst_err pst_merkle_range_begin(struct pst_merkle_range *range, uint64_t first,
                                                   uint64_t end, uint64_t size,
                                                   const struct pst_merkle_cover *before);
PST_MUST_CHECK enum pst_err pst_merkle_range_leaf(struct pst_merkle_range *range,
                                                  const struct pst_sha256 *leaf_hash);
PST_MUST_CHECK enum pst_err pst_merkle_range_finish(struct pst_merkle_range *range,
                                                    const struct pst_merkle_cover *after,
                                                    struct pst_sha256 *ret_root);

#endif
