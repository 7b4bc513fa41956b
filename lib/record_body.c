#include "record_body.h"

#include <stdlib.h>
#include <string.h>

#include "postern/age_header.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/json.h"

/* Members of all kinds as JSON has them; what a kind lacks stays zero. */
struct raw {
    const char *origin;
    const char *name;
    const char *recipient;
    const char *stanza;
    const char *decision;
    const char *method;
    const char *signer;
    const char *witness;
    json_t *roles;
    json_t *members;
    json_t *purposes;
    json_t *terms;
    json_t *measures;
    struct pst_uuid person;
    struct pst_uuid team;
    struct pst_uuid message;
    struct pst_uuid by;
    struct pst_uuid id;
    struct pst_uuid patient;
    int64_t at_ms;
    int64_t until_ms;
    int64_t expires_ms;
    int64_t serial;
    uint8_t key[PST_PUBLIC_KEY_BYTES];
    uint8_t sign[PST_PUBLIC_KEY_BYTES];
    uint8_t granted[PST_KEY_ID_BYTES];
    uint8_t nonce[16];
    struct pst_sha256 previous;
    struct pst_sha256 invitation;
    bool has_previous;
    bool has_invitation;
    bool has_expires;
};

#define AT(field) offsetof(struct raw, field)
#define MUST PST_JSON_REQUIRED
/* Languages as in HTML: "es", "en-US"; longer ones exist (BCP 47). */
#define LANGUAGE_MAX_BYTES 35
#define TERMS_ID_MAX_BYTES 64
/* A grant's stanza is two short lines. */
#define STANZA_MAX_BYTES 256

/* clang-format off */
/* All kinds carry these two. */
#define ORIGIN {"origin", PST_JSON_TEXT, MUST, AT(origin), PST_ORIGIN_MAX_BYTES}
#define WHEN {"at", PST_JSON_TIME, MUST, AT(at_ms), 0}
/* clang-format on */

static const struct pst_json_member invitation_members[] = {
    ORIGIN,
    WHEN,
    {"person", PST_JSON_UUID, MUST, AT(person), 0},
    {"name", PST_JSON_TEXT, MUST, AT(name), PST_NAME_MAX_BYTES},
    {"roles", PST_JSON_ARRAY, MUST, AT(roles), PST_ROLES_COUNT},
    {"key", PST_JSON_BIN32, MUST, AT(key), 0},
    {"until", PST_JSON_TIME, MUST, AT(until_ms), 0},
};

static const struct pst_json_member statement_members[] = {
    ORIGIN,
    WHEN,
    {"person", PST_JSON_UUID, MUST, AT(person), 0},
    {"name", PST_JSON_TEXT, MUST, AT(name), PST_NAME_MAX_BYTES},
    {"roles", PST_JSON_ARRAY, MUST, AT(roles), PST_ROLES_COUNT},
    {"serial", PST_JSON_INT, MUST, AT(serial), 0},
    {"previous", PST_JSON_BIN32, 0, AT(previous), 0},
    {"invitation", PST_JSON_BIN32, 0, AT(invitation), 0},
    {"sign", PST_JSON_BIN32, MUST, AT(sign), 0},
    {"recipient", PST_JSON_TEXT, MUST, AT(recipient), PST_RECIPIENT_TEXT_LEN},
    {"until", PST_JSON_TIME, MUST, AT(until_ms), 0},
};

static const struct pst_json_member records_members[] = {
    ORIGIN,
    WHEN,
    {"recipient", PST_JSON_TEXT, MUST, AT(recipient), PST_RECIPIENT_TEXT_LEN},
    {"serial", PST_JSON_INT, MUST, AT(serial), 0},
    {"previous", PST_JSON_BIN32, 0, AT(previous), 0},
};

