#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/log/log.h"
#include "server/role/role.h"

void pst_role_fresh_close(struct pst_role_fresh *fresh)
{
    pst_role_tls_files_close(&fresh->tls);
    if (fresh->config >= 0)
        (void)close(fresh->config);
    fresh->config = -1;
}

static const char *fixed_name(unsigned setting)
{
    return pst_config_fixed_name(setting);
}

void pst_role_kept_log(uint64_t kept)
{
    for (unsigned i = 0; i < 64; i++)
        if ((kept >> i & 1) != 0)
            PST_LOG(SETTING_KEPT, PST_LOG_ENUM("setting", fixed_name, i));
}

static enum pst_err read_config(const struct pst_role_start *start, struct pst_role_fresh *fresh,
                                struct pst_config **ret_config)
{
    struct pst_config_problem problem = {.text = ""};
    if (fresh->config < 0)
        fresh->config = open(start->config_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fresh->config < 0)
        return PST_ERR_IO;
    enum pst_err r = pst_config_read_fd(fresh->config, start->config_path, PST_CONFIG_CHECK_SHAPE,
                                        ret_config, &problem);
    if (r != PST_OK)
        (void)fprintf(stderr, "posternd: %s\n", problem.text);
    return r;
}

enum pst_err pst_role_config_fresh(const struct pst_role_start *start, struct pst_role_fresh *fresh,
                                   const struct pst_config *now, struct pst_config **ret_config)
{
    struct pst_config *config = NULL;
    uint64_t kept = 0;
    enum pst_err r = read_config(start, fresh, &config);
    if (r == PST_OK)
        r = pst_config_keep(config, now, &kept);
    if (r == PST_OK && start->role == PST_ROLE_DOOR && fresh->tls.key < 0)
        r = pst_role_tls_files_open(config, &fresh->tls);
    if (r != PST_OK) {
        pst_config_free(&config);
        return r;
    }
    if (!start->supervised)
        pst_role_kept_log(kept);
    pst_log_open(pst_process_name(start->role), config->log.level, STDERR_FILENO);
    *ret_config = config;
    return PST_OK;
}

void pst_role_config_use(struct pst_role_start *start, struct pst_config **config)
{
    struct pst_config *before = NULL;
    memcpy(&before, &start->config, sizeof before); /* ours: const for those who read it */
    start->config = *config;
    *config = NULL;
    pst_config_free(&before);
}
