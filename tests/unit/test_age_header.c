/* What can be told of a header and a payload without any key; and stanzas with the file key. */
#include "age_files.h"

static const char good[] = "age-encryption.org/v1\n"
                           "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE\n"
                           "qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E\n"
                           "-> example.com/other a b c\n"
                           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                           "\n"
                           "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s\n";

START_TEST(tells_length_and_stanzas)
{
    struct pst_age_header header;
    struct pst_bytes bytes = pst_bytes(good, sizeof good - 1);
    ck_assert_int_eq(pst_age_header_inspect(bytes, &header), PST_OK);
    ck_assert_uint_eq(header.len, sizeof good - 1);
    ck_assert_uint_eq(header.mac_input, sizeof good - 1 - 45);
    ck_assert_uint_eq(header.stanza_count, 2);
    ck_assert_uint_eq(header.x25519_count, 1);
    ck_assert_uint_eq(header.scrypt_count, 0);
    ck_assert_int_eq(header.mac[0], 0x1c);

    struct pst_bytes rest = pst_age_header_stanzas(bytes, &header);
    struct pst_age_stanza stanza;
    ck_assert(pst_age_stanza_next(&rest, &stanza));
    ck_assert(pst_bytes_equal(pst_age_stanza_arg(&stanza, 0), pst_bytes_str("X25519")));
    ck_assert_uint_eq(pst_age_stanza_arg(&stanza, 1).len, 43);
    ck_assert_uint_eq(pst_age_stanza_arg(&stanza, 2).len, 0);
    ck_assert_uint_eq(stanza.body.len, 44);
    ck_assert(pst_age_stanza_next(&rest, &stanza));
    ck_assert(pst_bytes_equal(pst_age_stanza_arg(&stanza, 3), pst_bytes_str("c")));
    ck_assert_uint_eq(stanza.body.len, 66);
    ck_assert(!pst_age_stanza_next(&rest, &stanza));
}
END_TEST

START_TEST(every_beginning_asks_for_more)
{
    struct pst_age_header header;
    for (size_t len = 0; len < sizeof good - 1; len++)
        ck_assert_int_eq(pst_age_header_inspect(pst_bytes(good, len), &header), PST_ERR_TRUNCATED);
}
END_TEST

START_TEST(bytes_that_grow_are_read_once)
{
    struct pst_age_header_parser parser = {.line_at = 0};
    struct pst_buf so_far = {.max = 1000};
    for (size_t i = 0; i < sizeof good - 1; i++) {
        ck_assert_int_eq(pst_buf_append(&so_far, good + i, 1), PST_OK);
        ck_assert_int_eq(pst_age_header_feed(&parser, pst_buf_bytes(&so_far)),
                         i + 1 < sizeof good - 1 ? PST_ERR_TRUNCATED : PST_OK);
        ck_assert_uint_eq(parser.searched, i + 1);
    }
    ck_assert_uint_eq(parser.header.stanza_count, 2);
    pst_buf_free(&so_far);
}
END_TEST

