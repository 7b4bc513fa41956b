#include "client/cli/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static bool is_standard(const char *path)
{
    return path == NULL || strcmp(path, "-") == 0;
}

static enum pst_err cannot_write(struct pst_cli *cli, const char *path)
{
    return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO, "%s cannot be written: %s.", path,
                             strerror(errno));
}

/* Made beside the file, so that it can be renamed. */
static enum pst_err open_temporary(struct pst_cli *cli, bool private, struct pst_output *output)
{
    if (asprintf(&output->temp, "%s.XXXXXX", output->path) < 0) {
        output->temp = NULL;
        return PST_ERR_NOMEM;
    }
    output->fd = mkostemp(output->temp, O_CLOEXEC);
    if (output->fd < 0) {
        free(output->temp);
        output->temp = NULL;
        return cannot_write(cli, output->path);
    }
    if (!private) {
        mode_t mask = umask(0);
        (void)umask(mask);
        if (fchmod(output->fd, 0666 & ~mask) != 0)
            return cannot_write(cli, output->path);
    }
    return PST_OK;
}

enum pst_err pst_output_open(struct pst_cli *cli, const char *path, bool private,
                             struct pst_output *output)
{
    struct stat found;
    *output = (struct pst_output){.cli = cli, .fd = STDOUT_FILENO};
    if (is_standard(path)) {
        output->terminal = isatty(STDOUT_FILENO) == 1;
        return PST_OK;
    }
    bool exists = stat(path, &found) == 0;
    if (exists && !S_ISREG(found.st_mode)) {
        output->fd = open(path, O_WRONLY | O_CLOEXEC);
        return output->fd < 0 ? cannot_write(cli, path) : PST_OK;
    }
    /* A link keeps pointing where it did. */
    output->path = exists ? realpath(path, NULL) : strdup(path);
    return output->path == NULL ? PST_ERR_NOMEM : open_temporary(cli, private, output);
}

/* No C0 but tab, line feed and return, no DEL, no C1 (C2 80 to C2 9F in UTF-8). */
static bool terminal_safe(struct pst_output *output, struct pst_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        bool control = (c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f ||
                       (output->after_c2 && c >= 0x80 && c <= 0x9f);
        if (control)
            return false;
        output->after_c2 = c == 0xc2;
    }
    return true;
}

static enum pst_err write_all(void *ctx, struct pst_bytes bytes)
{
    struct pst_output *output = ctx;
    if (output->terminal && !terminal_safe(output, bytes))
        return pst_cli_fail(output->cli, PST_ERR_INVALID,
                            "This is not text for a terminal: give a file with -o.");
    while (bytes.len > 0) {
        ssize_t n = write(output->fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return cannot_write(output->cli, output->path != NULL ? output->path : "The output");
        if (n > 0)
            bytes = pst_bytes(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return PST_OK;
}

struct pst_sink pst_output_sink(struct pst_output *output)
{
    return (struct pst_sink){write_all, output};
}

enum pst_err pst_output_commit(struct pst_output *output)
{
    if (output->temp == NULL)
        return PST_OK;
    /* Some file systems say only here that there was no room. */
    int closed = close(output->fd);
    output->fd = -1;
    if (closed != 0 || rename(output->temp, output->path) != 0)
        return cannot_write(output->cli, output->path);
    free(output->temp);
    output->temp = NULL;
    return PST_OK;
}

void pst_output_free(struct pst_output *output)
{
    if (output->fd > STDERR_FILENO)
        (void)close(output->fd);
    if (output->temp != NULL)
        (void)unlink(output->temp);
    free(output->temp);
    free(output->path);
    *output = (struct pst_output){.fd = -1};
}

static enum pst_err push_fd(struct pst_cli *cli, const char *name, int fd, uint8_t *buffer,
                            struct pst_sink push)
{
    for (;;) {
        ssize_t n = read(fd, buffer, PST_INPUT_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pst_cli_fail_exit(cli, EX_IOERR, PST_ERR_IO, "%s cannot be read: %s.", name,
                                     strerror(errno));
        if (n == 0)
            return PST_OK;
        enum pst_err r = push.write(push.ctx, pst_bytes(buffer, (size_t)n));
        if (r != PST_OK)
            return r;
    }
}

/* *ret_fd stays standard input when nothing else is named. */
static enum pst_err open_input(struct pst_cli *cli, const char *path, int *ret_fd)
{
    if (is_standard(path))
        return PST_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pst_cli_fail_exit(cli, EX_NOINPUT, PST_ERR_IO, "%s cannot be read: %s.", path,
                                 strerror(errno));
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_fd = fd;
    return PST_OK;
}

enum pst_err pst_input_push(struct pst_cli *cli, const char *path, struct pst_sink push)
{
    int fd = STDIN_FILENO;
    enum pst_err r = open_input(cli, path, &fd);
    if (r != PST_OK)
        return r;
    uint8_t *buffer = malloc(PST_INPUT_BYTES);
    r = PST_ERR_NOMEM;
    if (buffer != NULL) {
        r = push_fd(cli, fd == STDIN_FILENO ? "Standard input" : path, fd, buffer, push);
        sodium_memzero(buffer, PST_INPUT_BYTES);
    }
    free(buffer);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    return r;
}