static const struct pst_json_member roster_members[] = {
    ORIGIN,
    WHEN,
    {"team", PST_JSON_UUID, MUST, AT(team), 0},
    {"name", PST_JSON_TEXT, MUST, AT(name), PST_NAME_MAX_BYTES},
    {"serial", PST_JSON_INT, MUST, AT(serial), 0},
    {"previous", PST_JSON_BIN32, 0, AT(previous), 0},
    {"recipient", PST_JSON_TEXT, MUST, AT(recipient), PST_RECIPIENT_TEXT_LEN},
    {"members", PST_JSON_ARRAY, MUST, AT(members), PST_ROSTER_MEMBERS_MAX},
};

static const struct pst_json_member grant_members[] = {
    ORIGIN,
    WHEN,
    {"message", PST_JSON_UUID7, MUST, AT(message), 0},
    {"key", PST_JSON_BIN16, MUST, AT(granted), 0},
    {"stanza", PST_JSON_TEXT, MUST, AT(stanza), STANZA_MAX_BYTES},
    {"by", PST_JSON_UUID, MUST, AT(by), 0},
};

static const struct pst_json_member acknowledgement_members[] = {
    ORIGIN,
    WHEN,
    {"message", PST_JSON_UUID7, MUST, AT(message), 0},
    {"by", PST_JSON_UUID, MUST, AT(by), 0},
};

static const struct pst_json_member consent_members[] = {
    ORIGIN,
    WHEN,
    {"id", PST_JSON_UUID7, MUST, AT(id), 0},
    {"nonce", PST_JSON_BIN16, MUST, AT(nonce), 0},
    {"patient", PST_JSON_UUID, MUST, AT(patient), 0},
    {"decision", PST_JSON_TEXT, MUST, AT(decision), 0},
    {"purposes", PST_JSON_ARRAY, MUST, AT(purposes), PST_CONSENT_PURPOSES_MAX},
    {"terms", PST_JSON_OBJECT, MUST, AT(terms), 0},
    {"method", PST_JSON_TEXT, MUST, AT(method), 0},
    {"measures", PST_JSON_ARRAY, MUST, AT(measures), PST_CONSENT_MEASURES_MAX},
    {"by", PST_JSON_UUID, MUST, AT(by), 0},
    {"signer", PST_JSON_TEXT, MUST, AT(signer), PST_NAME_MAX_BYTES},
    {"witness", PST_JSON_TEXT, 0, AT(witness), PST_NAME_MAX_BYTES},
    {"expires", PST_JSON_TIME, 0, AT(expires_ms), 0},
    {"previous", PST_JSON_BIN32, 0, AT(previous), 0},
};

/* clang-format off */
#define TABLE(members) {members, sizeof members / sizeof members[0]}
/* clang-format on */
static const struct {
    const struct pst_json_member *members;
    size_t count;
} kinds[PST_RECORD__MAX] = {
    [PST_RECORD_INVITATION] = TABLE(invitation_members),
    [PST_RECORD_STATEMENT] = TABLE(statement_members),
    [PST_RECORD_RECORDS] = TABLE(records_members),
    [PST_RECORD_ROSTER] = TABLE(roster_members),
    [PST_RECORD_GRANT] = TABLE(grant_members),
    [PST_RECORD_OPENED] = TABLE(acknowledgement_members),
    [PST_RECORD_RETRACTION] = TABLE(acknowledgement_members),
    [PST_RECORD_CONSENT] = TABLE(consent_members),
};

/* Is the member with this field among those present? */
static bool was_there(enum pst_record_kind kind, uint64_t present, size_t offset)
{
    for (size_t i = 0; i < kinds[kind].count; i++) {
        if (kinds[kind].members[i].offset == offset)
            return PST_JSON_HAS(present, i);
    }
    return false;
}

static bool is_to_write(const struct raw *raw, const struct pst_json_member *member)
{
    if ((member->flags & PST_JSON_REQUIRED) != 0)
        return true;
    switch (member->offset) {
    case AT(previous):
        return raw->has_previous;
    case AT(invitation):
        return raw->has_invitation;
    case AT(expires_ms):
        return raw->has_expires;
    default: /* witness: the only optional text */
        return raw->witness != NULL;
    }
}

/*
 * Names are shown on terminals and pages: no control characters (C0, DEL, C1),
 * with which one could draw over what certifies them. json is valid UTF-8.
 */
