/*
 * UUIDs (RFC 9562): identifiers of people, messages, threads, events.
 *
 * On the wire always lower case with hyphens; anything else is refused, so
 * that one identifier has one spelling. Ours are version 7 (time-ordered).
 * Any thread; nothing allocates.
 */
#ifndef POSTERN_UUID_H
#define POSTERN_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"
#include "postern/random.h"

#define PST_UUID_BYTES 16
/* Characters of the text, and with its terminator. */
#define PST_UUID_TEXT_LEN 36
#define PST_UUID_TEXT_SIZE (PST_UUID_TEXT_LEN + 1)

struct pst_uuid {
    uint8_t bytes[PST_UUID_BYTES];
};

/*
 * A new version 7 UUID: 48 bits of at_ms (milliseconds since 1970, 0 or more),
 * 74 random bits. random NULL: the system's.
 */
void pst_uuid_v7(int64_t at_ms, const struct pst_random *random, struct pst_uuid *ret_uuid);

/*
 * Exactly 36 characters, hyphens in place, lower-case hexadecimal digits.
 *   text   borrowed, need not be NUL-terminated
 * Any version and variant. Returns PST_OK; PST_ERR_SYNTAX.
 */
PST_MUST_CHECK enum pst_err pst_uuid_parse(const char *text, size_t text_len,
                                           struct pst_uuid *ret_uuid);

/* ret_text: PST_UUID_TEXT_SIZE bytes, NUL-terminated. */
void pst_uuid_format(const struct pst_uuid *uuid, char *ret_text);

/* Bytewise, as memcmp; the order of the texts is the same. */
int pst_uuid_compare(const struct pst_uuid *a, const struct pst_uuid *b);
bool pst_uuid_equal(const struct pst_uuid *a, const struct pst_uuid *b);

/* All bytes zero: what an unset struct holds. */
bool pst_uuid_is_nil(const struct pst_uuid *uuid);

/* Version 7 and the RFC's variant. */
bool pst_uuid_is_v7(const struct pst_uuid *uuid);

/* The milliseconds inside a version 7 UUID; meaningless for others. */
int64_t pst_uuid_v7_ms(const struct pst_uuid *uuid);

#endif
