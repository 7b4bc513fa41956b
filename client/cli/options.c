#include "client/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_WORDS_MAX 3

const struct pst_cli_option pst_cli_common_options[] = {
    {"server", 0, "URL", "address of the practice's Postern", 0},
    {"profile", 0, "NAME", "whose sign-in to use", 0},
    {"ca", 0, "FILE", "certificates to trust for the server", PST_CLI_FILE},
    {"json", 0, NULL, "print the server's objects", 0},
    {"totp", 0, "CODE", "one-time code, where a step asks for it", 0},
    {"totp-secret-file", 0, "FILE", "compute one-time codes from this secret", PST_CLI_FILE},
    {"help", 'h', NULL, "say how the command is used", 0},
    {NULL, 0, NULL, NULL, 0},
};

static size_t words_of(const char *name)
{
    size_t words = 1;
    for (; *name != '\0'; name++)
        words += *name == ' ';
    return words;
}

/* Does the call begin with this command's words? */
static bool begins_with(const char *name, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        size_t len = strcspn(name, " ");
        if (strlen(argv[i]) != len || strncmp(argv[i], name, len) != 0)
            return false;
        if (name[len] == '\0')
            return true;
        name += len + 1;
    }
    return false;
}

static const struct pst_cli_command *find_command(int argc, char **argv, size_t *ret_words)
{
    for (size_t words = COMMAND_WORDS_MAX; words > 0; words--) {
        for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
            if (words_of(c->name) == words && begins_with(c->name, argc, argv)) {
                *ret_words = words;
                return c;
            }
        }
    }
    return NULL;
}

static const struct pst_cli_option *find_option(const struct pst_cli_option *table,
                                                const char *name, size_t len, char letter)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (letter != 0 ? table->letter == letter
                        : strlen(table->name) == len && strncmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

static const struct pst_cli_option *option_of(const struct pst_cli *cli, const char *name,
                                              size_t len, char letter)
{
    const struct pst_cli_option *own = find_option(cli->command->options, name, len, letter);
    return own != NULL ? own : find_option(pst_cli_common_options, name, len, letter);
}

static enum pst_err keep(struct pst_cli *cli, const struct pst_cli_option *option,
                         const char *value)
{
    if (cli->given_count == PST_CLI_OPTIONS_MAX)
        return pst_cli_fail(cli, PST_ERR_USAGE, "There are too many options.");
    if ((option->flags & PST_CLI_REPEATED) == 0 && pst_cli_has(cli, option->name))
        return pst_cli_fail(cli, PST_ERR_USAGE, "--%s can be given only once.", option->name);
    cli->given[cli->given_count++] = (struct pst_cli_given){option, value};
    return PST_OK;
}

/* One argument that begins with a hyphen, and the next if it is its value. */
static enum pst_err read_option(struct pst_cli *cli, int argc, char **argv, int *at)
{
    const char *arg = argv[*at];
    bool is_long = arg[1] == '-';
    const char *name = arg + (is_long ? 2 : 1);
    size_t len = is_long ? strcspn(name, "=") : 1;
    const struct pst_cli_option *option = option_of(cli, name, len, is_long ? 0 : name[0]);
    if (option == NULL)
        return pst_cli_fail(
            cli, PST_ERR_USAGE, "\"postern %s\" has no option %.*s. See \"postern help %s\".",
            cli->command->name, (int)(len + (is_long ? 2 : 1)), arg, cli->command->name);
    const char *value =
        is_long ? (name[len] == '=' ? name + len + 1 : NULL) : (name[1] != '\0' ? name + 1 : NULL);
    if (option->value == NULL) {
        if (value != NULL)
            return pst_cli_fail(cli, PST_ERR_USAGE, "--%s takes no value.", option->name);
        return keep(cli, option, "");
    }
    if (value == NULL && ++*at >= argc)
        return pst_cli_fail(cli, PST_ERR_USAGE, "--%s needs a value: %s.", option->name,
                            option->value);
    return keep(cli, option, value != NULL ? value : argv[*at]);
}

static enum pst_err check_complete(struct pst_cli *cli)
{
    if (pst_cli_has(cli, "help"))
        return PST_OK;
    const struct pst_cli_option *o = cli->command->options;
    for (; o != NULL && o->name != NULL; o++) {
        if ((o->flags & PST_CLI_REQUIRED) != 0 && !pst_cli_has(cli, o->name))
            return pst_cli_fail(cli, PST_ERR_USAGE, "\"postern %s\" needs --%s %s: %s.",
                                cli->command->name, o->name, o->value, o->help);
    }
    if (cli->operands_count < cli->command->operands_min ||
        cli->operands_count > cli->command->operands_max)
        return pst_cli_fail(cli, PST_ERR_USAGE, "Use it as \"postern %s%s%s\".", cli->command->name,
                            cli->command->operands[0] != '\0' ? " " : "", cli->command->operands);
    return PST_OK;
}

/* Options that may stand before the command ("postern --json threads"): how many arguments. */
static int leading_options(int argc, char **argv)
{
    int at = 0;
    while (at < argc && argv[at][0] == '-' && argv[at][1] == '-' && argv[at][2] != '\0') {
        size_t len = strcspn(argv[at] + 2, "=");
        const struct pst_cli_option *o = find_option(pst_cli_common_options, argv[at] + 2, len, 0);
        if (o == NULL)
            break;
        at += o->value != NULL && argv[at][2 + len] == '\0' ? 2 : 1;
    }
    return at < argc ? at : argc;
}

static enum pst_err read_arguments(struct pst_cli *cli, int from, int to, char **argv,
                                   char **ret_operands)
{
    bool only_operands = false;
    for (int i = from; i < to; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1] != '\0') {
            enum pst_err err = read_option(cli, to, argv, &i);
            if (err != PST_OK)
                return err;
        } else {
            ret_operands[cli->operands_count++] = argv[i];
        }
    }
    return PST_OK;
}

