#include "server/check/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "postern/cleanup.h"
#include "server/config/config.h"

#define TEXT_MAX 2048

struct tally {
    bool json;
    bool failed;
    json_t *list;
};

static void tell_json(struct tally *tally, const char *name, const struct pst_check_result *result)
{
    json_t *row = json_pack("{s:s, s:b, s:s}", "name", name, "ok", result->ok, "text",
                            pst_buf_str(&result->text));
    if (result->has_days)
        (void)json_object_set_new(row, "days", json_integer(result->days));
    (void)json_array_append_new(tally->list, row);
}

static void tell(struct tally *tally, const char *name, const struct pst_check_result *result)
{
    tally->failed = tally->failed || !result->ok;
    if (tally->json)
        tell_json(tally, name, result);
    else
        (void)printf("%-4s %-14s %s\n", result->ok ? "ok" : "FAIL", name,
                     pst_buf_str(&result->text));
}

static void run_one(struct tally *tally, const struct pst_check *check,
                    const struct pst_config *config, time_t now)
{
    struct pst_check_result result = {.ok = false};
    pst_buf_init(&result.text, TEXT_MAX);
    enum pst_err r = check->run(config, now, &result);
    if (r != PST_OK) {
        result.ok = false;
        (void)fprintf(stderr, "posternd: the check %s could not be made: %s\n", check->name,
                      pst_err_text(r));
    }
    tell(tally, check->name, &result);
    pst_buf_free(&result.text);
}

/* The first check is whether there is a configuration at all; without, there is no other. */
static struct pst_config *run_config(struct tally *tally, const char *path)
{
    struct pst_config *config = NULL;
    struct pst_config_problem problem = {.text = ""};
    struct pst_check_result result = {.ok = false};
    pst_buf_init(&result.text, TEXT_MAX);
    enum pst_err r = pst_config_read(path, PST_CONFIG_CHECK_FILES, &config, &problem);
    result.ok = r == PST_OK;
    if (pst_buf_append_str(&result.text,
                           r == PST_OK ? "the configuration is in order" : problem.text) != PST_OK)
        result.ok = false;
    tell(tally, "configuration", &result);
    pst_buf_free(&result.text);
    return config;
}

int pst_check_run(const char *config_path, bool json)
{
    PST_JSON json_t *list = json_array();
    struct tally tally = {.json = json, .list = list};
    struct pst_config *config = run_config(&tally, config_path);
    time_t now = time(NULL);
    for (size_t i = 0; config != NULL && i < pst_checks_count; i++)
        run_one(&tally, &pst_checks[i], config, now);
    pst_config_free(&config);
    if (json) {
        PST_JSON json_t *all = json_pack("{s:b, s:O}", "ok", !tally.failed, "checks", list);
        (void)json_dumpf(all, stdout, JSON_INDENT(2));
        (void)printf("\n");
    }
    return tally.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
