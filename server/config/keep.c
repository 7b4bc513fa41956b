#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"

enum form {
    FORM_STRING,
    FORM_LISTEN,
    FORM_NUMBER,
    FORM_GROUP, /* whether it stands there at all */
};

/* Opened, bound, dropped to or told to the library at the start, and never again. */
static const struct fixed {
    const char *name;
    enum form form;
    size_t offset;
} fixed[] = {
    {"origin", FORM_STRING, offsetof(struct pst_config, origin)},
    {"store", FORM_STRING, offsetof(struct pst_config, store)},
    {"data", FORM_STRING, offsetof(struct pst_config, data)},
    {"run", FORM_STRING, offsetof(struct pst_config, run)},
    {"vault-key", FORM_STRING, offsetof(struct pst_config, vault_key)},
    {"ledger-key", FORM_STRING, offsetof(struct pst_config, ledger_key)},
    {"web-root", FORM_STRING, offsetof(struct pst_config, web_root)},
    {"https.listen", FORM_LISTEN, offsetof(struct pst_config, https.listen)},
    {"https.threads", FORM_NUMBER, offsetof(struct pst_config, https.threads)},
    {"users.group", FORM_STRING, offsetof(struct pst_config, users.group)},
    {"users.door", FORM_STRING, offsetof(struct pst_config, users.door)},
    {"users.web", FORM_STRING, offsetof(struct pst_config, users.web)},
    {"users.mail", FORM_STRING, offsetof(struct pst_config, users.mail)},
    {"users.courier", FORM_STRING, offsetof(struct pst_config, users.courier)},
    {"users.keeper", FORM_STRING, offsetof(struct pst_config, users.keeper)},
    {"submission", FORM_GROUP, offsetof(struct pst_config, submission.present)},
    {"submission.listen", FORM_LISTEN, offsetof(struct pst_config, submission.listen)},
    {"inbound", FORM_GROUP, offsetof(struct pst_config, inbound.present)},
    {"inbound.listen", FORM_LISTEN, offsetof(struct pst_config, inbound.listen)},
};
#define FIXED_COUNT (sizeof fixed / sizeof fixed[0])
_Static_assert(FIXED_COUNT <= 64, "ret_kept has a bit for each");

const char *pst_config_fixed_name(unsigned setting)
{
    return setting < FIXED_COUNT ? fixed[setting].name : NULL;
}

static enum pst_err keep_string(char **next, char *const *now, bool *ret_kept)
{
    bool same = *next == NULL || *now == NULL ? *next == *now : strcmp(*next, *now) == 0;
    *ret_kept = !same;
    if (same)
        return PST_OK;
    free(*next);
    *next = *now != NULL ? strdup(*now) : NULL;
    return *now != NULL && *next == NULL ? PST_ERR_NOMEM : PST_OK;
}

static bool keep_listen(struct pst_config_listen *next, const struct pst_config_listen *now)
{
    bool same = next->count == now->count;
    for (size_t i = 0; same && i < now->count; i++)
        same = strcmp(next->at[i].host, now->at[i].host) == 0 &&
               next->at[i].port == now->at[i].port && next->at[i].is_v6 == now->at[i].is_v6;
    *next = *now;
    return !same;
}

static bool keep_number(int64_t *next, const int64_t *now)
{
    bool same = *next == *now;
    *next = *now;
    return !same;
}

/* A group that went is left empty: its strings are not there to be used. */
static bool keep_group(bool *next, const bool *now)
{
    bool same = *next == *now;
    *next = *next && *now;
    return !same;
}

static enum pst_err keep_one(const struct fixed *setting, struct pst_config *next,
                             const struct pst_config *now, bool *ret_kept)
{
    void *to = (char *)next + setting->offset;
    const void *from = (const char *)now + setting->offset;
    switch (setting->form) {
    case FORM_STRING:
        return keep_string(to, from, ret_kept);
    case FORM_LISTEN:
        *ret_kept = keep_listen(to, from);
        return PST_OK;
    case FORM_NUMBER:
        *ret_kept = keep_number(to, from);
        return PST_OK;
    case FORM_GROUP:
        *ret_kept = keep_group(to, from);
        return PST_OK;
    }
    return PST_ERR_INTERNAL;
}

enum pst_err pst_config_keep(struct pst_config *next, const struct pst_config *now,
                             uint64_t *ret_kept)
{
    uint64_t all = 0;
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < FIXED_COUNT; i++) {
        bool kept = false;
        r = keep_one(&fixed[i], next, now, &kept);
        all |= (uint64_t)kept << i;
    }
    if (r == PST_OK)
        *ret_kept = all;
    return r;
}
