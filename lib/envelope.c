#include "postern/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/json.h"

#define MAGIC_LINE "postern.sealed/1\n"
#define MAGIC_LEN (sizeof MAGIC_LINE - 1)
/* What versions to come would begin with. */
#define MAGIC_ANY_VERSION "postern.sealed/"
#define SIGNATURE_MAGIC "ed25519 "
#define SIGNATURE_MAGIC_LEN (sizeof SIGNATURE_MAGIC - 1)
#define SIGNATURE_TEXT_LEN 86
#define SIGNATURE_LINE_LEN (SIGNATURE_MAGIC_LEN + PST_KEY_ID_TEXT_LEN + 1 + SIGNATURE_TEXT_LEN + 1)

/* The header's members as JSON has them. */
struct raw {
    const char *origin;
    const char *category;
    const char *via;
    json_t *to;
    json_t *keys;
    struct pst_uuid id;
    struct pst_uuid thread;
    struct pst_uuid from;
    struct pst_uuid replyto;
    int64_t sent_ms;
    int64_t attachments;
    int64_t images;
    int64_t size;
    struct pst_sha256 sha256;
};

#define AT(field) offsetof(struct raw, field)
#define MUST PST_JSON_REQUIRED

/* Sorted by name, so that they can be written in order; the bits of the optional ones in present.
 */
enum { MEMBER_REPLYTO = 7, MEMBER_VIA = 13 };

static const struct pst_json_member members[] = {
    {"attachments", PST_JSON_INT, MUST, AT(attachments), 0},
    {"category", PST_JSON_TEXT, MUST, AT(category), 0},
    {"from", PST_JSON_UUID, MUST, AT(from), 0},
    {"id", PST_JSON_UUID7, MUST, AT(id), 0},
    {"images", PST_JSON_INT, MUST, AT(images), 0},
    {"keys", PST_JSON_ARRAY, MUST, AT(keys), PST_ENVELOPE_KEYS_MAX},
    {"origin", PST_JSON_TEXT, MUST, AT(origin), PST_ORIGIN_MAX_BYTES},
    [MEMBER_REPLYTO] = {"replyto", PST_JSON_UUID7, 0, AT(replyto), 0},
    {"sent", PST_JSON_TIME, MUST, AT(sent_ms), 0},
    {"sha256", PST_JSON_BIN32, MUST, AT(sha256), 0},
    {"size", PST_JSON_INT, MUST, AT(size), 0},
    {"thread", PST_JSON_UUID7, MUST, AT(thread), 0},
    {"to", PST_JSON_ARRAY, MUST, AT(to), PST_ENVELOPE_TO_MAX},
    [MEMBER_VIA] = {"via", PST_JSON_TEXT, 0, AT(via), 0},
};
#define MEMBERS (sizeof members / sizeof members[0])
#define ALL_MEMBERS ((UINT64_C(1) << MEMBERS) - 1)

static enum pst_err decode_keys(const json_t *array, struct pst_envelope_header *header)
{
    size_t i = 0;
    json_t *item = NULL;
    enum pst_err r = pst_json_set_check(array);
    if (r != PST_OK)
        return r;
    json_array_foreach(array, i, item)
    {
        r = pst_key_id_parse(json_string_value(item), json_string_length(item), &header->keys[i]);
        if (r != PST_OK)
            return r;
    }
    header->keys_count = i;
    return i == 0 ? PST_ERR_SYNTAX : PST_OK;
}

static enum pst_err from_raw(const struct raw *raw, uint64_t present,
                             struct pst_envelope_header *header)
{
    *header = (struct pst_envelope_header){
        .id = raw->id,
        .thread = raw->thread,
        .from = raw->from,
        .sent_ms = raw->sent_ms,
        .attachments = raw->attachments,
        .images = raw->images,
        .replyto = raw->replyto,
        .has_replyto = PST_JSON_HAS(present, MEMBER_REPLYTO),
        .size = (uint64_t)raw->size,
        .sha256 = raw->sha256,
    };
    /* Fits: the table limits origin to PST_ORIGIN_MAX_BYTES. */
    memcpy(header->origin, raw->origin, strlen(raw->origin));
    if (!pst_category_parse(raw->category, &header->category) || raw->images > raw->attachments)
        return PST_ERR_SYNTAX;
    if (raw->via != NULL && !pst_via_parse(raw->via, &header->via))
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_json_uuid_set(raw->to, header->to, PST_ENVELOPE_TO_MAX, &header->to_count);
    if (r == PST_OK && header->to_count == 0)
        r = PST_ERR_SYNTAX;
    return r == PST_OK ? decode_keys(raw->keys, header) : r;
}

static enum pst_err write_keys(const struct pst_envelope_header *header, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '[');
    for (size_t i = 0; r == PST_OK && i < header->keys_count; i++) {
        char text[PST_KEY_ID_TEXT_SIZE];
        pst_key_id_format(&header->keys[i], text);
        r = pst_buf_append_str(out, i == 0 ? "\"" : ",\"");
        if (r == PST_OK)
            r = pst_buf_append_str(out, text);
        if (r == PST_OK)
            r = pst_buf_append_byte(out, '"');
    }
    return r == PST_OK ? pst_buf_append_byte(out, ']') : r;
}

