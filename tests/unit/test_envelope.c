#include "postern/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/age_header.h"
#include "postern/cleanup.h"
#include "unit.h"
#include "vectors.h"

/* First line, three stanzas, MAC line. */
#define VECTOR_AGE_HEADER_LEN (22 + 3 * 98 + 48)

static void vector_envelope(struct pst_buf *out)
{
    vectors_bytes("envelope.bytes", out);
}

/* The flaw of bytes fed in pieces of this size. */
static enum pst_envelope_flaw check_pieces(struct pst_bytes bytes, size_t piece,
                                           struct pst_envelope_facts *ret_facts)
{
    struct pst_envelope_check *check = NULL;
    ck_assert_int_eq(pst_envelope_check_new(&check), PST_OK);
    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t len = bytes.len - at < piece ? bytes.len - at : piece;
        if (pst_envelope_check_update(check, pst_bytes(bytes.ptr + at, len)) != PST_ENVELOPE_OK)
            break;
    }
    enum pst_envelope_flaw flaw = pst_envelope_check_finish(check, ret_facts);
    pst_envelope_check_free(&check);
    return flaw;
}

static enum pst_envelope_flaw check_all(struct pst_bytes bytes)
{
    struct pst_envelope_facts facts;
    enum pst_envelope_flaw flaw = check_pieces(bytes, bytes.len, &facts);
    ck_assert_int_eq(check_pieces(bytes, 7, &facts), flaw);
    return flaw;
}

START_TEST(head_is_the_vectors)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_head head;
    struct pst_sign_public signer;
    char id[PST_KEY_ID_TEXT_SIZE];
    vector_envelope(&bytes);
    vectors_exact("envelope.signer", signer.bytes, sizeof signer.bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_envelope_verify(&head, pst_buf_bytes(&bytes), &signer), PST_OK);
    pst_key_id_format(&head.signer, id);
    ck_assert_str_eq(id, vectors_text("signing.id"));
    ck_assert_str_eq(head.header.origin, "messages.clinic.example");
    ck_assert_uint_eq(head.header.keys_count, 3);
    ck_assert_uint_eq(head.header.to_count, 1);
    ck_assert_int_eq(head.header.category, PST_CATEGORY_RESULT);
    ck_assert_int_eq(head.header.via, PST_VIA_NONE);
    ck_assert(!head.header.has_replyto);
    ck_assert_uint_eq(head.header.size, 519);
    ck_assert_uint_eq(head.len + head.header.size, bytes.len);
}
END_TEST

START_TEST(signed_again_it_is_the_vectors)
{
    PST_BUF struct pst_buf bytes;
    PST_BUF struct pst_buf out = {.max = 65536};
    struct pst_envelope_head head;
    struct pst_secret *seed = vectors_secret("signing.seed", PST_SIGN_SEED_BYTES);
    struct pst_signer *signer = NULL;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_signer_from_seed(seed, &signer), PST_OK);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_envelope_sign(&head.header, signer, &out), PST_OK);
    ck_assert_uint_eq(out.len, head.len);
    ck_assert_mem_eq(out.bytes, bytes.bytes, out.len);
    pst_signer_free(&signer);
    pst_secret_free(&seed);
}
END_TEST

START_TEST(head_needs_more_until_it_is_whole)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_head head;
    struct pst_envelope_head cut_head;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    for (size_t cut = 0; cut < head.len; cut++)
        ck_assert_int_eq(pst_envelope_head_parse(pst_bytes(bytes.bytes, cut), &cut_head),
                         PST_ERR_TRUNCATED);
    ck_assert_int_eq(pst_envelope_head_parse(pst_bytes(bytes.bytes, head.len), &cut_head), PST_OK);
}
END_TEST

START_TEST(another_key_does_not_verify)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_head head;
    struct pst_sign_public signer;
    struct pst_sign_public other;
    vector_envelope(&bytes);
    vectors_exact("envelope.signer", signer.bytes, sizeof signer.bytes);
    vectors_exact("enrol.public", other.bytes, sizeof other.bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_envelope_verify(&head, pst_buf_bytes(&bytes), &other), PST_ERR_NO_KEY);
    bytes.bytes[40] ^= 1;
    ck_assert_int_eq(pst_envelope_verify(&head, pst_buf_bytes(&bytes), &signer), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_envelope_verify(&head, pst_bytes(bytes.bytes, 10), &signer),
                     PST_ERR_INVALID);
}
END_TEST

