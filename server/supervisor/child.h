/* One role's process, as the supervisor sees it. */
#ifndef POSTERN_SERVER_SUPERVISOR_CHILD_H
#define POSTERN_SERVER_SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "postern/err.h"
#include "server/role/role.h"
#include "server/role/run.h"

struct pst_child {
    const struct pst_role_program *program;
    pid_t pid;           /* 0: does not run */
    int control;         /* our end, -1 while it does not run */
    bool ready;          /* this process said so */
    bool was_ready;      /* one of its processes ever did */
    bool stopping;       /* was told to */
    int64_t started_ms;  /* monotonic, as all here */
    int64_t alive_ms;    /* last heard of; 0: never yet */
    int64_t start_at_ms; /* 0: now, or runs */
    int64_t kill_at_ms;  /* 0: not being stopped */
    unsigned failures;   /* in a row */
};

/* A descriptor to hand down, and its name for --inherit. */
struct pst_child_fd {
    const char *name;
    int fd;
};

#define PST_CHILD_FDS_MAX (PST_ROLE_LISTENERS_MAX + 8)

/*
 * Start it: a new program image, so that no two roles share their addresses.
 *   fds   borrowed; the control socket is made here and comes first
 * Returns PST_OK; PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_child_start(struct pst_child *child, const char *config_path,
                                            const struct pst_child_fd *fds, size_t count,
                                            int64_t now_ms);

/* Its process ended with this status of waitpid(2): when it is started again. */
void pst_child_ended(struct pst_child *child, int status, int64_t now_ms);

/* How long to wait after so many failures in a row. */
int64_t pst_child_delay_ms(unsigned failures);

/* Ask it to end; by force after PST_ROLE_DRAIN_S and a little. */
void pst_child_stop(struct pst_child *child, int64_t now_ms);

/* Read what it says. */
void pst_child_listen(struct pst_child *child, int64_t now_ms);

/* Ends one that is silent for too long, or does not stop in time. */
void pst_child_watch(struct pst_child *child, int64_t now_ms);

#endif
