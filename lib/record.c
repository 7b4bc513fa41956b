#include "postern/record.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/json.h"
#include "record_body.h"

#define MAGIC "postern."
#define VERSION "/1"
#define SIGNATURE_MAGIC "ed25519 "
#define SIGNATURE_TEXT_LEN 86
/* Algorithm, key id, blank, signature, line feed: every line is of this length. */
#define SIGNATURE_LINE_LEN                                                                         \
    (sizeof SIGNATURE_MAGIC - 1 + PST_KEY_ID_TEXT_LEN + 1 + SIGNATURE_TEXT_LEN + 1)

struct signature_line {
    struct pst_key_id key;
    struct pst_signature signature;
};

struct pst_record {
    enum pst_record_kind kind;
    struct pst_buf text;
    size_t signed_len;
    struct pst_sha256 hash;
    json_t *json;
    struct signature_line signatures[PST_RECORD_SIGNATURES_MAX];
    size_t signatures_count;
    struct pst_record_body body;
};

static const char *const kind_names[PST_RECORD__MAX] = {
    [PST_RECORD_INVITATION] = "invitation", [PST_RECORD_STATEMENT] = "statement",
    [PST_RECORD_RECORDS] = "records",       [PST_RECORD_ROSTER] = "roster",
    [PST_RECORD_GRANT] = "grant",           [PST_RECORD_OPENED] = "opened",
    [PST_RECORD_RETRACTION] = "retraction", [PST_RECORD_CONSENT] = "consent",
};

const char *pst_record_kind_name(enum pst_record_kind kind)
{
    return (unsigned)kind < PST_RECORD__MAX ? kind_names[kind] : NULL;
}

bool pst_record_kind_parse(const char *text, enum pst_record_kind *ret_kind)
{
    for (size_t i = 0; i < PST_RECORD__MAX; i++) {
        if (strcmp(kind_names[i], text) == 0) {
            *ret_kind = (enum pst_record_kind)i;
            return true;
        }
    }
    return false;
}

/* An invitation may be the first administrator's, a consent a STOP: see record.h. */
static bool may_be_unsigned(enum pst_record_kind kind)
{
    return kind == PST_RECORD_INVITATION || kind == PST_RECORD_CONSENT;
}

/* Takes one line off the front, without its line feed; false when none is whole. */
static bool take_line(struct pst_bytes *rest, struct pst_bytes *ret_line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    if (end == NULL)
        return false;
    size_t len = (size_t)(end - rest->ptr);
    *ret_line = pst_bytes(rest->ptr, len);
    *rest = pst_bytes(end + 1, rest->len - len - 1);
    return true;
}

static enum pst_err parse_kind_line(struct pst_bytes line, enum pst_record_kind *ret_kind)
{
    for (size_t i = 0; i < PST_RECORD__MAX; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, MAGIC "%s" VERSION, kind_names[i]);
        if (pst_bytes_equal(line, pst_bytes_str(want))) {
            *ret_kind = (enum pst_record_kind)i;
            return PST_OK;
        }
    }
    size_t magic_len = sizeof MAGIC - 1;
    bool ours = line.len > magic_len && memcmp(line.ptr, MAGIC, magic_len) == 0;
    return ours ? PST_ERR_UNSUPPORTED : PST_ERR_SYNTAX;
}

/* at: SIGNATURE_LINE_LEN bytes. */
static enum pst_err parse_signature_line(const uint8_t *at, struct signature_line *ret_line)
{
    const uint8_t *key = at + sizeof SIGNATURE_MAGIC - 1;
    const uint8_t *signature = key + PST_KEY_ID_TEXT_LEN + 1;
    if (memcmp(at, SIGNATURE_MAGIC, sizeof SIGNATURE_MAGIC - 1) != 0 || signature[-1] != ' ' ||
        at[SIGNATURE_LINE_LEN - 1] != '\n')
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_key_id_parse((const char *)key, PST_KEY_ID_TEXT_LEN, &ret_line->key);
    if (r != PST_OK)
        return r;
    return pst_base64url_decode_exact(pst_bytes(signature, SIGNATURE_TEXT_LEN),
                                      ret_line->signature.bytes, PST_SIGNATURE_BYTES);
}

static const struct signature_line *find_signature(const struct pst_record *record,
                                                   const struct pst_key_id *key)
{
    for (size_t i = 0; i < record->signatures_count; i++) {
        if (pst_key_id_equal(&record->signatures[i].key, key))
            return &record->signatures[i];
    }
    return NULL;
}

