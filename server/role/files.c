#include "server/role/role.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/config/config.h"

static enum pst_err open_file(const char *path, int *ret_fd)
{
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        *ret_fd = fd;
        return PST_OK;
    }
    if (path == NULL || errno == ENOENT)
        return PST_ERR_NOT_FOUND;
    return errno == EACCES ? PST_ERR_DENIED : PST_ERR_IO;
}

enum pst_err pst_role_tls_files_open(const struct pst_config *config,
                                     struct pst_role_tls_files *ret_files)
{
    struct pst_role_tls_files files = {-1, -1, -1};
    enum pst_err r = open_file(config->https.certificate, &files.certificate);
    if (r == PST_OK)
        r = open_file(config->https.key, &files.key);
    if (r == PST_OK && config->https.client_ca != NULL)
        r = open_file(config->https.client_ca, &files.authorities);
    if (r == PST_OK)
        *ret_files = files;
    else
        pst_role_tls_files_close(&files);
    return r;
}

void pst_role_tls_files_close(struct pst_role_tls_files *files)
{
    int *fds[] = {&files->certificate, &files->key, &files->authorities};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
}
