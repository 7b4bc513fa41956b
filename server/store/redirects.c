#include "server/store/redirects.h"

#include <string.h>

#include "server/store/sql.h"

enum pst_err pst_redirect_patient(struct pst_tx *tx, const struct pst_uuid *patient,
                                  const struct pst_uuid *person, char *ret_language)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_REDIRECT_PATIENT, &rows, PST_V_UUID(patient),
                                   PST_V_UUID(person));
    if (r != PST_OK)
        return r;
    bool intake = pst_row_int(rows, 1) != 0;
    bool sees = pst_row_int(rows, 2) != 0;
    if (!intake && !sees)
        return PST_ERR_NOT_FOUND;
    return pst_row_text_array(rows, 0, ret_language, PST_REDIRECT_LANGUAGE_SIZE);
}

static enum pst_err taken(struct pst_tx *tx, const struct pst_redirect *redirect,
                          struct pst_uuid *ret_event)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_uuid patient;
    struct pst_uuid by;
    enum pst_err r = pst_sql_first(tx, PST_STMT_REDIRECT_TAKEN, &rows, PST_V_UUID(&redirect->id));
    if (r != PST_OK)
        return r;
    pst_row_uuid(rows, 0, &patient);
    pst_row_uuid(rows, 1, &by);
    if (!pst_uuid_equal(&patient, &redirect->patient) || !pst_uuid_equal(&by, &redirect->by) ||
        pst_row_int(rows, 2) != (int64_t)redirect->channel)
        return PST_ERR_EXISTS;
    pst_row_uuid(rows, 3, ret_event);
    return PST_OK;
}

enum pst_err pst_redirect_put(struct pst_tx *tx, const struct pst_redirect *redirect,
                              struct pst_uuid *ret_event, bool *ret_new)
{
    enum pst_err r = taken(tx, redirect, ret_event);
    if (r == PST_OK)
        *ret_new = false;
    if (r != PST_ERR_NOT_FOUND)
        return r;
    r = pst_sql_exec(tx, PST_STMT_REDIRECT_INSERT, PST_V_UUID(&redirect->id),
                     PST_V_UUID(&redirect->patient), PST_V_UUID(&redirect->by),
                     PST_V_INT(redirect->channel),
                     PST_V_BYTES_IF(redirect->address_index.len > 0, redirect->address_index),
                     PST_V_UUID_IF(!pst_uuid_is_nil(&redirect->thread), &redirect->thread),
                     PST_V_INT(redirect->at_ms), PST_V_UUID(&redirect->event));
    if (r != PST_OK)
        return r;
    *ret_event = redirect->event;
    *ret_new = true;
    return PST_OK;
}

/* Greater than every id. */
static const struct pst_uuid LAST_ID = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

enum pst_err pst_redirect_list(struct pst_tx *tx, const struct pst_uuid *by,
                               const struct pst_redirect *after, struct pst_redirect *ret_redirects,
                               size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    bool first = pst_uuid_is_nil(&after->id);
    const struct pst_uuid *id = first ? &LAST_ID : &after->id;
    size_t count = 0;
    enum pst_err r = PST_ERR_INTERNAL;
    if (pst_uuid_is_nil(by))
        r = pst_sql_query(tx, PST_STMT_REDIRECT_LIST, &rows, PST_V_UUID(id),
                          PST_V_INT((int64_t)max));
    else
        r = pst_sql_query(tx, PST_STMT_REDIRECT_LIST_OWN, &rows, PST_V_UUID(by),
                          PST_V_INT(first ? INT64_MAX : after->at_ms), PST_V_UUID(id),
                          PST_V_INT((int64_t)max));
    while (pst_sql_each(rows, &r)) {
        struct pst_redirect *redirect = &ret_redirects[count];
        memset(redirect, 0, sizeof *redirect);
        pst_row_uuid(rows, 0, &redirect->id);
        pst_row_uuid(rows, 1, &redirect->patient);
        redirect->channel = (enum pst_channel)pst_row_int(rows, 2);
        redirect->at_ms = pst_row_int(rows, 3);
        pst_row_uuid(rows, 4, &redirect->by);
        redirect->converted = pst_row_int(rows, 5) != 0;
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}
