#include "server/web/role.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/log/log.h"
#include "server/store/practice.h"
#include "server/store/store.h"
#include "server/vault/vault.h"
#include "server/web/daemon.h"
#include "server/web/route.h"
#include "server/web/sweep.h"

/* How often deadlines are looked after and strangers' counts written down. */
#define TICK_MS 1000
/* How often what is over is removed from the store. */
#define SWEEP_MS (10 * PST_MINUTE_MS)
/* Streams taken before the clock is looked at again: a flood must not stop the sweep. */
#define STREAMS_A_TURN 64
/* What is in flight gets this long; the supervisor ends the role a little later. */
#define DRAIN_MS ((PST_ROLE_DRAIN_S - 2) * 1000)
#define DRAIN_STEP_MS 10
/* Descriptors beside connections: the store's, the daemon's, the log. */
#define FDS_RESERVED 128

struct role {
    struct pst_role_start *start;
    struct pst_vault *vault;
    struct pst_store *store;
    struct pst_web *web;
    int64_t sweep_at_ms;
};

static enum pst_err practice_check(struct pst_tx *tx, void *ctx)
{
    const struct pst_config *config = ctx;
    struct pst_practice practice;
    enum pst_err r = pst_practice_get(tx, &practice);
    if (r == PST_OK && strcmp(practice.origin, config->origin) != 0)
        r = PST_ERR_CONFLICT;
    return r;
}

static enum pst_err store_open(struct role *role, const struct pst_config *config)
{
    struct pst_store_problem problem = {{0}};
    enum pst_err r = pst_store_open(config->store, PST_STORE_WEB, &role->store, &problem);
    if (r != PST_OK) {
        (void)fprintf(stderr, "posternd: the store cannot be opened: %s\n", problem.text);
        return r;
    }
    r = pst_store_read(role->store, practice_check, (void *)(uintptr_t)config);
    if (r == PST_ERR_NOT_FOUND)
        (void)fprintf(stderr, "posternd: this practice is new; run posternd init first\n");
    else if (r == PST_ERR_CONFLICT)
        (void)fprintf(stderr, "posternd: the store is of another practice than origin says\n");
    return r;
}

static unsigned connections_possible(const struct pst_config *config)
{
    struct rlimit files = {0};
    unsigned wanted = (unsigned)config->https.connections;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return wanted;
    unsigned room = files.rlim_cur > FDS_RESERVED ? (unsigned)(files.rlim_cur - FDS_RESERVED) : 1;
    return wanted < room ? wanted : room;
}

static enum pst_err role_open(struct role *role)
{
    const struct pst_config *config = role->start->config;
    enum pst_err r = pst_vault_load(config->vault_key, &role->vault);
    if (r != PST_OK) {
        (void)fprintf(stderr, "posternd: the vault key cannot be used: %s\n", pst_err_text(r));
        return r;
    }
    r = store_open(role, config);
    if (r != PST_OK)
        return r;
    const struct pst_web_settings settings = {
        .config = config,
        .origin = config->origin,
        .store = role->store,
        .vault = role->vault,
        .routes = pst_routes,
        .threads = (unsigned)config->https.threads,
        .connections = connections_possible(config),
    };
    return pst_web_new(&settings, &role->web);
}

static void take(struct role *role, const struct pst_handover *message, int stream)
{
    if (message->kind == PST_HANDOVER_REFUSED) {
        pst_web_stranger(role->web, pst_handover_code(message->refusal), &message->peer,
                         message->minute, message->count);
        return;
    }
    if (message->kind == PST_HANDOVER_LEAVING) {
        pst_web_hush(role->web);
        return;
    }
    enum pst_err r = pst_web_take(role->web, stream, message);
    if (r != PST_OK)
        PST_LOG(HANDOVER_FAILED, PST_LOG_ERR(r));
}

