#include "server/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/role/control.h"
#include "server/role/listen.h"
#include "server/role/lock.h"
#include "server/role/notify.h"
#include "server/role/privilege.h"
#include "server/supervisor/child.h"

/* How often children are looked after when nothing happens. */
#define TICK_MS 100

/* Roles stop in this order: first who lets in, then who answers, last who keeps the record. */
static const enum pst_process stop_order[] = {PST_ROLE_DOOR, PST_ROLE_MAIL, PST_ROLE_WEB,
                                              PST_ROLE_COURIER, PST_ROLE_KEEPER};

struct supervisor {
    const char *config_path;
    struct pst_config *config;
    struct pst_role_start sockets; /* its listeners, TLS files and local socket */
    int handover[2];               /* door's end, web's end */
    int signals;
    int store_lock; /* also while no role runs: nobody migrates between two starts of one */
    struct pst_child children[PST_ROLE__MAX];
    size_t count;
    bool announced;
    bool stopping;
    bool killed; /* was told twice */
    int status;
    int64_t notified_ms;
};

static size_t door_fds(const struct supervisor *all, struct pst_child_fd *fds)
{
    const struct pst_role_start *sockets = &all->sockets;
    size_t count = 0;
    fds[count++] = (struct pst_child_fd){"handover", all->handover[0]};
    for (size_t i = 0; i < sockets->listener_count; i++)
        fds[count++] = (struct pst_child_fd){pst_listener_name(sockets->listeners[i].kind),
                                             sockets->listeners[i].fd};
    fds[count++] = (struct pst_child_fd){"certificate", sockets->tls.certificate};
    fds[count++] = (struct pst_child_fd){"key", sockets->tls.key};
    if (sockets->tls.authorities >= 0)
        fds[count++] = (struct pst_child_fd){"authorities", sockets->tls.authorities};
    return count;
}

/* What each role inherits is what its row of the table of roles says, and no more. */
static size_t role_fds(const struct supervisor *all, enum pst_process role,
                       struct pst_child_fd *fds)
{
    if (role == PST_ROLE_DOOR)
        return door_fds(all, fds);
    if (role != PST_ROLE_WEB)
        return 0;
    fds[0] = (struct pst_child_fd){"handover", all->handover[1]};
    fds[1] = (struct pst_child_fd){"local", all->sockets.local};
    return 2;
}

static void start_child(struct supervisor *all, struct pst_child *child, int64_t now_ms)
{
    struct pst_child_fd fds[PST_CHILD_FDS_MAX];
    size_t count = role_fds(all, child->program->role, fds);
    if (pst_child_start(child, all->config_path, fds, count, now_ms) != PST_OK) {
        child->failures++;
        child->start_at_ms = now_ms + pst_child_delay_ms(child->failures);
    }
}

static void stop_all(struct supervisor *all, int status)
{
    if (all->stopping)
        return;
    all->stopping = true;
    all->status = status;
    pst_notify("STOPPING=1");
    PST_LOG(STOPPING, PST_LOG_COUNT("status", status));
    /* New connections are refused by the kernel from here on, not left waiting. */
    pst_role_listen_close(&all->sockets);
}

static struct pst_child *child_of(struct supervisor *all, enum pst_process role)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->children[i].program->role == role)
            return &all->children[i];
    return NULL;
}

/* The first in order that still runs is told; true when none is left. */
static bool stop_next(struct supervisor *all, int64_t now_ms)
{
    for (size_t i = 0; i < sizeof stop_order / sizeof stop_order[0]; i++) {
        struct pst_child *child = child_of(all, stop_order[i]);
        if (child == NULL)
            continue;
        child->stopping = true;
        if (child->pid == 0)
            continue;
        if (all->killed)
            (void)kill(child->pid, SIGKILL);
        else
            pst_child_stop(child, now_ms);
        if (!all->killed)
            return false;
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->children[i].pid != 0)
            return false;
    return true;
}

/* A role that cannot use its configuration at the start will not on the tenth try either. */
static void reap(struct supervisor *all, int64_t now_ms)
{
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < all->count; i++) {
            struct pst_child *child = &all->children[i];
            if (child->pid != pid)
                continue;
            pst_child_ended(child, status, now_ms);
            bool config = WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG;
            if (config && !child->was_ready)
                stop_all(all, EX_CONFIG);
        }
    }
}

