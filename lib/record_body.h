/*
 * Members of signed records: from JSON to the structs of postern/record.h and
 * back. For lib/record.c alone.
 */
#ifndef POSTERN_LIB_RECORD_BODY_H
#define POSTERN_LIB_RECORD_BODY_H

#include "postern/record.h"

/* One parsed record's members; pointers inside go into its JSON and members. */
struct pst_record_body {
    const char *origin;
    int64_t at_ms;
    union {
        struct pst_invitation invitation;
        struct pst_statement statement;
        struct pst_records_key records;
        struct pst_roster roster;
        struct pst_grant grant;
        struct pst_acknowledgement acknowledgement;
        struct pst_consent consent;
    } as;
    struct pst_uuid *members; /* of a roster; owned by the record */
};

/* json is kept alive by the caller as long as the body. Errors of pst_record_parse. */
PST_MUST_CHECK enum pst_err pst_record_body_decode(enum pst_record_kind kind, const json_t *json,
                                                   struct pst_record_body *ret_body);

/* body: the public struct of the kind. Given. */
PST_MUST_CHECK enum pst_err pst_record_body_encode(enum pst_record_kind kind, const char *origin,
                                                   int64_t at_ms, const void *body,
                                                   json_t **ret_json);

#endif
