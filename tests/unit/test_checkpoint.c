#include "postern/checkpoint.h"

#include "ledger_fixture.h"
#include "unit.h"

/* The example of c2sp.org/tlog-checkpoint. */
#define EXAMPLE                                                                                    \
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

START_TEST(the_example_is_read_and_written)
{
    struct pst_checkpoint checkpoint;
    PST_BUF struct pst_buf out = {.max = PST_CHECKPOINT_TEXT_MAX_BYTES};
    ck_assert_int_eq(pst_checkpoint_parse(pst_bytes_str(EXAMPLE), &checkpoint), PST_OK);
    ck_assert(pst_bytes_equal(checkpoint.origin, pst_bytes_str("example.com/behind-the-sofa")));
    ck_assert_uint_eq(checkpoint.size, 20852163);
    ck_assert_int_eq(checkpoint.root.bytes[0], 0x0a);
    ck_assert_uint_eq(checkpoint.extensions.len, 0);
    ck_assert_int_eq(pst_checkpoint_append(&checkpoint, &out), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), EXAMPLE);
}
END_TEST

START_TEST(extensions_are_kept)
{
    struct pst_checkpoint checkpoint;
    PST_BUF struct pst_buf out = {.max = PST_CHECKPOINT_TEXT_MAX_BYTES};
    ck_assert_int_eq(pst_checkpoint_parse(pst_bytes_str(EXAMPLE "one\ntwo\n"), &checkpoint),
                     PST_OK);
    ck_assert(pst_bytes_equal(checkpoint.extensions, pst_bytes_str("one\ntwo\n")));
    ck_assert_int_eq(pst_checkpoint_append(&checkpoint, &out), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), EXAMPLE "one\ntwo\n");
}
END_TEST

static const struct {
    const char *what;
    const char *text;
    enum pst_err err;
} texts[] = {
    {"an empty tree", "o\n0\n" ROOT, PST_OK},
    {"the largest tree", "o\n9007199254740991\n" ROOT, PST_OK},
    {"nothing", "", PST_ERR_SYNTAX},
    {"an origin alone", "o\n", PST_ERR_SYNTAX},
    {"no root", "o\n1\n", PST_ERR_SYNTAX},
    {"an empty origin", "\n1\n" ROOT, PST_ERR_SYNTAX},
    {"a leading zero", "o\n01\n" ROOT, PST_ERR_SYNTAX},
    {"no size", "o\n\n" ROOT, PST_ERR_SYNTAX},
    {"a sign", "o\n-1\n" ROOT, PST_ERR_SYNTAX},
    {"a plus sign", "o\n+1\n" ROOT, PST_ERR_SYNTAX},
    {"a blank", "o\n1 \n" ROOT, PST_ERR_SYNTAX},
    {"hex", "o\n1f\n" ROOT, PST_ERR_SYNTAX},
    {"beyond what is counted", "o\n9007199254740992\n" ROOT, PST_ERR_SYNTAX},
    {"beyond 64 bits", "o\n18446744073709551617\n" ROOT, PST_ERR_SYNTAX},
    {"a short root", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n", PST_ERR_SYNTAX},
    {"a long root", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA\n", PST_ERR_SYNTAX},
    {"no padding", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", PST_ERR_SYNTAX},
    {"bits left over", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", PST_ERR_SYNTAX},
    {"the other alphabet", "o\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", PST_ERR_SYNTAX},
    {"no last line feed", "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", PST_ERR_SYNTAX},
    {"an empty extension", "o\n1\n" ROOT "\n", PST_ERR_SYNTAX},
    {"an extension's line feed", "o\n1\n" ROOT "extension", PST_ERR_SYNTAX},
};

START_TEST(malformed_texts_are_refused)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pst_checkpoint checkpoint;
        enum pst_err r = pst_checkpoint_parse(pst_bytes_str(texts[i].text), &checkpoint);
        ck_assert_msg(r == texts[i].err, "%s: %s", texts[i].what, pst_err_name(r));
    }
}
END_TEST

START_TEST(what_cannot_be_read_is_not_written)
{
    static char long_origin[PST_CHECKPOINT_ORIGIN_MAX_BYTES + 1];
    PST_BUF struct pst_buf out = {.max = 4096};
    memset(long_origin, 'o', sizeof long_origin);
    struct pst_checkpoint wrong[] = {
        {.origin = pst_bytes_str("")},
        {.origin = pst_bytes_str("two\nlines")},
        {.origin = pst_bytes_str("o"), .size = UINT64_C(1) << 53},
        {.origin = pst_bytes(long_origin, sizeof long_origin)},
        {.origin = pst_bytes_str("o"), .extensions = pst_bytes_str("no line feed")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(pst_checkpoint_append(&wrong[i], &out), PST_ERR_INVALID);
        ck_assert_uint_eq(out.len, 0);
    }
}
END_TEST

PST_UNIT_MAIN("checkpoint", the_example_is_read_and_written, extensions_are_kept,
              malformed_texts_are_refused, what_cannot_be_read_is_not_written)