static void reload_children(struct supervisor *all, int config)
{
    for (size_t i = 0; i < all->count; i++) {
        struct pst_child *child = &all->children[i];
        struct pst_role_fresh fresh = PST_ROLE_FRESH_NONE;
        fresh.config = config;
        if (child->program->role == PST_ROLE_DOOR)
            fresh.tls = all->sockets.tls;
        if (child->pid != 0 &&
            pst_control_send(child->control, PST_CONTROL_RELOAD, &fresh) != PST_OK)
            PST_LOG(RELOAD_FAILED, PST_LOG_ENUM("role", pst_process_name, child->program->role));
    }
}

/* All files that the new configuration names are there and open, or nothing is given. */
static enum pst_err fresh_read(const struct supervisor *all, struct pst_role_fresh *fresh,
                               struct pst_config **ret_config, uint64_t *ret_kept)
{
    struct pst_config_problem problem = {.text = ""};
    struct pst_config *config = NULL;
    fresh->config = open(all->config_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fresh->config < 0)
        return PST_ERR_IO;
    enum pst_err r = pst_config_read_fd(fresh->config, all->config_path, PST_CONFIG_CHECK_FILES,
                                        &config, &problem);
    if (r != PST_OK)
        (void)fprintf(stderr, "posternd: %s\n", problem.text);
    if (r == PST_OK)
        r = pst_config_keep(config, all->config, ret_kept);
    if (r == PST_OK)
        r = pst_role_tls_files_open(config, &fresh->tls);
    if (r == PST_OK)
        *ret_config = config;
    else
        pst_config_free(&config);
    return r;
}

/* Nothing changes unless all of it can be read. */
static void reload(struct supervisor *all)
{
    struct pst_config *config = NULL;
    struct pst_role_fresh fresh = PST_ROLE_FRESH_NONE;
    uint64_t kept = 0;
    enum pst_err r = fresh_read(all, &fresh, &config, &kept);
    if (r != PST_OK) {
        pst_role_fresh_close(&fresh);
        PST_LOG(RELOAD_FAILED, PST_LOG_ERR(r));
        return;
    }
    pst_config_free(&all->config);
    pst_role_tls_files_close(&all->sockets.tls);
    all->config = config;
    all->sockets.tls = fresh.tls;
    pst_log_open(pst_process_name(0), config->log.level, STDERR_FILENO);
    reload_children(all, fresh.config);
    (void)close(fresh.config);
    pst_role_kept_log(kept);
    PST_LOG(RELOADED);
}

static void take_signals(struct supervisor *all)
{
    struct signalfd_siginfo info;
    while (read(all->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP && !all->stopping)
            reload(all);
        if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT)
            continue;
        all->killed = all->stopping;
        stop_all(all, EX_OK);
    }
}

/* Once, when every role serves for the first time. */
static void announce(struct supervisor *all)
{
    bool ready = !all->announced && !all->stopping;
    for (size_t i = 0; i < all->count; i++)
        ready = ready && all->children[i].ready;
    if (!ready)
        return;
    all->announced = true;
    PST_LOG(STARTED, PST_LOG_COUNT("roles", all->count), PST_LOG_COUNT("pid", getpid()));
    pst_notify("READY=1");
}

static void ping_systemd(struct supervisor *all, int64_t now_ms)
{
    int64_t every_ms = pst_notify_watchdog_ms();
    if (every_ms == 0 || now_ms - all->notified_ms < every_ms)
        return;
    all->notified_ms = now_ms;
    pst_notify("WATCHDOG=1");
}

static void look_after(struct supervisor *all, int64_t now_ms)
{
    for (size_t i = 0; i < all->count; i++) {
        struct pst_child *child = &all->children[i];
        pst_child_listen(child, now_ms);
        pst_child_watch(child, now_ms);
        if (!all->stopping && child->pid == 0 && now_ms >= child->start_at_ms)
            start_child(all, child, now_ms);
    }
    announce(all);
    ping_systemd(all, now_ms);
}

