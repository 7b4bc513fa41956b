/*
 * A role: what every process of posternd is given at its start, and how it is
 * told to stop and to read its configuration anew.
 *
 * posternd run starts one process per role and talks to each over a control
 * socket; posternd run --role X has signals alone. Both look the same here:
 * one descriptor to poll and one word to read from it. The main thread of a
 * role uses this; other threads only pst_role_alive.
 */
#ifndef POSTERN_SERVER_ROLE_H
#define POSTERN_SERVER_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/handover/handover.h"

struct pst_config;

enum pst_process {
    PST_ROLE_DOOR = 1,
    PST_ROLE_WEB,
    PST_ROLE_MAIL,
    PST_ROLE_COURIER,
    PST_ROLE_KEEPER,
    PST_ROLE__MAX
};

/* Static, "door" and the like; "supervisor" for 0. */
const char *pst_process_name(enum pst_process role);

/* PST_OK; PST_ERR_INVALID when no role is called so. */
PST_MUST_CHECK enum pst_err pst_process_parse(const char *name, enum pst_process *ret_role);

/* HTTPS, submission, inbound, each on a few addresses. */
#define PST_ROLE_LISTENERS_MAX ((size_t)24)

struct pst_role_listener {
    int fd; /* listening, non-blocking */
    enum pst_listener_kind kind;
};

/* Certificate, key and, with client certificates, their authorities: open files. */
struct pst_role_tls_files {
    int certificate;
    int key;
    int authorities; /* or -1 */
};

/* What comes along with a RELOAD, where a supervisor sends it: open files, or -1. */
struct pst_role_fresh {
    struct pst_role_tls_files tls; /* to the door alone */
    int config;                    /* the configuration: a role may not be able to open it */
};
#define PST_ROLE_FRESH_NONE ((struct pst_role_fresh){{-1, -1, -1}, -1})
void pst_role_fresh_close(struct pst_role_fresh *fresh);

/*
 * Owned by whoever started the role; every descriptor in it stays open while
 * the role runs. -1 stands for what this role has not.
 */
struct pst_role_start {
    enum pst_process role;
    bool supervised;
    const char *config_path;         /* for reading it anew */
    const struct pst_config *config; /* what this role may know of it */
    int control;                     /* readable when pst_role_word_read has something to say */
    int handover;                    /* door: where streams go; web: readable when one waits */
    int local;                       /* web: listening Unix socket for the mail role */
    struct pst_role_listener listeners[PST_ROLE_LISTENERS_MAX]; /* door */
    size_t listener_count;
    struct pst_role_tls_files tls; /* door */

    /* Of server/role alone. */
    int store_lock;        /* lock.h; held by roles with a store until they end */
    int handover_listener; /* web without a supervisor */
    int handover_peer;
    int signals;
    int supervisor;
};

enum pst_role_word {
    PST_ROLE_WORD_NONE = 0,
    PST_ROLE_WORD_STOP,   /* take nothing new, finish what is in flight, return */
    PST_ROLE_WORD_RELOAD, /* read the configuration anew, drop no connection */
};

/* Opens control; supervisor is the inherited socket or -1. Blocks the signals it reads. */
PST_MUST_CHECK enum pst_err pst_role_control_open(struct pst_role_start *start, int supervisor);
void pst_role_control_close(struct pst_role_start *start);

/*
 * The next word, without waiting. With RELOAD, *ret_fresh is given what the
 * supervisor sent; release with pst_role_fresh_close. A supervisor that is
 * gone is a STOP.
 */
enum pst_role_word pst_role_word_read(const struct pst_role_start *start,
                                      struct pst_role_fresh *ret_fresh);

/*
 * After a RELOAD: read the configuration again, with what a running process
 * cannot change as it is in now, and take up its log level. Without a
 * supervisor the files are opened by path, and the log tells what was kept.
 *
 *   fresh        of the word; the door's TLS files are put into it where missing
 *   now          the configuration in use, borrowed
 *   ret_config   given: pst_config_free
 *
 * Returns PST_OK; PST_ERR_CONFIG, said on stderr; PST_ERR_NOT_FOUND;
 * PST_ERR_DENIED; PST_ERR_IO; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_role_config_fresh(const struct pst_role_start *start,
                                                  struct pst_role_fresh *fresh,
                                                  const struct pst_config *now,
                                                  struct pst_config **ret_config);

/* Use it (taken) as start->config; the one before is freed. Where nobody else holds that. */
void pst_role_config_use(struct pst_role_start *start, struct pst_config **config);

/* Name in the log each setting of pst_config_keep that was set back. */
void pst_role_kept_log(uint64_t kept);

/* "I serve now": to the supervisor, or to systemd. Once. */
void pst_role_ready(const struct pst_role_start *start);

/* "I still do": at least every PST_ROLE_ALIVE_S seconds from the main loop. */
void pst_role_alive(const struct pst_role_start *start);

/* A role that was not heard of for three times this is ended and started anew. */
#define PST_ROLE_ALIVE_S 10

/*
 * How long a role may take from STOP to its end before it is ended by force:
 * requests in flight are bounded by it. The supervisor waits a little longer.
 */
#define PST_ROLE_DRAIN_S 20

/*
 * Open certificate, key and authorities of the configuration, all or none.
 * Given: pst_role_tls_files_close. PST_OK; PST_ERR_NOT_FOUND; PST_ERR_DENIED; PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_role_tls_files_open(const struct pst_config *config,
                                                    struct pst_role_tls_files *ret_files);
void pst_role_tls_files_close(struct pst_role_tls_files *files);

/*
 * Without a supervisor roles meet by path in the configuration's run folder:
 * web listens at web.sock for the door (SOCK_SEQPACKET) and at local.sock for
 * mail. PST_OK; PST_ERR_IO; PST_ERR_TOO_LONG; PST_ERR_DENIED when the other
 * end is a user that it may not be.
 */
PST_MUST_CHECK enum pst_err pst_role_handover_listen(struct pst_role_start *start);
PST_MUST_CHECK enum pst_err pst_role_handover_connect(const struct pst_role_start *start,
                                                      int *ret_fd);
PST_MUST_CHECK enum pst_err pst_role_local_listen(const struct pst_config *config, int *ret_fd);

/*
 * Web: the next message, as pst_handover_recv, with and without a supervisor.
 * TRUNCATED only says that the door is gone for now.
 */
PST_MUST_CHECK enum pst_err pst_role_handover_recv(struct pst_role_start *start,
                                                   struct pst_handover *ret_message,
                                                   int *ret_stream);

/*
 * The users entry of a role, NULL where it has none; and the shared group's.
 */
const char *pst_role_user(const struct pst_config *config, enum pst_process role);

#endif