START_TEST(vector_is_sealed_in_pieces_of_every_size)
{
    PST_BUF struct pst_buf bytes;
    struct pst_sha256 want;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_sha256(pst_buf_bytes(&bytes), &want), PST_OK);
    for (size_t piece = 1; piece <= bytes.len; piece++) {
        struct pst_envelope_facts facts = {0};
        ck_assert_int_eq(check_pieces(pst_buf_bytes(&bytes), piece, &facts), PST_ENVELOPE_OK);
        ck_assert(pst_sha256_equal(&facts.sha256, &want));
        ck_assert_uint_eq(facts.size, bytes.len);
        ck_assert_uint_eq(facts.age_header_len, VECTOR_AGE_HEADER_LEN);
    }
}
END_TEST

START_TEST(checker_gives_head_and_age_header_when_fed)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_check *check = NULL;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_check_new(&check), PST_OK);
    ck_assert_int_eq(pst_envelope_check_update(check, pst_bytes(bytes.bytes, 100)), 0);
    ck_assert_ptr_null(pst_envelope_check_head(check));
    ck_assert_uint_eq(pst_envelope_check_head_bytes(check).len, 0);
    ck_assert_int_eq(
        pst_envelope_check_update(check, pst_bytes(bytes.bytes + 100, bytes.len - 100)), 0);
    const struct pst_envelope_head *head = pst_envelope_check_head(check);
    ck_assert_ptr_nonnull(head);
    ck_assert_uint_eq(pst_envelope_check_head_bytes(check).len, head->len);
    struct pst_bytes age = pst_envelope_check_age_header(check);
    ck_assert_uint_eq(age.len, VECTOR_AGE_HEADER_LEN);
    ck_assert_mem_eq(age.ptr, bytes.bytes + head->len, age.len);
    pst_envelope_check_free(&check);
    pst_envelope_check_free(&check);
}
END_TEST

START_TEST(no_cut_and_no_flipped_bit_passes)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_facts facts;
    struct pst_envelope_head head;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    for (size_t cut = 0; cut < bytes.len; cut++)
        ck_assert_int_ne(check_pieces(pst_bytes(bytes.bytes, cut), 64, &facts), PST_ENVELOPE_OK);
    /* In the head only the signature may change: it is verified elsewhere. */
    for (size_t at = head.len; at < bytes.len; at++) {
        bytes.bytes[at] ^= 1;
        ck_assert_int_ne(check_pieces(pst_buf_bytes(&bytes), 4096, &facts), PST_ENVELOPE_OK);
        bytes.bytes[at] ^= 1;
    }
    ck_assert_int_eq(pst_buf_append_byte(&bytes, 'x'), PST_OK);
    ck_assert_int_eq(check_all(pst_buf_bytes(&bytes)), PST_ENVELOPE_LENGTH);
}
END_TEST

/* An envelope around any age file, with the header telling the truth about it. */
static void envelope_around(const struct pst_buf *age, size_t keys_count, struct pst_buf *out)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_head head;
    struct pst_signer *signer = NULL;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    head.header.keys_count = keys_count;
    head.header.size = age->len;
    ck_assert_int_eq(pst_sha256(pst_buf_bytes(age), &head.header.sha256), PST_OK);
    *out = (struct pst_buf){.max = 1 << 24};
    ck_assert_int_eq(pst_envelope_sign(&head.header, signer, out), PST_OK);
    ck_assert_int_eq(pst_buf_append_bytes(out, pst_buf_bytes(age)), PST_OK);
    pst_signer_free(&signer);
}

/* The vector's age header and any payload behind it. */
static enum pst_envelope_flaw check_payload(const void *payload, size_t len)
{
    PST_BUF struct pst_buf age;
    PST_BUF struct pst_buf envelope;
    vectors_bytes("age.file", &age);
    age.len = VECTOR_AGE_HEADER_LEN;
    ck_assert_int_eq(pst_buf_append(&age, payload, len), PST_OK);
    envelope_around(&age, 3, &envelope);
    return check_all(pst_buf_bytes(&envelope));
}

