#include "postern/range_proof.h"

#include "ledger_fixture.h"
#include "unit.h"
#include "vectors.h"

#define HASH "cUopKYyn2GQ5dRAFaUmcIwnoOm8vlwkC3EbvMuvBsA8\n"

/* From text and leaves to the root, as an auditor goes. */
static void proves(const struct pst_range_proof *proof, const struct pst_sha256 *root)
{
    struct pst_merkle_range range;
    struct pst_sha256 got;
    ck_assert_int_eq(
        pst_merkle_range_begin(&range, proof->first, proof->end, proof->size, &proof->before),
        PST_OK);
    for (uint64_t i = proof->first; i < proof->end; i++)
        ck_assert_int_eq(pst_merkle_range_leaf(&range, &fixture_leaves[i]), PST_OK);
    ck_assert_int_eq(pst_merkle_range_finish(&range, &proof->after, &got), PST_OK);
    ck_assert(pst_sha256_equal(&got, root));
}

START_TEST(known_answers_are_read_and_made)
{
    const json_t *cases = vectors_get("range");
    size_t i = 0;
    const json_t *item = NULL;
    fixture_fill(37);
    ck_assert_uint_gt(json_array_size(cases), 0);
    json_array_foreach(cases, i, item)
    {
        const char *text = json_string_value(json_object_get(item, "proof"));
        PST_BUF struct pst_buf made = {.max = PST_RANGE_PROOF_MAX_BYTES};
        struct pst_range_proof proof;
        struct pst_range_proof again;
        struct pst_sha256 root;
        ck_assert_int_eq(
            pst_base64url_decode_exact(
                pst_bytes_str(json_string_value(json_object_get(item, "root"))), root.bytes, 32),
            PST_OK);
        ck_assert_int_eq(pst_range_proof_parse(pst_bytes_str(text), &proof, NULL), PST_OK);
        ck_assert_int_eq(proof.first, json_integer_value(json_object_get(item, "first")));
        ck_assert_int_eq(proof.end, json_integer_value(json_object_get(item, "end")));
        ck_assert_uint_eq(proof.size, 37);
        proves(&proof, &root);
        ck_assert_int_eq(pst_range_proof_make(&fixture_source, proof.first, proof.end, 37, &again),
                         PST_OK);
        ck_assert_int_eq(pst_range_proof_append(&again, &made), PST_OK);
        ck_assert_str_eq(pst_buf_str(&made), text);
    }
}
END_TEST

static const struct {
    const char *what;
    const char *text;
    size_t line; /* that is named; 0: it is well formed */
} texts[] = {
    {"as it should be", "postern.range/1\n1 2 2\n\n" HASH "\n", 0},
    {"nothing", "", 1},
    {"another version", "postern.range/2\n0 0 0\n\n\n", 1},
    {"a carriage return", "postern.range/1\r\n0 0 0\n\n\n", 1},
    {"no numbers", "postern.range/1\n", 2},
    {"two numbers", "postern.range/1\n0 0\n\n\n", 2},
    {"four numbers", "postern.range/1\n0 0 0 0\n\n\n", 2},
    {"two blanks", "postern.range/1\n0  0 0\n\n\n", 2},
    {"a leading zero", "postern.range/1\n00 0 0\n\n\n", 2},
    {"a sign", "postern.range/1\n+0 0 0\n\n\n", 2},
    {"first after end", "postern.range/1\n2 1 2\n\n" HASH "\n" HASH, 2},
    {"end after size", "postern.range/1\n0 3 2\n\n\n", 2},
    {"more than can be counted", "postern.range/1\n0 0 9007199254740992\n\n\n", 2},
    {"no empty line", "postern.range/1\n1 2 2\n" HASH "\n", 3},
    {"a hash too few", "postern.range/1\n1 2 2\n\n\n", 4},
    {"a hash too many", "postern.range/1\n1 2 2\n\n" HASH HASH "\n", 5},
    {"a hash too many behind", "postern.range/1\n1 2 2\n\n" HASH "\n" HASH, 6},
    {"padding", "postern.range/1\n1 2 2\n\ncUopKYyn2GQ5dRAFaUmcIwnoOm8vlwkC3EbvMuvBsA8=\n\n", 4},
    {"bits left over", "postern.range/1\n1 2 2\n\ncUopKYyn2GQ5dRAFaUmcIwnoOm8vlwkC3EbvMuvBsA9\n\n",
     4},
    {"the other alphabet",
     "postern.range/1\n1 2 2\n\n/Uopkyyn2GQ5dRAFaUmcIwnoOm8vlwkC3EbvMuvBsA8\n\n", 4},
    {"no last line feed", "postern.range/1\n1 2 2\n\n" HASH, 5},
};

START_TEST(malformed_texts_are_refused_by_line)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pst_range_proof proof;
        size_t line = 0;
        enum pst_err r = pst_range_proof_parse(pst_bytes_str(texts[i].text), &proof, &line);
        ck_assert_msg(r == (texts[i].line == 0 ? PST_OK : PST_ERR_SYNTAX), "%s: %s", texts[i].what,
                      pst_err_name(r));
        ck_assert_msg(line == texts[i].line, "%s: line %zu", texts[i].what, line);
    }
}
END_TEST

START_TEST(limits_hold)
{
    static char large[PST_RANGE_PROOF_MAX_BYTES + 1];
    struct pst_range_proof proof;
    PST_BUF struct pst_buf out = {.max = 30};
    memset(large, 'x', sizeof large);
    ck_assert_int_eq(pst_range_proof_parse(pst_bytes(large, sizeof large), &proof, NULL),
                     PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_range_proof_make(&fixture_source, 3, 2, 4, &proof), PST_ERR_INVALID);
    ck_assert_int_eq(pst_range_proof_make(&fixture_source, 2, 3, 2, &proof), PST_ERR_INVALID);
    fixture_fill(4);
    ck_assert_int_eq(pst_range_proof_make(&fixture_source, 1, 3, 4, &proof), PST_OK);
    ck_assert_int_eq(pst_range_proof_append(&proof, &out), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

PST_UNIT_MAIN("range_proof", known_answers_are_read_and_made, malformed_texts_are_refused_by_line,
              limits_hold)
