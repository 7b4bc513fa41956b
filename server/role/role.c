#include "server/role/role.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/role/control.h"
#include "server/role/notify.h"

static const char *const names[PST_ROLE__MAX] = {
    [0] = "supervisor",       [PST_ROLE_DOOR] = "door",       [PST_ROLE_WEB] = "web",
    [PST_ROLE_MAIL] = "mail", [PST_ROLE_COURIER] = "courier", [PST_ROLE_KEEPER] = "keeper",
};

const char *pst_process_name(enum pst_process role)
{
    return (unsigned)role < PST_ROLE__MAX ? names[role] : "unknown";
}

enum pst_err pst_process_parse(const char *name, enum pst_process *ret_role)
{
    for (unsigned i = 1; i < PST_ROLE__MAX; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_role = (enum pst_process)i;
            return PST_OK;
        }
    }
    return PST_ERR_INVALID;
}

const char *pst_role_user(const struct pst_config *config, enum pst_process role)
{
    const char *const users[PST_ROLE__MAX] = {
        [PST_ROLE_DOOR] = config->users.door,     [PST_ROLE_WEB] = config->users.web,
        [PST_ROLE_MAIL] = config->users.mail,     [PST_ROLE_COURIER] = config->users.courier,
        [PST_ROLE_KEEPER] = config->users.keeper,
    };
    return (unsigned)role < PST_ROLE__MAX ? users[role] : NULL;
}

int pst_role_signals_open(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum pst_err pst_role_control_open(struct pst_role_start *start, int supervisor)
{
    start->supervisor = supervisor;
    start->signals = pst_role_signals_open();
    start->control = epoll_create1(EPOLL_CLOEXEC);
    if (start->signals < 0 || start->control < 0 || !watch(start->control, start->signals))
        return PST_ERR_IO;
    if (supervisor >= 0 && !watch(start->control, supervisor))
        return PST_ERR_IO;
    return PST_OK;
}

void pst_role_control_close(struct pst_role_start *start)
{
    int *fds[] = {&start->control, &start->signals, &start->supervisor};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}

/*
 * A terminal interrupts every process of its group at once. Under a supervisor
 * that is its business alone: it stops the roles in their order.
 */
static enum pst_role_word word_of_signal(const struct pst_role_start *start)
{
    struct signalfd_siginfo info;
    while (read(start->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        bool interrupt = info.ssi_signo == SIGINT && !start->supervised;
        if (info.ssi_signo == SIGTERM || interrupt)
            return PST_ROLE_WORD_STOP;
        if (info.ssi_signo == SIGHUP)
            return PST_ROLE_WORD_RELOAD;
    }
    return PST_ROLE_WORD_NONE;
}

enum pst_role_word pst_role_word_read(const struct pst_role_start *start,
                                      struct pst_role_fresh *ret_fresh)
{
    *ret_fresh = PST_ROLE_FRESH_NONE;
    enum pst_role_word word = word_of_signal(start);
    if (word != PST_ROLE_WORD_NONE || start->supervisor < 0)
        return word;
    enum pst_control_word said = PST_CONTROL_STOP;
    enum pst_err r = pst_control_recv(start->supervisor, &said, ret_fresh);
    if (r == PST_ERR_BUSY)
        return PST_ROLE_WORD_NONE;
    if (r == PST_OK && said == PST_CONTROL_RELOAD)
        return PST_ROLE_WORD_RELOAD;
    return PST_ROLE_WORD_STOP;
}

static void tell(const struct pst_role_start *start, enum pst_control_word word, const char *state)
{
    const struct pst_role_fresh none = PST_ROLE_FRESH_NONE;
    if (start->supervisor < 0)
        pst_notify(state);
    else if (pst_control_send(start->supervisor, word, &none) != PST_OK)
        return; /* the supervisor is behind, or gone: the control socket tells which */
}

void pst_role_ready(const struct pst_role_start *start)
{
    tell(start, PST_CONTROL_READY, "READY=1");
}

void pst_role_alive(const struct pst_role_start *start)
{
    tell(start, PST_CONTROL_ALIVE, "WATCHDOG=1");
}
