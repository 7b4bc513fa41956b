#include "server/role/idle.h"

#include <poll.h>
#include <unistd.h>

#include "server/log/log.h"

enum pst_err pst_role_idle(struct pst_role_start *start)
{
    PST_LOG(STARTED, PST_LOG_COUNT("pid", getpid()));
    pst_role_ready(start);
    enum pst_role_word word = PST_ROLE_WORD_NONE;
    while (word != PST_ROLE_WORD_STOP) {
        struct pollfd control = {.fd = start->control, .events = POLLIN};
        struct pst_role_tls_files files;
        (void)poll(&control, 1, PST_ROLE_ALIVE_S * 1000);
        word = pst_role_word_read(start, &files);
        pst_role_tls_files_close(&files);
        pst_role_alive(start);
    }
    PST_LOG(STOPPED);
    return PST_OK;
}
