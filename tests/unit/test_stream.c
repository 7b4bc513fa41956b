#include "client/cli/stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "unit.h"

static char folder[] = "/tmp/postern-stream-XXXXXX";
static struct pst_cli cli;

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    cli = (struct pst_cli){.out = stdout, .err = fopen("/dev/null", "w")};
    ck_assert_ptr_nonnull(cli.err);
}

static void teardown(void)
{
    (void)fclose(cli.err);
    (void)unlink("file");
    (void)unlink("link");
    ck_assert_int_eq(chdir("/"), 0);
    /* Fails when anything was left behind. */
    ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void holds(const char *path, const char *want)
{
    char text[100] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_str_eq(text, want);
}

static void begin(const char *path, bool private, struct pst_output *output)
{
    struct pst_sink sink = pst_output_sink(output);
    ck_assert_int_eq(pst_output_open(&cli, path, private, output), PST_OK);
    ck_assert_int_eq(sink.write(sink.ctx, pst_bytes_str("new")), PST_OK);
}

START_TEST(a_file_appears_when_it_is_whole)
{
    struct pst_output output;
    setup();
    begin("file", /* private= */ true, &output);
    ck_assert_int_ne(access("file", F_OK), 0);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    holds("file", "new");
    teardown();
}
END_TEST

START_TEST(what_stood_there_stays_without_commit)
{
    struct pst_output output;
    setup();
    put("file", "old");
    begin("file", /* private= */ true, &output);
    pst_output_free(&output);
    holds("file", "old");
    begin("file", /* private= */ true, &output);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    holds("file", "new");
    teardown();
}
END_TEST

START_TEST(a_link_keeps_pointing_where_it_did)
{
    struct pst_output output;
    struct stat found;
    setup();
    put("file", "old");
    ck_assert_int_eq(symlink("file", "link"), 0);
    begin("link", /* private= */ true, &output);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    ck_assert_int_eq(lstat("link", &found), 0);
    ck_assert(S_ISLNK(found.st_mode));
    holds("file", "new");
    teardown();
}
END_TEST

START_TEST(plaintext_is_for_its_owner_alone)
{
    struct pst_output output;
    struct stat found;
    setup();
    mode_t before = umask(022);
    begin("file", /* private= */ true, &output);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    ck_assert_int_eq(stat("file", &found), 0);
    ck_assert_int_eq(found.st_mode & 0777, 0600);
    begin("file", /* private= */ false, &output);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    ck_assert_int_eq(stat("file", &found), 0);
    ck_assert_int_eq(found.st_mode & 0777, 0644);
    (void)umask(before);
    teardown();
}
END_TEST

START_TEST(devices_are_written_not_replaced)
{
    struct pst_output output;
    struct stat found;
    setup();
    begin("/dev/null", /* private= */ true, &output);
    ck_assert_ptr_null(output.temp);
    ck_assert_int_eq(pst_output_commit(&output), PST_OK);
    pst_output_free(&output);
    ck_assert_int_eq(stat("/dev/null", &found), 0);
    ck_assert(S_ISCHR(found.st_mode));
    teardown();
}
END_TEST

START_TEST(a_full_device_is_said)
{
    struct pst_output output;
    struct pst_sink sink = pst_output_sink(&output);
    setup();
    ck_assert_int_eq(pst_output_open(&cli, "/dev/full", /* private= */ true, &output), PST_OK);
    ck_assert_int_eq(sink.write(sink.ctx, pst_bytes_str("new")), PST_ERR_IO);
    ck_assert_int_eq(cli.exit_status, EX_CANTCREAT);
    pst_output_free(&output);
    teardown();
}
END_TEST

START_TEST(missing_folders_and_files_are_said)
{
    struct pst_output output;
    struct pst_buf read = {.max = 100};
    setup();
    ck_assert_int_eq(pst_output_open(&cli, "missing/file", /* private= */ true, &output),
                     PST_ERR_IO);
    ck_assert(cli.said);
    pst_output_free(&output);
    cli.said = false;
    ck_assert_int_eq(pst_input_push(&cli, "missing", pst_sink_buf(&read)), PST_ERR_IO);
    ck_assert(cli.said);
    ck_assert_int_eq(pst_input_push(&cli, ".", pst_sink_buf(&read)), PST_ERR_IO);
    teardown();
}
END_TEST

START_TEST(input_is_pushed_whole_and_stops_when_refused)
{
    struct pst_buf whole = {.max = 100}, small = {.max = 2};
    setup();
    put("file", "old");
    ck_assert_int_eq(pst_input_push(&cli, "file", pst_sink_buf(&whole)), PST_OK);
    ck_assert_str_eq(pst_buf_str(&whole), "old");
    ck_assert_int_eq(pst_input_push(&cli, "file", pst_sink_buf(&small)), PST_ERR_TOO_LONG);
    ck_assert(!cli.said);
    pst_buf_free(&whole);
    teardown();
}
END_TEST

PST_UNIT_MAIN("stream", a_file_appears_when_it_is_whole, what_stood_there_stays_without_commit,
              a_link_keeps_pointing_where_it_did, plaintext_is_for_its_owner_alone,
              devices_are_written_not_replaced, a_full_device_is_said,
              missing_folders_and_files_are_said, input_is_pushed_whole_and_stops_when_refused)
