/*
 * Malformed files, written from the text of c2sp.org/age: each MUST of the
 * format has its case, and beside it the nearest file that is right. Headers
 * have a right MAC unless the case is about it, so that only the rule named can
 * refuse them.
 *
 * In a header's text: @S a whole X25519 stanza for our identity, @A its share,
 * @B its body, @F sixty-four characters of base 64.
 */
#include "age_files.h"

/* Sixteen bytes; the file key of every file here. */
#define FILE_KEY "sixteen byte key"
#define PASSPHRASE "open sesame"
#define V1 "age-encryption.org/v1\n"
#define F "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* A salt of 16 bytes. */
#define SALT "AAAAAAAAAAAAAAAAAAAAAA"

struct header_case {
    const char *name;
    const char *text; /* up to the end line */
    const char *end;  /* the end line; NULL: the right one */
    enum pst_err want;
};

static const struct header_case version_cases[] = {
    {"v1", V1 "@S", NULL, PST_OK},
    {"v2 is another format", "age-encryption.org/v2\n@S", NULL, PST_ERR_UNSUPPORTED},
    {"v10 is not v1", "age-encryption.org/v10\n@S", NULL, PST_ERR_UNSUPPORTED},
    {"V1 is not v1", "age-encryption.org/V1\n@S", NULL, PST_ERR_UNSUPPORTED},
    {"no version", "age-encryption.org/\n@S", NULL, PST_ERR_SYNTAX},
    {"longest version",
     "age-encryption.org/"
     "v23456789012345678901234567890123456789012345\n@S",
     NULL, PST_ERR_UNSUPPORTED},
    {"version too long to be one",
     "age-encryption.org/"
     "v234567890123456789012345678901234567890123456\n@S",
     NULL, PST_ERR_SYNTAX},
    {"space after the version", "age-encryption.org/v1 \n@S", NULL, PST_ERR_SYNTAX},
    {"CRLF after the version", "age-encryption.org/v1\r\n@S", NULL, PST_ERR_SYNTAX},
    {"name in other case", "Age-encryption.org/v1\n@S", NULL, PST_ERR_SYNTAX},
    {"space before", " age-encryption.org/v1\n@S", NULL, PST_ERR_SYNTAX},
    {"byte order mark before", "\xef\xbb\xbf" V1 "@S", NULL, PST_ERR_SYNTAX},
    {"empty line before", "\n" V1 "@S", NULL, PST_ERR_SYNTAX},
    {"empty line after", V1 "\n@S", NULL, PST_ERR_SYNTAX},
    {"another name", "example.com/v1\n@S", NULL, PST_ERR_SYNTAX},
};