static bool is_shown_safely(const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
        if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
            return false;
    }
    return true;
}

/* A host name with at most a port; visible ASCII is all that is asked here. */
static bool is_origin(const char *text)
{
    for (; *text != 0; text++) {
        if (*text < 0x21 || *text > 0x7e)
            return false;
    }
    return true;
}

/* age1… in lower case, and what it stands for. */
static enum pst_err decode_recipient(const char *text, uint8_t *ret_key, struct pst_key_id *ret_id)
{
    struct pst_age_recipient recipient;
    for (const char *at = text; *at != 0; at++) {
        if (*at >= 'A' && *at <= 'Z')
            return PST_ERR_SYNTAX;
    }
    if (pst_age_recipient_parse(pst_bytes_str(text), &recipient) != PST_OK)
        return PST_ERR_SYNTAX;
    memcpy(ret_key, recipient.bytes, PST_PUBLIC_KEY_BYTES);
    return pst_key_id_of(recipient.bytes, ret_id);
}

static enum pst_err from_invitation(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_invitation *to = &body->as.invitation;
    to->name = raw->name;
    to->person = raw->person;
    to->until_ms = raw->until_ms;
    memcpy(to->key.bytes, raw->key, sizeof raw->key);
    if (raw->until_ms <= raw->at_ms || !is_shown_safely(raw->name))
        return PST_ERR_SYNTAX;
    return pst_roles_decode(raw->roles, &to->roles);
}

static enum pst_err to_invitation(const void *body, struct raw *raw)
{
    const struct pst_invitation *from = body;
    raw->name = from->name;
    raw->person = from->person;
    raw->until_ms = from->until_ms;
    memcpy(raw->key, from->key.bytes, sizeof raw->key);
    return pst_roles_encode(from->roles, &raw->roles);
}

static enum pst_err from_statement(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_statement *to = &body->as.statement;
    to->name = raw->name;
    to->recipient = raw->recipient;
    to->person = raw->person;
    to->serial = raw->serial;
    to->previous = raw->previous;
    to->has_previous = raw->has_previous;
    to->invitation = raw->invitation;
    to->has_invitation = raw->has_invitation;
    to->until_ms = raw->until_ms;
    memcpy(to->sign.bytes, raw->sign, sizeof raw->sign);
    if (raw->serial < 1 || raw->until_ms <= raw->at_ms || !is_shown_safely(raw->name))
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_roles_decode(raw->roles, &to->roles);
    if (r == PST_OK)
        r = decode_recipient(raw->recipient, to->recipient_key, &to->recipient_id);
    return r == PST_OK ? pst_key_id_of(to->sign.bytes, &to->sign_id) : r;
}

static enum pst_err to_statement(const void *body, struct raw *raw)
{
    const struct pst_statement *from = body;
    raw->name = from->name;
    raw->recipient = from->recipient;
    raw->person = from->person;
    raw->serial = from->serial;
    raw->previous = from->previous;
    raw->has_previous = from->has_previous;
    raw->invitation = from->invitation;
    raw->has_invitation = from->has_invitation;
    raw->until_ms = from->until_ms;
    memcpy(raw->sign, from->sign.bytes, sizeof raw->sign);
    return pst_roles_encode(from->roles, &raw->roles);
}

static enum pst_err from_records(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_records_key *to = &body->as.records;
    to->recipient = raw->recipient;
    to->serial = raw->serial;
    to->previous = raw->previous;
    to->has_previous = raw->has_previous;
    if (raw->serial < 1)
        return PST_ERR_SYNTAX;
    return decode_recipient(raw->recipient, to->recipient_key, &to->recipient_id);
}

static enum pst_err to_records(const void *body, struct raw *raw)
{
    const struct pst_records_key *from = body;
    raw->recipient = from->recipient;
    raw->serial = from->serial;
    raw->previous = from->previous;
    raw->has_previous = from->has_previous;
    return PST_OK;
}

