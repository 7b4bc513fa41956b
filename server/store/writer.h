/*
 * The writer: one thread that runs waiting jobs and commits them together.
 *
 * Only for store.c. A group first runs without savepoints: most operations
 * succeed, or fail before they changed anything. When one that had changed
 * something fails, the group is rolled back and run once more with a savepoint
 * each, so that the one that fails takes no other with it.
 */
#ifndef POSTERN_SERVER_STORE_WRITER_H
#define POSTERN_SERVER_STORE_WRITER_H

#include "server/store/engine.h"

struct pst_writer;

/* connection: taken, also on failure. Given; release with pst_writer_free. */
PST_MUST_CHECK enum pst_err pst_writer_new(const struct pst_engine *engine,
                                           struct pst_connection *connection,
                                           enum pst_store_role role,
                                           struct pst_writer **ret_writer);

/* Runs what waits, ends the thread, disconnects. */
void pst_writer_free(struct pst_writer **writer);

PST_MUST_CHECK enum pst_err pst_writer_submit(struct pst_writer *writer, struct pst_store_job *job);

/* Is this the writer's own thread? */
bool pst_writer_is_self(const struct pst_writer *writer);

void pst_writer_counters(struct pst_writer *writer, struct pst_store_counters *ret_counters);

#endif
