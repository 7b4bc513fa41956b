#include "client/cli/keyfile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postern/age.h"
#include "unit.h"

/* c2sp.org/age's example: 32 bytes 0x42. */
#define KEY "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"

static char path[] = "/tmp/postern-keyfile-XXXXXX";
static char phrase_path[] = "/tmp/postern-phrase-XXXXXX";
static struct pst_cli cli;
static struct pst_age_identities identities;

static void put(char *at, const void *bytes, size_t len)
{
    int fd = mkstemp(at);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    (void)close(fd);
}

static enum pst_err add(const void *bytes, size_t len)
{
    char at[sizeof path];
    memcpy(at, path, sizeof path);
    cli = (struct pst_cli){.out = stdout, .err = fopen("/dev/null", "w")};
    put(at, bytes, len);
    enum pst_err r = pst_keyfile_add(&cli, at, &identities);
    (void)unlink(at);
    (void)fclose(cli.err);
    return r;
}

static enum pst_err add_text(const char *text)
{
    return add(text, strlen(text));
}

START_TEST(identities_of_several_files_come_together)
{
    ck_assert_int_eq(add_text("# a comment\n" KEY "\n"), PST_OK);
    ck_assert_int_eq(add_text(KEY "\n" KEY "\n"), PST_OK);
    ck_assert_uint_eq(identities.count, 3);
    ck_assert_int_eq(pst_secret_bytes(identities.items[2])[31], 0x42);
    pst_age_identities_free(&identities);
}
END_TEST

START_TEST(other_files_are_said)
{
    static char large[PST_SECRET_MAX_BYTES];
    memset(large, '\n', sizeof large);
    ck_assert_int_eq(add_text(""), PST_ERR_SYNTAX);
    ck_assert(cli.said);
    ck_assert_int_eq(add_text("not a key\n"), PST_ERR_SYNTAX);
    ck_assert_int_eq(add(large, sizeof large), PST_ERR_TOO_LONG);
    ck_assert_int_eq(add_text("-----BEGIN AGE ENCRYPTED FILE-----\nx\n"), PST_ERR_SYNTAX);
    ck_assert(cli.said);
    cli.err = fopen("/dev/null", "w");
    ck_assert_int_eq(pst_keyfile_add(&cli, "/missing/key", &identities), PST_ERR_IO);
    (void)fclose(cli.err);
    ck_assert_uint_eq(identities.count, 0);
}
END_TEST

START_TEST(more_identities_than_the_limit_are_refused)
{
    for (int i = 0; i < PST_AGE_IDENTITIES_MAX; i++)
        ck_assert_int_eq(add_text(KEY "\n"), PST_OK);
    ck_assert_int_eq(add_text(KEY "\n"), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(identities.count, PST_AGE_IDENTITIES_MAX);
    pst_age_identities_free(&identities);
}
END_TEST

START_TEST(a_sealed_key_file_asks_for_its_passphrase)
{
    char at[sizeof phrase_path], other_at[sizeof phrase_path];
    struct pst_buf sealed = {.max = 10000};
    struct pst_secret *phrase = NULL;
    char text[] = "an example passphrase";
    memcpy(at, phrase_path, sizeof at);
    memcpy(other_at, phrase_path, sizeof other_at);
    put(at, "an example passphrase\n", 22);
    put(other_at, "another one\n", 12);
    ck_assert_int_eq(pst_secret_take(text, sizeof text - 1, &phrase), PST_OK);
    struct pst_age_sealing sealing = {.passphrase = phrase, .log_n = 10};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_bytes_str(KEY "\n"), &sealed, NULL), PST_OK);
    ck_assert_int_eq(setenv("POSTERN_PASSPHRASE_FILE", other_at, 1), 0);
    ck_assert_int_eq(add(sealed.bytes, sealed.len), PST_ERR_NO_KEY);
    ck_assert(cli.said);
    ck_assert_int_eq(setenv("POSTERN_PASSPHRASE_FILE", at, 1), 0);
    ck_assert_int_eq(add(sealed.bytes, sealed.len), PST_OK);
    ck_assert_uint_eq(identities.count, 1);
    sealed.bytes[sealed.len - 1] ^= 1;
    ck_assert_int_eq(add(sealed.bytes, sealed.len), PST_ERR_CRYPTO);
    ck_assert_uint_eq(identities.count, 1);
    pst_age_identities_free(&identities);
    pst_secret_free(&phrase);
    pst_buf_free(&sealed);
    (void)unlink(at);
    (void)unlink(other_at);
}
END_TEST

PST_UNIT_MAIN("keyfile", identities_of_several_files_come_together, other_files_are_said,
              more_identities_than_the_limit_are_refused, a_sealed_key_file_asks_for_its_passphrase)