static const struct header_case stanza_cases[] = {
    {"no stanza at all", V1, NULL, PST_ERR_SYNTAX},
    {"unknown stanza before ours is passed over", V1 "-> other a b\n\n@S", NULL, PST_OK},
    {"unknown stanza after ours is passed over", V1 "@S-> other\nAAAA\n", NULL, PST_OK},
    {"unknown stanza alone opens for nobody", V1 "-> other\nAAAA\n", NULL, PST_ERR_NO_KEY},
    {"empty body", V1 "-> other\n\n@S", NULL, PST_OK},
    {"full line and an empty last one", V1 "-> other\n" F "\n\n@S", NULL, PST_OK},
    {"two full lines and a short one", V1 "-> other\n" F "\n" F "\nAAA\n@S", NULL, PST_OK},
    {"last line of 63 columns is 47 bytes and bits",
     V1 "-> other\n" F "\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAAAAAAAAAAA\n@S",
     NULL, PST_OK},
    {"every visible character in an argument",
     V1 "-> !\"#$%&'()*+,-./0123456789:;<=>?@@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
        "abcdefghijklmnopqrstuvwxyz{|}~\n\n@S",
     NULL, PST_OK},
    {"an argument that looks like a mark", V1 "-> --- ->\n\n@S", NULL, PST_OK},
    {"no argument", V1 "-> \n\n@S", NULL, PST_ERR_SYNTAX},
    {"no space after the arrow", V1 "->other\n\n@S", NULL, PST_ERR_SYNTAX},
    {"arrow alone", V1 "->\n\n@S", NULL, PST_ERR_SYNTAX},
    {"two spaces after the arrow", V1 "->  other\n\n@S", NULL, PST_ERR_SYNTAX},
    {"two spaces between arguments", V1 "-> other  a\n\n@S", NULL, PST_ERR_SYNTAX},
    {"space after the arguments", V1 "-> other \n\n@S", NULL, PST_ERR_SYNTAX},
    {"tab between arguments", V1 "-> other\ta\n\n@S", NULL, PST_ERR_SYNTAX},
    {"control character in an argument", V1 "-> oth\x01r\n\n@S", NULL, PST_ERR_SYNTAX},
    {"DEL in an argument", V1 "-> oth\x7fr\n\n@S", NULL, PST_ERR_SYNTAX},
    {"UTF-8 in an argument", V1 "-> \xc3\xa9\n\n@S", NULL, PST_ERR_SYNTAX},
    {"CR after the arguments", V1 "-> other\r\n\n@S", NULL, PST_ERR_SYNTAX},
    {"another arrow", V1 "=> other\n\n@S", NULL, PST_ERR_SYNTAX},
    {"no body line", V1 "@S-> other\n", NULL, PST_ERR_SYNTAX},
    {"full line without a shorter last one", V1 "@S-> other\n" F "\n", NULL, PST_ERR_SYNTAX},
    {"line of 65 columns", V1 "-> other\n" F "A\n\n@S", NULL, PST_ERR_SYNTAX},
    {"line of 68 columns", V1 "-> other\n" F "AAAA\n\n@S", NULL, PST_ERR_SYNTAX},
    {"two short lines", V1 "-> other\nAAAA\nAAAA\n@S", NULL, PST_ERR_SYNTAX},
    {"short line before a full one", V1 "-> other\nAAAA\n" F "\n\n@S", NULL, PST_ERR_SYNTAX},
    {"two empty lines", V1 "-> other\n\n\n@S", NULL, PST_ERR_SYNTAX},
    {"padding in a body", V1 "-> other\nAA==\n@S", NULL, PST_ERR_SYNTAX},
    {"bits left over in a body", V1 "-> other\nAB\n@S", NULL, PST_ERR_SYNTAX},
    {"bits left over after a full line", V1 "-> other\n" F "\nAAB\n@S", NULL, PST_ERR_SYNTAX},
    {"one character alone in a body", V1 "-> other\nA\n@S", NULL, PST_ERR_SYNTAX},
    {"URL alphabet in a body", V1 "-> other\nAA-_\n@S", NULL, PST_ERR_SYNTAX},
    {"space in a body", V1 "-> other\nAA AA\n@S", NULL, PST_ERR_SYNTAX},
    {"CR in a body", V1 "-> other\nAAAA\r\n@S", NULL, PST_ERR_SYNTAX},
    {"space before a body", V1 "-> other\n AAAA\n@S", NULL, PST_ERR_SYNTAX},
};

static const struct header_case x25519_cases[] = {
    {"ours", V1 "-> X25519 @A\n@B\n", NULL, PST_OK},
    {"type in other case is another type", V1 "-> x25519 @A\n@B\n", NULL, PST_ERR_NO_KEY},
    {"no share", V1 "-> X25519\n@B\n", NULL, PST_ERR_SYNTAX},
    {"one argument too many", V1 "-> X25519 @A 1\n@B\n", NULL, PST_ERR_SYNTAX},
    {"one wrong beside a right one", V1 "@S-> X25519\n@B\n", NULL, PST_ERR_SYNTAX},
    {"share of 31 bytes", V1 "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n@B\n", NULL,
     PST_ERR_SYNTAX},
    {"share of 33 bytes", V1 "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n@B\n", NULL,
     PST_ERR_SYNTAX},
    {"share padded", V1 "-> X25519 @A=\n@B\n", NULL, PST_ERR_SYNTAX},
    {"share with bits left over", V1 "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBF\n@B\n",
     NULL, PST_ERR_SYNTAX},
    {"share in the URL alphabet", V1 "-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ_cYBE\n@B\n",
     NULL, PST_ERR_SYNTAX},
    {"empty body", V1 "-> X25519 @A\n\n", NULL, PST_ERR_SYNTAX},
    {"body of 31 bytes", V1 "-> X25519 @A\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NULL,
     PST_ERR_SYNTAX},
    {"body of 33 bytes", V1 "-> X25519 @A\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NULL,
     PST_ERR_SYNTAX},
    {"body of 48 bytes", V1 "-> X25519 @A\n" F "\n\n", NULL, PST_ERR_SYNTAX},
    {"body of 80 bytes", V1 "-> X25519 @A\n" F "\n@B\n", NULL, PST_ERR_SYNTAX},
    {"body that is not ours", V1 "-> X25519 @A\nqRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E\n",
     NULL, PST_ERR_NO_KEY},
    {"share of order one", V1 "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n@B\n", NULL,
     PST_ERR_CRYPTO},
    {"share of low order, not zero",
     V1 "-> X25519 X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc\n@B\n", NULL, PST_ERR_CRYPTO},
};

