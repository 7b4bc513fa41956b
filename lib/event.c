#include "postern/event.h"

#include <stddef.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/json.h"
#include "postern/refusal.h"
#include "postern/time.h"

#define MUST PST_JSON_REQUIRED

/* What stands for a team where a role stands for a person. */
#define ROLE_OF_TEAM "team"

static const char *const kind_names[PST_EVENT__MAX] = {
    [PST_EVENT_EXCHANGE] = "exchange",
    [PST_EVENT_FETCHED] = "fetched",
    [PST_EVENT_OPENED] = "opened",
    [PST_EVENT_NOTICE] = "notice",
    [PST_EVENT_CONSENT] = "consent",
    [PST_EVENT_INVITATION] = "invitation",
    [PST_EVENT_STATEMENT] = "statement",
    [PST_EVENT_ROSTER] = "roster",
    [PST_EVENT_RECORDS] = "records",
    [PST_EVENT_GRANT] = "grant",
    [PST_EVENT_RETRACTION] = "retraction",
    [PST_EVENT_REPORT] = "report",
    [PST_EVENT_SESSION] = "session",
    [PST_EVENT_ROLE] = "role",
    [PST_EVENT_CONFIG] = "config",
    [PST_EVENT_TERMS] = "terms",
    [PST_EVENT_VISIT] = "visit",
    [PST_EVENT_RESTRICTION] = "restriction",
    [PST_EVENT_BREAK_GLASS] = "break-glass",
    [PST_EVENT_EXPORT] = "export",
    [PST_EVENT_RECORDS_USE] = "records-use",
    [PST_EVENT_STRANGER] = "stranger",
    [PST_EVENT_DAY] = "day",
    [PST_EVENT_PURGE] = "purge",
    [PST_EVENT_SUCCEED] = "succeed",
};

static const char *const basis_names[PST_BASIS__MAX] = {
    [PST_BASIS_CLINICIAN] = "clinician",
    [PST_BASIS_SPECIALTY] = "specialty",
    [PST_BASIS_BREAK_GLASS] = "break-glass",
    [PST_BASIS_ROOM] = "room",
};

const char *pst_event_kind_name(enum pst_event_kind kind)
{
    return (unsigned)kind < PST_EVENT__MAX ? kind_names[kind] : NULL;
}

bool pst_event_kind_parse(const char *text, enum pst_event_kind *ret_kind)
{
    for (size_t i = 0; i < PST_EVENT__MAX; i++) {
        if (strcmp(kind_names[i], text) == 0) {
            *ret_kind = (enum pst_event_kind)i;
            return true;
        }
    }
    return false;
}

const char *pst_basis_name(enum pst_basis basis)
{
    return (unsigned)basis < PST_BASIS__MAX ? basis_names[basis] : NULL;
}

bool pst_basis_parse(const char *text, enum pst_basis *ret_basis)
{
    for (size_t i = 0; i < PST_BASIS__MAX; i++) {
        if (strcmp(basis_names[i], text) == 0) {
            *ret_basis = (enum pst_basis)i;
            return true;
        }
    }
    return false;
}

/* The event's members as JSON has them. */
struct raw {
    const char *kind;
    const char *role;
    const char *direction;
    const char *channel;
    const char *category;
    const char *code;
    const char *basis;
    json_t *to;
    json_t *consent;
    int64_t version;
    int64_t at_ms;
    int64_t attachments;
    int64_t images;
    int64_t size;
    int64_t minute_ms;
    int64_t count;
    struct pst_uuid id;
    struct pst_uuid actor;
    struct pst_uuid patient;
    struct pst_uuid thread;
    struct pst_uuid message;
    struct pst_uuid from;
    struct pst_sha256 record;
    struct pst_sha256 sha256;
    uint8_t salt[PST_EVENT_SALT_BYTES];
    uint8_t address[PST_EVENT_ADDRESS_BYTES];
};

#define AT(field) offsetof(struct raw, field)
#define WORD(field) PST_JSON_TEXT, 0, AT(field), PST_EVENT_CODE_MAX_BYTES
#define ID(field) PST_JSON_UUID, 0, AT(field), 0

