/*
 * Reads tests/conformance/vectors.json for unit tests; each function ends the
 * test when a value is missing. Values live until the program ends.
 */
#ifndef POSTERN_TESTS_VECTORS_H
#define POSTERN_TESTS_VECTORS_H

#include <check.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/buf.h"
#include "postern/secret.h"

static json_t *vectors_root;

static inline void vectors_drop(void)
{
    json_decref(vectors_root);
}

/* By path: vectors_get("login.salt"). Borrowed. */
static inline const json_t *vectors_get(const char *path)
{
    if (vectors_root == NULL) {
        char file[4096];
        const char *top = getenv("POSTERN_SOURCE");
        snprintf(file, sizeof file, "%s/tests/conformance/vectors.json", top == NULL ? "." : top);
        vectors_root = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_ptr_nonnull(vectors_root);
        atexit(vectors_drop);
    }
    const json_t *at = vectors_root;
    while (at != NULL && *path != 0) {
        char name[64] = "";
        size_t len = strcspn(path, ".");
        ck_assert_uint_lt(len, sizeof name);
        memcpy(name, path, len);
        at = json_object_get(at, name);
        path += len + (path[len] == '.');
    }
    ck_assert_ptr_nonnull(at);
    return at;
}

static inline const char *vectors_text(const char *path)
{
    const char *text = json_string_value(vectors_get(path));
    ck_assert_ptr_nonnull(text);
    return text;
}

/* The bytes that a base64url value stands for, appended to an empty buffer. */
static inline void vectors_bytes(const char *path, struct pst_buf *out)
{
    *out = (struct pst_buf){.max = 1 << 20};
    ck_assert_int_eq(pst_base64url_decode(pst_bytes_str(vectors_text(path)), out), PST_OK);
}

static inline void vectors_exact(const char *path, void *ret_bytes, size_t len)
{
    ck_assert_int_eq(pst_base64url_decode_exact(pst_bytes_str(vectors_text(path)), ret_bytes, len),
                     PST_OK);
}

static inline struct pst_secret *vectors_secret(const char *path, size_t len)
{
    struct pst_secret *secret = NULL;
    ck_assert_int_eq(pst_secret_new(len, &secret), PST_OK);
    vectors_exact(path, pst_secret_mut(secret), len);
    return secret;
}

#endif
