#include "server/door/door.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/door/tickets.h"
#include "server/door/tls.h"
#include "server/door/worker.h"
#include "server/log/log.h"

/* Threads beyond this gain nothing: web and the store need the other cores. */
#define THREADS_MAX 64

/* How often reports, ticket keys and a lost web are looked after. */
#define TICK_MS 200
#define TICKS_A_PING (PST_ROLE_ALIVE_S * 1000 / 2 / TICK_MS)

/* The client of an early answer gets so long, and so many bytes, to stop sending. */
#define DRAIN_MS 10000
#define DRAIN_BYTES ((size_t)48 << 20) /* more than the largest envelope */

/* The door waits longer than web, whose time-outs know what is being waited for. */
#define IDLE_MARGIN_MS 30000

/* Descriptors of a connection: TCP, our end, and web's while it is handed over. */
#define FDS_A_CONNECTION 3
#define FDS_RESERVED 64

struct door {
    struct pst_role_start *start;
    struct pst_door_settings settings;
    struct pst_door_shared shared;
    struct pst_door_limits *limits;
    struct pst_door_report *report;
    struct pst_door_tickets *tickets;
    struct pst_door_worker *workers;
    unsigned running;
};

static int64_t clock_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec;
}

/* As many as there are descriptors for; the rest would only fail later. */
static size_t connections_possible(int64_t wanted)
{
    struct rlimit files = {0};
    size_t possible = (size_t)wanted;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
        size_t room = files.rlim_cur > FDS_RESERVED ? (size_t)files.rlim_cur - FDS_RESERVED : 1;
        if (possible > room / FDS_A_CONNECTION)
            possible = room / FDS_A_CONNECTION;
    }
    return possible;
}

static int64_t longest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void settings_fill(const struct pst_config *config, struct pst_door_settings *ret_settings)
{
    int cores = get_nprocs();
    int64_t web_ms = longest(config->https.idle_time_ms,
                             longest(config->https.header_time_ms, config->https.body_time_ms));
    *ret_settings = (struct pst_door_settings){
        .connections_max = connections_possible(config->https.connections),
        .connections_per_address = (size_t)config->https.connections_per_address,
        .new_per_address_per_s = config->https.connections_per_address,
        .handshake_ms = config->https.handshake_time_ms,
        .idle_ms = web_ms + IDLE_MARGIN_MS,
        .drain_ms = DRAIN_MS,
        .drain_bytes = DRAIN_BYTES,
        .threads = cores < 1             ? 1
                   : cores > THREADS_MAX ? THREADS_MAX
                                         : (unsigned)cores,
    };
}

static enum pst_err door_open(struct door *door)
{
    settings_fill(door->start->config, &door->settings);
    enum pst_err r = pst_door_limits_new(&door->settings, &door->limits);
    if (r == PST_OK)
        r = pst_door_report_new(&door->report);
    if (r == PST_OK)
        r = pst_door_tickets_new(clock_s(), &door->tickets);
    door->workers = calloc(door->settings.threads, sizeof *door->workers);
    door->shared = (struct pst_door_shared){
        .start = door->start, .limits = door->limits, .report = door->report};
    return r == PST_OK && door->workers == NULL ? PST_ERR_NOMEM : r;
}

static void door_close(struct door *door)
{
    free(door->workers);
    pst_door_tickets_free(&door->tickets);
    pst_door_report_free(&door->report);
    pst_door_limits_free(&door->limits);
}

static enum pst_err start_workers(struct door *door)
{
    SSL_CTX *context = NULL;
    enum pst_err r = pst_door_tls_context(&door->start->tls, door->start->config->https.minimum_tls,
                                          door->tickets, &context);
    if (r != PST_OK) {
        PST_LOG(CONFIG_FAILED, PST_LOG_WORD("what", "certificate"), PST_LOG_ERR(r));
        return PST_ERR_CONFIG;
    }
    for (unsigned i = 0; i < door->settings.threads && r == PST_OK; i++) {
        r = pst_door_worker_start(&door->workers[i], &door->shared, &door->settings, context);
        if (r == PST_OK)
            door->running++;
    }
    SSL_CTX_free(context);
    return r;
}