static void streams_take(struct role *role)
{
    for (int i = 0; i < STREAMS_A_TURN; i++) {
        struct pst_handover message;
        int stream = -1;
        enum pst_err r = pst_role_handover_recv(role->start, &message, &stream);
        if (r == PST_OK)
            take(role, &message, stream);
        else if (r != PST_ERR_SYNTAX)
            return;
    }
}

static void sweep(struct role *role, int64_t now_ms, bool at_start)
{
    int64_t parts = 0;
    if (now_ms < role->sweep_at_ms)
        return;
    role->sweep_at_ms = now_ms + SWEEP_MS;
    enum pst_err r = pst_sweep(role->store, now_ms, at_start, &parts);
    if (r != PST_OK)
        PST_LOG(STORE_FAILED, PST_LOG_ERR(r));
    if (parts > 0)
        PST_LOG(STAGING_SWEPT, PST_LOG_COUNT("parts", parts));
}

static void tick(struct role *role, int64_t *next_ms)
{
    int64_t now_ms = pst_clock_now(NULL);
    if (now_ms < *next_ms && *next_ms - now_ms <= TICK_MS)
        return;
    *next_ms = now_ms + TICK_MS;
    pst_web_sweep(role->web, now_ms);
    pst_web_flush(role->web);
    sweep(role, now_ms, /* at_start= */ false);
    pst_role_alive(role->start);
}

/* The first configuration stays: it is what cannot change while this process lives. */
static void reload(struct role *role, struct pst_role_fresh *fresh)
{
    struct pst_config *config = NULL;
    enum pst_err r = pst_role_config_fresh(role->start, fresh, role->start->config, &config);
    if (r == PST_OK)
        r = pst_web_configure(role->web, &config);
    pst_config_free(&config);
    if (r == PST_OK)
        PST_LOG(RELOADED);
    else
        PST_LOG(RELOAD_FAILED, PST_LOG_ERR(r));
}

static void serve(struct role *role)
{
    int64_t next_ms = 0;
    enum pst_role_word word = PST_ROLE_WORD_NONE;
    while (word != PST_ROLE_WORD_STOP) {
        struct pollfd waits[] = {{.fd = role->start->control, .events = POLLIN},
                                 {.fd = role->start->handover, .events = POLLIN}};
        struct pst_role_fresh fresh;
        (void)poll(waits, sizeof waits / sizeof waits[0], TICK_MS);
        if (waits[1].revents != 0)
            streams_take(role);
        word = pst_role_word_read(role->start, &fresh);
        if (word == PST_ROLE_WORD_RELOAD)
            reload(role, &fresh);
        pst_role_fresh_close(&fresh);
        tick(role, &next_ms);
    }
}

/* What has begun ends; connections without a request are simply closed. */
static enum pst_err drain(struct role *role)
{
    const struct timespec step = {.tv_nsec = DRAIN_STEP_MS * 1000000L};
    pst_web_drain(role->web);
    for (int64_t waited_ms = 0; pst_web_busy(role->web) > 0; waited_ms += DRAIN_STEP_MS) {
        if (waited_ms >= DRAIN_MS)
            return PST_ERR_TIMEOUT;
        (void)nanosleep(&step, NULL);
    }
    pst_web_flush(role->web);
    return PST_OK;
}

enum pst_err pst_web_run(struct pst_role_start *start)
{
    struct role role = {.start = start};
    enum pst_err r = role_open(&role);
    if (r == PST_OK) {
        sweep(&role, pst_clock_now(NULL), /* at_start= */ true);
        PST_LOG(STARTED, PST_LOG_COUNT("pid", getpid()));
        pst_role_ready(start);
        serve(&role);
        PST_LOG(STOPPING);
        r = drain(&role);
    }
    /* Requests that hang still use all of this: then the end of the process frees it. */
    if (r == PST_ERR_TIMEOUT)
        return r;
    pst_web_free(&role.web);
    pst_store_close(&role.store);
    pst_vault_free(&role.vault);
    PST_LOG(STOPPED);
    return r;
}
