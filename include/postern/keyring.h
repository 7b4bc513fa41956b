/*
 * Key rings (formats.md "Key ring"): a person's private keys and pins, sealed
 * with a random key K; and wraps, K sealed once per way to sign in.
 *
 *   ring = nonce (24) || XChaCha20-Poly1305(K, JSON, ad = "postern.keyring/1 <person>")
 *   wrap = nonce (24) || XChaCha20-Poly1305(w, K, ad = "postern.wrap/1 <person> <kind>")
 *
 * Clients only: a server never opens one. Private keys live in struct
 * pst_secret; the JSON text in between lies in buffers wiped before they are
 * freed, and opening a ring sets Jansson to wipe what it frees, for good.
 * A ring belongs to one thread at a time.
 */
#ifndef POSTERN_KEYRING_H
#define POSTERN_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/random.h"
#include "postern/secret.h"
#include "postern/uuid.h"

/* One rotation a month for five years, and rings stay small. */
#define PST_KEYRING_KEYS_MAX 64
/* A practice's people and teams as one person sees them. */
#define PST_KEYRING_PINS_MAX 8192
#define PST_KEYRING_CHECKPOINT_MAX_BYTES 4096
#define PST_KEYRING_MAX_BYTES ((size_t)2 * 1024 * 1024)
#define PST_KEYRING_KEY_BYTES 32
/* nonce, K, tag. */
#define PST_WRAP_BYTES (24 + 32 + 16)
/* "prf:" and a credential id in base64url. */
#define PST_WRAP_KIND_MAX_BYTES 1400

/* What was last seen of a person or team. */
struct pst_pin {
    struct pst_uuid id;
    int64_t serial;
    struct pst_sha256 hash;
};

struct pst_keyring {
    /* 32-byte X25519 secrets, newest first; owned. */
    struct pst_secret *identities[PST_KEYRING_KEYS_MAX];
    size_t identities_count;
    /* 32-byte Ed25519 seeds, newest first; owned. */
    struct pst_secret *signing[PST_KEYRING_KEYS_MAX];
    size_t signing_count;
    /* The practice's root seed, in the first administrator's ring; NULL elsewhere. */
    struct pst_secret *root;
    /* Sorted by id. */
    struct pst_pin *pins;
    size_t pins_count;
    /* The last checkpoint seen, NUL-terminated; NULL when none. Owned. */
    char *checkpoint;
};

/* An empty ring. Given; release with pst_keyring_free, which wipes. */
PST_MUST_CHECK enum pst_err pst_keyring_new(struct pst_keyring **ret_ring);
void pst_keyring_free(struct pst_keyring **ring);

/* Put a new key first; both secrets (32 bytes) are taken, also on failure. PST_ERR_TOO_LONG. */
PST_MUST_CHECK enum pst_err pst_keyring_add_identity(struct pst_keyring *ring,
                                                     struct pst_secret *identity);
PST_MUST_CHECK enum pst_err pst_keyring_add_signing(struct pst_keyring *ring,
                                                    struct pst_secret *seed);

/* What is pinned for id; NULL when nothing. Borrowed until the next change. */
const struct pst_pin *pst_keyring_pin(const struct pst_keyring *ring, const struct pst_uuid *id);
/* Pin, or replace what was pinned. */
PST_MUST_CHECK enum pst_err pst_keyring_pin_set(struct pst_keyring *ring,
                                                const struct pst_pin *pin);

/* A copy of text, or none for NULL. */
PST_MUST_CHECK enum pst_err pst_keyring_checkpoint_set(struct pst_keyring *ring, const char *text);

/* A fresh K, 32 bytes. Given. random NULL: the system's, here and below. */
PST_MUST_CHECK enum pst_err pst_keyring_key_new(const struct pst_random *random,
                                                struct pst_secret **ret_key);

/* Append the sealed ring. PST_ERR_INVALID; PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_keyring_seal(const struct pst_keyring *ring,
                                             const struct pst_secret *key,
                                             const struct pst_uuid *person,
                                             const struct pst_random *random, struct pst_buf *out);

/*
 * Open one. Given. PST_ERR_CRYPTO when it is not this person's, not under this
 * key, or changed; PST_ERR_SYNTAX when what is inside is not as formats.md says.
 */
PST_MUST_CHECK enum pst_err pst_keyring_open(struct pst_bytes sealed, const struct pst_secret *key,
                                             const struct pst_uuid *person,
                                             struct pst_keyring **ret_ring);

/*
 * Wrap K.
 *   wrap_key  32 bytes: `wrap` of struct pst_login_keys
 *   kind      "passphrase", "recovery" or "prf:<credential id in base64url>"
 *   out       PST_WRAP_BYTES are appended
 */
PST_MUST_CHECK enum pst_err pst_keyring_wrap(const struct pst_secret *key,
                                             const struct pst_secret *wrap_key,
                                             const struct pst_uuid *person, const char *kind,
                                             const struct pst_random *random, struct pst_buf *out);

/* And back. Given, 32 bytes. PST_ERR_CRYPTO; PST_ERR_INVALID for an unknown kind. */
PST_MUST_CHECK enum pst_err pst_keyring_unwrap(struct pst_bytes wrapped,
                                               const struct pst_secret *wrap_key,
                                               const struct pst_uuid *person, const char *kind,
                                               struct pst_secret **ret_key);

/* Whether a kind is spelled as one of the three. */
bool pst_wrap_kind_valid(const char *kind);

#endif