/* Sorted by name: so they are written. The bit of `has` a member stands under; 0: always there. */
static const struct {
    struct pst_json_member member;
    uint32_t has;
} table[] = {
    {{"actor", ID(actor)}, PST_EVENT_HAS_ACTOR},
    {{"address", PST_JSON_BIN16, 0, AT(address), 0}, PST_EVENT_HAS_ADDRESS},
    {{"at", PST_JSON_TIME, MUST, AT(at_ms), 0}, 0},
    {{"attachments", PST_JSON_INT, 0, AT(attachments), 0}, PST_EVENT_HAS_ATTACHMENTS},
    {{"basis", WORD(basis)}, PST_EVENT_HAS_BASIS},
    {{"category", WORD(category)}, PST_EVENT_HAS_CATEGORY},
    {{"channel", WORD(channel)}, PST_EVENT_HAS_CHANNEL},
    {{"code", WORD(code)}, PST_EVENT_HAS_CODE},
    {{"consent", PST_JSON_OBJECT, 0, AT(consent), 0}, PST_EVENT_HAS_CONSENT},
    {{"count", PST_JSON_INT, 0, AT(count), 0}, PST_EVENT_HAS_COUNT},
    {{"direction", WORD(direction)}, PST_EVENT_HAS_DIRECTION},
    {{"from", ID(from)}, PST_EVENT_HAS_FROM},
    {{"id", PST_JSON_UUID7, MUST, AT(id), 0}, 0},
    {{"images", PST_JSON_INT, 0, AT(images), 0}, PST_EVENT_HAS_ATTACHMENTS},
    {{"kind", PST_JSON_TEXT, MUST, AT(kind), PST_EVENT_CODE_MAX_BYTES}, 0},
    {{"message", ID(message)}, PST_EVENT_HAS_MESSAGE},
    {{"minute", PST_JSON_TIME, 0, AT(minute_ms), 0}, PST_EVENT_HAS_MINUTE},
    {{"patient", ID(patient)}, PST_EVENT_HAS_PATIENT},
    {{"record", PST_JSON_BIN32, 0, AT(record), 0}, PST_EVENT_HAS_RECORD},
    {{"role", WORD(role)}, PST_EVENT_HAS_ROLE},
    {{"salt", PST_JSON_BIN16, MUST, AT(salt), 0}, 0},
    {{"sha256", PST_JSON_BIN32, 0, AT(sha256), 0}, PST_EVENT_HAS_SHA256},
    {{"size", PST_JSON_INT, 0, AT(size), 0}, PST_EVENT_HAS_SIZE},
    {{"thread", ID(thread)}, PST_EVENT_HAS_THREAD},
    {{"to", PST_JSON_ARRAY, 0, AT(to), PST_EVENT_TO_MAX}, PST_EVENT_HAS_TO},
    {{"v", PST_JSON_INT, MUST, AT(version), 0}, 0},
};
#define MEMBERS (sizeof table / sizeof table[0])

struct raw_party {
    const char *role;
    struct pst_uuid id;
};

static const struct pst_json_member party_members[] = {
    {"id", PST_JSON_UUID, MUST, offsetof(struct raw_party, id), 0},
    {"role", PST_JSON_TEXT, MUST, offsetof(struct raw_party, role), PST_EVENT_CODE_MAX_BYTES},
};

static const struct pst_json_member consent_members[] = {
    {"id", PST_JSON_UUID, MUST, offsetof(struct pst_event, consent), 0},
    {"version", PST_JSON_INT, MUST, offsetof(struct pst_event, consent_version), 0},
};

/* pst_json_decode wants members side by side. */
static void copy_members(struct pst_json_member *ret_members)
{
    for (size_t i = 0; i < MEMBERS; i++)
        ret_members[i] = table[i].member;
}

void pst_event_init(struct pst_event *event, enum pst_event_kind kind, int64_t at_ms,
                    const struct pst_random *random)
{
    *event = (struct pst_event){.kind = kind, .at_ms = at_ms};
    pst_uuid_v7(at_ms, random, &event->id);
    pst_random_public(random, event->salt, sizeof event->salt);
}