/* Keys for these: our identity and the passphrase, with a limit of 12. */
static const struct header_case scrypt_cases[] = {
    {"right shape, wrong passphrase", V1 "-> scrypt " SALT " 2\n@B\n", NULL, PST_ERR_NO_KEY},
    {"type in other case is another type", V1 "-> Scrypt " SALT " 2\n@B\n", NULL, PST_ERR_NO_KEY},
    {"no salt and no factor", V1 "-> scrypt\n@B\n", NULL, PST_ERR_SYNTAX},
    {"no factor", V1 "-> scrypt " SALT "\n@B\n", NULL, PST_ERR_SYNTAX},
    {"no salt", V1 "-> scrypt 2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"one argument too many", V1 "-> scrypt " SALT " 2 8\n@B\n", NULL, PST_ERR_SYNTAX},
    {"salt of 15 bytes", V1 "-> scrypt AAAAAAAAAAAAAAAAAAAA 2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"salt of 17 bytes", V1 "-> scrypt AAAAAAAAAAAAAAAAAAAAAAA 2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"salt with bits left over", V1 "-> scrypt AAAAAAAAAAAAAAAAAAAAAB 2\n@B\n", NULL,
     PST_ERR_SYNTAX},
    {"salt padded", V1 "-> scrypt " SALT "== 2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor 0", V1 "-> scrypt " SALT " 0\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with a leading zero", V1 "-> scrypt " SALT " 02\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor in hexadecimal", V1 "-> scrypt " SALT " 0xa\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor a letter", V1 "-> scrypt " SALT " a\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with a plus", V1 "-> scrypt " SALT " +2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with a minus", V1 "-> scrypt " SALT " -2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with garbage after", V1 "-> scrypt " SALT " 2a\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with garbage before", V1 "-> scrypt " SALT " a2\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor with a fraction", V1 "-> scrypt " SALT " 2.0\n@B\n", NULL, PST_ERR_SYNTAX},
    {"factor above the limit", V1 "-> scrypt " SALT " 13\n@B\n", NULL, PST_ERR_UNSUPPORTED},
    {"factor of twenty digits", V1 "-> scrypt " SALT " 18446744073709551618\n@B\n", NULL,
     PST_ERR_UNSUPPORTED},
    {"empty body", V1 "-> scrypt " SALT " 2\n\n", NULL, PST_ERR_SYNTAX},
    {"body of 31 bytes", V1 "-> scrypt " SALT " 2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
     NULL, PST_ERR_SYNTAX},
    {"body of 48 bytes", V1 "-> scrypt " SALT " 2\n" F "\n\n", NULL, PST_ERR_SYNTAX},
    {"two of them", V1 "-> scrypt " SALT " 2\n@B\n-> scrypt " SALT " 2\n@B\n", NULL,
     PST_ERR_SYNTAX},
    {"before an X25519 stanza that would open", V1 "-> scrypt " SALT " 2\n@B\n@S", NULL,
     PST_ERR_SYNTAX},
    {"after an X25519 stanza that would open", V1 "@S-> scrypt " SALT " 2\n@B\n", NULL,
     PST_ERR_SYNTAX},
    {"beside an unknown stanza", V1 "-> scrypt " SALT " 2\n@B\n-> other\n\n", NULL, PST_ERR_SYNTAX},
};

#define MAC "HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s"
static const struct header_case end_cases[] = {
    {"MAC of another header", V1 "@S", "--- " MAC "\n", PST_ERR_CRYPTO},
    {"no end line", V1 "@S", "", PST_ERR_TRUNCATED},
    {"no line feed", V1 "@S", "--- " MAC, PST_ERR_TRUNCATED},
    {"no MAC", V1 "@S", "---\n", PST_ERR_SYNTAX},
    {"no MAC but a space", V1 "@S", "--- \n", PST_ERR_SYNTAX},
    {"no space", V1 "@S", "---" MAC "\n", PST_ERR_SYNTAX},
    {"two spaces", V1 "@S", "---  " MAC "\n", PST_ERR_SYNTAX},
    {"tab instead of space", V1 "@S", "---\t" MAC "\n", PST_ERR_SYNTAX},
    {"space after", V1 "@S", "--- " MAC " \n", PST_ERR_SYNTAX},
    {"CR after", V1 "@S", "--- " MAC "\r\n", PST_ERR_SYNTAX},
    {"argument after", V1 "@S", "--- " MAC " a\n", PST_ERR_SYNTAX},
    {"padded", V1 "@S", "--- " MAC "=\n", PST_ERR_SYNTAX},
    {"bits left over", V1 "@S", "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75t\n",
     PST_ERR_SYNTAX},
    {"31 bytes", V1 "@S", "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG7w\n", PST_ERR_SYNTAX},
    {"33 bytes", V1 "@S", "--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75sA\n", PST_ERR_SYNTAX},
    {"four hyphens", V1 "@S", "---- " MAC "\n", PST_ERR_SYNTAX},
    {"two hyphens", V1 "@S", "-- " MAC "\n", PST_ERR_SYNTAX},
};

struct fixture {
    struct pst_secret *identity, *file_key, *passphrase;
    struct pst_buf stanza; /* @S */
};

static void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){
        .identity = identity_of(0x42),
        .file_key = secret_of(FILE_KEY, 16),
        .passphrase = secret_of(PASSPHRASE, sizeof PASSPHRASE - 1),
        .stanza = {.max = 1000},
    };
    struct pst_age_recipient to = recipient_of(fixture->identity);
    ck_assert_int_eq(pst_age_stanza_append(fixture->file_key, &to, &fixture->stanza), PST_OK);
}

