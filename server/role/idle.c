#include "server/role/idle.h"

#include <poll.h>
#include <unistd.h>

#include "server/log/log.h"

static void reload(struct pst_role_start *start, struct pst_role_fresh *fresh)
{
    struct pst_config *config = NULL;
    enum pst_err r = pst_role_config_fresh(start, fresh, start->config, &config);
    if (r != PST_OK) {
        PST_LOG(RELOAD_FAILED, PST_LOG_ERR(r));
        return;
    }
    pst_role_config_use(start, &config);
    PST_LOG(RELOADED);
}

enum pst_err pst_role_idle(struct pst_role_start *start)
{
    PST_LOG(STARTED, PST_LOG_COUNT("pid", getpid()));
    pst_role_ready(start);
    enum pst_role_word word = PST_ROLE_WORD_NONE;
    while (word != PST_ROLE_WORD_STOP) {
        struct pollfd control = {.fd = start->control, .events = POLLIN};
        struct pst_role_fresh fresh;
        (void)poll(&control, 1, PST_ROLE_ALIVE_S * 1000);
        word = pst_role_word_read(start, &fresh);
        if (word == PST_ROLE_WORD_RELOAD)
            reload(start, &fresh);
        pst_role_fresh_close(&fresh);
        pst_role_alive(start);
    }
    PST_LOG(STOPPED);
    return PST_OK;
}