static enum pst_err parse_signatures(struct pst_bytes rest, struct pst_record *record)
{
    if (rest.len % SIGNATURE_LINE_LEN != 0)
        return PST_ERR_SYNTAX;
    size_t count = rest.len / SIGNATURE_LINE_LEN;
    if (count > PST_RECORD_SIGNATURES_MAX)
        return PST_ERR_TOO_LONG;
    if (count == 0 && !may_be_unsigned(record->kind))
        return PST_ERR_SYNTAX;
    for (size_t i = 0; i < count; i++) {
        struct signature_line line;
        enum pst_err r = parse_signature_line(rest.ptr + i * SIGNATURE_LINE_LEN, &line);
        if (r != PST_OK)
            return r;
        if (find_signature(record, &line.key) != NULL)
            return PST_ERR_SYNTAX;
        record->signatures[record->signatures_count++] = line;
    }
    return PST_OK;
}

static enum pst_err parse_into(struct pst_bytes text, struct pst_record *record)
{
    struct pst_bytes line = {0};
    pst_buf_init(&record->text, PST_RECORD_MAX_BYTES);
    enum pst_err r = pst_buf_append_bytes(&record->text, text);
    struct pst_bytes rest = pst_buf_bytes(&record->text);
    if (r != PST_OK)
        return r;
    if (!take_line(&rest, &line))
        return PST_ERR_SYNTAX;
    r = parse_kind_line(line, &record->kind);
    if (r != PST_OK)
        return r;
    if (!take_line(&rest, &line))
        return PST_ERR_SYNTAX;
    record->signed_len = text.len - rest.len;
    r = pst_json_parse_canonical(line, PST_RECORD_MAX_BYTES, &record->json);
    if (r == PST_OK)
        r = pst_record_body_decode(record->kind, record->json, &record->body);
    if (r == PST_OK)
        r = parse_signatures(rest, record);
    return r == PST_OK ? pst_sha256(pst_record_signed_text(record), &record->hash) : r;
}

enum pst_err pst_record_parse(struct pst_bytes text, struct pst_record **ret_record)
{
    struct pst_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = parse_into(text, record);
    if (r == PST_OK)
        *ret_record = record;
    else
        pst_record_free(&record);
    return r;
}

enum pst_err pst_record_parse_kind(struct pst_bytes text, enum pst_record_kind kind,
                                   struct pst_record **ret_record)
{
    struct pst_record *record = NULL;
    enum pst_err r = pst_record_parse(text, &record);
    if (r == PST_OK && record->kind != kind)
        r = PST_ERR_UNSUPPORTED;
    if (r == PST_OK)
        *ret_record = record;
    else
        pst_record_free(&record);
    return r;
}

void pst_record_free(struct pst_record **record)
{
    if (record == NULL || *record == NULL)
        return;
    pst_buf_free(&(*record)->text);
    json_decref((*record)->json);
    free((*record)->body.members);
    free(*record);
    *record = NULL;
}

enum pst_record_kind pst_record_kind(const struct pst_record *record)
{
    return record->kind;
}

struct pst_bytes pst_record_text(const struct pst_record *record)
{
    return pst_buf_bytes(&record->text);
}

struct pst_bytes pst_record_signed_text(const struct pst_record *record)
{
    return pst_bytes(record->text.bytes, record->signed_len);
}

const struct pst_sha256 *pst_record_hash(const struct pst_record *record)
{
    return &record->hash;
}

const char *pst_record_origin(const struct pst_record *record)
{
    return record->body.origin;
}

int64_t pst_record_at_ms(const struct pst_record *record)
{
    return record->body.at_ms;
}

const json_t *pst_record_json(const struct pst_record *record)
{
    return record->json;
}

const struct pst_invitation *pst_record_invitation(const struct pst_record *record)
{
    return record->kind == PST_RECORD_INVITATION ? &record->body.as.invitation : NULL;
}

const struct pst_statement *pst_record_statement(const struct pst_record *record)
{
    return record->kind == PST_RECORD_STATEMENT ? &record->body.as.statement : NULL;
}

const struct pst_records_key *pst_record_records_key(const struct pst_record *record)
{
    return record->kind == PST_RECORD_RECORDS ? &record->body.as.records : NULL;
}

const struct pst_roster *pst_record_roster(const struct pst_record *record)
{
    return record->kind == PST_RECORD_ROSTER ? &record->body.as.roster : NULL;
}