static void fixture_free(struct fixture *fixture)
{
    pst_secret_free(&fixture->identity);
    pst_secret_free(&fixture->file_key);
    pst_secret_free(&fixture->passphrase);
    pst_buf_free(&fixture->stanza);
}

/* Append what @ and a letter stand for; @@ is @. */
static void expand(const struct fixture *fixture, char letter, struct pst_buf *out)
{
    const char *stanza = pst_buf_str(&fixture->stanza), *line = strchr(stanza, '\n');
    enum pst_err r = PST_ERR_INTERNAL;
    if (letter == 'S')
        r = pst_buf_append_str(out, stanza);
    else if (letter == 'A')
        r = pst_buf_append(out, stanza + 10, (size_t)(line - stanza) - 10);
    else if (letter == 'B')
        r = pst_buf_append(out, line + 1, strlen(line + 1) - 1);
    else if (letter == '@')
        r = pst_buf_append_byte(out, '@');
    ck_assert_int_eq(r, PST_OK);
}

static void build(const struct fixture *fixture, const struct header_case *c, struct pst_buf *file)
{
    for (const char *at = c->text; *at != 0; at++) {
        if (*at == '@')
            expand(fixture, *++at, file);
        else
            ck_assert_int_eq(pst_buf_append_byte(file, (uint8_t)*at), PST_OK);
    }
    if (c->end == NULL)
        header_close(file, fixture->file_key);
    else
        ck_assert_int_eq(pst_buf_append_str(file, c->end), PST_OK);
    if (c->end != NULL && c->want == PST_ERR_TRUNCATED)
        return;
    PST_SECRET struct pst_secret *key = payload_begin(file, fixture->file_key);
    payload_chunk(file, key, 0, 1, 10);
}

