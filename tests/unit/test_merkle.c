/*
 * The Merkle tree, against roots that Certificate Transparency's own tests
 * publish, and every proof of trees up to 64 leaves. An implementation in
 * another language is in tests/conformance/ledger.py.
 */
#include "postern/merkle.h"

#include <sodium.h>

#include "ledger_fixture.h"
#include "unit.h"

#define SMALL 64

/* Inputs and roots of github.com/google/certificate-transparency, merkle_tree_test. */
static const struct {
    const char *leaf;
    const char *root;
} reference[] = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void hex_of(const struct pst_sha256 *hash, char *ret_hex)
{
    (void)sodium_bin2hex(ret_hex, 2 * PST_SHA256_BYTES + 1, hash->bytes, sizeof hash->bytes);
}

START_TEST(roots_are_those_of_certificate_transparency)
{
    struct pst_merkle tree = {.size = 0};
    struct pst_sha256 hash;
    char hex[2 * PST_SHA256_BYTES + 1];
    ck_assert_int_eq(pst_merkle_root(&tree, &hash), PST_OK);
    hex_of(&hash, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < sizeof reference / sizeof reference[0]; i++) {
        uint8_t leaf[32];
        size_t len = 0;
        ck_assert_int_eq(sodium_hex2bin(leaf, sizeof leaf, reference[i].leaf,
                                        strlen(reference[i].leaf), NULL, &len, NULL),
                         0);
        ck_assert_int_eq(pst_merkle_leaf(pst_bytes(leaf, len), &hash), PST_OK);
        ck_assert_int_eq(pst_merkle_append(&tree, &hash, NULL), PST_OK);
        ck_assert_int_eq(pst_merkle_root(&tree, &hash), PST_OK);
        hex_of(&hash, hex);
        ck_assert_str_eq(hex, reference[i].root);
    }
}
END_TEST

/* Counts what a sink is told, and holds it against the definition. */
static enum pst_err count_subtree(void *ctx, unsigned level, uint64_t index,
                                  const struct pst_sha256 *hash)
{
    struct pst_sha256 right;
    size_t *told = ctx;
    ck_assert_int_eq(fixture_subtree(NULL, level, index, &right), PST_OK);
    ck_assert(pst_sha256_equal(&right, hash));
    told[level]++;
    return PST_OK;
}

START_TEST(a_sink_hears_of_every_whole_subtree_once)
{
    size_t told[PST_MERKLE_LEVELS_MAX] = {0};
    struct pst_merkle_sink sink = {count_subtree, told};
    struct pst_merkle tree = {.size = 0};
    fixture_fill(1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_int_eq(pst_merkle_append(&tree, &fixture_leaves[i], &sink), PST_OK);
    for (unsigned level = 0; level < 12; level++)
        ck_assert_uint_eq(told[level], (size_t)1000 >> level);
}
END_TEST

static enum pst_err full_disk(void *ctx, unsigned level, uint64_t index,
                              const struct pst_sha256 *hash)
{
    (void)ctx, (void)index, (void)hash;
    return level == 2 ? PST_ERR_IO : PST_OK;
}

START_TEST(a_sink_that_fails_leaves_the_tree_as_it_was)
{
    struct pst_merkle_sink sink = {full_disk, NULL};
    struct pst_merkle tree = {.size = 0};
    fixture_fill(4);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pst_merkle_append(&tree, &fixture_leaves[i], &sink), PST_OK);
    struct pst_merkle before = tree;
    ck_assert_int_eq(pst_merkle_append(&tree, &fixture_leaves[3], &sink), PST_ERR_IO);
    ck_assert_mem_eq(&tree, &before, sizeof tree);
}
END_TEST

START_TEST(an_edge_loaded_goes_on_as_one_that_grew)
{
    struct pst_merkle grown = {.size = 0};
    fixture_fill(700);
    for (size_t size = 0; size < 700; size++) {
        struct pst_merkle loaded;
        struct pst_sha256 a;
        struct pst_sha256 b;
        ck_assert_int_eq(pst_merkle_load(&fixture_source, size, &loaded), PST_OK);
        ck_assert_int_eq(pst_merkle_append(&loaded, &fixture_leaves[size], NULL), PST_OK);
        ck_assert_int_eq(pst_merkle_append(&grown, &fixture_leaves[size], NULL), PST_OK);
        ck_assert_int_eq(pst_merkle_root(&loaded, &a), PST_OK);
        ck_assert_int_eq(pst_merkle_root(&grown, &b), PST_OK);
        ck_assert(pst_sha256_equal(&a, &b));
    }
}
END_TEST

