/*
 * JSON: strict reading, canonical writing (RFC 8785 for our subset), and
 * objects decoded into structs by a table.
 *
 * Our subset: ASCII member names, integers within +-(2^53-1), no null, no
 * fractions. Reading refuses repeated members, NUL in strings, invalid UTF-8,
 * too deep nesting, and bytes after the end. Parsing is Jansson's; this is not
 * a second parser. Any thread; a json_t belongs to one thread at a time.
 */
#ifndef POSTERN_JSON_H
#define POSTERN_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"

/* Largest JSON body the gateway takes (interfaces.md). */
#define PST_JSON_MAX_BYTES ((size_t)1024 * 1024)
/* Nesting no format of ours comes near; keeps recursion shallow. */
#define PST_JSON_DEPTH_MAX 16
/* Integers that every JSON reader keeps exact. */
#define PST_JSON_INT_MAX INT64_C(9007199254740991)

/*
 * Parse one JSON object or array.
 *   text      UTF-8, borrowed; at most max_bytes
 *   ret_json  given; json_decref
 * Fractions and exponents are refused. null is accepted as a value here, since
 * request bodies may say it; canonical text never holds it.
 * Returns PST_OK; PST_ERR_SYNTAX; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_json_parse(struct pst_bytes text, size_t max_bytes,
                                           json_t **ret_json);

/* The same, and the bytes must be exactly the canonical ones: else PST_ERR_NOT_CANONICAL. */
PST_MUST_CHECK enum pst_err pst_json_parse_canonical(struct pst_bytes text, size_t max_bytes,
                                                     json_t **ret_json);

/* Whether pst_json_parse_canonical takes it, without keeping what it says. */
PST_MUST_CHECK enum pst_err pst_json_canonical_check(struct pst_bytes text, size_t max_bytes);

/*
 * Append the canonical text of json (borrowed): members sorted bytewise, no
 * white space, escapes as RFC 8785 says (\b \t \n \f \r \" \\, else \u00xx in
 * lower case). Returns PST_OK; PST_ERR_INVALID for null, a fraction, an
 * integer out of range, a member name that is not ASCII, NUL in a string, or
 * too deep nesting; PST_ERR_TOO_LONG; PST_ERR_NOMEM. On failure *out is as
 * before.
 */
PST_MUST_CHECK enum pst_err pst_json_write_canonical(const json_t *json, struct pst_buf *out);

/* A string; what Jansson does not tell apart: PST_ERR_INVALID (not UTF-8), PST_ERR_NOMEM. Given. */
PST_MUST_CHECK enum pst_err pst_json_text_new(const char *text, json_t **ret_json);

/* Types of members a table can name, and what the struct field is. */
enum pst_json_type {
    PST_JSON_TEXT,   /* const char *: non-empty, borrowed from the json_t; NULL when absent */
    PST_JSON_INT,    /* int64_t, 0..PST_JSON_INT_MAX */
    PST_JSON_BOOL,   /* bool */
    PST_JSON_UUID,   /* struct pst_uuid */
    PST_JSON_UUID7,  /* struct pst_uuid, version 7 */
    PST_JSON_TIME,   /* int64_t, milliseconds */
    PST_JSON_BIN16,  /* uint8_t[16], base64url: key ids, nonces, salts */
    PST_JSON_BIN32,  /* uint8_t[32], base64url: keys, hashes */
    PST_JSON_ARRAY,  /* json_t *, borrowed; NULL when absent */
    PST_JSON_OBJECT, /* json_t *, borrowed; NULL when absent */
    PST_JSON__MAX
};

enum {
    PST_JSON_REQUIRED = 1 << 0,
    /* A text may be "". */
    PST_JSON_EMPTY = 1 << 1,
};

struct pst_json_member {
    const char *name;
    enum pst_json_type type;
    unsigned flags;
    /* offsetof the field in the struct. */
    size_t offset;
    /* Texts: bytes at most; arrays: elements at most; 0: PST_JSON_TEXT_MAX_BYTES, no limit. */
    size_t max;
};

/* Of texts whose table gives no other. */
#define PST_JSON_TEXT_MAX_BYTES 4096

/* Most members one table can have: they are counted in the bits of a uint64_t. */
#define PST_JSON_MEMBERS_MAX 64

/*
 * Decode an object into a struct; members the table does not name are refused.
 *
 *   ret_struct   the fields the table names are zeroed, then filled;
 *                unspecified on failure
 *   ret_present  bit i set: member i was there. May be NULL
 *   ret_wrong    on failure, the name of the member that is wrong, missing or
 *                unknown: borrowed from the table or, if unknown, from json;
 *                NULL when json is no object. May be NULL
 *
 * Returns PST_OK; PST_ERR_SYNTAX.
 */
PST_MUST_CHECK enum pst_err pst_json_decode(const json_t *json,
                                            const struct pst_json_member *members, size_t count,
                                            void *ret_struct, uint64_t *ret_present,
                                            const char **ret_wrong);

/*
 * The other way: an object of those members whose bit in present is set.
 * Arrays and objects are shared with the struct (their count of
 * references rises). Given. PST_ERR_INVALID for a NULL text or array.
 */
PST_MUST_CHECK enum pst_err pst_json_encode(const void *from, const struct pst_json_member *members,
                                            size_t count, uint64_t present, json_t **ret_json);

/* What pst_json_direct_write writes: as pst_json_encode, and the members sorted bytewise by name.
 */
struct pst_json_direct {
    const void *from;
    const struct pst_json_member *members;
    size_t count;
    uint64_t present;
    /* Appends the canonical value of an array or object; may be NULL where there is none. */
    enum pst_err (*nested)(const void *ctx, const struct pst_json_member *member,
                           struct pst_buf *out);
    const void *ctx;
};

/*
 * Append the canonical text of the object that pst_json_encode would make,
 * without making it. PST_ERR_INVALID as there and as pst_json_write_canonical
 * says; PST_ERR_INTERNAL: the table is not sorted; PST_ERR_TOO_LONG;
 * PST_ERR_NOMEM. On failure *out is as before.
 */
PST_MUST_CHECK enum pst_err pst_json_direct_write(const struct pst_json_direct *of,
                                                  struct pst_buf *out);

/* Is there a member called name in it, given the bits of pst_json_decode? */
#define PST_JSON_HAS(present, index) (((present) >> (index)) & 1U)

/*
 * Sets: arrays of strings sorted bytewise without repeats.
 * check: PST_OK; PST_ERR_SYNTAX (not strings), PST_ERR_NOT_CANONICAL (order).
 */
PST_MUST_CHECK enum pst_err pst_json_set_check(const json_t *array);

/* A set from texts in any order, repeats dropped. Given. */
PST_MUST_CHECK enum pst_err pst_json_set_new(const char *const *texts, size_t count,
                                             json_t **ret_array);

/*
 * A set of UUIDs to an array and back.
 *   ret_items  max elements; on success the first *ret_count are filled, in order
 * PST_ERR_TOO_LONG beyond max.
 */
PST_MUST_CHECK enum pst_err pst_json_uuid_set(const json_t *array, struct pst_uuid *ret_items,
                                              size_t max, size_t *ret_count);
PST_MUST_CHECK enum pst_err pst_json_uuid_set_new(const struct pst_uuid *items, size_t count,
                                                  json_t **ret_array);

#endif
