#include "postern/grant.h"

#include <string.h>

#include "postern/age_header.h"
#include "postern/cleanup.h"

/* Two lines: "-> X25519 " and 43 characters, 43 characters, line feeds. */
#define STANZA_MAX_BYTES ((size_t)128)

static const char *const flaw_texts[PST_GRANT__MAX] = {
    [PST_GRANT_OK] = "it is in order",
    [PST_GRANT_KIND] = "it is no well-formed grant",
    [PST_GRANT_MESSAGE] = "it is for another message",
    [PST_GRANT_KEY] = "it is for somebody else's key",
    [PST_GRANT_SIGNATURE] = "it is not signed by whom it says",
    [PST_GRANT_GRANTER] = "it was made by somebody who is no reader of the message",
    [PST_GRANT_STANZA] = "what is in it does not open",
    [PST_GRANT_MAC] = "what is in it is not the key of this message",
    [PST_GRANT_FAILED] = "it could not be checked",
};

const char *pst_grant_flaw_text(enum pst_grant_flaw flaw)
{
    return (unsigned)flaw < PST_GRANT__MAX ? flaw_texts[flaw] : "";
}

enum pst_err pst_grant_wrap(const struct pst_secret *file_key,
                            const struct pst_age_recipient *recipient, struct pst_buf *stanza,
                            struct pst_key_id *ret_key)
{
    struct pst_key_id id;
    enum pst_err r = pst_key_id_of(recipient->bytes, &id);
    if (r == PST_OK)
        r = pst_age_stanza_append(file_key, recipient, stanza);
    if (r == PST_OK)
        *ret_key = id;
    return r;
}

/* ---- who granted it ------------------------------------------------------- */

static bool is_named(const struct pst_envelope_header *header, const struct pst_uuid *person)
{
    if (pst_uuid_equal(&header->from, person))
        return true;
    for (size_t i = 0; i < header->to_count; i++)
        if (pst_uuid_equal(&header->to[i], person))
            return true;
    return false;
}

static bool is_member(const struct pst_roster *roster, const struct pst_uuid *person)
{
    for (size_t i = 0; i < roster->members_count; i++)
        if (pst_uuid_equal(&roster->members[i], person))
            return true;
    return false;
}

/* Is this key the person's, or that of a team they were in when they granted it? */
static bool reads_by(const struct pst_chain *chain, const struct pst_key_id *key,
                     const struct pst_uuid *person, int64_t at_ms)
{
    const struct pst_record *record = pst_chain_statement_by_recipient(chain, key);
    if (record != NULL)
        return pst_uuid_equal(&pst_record_statement(record)->person, person);
    record = pst_chain_roster_by_recipient(chain, key);
    if (record != NULL)
        record = pst_chain_roster_at(chain, &pst_record_roster(record)->team, at_ms);
    return record != NULL && is_member(pst_record_roster(record), person);
}

static bool was_reader(const struct pst_grant_reading *reading, const struct pst_uuid *person,
                       int64_t at_ms)
{
    const struct pst_envelope_header *header = reading->header;
    const struct pst_record *statement = pst_chain_statement_at(reading->chain, person, at_ms);
    if (is_named(header, person))
        return true;
    for (size_t i = 0; i < header->keys_count; i++)
        if (reads_by(reading->chain, &header->keys[i], person, at_ms))
            return true;
    return statement != NULL &&
           (pst_record_statement(statement)->roles & PST_ROLE_REPRESENTATIVE) != 0;
}

/* ---- opening --------------------------------------------------------------- */

static const struct pst_secret *identity_of(const struct pst_grant_reading *reading,
                                            const struct pst_key_id *key,
                                            struct pst_age_recipient *ret_recipient)
{
    for (size_t i = 0; i < reading->identity_count; i++) {
        struct pst_key_id id;
        if (pst_age_identity_recipient(reading->identities[i], ret_recipient) == PST_OK &&
            pst_key_id_of(ret_recipient->bytes, &id) == PST_OK && pst_key_id_equal(&id, key))
            return reading->identities[i];
    }
    return NULL;
}

