#include "server/web/key_write.h"

#include <string.h>

#include "server/store/keys.h"
#include "server/web/places.h"

enum pst_err pst_key_record_seal(const struct pst_vault *vault, const struct pst_record *record,
                                 struct pst_buf *out)
{
    const struct pst_statement *statement = pst_record_statement(record);
    struct pst_statement_place place;
    pst_statement_place_init(&place, &statement->person, statement->serial);
    return pst_vault_field_seal(vault, pst_statement_place_of(&place), pst_record_text(record),
                                out);
}

static enum pst_err event_put(struct pst_tx *tx, const struct pst_request *request,
                              const struct pst_record *record, uint32_t roles)
{
    struct pst_event event;
    pst_request_event_init(request, PST_EVENT_STATEMENT, &event);
    event.has |= PST_EVENT_HAS_ACTOR | PST_EVENT_HAS_ROLE | PST_EVENT_HAS_RECORD;
    event.actor = pst_record_statement(record)->person;
    event.role = (enum pst_role)(roles & (~roles + 1));
    event.record = *pst_record_hash(record);
    return pst_request_event_put(tx, &event);
}

enum pst_err pst_key_write(struct pst_tx *tx, const struct pst_request *request,
                           const struct pst_record *record, struct pst_bytes sealed,
                           const struct pst_uuid *invitation, uint32_t roles)
{
    const struct pst_statement *statement = pst_record_statement(record);
    struct pst_key_row row = {
        .person = statement->person,
        .serial = statement->serial,
        .hash = *pst_record_hash(record),
        .sign_key = statement->sign,
        .sign_key_id = statement->sign_id,
        .recipient_id = statement->recipient_id,
        .at_ms = pst_record_at_ms(record),
        .until_ms = statement->until_ms,
    };
    if (invitation != NULL)
        row.invitation = *invitation;
    memcpy(row.recipient, statement->recipient_key, sizeof row.recipient);
    enum pst_err r = pst_key_replaced(tx, &row.person, request->now_ms);
    if (r == PST_OK)
        r = pst_key_insert(tx, &row, sealed);
    return r == PST_OK ? event_put(tx, request, record, roles) : r;
}
