/*
 * The life of one role's process, whoever started it: take what was inherited
 * or open it, give up every right it does not need, run. For main.c and the
 * supervisor.
 */
#ifndef POSTERN_SERVER_ROLE_RUN_H
#define POSTERN_SERVER_ROLE_RUN_H

#include <sys/types.h>

#include "server/role/role.h"

/* What posternd knows of a role; a table of these stands in main.c. */
struct pst_role_program {
    enum pst_process role;
    enum pst_err (*run)(struct pst_role_start *start);
    mode_t file_mask; /* 077; 007 for those that share the store's files by their group */
};

/* First descriptor that a role inherits; 0 to 2 are the standard ones. */
#define PST_ROLE_FIRST_FD 3

/*
 * Run it to its end.
 *   config_path   borrowed
 *   inherited     names of the descriptors from PST_ROLE_FIRST_FD on, as
 *                 "control,handover,https,certificate,key"; NULL without a supervisor
 * Returns the exit status of the process (sysexits.h).
 */
int pst_role_main(const struct pst_role_program *program, const char *config_path,
                  const char *inherited);

/* The data and run folders: made if missing; as root, given to the roles' shared group.
 * PST_OK; PST_ERR_IO; PST_ERR_NOT_FOUND when the group is not known. */
PST_MUST_CHECK enum pst_err pst_role_folders_make(const struct pst_config *config);

/* Read the configuration; on failure its sentence goes to stderr. As pst_config_read. */
PST_MUST_CHECK enum pst_err pst_role_config_read(const char *path, bool files,
                                                 struct pst_config **ret_config);

/* Soft limit of descriptors to the hard one; as root, both to what the configuration needs. */
void pst_role_files_limit_raise(const struct pst_config *config);

#endif