enum pst_err pst_cli_parse(struct pst_cli *cli, int argc, char **argv)
{
    int leading = leading_options(argc, argv);
    size_t words = 0;
    cli->command = find_command(argc - leading, argv + leading, &words);
    if (cli->command == NULL && leading < argc)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "There is no command \"%s\". \"postern help\" lists them.",
                            argv[leading]);
    if (cli->command == NULL)
        return pst_cli_fail(cli, PST_ERR_USAGE, "Say what to do. \"postern help\" lists it.");
    /* Operands move to the front of the arguments they stand among. */
    cli->operands = argv + leading + words;
    enum pst_err err = read_arguments(cli, 0, leading, argv, cli->operands);
    if (err == PST_OK)
        err = read_arguments(cli, leading + (int)words, argc, argv, cli->operands);
    if (err == PST_OK)
        cli->json = pst_cli_has(cli, "json");
    return err == PST_OK ? check_complete(cli) : err;
}

const char *pst_cli_nth(const struct pst_cli *cli, const char *name, size_t nth)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, name) == 0 && nth-- == 0)
            return cli->given[i].value;
    }
    return NULL;
}

const char *pst_cli_get(const struct pst_cli *cli, const char *name)
{
    return pst_cli_nth(cli, name, 0);
}

bool pst_cli_has(const struct pst_cli *cli, const char *name)
{
    return pst_cli_get(cli, name) != NULL;
}

enum pst_err pst_cli_get_int(struct pst_cli *cli, const char *name, long min, long max,
                             long fallback, long *ret_value)
{
    const char *text = pst_cli_get(cli, name);
    if (text == NULL) {
        *ret_value = fallback;
        return PST_OK;
    }
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
        return pst_cli_fail(cli, PST_ERR_USAGE, "--%s must be a number from %ld to %ld.", name, min,
                            max);
    *ret_value = value;
    return PST_OK;
}
