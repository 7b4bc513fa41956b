#include "server/role/privilege.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "postern/cleanup.h"

/* Roles have a dozen descriptors when they start. */
#define DESCRIPTORS_LOOKED_AT 256

/* Digits only; the largest id means "unchanged" to the kernel and is none. */
static bool number(const char *text, uint32_t *ret_id)
{
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
        return false;
    unsigned long id = strtoul(text, NULL, 10);
    if (id >= UINT32_MAX)
        return false;
    *ret_id = (uint32_t)id;
    return true;
}

static enum pst_err resolve_user(const char *user, struct pst_privilege_ids *ids)
{
    uint32_t id = 0;
    if (number(user, &id)) {
        const struct passwd *known = getpwuid(id);
        ids->uid = id;
        ids->gid = known != NULL ? known->pw_gid : id;
        return PST_OK;
    }
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL)
        return PST_ERR_NOT_FOUND;
    ids->uid = entry->pw_uid;
    ids->gid = entry->pw_gid;
    return PST_OK;
}

static enum pst_err resolve_group(const char *group, struct pst_privilege_ids *ids)
{
    uint32_t id = 0;
    if (number(group, &id)) {
        ids->group = id;
        return PST_OK;
    }
    const struct group *entry = getgrnam(group);
    if (entry == NULL)
        return PST_ERR_NOT_FOUND;
    ids->group = entry->gr_gid;
    return PST_OK;
}

enum pst_err pst_privilege_resolve(const char *user, const char *group,
                                   struct pst_privilege_ids *ret_ids)
{
    struct pst_privilege_ids ids = {.uid = geteuid(), .gid = getegid()};
    bool named = user != NULL && user[0] != '\0';
    enum pst_err r = named ? resolve_user(user, &ids) : PST_OK;
    if (r != PST_OK)
        return r;
    if (named && (ids.uid == 0 || ids.gid == 0))
        return PST_ERR_INVALID;
    ids.group = ids.gid;
    if (group != NULL && group[0] != '\0')
        r = resolve_group(group, &ids);
    if (r == PST_OK)
        *ret_ids = ids;
    return r;
}

enum pst_err pst_privilege_harden(mode_t file_mask)
{
    const struct rlimit none = {0, 0};
    (void)umask(file_mask);
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return PST_ERR_IO;
#if !defined(__SANITIZE_ADDRESS__) /* the leak checker traces its own process */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return PST_ERR_IO;
#endif
    return PST_OK;
}

enum pst_err pst_privilege_close_from(unsigned first)
{
    return syscall(SYS_close_range, first, ~0U, 0) == 0 ? PST_OK : PST_ERR_IO;
}

static bool is_already(const struct pst_privilege_ids *ids)
{
    uid_t real = 0, effective = 0, saved = 0;
    return getresuid(&real, &effective, &saved) == 0 && real == ids->uid && effective == ids->uid &&
           saved == ids->uid && getegid() == ids->gid;
}

/* Trusts nothing it did itself: a drop that can be undone is none. */
static bool stays_dropped(const struct pst_privilege_ids *ids)
{
    return is_already(ids) && setuid(0) != 0 && seteuid(0) != 0;
}

enum pst_err pst_privilege_drop(const struct pst_privilege_ids *ids)
{
    if (geteuid() != 0)
        return is_already(ids) ? PST_OK : PST_ERR_DENIED;
    if (ids->uid == 0)
        return PST_OK;
    bool shared = ids->group != ids->gid;
    if (setgroups(shared ? 1 : 0, &ids->group) != 0 ||
        setresgid(ids->gid, ids->gid, ids->gid) != 0 ||
        setresuid(ids->uid, ids->uid, ids->uid) != 0)
        return PST_ERR_DENIED;
        /* A change of ids makes a process dumpable again (prctl(2)) unless told otherwise. */
#if !defined(__SANITIZE_ADDRESS__)
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return PST_ERR_DENIED;
#endif
    return stays_dropped(ids) ? PST_OK : PST_ERR_DENIED;
}

/* Effective and permitted sets, from /proc: libcap would be one more library for two numbers. */
static uint64_t capabilities_read(void)
{
    PST_FILE FILE *file = fopen("/proc/thread-self/status", "re");
    char line[256];
    uint64_t all = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "CapEff:", 7) == 0 || strncmp(line, "CapPrm:", 7) == 0)
            all |= strtoull(line + 7, NULL, 16);
    return all;
}

static uint64_t limit_read(__rlimit_resource_t which)
{
    struct rlimit limit = {0, 0};
    (void)getrlimit(which, &limit);
    return limit.rlim_cur;
}

/* By fcntl, since a process that is not dumpable may not list /proc/self/fd. */
static unsigned descriptors_count(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < DESCRIPTORS_LOOKED_AT; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

void pst_privilege_rights_read(struct pst_privilege_rights *ret_rights)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    *ret_rights = (struct pst_privilege_rights){
        .uid = geteuid(),
        .gid = getegid(),
        .groups = getgroups(0, NULL),
        .capabilities = capabilities_read(),
        .no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
        .dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1,
        .core_bytes = limit_read(RLIMIT_CORE),
        .files = limit_read(RLIMIT_NOFILE),
        .locked_bytes = limit_read(RLIMIT_MEMLOCK),
        .file_mask = mask,
        .descriptors = descriptors_count(),
    };
}