static enum pst_err write_to(const struct pst_envelope_header *header, struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_byte(out, '[');
    for (size_t i = 0; r == PST_OK && i < header->to_count; i++) {
        char text[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&header->to[i], text);
        r = pst_buf_append_str(out, i == 0 ? "\"" : ",\"");
        if (r == PST_OK)
            r = pst_buf_append_str(out, text);
        if (r == PST_OK)
            r = pst_buf_append_byte(out, '"');
    }
    return r == PST_OK ? pst_buf_append_byte(out, ']') : r;
}

/* The two members that are not plain values. */
static enum pst_err write_nested(const void *ctx, const struct pst_json_member *member,
                                 struct pst_buf *out)
{
    return member->offset == AT(to) ? write_to(ctx, out) : write_keys(ctx, out);
}

/* The canonical line of these values, whatever they are. */
static enum pst_err write_line(const struct pst_envelope_header *header, struct pst_buf *out)
{
    struct raw raw = {
        .origin = header->origin,
        .category = pst_category_name(header->category),
        .via = pst_via_name(header->via),
        .id = header->id,
        .thread = header->thread,
        .from = header->from,
        .replyto = header->replyto,
        .sent_ms = header->sent_ms,
        .attachments = header->attachments,
        .images = header->images,
        .size = (int64_t)header->size,
        .sha256 = header->sha256,
    };
    uint64_t present = ALL_MEMBERS;
    if (!header->has_replyto)
        present &= ~(UINT64_C(1) << MEMBER_REPLYTO);
    if (header->via == PST_VIA_NONE)
        present &= ~(UINT64_C(1) << MEMBER_VIA);
    if (header->to_count > PST_ENVELOPE_TO_MAX || header->keys_count > PST_ENVELOPE_KEYS_MAX)
        return PST_ERR_INVALID;
    return pst_json_direct_write(&(struct pst_json_direct){.from = &raw,
                                                           .members = members,
                                                           .count = MEMBERS,
                                                           .present = present,
                                                           .nested = write_nested,
                                                           .ctx = header},
                                 out);
}

/* What a line says, written canonically, must be that line: two texts never mean one header. */
static enum pst_err check_canonical(const struct pst_envelope_header *header, struct pst_bytes line)
{
    PST_BUF struct pst_buf again = {.max = line.len};
    enum pst_err r = write_line(header, &again);
    if (r == PST_ERR_NOMEM)
        return r;
    return r == PST_OK && pst_bytes_equal(pst_buf_bytes(&again), line) ? PST_OK
                                                                       : PST_ERR_NOT_CANONICAL;
}

enum pst_err pst_envelope_header_parse(struct pst_bytes line,
                                       struct pst_envelope_header *ret_header)
{
    struct raw raw = {0};
    struct pst_envelope_header header;
    uint64_t present = 0;
    PST_JSON json_t *json = NULL;
    enum pst_err r = pst_json_parse(line, PST_ENVELOPE_HEAD_MAX_BYTES, &json);
    if (r == PST_OK)
        r = pst_json_decode(json, members, MEMBERS, &raw, &present, NULL);
    if (r == PST_OK)
        r = from_raw(&raw, present, &header);
    if (r == PST_OK)
        r = check_canonical(&header, line);
    if (r == PST_OK)
        *ret_header = header;
    return r;
}

enum pst_err pst_envelope_header_write(const struct pst_envelope_header *header,
                                       struct pst_buf *out)
{
    struct pst_envelope_header again;
    PST_BUF struct pst_buf line = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    enum pst_err r = write_line(header, &line);
    if (r != PST_OK)
        return r;
    r = pst_envelope_header_parse(pst_buf_bytes(&line), &again);
    if (r == PST_ERR_NOMEM)
        return r;
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(&line)) : PST_ERR_INVALID;
}

static int compare_uuid(const void *a, const void *b)
{
    return pst_uuid_compare(a, b);
}

static int compare_key(const void *a, const void *b)
{
    return pst_key_id_compare_text(a, b);
}

/* Sorts elements of size bytes and drops repeats; returns how many are left. */
static size_t sort_set(void *items, size_t count, size_t size,
                       int (*compare)(const void *, const void *))
{
    uint8_t *at = items;
    size_t kept = count > 0 ? 1 : 0;
    if (count > 1)
        qsort(items, count, size, compare);
    for (size_t i = 1; i < count; i++) {
        if (compare(at + (kept - 1) * size, at + i * size) == 0)
            continue;
        memmove(at + kept * size, at + i * size, size);
        kept++;
    }
    return kept;
}

