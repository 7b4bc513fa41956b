/*
 * Is a record that a client brings certified up to the practice's root?
 *
 * What every client will check again: nothing enters the store that they would
 * refuse. Called from prepare(): signatures are checked in parallel, outside
 * any transaction; run() then holds serials and uniqueness.
 */
#ifndef POSTERN_SERVER_WEB_CERTIFY_H
#define POSTERN_SERVER_WEB_CERTIFY_H

#include <jansson.h>

#include "postern/record.h"
#include "server/web/request.h"

/*
 * The record together with others (an array of texts, borrowed).
 * PST_OK; PST_ERR_CHAIN; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_certify_with(const char *origin, const struct pst_sign_public *root,
                                             const json_t *records,
                                             const struct pst_record *record);

/* What the record rests on. */
struct pst_certify_by {
    const struct pst_uuid *people;
    size_t people_count;
    const struct pst_uuid *team; /* may be NULL */
};

/*
 * The same with what the store has of these people and this team.
 *   ret_root  the practice's; may be NULL
 * PST_ERR_CHAIN with the refusal bad-signature set, also before there is a root.
 */
PST_MUST_CHECK enum pst_err pst_certify(struct pst_request *request,
                                        const struct pst_certify_by *by,
                                        const struct pst_record *record,
                                        struct pst_sign_public *ret_root);

/*
 * A record of a kind from a request's text (borrowed), of our origin and of
 * within the last or next five minutes.
 *   member      named by the bad-request
 *   ret_record  given
 * PST_ERR_SYNTAX with a bad-request set; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_certify_parse(struct pst_request *request, const char *text,
                                              enum pst_record_kind kind, const char *member,
                                              struct pst_record **ret_record);

/* How far a signer's clock may be off. */
#define PST_CERTIFY_CLOCK_MS (5 * INT64_C(60000))

#endif