/* Codes are those of refusals, and "accepted". */
static bool is_code(const char *code)
{
    enum pst_refusal refusal = PST_REFUSAL_NONE;
    return pst_refusal_by_code(code, &refusal) == PST_OK;
}

/* What an auditor counts by must be there. */
static bool is_complete(const struct pst_event *event)
{
    uint32_t need = 0;
    if (event->kind == PST_EVENT_EXCHANGE)
        need = PST_EVENT_HAS_CODE | PST_EVENT_HAS_CHANNEL;
    if (event->kind == PST_EVENT_STRANGER)
        need = PST_EVENT_HAS_CODE | PST_EVENT_HAS_COUNT | PST_EVENT_HAS_MINUTE;
    return (event->has & need) == need;
}

static enum pst_err write_party(const struct pst_event_party *party, struct pst_buf *out)
{
    const struct raw_party raw = {
        .role = party->role == 0 ? ROLE_OF_TEAM : pst_role_name((enum pst_role)party->role),
        .id = party->id,
    };
    return pst_json_direct_write(
        &(struct pst_json_direct){.from = &raw, .members = party_members, .count = 2, .present = 3},
        out);
}

static enum pst_err write_to(const struct pst_event *event, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '[');
    for (size_t i = 0; r == PST_OK && i < event->to_count; i++) {
        if (i > 0)
            r = pst_buf_append_byte(out, ',');
        if (r == PST_OK)
            r = write_party(&event->to[i], out);
    }
    return r == PST_OK ? pst_buf_append_byte(out, ']') : r;
}

/* The two members that are not plain values. */
static enum pst_err write_nested(const void *ctx, const struct pst_json_member *member,
                                 struct pst_buf *out)
{
    if (member->type == PST_JSON_ARRAY)
        return write_to(ctx, out);
    return pst_json_direct_write(
        &(struct pst_json_direct){
            .from = ctx, .members = consent_members, .count = 2, .present = 3},
        out);
}

static enum pst_err decode_to(const json_t *array, struct pst_event *event)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(array, i, item)
    {
        struct raw_party raw = {0};
        enum pst_role role = PST_ROLE_PATIENT;
        enum pst_err r = pst_json_decode(item, party_members, 2, &raw, NULL, NULL);
        if (r != PST_OK)
            return r;
        struct pst_event_party *party = &event->to[event->to_count++];
        party->id = raw.id;
        if (strcmp(raw.role, ROLE_OF_TEAM) == 0)
            continue;
        if (!pst_role_parse(raw.role, &role))
            return PST_ERR_SYNTAX;
        party->role = (uint32_t)role;
    }
    return PST_OK;
}

static void to_raw(const struct pst_event *event, struct raw *raw)
{
    *raw = (struct raw){
        .kind = pst_event_kind_name(event->kind),
        .role = pst_role_name(event->role),
        .direction = pst_direction_name(event->direction),
        .channel = pst_channel_name(event->channel),
        .category = pst_category_name(event->category),
        .code = event->code,
        .basis = pst_basis_name(event->basis),
        .version = PST_EVENT_VERSION,
        .at_ms = event->at_ms,
        .attachments = event->attachments,
        .images = event->images,
        .size = (int64_t)event->size,
        .minute_ms = event->minute_ms,
        .count = event->count,
        .id = event->id,
        .actor = event->actor,
        .patient = event->patient,
        .thread = event->thread,
        .message = event->message,
        .from = event->from,
        .record = event->record,
        .sha256 = event->sha256,
    };
    memcpy(raw->salt, event->salt, sizeof raw->salt);
    memcpy(raw->address, event->address, sizeof raw->address);
}

static uint64_t present_of(uint32_t has)
{
    uint64_t present = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (table[i].has == 0 || (has & table[i].has) != 0)
            present |= UINT64_C(1) << i;
    }
    return present;
}

static enum pst_err write_line(const struct pst_event *event, struct pst_buf *out)
{
    struct pst_json_member members[MEMBERS];
    struct raw raw;
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    copy_members(members);
    to_raw(event, &raw);
    enum pst_err r =
        pst_json_direct_write(&(struct pst_json_direct){.from = &raw,
                                                        .members = members,
                                                        .count = MEMBERS,
                                                        .present = present_of(event->has),
                                                        .nested = write_nested,
                                                        .ctx = event},
                              &line);
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(&line)) : r;
}

