/*
 * posternd migrate: bring the store's schema up to this program's; with --to,
 * copy the whole practice into another store, of whatever engine.
 *
 * Both need the store for themselves: neither begins while the gateway runs on
 * this machine (server/role/lock.h). The rows are server/store/copy.h's; here
 * is what an operator sees of it. For main.c.
 */
#ifndef POSTERN_SERVER_MIGRATE_MIGRATE_H
#define POSTERN_SERVER_MIGRATE_MIGRATE_H

#include <stdbool.h>

struct pst_config;

extern const char pst_migrate_usage[];

/* argv[0] is "migrate". Returns the exit status of the process (sysexits.h). */
int pst_migrate_command(int argc, char **argv);

/*
 * The two halves, with the lock taken. Exit statuses.
 *   to    url of the destination
 *   json  one object on stdout, and nothing while it goes on
 */
int pst_migrate_up(const struct pst_config *config, bool json);
int pst_migrate_to(const struct pst_config *config, const char *to, bool json);

#endif