START_TEST(plaintext_dressed_as_an_age_file_is_found)
{
    static const struct {
        const char *begin;
        size_t len;
    } cases[] = {
#define BEGIN(text) {text, sizeof text - 1}
        BEGIN("%PDF-1.7\n%\xe2\xe3\xcf\xd3"),
        BEGIN("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        BEGIN("PK\3\4\x14\0\6\0\x08\0"),
        BEGIN("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        BEGIN("age-encryption.org/v1\n\xff"),
        BEGIN("RIFF\xff\xfe\x01\x02WEBPVP8 "),
        BEGIN("\xff\xd8\xff\xe0\0\x10JFIF\0"),
        BEGIN("\xff\xd8\xff\xe1\x12\x34"
              "Exif\0"),
        BEGIN("GIF89a\xff"),
        BEGIN("\x1f\x8b\x08\0\0\0\0\0\0\3"),
    };
    uint8_t payload[200];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(payload, 0x9c, sizeof payload);
        memcpy(payload, cases[i].begin, cases[i].len);
        ck_assert_msg(check_payload(payload, sizeof payload) == PST_ENVELOPE_PLAIN, "case %zu", i);
    }
    /* Text, also one whose 64th byte cuts a character, and Base64 of anything. */
    memset(payload, 'a', sizeof payload);
    ck_assert_int_eq(check_payload(payload, sizeof payload), PST_ENVELOPE_PLAIN);
    ck_assert_int_eq(check_payload(payload, 40), PST_ENVELOPE_PLAIN);
    memcpy(payload + 62, "\xe2\x82\xac", 3);
    ck_assert_int_eq(check_payload(payload, sizeof payload), PST_ENVELOPE_PLAIN);
    /* One byte that is no UTF-8 among the 64, and it may be a payload. */
    payload[10] = 0xff;
    ck_assert_int_eq(check_payload(payload, sizeof payload), PST_ENVELOPE_OK);
}
END_TEST

START_TEST(lengths_a_payload_cannot_have_are_found)
{
    static const struct {
        size_t len;
        enum pst_envelope_flaw want;
    } cases[] = {
        {31, PST_ENVELOPE_LENGTH},
        {32, PST_ENVELOPE_OK},
        {33, PST_ENVELOPE_OK},
        {16 + 65552, PST_ENVELOPE_OK},
        {16 + 65552 + 1, PST_ENVELOPE_LENGTH},
        {16 + 65552 + 16, PST_ENVELOPE_LENGTH}, /* an empty last chunk */
        {16 + 65552 + 17, PST_ENVELOPE_OK},
    };
    uint8_t *payload = malloc(1 << 18);
    ck_assert_ptr_nonnull(payload);
    memset(payload, 0x9c, 1 << 18);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(check_payload(payload, cases[i].len) == cases[i].want, "%zu", cases[i].len);
    free(payload);
}
END_TEST

START_TEST(stanzas_must_be_as_many_as_keys)
{
    PST_BUF struct pst_buf age;
    vectors_bytes("age.file", &age);
    for (size_t keys = 1; keys <= 3; keys++) {
        PST_BUF struct pst_buf envelope;
        envelope_around(&age, keys, &envelope);
        ck_assert_int_eq(check_all(pst_buf_bytes(&envelope)),
                         keys == 3 ? PST_ENVELOPE_OK : PST_ENVELOPE_STANZAS);
    }
}
END_TEST

/* The vector's age file with text in the place of its first stanza's first line. */
static enum pst_envelope_flaw check_first_line(const char *first_stanza)
{
    PST_BUF struct pst_buf whole;
    PST_BUF struct pst_buf age = {.max = 1 << 20};
    PST_BUF struct pst_buf envelope;
    vectors_bytes("age.file", &whole);
    const char *text = pst_buf_str(&whole);
    const char *second = strstr(strstr(text, "-> ") + 1, "-> ");
    ck_assert_int_eq(pst_buf_append_str(&age, "age-encryption.org/v1\n"), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&age, first_stanza), PST_OK);
    ck_assert_int_eq(pst_buf_append(&age, second, whole.len - (size_t)(second - text)), PST_OK);
    envelope_around(&age, 3, &envelope);
    return check_all(pst_buf_bytes(&envelope));
}

START_TEST(only_x25519_stanzas_are_taken)
{
    ck_assert_int_eq(check_first_line("-> joint-grease\n\n"), PST_ENVELOPE_AGE);
    ck_assert_int_eq(check_first_line(""), PST_ENVELOPE_STANZAS);
    ck_assert_int_eq(check_first_line("-> X25519 short\n\n"), PST_ENVELOPE_AGE);
    ck_assert_int_eq(check_first_line("no stanza\n"), PST_ENVELOPE_AGE);
}
END_TEST

