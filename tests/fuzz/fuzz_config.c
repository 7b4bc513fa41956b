/*
 * postern.conf. Whatever comes: it is accepted whole, with what every role
 * relies on, or refused with file, line and what is expected.
 */
#include "server/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* libconfig 1.5 forgets the string it was reading when the text ends in its middle. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

static void check_accepted(const struct pst_config *config,
                           const struct pst_config_problem *problem)
{
    HOLDS(problem->text[0] == '\0');
    HOLDS(config->origin != NULL && config->store != NULL && config->data != NULL);
    HOLDS(config->vault_key != NULL && config->ledger_key != NULL && config->practice.name != NULL);
    HOLDS(config->https.listen.count > 0 && config->https.listen.count <= PST_CONFIG_LISTEN_MAX);
    HOLDS(config->https.certificate[0] == '/' && config->https.key[0] == '/');
    HOLDS(config->retention.messages_ms > 0 && config->consent.grace_ms >= 0);
    HOLDS(config->https.connections > 0 && config->limits.message_size_bytes > 0);
    HOLDS(!config->inbound.present || config->inbound.listen.count > 0);
    HOLDS(!config->relay.present || config->relay.host != NULL);
}

static void check_refused(const struct pst_config_problem *problem)
{
    HOLDS(strncmp(problem->text, "(text):", 7) == 0);
    HOLDS(problem->text[7] >= '1' && problem->text[7] <= '9');
    HOLDS(strlen(problem->text) < PST_CONFIG_PROBLEM_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = (char *)malloc(len + 1);
    if (text == NULL)
        return 0;
    memcpy(text, bytes, len);
    text[len] = '\0';
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    /* Included files would make runs differ from machine to machine. */
    if (strstr(text, "@include") == NULL) {
        enum pst_err r = pst_config_read_text(text, PST_CONFIG_CHECK_SHAPE, &config, &problem);
        HOLDS((r == PST_OK) == (config != NULL));
        if (r == PST_OK)
            check_accepted(config, &problem);
        else
            check_refused(&problem);
        pst_config_free(&config);
    }
    free(text);
    return 0;
}
