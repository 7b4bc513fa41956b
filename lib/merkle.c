#include "postern/merkle.h"

#include <stdbool.h>

/* RFC 6962 2.1: a leaf can never be taken for a node. */
static const uint8_t leaf_prefix = 0x00;
static const uint8_t node_prefix = 0x01;

enum pst_err pst_merkle_leaf(struct pst_bytes leaf, struct pst_sha256 *ret_hash)
{
    const struct pst_bytes parts[] = {pst_bytes(&leaf_prefix, 1), leaf};
    return pst_sha256_parts(parts, 2, ret_hash);
}

enum pst_err pst_merkle_node(const struct pst_sha256 *left, const struct pst_sha256 *right,
                             struct pst_sha256 *ret_hash)
{
    const struct pst_bytes parts[] = {pst_bytes(&node_prefix, 1),
                                      pst_bytes(left->bytes, sizeof left->bytes),
                                      pst_bytes(right->bytes, sizeof right->bytes)};
    return pst_sha256_parts(parts, 3, ret_hash);
}

/* ---- the right edge ----------------------------------------------------- */

static uint64_t leaves_of(unsigned level)
{
    return UINT64_C(1) << level;
}

static bool has_level(uint64_t size, unsigned level)
{
    return (size & leaves_of(level)) != 0;
}

static enum pst_err tell(const struct pst_merkle_sink *sink, unsigned level, uint64_t index,
                         const struct pst_sha256 *hash)
{
    return sink == NULL ? PST_OK : sink->subtree(sink->ctx, level, index, hash);
}

enum pst_err pst_merkle_append_subtree(struct pst_merkle *tree, unsigned level,
                                       const struct pst_sha256 *hash,
                                       const struct pst_merkle_sink *sink)
{
    if (level >= PST_MERKLE_LEVELS_MAX || (tree->size & (leaves_of(level) - 1)) != 0)
        return PST_ERR_INVALID;
    if (tree->size > PST_MERKLE_SIZE_MAX - leaves_of(level))
        return PST_ERR_TOO_LONG;
    struct pst_sha256 whole = *hash;
    unsigned at = level;
    enum pst_err r = tell(sink, at, tree->size >> at, &whole);
    /* Like carrying in an addition; the size stays below the highest level. */
    for (; r == PST_OK && has_level(tree->size, at); at++) {
        r = pst_merkle_node(&tree->edge[at], &whole, &whole);
        if (r == PST_OK)
            r = tell(sink, at + 1, tree->size >> (at + 1), &whole);
    }
    if (r != PST_OK)
        return r;
    tree->edge[at] = whole;
    tree->size += leaves_of(level);
    return PST_OK;
}

enum pst_err pst_merkle_append(struct pst_merkle *tree, const struct pst_sha256 *leaf_hash,
                               const struct pst_merkle_sink *sink)
{
    return pst_merkle_append_subtree(tree, 0, leaf_hash, sink);
}

enum pst_err pst_merkle_root(const struct pst_merkle *tree, struct pst_sha256 *ret_root)
{
    struct pst_sha256 root;
    bool any = false;
    enum pst_err r = PST_OK;
    if (tree->size == 0)
        return pst_sha256(pst_bytes(NULL, 0), ret_root);
    for (unsigned level = 0; r == PST_OK && level < PST_MERKLE_LEVELS_MAX; level++) {
        if (!has_level(tree->size, level))
            continue;
        if (any)
            r = pst_merkle_node(&tree->edge[level], &root, &root);
        else
            root = tree->edge[level];
        any = true;
    }
    if (r == PST_OK)
        *ret_root = root;
    return r;
}

enum pst_err pst_merkle_load(const struct pst_merkle_source *source, uint64_t size,
                             struct pst_merkle *ret_tree)
{
    struct pst_merkle tree = {.size = size};
    enum pst_err r = size <= PST_MERKLE_SIZE_MAX ? PST_OK : PST_ERR_INVALID;
    for (unsigned level = 0; r == PST_OK && level < PST_MERKLE_LEVELS_MAX; level++) {
        /* What stands left of this bit's subtree is counted by the bits above it. */
        if (has_level(size, level))
            r = source->subtree(source->ctx, level, (size >> level) - 1, &tree.edge[level]);
    }
    if (r == PST_OK)
        *ret_tree = tree;
    return r;
}

