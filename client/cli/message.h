/*
 * Messages as clients handle them: from words and files to an accepted
 * envelope, and from an envelope to words and files that can be believed.
 *
 * Before anything is composed the server is asked whether it would be admitted.
 * Keys are taken from the chain up to the pinned root alone, never from the
 * server's word: exactly one for each member and the records key.
 */
#ifndef POSTERN_CLI_MESSAGE_H
#define POSTERN_CLI_MESSAGE_H

#include "client/cli/cli.h"
#include "client/cli/mime.h"
#include "postern/age_key.h"
#include "postern/envelope.h"

/* One message under way; zeroed at first. */
struct pst_outgoing {
    struct pst_uuid thread;
    struct pst_uuid replyto;
    bool has_replyto;
    enum pst_category category;
    enum pst_via via;
    const char *subject;
    struct pst_buf text; /* UTF-8 */
    struct pst_mime_file files[PST_ENVELOPE_ATTACHMENTS_MAX];
    struct pst_buf contents[PST_ENVELOPE_ATTACHMENTS_MAX];
    size_t files_count;
    int64_t images; /* the claim: counted, unless --images said otherwise */
};

void pst_outgoing_free(struct pst_outgoing *out);

/* Would a message with so many pictures be admitted now? Says code and cure when not. */
PST_MUST_CHECK enum pst_err pst_message_admission(struct pst_cli *cli,
                                                  const struct pst_uuid *thread, int64_t images);

/*
 * Seal, sign and post.
 *   ret_accepted  the server's answer. Given
 */
PST_MUST_CHECK enum pst_err pst_message_send(struct pst_cli *cli, const struct pst_outgoing *out,
                                             json_t **ret_accepted);

/* What is wrong with a message that was fetched; the words of the problem report. */
enum pst_message_flaw {
    PST_MESSAGE_GENUINE,
    PST_MESSAGE_SIGNATURE,
    PST_MESSAGE_STANZA,
    PST_MESSAGE_HEADERS,
    PST_MESSAGE__MAX
};

/* A message fetched, checked and opened; zeroed at first. */
struct pst_incoming {
    struct pst_buf envelope;
    struct pst_envelope_head head;
    struct pst_buf plain; /* the inner message */
    struct pst_mime_message mime;
    char sender[PST_NAME_MAX_BYTES + 1]; /* certified name; "" when not known */
    enum pst_message_flaw flaw;
    char why[256]; /* of a flaw, one sentence */
    /* When it opened by a grant: whose, by certified name, and when; else 0. */
    char granter[PST_NAME_MAX_BYTES + 1];
    int64_t granted_ms;
};

/*
 * Fetch and open. A message that opens but is not genuine is PST_OK with a
 * flaw; the caller must not show it as genuine.
 */
PST_MUST_CHECK enum pst_err pst_message_fetch(struct pst_cli *cli, const struct pst_uuid *id,
                                              struct pst_incoming *ret_message);
void pst_incoming_free(struct pst_incoming *message);

/*
 * The same for granting it on: with its file key, given when it has no flaw.
 * PST_ERR_NO_KEY, unsaid, when none of one's keys opens it.
 */
PST_MUST_CHECK enum pst_err pst_message_unseal(struct pst_cli *cli, const struct pst_uuid *id,
                                               struct pst_incoming *ret_message,
                                               struct pst_secret **ret_file_key);

/* Tell the server that it was opened, or what is wrong with it. */
PST_MUST_CHECK enum pst_err pst_message_acknowledge(struct pst_cli *cli,
                                                    const struct pst_incoming *message);

#endif
