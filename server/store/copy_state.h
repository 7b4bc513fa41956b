/* A copy under way. Only for copy*.c. */
#ifndef POSTERN_SERVER_STORE_COPY_STATE_H
#define POSTERN_SERVER_STORE_COPY_STATE_H

#include "postern/uuid.h"
#include "server/store/copy_table.h"
#include "server/store/practice.h"

/* The practice in the source, and when it was last used. */
struct pst_copy_source {
    char origin[PST_PRACTICE_ORIGIN_SIZE];
    int64_t created_at_ms;
    bool has_event;
    struct pst_uuid last_event;
};

struct pst_copy {
    struct pst_store *to;
    pst_copy_watch watch;
    void *watch_ctx;
    struct pst_copy_result *result;
    struct pst_store_problem *problem;
    /* Set anew by each run of the operation on the source: */
    struct pst_tx *from; /* one moment of the source */
    struct pst_copy_source source;
    int64_t rows; /* in the destination, as its mark says */
    bool stopped;
    struct pst_copy_progress progress;
};

/* Asks the watcher; false, and stopped, when there is to be an end. */
bool pst_copy_goes_on(struct pst_copy *copy);

/*
 * Hold every row of the destination against the source's. PST_OK: verified, or
 * result->end is DIFFERS, or stopped.
 */
PST_MUST_CHECK enum pst_err pst_copy_verify(struct pst_copy *copy);

#endif
