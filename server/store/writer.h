/*
 * A writer: a thread with a connection of its own that runs waiting jobs in
 * groups and commits each group together.
 *
 * Only for store.c. A group first runs in one transaction, without guards: most
 * operations succeed, or fail before they changed anything. When one that had
 * changed something fails, the group is rolled back and run once more, guarded,
 * so that the one that fails takes no other with it: with a savepoint each
 * where the engine has them, else each in a transaction of its own.
 *
 * This is also the one place where a transaction that failed through no fault
 * of its own (connection lost, deadlock, serialisation) is run again, and where
 * an uncertain commit is looked up before anybody is answered.
 */
#ifndef POSTERN_SERVER_STORE_WRITER_H
#define POSTERN_SERVER_STORE_WRITER_H

#include "server/store/engine.h"

struct pst_writer;

/*
 *   shared  its jobs run beside others (PST_BEGIN_SHARED)
 *   ret_writer  given; release with pst_writer_free
 * PST_OK; PST_ERR_NOMEM; else as the engine's connect.
 */
PST_MUST_CHECK enum pst_err pst_writer_new(const struct pst_engine *engine, const char *target,
                                           enum pst_store_role role, bool shared,
                                           struct pst_writer **ret_writer,
                                           struct pst_store_problem *ret_problem);

/* Runs what waits, ends the thread, disconnects. */
void pst_writer_free(struct pst_writer **writer);

PST_MUST_CHECK enum pst_err pst_writer_submit(struct pst_writer *writer, struct pst_store_job *job);

/* Is this the writer's own thread? */
bool pst_writer_is_self(const struct pst_writer *writer);

/* Adds this writer's to the counters. */
void pst_writer_counters(struct pst_writer *writer, struct pst_store_counters *counters);

#endif
