#include "postern/fingerprint.h"

#include <string.h>

#include "postern/age_key.h"
#include "unit.h"
#include "vectors.h"

START_TEST(fingerprints_are_the_vectors)
{
    struct pst_sign_public sign;
    struct pst_age_recipient person;
    struct pst_age_recipient records;
    char text[PST_FINGERPRINT_TEXT_SIZE];
    vectors_exact("signing.public", sign.bytes, sizeof sign.bytes);
    ck_assert_int_eq(
        pst_age_recipient_parse(pst_bytes_str(vectors_text("keys.patient.recipient")), &person),
        PST_OK);
    ck_assert_int_eq(
        pst_age_recipient_parse(pst_bytes_str(vectors_text("keys.records.recipient")), &records),
        PST_OK);
    pst_fingerprint(&sign, person.bytes, text);
    ck_assert_str_eq(text, vectors_text("fingerprint.person"));
    pst_fingerprint(NULL, records.bytes, text);
    ck_assert_str_eq(text, vectors_text("fingerprint.records"));
}
END_TEST

PST_UNIT_MAIN("fingerprint", fingerprints_are_the_vectors)
