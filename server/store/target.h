/* From a store's url to its engine and what the engine connects to. */
#ifndef POSTERN_SERVER_STORE_TARGET_H
#define POSTERN_SERVER_STORE_TARGET_H

#include "server/store/engine.h"

/* Write words for an operator; problem may be NULL. */
void pst_store_problem_set(struct pst_store_problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 *   ret_target  the url after its scheme, borrowed from url
 * PST_OK; PST_ERR_INVALID.
 */
PST_MUST_CHECK enum pst_err pst_store_target(const char *url, const struct pst_engine **ret_engine,
                                             const char **ret_target,
                                             struct pst_store_problem *ret_problem);

#endif