/* Opens in pieces of a size; what came out goes to opened. */
static enum pst_err open_pieces(const struct fixture *fixture, struct pst_bytes file, size_t piece,
                                struct pst_buf *opened)
{
    struct pst_age_keys keys = {.identities = &fixture->identity,
                                .identity_count = 1,
                                .passphrase = fixture->passphrase,
                                .log_n_max = 12};
    struct pst_age_opener *opener = NULL;
    enum pst_err r = pst_age_opener_new(&keys, pst_sink_buf(opened), &opener);
    for (size_t at = 0; r == PST_OK && at < file.len; at += piece)
        r = pst_age_opener_update(
            opener, pst_bytes(file.ptr + at, file.len - at < piece ? file.len - at : piece));
    if (r == PST_OK)
        r = pst_age_opener_finish(opener);
    pst_age_opener_free(&opener);
    return r;
}

static void run_header_cases(const struct header_case *cases, size_t count)
{
    static const size_t pieces[] = {100000, 1, 7};
    struct fixture fixture;
    fixture_init(&fixture);
    for (size_t i = 0; i < count; i++) {
        struct pst_buf file = {.max = FILE_MAX};
        build(&fixture, &cases[i], &file);
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            struct pst_buf opened = {.max = FILE_MAX};
            enum pst_err r = open_pieces(&fixture, pst_buf_bytes(&file), pieces[p], &opened);
            ck_assert_msg(r == cases[i].want, "%s: %s, not %s", cases[i].name, pst_err_name(r),
                          pst_err_name(cases[i].want));
            ck_assert_uint_eq(opened.len, r == PST_OK ? 10 : 0);
            pst_buf_free(&opened);
        }
        pst_buf_free(&file);
    }
    fixture_free(&fixture);
}

#define RUN(cases) run_header_cases(cases, sizeof(cases) / sizeof(cases)[0])

START_TEST(version_line)
{
    RUN(version_cases);
}
END_TEST

START_TEST(stanza_grammar)
{
    RUN(stanza_cases);
}
END_TEST

START_TEST(x25519_stanza)
{
    RUN(x25519_cases);
}
END_TEST

START_TEST(scrypt_stanza)
{
    RUN(scrypt_cases);
}
END_TEST

START_TEST(end_line)
{
    RUN(end_cases);
}
END_TEST

/* A wrapped file key of another length than 16 bytes, with a right tag. */
START_TEST(file_key_of_another_length)
{
    struct fixture fixture;
    fixture_init(&fixture);
    PST_SECRET struct pst_secret *ephemeral = identity_of(3);
    PST_SECRET struct pst_secret *wrap_key = NULL;
    struct pst_age_recipient to = recipient_of(fixture.identity), share = recipient_of(ephemeral);
    uint8_t shared[32], salt[64], nonce[12] = {0}, body[17 + 16];
    ck_assert_int_eq(crypto_scalarmult(shared, pst_secret_bytes(ephemeral), to.bytes), 0);
    memcpy(salt, share.bytes, 32);
    memcpy(salt + 32, to.bytes, 32);
    ck_assert_int_eq(pst_hkdf_sha256(pst_bytes(shared, 32), pst_bytes(salt, 64),
                                     "age-encryption.org/v1/X25519", 32, &wrap_key),
                     PST_OK);
    for (size_t len = 15; len <= 17; len++) {
        struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
        crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, (const uint8_t *)FILE_KEY, len, NULL,
                                                  0, NULL, nonce, pst_secret_bytes(wrap_key));
        ck_assert_int_eq(pst_buf_append_str(&file, V1 "-> X25519 "), PST_OK);
        ck_assert_int_eq(pst_base64_append(&file, pst_bytes(share.bytes, 32)), PST_OK);
        ck_assert_int_eq(pst_buf_append_byte(&file, '\n'), PST_OK);
        ck_assert_int_eq(pst_base64_append(&file, pst_bytes(body, len + 16)), PST_OK);
        ck_assert_int_eq(pst_buf_append_byte(&file, '\n'), PST_OK);
        header_close(&file, fixture.file_key);
        PST_SECRET struct pst_secret *key = payload_begin(&file, fixture.file_key);
        payload_chunk(&file, key, 0, 1, 10);
        ck_assert_int_eq(open_pieces(&fixture, pst_buf_bytes(&file), 1000, &opened),
                         len == 16 ? PST_OK : PST_ERR_SYNTAX);
        pst_buf_free(&file);
        pst_buf_free(&opened);
    }
    fixture_free(&fixture);
}
END_TEST

