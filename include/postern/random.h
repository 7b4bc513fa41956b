/*
 * Where random bytes come from, so that tests can give their own.
 *
 * Everything in libpostern that needs randomness takes a struct pst_random;
 * programs pass pst_random_system(). A fill function cannot fail: a system
 * without randomness ends the process (libsodium does so). Any thread.
 */
#ifndef POSTERN_RANDOM_H
#define POSTERN_RANDOM_H

#include <stddef.h>

struct pst_random {
    /* Writes len unpredictable bytes at ret_bytes. */
    void (*fill)(void *ctx, void *ret_bytes, size_t len);
    void *ctx;
};

/* The operating system's, by libsodium (getrandom). Static, never NULL. */
const struct pst_random *pst_random_system(void);

/* random->fill, for short. random NULL: the system's. */
void pst_random_fill(const struct pst_random *random, void *ret_bytes, size_t len);

/*
 * The same for what is told to others anyway: ids, salts, nonces. Of the
 * system's, a thread keeps some hundred bytes for the next; a forked child never
 * gets what its parent gets. Not for keys, codes or tokens.
 */
void pst_random_public(const struct pst_random *random, void *ret_bytes, size_t len);

#endif