START_TEST(a_header_without_end_stays_bounded)
{
    PST_BUF struct pst_buf endless = {.max = 1 << 24};
    PST_BUF struct pst_buf age = {.max = 1 << 24};
    PST_BUF struct pst_buf envelope;
    struct pst_envelope_head head;
    ck_assert_int_eq(pst_buf_append_str(&endless, "postern.sealed/1\n"), PST_OK);
    while (endless.len < 20000)
        ck_assert_int_eq(pst_buf_append_str(&endless, "{\"attachments\":0,"), PST_OK);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&endless), &head), PST_ERR_TOO_LONG);
    ck_assert_int_eq(check_all(pst_buf_bytes(&endless)), PST_ENVELOPE_HEAD);
    ck_assert_int_eq(pst_buf_append_str(&age, "age-encryption.org/v1\n"), PST_OK);
    while (age.len < 1 << 20)
        ck_assert_int_eq(pst_buf_append_str(&age, "-> grease\n\n"), PST_OK);
    envelope_around(&age, 3, &envelope);
    ck_assert_int_eq(check_all(pst_buf_bytes(&envelope)), PST_ENVELOPE_AGE);
}
END_TEST

START_TEST(claims_beyond_the_limit_are_refused_at_once)
{
    PST_BUF struct pst_buf bytes;
    struct pst_envelope_head head;
    struct pst_signer *signer = NULL;
    PST_BUF struct pst_buf out = {.max = 65536};
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    head.header.size = PST_ENVELOPE_MAX_BYTES;
    ck_assert_int_eq(pst_envelope_sign(&head.header, signer, &out), PST_OK);
    ck_assert_int_eq(check_all(pst_buf_bytes(&out)), PST_ENVELOPE_TOO_LARGE);
    pst_signer_free(&signer);
}
END_TEST

/* The vector's header line with one text replaced. */
static enum pst_err parse_changed(const char *from, const char *to)
{
    PST_BUF struct pst_buf bytes;
    PST_BUF struct pst_buf line = {.max = 65536};
    struct pst_envelope_head head;
    struct pst_envelope_header header;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    bytes.bytes[head.signed_len - 1] = 0;
    const char *whole = (const char *)bytes.bytes + strlen("postern.sealed/1\n");
    const char *at = strstr(whole, from);
    ck_assert_msg(at != NULL, "%s", from);
    ck_assert_int_eq(pst_buf_append(&line, whole, (size_t)(at - whole)), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&line, to), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&line, at + strlen(from)), PST_OK);
    return pst_envelope_header_parse(pst_buf_bytes(&line), &header);
}

#define ID_A "0190a0b0-0000-7000-8000-000000000001"
#define ID_B "0190a0b0-0000-7000-8000-000000000002"

START_TEST(header_members_are_strict)
{
    static const struct {
        const char *from;
        const char *to;
        bool want;
    } cases[] = {
        {"\"images\":0", "\"images\":0", true},
        {"\"attachments\":0", "\"attachments\":3", true},
        {"\"sha256\"", "\"sent\":1,\"sha256\"", false},
        {",\"sent\"", ",\"replyto\":\"" ID_A "\",\"sent\"", true},
        {"\"]}", "\"],\"via\":\"inbound\"}", true},
        {"\"]}", "\"],\"via\":\"portal\"}", false},
        {"\"]}", "\"],\"via\":null}", false},
        {"\"]}", "\"],\"unknown\":1}", false},
        {"\"images\":0", "\"images\":1", false}, /* more images than attachments */
        {"\"attachments\":0", "\"attachments\":-1", false},
        {"\"attachments\":0", "\"attachments\":\"0\"", false},
        {"\"attachments\":0,", "", false},
        {"\"category\":\"result\"", "\"category\":\"love\"", false},
        {"[\"" ID_B "\"]", "[]", false},
        {"[\"" ID_B "\"]", "\"" ID_B "\"", false},
        {"[\"" ID_B "\"]", "[\"" ID_A "\",\"" ID_B "\"]", true},
        {"[\"" ID_B "\"]", "[\"" ID_B "\",\"" ID_A "\"]", false},
        {"[\"" ID_B "\"]", "[\"" ID_B "\",\"" ID_B "\"]", false},
        {"\"S4TmpD_rwBXEnqyL_rbP1A\",", "", true},
        {"S4TmpD_rwBXEnqyL_rbP1A", "S4TmpD_rwBXEnqyL_rbP1B", false},
        {"S4TmpD_rwBXEnqyL_rbP1A", "z4TmpD_rwBXEnqyL_rbP1A", false},
        {"7000-8000-0000000000aa", "4000-8000-0000000000aa", false},
        {"7000-8000-0000000000bb", "4000-8000-0000000000bb", false},
        {"12:00:00.000Z", "12:00:00Z", false},
        {"\"size\":519", "\"size\":519.0", false},
        {"\"size\":519", "\"size\": 519", false},
        {"\"origin\":\"messages.clinic.example\"", "\"origin\":\"\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg((parse_changed(cases[i].from, cases[i].to) == PST_OK) == cases[i].want,
                      "%s -> %s", cases[i].from, cases[i].to);
}
END_TEST

START_TEST(first_line_tells_versions_from_nonsense)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {"", PST_ERR_TRUNCATED},
        {"postern.sealed/", PST_ERR_TRUNCATED},
        {"postern.sealed/2\n", PST_ERR_UNSUPPORTED},
        {"postern.sealed/1\r\n", PST_ERR_UNSUPPORTED},
        {"age-encryption.org/v1\n", PST_ERR_SYNTAX},
        {"Subject: hello\r\n", PST_ERR_SYNTAX},
        {"postern.sealed/1\n\n", PST_ERR_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_envelope_head head;
        ck_assert_msg(pst_envelope_head_parse(pst_bytes_str(cases[i].text), &head) == cases[i].want,
                      "%s", cases[i].text);
    }
}
END_TEST

