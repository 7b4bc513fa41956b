#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/migrate/migrate.h"
#include "server/migrate/watch.h"
#include "server/store/copy.h"

#define MIB (INT64_C(1024) * 1024)

struct migration {
    const struct pst_config *config;
    const char *url;
    bool json;
    struct pst_store *from;
    struct pst_store *to;
    struct pst_migrate_watch watch;
    struct pst_copy_result result;
    struct pst_store_problem problem;
};

static int fail(const char *where, const struct pst_store_problem *problem, enum pst_err r)
{
    (void)fprintf(stderr, "posternd: %s%s\n", where,
                  problem->text[0] != '\0' ? problem->text : pst_err_text(r));
    return pst_err_exit(r);
}

/* ---- both stores ---------------------------------------------------------- */

static int source_open(struct migration *all)
{
    int have = 0, know = 0;
    const char *url = all->config->store;
    enum pst_err r = pst_store_version(url, &have, &know, &all->problem);
    if (r == PST_OK)
        r = pst_store_open(url, PST_STORE_COPY, &all->from, &all->problem);
    return r == PST_OK ? EX_OK : fail("the practice's store: ", &all->problem, r);
}

static int destination_refuse(const char *why)
{
    (void)fprintf(stderr, "posternd: the destination: %s\n", why);
    return pst_err_exit(PST_ERR_EXISTS);
}

/* Nothing is changed in a store that may be somebody's: one of another version is. */
static int destination_open(struct migration *all)
{
    int have = 0, know = 0;
    if (strcmp(all->url, all->config->store) == 0)
        return destination_refuse("this is the practice's store itself");
    enum pst_err r = pst_store_version(all->url, &have, &know, &all->problem);
    if (r == PST_ERR_UNSUPPORTED && have != 0)
        return destination_refuse("it was made by another version of posternd: give an empty one");
    if (r == PST_OK || r == PST_ERR_NOT_FOUND || r == PST_ERR_UNSUPPORTED)
        r = pst_store_migrate(all->url, NULL, NULL, &all->problem);
    if (r == PST_OK)
        r = pst_store_open(all->url, PST_STORE_COPY, &all->to, &all->problem);
    return r == PST_OK ? EX_OK : fail("the destination: ", &all->problem, r);
}

/* ---- answers -------------------------------------------------------------- */

static void complete_tell(const struct migration *all, int64_t took_ms)
{
    const struct pst_copy_result *result = &all->result;
    (void)printf("Copied and verified, row by row: %lld rows in %d tables, %lld MiB, in %lld s.\n"
                 "The practice's store as it was is unchanged. To go on with the copy, put\n"
                 "  store = \"%s\";\n"
                 "into %s and start the gateway. The vault's key is needed as before:\n"
                 "it is in no store.\n",
                 (long long)result->rows, (int)PST_COPY_TABLES, (long long)(result->bytes / MIB),
                 (long long)(took_ms / PST_SECOND_MS), all->url, all->config->path);
}

static void stopped_tell(const struct migration *all)
{
    (void)fprintf(stderr,
                  "posternd: stopped; %lld rows are in the destination. The same command goes on "
                  "from there; until it is done, nothing opens the destination.\n",
                  (long long)all->result.rows);
}

static void difference_tell(const struct migration *all)
{
    (void)fprintf(stderr,
                  "posternd: the copy is not the same: table %s, %s. Nothing opens it; begin anew, "
                  "with an empty destination.\n",
                  pst_copy_table_name(all->result.different), all->result.difference);
}

static json_t *counts_json(const struct pst_copy_result *result)
{
    json_t *counts = json_object();
    for (int i = 0; i < PST_COPY_TABLES; i++)
        (void)json_object_set_new(counts, pst_copy_table_name((enum pst_copy_table_id)i),
                                  json_integer(result->counts[i]));
    return counts;
}

static void result_json(const struct migration *all, int64_t took_ms)
{
    const struct pst_copy_result *result = &all->result;
    PST_JSON json_t *object =
        json_pack("{s:b, s:I, s:I, s:f}", "complete", result->end == PST_COPY_COMPLETE, "rows",
                  (json_int_t)result->rows, "bytes", (json_int_t)result->bytes, "seconds",
                  (double)took_ms / (double)PST_SECOND_MS);
    if (result->end == PST_COPY_COMPLETE)
        (void)json_object_set_new(object, "tables", counts_json(result));
    if (result->end == PST_COPY_DIFFERS)
        (void)json_object_set_new(object, "difference",
                                  json_pack("{s:s, s:s}", "table",
                                            pst_copy_table_name(result->different), "what",
                                            result->difference));
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    (void)printf("\n");
}

static int result_tell(const struct migration *all, int64_t took_ms)
{
    static const int statuses[] = {[PST_COPY_COMPLETE] = EX_OK,
                                   [PST_COPY_STOPPED] = EX_TEMPFAIL,
                                   [PST_COPY_DIFFERS] = EX_DATAERR};
    if (all->json)
        result_json(all, took_ms);
    if (all->result.end == PST_COPY_STOPPED)
        stopped_tell(all);
    else if (all->result.end == PST_COPY_DIFFERS)
        difference_tell(all);
    else if (!all->json)
        complete_tell(all, took_ms);
    return statuses[all->result.end];
}

/* ---- the copy -------------------------------------------------------------- */

static int copy(struct migration *all)
{
    int64_t begun_ms = pst_clock_now(NULL);
    pst_migrate_watch_begin(&all->watch, all->json);
    enum pst_err r = pst_store_copy(all->from, all->to, pst_migrate_watch_step, &all->watch,
                                    &all->result, &all->problem);
    pst_migrate_watch_end(&all->watch);
    if (r == PST_OK)
        return result_tell(all, pst_clock_now(NULL) - begun_ms);
    bool refused = all->problem.text[0] != '\0';
    return fail(refused ? "" : "the copy broke off, the same command goes on: ", &all->problem, r);
}

int pst_migrate_to(const struct pst_config *config, const char *to, bool json)
{
    static int (*const steps[])(struct migration *) = {source_open, destination_open, copy};
    struct migration all = {.config = config, .url = to, .json = json};
    int status = EX_OK;
    for (size_t i = 0; status == EX_OK && i < sizeof steps / sizeof steps[0]; i++)
        status = steps[i](&all);
    pst_store_close(&all.to);
    pst_store_close(&all.from);
    return status;
}
