/*
 * Sealed fields of people that more than one resource reads and writes. Inline
 * wrappers of the vault; any thread.
 */
#ifndef POSTERN_SERVER_WEB_PLACES_H
#define POSTERN_SERVER_WEB_PLACES_H

#include <jansson.h>
#include <string.h>

#include "server/store/people.h"
#include "server/vault/fields.h"

/* statement.record_enc: the row is person and serial. */
struct pst_statement_place {
    uint8_t row[PST_UUID_BYTES + 8];
};

void pst_statement_place_init(struct pst_statement_place *place, const struct pst_uuid *person,
                              int64_t serial);

static inline struct pst_vault_place pst_statement_place_of(const struct pst_statement_place *place)
{
    return pst_vault_at(PST_FIELD_STATEMENT_RECORD, place->row, sizeof place->row);
}

/* Seal or open a short text of a row with a UUID as its key. */
PST_MUST_CHECK enum pst_err pst_sealed_text_seal(const struct pst_vault *vault, const char *column,
                                                 const struct pst_uuid *row, const char *text,
                                                 struct pst_sealed_text *ret_sealed);

/* As a JSON string, given; NULL when it does not open or there is no memory. */
json_t *pst_sealed_text_json(const struct pst_vault *vault, const char *column,
                             const struct pst_uuid *row, const struct pst_sealed_text *sealed);

/* A person's name, for answers. */
static inline json_t *pst_person_name_json(const struct pst_vault *vault,
                                           const struct pst_person *person)
{
    return pst_sealed_text_json(vault, PST_FIELD_PERSON_NAME, &person->id, &person->name);
}

#endif