/* ---- payloads -------------------------------------------------------------- */

#define CHUNK ((size_t)PST_AGE_CHUNK_BYTES)
#define CHUNKS_MAX 3

struct payload_case {
    const char *name;
    struct {
        size_t len;
        uint64_t counter;
        uint8_t flag;
    } chunks[CHUNKS_MAX];
    size_t count;
    size_t cut;   /* bytes taken off the end */
    size_t extra; /* bytes added */
    enum pst_err want;
    size_t released; /* plaintext that verified before */
};

static const struct payload_case payload_cases[] = {
    {"empty", {{0, 0, 1}}, 1, 0, 0, PST_OK, 0},
    {"one byte", {{1, 0, 1}}, 1, 0, 0, PST_OK, 1},
    {"one full chunk", {{CHUNK, 0, 1}}, 1, 0, 0, PST_OK, CHUNK},
    {"full and short", {{CHUNK, 0, 0}, {1, 1, 1}}, 2, 0, 0, PST_OK, CHUNK + 1},
    {"two full", {{CHUNK, 0, 0}, {CHUNK, 1, 1}}, 2, 0, 0, PST_OK, 2 * CHUNK},
    {"empty last chunk after a full one",
     {{CHUNK, 0, 0}, {0, 1, 1}},
     2,
     0,
     0,
     PST_ERR_NOT_CANONICAL,
     CHUNK},
    {"empty last chunk after two",
     {{CHUNK, 0, 0}, {CHUNK, 1, 0}, {0, 2, 1}},
     3,
     0,
     0,
     PST_ERR_NOT_CANONICAL,
     2 * CHUNK},
    {"no nonce", {{0, 0, 0}}, 0, 16, 0, PST_ERR_TRUNCATED, 0},
    {"half a nonce", {{0, 0, 0}}, 0, 8, 0, PST_ERR_TRUNCATED, 0},
    {"no chunk", {{0, 0, 0}}, 0, 0, 0, PST_ERR_TRUNCATED, 0},
    {"a tag one byte short", {{0, 0, 1}}, 1, 1, 0, PST_ERR_TRUNCATED, 0},
    {"one byte cut off", {{100, 0, 1}}, 1, 1, 0, PST_ERR_CRYPTO, 0},
    {"a tag cut off", {{100, 0, 1}}, 1, 16, 0, PST_ERR_CRYPTO, 0},
    {"cut at a chunk's end", {{CHUNK, 0, 0}, {1, 1, 1}}, 2, 17, 0, PST_ERR_TRUNCATED, 0},
    {"cut at the second chunk's end",
     {{CHUNK, 0, 0}, {CHUNK, 1, 0}, {9, 2, 1}},
     3,
     25,
     0,
     PST_ERR_TRUNCATED,
     CHUNK},
    {"cut inside the last tag", {{CHUNK, 0, 0}, {1, 1, 1}}, 2, 5, 0, PST_ERR_TRUNCATED, CHUNK},
    {"cut to an empty chunk's length",
     {{CHUNK, 0, 0}, {1, 1, 1}},
     2,
     1,
     0,
     PST_ERR_NOT_CANONICAL,
     CHUNK},
    {"cut inside a full chunk", {{CHUNK, 0, 0}, {CHUNK, 1, 1}}, 2, 1000, 0, PST_ERR_CRYPTO, CHUNK},
    {"one byte after a short chunk", {{100, 0, 1}}, 1, 0, 1, PST_ERR_CRYPTO, 0},
    {"one byte after a full chunk", {{CHUNK, 0, 1}}, 1, 0, 1, PST_ERR_TRAILING, 0},
    {"sixteen bytes after a full chunk", {{CHUNK, 0, 1}}, 1, 0, 16, PST_ERR_TRAILING, 0},
    {"a chunk after the last", {{CHUNK, 0, 1}, {5, 1, 1}}, 2, 0, 0, PST_ERR_TRAILING, 0},
    {"a chunk after the last, later",
     {{CHUNK, 0, 0}, {CHUNK, 1, 1}, {5, 2, 1}},
     3,
     0,
     0,
     PST_ERR_TRAILING,
     CHUNK},
    {"last chunk not marked, short", {{100, 0, 0}}, 1, 0, 0, PST_ERR_CRYPTO, 0},
    {"last chunk not marked, full", {{CHUNK, 0, 0}}, 1, 0, 0, PST_ERR_TRUNCATED, 0},
    {"mark of 2", {{100, 0, 2}}, 1, 0, 0, PST_ERR_CRYPTO, 0},
    {"counter begins at 1", {{100, 1, 1}}, 1, 0, 0, PST_ERR_CRYPTO, 0},
    {"counter stays", {{CHUNK, 0, 0}, {100, 0, 1}}, 2, 0, 0, PST_ERR_CRYPTO, CHUNK},
    {"counter jumps", {{CHUNK, 0, 0}, {100, 2, 1}}, 2, 0, 0, PST_ERR_CRYPTO, CHUNK},
    {"chunks exchanged", {{CHUNK, 1, 0}, {CHUNK, 0, 0}, {1, 2, 1}}, 3, 0, 0, PST_ERR_CRYPTO, 0},
    {"short chunk in the middle", {{CHUNK - 1, 0, 0}, {100, 1, 1}}, 2, 0, 0, PST_ERR_CRYPTO, 0},
    {"long chunk", {{CHUNK + 1, 0, 1}}, 1, 0, 0, PST_ERR_CRYPTO, 0},
};