const struct pst_grant *pst_record_grant(const struct pst_record *record)
{
    return record->kind == PST_RECORD_GRANT ? &record->body.as.grant : NULL;
}

const struct pst_acknowledgement *pst_record_acknowledgement(const struct pst_record *record)
{
    bool is = record->kind == PST_RECORD_OPENED || record->kind == PST_RECORD_RETRACTION;
    return is ? &record->body.as.acknowledgement : NULL;
}

const struct pst_consent *pst_record_consent(const struct pst_record *record)
{
    return record->kind == PST_RECORD_CONSENT ? &record->body.as.consent : NULL;
}

size_t pst_record_signature_count(const struct pst_record *record)
{
    return record->signatures_count;
}

const struct pst_key_id *pst_record_signature_key(const struct pst_record *record, size_t index)
{
    return &record->signatures[index].key;
}

enum pst_err pst_record_verify(const struct pst_record *record,
                               const struct pst_sign_public *public_key)
{
    struct pst_key_id id;
    enum pst_err r = pst_key_id_of(public_key->bytes, &id);
    if (r != PST_OK)
        return r;
    const struct signature_line *line = find_signature(record, &id);
    if (line == NULL)
        return PST_ERR_NO_KEY;
    return pst_sign_verify(public_key, pst_record_signed_text(record), &line->signature);
}

/* Appends the line for a signature over signed_text, which must not lie in out. */
static enum pst_err append_signature(struct pst_bytes signed_text, const struct pst_signer *signer,
                                     struct pst_buf *out)
{
    struct pst_signature signature;
    char id[PST_KEY_ID_TEXT_SIZE];
    enum pst_err r = pst_sign(signer, signed_text, &signature);
    pst_key_id_format(&signer->id, id);
    if (r == PST_OK)
        r = pst_buf_printf(out, SIGNATURE_MAGIC "%s ", id);
    if (r == PST_OK)
        r = pst_base64url_append(out, pst_bytes(signature.bytes, sizeof signature.bytes));
    return r == PST_OK ? pst_buf_append_byte(out, '\n') : r;
}

/* What was built goes out only if it reads back. */
static enum pst_err append_checked(const struct pst_buf *text, struct pst_buf *out)
{
    struct pst_record *again = NULL;
    enum pst_err r = pst_record_parse(pst_buf_bytes(text), &again);
    pst_record_free(&again);
    if (r == PST_ERR_NOMEM)
        return r;
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(text)) : PST_ERR_INVALID;
}

enum pst_err pst_record_build(enum pst_record_kind kind, const char *origin, int64_t at_ms,
                              const void *body, const struct pst_signer *const *signers,
                              size_t signers_count, struct pst_buf *out)
{
    PST_JSON json_t *json = NULL;
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    PST_BUF struct pst_buf lines = {.max = PST_RECORD_MAX_BYTES};
    if ((unsigned)kind >= PST_RECORD__MAX)
        return PST_ERR_INVALID;
    enum pst_err r = pst_record_body_encode(kind, origin, at_ms, body, &json);
    if (r == PST_OK)
        r = pst_buf_printf(&text, MAGIC "%s" VERSION "\n", kind_names[kind]);
    if (r == PST_OK)
        r = pst_json_write_canonical(json, &text);
    if (r == PST_OK)
        r = pst_buf_append_byte(&text, '\n');
    for (size_t i = 0; r == PST_OK && i < signers_count; i++)
        r = append_signature(pst_buf_bytes(&text), signers[i], &lines);
    if (r == PST_OK)
        r = pst_buf_append_bytes(&text, pst_buf_bytes(&lines));
    return r == PST_OK ? append_checked(&text, out) : r;
}

enum pst_err pst_record_countersign(const struct pst_record *record,
                                    const struct pst_signer *signer, struct pst_buf *out)
{
    PST_BUF struct pst_buf text = {.max = PST_RECORD_MAX_BYTES};
    if (find_signature(record, &signer->id) != NULL)
        return PST_ERR_EXISTS;
    if (record->signatures_count == PST_RECORD_SIGNATURES_MAX)
        return PST_ERR_TOO_LONG;
    enum pst_err r = pst_buf_append_bytes(&text, pst_record_text(record));
    if (r == PST_OK)
        r = append_signature(pst_record_signed_text(record), signer, &text);
    return r == PST_OK ? append_checked(&text, out) : r;
}