/* The old context goes on serving the connections that have it. */
static void reload(struct door *door, struct pst_role_fresh *fresh)
{
    SSL_CTX *context = NULL;
    struct pst_config *config = NULL;
    enum pst_err r = pst_role_config_fresh(door->start, fresh, door->start->config, &config);
    if (r == PST_OK)
        r = pst_door_tls_context(&fresh->tls, config->https.minimum_tls, door->tickets, &context);
    if (r != PST_OK) {
        pst_config_free(&config);
        PST_LOG(RELOAD_FAILED, PST_LOG_ERR(r));
        return;
    }
    pst_role_config_use(door->start, &config);
    settings_fill(door->start->config, &door->settings);
    pst_door_limits_change(door->limits, &door->settings);
    for (unsigned i = 0; i < door->running; i++)
        pst_door_worker_reload(&door->workers[i], context, &door->settings);
    SSL_CTX_free(context);
    PST_LOG(RELOADED);
}

/* One descriptor number for good: workers send while it is being replaced. */
static void find_web_again(struct door *door)
{
    int fd = -1;
    if (!atomic_load(&door->shared.handover_lost))
        return;
    if (pst_role_handover_connect(door->start, &fd) != PST_OK)
        return;
    if (dup3(fd, door->start->handover, O_CLOEXEC) >= 0)
        atomic_store(&door->shared.handover_lost, false);
    (void)close(fd);
}

static void tick(struct door *door, unsigned number)
{
    bool rotated = false;
    enum pst_err r = pst_door_tickets_rotate(door->tickets, clock_s(), &rotated);
    if (r != PST_OK || rotated)
        PST_LOG(TICKET_KEYS, PST_LOG_ERR(r));
    find_web_again(door);
    pst_door_report_send(door->report, door->start->handover, (int64_t)time(NULL), false);
    if (number % TICKS_A_PING == 0)
        pst_role_alive(door->start);
}

static void serve(struct door *door)
{
    struct pollfd control = {.fd = door->start->control, .events = POLLIN};
    for (unsigned number = 0;; number++) {
        (void)poll(&control, 1, TICK_MS);
        struct pst_role_fresh fresh;
        enum pst_role_word word = pst_role_word_read(door->start, &fresh);
        if (word == PST_ROLE_WORD_RELOAD)
            reload(door, &fresh);
        pst_role_fresh_close(&fresh);
        if (word == PST_ROLE_WORD_STOP)
            return;
        tick(door, number);
    }
}

/* Live streams never become quiet by themselves; should web be behind, the drain's end cuts them.
 */
static void tell_leaving(const struct door *door)
{
    const struct pst_handover leaving = {
        .kind = PST_HANDOVER_LEAVING, .listener = PST_LISTENER_HTTPS, .peer = {.family = 4}};
    enum pst_err r = pst_handover_send(door->start->handover, &leaving, -1);
    if (r != PST_OK)
        PST_LOG(HANDOVER_FAILED, PST_LOG_ERR(r));
}

static void stop_workers(struct door *door)
{
    for (unsigned i = 0; i < door->running; i++)
        pst_door_worker_stop(&door->workers[i]);
    for (unsigned i = 0; i < door->running; i++)
        pst_door_worker_join(&door->workers[i]);
}

enum pst_err pst_door_run(struct pst_role_start *start)
{
    struct door door = {.start = start};
    enum pst_err r = door_open(&door);
    if (r == PST_OK)
        r = start_workers(&door);
    pst_role_tls_files_close(&start->tls);
    if (r == PST_OK) {
        PST_LOG(STARTED, PST_LOG_COUNT("threads", door.running),
                PST_LOG_COUNT("connections", door.settings.connections_max));
        pst_role_ready(start);
        serve(&door);
        PST_LOG(STOPPING, PST_LOG_COUNT("connections", pst_door_limits_count(door.limits)));
        tell_leaving(&door);
    }
    stop_workers(&door);
    if (r == PST_OK) {
        pst_door_report_send(door.report, start->handover, (int64_t)time(NULL), true);
        PST_LOG(STOPPED);
    }
    door_close(&door);
    return r;
}
