#include "server/supervisor/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "server/log/log.h"
#include "server/role/control.h"

/* A process that lived so long did not fail at its start: count anew. */
#define SETTLED_MS 60000

/* First pause; doubled at each failure up to the longest. */
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 30000

/* What a role gets beyond its own deadline before it is killed. */
#define STOP_MARGIN_MS 5000

/* Above every number that a child's descriptors are moved to. */
#define FD_ABOVE 128

#define NAMES_SIZE 1024

int64_t pst_child_delay_ms(unsigned failures)
{
    int64_t delay_ms = DELAY_FIRST_MS;
    for (unsigned i = 1; i < failures && delay_ms < DELAY_MAX_MS; i++)
        delay_ms *= 2;
    return delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
}

static bool names_join(const struct pst_child_fd *fds, size_t count, char *names, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        int more = snprintf(names + len, size - len, "%s%s", i == 0 ? "" : ",", fds[i].name);
        if (more < 0 || (size_t)more >= size - len)
            return false;
        len += (size_t)more;
    }
    return true;
}

/* In the new process. First out of the way, then each to its place, open across exec. */
static bool fds_place(const struct pst_child_fd *fds, size_t count)
{
    int high[PST_CHILD_FDS_MAX];
    for (size_t i = 0; i < count; i++)
        if ((high[i] = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, FD_ABOVE)) < 0)
            return false;
    for (size_t i = 0; i < count; i++)
        if (dup2(high[i], PST_ROLE_FIRST_FD + (int)i) < 0)
            return false;
    return true;
}

static _Noreturn void child_main(const char *role, const char *config_path,
                                 const struct pst_child_fd *fds, size_t count)
{
    char names[NAMES_SIZE];
    if (names_join(fds, count, names, sizeof names) && fds_place(fds, count))
        (void)execl("/proc/self/exe", "posternd", "run", "-c", config_path, "--role", role,
                    "--inherit", names, (char *)NULL);
    _exit(EX_OSERR);
}

enum pst_err pst_child_start(struct pst_child *child, const char *config_path,
                             const struct pst_child_fd *fds, size_t count, int64_t now_ms)
{
    struct pst_child_fd all[PST_CHILD_FDS_MAX];
    int pair[2];
    if (count + 1 > PST_CHILD_FDS_MAX || pst_handover_pair(pair) != PST_OK)
        return PST_ERR_IO;
    all[0] = (struct pst_child_fd){"control", pair[1]};
    memcpy(&all[1], fds, count * sizeof *fds);
    pid_t pid = fork();
    if (pid == 0)
        child_main(pst_process_name(child->program->role), config_path, all, count + 1);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return PST_ERR_IO;
    }
    child->pid = pid;
    child->control = pair[0];
    child->ready = false;
    child->alive_ms = 0;
    child->start_at_ms = 0;
    child->started_ms = now_ms;
    PST_LOG(ROLE_STARTED, PST_LOG_ENUM("role", pst_process_name, child->program->role),
            PST_LOG_COUNT("pid", pid));
    return PST_OK;
}

void pst_child_ended(struct pst_child *child, int status, int64_t now_ms)
{
    bool settled = now_ms - child->started_ms >= SETTLED_MS;
    (void)close(child->control);
    child->control = -1;
    child->pid = 0;
    child->ready = false;
    child->kill_at_ms = 0;
    if (child->stopping)
        return;
    PST_LOG(ROLE_ENDED, PST_LOG_ENUM("role", pst_process_name, child->program->role),
            PST_LOG_COUNT("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
            PST_LOG_COUNT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    child->failures = settled ? 1 : child->failures + 1;
    int64_t delay_ms = pst_child_delay_ms(child->failures);
    child->start_at_ms = now_ms + delay_ms;
    if (child->failures > 1)
        PST_LOG(ROLE_DELAYED, PST_LOG_ENUM("role", pst_process_name, child->program->role),
                PST_LOG_MS("pause", delay_ms), PST_LOG_COUNT("failures", child->failures));
}

void pst_child_stop(struct pst_child *child, int64_t now_ms)
{
    const struct pst_role_fresh none = PST_ROLE_FRESH_NONE;
    child->stopping = true;
    if (child->pid == 0 || child->kill_at_ms != 0)
        return;
    child->kill_at_ms = now_ms + (int64_t)PST_ROLE_DRAIN_S * 1000 + STOP_MARGIN_MS;
    if (pst_control_send(child->control, PST_CONTROL_STOP, &none) != PST_OK)
        (void)kill(child->pid, SIGTERM);
}

void pst_child_listen(struct pst_child *child, int64_t now_ms)
{
    enum pst_control_word word = PST_CONTROL_STOP;
    struct pst_role_fresh fresh;
    while (child->control >= 0 && pst_control_recv(child->control, &word, &fresh) == PST_OK) {
        pst_role_fresh_close(&fresh);
        child->alive_ms = word == PST_CONTROL_ALIVE ? now_ms : child->alive_ms;
        if (word == PST_CONTROL_READY) {
            child->ready = true;
            child->was_ready = true;
        }
    }
}

void pst_child_watch(struct pst_child *child, int64_t now_ms)
{
    if (child->pid == 0)
        return;
    bool silent =
        child->alive_ms != 0 && now_ms - child->alive_ms > 3 * (int64_t)PST_ROLE_ALIVE_S * 1000;
    bool late = child->kill_at_ms != 0 && now_ms >= child->kill_at_ms;
    if (silent || late)
        (void)kill(child->pid, SIGKILL);
}