static enum pst_err from_roster(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_roster *to = &body->as.roster;
    to->name = raw->name;
    to->recipient = raw->recipient;
    to->team = raw->team;
    to->serial = raw->serial;
    to->previous = raw->previous;
    to->has_previous = raw->has_previous;
    size_t count = json_array_size(raw->members);
    if (raw->serial < 1 || count == 0 || !is_shown_safely(raw->name))
        return PST_ERR_SYNTAX;
    body->members = calloc(count, sizeof *body->members);
    if (body->members == NULL)
        return PST_ERR_NOMEM;
    to->members = body->members;
    enum pst_err r = pst_json_uuid_set(raw->members, body->members, count, &to->members_count);
    if (r == PST_OK)
        r = decode_recipient(raw->recipient, to->recipient_key, &to->recipient_id);
    return r;
}

static enum pst_err to_roster(const void *body, struct raw *raw)
{
    const struct pst_roster *from = body;
    raw->name = from->name;
    raw->recipient = from->recipient;
    raw->team = from->team;
    raw->serial = from->serial;
    raw->previous = from->previous;
    raw->has_previous = from->has_previous;
    return pst_json_uuid_set_new(from->members, from->members_count, &raw->members);
}

static enum pst_err from_grant(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_grant *to = &body->as.grant;
    struct pst_age_stanza stanza;
    to->stanza = raw->stanza;
    to->message = raw->message;
    to->by = raw->by;
    memcpy(to->key.bytes, raw->granted, sizeof raw->granted);
    if (pst_age_stanza_parse(pst_bytes_str(raw->stanza), &stanza) != PST_OK)
        return PST_ERR_SYNTAX;
    struct pst_bytes type = pst_age_stanza_arg(&stanza, 0);
    return pst_bytes_equal(type, pst_bytes_str("X25519")) ? PST_OK : PST_ERR_SYNTAX;
}

static enum pst_err to_grant(const void *body, struct raw *raw)
{
    const struct pst_grant *from = body;
    raw->stanza = from->stanza;
    raw->message = from->message;
    raw->by = from->by;
    memcpy(raw->granted, from->key.bytes, sizeof raw->granted);
    return PST_OK;
}

static enum pst_err from_acknowledgement(const struct raw *raw, struct pst_record_body *body)
{
    body->as.acknowledgement.message = raw->message;
    body->as.acknowledgement.by = raw->by;
    return PST_OK;
}

static enum pst_err to_acknowledgement(const void *body, struct raw *raw)
{
    const struct pst_acknowledgement *from = body;
    raw->message = from->message;
    raw->by = from->by;
    return PST_OK;
}

struct raw_purpose {
    const char *purpose;
    const char *address;
};

static const struct pst_json_member purpose_members[] = {
    {"purpose", PST_JSON_TEXT, MUST, offsetof(struct raw_purpose, purpose), 64},
    {"address", PST_JSON_TEXT, 0, offsetof(struct raw_purpose, address), PST_NAME_MAX_BYTES},
};
#define PURPOSE_MEMBERS (sizeof purpose_members / sizeof purpose_members[0])

/* A given consent names each address exactly; a purpose without one never has it. */
static bool address_fits(const struct pst_consent_purpose *purpose, enum pst_decision decision)
{
    if (purpose->address == NULL)
        return decision != PST_DECISION_GIVEN || !pst_purpose_has_address(purpose->purpose);
    return pst_purpose_has_address(purpose->purpose) && is_shown_safely(purpose->address);
}

static bool same_purpose(const struct pst_consent_purpose *a, const struct pst_consent_purpose *b)
{
    if (a->purpose != b->purpose || !pst_uuid_equal(&a->person, &b->person))
        return false;
    if (a->address == NULL || b->address == NULL)
        return a->address == b->address;
    return strcmp(a->address, b->address) == 0;
}

