#include "postern/hash.h"

#include <string.h>

#include "unit.h"
#include "vectors.h"

START_TEST(whole_and_streamed_agree_with_fips_180)
{
    /* SHA-256 of "abc", FIPS 180-4's example. */
    static const uint8_t want[PST_SHA256_BYTES] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                                   0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                                   0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                                   0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct pst_sha256 hash;
    struct pst_sha256_stream *stream = NULL;
    ck_assert_int_eq(pst_sha256(pst_bytes("abc", 3), &hash), PST_OK);
    ck_assert_mem_eq(hash.bytes, want, sizeof want);
    const struct pst_bytes parts[] = {pst_bytes("a", 1), pst_bytes(NULL, 0), pst_bytes("bc", 2)};
    memset(&hash, 0, sizeof hash);
    ck_assert_int_eq(pst_sha256_parts(parts, 3, &hash), PST_OK);
    ck_assert_mem_eq(hash.bytes, want, sizeof want);
    ck_assert_int_eq(pst_sha256_stream_new(&stream), PST_OK);
    for (int round = 0; round < 2; round++) {
        memset(&hash, 0, sizeof hash);
        ck_assert_int_eq(pst_sha256_stream_update(stream, pst_bytes("a", 1)), PST_OK);
        ck_assert_int_eq(pst_sha256_stream_update(stream, pst_bytes(NULL, 0)), PST_OK);
        ck_assert_int_eq(pst_sha256_stream_update(stream, pst_bytes("bc", 2)), PST_OK);
        ck_assert_int_eq(pst_sha256_stream_finish(stream, &hash), PST_OK);
        ck_assert_mem_eq(hash.bytes, want, sizeof want);
    }
    pst_sha256_stream_free(&stream);
    ck_assert_ptr_null(stream);
    pst_sha256_stream_free(&stream);
}
END_TEST

START_TEST(hash_of_a_record_is_the_vectors)
{
    struct pst_sha256 hash;
    struct pst_sha256 want;
    const char *record = vectors_text("records.invitation");
    size_t len = (size_t)(strstr(record, "\ned25519 ") - record) + 1;
    vectors_exact("records.invitation_hash", want.bytes, sizeof want.bytes);
    ck_assert_int_eq(pst_sha256(pst_bytes(record, len), &hash), PST_OK);
    ck_assert(pst_sha256_equal(&hash, &want));
}
END_TEST

PST_UNIT_MAIN("hash", whole_and_streamed_agree_with_fips_180, hash_of_a_record_is_the_vectors)