/* ---- tiles -------------------------------------------------------------- */

/* Of 2^levels neighbours, a whole subtree. */
static enum pst_err join(const struct pst_sha256 *hashes, size_t count, struct pst_sha256 *ret_hash)
{
    struct pst_merkle tree = {.size = 0};
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < count; i++)
        r = pst_merkle_append(&tree, &hashes[i], NULL);
    return r == PST_OK ? pst_merkle_root(&tree, ret_hash) : r;
}

static enum pst_err tiles_subtree(void *ctx, unsigned level, uint64_t index,
                                  struct pst_sha256 *ret_hash)
{
    const struct pst_merkle_tiles *tiles = ctx;
    unsigned within = level % PST_MERKLE_TILE_LEVELS;
    size_t count = (size_t)1 << within;
    uint64_t first = index << within;
    size_t at = first % PST_MERKLE_TILE_WIDTH;
    const struct pst_sha256 *hashes = NULL;
    enum pst_err r = tiles->tile(tiles->ctx, level / PST_MERKLE_TILE_LEVELS,
                                 first / PST_MERKLE_TILE_WIDTH, at + count, &hashes);
    return r == PST_OK ? join(hashes + at, count, ret_hash) : r;
}

struct pst_merkle_source pst_merkle_tiles_source(struct pst_merkle_tiles *tiles)
{
    return (struct pst_merkle_source){tiles_subtree, tiles};
}

/* ---- making proofs ------------------------------------------------------ */

/* The last node of a level: a whole subtree, or what the tree's end leaves of one. */
static enum pst_err last_node(const struct pst_merkle_source *source, unsigned level, uint64_t size,
                              struct pst_sha256 *ret_hash)
{
    struct pst_merkle tree = {.size = size & (leaves_of(level) - 1)};
    enum pst_err r = PST_OK;
    if (tree.size == 0)
        return source->subtree(source->ctx, level, (size >> level) - 1, ret_hash);
    for (unsigned at = 0; r == PST_OK && at < level && at < PST_MERKLE_LEVELS_MAX; at++) {
        if (has_level(size, at))
            r = source->subtree(source->ctx, at, (size >> at) - 1, &tree.edge[at]);
    }
    return r == PST_OK ? pst_merkle_root(&tree, ret_hash) : r;
}

/* The siblings of a node and of all above it. */
static enum pst_err path_add(const struct pst_merkle_source *source, unsigned level, uint64_t node,
                             uint64_t size, struct pst_merkle_proof *proof)
{
    enum pst_err r = PST_OK;
    for (; r == PST_OK && (size - 1) >> level > 0; level++, node >>= 1) {
        uint64_t sibling = node ^ 1;
        uint64_t last = (size - 1) >> level;
        if (sibling > last) /* it has none: the node above is the same */
            continue;
        struct pst_sha256 *hash = &proof->hashes[proof->count++];
        r = sibling == last ? last_node(source, level, size, hash)
                            : source->subtree(source->ctx, level, sibling, hash);
    }
    return r;
}

enum pst_err pst_merkle_inclusion(const struct pst_merkle_source *source, uint64_t index,
                                  uint64_t size, struct pst_merkle_proof *ret_proof)
{
    struct pst_merkle_proof proof = {.count = 0};
    if (index >= size || size > PST_MERKLE_SIZE_MAX)
        return PST_ERR_INVALID;
    enum pst_err r = path_add(source, 0, index, size, &proof);
    if (r == PST_OK)
        *ret_proof = proof;
    return r;
}

/*
 * RFC 6962 2.1.2: the old tree's last whole subtree and its path in the new
 * one; the subtree is left out where it is the whole old tree.
 */