static enum pst_err decode_purpose(const json_t *json, struct pst_consent *to)
{
    struct raw_purpose raw = {0};
    struct pst_consent_purpose *purpose = &to->purposes[to->purposes_count];
    enum pst_err r = pst_json_decode(json, purpose_members, PURPOSE_MEMBERS, &raw, NULL, NULL);
    if (r != PST_OK)
        return r;
    purpose->address = raw.address;
    if (!pst_purpose_decode(raw.purpose, &purpose->purpose, &purpose->person) ||
        !address_fits(purpose, to->decision))
        return PST_ERR_SYNTAX;
    for (size_t i = 0; i < to->purposes_count; i++) {
        if (same_purpose(&to->purposes[i], purpose))
            return PST_ERR_SYNTAX;
    }
    to->purposes_count++;
    return PST_OK;
}

static enum pst_err encode_purpose(const struct pst_consent_purpose *purpose, json_t *array)
{
    char text[64];
    char person[PST_UUID_TEXT_SIZE];
    const char *name = pst_purpose_name(purpose->purpose);
    struct raw_purpose raw = {.purpose = text, .address = purpose->address};
    json_t *item = NULL;
    if (name == NULL)
        return PST_ERR_INVALID;
    pst_uuid_format(&purpose->person, person);
    if (purpose->purpose == PST_PURPOSE_PROXY)
        (void)snprintf(text, sizeof text, "%s:%s", name, person);
    else
        (void)snprintf(text, sizeof text, "%s", name);
    enum pst_err r =
        pst_json_encode(&raw, purpose_members, PURPOSE_MEMBERS, raw.address == NULL ? 1 : 3, &item);
    if (r != PST_OK)
        return r;
    return json_array_append_new(array, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static const struct pst_json_member terms_members[] = {
    {"id", PST_JSON_TEXT, MUST, offsetof(struct pst_consent, terms_id), TERMS_ID_MAX_BYTES},
    {"version", PST_JSON_INT, MUST, offsetof(struct pst_consent, terms_version), 0},
    {"language", PST_JSON_TEXT, MUST, offsetof(struct pst_consent, terms_language),
     LANGUAGE_MAX_BYTES},
    {"hash", PST_JSON_BIN32, MUST, offsetof(struct pst_consent, terms_hash), 0},
};
#define TERMS_MEMBERS (sizeof terms_members / sizeof terms_members[0])

static enum pst_err decode_consent_lists(const struct raw *raw, struct pst_consent *to)
{
    size_t i = 0;
    json_t *item = NULL;
    enum pst_err r = pst_json_set_check(raw->measures);
    json_array_foreach(raw->measures, i, item)
    {
        if (r == PST_OK && !is_shown_safely(json_string_value(item)))
            r = PST_ERR_SYNTAX;
        if (r == PST_OK)
            to->measures[to->measures_count++] = json_string_value(item);
    }
    json_array_foreach(raw->purposes, i, item)
    {
        if (r == PST_OK)
            r = decode_purpose(item, to);
    }
    if (r != PST_OK)
        return r;
    /* Consent without purposes, or with no measure discussed, is none. */
    if (to->decision == PST_DECISION_GIVEN && (to->purposes_count == 0 || to->measures_count == 0))
        return PST_ERR_SYNTAX;
    return PST_OK;
}

static enum pst_err from_consent(const struct raw *raw, struct pst_record_body *body)
{
    struct pst_consent *to = &body->as.consent;
    to->id = raw->id;
    to->patient = raw->patient;
    to->by = raw->by;
    to->signer = raw->signer;
    to->witness = raw->witness;
    to->expires_ms = raw->expires_ms;
    to->has_expires = raw->has_expires;
    to->previous = raw->previous;
    to->has_previous = raw->has_previous;
    memcpy(to->nonce, raw->nonce, sizeof raw->nonce);
    if (!pst_decision_parse(raw->decision, &to->decision) ||
        !pst_method_parse(raw->method, &to->method) || !is_shown_safely(raw->signer) ||
        (raw->witness != NULL && !is_shown_safely(raw->witness)))
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_json_decode(raw->terms, terms_members, TERMS_MEMBERS, to, NULL, NULL);
    if (r == PST_OK && to->terms_version < 1)
        r = PST_ERR_SYNTAX;
    return r == PST_OK ? decode_consent_lists(raw, to) : r;
}

static enum pst_err to_consent(const void *body, struct raw *raw)
{
    const struct pst_consent *from = body;
    raw->id = from->id;
    raw->patient = from->patient;
    raw->by = from->by;
    raw->signer = from->signer;
    raw->witness = from->witness;
    raw->expires_ms = from->expires_ms;
    raw->has_expires = from->has_expires;
    raw->previous = from->previous;
    raw->has_previous = from->has_previous;
    raw->decision = pst_decision_name(from->decision);
    raw->method = pst_method_name(from->method);
    memcpy(raw->nonce, from->nonce, sizeof raw->nonce);
    if (from->purposes_count > PST_CONSENT_PURPOSES_MAX ||
        from->measures_count > PST_CONSENT_MEASURES_MAX)
        return PST_ERR_INVALID;
    enum pst_err r = pst_json_encode(from, terms_members, TERMS_MEMBERS, 0xf, &raw->terms);
    if (r == PST_OK)
        r = pst_json_set_new(from->measures, from->measures_count, &raw->measures);
    raw->purposes = json_array();
    if (r == PST_OK && raw->purposes == NULL)
        r = PST_ERR_NOMEM;
    for (size_t i = 0; r == PST_OK && i < from->purposes_count; i++)
        r = encode_purpose(&from->purposes[i], raw->purposes);
    return r;
}

static const struct {
    enum pst_err (*from_raw)(const struct raw *raw, struct pst_record_body *body);
    /* Arrays and objects it makes are the caller's, also on failure. */
    enum pst_err (*to_raw)(const void *body, struct raw *raw);
} bodies[PST_RECORD__MAX] = {
    [PST_RECORD_INVITATION] = {from_invitation, to_invitation},
    [PST_RECORD_STATEMENT] = {from_statement, to_statement},
    [PST_RECORD_RECORDS] = {from_records, to_records},
    [PST_RECORD_ROSTER] = {from_roster, to_roster},
    [PST_RECORD_GRANT] = {from_grant, to_grant},
    [PST_RECORD_OPENED] = {from_acknowledgement, to_acknowledgement},
    [PST_RECORD_RETRACTION] = {from_acknowledgement, to_acknowledgement},
    [PST_RECORD_CONSENT] = {from_consent, to_consent},
};

enum pst_err pst_record_body_decode(enum pst_record_kind kind, const json_t *json,
                                    struct pst_record_body *ret_body)
{
    struct raw raw = {0};
    uint64_t present = 0;
    enum pst_err r =
        pst_json_decode(json, kinds[kind].members, kinds[kind].count, &raw, &present, NULL);
    if (r != PST_OK)
        return r;
    if (!is_origin(raw.origin))
        return PST_ERR_SYNTAX;
    raw.has_previous = was_there(kind, present, AT(previous));
    raw.has_invitation = was_there(kind, present, AT(invitation));
    raw.has_expires = was_there(kind, present, AT(expires_ms));
    ret_body->origin = raw.origin;
    ret_body->at_ms = raw.at_ms;
    return bodies[kind].from_raw(&raw, ret_body);
}

enum pst_err pst_record_body_encode(enum pst_record_kind kind, const char *origin, int64_t at_ms,
                                    const void *body, json_t **ret_json)
{
    struct raw raw = {0};
    uint64_t present = 0;
    enum pst_err r = bodies[kind].to_raw(body, &raw);
    raw.origin = origin;
    raw.at_ms = at_ms;
    for (size_t i = 0; i < kinds[kind].count; i++) {
        if (is_to_write(&raw, &kinds[kind].members[i]))
            present |= UINT64_C(1) << i;
    }
    if (r == PST_OK)
        r = pst_json_encode(&raw, kinds[kind].members, kinds[kind].count, present, ret_json);
    json_decref(raw.roles);
    json_decref(raw.members);
    json_decref(raw.purposes);
    json_decref(raw.terms);
    json_decref(raw.measures);
    return r;
}
