/*
 * A small ledger for tests: its leaves in memory, a source over them, keys from
 * fixed seeds, and a receipt with a witness's cosignature.
 */
#ifndef POSTERN_TESTS_LEDGER_FIXTURE_H
#define POSTERN_TESTS_LEDGER_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/receipt.h"

#define FIXTURE_LEAVES_MAX 2048
#define FIXTURE_NAME "clinic.example/ledger"
#define FIXTURE_WITNESS "witness.example/w1"
#define FIXTURE_TIME_S 1764000000

static struct pst_sha256 fixture_leaves[FIXTURE_LEAVES_MAX];

/* By the definition, not by the edge: RFC 6962's recursion on whole subtrees. */
static inline enum pst_err fixture_subtree(void *ctx, unsigned level, uint64_t index,
                                           struct pst_sha256 *ret_hash)
{
    struct pst_sha256 left;
    struct pst_sha256 right;
    if (level == 0) {
        *ret_hash = fixture_leaves[index];
        return PST_OK;
    }
    enum pst_err r = fixture_subtree(ctx, level - 1, 2 * index, &left);
    if (r == PST_OK)
        r = fixture_subtree(ctx, level - 1, 2 * index + 1, &right);
    return r == PST_OK ? pst_merkle_node(&left, &right, ret_hash) : r;
}

static const struct pst_merkle_source fixture_source = {fixture_subtree, NULL};

/* The leaves "leaf 0", "leaf 1", ... as vectors.json has them. */
static inline void fixture_fill(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "leaf %zu", i);
        ck_assert_int_eq(pst_merkle_leaf(pst_bytes(text, (size_t)len), &fixture_leaves[i]), PST_OK);
    }
}

static inline struct pst_sha256 fixture_root(uint64_t size)
{
    struct pst_merkle tree;
    struct pst_sha256 root;
    ck_assert_int_eq(pst_merkle_load(&fixture_source, size, &tree), PST_OK);
    ck_assert_int_eq(pst_merkle_root(&tree, &root), PST_OK);
    return root;
}

static inline void fixture_random(void *ctx, void *ret_bytes, size_t len)
{
    memset(ret_bytes, *(const uint8_t *)ctx, len);
}

static inline void fixture_signer(const char *name, enum pst_note_type type, uint8_t seed,
                                  struct pst_note_signer *ret_signer)
{
    struct pst_random random = {fixture_random, &seed};
    ck_assert_int_eq(pst_note_signer_new(name, type, &random, ret_signer), PST_OK);
}

/* The event at `index` of a ledger of `size`; the line is appended to out. */
static inline void fixture_event(size_t index, size_t size, struct pst_buf *line)
{
    struct pst_event event;
    uint8_t seed = 7;
    struct pst_random random = {fixture_random, &seed};
    fixture_fill(size);
    pst_event_init(&event, PST_EVENT_EXCHANGE, INT64_C(1764000000123), &random);
    event.has = PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL;
    event.channel = PST_CHANNEL_PORTAL;
    memcpy(event.code, "accepted", sizeof "accepted");
    ck_assert_int_eq(pst_event_write(&event, line), PST_OK);
    ck_assert_int_eq(pst_merkle_leaf(pst_buf_bytes(line), &fixture_leaves[index]), PST_OK);
}

static inline void fixture_checkpoint(const char *origin, uint64_t size, struct pst_buf *text)
{
    struct pst_checkpoint checkpoint = {
        .origin = pst_bytes_str(origin), .size = size, .root = fixture_root(size)};
    ck_assert_int_eq(pst_checkpoint_append(&checkpoint, text), PST_OK);
}

#endif
