/*
 * The log: one line of logfmt per event, without personal data by construction.
 *
 *     PST_LOG(REQUEST, PST_LOG_ENUM("method", method_name, method),
 *             PST_LOG_COUNT("status", 201), PST_LOG_MS("took", 3));
 *     time=2026-11-21T21:44:23.123Z level=info role=web session=00c0ffee00c0ffee
 *         event=request method=post status=201 took=3ms      (on one line)
 *
 * An event stands in events.def; a field is an identifier, a number or a word
 * of ours. There is no field for text: what came from outside (names,
 * addresses, paths, subjects, logins, header lines) cannot be written. The log
 * is for operators; the ledger is not written here. Callable from any thread
 * once pst_log_open() has run; a line is one write(2) and never blocks on a
 * lock. Not for lib/, which never logs.
 */
#ifndef POSTERN_SERVER_LOG_H
#define POSTERN_SERVER_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

enum pst_log_level { PST_LOG_DEBUG, PST_LOG_INFO, PST_LOG_WARN, PST_LOG_ERROR, PST_LOG__LEVEL_MAX };

enum pst_log_event {
#define X(name, text, level, meaning) PST_LOG_EVENT_##name,
#include "server/log/events.def"
#undef X
    PST_LOG_EVENT__MAX
};

enum pst_log_type {
    PST_LOG_TYPE_ID,    /* a UUID as text; anything else is written as "invalid" */
    PST_LOG_TYPE_COUNT, /* a number without a unit */
    PST_LOG_TYPE_BYTES,
    PST_LOG_TYPE_MS,
    PST_LOG_TYPE_HASH,  /* 64 bits of a keyed hash, as hexadecimal */
    PST_LOG_TYPE_ENUM,  /* the name of an enum value: a to z, 0 to 9, -_./ */
    PST_LOG_TYPE_WORD,  /* a literal of ours */
    PST_LOG_TYPE_ERR,   /* enum pst_err */
    PST_LOG_TYPE_ERRNO, /* errno */
};

/* Made by the macros below alone. key and text are literals, id is borrowed. */
struct pst_log_field {
    enum pst_log_type type;
    const char *key;
    const char *text;
    int64_t value;
};

/* "" key "" accepts string literals only: a variable does not compile. */
#define PST_LOG_ID(key, uuid) ((struct pst_log_field){PST_LOG_TYPE_ID, "" key "", (uuid), 0})
#define PST_LOG_COUNT(key, n)                                                                      \
    ((struct pst_log_field){PST_LOG_TYPE_COUNT, "" key "", NULL, (int64_t)(n)})
#define PST_LOG_BYTES(key, n)                                                                      \
    ((struct pst_log_field){PST_LOG_TYPE_BYTES, "" key "", NULL, (int64_t)(n)})
#define PST_LOG_MS(key, n) ((struct pst_log_field){PST_LOG_TYPE_MS, "" key "", NULL, (int64_t)(n)})
#define PST_LOG_HASH(key, bits)                                                                    \
    ((struct pst_log_field){PST_LOG_TYPE_HASH, "" key "", NULL, (int64_t)(bits)})
/* name_of: const char *(*)(enum …), such as pst_refusal_code; the value's own function. */
#define PST_LOG_ENUM(key, name_of, v)                                                              \
    ((struct pst_log_field){PST_LOG_TYPE_ENUM, "" key "", (name_of)(v), 0})
#define PST_LOG_WORD(key, literal)                                                                 \
    ((struct pst_log_field){PST_LOG_TYPE_WORD, "" key "", "" literal "", 0})
#define PST_LOG_ERR(err) ((struct pst_log_field){PST_LOG_TYPE_ERR, "err", NULL, (int64_t)(err)})
#define PST_LOG_ERRNO(number)                                                                      \
    ((struct pst_log_field){PST_LOG_TYPE_ERRNO, "errno", NULL, (int64_t)(number)})

/* Ends a list of fields. */
#define PST_LOG_END PST_LOG_COUNT("", 0)

/* Longest line; what does not fit is cut at a field, and "cut=1" ends it. */
#define PST_LOG_LINE_MAX 1024

/*
 * Before the first line, and again after a reload.
 *   role    static: "door", "web" …
 *   least   lines below this level are not written
 *   fd      borrowed; usually STDERR_FILENO
 */
void pst_log_open(const char *role, enum pst_log_level least, int fd);

/* 64 random bits that support can be told; they name a connection in the log. */
uint64_t pst_log_session_new(void);

/* The session that this thread's lines belong to from now on; 0: none. */
void pst_log_session_set(uint64_t session);

/* The first element is there for the comma before no fields at all; +1 steps over it. */
#define PST_LOG(event, ...)                                                                        \
    pst_log_write(PST_LOG_EVENT_##event,                                                           \
                  (const struct pst_log_field[]){PST_LOG_END, ##__VA_ARGS__, PST_LOG_END} + 1)

/*
 * Writes one line, if its level is wanted. What cannot be written is lost:
 * the log never stops a role.
 *   fields   ended by PST_LOG_END; PST_LOG() adds it
 */
void pst_log_write(enum pst_log_event event, const struct pst_log_field *fields);

/*
 * The line of an event, with its line feed: the pure half of pst_log_write().
 *   at_ms      UTC milliseconds
 *   session    0: none
 *   line       PST_LOG_LINE_MAX + 1 bytes, NUL-terminated on return
 * Returns its length.
 */
size_t pst_log_line(int64_t at_ms, const char *role, uint64_t session, enum pst_log_event event,
                    const struct pst_log_field *fields, char line[static PST_LOG_LINE_MAX + 1]);

/* "request" and the like, and its level. */
const char *pst_log_event_name(enum pst_log_event event);
enum pst_log_level pst_log_event_level(enum pst_log_event event);

/* "debug", "info", "warn", "error". Returns PST_OK; PST_ERR_NOT_FOUND. */
const char *pst_log_level_name(enum pst_log_level level);
PST_MUST_CHECK enum pst_err pst_log_level_parse(const char *name, enum pst_log_level *ret_level);

#endif