/* ---- tiles -------------------------------------------------------------- */

static struct pst_sha256 tile_hashes[PST_MERKLE_TILE_WIDTH];
static size_t tiles_asked;

/* No wider than asked: what is read beyond that is no hash of the tree. */
static enum pst_err give_tile(void *ctx, unsigned tile_level, uint64_t index, size_t width,
                              const struct pst_sha256 **ret_hashes)
{
    (void)ctx;
    tiles_asked++;
    ck_assert_uint_le(width, PST_MERKLE_TILE_WIDTH);
    memset(tile_hashes, 0xee, sizeof tile_hashes);
    for (size_t i = 0; i < width; i++)
        ck_assert_int_eq(fixture_subtree(NULL, tile_level * PST_MERKLE_TILE_LEVELS,
                                         index * PST_MERKLE_TILE_WIDTH + i, &tile_hashes[i]),
                         PST_OK);
    *ret_hashes = tile_hashes;
    return PST_OK;
}

START_TEST(tiles_serve_every_proof)
{
    static const uint64_t sizes[] = {1, 255, 256, 257, 511, 512, 700, 2048};
    struct pst_merkle_tiles tiles = {give_tile, NULL};
    struct pst_merkle_source source = pst_merkle_tiles_source(&tiles);
    fixture_fill(2048);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint64_t index = 0; index < sizes[i]; index += 211) {
            struct pst_merkle_proof a = {.count = 0};
            struct pst_merkle_proof b = {.count = 0};
            ck_assert_int_eq(pst_merkle_inclusion(&source, index, sizes[i], &a), PST_OK);
            ck_assert_int_eq(pst_merkle_inclusion(&fixture_source, index, sizes[i], &b), PST_OK);
            ck_assert_mem_eq(&a, &b, sizeof a);
            ck_assert_int_eq(pst_merkle_consistency(&source, index, sizes[i], &a), PST_OK);
            ck_assert_int_eq(pst_merkle_consistency(&fixture_source, index, sizes[i], &b), PST_OK);
            ck_assert_mem_eq(&a, &b, sizeof a);
        }
    }
    ck_assert_uint_gt(tiles_asked, 0);
}
END_TEST

/* ---- proofs ------------------------------------------------------------- */

START_TEST(every_inclusion_proof_holds_and_no_other)
{
    fixture_fill(SMALL);
    for (uint64_t size = 1; size <= SMALL; size++) {
        struct pst_sha256 root = fixture_root(size);
        for (uint64_t index = 0; index < size; index++) {
            struct pst_merkle_proof proof;
            const struct pst_sha256 *leaf = &fixture_leaves[index];
            ck_assert_int_eq(pst_merkle_inclusion(&fixture_source, index, size, &proof), PST_OK);
            for (uint64_t other = 0; other < size; other++)
                ck_assert_int_eq(pst_merkle_inclusion_check(&proof, other, size, leaf, &root),
                                 other == index ? PST_OK : PST_ERR_CRYPTO);
            for (size_t i = 0; i < proof.count; i++) {
                proof.hashes[i].bytes[i] ^= 1;
                ck_assert_int_eq(pst_merkle_inclusion_check(&proof, index, size, leaf, &root),
                                 PST_ERR_CRYPTO);
                proof.hashes[i].bytes[i] ^= 1;
            }
            proof.hashes[proof.count++] = *leaf;
            ck_assert_int_eq(pst_merkle_inclusion_check(&proof, index, size, leaf, &root),
                             PST_ERR_CRYPTO);
            proof.count -= proof.count > 1 ? 2 : 1;
            if (size > 1)
                ck_assert_int_eq(pst_merkle_inclusion_check(&proof, index, size, leaf, &root),
                                 PST_ERR_CRYPTO);
        }
    }
}
END_TEST

