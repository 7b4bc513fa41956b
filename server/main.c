/*
 * posternd: the table of its commands, and of its roles.
 *
 * Everything else is in libraries. A command gets its own arguments, from its
 * name on, and returns the exit status (sysexits.h).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/secret.h"
#include "server/check/check.h"
#include "server/courier/courier.h"
#include "server/door/door.h"
#include "server/init/init.h"
#include "server/keeper/keeper.h"
#include "server/migrate/migrate.h"
#include "server/policy/policy.h"
#include "server/role/run.h"
#include "server/supervisor/supervisor.h"
#include "server/web/role.h"

/* Roles that open the store share its files by their group; the door has none. */
static const struct pst_role_program programs[] = {
    {PST_ROLE_WEB, pst_web_run, 007},
    {PST_ROLE_DOOR, pst_door_run, 077},
    {PST_ROLE_KEEPER, pst_keeper_run, 007},
    {PST_ROLE_COURIER, pst_courier_run, 007},
};

#define PROGRAMS (sizeof programs / sizeof programs[0])

struct options {
    const char *config;
    const char *role;
    const char *inherit;
    const char *records_key;
    const char *name;
    bool json;
};

static int usage(const char *command, const char *text)
{
    (void)fprintf(stderr, "usage: posternd %s %s\n", command, text);
    return EX_USAGE;
}

static bool options_read(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"role", required_argument, NULL, 'r'},
        {"inherit", required_argument, NULL, 'i'},
        {"json", no_argument, NULL, 'j'},
        {"records-key", required_argument, NULL, 'k'},
        {"name", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.config = NULL};
    int option = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", known, NULL)) != -1) {
        if (option == 'c')
            options.config = optarg;
        else if (option == 'r')
            options.role = optarg;
        else if (option == 'i')
            options.inherit = optarg;
        else if (option == 'j')
            options.json = true;
        else if (option == 'k')
            options.records_key = optarg;
        else if (option == 'n')
            options.name = optarg;
        else
            return false;
    }
    *ret_options = options;
    return optind == argc && options.config != NULL;
}

static const char run_usage[] = "-c FILE [--role door|web|mail|courier|keeper]";

static int run_role(const struct options *options)
{
    enum pst_process role = PST_ROLE_DOOR;
    if (pst_process_parse(options->role, &role) != PST_OK)
        return usage("run", run_usage);
    for (size_t i = 0; i < PROGRAMS; i++)
        if (programs[i].role == role)
            return pst_role_main(&programs[i], options->config, options->inherit);
    (void)fprintf(stderr, "posternd: this build has no role %s\n", options->role);
    return EX_UNAVAILABLE;
}

static int command_run(int argc, char **argv)
{
    struct options options;
    if (!options_read(argc, argv, &options) || options.json ||
        (options.inherit != NULL && options.role == NULL))
        return usage("run", run_usage);
    if (options.role != NULL)
        return run_role(&options);
    return pst_supervisor_run(programs, PROGRAMS, options.config);
}

static int command_check(int argc, char **argv)
{
    struct options options;
    if (!options_read(argc, argv, &options) || options.role != NULL || options.inherit != NULL)
        return usage("check", "-c FILE [--json]");
    return pst_check_run(options.config, options.json);
}

static const char init_usage[] = "-c FILE --records-key age1... [--name NAME]";

static int command_init(int argc, char **argv)
{
    struct options options;
    if (!options_read(argc, argv, &options) || options.role != NULL || options.inherit != NULL ||
        options.json || options.records_key == NULL)
        return usage("init", init_usage);
    return pst_init_run(options.config, options.records_key, options.name);
}

static const struct command {
    const char *name;
    const char *arguments;
    const char *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"check", "-c FILE [--json]", "look for what is wrong; exit 1 if anything is", command_check},
    {"init", init_usage, "make a practice and the first administrator's link", command_init},
    {"migrate", pst_migrate_usage, "bring the store up to this program; --to: copy it into another",
     pst_migrate_command},
    {"policy", pst_policy_usage, "what would happen to one exchange, rule by rule, and why",
     pst_policy_command},
    {"run", run_usage, "serve; with --role, that role alone", command_run},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static int help(FILE *to)
{
    (void)fprintf(to, "usage: posternd COMMAND ...\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(to, "  %-8s %s\n           %s\n", commands[i].name, commands[i].arguments,
                      commands[i].text);
    (void)fprintf(to, "\n  --help     this page\n  --version  of the program\n");
    return to == stdout ? EX_OK : EX_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout);
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("posternd %s\n", PST_VERSION);
        return EX_OK;
    }
    if (pst_secret_init() != PST_OK)
        return EX_SOFTWARE;
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "posternd: there is no command %s\n\n", argv[1]);
    return help(stderr);
}
