/*
 * Prints what lib/merkle.c makes of the leaves "leaf 0", "leaf 1", ..., one
 * answer a line, for tests/conformance/ledger.py to hold against its own.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/merkle.h"
#include "postern/secret.h"

#define ROOTS 1000
#define PROOFS 64
#define RANGES 24

static struct pst_sha256 leaves[ROOTS];

static void must(enum pst_err r)
{
    if (r == PST_OK)
        return;
    fprintf(stderr, "print_merkle: %s\n", pst_err_text(r));
    exit(EXIT_FAILURE);
}

/* Tiles of leaves alone: of what stands above them the library makes the rest. */
static enum pst_err subtree(void *ctx, unsigned level, uint64_t index, struct pst_sha256 *ret_hash)
{
    struct pst_merkle tree = {.size = 0};
    (void)ctx;
    for (uint64_t i = index << level; i < (index + 1) << level; i++)
        must(pst_merkle_append(&tree, &leaves[i], NULL));
    return pst_merkle_root(&tree, ret_hash);
}

static const struct pst_merkle_source source = {subtree, NULL};

static void print_hashes(const struct pst_sha256 *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char hex[2 * PST_SHA256_BYTES + 1];
        sodium_bin2hex(hex, sizeof hex, hashes[i].bytes, sizeof hashes[i].bytes);
        printf(" %s", hex);
    }
    putchar('\n');
}

static void print_roots(void)
{
    struct pst_merkle tree = {.size = 0};
    for (size_t size = 0; size <= ROOTS; size++) {
        struct pst_sha256 root;
        must(pst_merkle_root(&tree, &root));
        printf("root %zu", size);
        print_hashes(&root, 1);
        if (size < ROOTS)
            must(pst_merkle_append(&tree, &leaves[size], NULL));
    }
}

static void print_proofs(void)
{
    struct pst_merkle_proof proof;
    for (unsigned size = 0; size <= PROOFS; size++) {
        for (unsigned at = 0; at <= size; at++) {
            if (at < size) {
                must(pst_merkle_inclusion(&source, at, size, &proof));
                printf("inclusion %u %u", at, size);
                print_hashes(proof.hashes, proof.count);
            }
            must(pst_merkle_consistency(&source, at, size, &proof));
            printf("consistency %u %u", at, size);
            print_hashes(proof.hashes, proof.count);
        }
    }
}

static void print_covers(void)
{
    struct pst_merkle_cover cover;
    for (unsigned end = 0; end <= RANGES; end++) {
        for (unsigned first = 0; first <= end; first++) {
            must(pst_merkle_cover(&source, first, end, &cover));
            printf("cover %u %u", first, end);
            print_hashes(cover.hashes, cover.count);
        }
    }
}

int main(void)
{
    must(pst_secret_init());
    for (size_t i = 0; i < ROOTS; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "leaf %zu", i);
        must(pst_merkle_leaf(pst_bytes(text, (size_t)len), &leaves[i]));
    }
    print_roots();
    print_proofs();
    print_covers();
    return EXIT_SUCCESS;
}