static void consistency_holds(uint64_t old_size, uint64_t size, struct pst_sha256 old_root,
                              struct pst_sha256 root)
{
    struct pst_merkle_proof proof;
    ck_assert_int_eq(pst_merkle_consistency(&fixture_source, old_size, size, &proof), PST_OK);
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                     PST_OK);
    for (size_t i = 0; i < proof.count; i++) {
        proof.hashes[i].bytes[31] ^= 0x80;
        ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                         PST_ERR_CRYPTO);
        proof.hashes[i].bytes[31] ^= 0x80;
    }
    proof.hashes[proof.count++] = root;
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                     PST_ERR_CRYPTO);
    proof.count--;
    old_root.bytes[0] ^= 1;
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                     PST_ERR_CRYPTO);
    old_root.bytes[0] ^= 1;
    root.bytes[0] ^= 1;
    /* That anything follows from nothing needs no proof; all else is held against the root. */
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                     old_size == 0 && size > 0 ? PST_OK : PST_ERR_CRYPTO);
    root.bytes[0] ^= 1;
    if (proof.count > 0) {
        proof.count--;
        ck_assert_int_eq(pst_merkle_consistency_check(&proof, old_size, size, &old_root, &root),
                         PST_ERR_CRYPTO);
    }
}

START_TEST(every_consistency_proof_holds_and_no_other)
{
    fixture_fill(SMALL);
    for (uint64_t size = 0; size <= SMALL; size++) {
        for (uint64_t old_size = 0; old_size <= size; old_size++)
            consistency_holds(old_size, size, fixture_root(old_size), fixture_root(size));
    }
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
    struct pst_merkle_proof proof = {.count = 0};
    struct pst_merkle_cover cover;
    struct pst_merkle tree = {.size = 3};
    struct pst_sha256 hash = {{0}};
    const struct pst_merkle_source *source = &fixture_source;
    uint64_t max = PST_MERKLE_SIZE_MAX;
    ck_assert_int_eq(pst_merkle_inclusion(source, 0, 0, &proof), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_inclusion(source, 5, 5, &proof), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_inclusion(source, 0, max + 1, &proof), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_inclusion_check(&proof, 5, 5, &hash, &hash), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_inclusion_check(&proof, 0, max + 1, &hash, &hash), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_consistency(source, 6, 5, &proof), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, 6, 5, &hash, &hash), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_consistency(source, 6, max + 1, &proof), PST_ERR_INVALID);
    proof.count = PST_MERKLE_PROOF_MAX + 1;
    ck_assert_int_eq(pst_merkle_inclusion_check(&proof, 0, max, &hash, &hash), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_consistency_check(&proof, 1, max, &hash, &hash), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_cover(source, 6, 5, &cover), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_cover(source, 0, max + 1, &cover), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_load(source, max + 1, &tree), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_append_subtree(&tree, 1, &hash, NULL), PST_ERR_INVALID);
    ck_assert_int_eq(pst_merkle_append_subtree(&tree, PST_MERKLE_LEVELS_MAX, &hash, NULL),
                     PST_ERR_INVALID);
    ck_assert_uint_eq(tree.size, 3);
    tree.size = max;
    ck_assert_int_eq(pst_merkle_append(&tree, &hash, NULL), PST_ERR_TOO_LONG);
}
END_TEST

static enum pst_err same_hash(void *ctx, unsigned level, uint64_t index,
                              struct pst_sha256 *ret_hash)
{
    (void)ctx, (void)index;
    memset(ret_hash->bytes, (int)level, sizeof ret_hash->bytes);
    return PST_OK;
}

