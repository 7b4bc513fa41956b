#include <stdio.h>
#include <sysexits.h>

#include "server/config/config.h"
#include "server/migrate/migrate.h"
#include "server/store/store.h"

static int fail(const char *what, enum pst_err r)
{
    (void)fprintf(stderr, "posternd: %s\n", what[0] != '\0' ? what : pst_err_text(r));
    return pst_err_exit(r);
}

static void tell(int from, int to, bool json)
{
    if (json)
        (void)printf("{\"from\": %d, \"to\": %d}\n", from, to);
    else if (from == to)
        (void)printf("The store is at version %d, this program's: nothing was to be done.\n", to);
    else
        (void)printf("The store was brought from version %d to %d.\n", from, to);
}

int pst_migrate_up(const struct pst_config *config, bool json)
{
    struct pst_store_problem problem = {{0}};
    int have = 0, know = 0, from = 0, to = 0;
    enum pst_err r = pst_store_version(config->store, &have, &know, &problem);
    bool behind = r == PST_ERR_UNSUPPORTED && have < know;
    /* Making a store is init's: what we made would be one without a practice. */
    if (r == PST_ERR_NOT_FOUND || (behind && have == 0))
        return fail("there is no practice yet: run posternd init", PST_ERR_NOT_FOUND);
    if (r == PST_OK || behind)
        r = pst_store_migrate(config->store, &from, &to, &problem);
    if (r != PST_OK)
        return fail(problem.text, r);
    tell(from, to, json);
    return EX_OK;
}