/* The ephemeral is derived: made again, the stanza is the same to the byte. */
static enum pst_grant_flaw check_derived(const char *stanza, const struct pst_secret *file_key,
                                         const struct pst_age_recipient *recipient)
{
    PST_BUF struct pst_buf made = {.max = STANZA_MAX_BYTES};
    enum pst_err r = pst_age_stanza_append(file_key, recipient, &made);
    if (r == PST_ERR_NOMEM)
        return PST_GRANT_FAILED;
    bool same = r == PST_OK && pst_bytes_equal(pst_buf_bytes(&made), pst_bytes_str(stanza));
    return same ? PST_GRANT_OK : PST_GRANT_STANZA;
}

static enum pst_grant_flaw open_stanza(const struct pst_grant_reading *reading, const char *stanza,
                                       const struct pst_secret *identity,
                                       const struct pst_age_recipient *recipient,
                                       struct pst_secret **ret_file_key)
{
    struct pst_age_header header;
    PST_SECRET struct pst_secret *file_key = NULL;
    enum pst_err r = pst_age_header_inspect(reading->file, &header);
    if (r != PST_OK)
        return r == PST_ERR_NOMEM ? PST_GRANT_FAILED : PST_GRANT_MAC;
    r = pst_age_grant_unwrap(pst_bytes_str(stanza), reading->file, &header, identity, &file_key);
    if (r == PST_ERR_NOMEM)
        return PST_GRANT_FAILED;
    if (r == PST_ERR_CRYPTO)
        return PST_GRANT_MAC;
    if (r != PST_OK)
        return PST_GRANT_STANZA;
    enum pst_grant_flaw flaw = check_derived(stanza, file_key, recipient);
    if (flaw == PST_GRANT_OK) {
        *ret_file_key = file_key;
        file_key = NULL;
    }
    return flaw;
}

static enum pst_grant_flaw check_and_open(const struct pst_record *record,
                                          const struct pst_grant_reading *reading,
                                          struct pst_secret **ret_file_key)
{
    const struct pst_grant *grant = pst_record_grant(record);
    struct pst_age_recipient recipient;
    if (strcmp(pst_record_origin(record), reading->origin) != 0 ||
        !pst_uuid_equal(&grant->message, &reading->header->id))
        return PST_GRANT_MESSAGE;
    const struct pst_secret *identity = identity_of(reading, &grant->key, &recipient);
    if (identity == NULL)
        return PST_GRANT_KEY;
    if (pst_chain_signed_by(reading->chain, record, &grant->by, /* any_of_roles= */ 0) != PST_OK)
        return PST_GRANT_SIGNATURE;
    if (!was_reader(reading, &grant->by, pst_record_at_ms(record)))
        return PST_GRANT_GRANTER;
    return open_stanza(reading, grant->stanza, identity, &recipient, ret_file_key);
}

enum pst_grant_flaw pst_grant_open(struct pst_bytes text, const struct pst_grant_reading *reading,
                                   struct pst_secret **ret_file_key, struct pst_uuid *ret_granter,
                                   int64_t *ret_at_ms)
{
    struct pst_record *record = NULL;
    enum pst_err r = pst_record_parse_kind(text, PST_RECORD_GRANT, &record);
    if (r != PST_OK)
        return r == PST_ERR_NOMEM ? PST_GRANT_FAILED : PST_GRANT_KIND;
    enum pst_grant_flaw flaw = check_and_open(record, reading, ret_file_key);
    if (flaw == PST_GRANT_OK) {
        *ret_granter = pst_record_grant(record)->by;
        *ret_at_ms = pst_record_at_ms(record);
    }
    pst_record_free(&record);
    return flaw;
}
