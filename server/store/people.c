#include "server/store/people.h"

#include <string.h>

#include "postern/time.h"
#include "server/store/sql.h"

enum pst_err pst_sealed_text_set(struct pst_sealed_text *text, struct pst_bytes bytes)
{
    if (bytes.len > sizeof text->bytes)
        return PST_ERR_TOO_LONG;
    if (bytes.len > 0)
        memcpy(text->bytes, bytes.ptr, bytes.len);
    text->len = bytes.len;
    return PST_OK;
}

enum pst_err pst_person_insert(struct pst_tx *tx, const struct pst_person *person)
{
    return pst_sql_exec(tx, PST_STMT_PERSON_INSERT, PST_V_UUID(&person->id),
                        PST_V_INT(person->roles), PST_V_INT(person->state),
                        PST_V_BYTES(pst_sealed_text_bytes(&person->name)),
                        PST_V_INT(person->break_glass), PST_V_INT(person->created_at_ms));
}

static enum pst_err take_person(struct pst_rows *rows, struct pst_person *ret_person)
{
    struct pst_person person = {0};
    pst_row_uuid(rows, 0, &person.id);
    person.roles = (uint32_t)pst_row_int(rows, 1);
    int64_t state = pst_row_int(rows, 2);
    if (state < 0 || state >= PST_PERSON__MAX ||
        pst_sealed_text_set(&person.name, pst_row_bytes(rows, 3)) != PST_OK)
        return PST_ERR_STORE;
    person.state = (enum pst_person_state)state;
    person.break_glass = pst_row_int(rows, 4) != 0;
    person.created_at_ms = pst_row_int(rows, 5);
    person.version = pst_row_int(rows, 6);
    *ret_person = person;
    return PST_OK;
}

enum pst_err pst_person_get(struct pst_tx *tx, const struct pst_uuid *id,
                            struct pst_person *ret_person)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_PERSON_GET, &rows, PST_V_UUID(id));
    return r == PST_OK ? take_person(rows, ret_person) : r;
}

enum pst_err pst_person_list(struct pst_tx *tx, uint32_t roles, const struct pst_uuid *after,
                             struct pst_person *ret_people, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_PERSON_LIST, &rows, PST_V_INT(roles),
                                   PST_V_UUID(after), PST_V_INT((int64_t)max));
    while (count < max && pst_sql_each(rows, &r))
        r = take_person(rows, &ret_people[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_person_update(struct pst_tx *tx, const struct pst_person *person)
{
    enum pst_err r = pst_sql_update(tx, PST_STMT_PERSON_UPDATE, PST_V_UUID(&person->id),
                                    PST_V_INT(person->roles), PST_V_INT(person->state),
                                    PST_V_BYTES(pst_sealed_text_bytes(&person->name)),
                                    PST_V_INT(person->break_glass));
    return r == PST_OK ? pst_sql_exec(tx, PST_STMT_PERSON_TEAMS_TOUCH, PST_V_UUID(&person->id)) : r;
}

enum pst_err pst_represented_each(struct pst_tx *tx, const struct pst_uuid *person, int64_t now_ms,
                                  enum pst_err (*each)(void *ctx, const struct pst_uuid *patient),
                                  void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_REPRESENTED_LIST, &rows, PST_V_UUID(person),
                                   PST_V_INT(now_ms / PST_DAY_MS));
    while (pst_sql_each(rows, &r)) {
        struct pst_uuid patient;
        pst_row_uuid(rows, 0, &patient);
        r = each(ctx, &patient);
    }
    return r;
}

enum pst_err pst_credential_insert(struct pst_tx *tx, const struct pst_credential *credential)
{
    return pst_sql_exec(tx, PST_STMT_CREDENTIAL_INSERT, PST_V_UUID(&credential->id),
                        PST_V_UUID(&credential->person), PST_V_TEXT(credential->kind),
                        PST_V_BYTES(pst_sealed_text_bytes(&credential->number)),
                        PST_V_TEXT(credential->specialty), PST_V_TEXT(credential->subspecialty),
                        PST_V_UUID(&credential->checked_by), PST_V_INT(credential->checked_at_ms),
                        PST_V_INT(credential->until_days), PST_V_TEXT(credential->disclosure));
}

static enum pst_err take_credential(struct pst_rows *rows, struct pst_credential *ret_credential)
{
    struct pst_credential credential = {0};
    pst_row_uuid(rows, 0, &credential.id);
    enum pst_err r = pst_row_text_array(rows, 1, credential.kind, sizeof credential.kind);
    if (r == PST_OK)
        r = pst_sealed_text_set(&credential.number, pst_row_bytes(rows, 2));
    if (r == PST_OK)
        r = pst_row_text_array(rows, 3, credential.specialty, sizeof credential.specialty);
    if (r == PST_OK)
        r = pst_row_text_array(rows, 4, credential.subspecialty, sizeof credential.subspecialty);
    pst_row_uuid(rows, 5, &credential.checked_by);
    credential.checked_at_ms = pst_row_int(rows, 6);
    credential.until_days = pst_row_int(rows, 7);
    if (r == PST_OK)
        r = pst_row_text_array(rows, 8, credential.disclosure, sizeof credential.disclosure);
    if (r == PST_OK)
        *ret_credential = credential;
    return r;
}

enum pst_err pst_credential_list(struct pst_tx *tx, const struct pst_uuid *person,
                                 struct pst_credential *ret_credentials, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_CREDENTIAL_LIST, &rows, PST_V_UUID(person));
    while (count < PST_CREDENTIALS_MAX && pst_sql_each(rows, &r))
        r = take_credential(rows, &ret_credentials[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}
