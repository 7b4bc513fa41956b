#include "server/store/invitations.h"

#include "server/store/sql.h"

enum pst_err pst_invitation_insert(struct pst_tx *tx, const struct pst_invitation_row *invitation,
                                   struct pst_bytes record, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_INVITATION_INSERT, PST_V_UUID(&invitation->id),
                        PST_V_UUID(&invitation->person), PST_V_BYTES(record),
                        PST_V_ARRAY(invitation->hash.bytes), PST_V_ARRAY(invitation->key.bytes),
                        PST_V_INT(invitation->until_ms),
                        PST_V_UUID_IF(!pst_uuid_is_nil(&invitation->inviter), &invitation->inviter),
                        PST_V_INT(at_ms));
}

enum pst_err pst_invitation_get(struct pst_tx *tx, const struct pst_uuid *id,
                                struct pst_invitation_row *ret_invitation,
                                struct pst_buf *ret_record)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_invitation_row row = {0};
    enum pst_err r = pst_sql_first(tx, PST_STMT_INVITATION_GET, &rows, PST_V_UUID(id));
    if (r != PST_OK)
        return r;
    pst_row_uuid(rows, 0, &row.id);
    pst_row_uuid(rows, 1, &row.person);
    r = pst_row_array(rows, 3, row.hash.bytes, sizeof row.hash.bytes);
    if (r == PST_OK)
        r = pst_row_array(rows, 4, row.key.bytes, sizeof row.key.bytes);
    row.until_ms = pst_row_int(rows, 5);
    row.used_at_ms = pst_row_int(rows, 6);
    pst_row_uuid(rows, 7, &row.inviter);
    if (r == PST_OK && ret_record != NULL)
        r = pst_row_append(rows, 2, ret_record);
    if (r == PST_OK)
        *ret_invitation = row;
    return r;
}

enum pst_err pst_invitation_use(struct pst_tx *tx, const struct pst_uuid *id, int64_t at_ms)
{
    return pst_sql_update(tx, PST_STMT_INVITATION_USE, PST_V_UUID(id), PST_V_INT(at_ms));
}
