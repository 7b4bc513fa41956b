/* Sealing and opening whole files: sizes, pieces, damage, what comes out when. */
#include "postern/age.h"

#include "age_files.h"

/* Around the ends of chunks and of batches of four chunks; 1 MiB and more last. */
static const size_t sizes[] = {0,      1,      15,     16,      17,      65535,  65536,
                               65537,  65552,  131071, 131072,  131073,  262143, 262144,
                               262145, 327680, 327681, 1048576, 1048577, 1114113};
#define SIZE_COUNT (sizeof sizes / sizeof sizes[0])

static struct pst_secret *identity;
static struct pst_age_recipient recipient;
static uint8_t *plaintext;

static void setup_once(void)
{
    identity = identity_of(0x42);
    recipient = recipient_of(identity);
    plaintext = malloc(sizes[SIZE_COUNT - 1]);
    randombytes_buf(plaintext, sizes[SIZE_COUNT - 1]);
}

static void teardown_once(void)
{
    pst_secret_free(&identity);
    free(plaintext);
}

static void seal(size_t len, struct pst_buf *out)
{
    struct pst_age_sealing sealing = {.recipients = &recipient, .recipient_count = 1};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes(plaintext, len), out, NULL), PST_OK);
}

static enum pst_err open_in_pieces(struct pst_bytes file, size_t piece, struct pst_buf *out)
{
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    struct pst_age_opener *opener = NULL;
    enum pst_err r = pst_age_opener_new(&keys, pst_sink_buf(out), &opener);
    for (size_t at = 0; r == PST_OK && at < file.len; at += piece)
        r = pst_age_opener_update(
            opener, pst_bytes(file.ptr + at, file.len - at < piece ? file.len - at : piece));
    if (r == PST_OK)
        r = pst_age_opener_finish(opener);
    pst_age_opener_free(&opener);
    return r;
}

START_TEST(every_size_comes_back_in_any_pieces)
{
    static const size_t pieces[] = {1 << 30, 1 << 20, 65552, 65536, 65551, 4096, 997};
    setup_once();
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
        struct pst_age_header header;
        seal(sizes[i], &file);
        ck_assert_int_eq(pst_age_header_inspect(pst_buf_bytes(&file), &header), PST_OK);
        ck_assert_uint_eq(file.len - header.len, pst_age_payload_len(sizes[i]));
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            pst_buf_clear(&opened);
            ck_assert_int_eq(open_in_pieces(pst_buf_bytes(&file), pieces[p], &opened), PST_OK);
            ck_assert_uint_eq(opened.len, sizes[i]);
            ck_assert(sizes[i] == 0 || memcmp(opened.bytes, plaintext, sizes[i]) == 0);
        }
        pst_buf_free(&file);
        pst_buf_free(&opened);
    }
    teardown_once();
}
END_TEST

/* One file by single bytes, sealing and opening. */
START_TEST(byte_by_byte_gives_the_same_file)
{
    setup_once();
    uint8_t script[32] = {7};
    struct scripted first = {script, 32}, second = {script, 32};
    struct pst_random random = {scripted_fill, &first};
    struct pst_age_sealing sealing = {
        .recipients = &recipient, .recipient_count = 1, .random = &random};
    struct pst_buf whole = {.max = FILE_MAX}, single = {.max = FILE_MAX},
                   opened = {.max = FILE_MAX};
    size_t len = 131073;
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes(plaintext, len), &whole, NULL), PST_OK);
    struct pst_age_sealer *sealer = NULL;
    random.ctx = &second;
    ck_assert_int_eq(pst_age_sealer_new(&sealing, pst_sink_buf(&single), &sealer), PST_OK);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(pst_age_sealer_update(sealer, pst_bytes(plaintext + i, 1)), PST_OK);
    ck_assert_int_eq(pst_age_sealer_finish(sealer), PST_OK);
    ck_assert_int_eq(pst_age_sealer_finish(sealer), PST_ERR_INVALID);
    ck_assert_int_eq(pst_age_sealer_update(sealer, pst_bytes(plaintext, 1)), PST_ERR_INVALID);
    pst_age_sealer_free(&sealer);
    ck_assert(pst_bytes_equal(pst_buf_bytes(&whole), pst_buf_bytes(&single)));
    ck_assert_int_eq(open_in_pieces(pst_buf_bytes(&whole), 1, &opened), PST_OK);
    ck_assert_uint_eq(opened.len, len);
    pst_buf_free(&whole);
    pst_buf_free(&single);
    pst_buf_free(&opened);
    teardown_once();
}
END_TEST