/* What cannot become a header is refused before a line feed ever comes. */
START_TEST(other_files_are_refused_at_once)
{
    static const char *const others[] = {"P",  "PK\x03\x04",    "%PDF-1.7", "age-encryption.com",
                                         "\n", "-----BEGIN AGE"};
    struct pst_age_header header;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_int_eq(pst_age_header_inspect(pst_bytes_str(others[i]), &header), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(a_header_has_a_longest_length)
{
    struct pst_buf text = {.max = 2 * PST_AGE_HEADER_MAX_BYTES};
    struct pst_age_header header;
    ck_assert_int_eq(pst_buf_append_str(&text, "age-encryption.org/v1\n"), PST_OK);
    while (text.len < PST_AGE_HEADER_MAX_BYTES)
        ck_assert_int_eq(pst_buf_append_str(&text, "-> other\n\n"), PST_OK);
    ck_assert_int_eq(pst_age_header_inspect(pst_buf_bytes(&text), &header), PST_ERR_TOO_LONG);
    pst_buf_truncate(&text, PST_AGE_HEADER_MAX_BYTES - 1);
    ck_assert_int_eq(pst_age_header_inspect(pst_buf_bytes(&text), &header), PST_ERR_TRUNCATED);
    pst_buf_free(&text);
}
END_TEST

/* Every length up to three chunks, against every plaintext's length. */
START_TEST(payload_lengths_match_plaintext_lengths)
{
    enum { PLAINTEXT_MAX = 3 * PST_AGE_CHUNK_BYTES };
    static bool possible[PLAINTEXT_MAX + 1000];
    for (uint64_t plaintext = 0; plaintext <= PLAINTEXT_MAX; plaintext++) {
        uint64_t len = pst_age_payload_len(plaintext);
        ck_assert_uint_eq(pst_age_payload_plaintext_len(len), plaintext);
        possible[len] = true;
    }
    ck_assert_uint_eq(pst_age_payload_len(0), 32);
    ck_assert_uint_eq(pst_age_payload_len(65536), 65536 + 32);
    ck_assert_uint_eq(pst_age_payload_len(65537), 65537 + 48);
    uint64_t longest = pst_age_payload_len(PLAINTEXT_MAX);
    for (uint64_t len = 0; len <= longest; len++)
        if (pst_age_payload_len_possible(len) != possible[len])
            ck_abort_msg("payload of %llu", (unsigned long long)len);
    ck_assert_uint_eq(pst_age_payload_plaintext_len(31), 0);
}
END_TEST

START_TEST(a_stanza_text_is_exactly_one)
{
    static const char *const refused[] = {
        "",
        "-> a",
        "-> a\n",
        "-> a\nAAAA",
        "-> a\n\n-> b\n\n",
        "-> a\n\n ",
        "-> a\n\n--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s\n",
        "age-encryption.org/v1\n-> a\n\n",
        "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE\n\n",
    };
    struct pst_age_stanza stanza;
    ck_assert_int_eq(pst_age_stanza_parse(pst_bytes_str("-> a\nAAAA\n"), &stanza), PST_OK);
    ck_assert_uint_eq(stanza.text.len, 10);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        ck_assert_msg(pst_age_stanza_parse(pst_bytes_str(refused[i]), &stanza) == PST_ERR_SYNTAX,
                      "case %zu", i);
}
END_TEST

/* Three recipients and a header sealed to them, and what one who opened it finds. */
struct sealed {
    struct pst_secret *file_key;
    struct pst_age_recipient to[4];
    struct pst_buf text;
    struct pst_age_header header;
};

static void sealed_make(struct sealed *sealed, size_t count)
{
    *sealed = (struct sealed){.text = {.max = 10000}};
    ck_assert_int_eq(pst_secret_random(PST_AGE_FILE_KEY_BYTES, &sealed->file_key), PST_OK);
    for (size_t i = 0; i < 4; i++) {
        PST_SECRET struct pst_secret *identity = identity_of((uint8_t)(i + 1));
        sealed->to[i] = recipient_of(identity);
    }
    ck_assert_int_eq(pst_age_header_append(sealed->file_key, sealed->to, count, &sealed->text),
                     PST_OK);
    ck_assert_int_eq(pst_age_header_inspect(pst_buf_bytes(&sealed->text), &sealed->header), PST_OK);
}

static void sealed_free(struct sealed *sealed)
{
    pst_secret_free(&sealed->file_key);
    pst_buf_free(&sealed->text);
}

static enum pst_err check(const struct sealed *sealed, const struct pst_age_recipient *to,
                          size_t count)
{
    return pst_age_header_check_stanzas(pst_buf_bytes(&sealed->text), &sealed->header,
                                        sealed->file_key, to, count);
}

START_TEST(stanza_check_wants_exactly_these_in_this_order)
{
    struct sealed sealed;
    sealed_make(&sealed, 3);
    const struct pst_age_recipient *to = sealed.to;
    const struct pst_age_recipient swapped[] = {to[1], to[0], to[2]};
    const struct pst_age_recipient other[] = {to[0], to[1], to[3]};
    ck_assert_int_eq(check(&sealed, to, 3), PST_OK);
    ck_assert_int_eq(check(&sealed, to, 2), PST_ERR_CRYPTO);
    ck_assert_int_eq(check(&sealed, to, 4), PST_ERR_CRYPTO);
    ck_assert_int_eq(check(&sealed, to, 0), PST_ERR_CRYPTO);
    ck_assert_int_eq(check(&sealed, swapped, 3), PST_ERR_CRYPTO);
    ck_assert_int_eq(check(&sealed, other, 3), PST_ERR_CRYPTO);
    sealed_free(&sealed);
}
END_TEST

/* A stanza of the right shape that nobody can open: the server cannot tell, the reader can. */
START_TEST(stanza_check_finds_one_that_does_not_open)
{
    struct sealed sealed;
    sealed_make(&sealed, 2);
    struct pst_buf forged = {.max = 10000};
    size_t keep = sealed.header.stanzas_at;
    struct pst_bytes rest = pst_age_header_stanzas(pst_buf_bytes(&sealed.text), &sealed.header);
    struct pst_age_stanza stanza;
    ck_assert(pst_age_stanza_next(&rest, &stanza));
    ck_assert_int_eq(pst_buf_append(&forged, sealed.text.bytes, keep + stanza.text.len), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&forged,
                                        "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE\n"
                                        "qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E\n"),
                     PST_OK);
    header_close(&forged, sealed.file_key);
    struct pst_age_header header;
    ck_assert_int_eq(pst_age_header_inspect(pst_buf_bytes(&forged), &header), PST_OK);
    ck_assert_int_eq(pst_age_header_check_mac(pst_buf_bytes(&forged), &header, sealed.file_key),
                     PST_OK);
    ck_assert_int_eq(pst_age_header_check_stanzas(pst_buf_bytes(&forged), &header, sealed.file_key,
                                                  sealed.to, 2),
                     PST_ERR_CRYPTO);
    pst_buf_free(&forged);
    sealed_free(&sealed);
}
END_TEST

START_TEST(headers_are_for_distinct_recipients_that_can_be_sealed_to)
{
    struct sealed sealed;
    sealed_make(&sealed, 1);
    struct pst_age_recipient twice[] = {sealed.to[0], sealed.to[1], sealed.to[0]};
    struct pst_age_recipient zero = {{0}};
    PST_SECRET struct pst_secret *long_key = identity_of(1);
    struct pst_buf out = {.max = 10000};
    ck_assert_int_eq(pst_age_header_append(sealed.file_key, twice, 3, &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_age_header_append(sealed.file_key, &zero, 1, &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_age_header_append(sealed.file_key, twice, 0, &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_age_header_append(long_key, twice, 1, &out), PST_ERR_INVALID);
    ck_assert_uint_eq(out.len, 0);
    pst_buf_free(&out);
    sealed_free(&sealed);
}
END_TEST

START_TEST(a_grant_opens_only_its_own_file_with_its_own_key)
{
    struct sealed one, two;
    sealed_make(&one, 2);
    sealed_make(&two, 2);
    PST_SECRET struct pst_secret *newcomer = identity_of(9);
    PST_SECRET struct pst_secret *stranger = identity_of(10);
    PST_SECRET struct pst_secret *file_key = NULL;
    struct pst_age_recipient to = recipient_of(newcomer);
    struct pst_buf stanza = {.max = 1000};
    ck_assert_int_eq(pst_age_stanza_append(one.file_key, &to, &stanza), PST_OK);
    ck_assert_int_eq(pst_age_grant_unwrap(pst_buf_bytes(&stanza), pst_buf_bytes(&two.text),
                                          &two.header, newcomer, &file_key),
                     PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_age_grant_unwrap(pst_buf_bytes(&stanza), pst_buf_bytes(&one.text),
                                          &one.header, stranger, &file_key),
                     PST_ERR_NO_KEY);
    ck_assert_ptr_null(file_key);
    ck_assert_int_eq(pst_age_grant_unwrap(pst_buf_bytes(&stanza), pst_buf_bytes(&one.text),
                                          &one.header, newcomer, &file_key),
                     PST_OK);
    ck_assert(pst_secret_equal(file_key, one.file_key));
    pst_buf_free(&stanza);
    sealed_free(&one);
    sealed_free(&two);
}
END_TEST

PST_UNIT_MAIN("age_header", tells_length_and_stanzas, every_beginning_asks_for_more,
              bytes_that_grow_are_read_once, other_files_are_refused_at_once,
              a_header_has_a_longest_length, payload_lengths_match_plaintext_lengths,
              a_stanza_text_is_exactly_one, stanza_check_wants_exactly_these_in_this_order,
              stanza_check_finds_one_that_does_not_open,
              headers_are_for_distinct_recipients_that_can_be_sealed_to,
              a_grant_opens_only_its_own_file_with_its_own_key)
