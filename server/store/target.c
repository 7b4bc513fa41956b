#include "server/store/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct pst_engine *const engines[] = {&pst_engine_sqlite, &pst_engine_postgresql};

void pst_store_problem_set(struct pst_store_problem *problem, const char *format, ...)
{
    if (problem == NULL)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
}

static bool has_scheme(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

enum pst_err pst_store_target(const char *url, const struct pst_engine **ret_engine,
                              const char **ret_target, struct pst_store_problem *ret_problem)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (has_scheme(url, engines[i]->scheme)) {
            *ret_engine = engines[i];
            *ret_target = url + strlen(engines[i]->scheme);
            return PST_OK;
        }
    }
    pst_store_problem_set(ret_problem, "the store must be sqlite:/path/to/file or "
                                       "postgresql://LOGIN@HOST/DATABASE");
    return PST_ERR_INVALID;
}