enum pst_err pst_merkle_consistency(const struct pst_merkle_source *source, uint64_t old_size,
                                    uint64_t size, struct pst_merkle_proof *ret_proof)
{
    struct pst_merkle_proof proof = {.count = 0};
    enum pst_err r = PST_OK;
    if (old_size > size || size > PST_MERKLE_SIZE_MAX)
        return PST_ERR_INVALID;
    if (old_size != 0 && old_size != size) {
        unsigned level = (unsigned)__builtin_ctzll(old_size);
        uint64_t node = (old_size >> level) - 1;
        if (node > 0)
            r = source->subtree(source->ctx, level, node, &proof.hashes[proof.count++]);
        if (r == PST_OK)
            r = path_add(source, level, node, size, &proof);
    }
    if (r == PST_OK)
        *ret_proof = proof;
    return r;
}

/* ---- checking proofs ---------------------------------------------------- */

/* RFC 9162 2.1.3.2. */
enum pst_err pst_merkle_inclusion_check(const struct pst_merkle_proof *proof, uint64_t index,
                                        uint64_t size, const struct pst_sha256 *leaf_hash,
                                        const struct pst_sha256 *root)
{
    if (index >= size || size > PST_MERKLE_SIZE_MAX || proof->count > PST_MERKLE_PROOF_MAX)
        return PST_ERR_INVALID;
    uint64_t node = index;
    uint64_t last = size - 1;
    struct pst_sha256 hash = *leaf_hash;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < proof->count; i++) {
        if (last == 0)
            return PST_ERR_CRYPTO;
        if ((node & 1) != 0 || node == last) {
            r = pst_merkle_node(&proof->hashes[i], &hash, &hash);
            for (; (node & 1) == 0 && node != 0; node >>= 1)
                last >>= 1;
        } else {
            r = pst_merkle_node(&hash, &proof->hashes[i], &hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if (r != PST_OK)
        return r;
    return last == 0 && pst_sha256_equal(&hash, root) ? PST_OK : PST_ERR_CRYPTO;
}

/* Both roots, grown together from the subtree they share. */
struct grown {
    struct pst_sha256 before;
    struct pst_sha256 after;
    uint64_t node;
    uint64_t last;
};

static enum pst_err grow(struct grown *grown, const struct pst_sha256 *hash)
{
    enum pst_err r = PST_OK;
    if (grown->last == 0)
        return PST_ERR_CRYPTO;
    if ((grown->node & 1) != 0 || grown->node == grown->last) {
        r = pst_merkle_node(hash, &grown->before, &grown->before);
        if (r == PST_OK)
            r = pst_merkle_node(hash, &grown->after, &grown->after);
        for (; (grown->node & 1) == 0 && grown->node != 0; grown->node >>= 1)
            grown->last >>= 1;
    } else {
        r = pst_merkle_node(&grown->after, hash, &grown->after);
    }
    grown->node >>= 1;
    grown->last >>= 1;
    return r;
}

/* RFC 9162 2.1.4.2, for 0 < old_size < size. */
static enum pst_err consistency_check(const struct pst_merkle_proof *proof, uint64_t old_size,
                                      uint64_t size, const struct pst_sha256 *old_root,
                                      const struct pst_sha256 *root)
{
    unsigned level = (unsigned)__builtin_ctzll(old_size);
    struct grown grown = {.node = (old_size - 1) >> level, .last = (size - 1) >> level};
    bool is_whole = grown.node == 0; /* the old tree is one subtree: its root stands for it */
    if (proof->count == 0)
        return PST_ERR_CRYPTO;
    grown.before = is_whole ? *old_root : proof->hashes[0];
    grown.after = grown.before;
    enum pst_err r = PST_OK;
    for (size_t i = is_whole ? 0 : 1; r == PST_OK && i < proof->count; i++)
        r = grow(&grown, &proof->hashes[i]);
    if (r != PST_OK)
        return r;
    return grown.last == 0 && pst_sha256_equal(&grown.before, old_root) &&
                   pst_sha256_equal(&grown.after, root)
               ? PST_OK
               : PST_ERR_CRYPTO;
}

enum pst_err pst_merkle_consistency_check(const struct pst_merkle_proof *proof, uint64_t old_size,
                                          uint64_t size, const struct pst_sha256 *old_root,
                                          const struct pst_sha256 *root)
{
    static const struct pst_merkle empty = {.size = 0};
    struct pst_sha256 nothing;
    if (old_size > size || size > PST_MERKLE_SIZE_MAX || proof->count > PST_MERKLE_PROOF_MAX)
        return PST_ERR_INVALID;
    if (old_size != 0 && old_size != size)
        return consistency_check(proof, old_size, size, old_root, root);
    /* A root that is claimed for the empty tree is checked, too. */
    enum pst_err r = pst_merkle_root(&empty, &nothing);
    if (r != PST_OK)
        return r;
    if (proof->count != 0 || (old_size == 0 && !pst_sha256_equal(old_root, &nothing)))
        return PST_ERR_CRYPTO;
    return old_size != size || pst_sha256_equal(old_root, root) ? PST_OK : PST_ERR_CRYPTO;
}

/* ---- covers and ranges -------------------------------------------------- */

/* The level of the largest aligned subtree that begins at first and ends by end. */
static unsigned cover_level(uint64_t first, uint64_t end)
{
    unsigned fits = 63U - (unsigned)__builtin_clzll(end - first);
    unsigned aligned = first == 0 ? fits : (unsigned)__builtin_ctzll(first);
    return aligned < fits ? aligned : fits;
}

enum pst_err pst_merkle_cover(const struct pst_merkle_source *source, uint64_t first, uint64_t end,
                              struct pst_merkle_cover *ret_cover)
{
    struct pst_merkle_cover cover = {.count = 0};
    enum pst_err r = first <= end && end <= PST_MERKLE_SIZE_MAX ? PST_OK : PST_ERR_INVALID;
    while (r == PST_OK && first < end) {
        unsigned level = cover_level(first, end);
        r = source->subtree(source->ctx, level, first >> level, &cover.hashes[cover.count++]);
        first += leaves_of(level);
    }
    if (r == PST_OK)
        *ret_cover = cover;
    return r;
}

size_t pst_merkle_cover_count(uint64_t first, uint64_t end)
{
    size_t count = 0;
    for (; first < end; count++)
        first += leaves_of(cover_level(first, end));
    return count;
}

/* Appends a cover of the leaves from the tree's size to before end. */
static enum pst_err cover_append(struct pst_merkle *tree, const struct pst_merkle_cover *cover,
                                 uint64_t end)
{
    size_t used = 0;
    enum pst_err r = PST_OK;
    while (r == PST_OK && tree->size < end) {
        if (used == cover->count)
            return PST_ERR_INVALID;
        unsigned level = cover_level(tree->size, end);
        r = pst_merkle_append_subtree(tree, level, &cover->hashes[used++], NULL);
    }
    return r == PST_OK && used != cover->count ? PST_ERR_INVALID : r;
}

enum pst_err pst_merkle_range_begin(struct pst_merkle_range *range, uint64_t first, uint64_t end,
                                    uint64_t size, const struct pst_merkle_cover *before)
{
    *range = (struct pst_merkle_range){.first = first, .end = end, .size = size};
    if (first > end || end > size || size > PST_MERKLE_SIZE_MAX)
        return PST_ERR_INVALID;
    return cover_append(&range->tree, before, first);
}

enum pst_err pst_merkle_range_leaf(struct pst_merkle_range *range,
                                   const struct pst_sha256 *leaf_hash)
{
    if (range->tree.size >= range->end)
        return PST_ERR_TOO_LONG;
    return pst_merkle_append(&range->tree, leaf_hash, NULL);
}

enum pst_err pst_merkle_range_finish(struct pst_merkle_range *range,
                                     const struct pst_merkle_cover *after,
                                     struct pst_sha256 *ret_root)
{
    if (range->tree.size != range->end)
        return PST_ERR_TRUNCATED;
    enum pst_err r = cover_append(&range->tree, after, range->size);
    return r == PST_OK ? pst_merkle_root(&range->tree, ret_root) : r;
}
