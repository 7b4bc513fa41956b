/*
 * postern.conf: one file, libconfig syntax, read into one struct.
 *
 * Every setting stands in one table (settings.def): group, key, kind, whether
 * it is required, its default and its limits. Whatever the file says that the
 * table does not know, or says in another form, is an error with file, line,
 * key and what is expected. Secrets are files, never values. Reading is for
 * the main thread before serving and on reload; the struct is then read-only
 * and any thread may read it.
 *
 * Times: "500ms" "30s" "15min" "12h" "30d" "2w" "10y"; a day is 24 hours and a
 * year 366 days, so that a retention is never shorter than the calendar's.
 * Sizes: "512b" "64kb" "25mb" "5gb", in powers of 1024.
 */
#ifndef POSTERN_SERVER_CONFIG_H
#define POSTERN_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/log/log.h"

/* Addresses one kind of listener may have: both families, a few interfaces. */
#define PST_CONFIG_LISTEN_MAX 8
/* Hosts or networks of a hosted mail service. */
#define PST_CONFIG_PEERS_MAX 64
/* An IPv6 address in text with its terminator (INET6_ADDRSTRLEN). */
#define PST_CONFIG_HOST_SIZE 46

/* "[::]:443", "192.0.2.1:8443"; port 0: any free one. */
struct pst_config_address {
    char host[PST_CONFIG_HOST_SIZE]; /* numeric, without brackets */
    uint16_t port;
    bool is_v6;
};

struct pst_config_listen {
    struct pst_config_address at[PST_CONFIG_LISTEN_MAX];
    size_t count;
};

/* "192.0.2.1", "2001:db8::/32" */
struct pst_config_peers {
    char *at[PST_CONFIG_PEERS_MAX];
    size_t count;
};

enum pst_config_tls {
    PST_CONFIG_TLS_1_2 = 0x0303,
    PST_CONFIG_TLS_1_3 = 0x0304,
};

enum pst_config_relay_tls {
    PST_CONFIG_RELAY_STARTTLS,
    PST_CONFIG_RELAY_IMPLICIT,
};

/* Strings are NUL-terminated and belong to the struct; "may be NULL" is said where so. */
struct pst_config {
    char *path;       /* of the file itself */
    char *origin;     /* the practice's host name, lower case */
    char *store;      /* "sqlite:/absolute/path" or "postgresql://…" */
    char *data;       /* folder: keys, store */
    char *run;        /* folder: sockets between roles, ports.json */
    char *vault_key;  /* file; default: data/vault.key */
    char *ledger_key; /* file; default: data/ledger.key */
    char *web_root;   /* folder with the built portal */

    struct {
        struct pst_config_listen listen;
        char *certificate; /* file, PEM, chain */
        char *key;         /* file, PEM */
        enum pst_config_tls minimum_tls;
        char *client_ca; /* file, PEM; NULL: no client certificates are asked for */
        int64_t handshake_time_ms;
        int64_t header_time_ms;
        int64_t body_time_ms; /* for 1 MiB; longer bodies get as much for each */
        int64_t idle_time_ms;
        int64_t connections;
        int64_t connections_per_address;
        int64_t requests_per_minute; /* of one session */
        int64_t threads;             /* of web */
    } https;

    struct {
        char *group; /* shared by the roles that open the store; NULL: none */
        char *door;  /* each: a name, or a number; NULL: whoever starts posternd */
        char *web;
        char *mail;
        char *courier;
        char *keeper;
    } users;

    struct {
        char *name;               /* default: the origin */
        char *telephone;          /* may be NULL */
        int64_t response_time_ms; /* what patients are promised */
    } practice;

    struct {
        int64_t grace_ms;             /* how long consent under older terms still does */
        int64_t reply_after_lapse_ms; /* how long after a lapse a reply is possible */
    } consent;

    struct {
        int64_t staff_idle_ms;
        int64_t staff_absolute_ms;
        int64_t patient_idle_ms;
        int64_t patient_absolute_ms;
        int64_t step_up_ms; /* how long a second factor counts */
    } sessions;

    struct {
        int64_t messages_per_minute; /* of one person */
        int64_t sign_in_attempts;    /* failures of one login within the window */
        int64_t sign_in_attempts_per_address;
        int64_t sign_in_window_ms;
        int64_t invitation_time_ms;
        int64_t message_size_bytes; /* envelope */
        int64_t attachments;
        int64_t quota_bytes;         /* all accepted messages of one patient */
        int64_t staging_quota_bytes; /* uploads of one person under way */
    } limits;