START_TEST(sorting_drops_repeats)
{
    struct pst_envelope_header header = {
        .to = {{{3}}, {{1}}, {{3}}},
        .to_count = 3,
        .keys = {{{0x00}}, {{0xfb}}, {{0x00}}},
        .keys_count = 3,
    };
    pst_envelope_header_sort(&header);
    ck_assert_uint_eq(header.to_count, 2);
    ck_assert_uint_eq(header.to[0].bytes[0], 1);
    ck_assert_uint_eq(header.keys_count, 2);
    /* As texts: 0xfb begins with "-", which sorts before the "A" of 0x00. */
    ck_assert_uint_eq(header.keys[0].bytes[0], 0xfb);
}
END_TEST

START_TEST(a_header_as_large_as_can_be_fits)
{
    PST_BUF struct pst_buf bytes;
    PST_BUF struct pst_buf out = {.max = 65536};
    struct pst_envelope_head head;
    struct pst_envelope_head again;
    struct pst_signer *signer = NULL;
    vector_envelope(&bytes);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&bytes), &head), PST_OK);
    ck_assert_int_eq(pst_signer_new(NULL, &signer), PST_OK);
    memset(head.header.origin, 'o', PST_ORIGIN_MAX_BYTES);
    head.header.to_count = PST_ENVELOPE_TO_MAX;
    head.header.keys_count = PST_ENVELOPE_KEYS_MAX;
    head.header.has_replyto = true;
    head.header.replyto = head.header.id;
    head.header.via = PST_VIA_SUBMISSION;
    for (size_t i = 0; i < PST_ENVELOPE_TO_MAX; i++)
        head.header.to[i].bytes[0] = (uint8_t)(i + 1);
    for (size_t i = 0; i < PST_ENVELOPE_KEYS_MAX; i++)
        head.header.keys[i].bytes[0] = (uint8_t)(4 * i);
    pst_envelope_header_sort(&head.header);
    ck_assert_uint_eq(head.header.keys_count, PST_ENVELOPE_KEYS_MAX);
    ck_assert_int_eq(pst_envelope_sign(&head.header, signer, &out), PST_OK);
    ck_assert_int_eq(pst_envelope_head_parse(pst_buf_bytes(&out), &again), PST_OK);
    ck_assert_int_eq(memcmp(&again.header, &head.header, sizeof head.header), 0);
    pst_signer_free(&signer);
}
END_TEST

START_TEST(random_bytes_do_not_look_plain)
{
    uint8_t payload[PST_PLAIN_LOOK_BYTES];
    for (int i = 0; i < 100000; i++) {
        pst_random_fill(NULL, payload, sizeof payload);
        ck_assert(!pst_looks_plain(pst_bytes(payload, sizeof payload)));
    }
    ck_assert(!pst_looks_plain(pst_bytes(NULL, 0)));
}
END_TEST

PST_UNIT_MAIN("envelope", head_is_the_vectors, signed_again_it_is_the_vectors,
              head_needs_more_until_it_is_whole, another_key_does_not_verify,
              vector_is_sealed_in_pieces_of_every_size, checker_gives_head_and_age_header_when_fed,
              no_cut_and_no_flipped_bit_passes, plaintext_dressed_as_an_age_file_is_found,
              lengths_a_payload_cannot_have_are_found, stanzas_must_be_as_many_as_keys,
              only_x25519_stanzas_are_taken, a_header_without_end_stays_bounded,
              claims_beyond_the_limit_are_refused_at_once, header_members_are_strict,
              first_line_tells_versions_from_nonsense, sorting_drops_repeats,
              a_header_as_large_as_can_be_fits, random_bytes_do_not_look_plain)
