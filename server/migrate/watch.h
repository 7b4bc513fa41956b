/* What an operator sees while a copy goes on, and how they stop it. For to.c. */
#ifndef POSTERN_SERVER_MIGRATE_WATCH_H
#define POSTERN_SERVER_MIGRATE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store/copy.h"

struct pst_migrate_watch {
    bool silent;
    bool terminal; /* a bar; else a line now and then */
    bool begun;
    enum pst_copy_phase phase;
    int64_t begun_ms; /* the phase; monotonic */
    int64_t begun_rows;
    int64_t shown_ms;
    bool drawn; /* a bar stands in the line */
};

/* From here on SIGINT, SIGTERM and SIGHUP only ask for an end. */
void pst_migrate_watch_begin(struct pst_migrate_watch *watch, bool silent);

/* A pst_copy_watch; ctx is a struct pst_migrate_watch. */
bool pst_migrate_watch_step(const struct pst_copy_progress *progress, void *ctx);

/* The line is empty again. */
void pst_migrate_watch_end(struct pst_migrate_watch *watch);

#endif
