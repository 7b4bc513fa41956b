/*
 * What a process gives up before it reads a byte from outside.
 *
 * Main thread, before any other thread is started: ids belong to the process,
 * but the limits and flags here are taken per thread by the kernel.
 */
#ifndef POSTERN_SERVER_PRIVILEGE_H
#define POSTERN_SERVER_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "postern/err.h"

struct pst_privilege_ids {
    uid_t uid;
    gid_t gid;   /* primary */
    gid_t group; /* the one shared with other roles, for the store's files; or gid again */
};

/*
 * Look up who a role runs as.
 *
 *   user    a name, or a number that needs no passwd entry (its group is then
 *           the same number); NULL or "" for whoever runs this
 *   group   the shared group by name or number; NULL or "" for none of its own
 *
 * Returns PST_OK; PST_ERR_NOT_FOUND when a name is not known; PST_ERR_INVALID
 * when the user is root: no role is.
 */
PST_MUST_CHECK enum pst_err pst_privilege_resolve(const char *user, const char *group,
                                                  struct pst_privilege_ids *ret_ids);

/*
 * No core dumps, not traceable by its own user, no new privileges by exec, and
 * file_mask as umask. PST_OK; PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_privilege_harden(mode_t file_mask);

/* Closes every descriptor from first on. PST_OK; PST_ERR_IO. */
PST_MUST_CHECK enum pst_err pst_privilege_close_from(unsigned first);

/*
 * Become these ids for good, all three of each, with group as the only
 * supplementary one; then prove that there is no way back to root. Without
 * root nothing changes, which is an error only where ids differ.
 * Returns PST_OK; PST_ERR_DENIED.
 */
PST_MUST_CHECK enum pst_err pst_privilege_drop(const struct pst_privilege_ids *ids);

/* What a process has kept, as the kernel says it. */
struct pst_privilege_rights {
    uid_t uid;
    gid_t gid;
    int groups;            /* supplementary */
    uint64_t capabilities; /* effective and permitted, as bits; 0: none */
    bool no_new_privileges;
    bool dumpable;
    uint64_t core_bytes;   /* RLIMIT_CORE */
    uint64_t files;        /* RLIMIT_NOFILE */
    uint64_t locked_bytes; /* RLIMIT_MEMLOCK: guarded memory */
    mode_t file_mask;
    unsigned descriptors; /* open ones */
};

void pst_privilege_rights_read(struct pst_privilege_rights *ret_rights);

#endif
