#include "server/role/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/config.h"

/* As the store's own files: the roles' group comes from the folder's bit. */
#define LOCK_MODE 0660

/* The folder's group may write there: no link of theirs is followed. */
static enum pst_err lock_open(const char *path, int *ret_fd)
{
    int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, LOCK_MODE);
    if (fd < 0 && errno == ENOENT)
        return PST_ERR_NOT_FOUND;
    if (fd < 0)
        return errno == EACCES ? PST_ERR_DENIED : PST_ERR_IO;
    /* Whatever the umask of whoever makes it: every role opens it. */
    (void)fchmod(fd, LOCK_MODE);
    *ret_fd = fd;
    return PST_OK;
}

enum pst_err pst_role_store_lock(const struct pst_config *config, enum pst_lock_kind kind,
                                 int *ret_fd)
{
    char path[PATH_MAX];
    int fd = -1;
    int len = snprintf(path, sizeof path, "%s/posternd.lock", config->data);
    if (len < 0 || (size_t)len >= sizeof path)
        return PST_ERR_TOO_LONG;
    enum pst_err r = lock_open(path, &fd);
    if (r != PST_OK)
        return r;
    if (flock(fd, (kind == PST_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        r = errno == EWOULDBLOCK ? PST_ERR_BUSY : PST_ERR_IO;
        (void)close(fd);
        return r;
    }
    *ret_fd = fd;
    return PST_OK;
}
