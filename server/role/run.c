#include "server/role/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/secret.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/role/control.h"
#include "server/role/listen.h"
#include "server/role/lock.h"
#include "server/role/privilege.h"

/* The store's files are shared by the roles' group; setgid, so that new ones are too. */
#define DATA_MODE 02770
/* Sockets, whose peers are checked, and port numbers: nothing secret, and the door gets in. */
#define RUN_MODE 02775

/* door: TCP, socket pair, and one being handed over; and what every process has open. */
#define FILES_A_CONNECTION 3
#define FILES_RESERVED 256

enum pst_err pst_role_config_read(const char *path, bool files, struct pst_config **ret_config)
{
    struct pst_config_problem problem = {.text = ""};
    enum pst_err r = pst_config_read(path, files ? PST_CONFIG_CHECK_FILES : PST_CONFIG_CHECK_SHAPE,
                                     ret_config, &problem);
    if (r != PST_OK)
        (void)fprintf(stderr, "posternd: %s\n", problem.text);
    return r;
}

void pst_role_files_limit_raise(const struct pst_config *config)
{
    struct rlimit limit = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = (rlim_t)config->https.connections * FILES_A_CONNECTION + FILES_RESERVED;
    struct rlimit more = {.rlim_cur = wanted, .rlim_max = wanted};
    if (wanted > limit.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum pst_err folder_make(const char *path, mode_t mode, gid_t group)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return PST_ERR_IO;
    if (geteuid() != 0)
        return PST_OK;
    bool ok = chown(path, 0, group) == 0 && chmod(path, mode) == 0;
    return ok ? PST_OK : PST_ERR_IO;
}

enum pst_err pst_role_folders_make(const struct pst_config *config)
{
    struct pst_privilege_ids ids;
    enum pst_err r = pst_privilege_resolve(NULL, config->users.group, &ids);
    if (r == PST_OK)
        r = folder_make(config->data, DATA_MODE, ids.group);
    return r != PST_OK ? r : folder_make(config->run, RUN_MODE, ids.group);
}

struct slot {
    const char *name;
    int *fd;
};

static bool take_listener(struct pst_role_start *start, const char *name, size_t len, int fd)
{
    for (unsigned kind = 1; kind < PST_LISTENER__MAX; kind++) {
        const char *known = pst_listener_name((enum pst_listener_kind)kind);
        if (strlen(known) != len || strncmp(known, name, len) != 0)
            continue;
        if (start->listener_count == PST_ROLE_LISTENERS_MAX)
            return false;
        start->listeners[start->listener_count++] =
            (struct pst_role_listener){.fd = fd, .kind = (enum pst_listener_kind)kind};
        return true;
    }
    return false;
}

static bool take_one(struct pst_role_start *start, const char *name, size_t len, int fd,
                     int *ret_control)
{
    const struct slot slots[] = {
        {"control", ret_control}, {"handover", &start->handover},
        {"local", &start->local}, {"certificate", &start->tls.certificate},
        {"key", &start->tls.key}, {"authorities", &start->tls.authorities},
    };
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return false;
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (strlen(slots[i].name) == len && strncmp(slots[i].name, name, len) == 0) {
            *slots[i].fd = fd;
            return true;
        }
    }
    return take_listener(start, name, len, fd);
}

/* Then closes whatever else came along. */
static enum pst_err take_inherited(struct pst_role_start *start, const char *names,
                                   int *ret_control)
{
    int fd = PST_ROLE_FIRST_FD;
    for (const char *at = names; *at != '\0'; fd++) {
        size_t len = strcspn(at, ",");
        if (!take_one(start, at, len, fd, ret_control))
            return PST_ERR_USAGE;
        at += len + (at[len] == ',');
    }
    return pst_privilege_close_from((unsigned)fd);
}

/* A door that starts before web finds it later: the far end of this one is closed. */
static enum pst_err handover_lost(struct pst_role_start *start)
{
    int pair[2];
    enum pst_err r = pst_handover_pair(pair);
    if (r != PST_OK)
        return r;
    (void)close(pair[1]);
    start->handover = pair[0];
    return PST_OK;
}

static enum pst_err open_for_door(struct pst_role_start *start)
{
    pst_role_files_limit_raise(start->config);
    enum pst_err r = pst_role_listen_open(start->config, start);
    if (r == PST_OK)
        r = pst_role_ports_write(start->config, start);
    if (r == PST_OK)
        r = pst_role_tls_files_open(start->config, &start->tls);
    if (r == PST_OK && pst_role_handover_connect(start, &start->handover) != PST_OK)
        r = handover_lost(start);
    return r;
}

static enum pst_err open_for_web(struct pst_role_start *start)
{
    enum pst_err r = pst_role_handover_listen(start);
    return r != PST_OK ? r : pst_role_local_listen(start->config, &start->local);
}

/* What a supervisor would have opened. */
static enum pst_err open_alone(struct pst_role_start *start)
{
    enum pst_err r = pst_role_folders_make(start->config);
    if (r == PST_OK && start->role == PST_ROLE_DOOR)
        r = open_for_door(start);
    if (r == PST_OK && start->role == PST_ROLE_WEB)
        r = open_for_web(start);
    return r;
}