void pst_envelope_header_sort(struct pst_envelope_header *header)
{
    header->to_count = sort_set(header->to, header->to_count, sizeof header->to[0], compare_uuid);
    header->keys_count =
        sort_set(header->keys, header->keys_count, sizeof header->keys[0], compare_key);
}

/* The first line, of which all or only the beginning may be there. */
static enum pst_err parse_magic(struct pst_bytes bytes)
{
    size_t len = bytes.len < MAGIC_LEN ? bytes.len : MAGIC_LEN;
    if (len > 0 && memcmp(bytes.ptr, MAGIC_LINE, len) != 0) {
        size_t any = sizeof MAGIC_ANY_VERSION - 1;
        bool ours = len > any && memcmp(bytes.ptr, MAGIC_ANY_VERSION, any) == 0;
        return ours ? PST_ERR_UNSUPPORTED : PST_ERR_SYNTAX;
    }
    return bytes.len < MAGIC_LEN ? PST_ERR_TRUNCATED : PST_OK;
}

/* at: SIGNATURE_LINE_LEN bytes. */
static enum pst_err parse_signature_line(const uint8_t *at, struct pst_envelope_head *head)
{
    const uint8_t *key = at + SIGNATURE_MAGIC_LEN;
    const uint8_t *signature = key + PST_KEY_ID_TEXT_LEN + 1;
    if (memcmp(at, SIGNATURE_MAGIC, SIGNATURE_MAGIC_LEN) != 0 || signature[-1] != ' ' ||
        at[SIGNATURE_LINE_LEN - 1] != '\n')
        return PST_ERR_SYNTAX;
    enum pst_err r = pst_key_id_parse((const char *)key, PST_KEY_ID_TEXT_LEN, &head->signer);
    if (r != PST_OK)
        return r;
    return pst_base64url_decode_exact(pst_bytes(signature, SIGNATURE_TEXT_LEN),
                                      head->signature.bytes, PST_SIGNATURE_BYTES);
}

enum pst_err pst_envelope_head_parse(struct pst_bytes bytes, struct pst_envelope_head *ret_head)
{
    struct pst_envelope_head head;
    enum pst_err r = parse_magic(bytes);
    if (r != PST_OK)
        return r;
    size_t look = bytes.len < PST_ENVELOPE_HEAD_MAX_BYTES ? bytes.len : PST_ENVELOPE_HEAD_MAX_BYTES;
    const uint8_t *header = bytes.ptr + MAGIC_LEN;
    const uint8_t *end = memchr(header, '\n', look - MAGIC_LEN);
    if (end == NULL)
        return look == PST_ENVELOPE_HEAD_MAX_BYTES ? PST_ERR_TOO_LONG : PST_ERR_TRUNCATED;
    head.signed_len = (size_t)(end - bytes.ptr) + 1;
    head.len = head.signed_len + SIGNATURE_LINE_LEN;
    if (head.len > PST_ENVELOPE_HEAD_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    if (head.len > bytes.len)
        return PST_ERR_TRUNCATED;
    /* The cheap line first: strangers pay for JSON only behind a well-formed signature. */
    r = parse_signature_line(bytes.ptr + head.signed_len, &head);
    if (r == PST_OK)
        r = pst_envelope_header_parse(pst_bytes(header, (size_t)(end - header)), &head.header);
    if (r == PST_OK)
        *ret_head = head;
    return r;
}

enum pst_err pst_envelope_verify(const struct pst_envelope_head *head, struct pst_bytes bytes,
                                 const struct pst_sign_public *public_key)
{
    struct pst_key_id id;
    enum pst_err r = pst_key_id_of(public_key->bytes, &id);
    if (r != PST_OK)
        return r;
    if (bytes.len < head->signed_len)
        return PST_ERR_INVALID;
    if (!pst_key_id_equal(&id, &head->signer))
        return PST_ERR_NO_KEY;
    return pst_sign_verify(public_key, pst_bytes(bytes.ptr, head->signed_len), &head->signature);
}

enum pst_err pst_envelope_sign(const struct pst_envelope_header *header,
                               const struct pst_signer *signer, struct pst_buf *out)
{
    struct pst_signature signature;
    char id[PST_KEY_ID_TEXT_SIZE];
    PST_BUF struct pst_buf head = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    enum pst_err r = pst_buf_append_str(&head, MAGIC_LINE);
    if (r == PST_OK)
        r = pst_envelope_header_write(header, &head);
    if (r == PST_OK)
        r = pst_buf_append_byte(&head, '\n');
    if (r == PST_OK)
        r = pst_sign(signer, pst_buf_bytes(&head), &signature);
    pst_key_id_format(&signer->id, id);
    if (r == PST_OK)
        r = pst_buf_printf(&head, SIGNATURE_MAGIC "%s ", id);
    if (r == PST_OK)
        r = pst_base64url_append(&head, pst_bytes(signature.bytes, sizeof signature.bytes));
    if (r == PST_OK)
        r = pst_buf_append_byte(&head, '\n');
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(&head)) : r;
}
