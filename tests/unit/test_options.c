#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "unit.h"

#define ARGS_MAX 16

/* One call, split at spaces, with what it says on stderr in said. */
struct call {
    struct pst_cli cli;
    char line[256];
    char *argv[ARGS_MAX];
    int argc;
    char said[1024];
};

static enum pst_err parse(struct call *call, const char *line)
{
    memset(call, 0, sizeof *call);
    snprintf(call->line, sizeof call->line, "%s", line);
    char *rest = call->line;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " "))
        call->argv[call->argc++] = word;
    call->cli.err = fmemopen(call->said, sizeof call->said - 1, "w");
    enum pst_err err = pst_cli_parse(&call->cli, call->argc, call->argv);
    fclose(call->cli.err);
    return err;
}

START_TEST(reads_operands_and_options_in_any_order)
{
    static struct call call;
    ck_assert_int_eq(parse(&call, "--json help --profile=ada patient --ca x.pem add"), PST_OK);
    ck_assert_str_eq(call.cli.command->name, "help");
    ck_assert_int_eq(call.cli.operands_count, 2);
    ck_assert_str_eq(call.cli.operands[0], "patient");
    ck_assert_str_eq(call.cli.operands[1], "add");
    ck_assert(call.cli.json);
    ck_assert_str_eq(pst_cli_get(&call.cli, "profile"), "ada");
    ck_assert_str_eq(pst_cli_get(&call.cli, "ca"), "x.pem");
    ck_assert_ptr_null(pst_cli_get(&call.cli, "server"));
}
END_TEST

START_TEST(after_two_hyphens_everything_is_an_operand)
{
    static struct call call;
    ck_assert_int_eq(parse(&call, "help -- --json"), PST_OK);
    ck_assert_int_eq(call.cli.operands_count, 1);
    ck_assert_str_eq(call.cli.operands[0], "--json");
    ck_assert(!call.cli.json);
}
END_TEST

static const struct {
    const char *line;
    const char *sentence;
} wrong[] = {
    {"frobnicate", "There is no command \"frobnicate\""},
    {"help --frobnicate", "has no option --frobnicate"},
    {"help -q", "has no option -q"},
    {"help --json=yes", "--json takes no value"},
    {"help --profile", "--profile needs a value: NAME"},
    {"help --profile a --profile b", "--profile can be given only once"},
    {"help a b c d", "Use it as \"postern help [COMMAND]\""},
    {"completion", "Use it as \"postern completion bash|zsh\""},
};

START_TEST(says_what_is_wrong_with_a_call)
{
    static struct call call;
    ck_assert_int_eq(parse(&call, wrong[_i].line), PST_ERR_USAGE);
    ck_assert_msg(strstr(call.said, wrong[_i].sentence) != NULL, "%s", call.said);
}
END_TEST

START_TEST(every_row_of_the_table_is_whole)
{
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        ck_assert_ptr_nonnull(c->run);
        ck_assert_ptr_nonnull(c->operands);
        ck_assert_msg(c->summary != NULL && c->summary[strlen(c->summary) - 1] != '.', "%s",
                      c->name);
        ck_assert_int_le(c->operands_min, c->operands_max);
        for (const struct pst_cli_option *o = c->options; o != NULL && o->name != NULL; o++) {
            ck_assert_msg(o->help != NULL, "%s --%s", c->name, o->name);
            for (const struct pst_cli_option *b = pst_cli_common_options; b->name != NULL; b++)
                ck_assert_msg(strcmp(o->name, b->name) != 0, "%s --%s", c->name, o->name);
        }
        for (const struct pst_cli_command *d = pst_cli_commands; d < c; d++)
            ck_assert_str_ne(c->name, d->name);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *line;
    const char *block;
} unsafe[] = {
    {"plain", "plain", "plain"},
    {"a\x1b[2Jb", "a\xef\xbf\xbd[2Jb", "a\xef\xbf\xbd[2Jb"},
    {"a\nb\tc", "a b c", "a\nb\tc"},
    {"a\r\nb", "a\xef\xbf\xbd b", "a\nb"},
    {"\xc2\x9b"
     "31m",
     "\xef\xbf\xbd"
     "31m",
     "\xef\xbf\xbd"
     "31m"},
    {"\xe2\x80\xaeoof", "\xef\xbf\xbdoof", "\xef\xbf\xbdoof"},
    {"se\xc3\xb1or", "se\xc3\xb1or", "se\xc3\xb1or"},
};

START_TEST(text_from_outside_cannot_drive_a_terminal)
{
    char out[256];
    for (int keep = 0; keep < 2; keep++) {
        memset(out, 0, sizeof out);
        FILE *file = fmemopen(out, sizeof out - 1, "w");
        pst_cli_write_safe(file, unsafe[_i].text, keep != 0);
        fclose(file);
        ck_assert_str_eq(out, keep != 0 ? unsafe[_i].block : unsafe[_i].line);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_add_test(tcase, reads_operands_and_options_in_any_order);
    tcase_add_test(tcase, after_two_hyphens_everything_is_an_operand);
    tcase_add_test(tcase, every_row_of_the_table_is_whole);
    tcase_add_loop_test(tcase, says_what_is_wrong_with_a_call, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_loop_test(tcase, text_from_outside_cannot_drive_a_terminal, 0,
                        sizeof unsafe / sizeof unsafe[0]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
