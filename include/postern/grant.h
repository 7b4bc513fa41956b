/*
 * Grants: an old message for a newer key, by somebody who can open it.
 *
 * The message stays as it is. Whoever opened it wraps its file key once more,
 * as one X25519 stanza, in a record they sign; who holds the newer key unwraps
 * it and proves it right by the *original* age header's MAC. The file key is
 * never outside guarded memory. Used by clients; the server, which cannot look
 * into a stanza, checks the signature and whose key it is for.
 *
 * Source: "Giving a message to a new key" and "Stanzas that readers can check"
 * of the sealed-message format; record kind "grant". Pure, any thread.
 */
#ifndef POSTERN_GRANT_H
#define POSTERN_GRANT_H

#include "postern/age_key.h"
#include "postern/chain.h"
#include "postern/envelope.h"
#include "postern/record.h"
#include "postern/secret.h"

/*
 * Append the stanza for a grant: its two lines, ephemeral derived, so that the
 * reader can make it again; and set ret_key, the recipient's key id.
 *   file_key  of the message, 16 bytes, its MAC checked by whoever opened it
 * PST_ERR_INVALID: a recipient of low order, a file key of another length;
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_grant_wrap(const struct pst_secret *file_key,
                                           const struct pst_age_recipient *recipient,
                                           struct pst_buf *stanza, struct pst_key_id *ret_key);

/* Why a grant is refused. The first that applies. */
enum pst_grant_flaw {
    PST_GRANT_OK,
    PST_GRANT_KIND,      /* no record, or of another kind */
    PST_GRANT_MESSAGE,   /* for another message or practice */
    PST_GRANT_KEY,       /* for a key that is none of the reader's */
    PST_GRANT_SIGNATURE, /* not signed by whom it says, with a certified key of that time */
    PST_GRANT_GRANTER,   /* by somebody who was no reader of the message */
    PST_GRANT_STANZA,    /* its stanza does not open, or is not the derived one */
    PST_GRANT_MAC,       /* what is in it is not the key of this message */
    PST_GRANT_FAILED,    /* out of memory or the like: nothing is said about the grant */
    PST_GRANT__MAX
};
/* Half a sentence, for clients: "it is for another message". */
const char *pst_grant_flaw_text(enum pst_grant_flaw flaw);

/* What a grant is opened with; all borrowed. */
struct pst_grant_reading {
    const struct pst_chain *chain; /* with the granter's statements and the team's rosters */
    const char *origin;
    const struct pst_envelope_header *header; /* of the message, verified */
    struct pst_bytes file;                    /* its age file, or the beginning with the header */
    struct pst_secret *const *identities;     /* the reader's own and their teams' */
    size_t identity_count;
};

/*
 * Check a grant in every respect and open it.
 *   text          the record as it came, borrowed
 *   ret_file_key  given: what the original header's MAC was verified with
 *   ret_granter   who made it; ret_at_ms when. Set with PST_GRANT_OK alone
 *
 * A granter was a reader when they are of the message's from or to, own one of
 * its keys, were in a certified roster of a team whose key is among them when
 * they granted it, or are certified as a representative: for whom a
 * representative stands the server decides.
 */
PST_MUST_CHECK enum pst_grant_flaw pst_grant_open(struct pst_bytes text,
                                                  const struct pst_grant_reading *reading,
                                                  struct pst_secret **ret_file_key,
                                                  struct pst_uuid *ret_granter, int64_t *ret_at_ms);

#endif