enum pst_err pst_event_write(const struct pst_event *event, struct pst_buf *out)
{
    if (!is_complete(event) || !pst_uuid_is_v7(&event->id))
        return PST_ERR_INVALID;
    if ((event->has & PST_EVENT_HAS_CODE) != 0 &&
        (memchr(event->code, 0, sizeof event->code) == NULL || !is_code(event->code)))
        return PST_ERR_INVALID;
    if ((event->has & PST_EVENT_HAS_TO) != 0 && event->to_count > PST_EVENT_TO_MAX)
        return PST_ERR_INVALID;
    return write_line(event, out);
}

/* Words of closed lists; those that are not there stay zero. */
static bool decode_words(const struct raw *raw, struct pst_event *event)
{
    return pst_event_kind_parse(raw->kind, &event->kind) &&
           (raw->role == NULL || pst_role_parse(raw->role, &event->role)) &&
           (raw->direction == NULL || pst_direction_parse(raw->direction, &event->direction)) &&
           (raw->channel == NULL || pst_channel_parse(raw->channel, &event->channel)) &&
           (raw->category == NULL || pst_category_parse(raw->category, &event->category)) &&
           (raw->basis == NULL || pst_basis_parse(raw->basis, &event->basis)) &&
           (raw->code == NULL || is_code(raw->code));
}

static void from_raw(const struct raw *raw, struct pst_event *event)
{
    *event = (struct pst_event){
        .id = raw->id,
        .at_ms = raw->at_ms,
        .actor = raw->actor,
        .patient = raw->patient,
        .thread = raw->thread,
        .message = raw->message,
        .record = raw->record,
        .from = raw->from,
        .attachments = raw->attachments,
        .images = raw->images,
        .size = (uint64_t)raw->size,
        .sha256 = raw->sha256,
        .minute_ms = raw->minute_ms,
        .count = raw->count,
    };
    memcpy(event->salt, raw->salt, sizeof event->salt);
    memcpy(event->address, raw->address, sizeof event->address);
    if (raw->code != NULL) /* fits: the table limits it */
        memcpy(event->code, raw->code, strlen(raw->code));
}

/* The bits of `has`; members under one bit must come together. */
static enum pst_err decode_has(uint64_t present, uint32_t *ret_has)
{
    uint32_t has = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (PST_JSON_HAS(present, i))
            has |= table[i].has;
    }
    *ret_has = has;
    return present_of(has) == present ? PST_OK : PST_ERR_SYNTAX;
}

static enum pst_err decode_event(const json_t *json, struct pst_event *event)
{
    struct pst_json_member members[MEMBERS];
    struct raw raw = {0};
    uint64_t present = 0;
    copy_members(members);
    enum pst_err r = pst_json_decode(json, members, MEMBERS, &raw, &present, NULL);
    if (r != PST_OK)
        return r;
    if (raw.version != PST_EVENT_VERSION)
        return PST_ERR_UNSUPPORTED;
    from_raw(&raw, event);
    r = decode_has(present, &event->has);
    if (r == PST_OK && !decode_words(&raw, event))
        r = PST_ERR_UNSUPPORTED;
    if (r == PST_OK)
        r = decode_to(raw.to, event);
    if (r == PST_OK && raw.consent != NULL)
        r = pst_json_decode(raw.consent, consent_members, 2, event, NULL, NULL);
    if (r == PST_OK && !is_complete(event))
        r = PST_ERR_SYNTAX;
    return r;
}

enum pst_err pst_event_parse(struct pst_bytes line, struct pst_event *ret_event)
{
    struct pst_event event;
    PST_JSON json_t *json = NULL;
    enum pst_err r = pst_json_parse_canonical(line, PST_EVENT_MAX_BYTES, &json);
    if (r == PST_OK)
        r = decode_event(json, &event);
    if (r == PST_OK)
        *ret_event = event;
    return r;
}
