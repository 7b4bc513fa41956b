#include "postern/tlog_proof.h"

#include "ledger_fixture.h"
#include "unit.h"

#define HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n"

static const struct {
    const char *what;
    const char *text;
    size_t line; /* that is named; 0: it is well formed */
} texts[] = {
    {"as it should be", HEAD "extra YQ==\nindex 3\n" HASH HASH "\nnote", 0},
    {"without extra data", HEAD "index 0\n\nnote", 0},
    {"the largest index", HEAD "index 9007199254740990\n\n", 0},
    {"nothing", "", 1},
    {"another version", "c2sp.org/tlog-proof@v2\nindex 0\n\n", 1},
    {"a carriage return", "c2sp.org/tlog-proof@v1\r\nindex 0\n\n", 1},
    {"the head alone", HEAD, 2},
    {"empty extra data", HEAD "extra \nindex 0\n\n", 2},
    {"extra data without padding", HEAD "extra YQ\nindex 0\n\n", 2},
    {"bits left over", HEAD "extra YR==\nindex 0\n\n", 2},
    {"extra data twice", HEAD "extra YQ==\nextra YQ==\nindex 0\n\n", 3},
    {"extra data behind", HEAD "index 0\nextra YQ==\n\n", 3},
    {"no index", HEAD HASH "\n", 2},
    {"no number", HEAD "index \n\n", 2},
    {"a leading zero", HEAD "index 00\n\n", 2},
    {"a sign", HEAD "index -1\n\n", 2},
    {"two blanks", HEAD "index  1\n\n", 2},
    {"beyond what is counted", HEAD "index 9007199254740991\n\n", 2},
    {"a short hash", HEAD "index 0\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXg==\n\n", 3},
    {"hash with bits left over", HEAD "index 0\nB95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmB=\n\n",
     3},
    {"a second hash that is none", HEAD "index 0\n" HASH "x\n\n", 4},
    {"no empty line", HEAD "index 0\n" HASH, 4},
};

START_TEST(malformed_texts_are_refused_by_line)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pst_tlog_proof proof;
        size_t line = 0;
        enum pst_err r = pst_tlog_proof_parse(pst_bytes_str(texts[i].text), &proof, &line);
        ck_assert_msg(r == (texts[i].line == 0 ? PST_OK : PST_ERR_SYNTAX), "%s: %s", texts[i].what,
                      pst_err_name(r));
        ck_assert_msg(line == texts[i].line, "%s: line %zu", texts[i].what, line);
        if (r == PST_OK)
            pst_tlog_proof_free(&proof);
    }
}
END_TEST

START_TEST(what_is_read_is_written_again)
{
    for (size_t i = 0; texts[i].line == 0; i++) {
        struct pst_tlog_proof proof;
        PST_BUF struct pst_buf out = {.max = PST_TLOG_PROOF_MAX_BYTES};
        ck_assert_int_eq(pst_tlog_proof_parse(pst_bytes_str(texts[i].text), &proof, NULL), PST_OK);
        ck_assert_int_eq(pst_tlog_proof_append(pst_buf_bytes(&proof.extra), proof.index,
                                               &proof.path, proof.checkpoint, &out),
                         PST_OK);
        ck_assert_str_eq(pst_buf_str(&out), texts[i].text);
        pst_tlog_proof_free(&proof);
    }
}
END_TEST

START_TEST(limits_hold)
{
    PST_BUF struct pst_buf text = {.max = 2 * PST_TLOG_PROOF_MAX_BYTES};
    PST_BUF struct pst_buf out = {.max = 2 * PST_TLOG_PROOF_MAX_BYTES};
    static uint8_t large[PST_TLOG_PROOF_MAX_BYTES + 1];
    struct pst_merkle_proof path = {.count = 0};
    struct pst_tlog_proof proof;
    size_t line = 0;
    ck_assert_int_eq(pst_buf_append_str(&text, HEAD "index 0\n"), PST_OK);
    for (int i = 0; i <= PST_MERKLE_PROOF_MAX; i++)
        ck_assert_int_eq(pst_buf_append_str(&text, HASH), PST_OK);
    ck_assert_int_eq(pst_tlog_proof_parse(pst_buf_bytes(&text), &proof, &line), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(line, 3 + PST_MERKLE_PROOF_MAX);
    struct pst_bytes all = pst_bytes(large, sizeof large);
    ck_assert_int_eq(pst_tlog_proof_parse(all, &proof, NULL), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_tlog_proof_append(all, 0, &path, pst_bytes(large, 1), &out),
                     PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_tlog_proof_append(pst_bytes(NULL, 0), 0, &path, all, &out),
                     PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_tlog_proof_append(pst_bytes(NULL, 0), PST_MERKLE_SIZE_MAX, &path,
                                           pst_bytes(large, 1), &out),
                     PST_ERR_INVALID);
    path.count = PST_MERKLE_PROOF_MAX + 1;
    ck_assert_int_eq(pst_tlog_proof_append(pst_bytes(NULL, 0), 0, &path, pst_bytes(large, 1), &out),
                     PST_ERR_INVALID);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

PST_UNIT_MAIN("tlog_proof", malformed_texts_are_refused_by_line, what_is_read_is_written_again,
              limits_hold)
