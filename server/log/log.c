#include "server/log/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* No word of ours is longer; a longer one is not ours. */
#define WORD_MAX 40

/* Kept free at the end of a line for " cut=1\n". */
#define CUT_RESERVE 8

static const struct {
    const char *name;
    enum pst_log_level level;
} events[PST_LOG_EVENT__MAX] = {
#define X(name, text, level, meaning) [PST_LOG_EVENT_##name] = {text, PST_LOG_##level},
#include "server/log/events.def"
#undef X
};

static const char *const level_names[PST_LOG__LEVEL_MAX] = {
    [PST_LOG_DEBUG] = "debug",
    [PST_LOG_INFO] = "info",
    [PST_LOG_WARN] = "warn",
    [PST_LOG_ERROR] = "error",
};

/* Set at start and on reload, while threads may log: hence atomic. */
static _Atomic(const char *) log_role = "start";
static atomic_int log_least = PST_LOG_INFO;
static atomic_int log_fd = STDERR_FILENO;
static _Thread_local uint64_t log_session;

const char *pst_log_event_name(enum pst_log_event event)
{
    return (unsigned)event < PST_LOG_EVENT__MAX ? events[event].name : "panic";
}

enum pst_log_level pst_log_event_level(enum pst_log_event event)
{
    return (unsigned)event < PST_LOG_EVENT__MAX ? events[event].level : PST_LOG_ERROR;
}

const char *pst_log_level_name(enum pst_log_level level)
{
    return (unsigned)level < PST_LOG__LEVEL_MAX ? level_names[level] : "error";
}

enum pst_err pst_log_level_parse(const char *name, enum pst_log_level *ret_level)
{
    for (int i = 0; i < PST_LOG__LEVEL_MAX; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum pst_log_level)i;
            return PST_OK;
        }
    }
    return PST_ERR_NOT_FOUND;
}

void pst_log_open(const char *role, enum pst_log_level least, int fd)
{
    atomic_store(&log_role, role);
    atomic_store(&log_least, least);
    atomic_store(&log_fd, fd);
}

uint64_t pst_log_session_new(void)
{
    uint64_t session = 0;
    /* A session without its number is a nuisance in support, not a fault. */
    while (session == 0 && getrandom(&session, sizeof session, 0) == (ssize_t)sizeof session)
        ;
    return session;
}

void pst_log_session_set(uint64_t session)
{
    log_session = session;
}

/* A line under construction; full once something did not fit. */
struct line {
    char *at;
    size_t len;
    bool full;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whole or not at all, so that a cut never shows half a number. */
static void put(struct line *line, const char *format, ...)
{
    if (line->full)
        return;
    size_t room = PST_LOG_LINE_MAX - CUT_RESERVE - line->len;
    va_list args;
    va_start(args, format);
    int written = vsnprintf(line->at + line->len, room + 1, format, args);
    va_end(args);
    if (written < 0 || (size_t)written > room)
        line->full = true;
    else
        line->len += (size_t)written;
}

static bool is_word(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_./";
    size_t len = strnlen(text, WORD_MAX + 1);
    return len > 0 && len <= WORD_MAX && strspn(text, allowed) == len;
}

static bool is_uuid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (text[i] == '\0' || (text[i] == '-') != dash)
            return false;
        if (!dash && strchr("0123456789abcdef", text[i]) == NULL)
            return false;
    }
    return text[36] == '\0';
}

/* Whatever is not what its type says shows as "invalid", never as itself. */
static void put_text(struct line *line, const struct pst_log_field *field, bool valid)
{
    put(line, " %s=%s", field->key, valid ? field->text : "invalid");
}

static void put_errno(struct line *line, int number)
{
    const char *name = strerrorname_np(number);
    put(line, " errno=%s", name != NULL ? name : "unknown");
}

static void put_field(struct line *line, const struct pst_log_field *field)
{
    switch (field->type) {
    case PST_LOG_TYPE_ID:
        put_text(line, field, field->text != NULL && is_uuid(field->text));
        return;
    case PST_LOG_TYPE_ENUM:
    case PST_LOG_TYPE_WORD:
        put_text(line, field, field->text != NULL && is_word(field->text));
        return;
    case PST_LOG_TYPE_COUNT:
        put(line, " %s=%" PRId64, field->key, field->value);
        return;
    case PST_LOG_TYPE_BYTES:
        put(line, " %s=%" PRId64 "B", field->key, field->value);
        return;
    case PST_LOG_TYPE_MS:
        put(line, " %s=%" PRId64 "ms", field->key, field->value);
        return;
    case PST_LOG_TYPE_HASH:
        put(line, " %s=%016" PRIx64, field->key, (uint64_t)field->value);
        return;
    case PST_LOG_TYPE_ERR:
        put(line, " err=%s", pst_err_name((enum pst_err)field->value));
        return;
    case PST_LOG_TYPE_ERRNO:
        put_errno(line, (int)field->value);
        return;
    }
}

static void put_time(struct line *line, int64_t at_ms)
{
    int64_t ms = at_ms % 1000;
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc = {0};
    if (at_ms < 0 || gmtime_r(&seconds, &utc) == NULL) {
        put(line, "time=invalid");
        return;
    }
    put(line, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
        utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)ms);
}

size_t pst_log_line(int64_t at_ms, const char *role, uint64_t session, enum pst_log_event event,
                    const struct pst_log_field *fields, char line[static PST_LOG_LINE_MAX + 1])
{
    struct line out = {.at = line};
    put_time(&out, at_ms);
    put(&out, " level=%s role=%s", pst_log_level_name(pst_log_event_level(event)), role);
    if (session != 0)
        put(&out, " session=%016" PRIx64, session);
    put(&out, " event=%s", pst_log_event_name(event));
    for (const struct pst_log_field *field = fields; field->key[0] != '\0'; field++)
        put_field(&out, field);
    size_t room = PST_LOG_LINE_MAX + 1 - out.len;
    int end = snprintf(line + out.len, room, "%s", out.full ? " cut=1\n" : "\n");
    return out.len + (size_t)end;
}

void pst_log_write(enum pst_log_event event, const struct pst_log_field *fields)
{
    if ((int)pst_log_event_level(event) < atomic_load(&log_least))
        return;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    char line[PST_LOG_LINE_MAX + 1];
    size_t len = pst_log_line((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                              atomic_load(&log_role), log_session, event, fields, line);
    /* Nobody is left to be told when the log itself cannot be written. */
    ssize_t written = write(atomic_load(&log_fd), line, len);
    (void)written;
}