static void payload_build(const struct fixture *fixture, const struct payload_case *c,
                          struct pst_buf *file)
{
    ck_assert_int_eq(pst_buf_append_str(file, V1), PST_OK);
    ck_assert_int_eq(pst_buf_append_bytes(file, pst_buf_bytes(&fixture->stanza)), PST_OK);
    header_close(file, fixture->file_key);
    PST_SECRET struct pst_secret *key = payload_begin(file, fixture->file_key);
    for (size_t i = 0; i < c->count; i++)
        payload_chunk(file, key, c->chunks[i].counter, c->chunks[i].flag, c->chunks[i].len);
    pst_buf_truncate(file, file->len - c->cut);
    for (size_t i = 0; i < c->extra; i++)
        ck_assert_int_eq(pst_buf_append_byte(file, 'x'), PST_OK);
}

START_TEST(payload)
{
    static const size_t pieces[] = {FILE_MAX, 1, 65552, 4096};
    struct fixture fixture;
    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof payload_cases / sizeof payload_cases[0]; i++) {
        const struct payload_case *c = &payload_cases[i];
        struct pst_buf file = {.max = FILE_MAX};
        payload_build(&fixture, c, &file);
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            struct pst_buf opened = {.max = FILE_MAX};
            enum pst_err r = open_pieces(&fixture, pst_buf_bytes(&file), pieces[p], &opened);
            ck_assert_msg(r == c->want, "%s: %s, not %s", c->name, pst_err_name(r),
                          pst_err_name(c->want));
            ck_assert_msg(opened.len == c->released, "%s: %zu bytes came out", c->name, opened.len);
            for (size_t at = 0; at < opened.len; at++)
                if (opened.bytes[at] != 'x')
                    ck_abort_msg("%s: byte %zu", c->name, at);
            pst_buf_free(&opened);
        }
        pst_buf_free(&file);
    }
    fixture_free(&fixture);
}
END_TEST

/* A payload under another nonce is another file's. */
START_TEST(payload_of_another_file)
{
    struct fixture fixture;
    fixture_init(&fixture);
    const struct payload_case c = {"", {{100, 0, 1}}, 1, 0, 0, PST_OK, 100};
    struct pst_buf file = {.max = FILE_MAX}, opened = {.max = FILE_MAX};
    payload_build(&fixture, &c, &file);
    file.bytes[file.len - 116 - 16] ^= 1;
    ck_assert_int_eq(open_pieces(&fixture, pst_buf_bytes(&file), FILE_MAX, &opened),
                     PST_ERR_CRYPTO);
    ck_assert_uint_eq(opened.len, 0);
    pst_buf_free(&file);
    fixture_free(&fixture);
}
END_TEST

PST_UNIT_MAIN("age_malformed", version_line, stanza_grammar, x25519_stanza, scrypt_stanza, end_line,
              file_key_of_another_length, payload, payload_of_another_file)
