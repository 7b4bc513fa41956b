#include "postern/sign.h"

#include <string.h>

#include "unit.h"
#include "vectors.h"

START_TEST(signer_from_seed_is_the_vectors)
{
    struct pst_secret *seed = vectors_secret("signing.seed", PST_SIGN_SEED_BYTES);
    struct pst_signer *signer = NULL;
    struct pst_sign_public want;
    char id[PST_KEY_ID_TEXT_SIZE];
    ck_assert_int_eq(pst_signer_from_seed(seed, &signer), PST_OK);
    vectors_exact("signing.public", want.bytes, sizeof want.bytes);
    ck_assert_mem_eq(signer->public_key.bytes, want.bytes, sizeof want.bytes);
    pst_key_id_format(&signer->id, id);
    ck_assert_str_eq(id, vectors_text("signing.id"));
    pst_signer_free(&signer);
    pst_secret_free(&seed);
}
END_TEST

START_TEST(signatures_verify_until_anything_changes)
{
    struct pst_signer *signer = NULL;
    struct pst_signer *other = NULL;
    struct pst_signature signature;
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    ck_assert_int_eq(pst_signer_new(NULL, &other), PST_OK);
    struct pst_bytes text = pst_bytes_str("what is signed");
    ck_assert_int_eq(pst_sign(signer, text, &signature), PST_OK);
    ck_assert_int_eq(pst_sign_verify(&signer->public_key, text, &signature), PST_OK);
    ck_assert_int_eq(pst_sign_verify(&other->public_key, text, &signature), PST_ERR_CRYPTO);
    ck_assert_int_eq(
        pst_sign_verify(&signer->public_key, pst_bytes(text.ptr, text.len - 1), &signature),
        PST_ERR_CRYPTO);
    signature.bytes[63] ^= 1;
    ck_assert_int_eq(pst_sign_verify(&signer->public_key, text, &signature), PST_ERR_CRYPTO);
    pst_signer_free(&signer);
    pst_signer_free(&other);
}
END_TEST

START_TEST(seeds_of_another_length_are_refused)
{
    struct pst_secret *seed = NULL;
    struct pst_signer *signer = NULL;
    ck_assert_int_eq(pst_secret_random(31, &seed), PST_OK);
    ck_assert_int_eq(pst_signer_from_seed(seed, &signer), PST_ERR_INVALID);
    ck_assert_ptr_null(signer);
    pst_secret_free(&seed);
}
END_TEST

START_TEST(key_ids_have_one_spelling_and_sort_as_texts)
{
    struct pst_key_id a;
    struct pst_key_id b;
    ck_assert_int_eq(pst_key_id_parse("S4TmpD_rwBXEnqyL_rbP1A", 22, &a), PST_OK);
    ck_assert_int_eq(pst_key_id_parse("dKNm42iZG71qlXDDTZ35Zw", 22, &b), PST_OK);
    ck_assert_int_lt(pst_key_id_compare_text(&a, &b), 0);
    ck_assert(!pst_key_id_equal(&a, &b));
    ck_assert_int_eq(pst_key_id_parse("S4TmpD_rwBXEnqyL_rbP1B", 22, &b), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_key_id_parse("S4TmpD/rwBXEnqyL/rbP1A", 22, &b), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_key_id_parse("S4TmpD_rwBXEnqyL_rbP1A==", 24, &b), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_key_id_parse("S4TmpD_rwBXEnqyL_rbP", 20, &b), PST_ERR_SYNTAX);
    /* 0xfb begins with '-', which sorts before all others though its value is 62. */
    memset(a.bytes, 0xfb, sizeof a.bytes);
    memset(b.bytes, 0x00, sizeof b.bytes);
    ck_assert_int_lt(pst_key_id_compare_text(&a, &b), 0);
}
END_TEST

PST_UNIT_MAIN("sign", signer_from_seed_is_the_vectors, signatures_verify_until_anything_changes,
              seeds_of_another_length_are_refused, key_ids_have_one_spelling_and_sort_as_texts)
