/*
 * Who uses the store on this machine: a lock on one file in the data folder.
 *
 * Every process that serves from the store shares it; a command that needs the
 * store for itself (posternd migrate) takes it alone. The kernel lets go of it
 * when the last process that has it ends, however it ends. It knows nothing of
 * other machines: where several gateways serve from one database, whoever
 * migrates stops them.
 *
 * The file lies in the data folder and not in the run folder: that one is
 * removed and made anew when the service restarts, and the lock with it.
 */
#ifndef POSTERN_SERVER_ROLE_LOCK_H
#define POSTERN_SERVER_ROLE_LOCK_H

#include "postern/err.h"

struct pst_config;

enum pst_lock_kind {
    PST_LOCK_SHARED, /* serves */
    PST_LOCK_ALONE,  /* nobody else may have it meanwhile */
};

/*
 * Does not wait. The data folder must be there.
 *   ret_fd  given; closing it lets go
 * PST_OK; PST_ERR_BUSY: others have it; PST_ERR_NOT_FOUND: no data folder;
 * PST_ERR_DENIED; PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_role_store_lock(const struct pst_config *config,
                                                enum pst_lock_kind kind, int *ret_fd);

#endif