START_TEST(the_largest_tree_stays_within_its_limits)
{
    struct pst_merkle_source source = {same_hash, NULL};
    struct pst_merkle_proof proof;
    struct pst_merkle_cover cover;
    struct pst_merkle tree;
    struct pst_sha256 root;
    uint64_t max = PST_MERKLE_SIZE_MAX;
    struct pst_sha256 leaf = {{0}};
    ck_assert_int_eq(pst_merkle_load(&source, max, &tree), PST_OK);
    ck_assert_int_eq(pst_merkle_root(&tree, &root), PST_OK);
    for (uint64_t index = max - 1; index > 0; index /= 3) {
        ck_assert_int_eq(pst_merkle_inclusion(&source, index, max, &proof), PST_OK);
        ck_assert_uint_le(proof.count, PST_MERKLE_LEVELS_MAX);
        ck_assert_int_ne(pst_merkle_inclusion_check(&proof, index, max, &leaf, &root),
                         PST_ERR_INVALID);
        ck_assert_int_eq(pst_merkle_consistency(&source, index, max, &proof), PST_OK);
        ck_assert_uint_le(proof.count, PST_MERKLE_LEVELS_MAX + 1);
    }
    ck_assert_int_eq(pst_merkle_cover(&source, 1, max, &cover), PST_OK);
    ck_assert_uint_eq(cover.count, pst_merkle_cover_count(1, max));
    ck_assert_uint_le(cover.count, PST_MERKLE_COVER_MAX);
}
END_TEST

/* ---- ranges ------------------------------------------------------------- */

static enum pst_err range_root(uint64_t first, uint64_t end, uint64_t size,
                               const struct pst_merkle_cover *before,
                               const struct pst_merkle_cover *after, uint64_t leaves,
                               struct pst_sha256 *ret_root)
{
    struct pst_merkle_range range;
    enum pst_err r = pst_merkle_range_begin(&range, first, end, size, before);
    for (uint64_t i = 0; r == PST_OK && i < leaves; i++)
        r = pst_merkle_range_leaf(&range, &fixture_leaves[first + i]);
    return r == PST_OK ? pst_merkle_range_finish(&range, after, ret_root) : r;
}

START_TEST(every_range_gives_the_root)
{
    fixture_fill(SMALL);
    for (uint64_t size = 0; size <= 20; size++) {
        struct pst_sha256 root = fixture_root(size);
        for (uint64_t end = 0; end <= size; end++) {
            for (uint64_t first = 0; first <= end; first++) {
                struct pst_merkle_cover before;
                struct pst_merkle_cover after;
                struct pst_sha256 got;
                ck_assert_int_eq(pst_merkle_cover(&fixture_source, 0, first, &before), PST_OK);
                ck_assert_int_eq(pst_merkle_cover(&fixture_source, end, size, &after), PST_OK);
                ck_assert_int_eq(range_root(first, end, size, &before, &after, end - first, &got),
                                 PST_OK);
                ck_assert(pst_sha256_equal(&got, &root));
            }
        }
    }
}
END_TEST

START_TEST(ranges_want_every_leaf_and_hash)
{
    struct pst_merkle_cover before;
    struct pst_merkle_cover after;
    struct pst_sha256 got;
    fixture_fill(37);
    ck_assert_int_eq(pst_merkle_cover(&fixture_source, 0, 5, &before), PST_OK);
    ck_assert_int_eq(pst_merkle_cover(&fixture_source, 21, 37, &after), PST_OK);
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 15, &got), PST_ERR_TRUNCATED);
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 17, &got), PST_ERR_TOO_LONG);
    before.count--;
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 16, &got), PST_ERR_INVALID);
    before.count += 2;
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 16, &got), PST_ERR_INVALID);
    before.count--;
    after.count--;
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 16, &got), PST_ERR_INVALID);
    after.count += 2;
    ck_assert_int_eq(range_root(5, 21, 37, &before, &after, 16, &got), PST_ERR_INVALID);
    ck_assert_int_eq(range_root(6, 5, 37, &before, &after, 0, &got), PST_ERR_INVALID);
    ck_assert_int_eq(range_root(5, 38, 37, &before, &after, 0, &got), PST_ERR_INVALID);
    ck_assert_int_eq(range_root(0, 0, PST_MERKLE_SIZE_MAX + 1, &before, &after, 0, &got),
                     PST_ERR_INVALID);
}
END_TEST

PST_UNIT_MAIN("merkle", roots_are_those_of_certificate_transparency,
              a_sink_hears_of_every_whole_subtree_once, a_sink_that_fails_leaves_the_tree_as_it_was,
              an_edge_loaded_goes_on_as_one_that_grew, tiles_serve_every_proof,
              every_inclusion_proof_holds_and_no_other, every_consistency_proof_holds_and_no_other,
              sizes_out_of_range_are_refused, the_largest_tree_stays_within_its_limits,
              every_range_gives_the_root, ranges_want_every_leaf_and_hash)