START_TEST(no_beginning_of_a_file_opens)
{
    setup_once();
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    seal(100, &file);
    for (size_t len = 0; len < file.len; len++) {
        struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
        enum pst_err r = pst_age_open_buf(&keys, pst_bytes(file.bytes, len), &opened, NULL);
        ck_assert_msg(r == PST_ERR_TRUNCATED || r == PST_ERR_CRYPTO, "%zu bytes: %s", len,
                      pst_err_name(r));
        ck_assert_uint_eq(opened.len, 0);
    }
    pst_buf_free(&file);
    pst_buf_free(&opened);
    teardown_once();
}
END_TEST

START_TEST(no_changed_bit_opens)
{
    setup_once();
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    seal(100, &file);
    for (size_t bit = 0; bit < file.len * 8; bit++) {
        file.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL) != PST_OK,
                      "bit %zu", bit);
        ck_assert_uint_eq(opened.len, 0);
        file.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL), PST_OK);
    pst_buf_free(&file);
    pst_buf_free(&opened);
    teardown_once();
}
END_TEST

START_TEST(only_those_it_is_sealed_to_open_it)
{
    struct pst_secret *people[4];
    struct pst_age_recipient to[3];
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    for (size_t i = 0; i < 4; i++)
        people[i] = identity_of((uint8_t)(0x10 + i));
    for (size_t i = 0; i < 3; i++)
        to[i] = recipient_of(people[i]);
    struct pst_age_sealing sealing = {.recipients = to, .recipient_count = 3};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str("for three"), &file, NULL), PST_OK);
    for (size_t i = 0; i < 4; i++) {
        struct pst_age_keys keys = {.identities = &people[i], .identity_count = 1};
        pst_buf_clear(&opened);
        ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL),
                         i < 3 ? PST_OK : PST_ERR_NO_KEY);
        ck_assert_str_eq(pst_buf_str(&opened), i < 3 ? "for three" : "");
    }
    /* A stranger's identity first, and one that fits after it. */
    struct pst_secret *const mixed[] = {people[3], people[2]};
    struct pst_age_keys keys = {.identities = mixed, .identity_count = 2};
    pst_buf_clear(&opened);
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL), PST_OK);
    for (size_t i = 0; i < 4; i++)
        pst_secret_free(&people[i]);
    pst_buf_free(&file);
    pst_buf_free(&opened);
}
END_TEST

START_TEST(each_file_has_its_own_key_and_nonce)
{
    setup_once();
    struct pst_buf one = {.max = FILE_MAX}, two = {.max = FILE_MAX};
    seal(10, &one);
    seal(10, &two);
    ck_assert_uint_eq(one.len, two.len);
    for (size_t at = 40; at + 16 <= one.len; at += 16)
        ck_assert_int_ne(memcmp(one.bytes + at, two.bytes + at, 16), 0);
    pst_buf_free(&one);
    pst_buf_free(&two);
    teardown_once();
}
END_TEST

START_TEST(a_passphrase_opens_what_it_sealed)
{
    PST_SECRET struct pst_secret *right = secret_of("correct horse", 13);
    PST_SECRET struct pst_secret *wrong = secret_of("correct house", 13);
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    struct pst_age_sealing sealing = {.passphrase = right, .log_n = 10};
    struct pst_age_keys keys = {.passphrase = right};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str("key file"), &file, NULL), PST_OK);
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL), PST_OK);
    ck_assert_str_eq(pst_buf_str(&opened), "key file");
    keys.log_n_max = 9;
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL),
                     PST_ERR_UNSUPPORTED);
    keys = (struct pst_age_keys){.passphrase = wrong};
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL), PST_ERR_NO_KEY);
    setup_once();
    keys = (struct pst_age_keys){.identities = &identity, .identity_count = 1};
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, NULL), PST_ERR_NO_KEY);
    sealing.recipients = &recipient;
    sealing.recipient_count = 1;
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str(""), &file, NULL), PST_ERR_INVALID);
    sealing = (struct pst_age_sealing){.passphrase = right, .log_n = PST_AGE_SCRYPT_LOG_N_MAX + 1};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str(""), &file, NULL), PST_ERR_INVALID);
    teardown_once();
    pst_buf_free(&file);
    pst_buf_free(&opened);
}
END_TEST

