/*
 * Secrets: guarded memory (libsodium's sodium_malloc), wiped on free.
 *
 * The only type in which key material, passphrases and tokens live. Nothing
 * here prints a secret or copies it into ordinary memory. A process that never
 * may swap or dump says so at start (pst_secret_init). Any thread; one secret
 * belongs to one thread at a time.
 */
#ifndef POSTERN_SECRET_H
#define POSTERN_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

struct pst_secret;

/* Longest secret: guarded pages are scarce (RLIMIT_MEMLOCK), and keys are short. */
#define PST_SECRET_MAX_BYTES 4096

/* Starts libsodium; once, before any thread. PST_ERR_INTERNAL when it cannot. */
PST_MUST_CHECK enum pst_err pst_secret_init(void);

/* len zero bytes, 1..PST_SECRET_MAX_BYTES. Given: release with pst_secret_free. */
PST_MUST_CHECK enum pst_err pst_secret_new(size_t len, struct pst_secret **ret_secret);

/* len random bytes. Given. */
PST_MUST_CHECK enum pst_err pst_secret_random(size_t len, struct pst_secret **ret_secret);

/* Copies len bytes and wipes them where they came from, also on failure. Given. */
PST_MUST_CHECK enum pst_err pst_secret_take(void *bytes, size_t len,
                                            struct pst_secret **ret_secret);

/* A second copy, in guarded memory like the first. Given. */
PST_MUST_CHECK enum pst_err pst_secret_copy(const struct pst_secret *secret,
                                            struct pst_secret **ret_secret);

/* Wipes and frees; accepts NULL and pointer to NULL; leaves NULL. */
void pst_secret_free(struct pst_secret **secret);

/* Borrowed until the secret is freed. */
const uint8_t *pst_secret_bytes(const struct pst_secret *secret);
uint8_t *pst_secret_mut(struct pst_secret *secret);
size_t pst_secret_len(const struct pst_secret *secret);

/* Constant time for equal lengths. */
bool pst_secret_equal(const struct pst_secret *a, const struct pst_secret *b);

#endif
