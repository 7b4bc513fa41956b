#include "server/role/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "postern/cleanup.h"

void pst_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@') /* the abstract namespace, as sd_notify(3) writes it */
        to.sun_path[0] = '\0';
    PST_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, len);
}

int64_t pst_notify_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    if (text == NULL)
        return 0;
    char *end = NULL;
    errno = 0;
    long long us = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || us <= 0)
        return 0;
    return (int64_t)(us / 2000);
}