START_TEST(the_file_key_comes_back_and_checks_the_stanzas)
{
    setup_once();
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    PST_SECRET struct pst_secret *sealed_with = NULL;
    PST_SECRET struct pst_secret *opened_with = NULL;
    struct pst_age_sealing sealing = {.recipients = &recipient, .recipient_count = 1};
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    struct pst_age_header header;
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str("x"), &file, &sealed_with), PST_OK);
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &opened, &opened_with), PST_OK);
    ck_assert(pst_secret_equal(sealed_with, opened_with));
    struct pst_age_opener *opener = NULL;
    pst_buf_clear(&opened);
    ck_assert_int_eq(pst_age_opener_new(&keys, pst_sink_buf(&opened), &opener), PST_OK);
    ck_assert_ptr_null(pst_age_opener_file_key(opener));
    ck_assert_uint_eq(pst_age_opener_header(opener, &header).len, 0);
    ck_assert_int_eq(pst_age_opener_update(opener, pst_buf_bytes(&file)), PST_OK);
    struct pst_bytes head = pst_age_opener_header(opener, &header);
    ck_assert_uint_eq(head.len, header.len);
    ck_assert_int_eq(
        pst_age_header_check_stanzas(head, &header, pst_age_opener_file_key(opener), &recipient, 1),
        PST_OK);
    pst_age_opener_free(&opener);
    pst_age_opener_free(&opener);
    pst_age_opener_free(NULL);
    pst_buf_free(&file);
    pst_buf_free(&opened);
    teardown_once();
}
END_TEST

/* Refuses from a given call on. */
struct stubborn {
    size_t calls;
    size_t refuse_at;
};

static enum pst_err stubborn_write(void *ctx, struct pst_bytes bytes)
{
    struct stubborn *stubborn = ctx;
    ck_assert_uint_gt(bytes.len, 0);
    return stubborn->calls++ >= stubborn->refuse_at ? PST_ERR_IO : PST_OK;
}

START_TEST(what_the_sink_returns_stops_the_stream)
{
    setup_once();
    for (size_t at = 0; at < 4; at++) {
        struct stubborn stubborn = {0, at};
        struct pst_age_sealing sealing = {.recipients = &recipient, .recipient_count = 1};
        struct pst_age_sealer *sealer = NULL;
        enum pst_err r =
            pst_age_sealer_new(&sealing, (struct pst_sink){stubborn_write, &stubborn}, &sealer);
        for (int i = 0; r == PST_OK && i < 2; i++)
            r = pst_age_sealer_update(sealer, pst_bytes(plaintext, 1 << 20));
        if (r == PST_OK)
            r = pst_age_sealer_finish(sealer);
        ck_assert_int_eq(r, PST_ERR_IO);
        if (sealer != NULL) {
            ck_assert_int_eq(pst_age_sealer_update(sealer, pst_bytes(plaintext, 1)), PST_ERR_IO);
            ck_assert_int_eq(pst_age_sealer_finish(sealer), PST_ERR_IO);
        }
        ck_assert_uint_eq(stubborn.calls, at + 1);
        pst_age_sealer_free(&sealer);
    }
    struct pst_buf file = {.max = FILE_MAX};
    seal(1 << 20, &file);
    struct stubborn stubborn = {0, 0};
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    struct pst_age_opener *opener = NULL;
    ck_assert_int_eq(
        pst_age_opener_new(&keys, (struct pst_sink){stubborn_write, &stubborn}, &opener), PST_OK);
    ck_assert_int_eq(pst_age_opener_update(opener, pst_buf_bytes(&file)), PST_ERR_IO);
    ck_assert_int_eq(pst_age_opener_finish(opener), PST_ERR_IO);
    ck_assert_uint_eq(stubborn.calls, 1);
    pst_age_opener_free(&opener);
    pst_buf_free(&file);
    teardown_once();
}
END_TEST

START_TEST(buffers_keep_what_they_held_when_it_fails)
{
    setup_once();
    struct pst_buf file = {.max = FILE_MAX}, out = {.max = FILE_MAX};
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    seal(200000, &file);
    file.bytes[file.len - 1] ^= 1;
    ck_assert_int_eq(pst_buf_append_str(&out, "kept"), PST_OK);
    ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&file), &out, NULL), PST_ERR_CRYPTO);
    ck_assert_str_eq(pst_buf_str(&out), "kept");
    /* The chunks that verified were in memory for a moment: they are wiped. */
    for (size_t i = 5; i < 1000; i++)
        ck_assert_int_eq(out.bytes[i], 0);
    struct pst_buf small = {.max = 300};
    struct pst_age_sealing sealing = {.recipients = &recipient, .recipient_count = 1};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes(plaintext, 200), &small, NULL),
                     PST_ERR_TOO_LONG);
    ck_assert_uint_eq(small.len, 0);
    pst_buf_free(&small);
    pst_buf_free(&file);
    pst_buf_free(&out);
    teardown_once();
}
END_TEST

PST_UNIT_MAIN("age", every_size_comes_back_in_any_pieces, byte_by_byte_gives_the_same_file,
              no_beginning_of_a_file_opens, no_changed_bit_opens,
              only_those_it_is_sealed_to_open_it, each_file_has_its_own_key_and_nonce,
              a_passphrase_opens_what_it_sealed, the_file_key_comes_back_and_checks_the_stanzas,
              what_the_sink_returns_stops_the_stream, buffers_keep_what_they_held_when_it_fails)
