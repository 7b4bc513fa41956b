/*
 * The practice itself: one row, made by posternd init. Its root key is accepted
 * once, from the first administrator's enrolment.
 */
#ifndef POSTERN_SERVER_STORE_PRACTICE_H
#define POSTERN_SERVER_STORE_PRACTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/sign.h"
#include "server/store/store.h"

#define PST_PRACTICE_ORIGIN_SIZE 254

struct pst_practice {
    char origin[PST_PRACTICE_ORIGIN_SIZE];
    bool has_root;
    struct pst_sign_public root;
};

/* PST_ERR_EXISTS: initialised before. */
PST_MUST_CHECK enum pst_err pst_practice_insert(struct pst_tx *tx, const char *origin,
                                                int64_t at_ms);

/* PST_ERR_NOT_FOUND: not initialised. */
PST_MUST_CHECK enum pst_err pst_practice_get(struct pst_tx *tx, struct pst_practice *ret_practice);

/* PST_ERR_NOT_FOUND: there is a root already. */
PST_MUST_CHECK enum pst_err pst_practice_set_root(struct pst_tx *tx,
                                                  const struct pst_sign_public *root);

#endif
