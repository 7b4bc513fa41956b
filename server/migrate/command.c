#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/migrate/migrate.h"
#include "server/role/lock.h"
#include "server/role/run.h"

const char pst_migrate_usage[] = "-c FILE [--to URL] [--json]";

struct options {
    const char *config;
    const char *to;
    bool json;
};

static int usage(void)
{
    (void)fprintf(stderr, "usage: posternd migrate %s\n", pst_migrate_usage);
    return EX_USAGE;
}

static bool options_read(int argc, char **argv, struct options *ret_options)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'},
        {"to", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.config = NULL};
    int option = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", known, NULL)) != -1) {
        if (option == 'c')
            options.config = optarg;
        else if (option == 't')
            options.to = optarg;
        else if (option == 'j')
            options.json = true;
        else
            return false;
    }
    *ret_options = options;
    return optind == argc && options.config != NULL;
}

/* Whoever serves from the store would be served half of one schema and half of the other. */
static int lock_take(const struct pst_config *config, int *ret_lock)
{
    enum pst_err r = pst_role_store_lock(config, PST_LOCK_ALONE, ret_lock);
    if (r == PST_OK)
        return EX_OK;
    if (r == PST_ERR_BUSY)
        (void)fprintf(stderr, "posternd: the gateway is running, or another posternd migrate: "
                              "stop it first\n");
    else if (r == PST_ERR_NOT_FOUND)
        (void)fprintf(stderr, "posternd: there is no practice yet: run posternd init\n");
    else
        (void)fprintf(stderr, "posternd: %s/posternd.lock: %s\n", config->data, pst_err_text(r));
    return pst_err_exit(r);
}

static int migrate(const struct options *options, const struct pst_config *config)
{
    int lock = -1;
    int status = lock_take(config, &lock);
    if (status != EX_OK)
        return status;
    status = options->to == NULL ? pst_migrate_up(config, options->json)
                                 : pst_migrate_to(config, options->to, options->json);
    (void)close(lock);
    return fflush(stdout) == 0 ? status : EX_IOERR;
}

int pst_migrate_command(int argc, char **argv)
{
    struct options options;
    struct pst_config *config = NULL;
    if (!options_read(argc, argv, &options))
        return usage();
    /* Certificates may come later. */
    if (pst_role_config_read(options.config, /* files= */ false, &config) != PST_OK)
        return EX_CONFIG;
    int status = migrate(&options, config);
    pst_config_free(&config);
    return status;
}
