#include "server/web/places.h"

#include "postern/cleanup.h"

void pst_statement_place_init(struct pst_statement_place *place, const struct pst_uuid *person,
                              int64_t serial)
{
    memcpy(place->row, person->bytes, PST_UUID_BYTES);
    for (int i = 0; i < 8; i++)
        place->row[PST_UUID_BYTES + i] = (uint8_t)((uint64_t)serial >> (56 - 8 * i));
}

enum pst_err pst_sealed_text_seal(const struct pst_vault *vault, const char *column,
                                  const struct pst_uuid *row, const char *text,
                                  struct pst_sealed_text *ret_sealed)
{
    PST_BUF struct pst_buf sealed = {.max = PST_SEALED_TEXT_MAX_BYTES};
    enum pst_err r =
        pst_vault_field_seal(vault, pst_field_of(column, row), pst_bytes_str(text), &sealed);
    return r == PST_OK ? pst_sealed_text_set(ret_sealed, pst_buf_bytes(&sealed)) : r;
}

json_t *pst_sealed_text_json(const struct pst_vault *vault, const char *column,
                             const struct pst_uuid *row, const struct pst_sealed_text *sealed)
{
    PST_BUF struct pst_buf text = {.max = PST_SEALED_TEXT_MAX_BYTES};
    enum pst_err r = pst_vault_field_open(vault, pst_field_of(column, row),
                                          pst_sealed_text_bytes(sealed), &text);
    return r == PST_OK ? json_stringn((const char *)text.bytes, text.len) : NULL;
}
