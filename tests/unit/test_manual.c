#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "unit.h"

#define MANUAL_MAX_BYTES 131072

static char manual[MANUAL_MAX_BYTES];

static void read_manual(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/client/cli/postern.1", getenv("POSTERN_SOURCE"));
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    size_t len = fread(manual, 1, sizeof manual - 1, file);
    fclose(file);
    ck_assert_uint_lt(len, sizeof manual - 1);
    manual[len] = '\0';
}

static const char *commands_end(void)
{
    const char *end = strstr(manual, "\n.Sh ENVIRONMENT");
    ck_assert_ptr_nonnull(end);
    return end;
}

/* The entry of a command: from its ".It Ic" to the next one's. */
static const char *entry_of(const char *name, const char **ret_end)
{
    char line[96];
    snprintf(line, sizeof line, "\n.It Ic %s", name);
    for (const char *at = strstr(manual, line); at != NULL; at = strstr(at + 1, line)) {
        const char *after = at + strlen(line);
        if (*after != '\n' && strncmp(after, " Ar ", 4) != 0)
            continue;
        const char *next = strstr(after, "\n.It Ic ");
        *ret_end = next != NULL ? next : commands_end();
        return after;
    }
    return NULL;
}

/* "Fl -name" as a whole word before end. */
static bool names_option(const char *from, const char *end, const char *name)
{
    char text[64];
    size_t len = (size_t)snprintf(text, sizeof text, "\n.It Fl -%s", name);
    size_t short_len = strlen("\n.It Fl x , Fl -");
    for (const char *at = from; at < end; at++) {
        if (strncmp(at, text, len) == 0 && (at[len] == '\n' || at[len] == ' '))
            return true;
        if (strncmp(at, "\n.It Fl ", 8) == 0 && strncmp(at + 9, " , Fl -", 7) == 0 &&
            strncmp(at + short_len, name, strlen(name)) == 0 &&
            strchr(" \n", at[short_len + strlen(name)]) != NULL)
            return true;
    }
    return false;
}

START_TEST(every_command_and_option_stands_in_the_manual)
{
    read_manual();
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        const char *end = NULL;
        const char *entry = entry_of(c->name, &end);
        ck_assert_msg(entry != NULL, "postern.1 says nothing of \"%s\"", c->name);
        for (const struct pst_cli_option *o = c->options; o != NULL && o->name != NULL; o++)
            ck_assert_msg(names_option(entry, end, o->name), "postern.1: %s --%s", c->name,
                          o->name);
    }
    for (const struct pst_cli_option *o = pst_cli_common_options; o->name != NULL; o++)
        ck_assert_msg(names_option(manual, strstr(manual, "\n.Sh COMMANDS"), o->name),
                      "postern.1: --%s", o->name);
}
END_TEST

/* How many entries and options a text has. */
static size_t count(const char *from, const char *end, const char *what)
{
    size_t found = 0;
    for (const char *at = strstr(from, what); at != NULL && at < end; at = strstr(at + 1, what))
        found++;
    return found;
}

START_TEST(the_manual_names_nothing_that_is_not_there)
{
    size_t commands = 0;
    read_manual();
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        const char *end = NULL;
        const char *entry = entry_of(c->name, &end);
        size_t options = 0;
        ck_assert_ptr_nonnull(entry);
        for (const struct pst_cli_option *o = c->options; o != NULL && o->name != NULL; o++)
            options++;
        ck_assert_msg(count(entry, end, "\n.It Fl ") == options, "postern.1: options of \"%s\"",
                      c->name);
        commands++;
    }
    ck_assert_uint_eq(count(manual, commands_end(), "\n.It Ic "), commands);
}
END_TEST

PST_UNIT_MAIN("manual", every_command_and_option_stands_in_the_manual,
              the_manual_names_nothing_that_is_not_there)
