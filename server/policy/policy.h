/*
 * posternd policy try: what would happen to one exchange, rule by rule, and why.
 *
 * The facts are read and turned by server/web/admit.c, the same that decides
 * when a message is posted; the rules are server/admission's. Here is only what
 * asks on behalf of nobody: a message as the clients make them, written now by
 * the person named. What depends on the making of the message (TLS, session,
 * seal, recipients, clock, a new id, the portal as its way) is taken as done
 * well, and said to be assumed. Changes nothing; records nothing.
 */
#ifndef POSTERN_SERVER_POLICY_H
#define POSTERN_SERVER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/web/admit.h"

struct pst_config;
struct pst_store;

extern const char pst_policy_usage[];

/* A short text, sealed to three keys: what is asked about unless told. */
#define PST_POLICY_SIZE_BYTES 8192

struct pst_policy_question {
    struct pst_uuid person;
    struct pst_uuid thread;
    struct pst_uuid replyto;
    bool has_replyto;
    uint32_t images;
    uint32_t attachments; /* images are attachments: fewer than images counts as images */
    uint64_t size_bytes;  /* of the envelope */
    int64_t now_ms;
};

struct pst_policy_answer {
    struct pst_admit_result result;
    struct pst_policy_line lines[PST_REFUSAL__MAX]; /* index is the rule; [0] the verdict */
    int64_t messages_per_minute;                    /* configured */
};

/* PST_OK, whatever the verdict; else the store could not be asked. */
PST_MUST_CHECK enum pst_err pst_policy_try(struct pst_store *store, const struct pst_config *config,
                                           const struct pst_policy_question *question,
                                           struct pst_policy_answer *ret_answer);

/* Appends why this rule came out so: identifiers, counts and dates, no names. */
PST_MUST_CHECK enum pst_err pst_policy_why(const struct pst_policy_answer *answer,
                                           enum pst_refusal rule, struct pst_buf *out);

/* Is its outcome taken as given, not looked up? */
bool pst_policy_is_assumed(enum pst_refusal rule);

/*
 * The command: its arguments from "policy" on. Exit status: EX_OK admitted;
 * EX_NOPERM (77) refused; EX_USAGE; EX_CONFIG; EX_UNAVAILABLE.
 */
int pst_policy_command(int argc, char **argv);

#endif