/* 077 as the decimal number 77, which is how people read it. */
static unsigned octal_digits(mode_t mode)
{
    return (mode >> 6 & 7) * 100 + (mode >> 3 & 7) * 10 + (mode & 7);
}

static void rights_log(void)
{
    struct pst_privilege_rights rights;
    pst_privilege_rights_read(&rights);
    PST_LOG(RIGHTS, PST_LOG_COUNT("uid", rights.uid), PST_LOG_COUNT("gid", rights.gid),
            PST_LOG_COUNT("groups", rights.groups),
            PST_LOG_HASH("capabilities", rights.capabilities),
            PST_LOG_COUNT("no-new-privileges", rights.no_new_privileges),
            PST_LOG_COUNT("dumpable", rights.dumpable), PST_LOG_BYTES("core", rights.core_bytes),
            PST_LOG_COUNT("files", rights.files), PST_LOG_BYTES("locked", rights.locked_bytes),
            PST_LOG_COUNT("umask", octal_digits(rights.file_mask)),
            PST_LOG_COUNT("descriptors", rights.descriptors));
}

/* Roles that share the store's files by their group have a store; the others have none. */
static bool has_store(const struct pst_role_program *program)
{
    return (program->file_mask & 070) == 0;
}

static enum pst_err confine(const struct pst_role_program *program, const struct pst_config *config)
{
    const char *user = pst_role_user(config, program->role);
    struct pst_privilege_ids ids;
    if (geteuid() == 0 && user == NULL) {
        (void)fprintf(stderr,
                      "posternd: users.%s is not set, and no role runs as root. "
                      "Name its user in the configuration.\n",
                      pst_process_name(program->role));
        return PST_ERR_CONFIG;
    }
    bool switches = geteuid() == 0;
    const char *group = has_store(program) ? config->users.group : NULL;
    enum pst_err r = pst_privilege_resolve(switches ? user : NULL, switches ? group : NULL, &ids);
    if (r != PST_OK)
        return PST_ERR_CONFIG;
    r = pst_privilege_harden(program->file_mask);
    if (r == PST_OK)
        r = pst_privilege_drop(&ids);
    if (r == PST_OK)
        rights_log();
    return r;
}

/* A store being migrated changes under whoever serves from it. */
static enum pst_err lock_store(const struct pst_role_program *program, struct pst_role_start *start)
{
    if (!has_store(program))
        return PST_OK;
    enum pst_err r = pst_role_store_lock(start->config, PST_LOCK_SHARED, &start->store_lock);
    if (r == PST_ERR_BUSY)
        (void)fprintf(stderr, "posternd: posternd migrate has the store; waiting for it\n");
    return r;
}

static enum pst_err prepare(const struct pst_role_program *program, struct pst_role_start *start,
                            const char *inherited)
{
    int control = -1;
    enum pst_err r = inherited != NULL ? take_inherited(start, inherited, &control)
                                       : pst_privilege_close_from(PST_ROLE_FIRST_FD);
    if (r != PST_OK)
        return r;
    struct pst_config *config = NULL;
    r = pst_role_config_read(start->config_path, /* files= */ false, &config);
    if (r != PST_OK)
        return r;
    start->config = config;
    pst_log_open(pst_process_name(start->role), config->log.level, STDERR_FILENO);
    r = inherited != NULL ? PST_OK : open_alone(start);
    if (r == PST_OK)
        r = lock_store(program, start);
    if (r == PST_OK)
        r = pst_role_control_open(start, control);
    return r != PST_OK ? r : confine(program, config);
}

static void let_go(struct pst_role_start *start)
{
    int *fds[] = {&start->handover, &start->handover_listener, &start->handover_peer, &start->local,
                  &start->store_lock};
    pst_role_listen_close(start);
    pst_role_tls_files_close(&start->tls);
    pst_role_control_close(start);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
}

/* What ps and top show; exec by /proc/self/exe would leave "exe". */
static void name_set(enum pst_process role)
{
    char name[16]; /* the kernel's limit, prctl(2) */
    (void)snprintf(name, sizeof name, "pst-%s", pst_process_name(role));
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

int pst_role_main(const struct pst_role_program *program, const char *config_path,
                  const char *inherited)
{
    struct pst_role_start start = {.role = program->role,
                                   .supervised = inherited != NULL,
                                   .config_path = config_path,
                                   .control = -1,
                                   .handover = -1,
                                   .local = -1,
                                   .tls = {-1, -1, -1},
                                   .store_lock = -1,
                                   .handover_listener = -1,
                                   .handover_peer = -1,
                                   .signals = -1,
                                   .supervisor = -1};
    name_set(program->role);
    enum pst_err r = prepare(program, &start, inherited);
    if (r == PST_OK)
        r = program->run(&start);
    if (r != PST_OK)
        PST_LOG(CONFIG_FAILED, PST_LOG_ERR(r));
    let_go(&start);
    struct pst_config *config = NULL;
    memcpy(&config, &start.config, sizeof config); /* ours again: the role only borrowed it */
    pst_config_free(&config);
    return r == PST_OK ? EX_OK : pst_err_exit(r);
}