static void serve(struct supervisor *all)
{
    while (true) {
        struct pollfd fds[1 + PST_ROLE__MAX] = {{.fd = all->signals, .events = POLLIN}};
        nfds_t count = 1;
        for (size_t i = 0; i < all->count; i++)
            if (all->children[i].control >= 0)
                fds[count++] = (struct pollfd){.fd = all->children[i].control, .events = POLLIN};
        (void)poll(fds, count, TICK_MS);
        int64_t now_ms = pst_monotonic_ms();
        take_signals(all);
        look_after(all, now_ms);
        reap(all, now_ms);
        if (all->stopping && stop_next(all, now_ms))
            return;
    }
}

static bool configured(const struct pst_config *config, enum pst_process role)
{
    return role != PST_ROLE_MAIL || config->submission.present || config->inbound.present;
}

static enum pst_err open_sockets(struct supervisor *all)
{
    struct pst_role_start *sockets = &all->sockets;
    pst_role_files_limit_raise(all->config);
    enum pst_err r = pst_role_folders_make(all->config);
    if (r == PST_OK)
        r = pst_role_store_lock(all->config, PST_LOCK_SHARED, &all->store_lock);
    if (r == PST_ERR_BUSY)
        (void)fprintf(stderr, "posternd: posternd migrate has the store; start again after it\n");
    if (r == PST_OK)
        r = pst_role_listen_open(all->config, sockets);
    if (r == PST_OK)
        r = pst_role_ports_write(all->config, sockets);
    if (r == PST_OK)
        r = pst_role_tls_files_open(all->config, &sockets->tls);
    if (r == PST_OK)
        r = pst_role_local_listen(all->config, &sockets->local);
    return r != PST_OK ? r : pst_handover_pair(all->handover);
}

/* Without root every role is the same user: it still works, with one wall less. */
static void say_who(void)
{
    if (geteuid() != 0)
        (void)fprintf(stderr,
                      "posternd: not started as root: all roles run as user %u and are "
                      "kept apart by their processes alone\n",
                      geteuid());
}

static enum pst_err open_all(struct supervisor *all, const struct pst_role_program *programs,
                             size_t count)
{
    enum pst_err r = pst_role_config_read(all->config_path, /* files= */ true, &all->config);
    if (r != PST_OK)
        return PST_ERR_CONFIG;
    pst_log_open(pst_process_name(0), all->config->log.level, STDERR_FILENO);
    say_who();
    r = pst_privilege_harden(077);
    all->signals = pst_role_signals_open();
    if (r == PST_OK && all->signals < 0)
        r = PST_ERR_IO;
    if (r == PST_OK)
        r = open_sockets(all);
    for (size_t i = 0; i < count; i++)
        if (configured(all->config, programs[i].role))
            all->children[all->count++] =
                (struct pst_child){.program = &programs[i], .control = -1};
    return r;
}

static void close_all(struct supervisor *all)
{
    int *fds[] = {&all->handover[0], &all->handover[1], &all->signals, &all->sockets.local,
                  &all->store_lock};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
    pst_role_listen_close(&all->sockets);
    pst_role_tls_files_close(&all->sockets.tls);
    pst_config_free(&all->config);
}

int pst_supervisor_run(const struct pst_role_program *programs, size_t count,
                       const char *config_path)
{
    struct supervisor all = {.config_path = config_path,
                             .sockets = {.tls = {-1, -1, -1}, .local = -1},
                             .handover = {-1, -1},
                             .signals = -1,
                             .store_lock = -1,
                             .status = EX_OK};
    enum pst_err r = open_all(&all, programs, count);
    if (r == PST_OK) {
        serve(&all);
        PST_LOG(STOPPED, PST_LOG_COUNT("status", all.status));
    } else if (r != PST_ERR_CONFIG) {
        PST_LOG(CONFIG_FAILED, PST_LOG_ERR(r));
        all.status = r == PST_ERR_BUSY ? EX_TEMPFAIL : EX_OSERR;
    } else {
        all.status = EX_CONFIG;
    }
    close_all(&all);
    return all.status;
}