    struct {
        int64_t messages_ms;
        int64_t events_ms;
    } retention;

    struct {
        enum pst_log_level level;
    } log;

    /* Mail for clinicians' own programs; off unless the group stands there. */
    struct {
        bool present;
        struct pst_config_listen listen;
        char *client_ca; /* may be NULL */
        int64_t connections;
        int64_t recipients;
    } submission;

    /* Mail from outside; off unless the group stands there. */
    struct {
        bool present;
        struct pst_config_listen listen;
        bool implicit_tls;
        char *authserv_id;   /* whose Authentication-Results count */
        char *client_ca;     /* peers prove themselves by certificate; may be NULL */
        char *secret_header; /* or by address and a header with a secret; may be NULL */
        char *secret_file;   /* may be NULL */
        struct pst_config_peers peers;
        char *redirect; /* local part that takes forwarded originals */
        int64_t connections;
        int64_t drafts_per_sender;
        int64_t draft_expiry_ms;
    } inbound;

    /* Where content-free notices go; off unless the group stands there. */
    struct {
        bool present;
        char *host;
        int64_t port;
        enum pst_config_relay_tls tls;
        char *ca;            /* file; NULL: the system's */
        char *from;          /* address */
        char *user;          /* may be NULL */
        char *password_file; /* may be NULL */
        int64_t give_up_ms;  /* a notice is tried for so long */
    } relay;
};

/* Longest message: path, key and the longest "expected". */
#define PST_CONFIG_PROBLEM_SIZE 1024

/* What is wrong: "/etc/postern/postern.conf:12: https.listen: expected …". */
struct pst_config_problem {
    char text[PST_CONFIG_PROBLEM_SIZE];
};

enum pst_config_check {
    PST_CONFIG_CHECK_SHAPE, /* the file alone: for roles, which may not see every file */
    PST_CONFIG_CHECK_FILES, /* and that every file and folder it names is there */
};

/*
 * Read the file at path (borrowed).
 *   ret_config    given; release with pst_config_free()
 *   ret_problem   filled where the result is not PST_OK; for people, on stderr; it names
 *                 paths and values, so it never goes into the log
 * Returns PST_OK; PST_ERR_CONFIG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_config_read(const char *path, enum pst_config_check check,
                                            struct pst_config **ret_config,
                                            struct pst_config_problem *ret_problem);

/*
 * The same from an open file (borrowed, read from its start wherever it
 * stands), for roles that may not open it themselves. path: for messages and
 * as the folder of included files.
 */
PST_MUST_CHECK enum pst_err pst_config_read_fd(int fd, const char *path,
                                               enum pst_config_check check,
                                               struct pst_config **ret_config,
                                               struct pst_config_problem *ret_problem);

/* The same from a string, for tests and fuzzing; "(text)" stands for the path. */
PST_MUST_CHECK enum pst_err pst_config_read_text(const char *text, enum pst_config_check check,
                                                 struct pst_config **ret_config,
                                                 struct pst_config_problem *ret_problem);

void pst_config_free(struct pst_config **config);

/*
 * What a running process cannot change: whatever differs in next is set back to
 * what it is now.
 *   ret_kept   bit i set: setting i of pst_config_fixed_name was set back
 * Returns PST_OK; PST_ERR_NOMEM, and next is of no use.
 */
PST_MUST_CHECK enum pst_err pst_config_keep(struct pst_config *next, const struct pst_config *now,
                                            uint64_t *ret_kept);

/* "https.listen" and the like, static; NULL beyond the last. */
const char *pst_config_fixed_name(unsigned setting);

/* "15min" to milliseconds, "25mb" to bytes. Returns PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG. */
PST_MUST_CHECK enum pst_err pst_config_time_parse(const char *text, int64_t *ret_ms);
PST_MUST_CHECK enum pst_err pst_config_size_parse(const char *text, int64_t *ret_bytes);

/* "[::1]:8443", "127.0.0.1:0". Returns PST_OK; PST_ERR_SYNTAX. */
PST_MUST_CHECK enum pst_err pst_config_address_parse(const char *text,
                                                     struct pst_config_address *ret_address);

#endif
