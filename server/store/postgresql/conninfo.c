#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/postgresql/postgresql.h"
#include "server/store/target.h"

/* Of a login or a path with its role's ending. */
#define VALUE_MAX 1024

static const char *const role_names[PST_STORE__MAX] = {
    [PST_STORE_WEB] = "web",
    [PST_STORE_COURIER] = "courier",
    [PST_STORE_KEEPER] = "keeper",
    [PST_STORE_TOOL] = NULL, /* the url's own login */
};

/*
 * Used where the url says nothing. A server that vanishes is noticed within
 * ten seconds (keep-alives, and unacknowledged data), a host that does not
 * answer a connection within three, so that the next one is tried while the
 * requests that wait are still worth answering.
 */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"connect_timeout", "3"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "2"},
    {"tcp_user_timeout", "10000"},
    /* Else libpq looks into the home folder of whoever started us, and fails where it may not. */
    {"sslcert", "/nonexistent/postgresql.crt"},
    {"client_encoding", "UTF8"},
    {"target_session_attrs", "read-write"},
};

static void options_free(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}
#define OPTIONS __attribute__((cleanup(options_free)))

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0)
            return option->val;
    return NULL;
}

static enum pst_err add(struct pg_conninfo *info, const char *keyword, const char *value)
{
    if (info->count == PG_CONNINFO_MAX)
        return PST_ERR_TOO_LONG;
    char *copy = strdup(value);
    if (copy == NULL)
        return PST_ERR_NOMEM;
    info->keywords[info->count] = keyword;
    info->values[info->count++] = copy;
    return PST_OK;
}

/* libpq's own list of keywords outlives its parsed options: take ours from it. */
static const char *keyword_of(const char *keyword)
{
    static const char *const known[] = {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "ssl_min_protocol_version",
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "channel_binding",
        "gssencmode",
        "target_session_attrs",
        "client_encoding",
        "options",
        "require_auth",
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], keyword) == 0)
            return known[i];
    return NULL;
}

/* A socket's folder, or this machine by name or number. */
static bool is_local(const char *host, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;
    if (len == 0 || host[0] == '/' || host[0] == '@')
        return true;
    if (len == strlen("localhost") && strncmp(host, "localhost", len) == 0)
        return true;
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool all_local(const char *hosts)
{
    while (hosts != NULL && *hosts != '\0') {
        size_t len = strcspn(hosts, ",");
        if (!is_local(hosts, len))
            return false;
        hosts += len + (hosts[len] == ',' ? 1 : 0);
    }
    return true;
}

/* What leaves the machine does so over TLS, to the server that it is meant for. */
static enum pst_err add_tls(struct pg_conninfo *info, const PQconninfoOption *options,
                            struct pst_store_problem *ret_problem)
{
    const char *mode = value_of(options, "sslmode");
    bool local = all_local(value_of(options, "host")) && all_local(value_of(options, "hostaddr"));
    if (local || (mode != NULL && strcmp(mode, "verify-full") == 0))
        return PST_OK;
    if (mode == NULL)
        return add(info, "sslmode", "verify-full");
    pst_store_problem_set(ret_problem,
                          "a database on another machine is reached with sslmode=verify-full "
                          "(and sslrootcert=FILE), not with sslmode=%s",
                          mode);
    return PST_ERR_INVALID;
}

/* value, with .role or _role at its end for a role. */
static enum pst_err add_of_role(struct pg_conninfo *info, const char *keyword, const char *value,
                                char joint, enum pst_store_role role)
{
    char text[VALUE_MAX];
    const char *name = role_names[role];
    if (name == NULL)
        return add(info, keyword, value);
    int len = snprintf(text, sizeof text, "%s%c%s", value, joint, name);
    return len > 0 && (size_t)len < sizeof text ? add(info, keyword, text) : PST_ERR_TOO_LONG;
}

static enum pst_err add_login(struct pg_conninfo *info, const PQconninfoOption *options,
                              enum pst_store_role role, struct pst_store_problem *ret_problem)
{
    const char *user = value_of(options, "user");
    const char *passfile = value_of(options, "passfile");
    if (user == NULL || *user == '\0') {
        pst_store_problem_set(ret_problem, "the store's url names no login: "
                                           "postgresql://LOGIN@HOST/DATABASE");
        return PST_ERR_INVALID;
    }
    if (value_of(options, "password") != NULL) {
        pst_store_problem_set(ret_problem,
                              "a password does not belong in the store's url: use passfile=FILE");
        return PST_ERR_INVALID;
    }
    enum pst_err r = add_of_role(info, "user", user, '_', role);
    if (r == PST_OK && passfile != NULL)
        r = add_of_role(info, "passfile", passfile, '.', role);
    return r;
}

static enum pst_err add_rest(struct pg_conninfo *info, const PQconninfoOption *options)
{
    enum pst_err r = PST_OK;
    for (const PQconninfoOption *option = options; r == PST_OK && option->keyword != NULL; option++)
        if (option->val != NULL && keyword_of(option->keyword) != NULL)
            r = add(info, keyword_of(option->keyword), option->val);
    for (size_t i = 0; r == PST_OK && i < sizeof defaults / sizeof defaults[0]; i++)
        if (value_of(options, defaults[i].keyword) == NULL)
            r = add(info, defaults[i].keyword, defaults[i].value);
    return r == PST_OK ? add(info, "application_name", "posternd") : r;
}

void pst_pg_conninfo_free(struct pg_conninfo *info)
{
    for (size_t i = 0; i < info->count; i++)
        free(info->values[i]);
    *info = (struct pg_conninfo){.count = 0};
}

enum pst_err pst_pg_conninfo(const char *target, enum pst_store_role role,
                             struct pg_conninfo *ret_info, struct pst_store_problem *ret_problem)
{
    struct pg_conninfo info = {.count = 0};
    PST_FREE char *url = NULL;
    char *wrong = NULL;
    if (asprintf(&url, "postgresql:%s", target) < 0) {
        url = NULL;
        return PST_ERR_NOMEM;
    }
    OPTIONS PQconninfoOption *options = PQconninfoParse(url, &wrong);
    if (options == NULL) {
        pst_store_problem_set(ret_problem, "the store's url: %s", wrong != NULL ? wrong : "?");
        PQfreemem(wrong);
        return PST_ERR_INVALID;
    }
    enum pst_err r = add_login(&info, options, role, ret_problem);
    if (r == PST_OK)
        r = add_tls(&info, options, ret_problem);
    if (r == PST_OK)
        r = add_rest(&info, options);
    if (r != PST_OK)
        pst_pg_conninfo_free(&info);
    else
        *ret_info = info;
    return r;
}
