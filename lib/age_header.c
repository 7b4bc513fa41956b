#include "postern/age_header.h"

#include <string.h>

#include "postern/base64.h"

#define VERSION_START "age-encryption.org/"
#define VERSION_LINE VERSION_START "v1"
/* Versions are short; what is longer is another text, and need not be read to its end. */
#define VERSION_LINE_MAX ((size_t)64)
#define STANZA_START "-> "
#define END_START "---"
#define BODY_COLUMNS 64
#define BODY_LINE_BYTES 48
/* "---", a space, 43 characters. */
#define END_LINE_LEN (3 + 1 + PST_BASE64_LEN(PST_AGE_MAC_BYTES))
/* scrypt and X25519 wrap 16 bytes with a tag of 16. */
#define WRAPPED_BYTES (PST_AGE_FILE_KEY_BYTES + PST_AGE_TAG_BYTES)
#define SCRYPT_SALT_BYTES 16

enum expect { EXPECT_VERSION, EXPECT_FIRST_STANZA, EXPECT_STANZA_OR_END, EXPECT_BODY, EXPECT_DONE };
enum stanza_type { STANZA_OTHER, STANZA_X25519, STANZA_SCRYPT };

static bool starts_with(struct pst_bytes text, const char *start)
{
    size_t len = strlen(start);
    return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

/* VCHAR of RFC 5234. */
static bool is_visible(uint8_t c)
{
    return c >= 0x21 && c <= 0x7e;
}

static bool all_visible(struct pst_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_visible(text.ptr[i]))
            return false;
    return text.len > 0;
}

/* argument *(SP argument), none of them empty. */
static bool arguments_ok(struct pst_bytes args)
{
    bool in_argument = false;
    for (size_t i = 0; i < args.len; i++) {
        bool visible = is_visible(args.ptr[i]);
        if (!visible && (args.ptr[i] != ' ' || !in_argument))
            return false;
        in_argument = visible;
    }
    return in_argument;
}

struct pst_bytes pst_age_stanza_arg(const struct pst_age_stanza *stanza, size_t i)
{
    struct pst_bytes rest = stanza->args;
    for (;;) {
        const uint8_t *space = rest.len == 0 ? NULL : memchr(rest.ptr, ' ', rest.len);
        size_t len = space == NULL ? rest.len : (size_t)(space - rest.ptr);
        if (i-- == 0)
            return pst_bytes(rest.ptr, len);
        if (space == NULL)
            return pst_bytes(NULL, 0);
        rest = pst_bytes(space + 1, rest.len - len - 1);
    }
}

static bool arg_is_base64(const struct pst_age_stanza *stanza, size_t i, size_t len)
{
    uint8_t bytes[PST_AGE_KEY_BYTES];
    return pst_base64_decode_exact(pst_age_stanza_arg(stanza, i), bytes, len) == PST_OK;
}

/* ^[1-9][0-9]*$ */
static bool arg_is_decimal(const struct pst_age_stanza *stanza, size_t i)
{
    struct pst_bytes text = pst_age_stanza_arg(stanza, i);
    for (size_t at = 0; at < text.len; at++)
        if (text.ptr[at] < '0' || text.ptr[at] > '9')
            return false;
    return text.len > 0 && text.ptr[0] != '0';
}

/* Type by the first argument; the shape its type demands of the others. */
static enum pst_err arguments_classify(struct pst_bytes args, int *ret_type)
{
    struct pst_age_stanza stanza = {.args = args};
    struct pst_bytes type = pst_age_stanza_arg(&stanza, 0);
    bool ok = true;
    *ret_type = STANZA_OTHER;
    if (pst_bytes_equal(type, pst_bytes_str("X25519"))) {
        *ret_type = STANZA_X25519;
        ok =
            arg_is_base64(&stanza, 1, PST_AGE_KEY_BYTES) && pst_age_stanza_arg(&stanza, 2).len == 0;
    } else if (pst_bytes_equal(type, pst_bytes_str("scrypt"))) {
        *ret_type = STANZA_SCRYPT;
        ok = arg_is_base64(&stanza, 1, SCRYPT_SALT_BYTES) && arg_is_decimal(&stanza, 2) &&
             pst_age_stanza_arg(&stanza, 3).len == 0;
    }
    return ok ? PST_OK : PST_ERR_SYNTAX;
}

static enum pst_err version_line(struct pst_age_header_parser *parser, struct pst_bytes line)
{
    if (!starts_with(line, VERSION_START) || line.len > VERSION_LINE_MAX)
        return PST_ERR_SYNTAX;
    if (!pst_bytes_equal(line, pst_bytes_str(VERSION_LINE))) {
        size_t start = strlen(VERSION_START);
        return all_visible(pst_bytes(line.ptr + start, line.len - start)) ? PST_ERR_UNSUPPORTED
                                                                          : PST_ERR_SYNTAX;
    }
    parser->header.stanzas_at = parser->line_at + line.len + 1;
    parser->expect = EXPECT_FIRST_STANZA;
    return PST_OK;
}

static enum pst_err argument_line(struct pst_age_header_parser *parser, struct pst_bytes line)
{
    struct pst_age_header *header = &parser->header;
    size_t start = strlen(STANZA_START);
    if (!starts_with(line, STANZA_START))
        return PST_ERR_SYNTAX;
    struct pst_bytes args = pst_bytes(line.ptr + start, line.len - start);
    if (!arguments_ok(args))
        return PST_ERR_SYNTAX;
    enum pst_err r = arguments_classify(args, &parser->stanza_type);
    if (r != PST_OK)
        return r;
    header->stanza_count++;
    header->x25519_count += parser->stanza_type == STANZA_X25519;
    header->scrypt_count += parser->stanza_type == STANZA_SCRYPT;
    if (header->scrypt_count > 0 && header->stanza_count > 1)
        return PST_ERR_SYNTAX;
    parser->body_len = 0;
    parser->expect = EXPECT_BODY;
    return PST_OK;
}

static enum pst_err body_line(struct pst_age_header_parser *parser, struct pst_bytes line)
{
    uint8_t bytes[BODY_LINE_BYTES];
    if (line.len > BODY_COLUMNS)
        return PST_ERR_SYNTAX;
    size_t len = line.len / 4 * 3 + line.len % 4 * 6 / 8;
    if (pst_base64_decode_exact(line, bytes, len) != PST_OK)
        return PST_ERR_SYNTAX;
    parser->body_len += len;
    if (line.len == BODY_COLUMNS)
        return PST_OK;
    if (parser->stanza_type != STANZA_OTHER && parser->body_len != WRAPPED_BYTES)
        return PST_ERR_SYNTAX;
    parser->expect = EXPECT_STANZA_OR_END;
    return PST_OK;
}

static enum pst_err end_line(struct pst_age_header_parser *parser, struct pst_bytes line)
{
    size_t mark = strlen(END_START);
    if (line.len != END_LINE_LEN || line.ptr[mark] != ' ')
        return PST_ERR_SYNTAX;
    struct pst_bytes mac = pst_bytes(line.ptr + mark + 1, line.len - mark - 1);
    if (pst_base64_decode_exact(mac, parser->header.mac, PST_AGE_MAC_BYTES) != PST_OK)
        return PST_ERR_SYNTAX;
    parser->header.mac_input = parser->line_at + mark;
    parser->header.len = parser->line_at + line.len + 1;
    parser->expect = EXPECT_DONE;
    return PST_OK;
}

static enum pst_err stanza_or_end_line(struct pst_age_header_parser *parser, struct pst_bytes line)
{
    return starts_with(line, END_START) ? end_line(parser, line) : argument_line(parser, line);
}

typedef enum pst_err line_fn(struct pst_age_header_parser *parser, struct pst_bytes line);
static line_fn *const line_of[] = {
    [EXPECT_VERSION] = version_line,
    [EXPECT_FIRST_STANZA] = argument_line,
    [EXPECT_STANZA_OR_END] = stanza_or_end_line,
    [EXPECT_BODY] = body_line,
};

/* Whether a line whose end has not come yet can become a good one. */
static enum pst_err unfinished_line(const struct pst_age_header_parser *parser,
                                    struct pst_bytes line)
{
    struct pst_bytes start = pst_bytes_str(VERSION_START);
    if (start.len > line.len)
        start.len = line.len;
    if (parser->expect == EXPECT_VERSION &&
        (line.len > VERSION_LINE_MAX || memcmp(line.ptr, start.ptr, start.len) != 0))
        return PST_ERR_SYNTAX;
    if (parser->expect == EXPECT_BODY && line.len > BODY_COLUMNS)
        return PST_ERR_SYNTAX;
    return PST_ERR_TRUNCATED;
}

/* Looks at each whole line once, until the header is done or bytes are used up. */
static enum pst_err feed_lines(struct pst_age_header_parser *parser, struct pst_bytes so_far)
{
    while (parser->expect != EXPECT_DONE) {
        const uint8_t *feed =
            parser->searched == so_far.len
                ? NULL
                : memchr(so_far.ptr + parser->searched, '\n', so_far.len - parser->searched);
        if (feed == NULL) {
            parser->searched = so_far.len;
            if (parser->line_at == so_far.len)
                return PST_ERR_TRUNCATED;
            return unfinished_line(
                parser, pst_bytes(so_far.ptr + parser->line_at, so_far.len - parser->line_at));
        }
        size_t end = (size_t)(feed - so_far.ptr);
        enum pst_err r = line_of[parser->expect](
            parser, pst_bytes(so_far.ptr + parser->line_at, end - parser->line_at));
        if (r != PST_OK)
            return r;
        parser->line_at = parser->searched = end + 1;
    }
    return PST_OK;
}

enum pst_err pst_age_header_feed(struct pst_age_header_parser *parser, struct pst_bytes so_far)
{
    bool more = so_far.len > PST_AGE_HEADER_MAX_BYTES;
    if (more)
        so_far.len = PST_AGE_HEADER_MAX_BYTES;
    enum pst_err r = feed_lines(parser, so_far);
    return r == PST_ERR_TRUNCATED && so_far.len == PST_AGE_HEADER_MAX_BYTES ? PST_ERR_TOO_LONG : r;
}

enum pst_err pst_age_header_inspect(struct pst_bytes bytes, struct pst_age_header *ret_header)
{
    struct pst_age_header_parser parser = {.expect = EXPECT_VERSION};
    enum pst_err r = pst_age_header_feed(&parser, bytes);
    if (r == PST_OK)
        *ret_header = parser.header;
    return r;
}

struct pst_bytes pst_age_header_stanzas(struct pst_bytes bytes, const struct pst_age_header *header)
{
    return pst_bytes(bytes.ptr + header->stanzas_at,
                     header->mac_input - strlen(END_START) - header->stanzas_at);
}

bool pst_age_stanza_next(struct pst_bytes *rest, struct pst_age_stanza *ret_stanza)
{
    const uint8_t *at = rest->ptr, *end = rest->ptr + rest->len;
    const uint8_t *feed = rest->len == 0 ? NULL : memchr(at, '\n', rest->len);
    if (feed == NULL)
        return false;
    size_t start = strlen(STANZA_START);
    struct pst_age_stanza stanza = {
        .args = pst_bytes(at + start, (size_t)(feed - at) - start),
        .body = pst_bytes(feed + 1, 0),
    };
    /* The header was read, so every body line is there and one is short. */
    const uint8_t *line = feed + 1;
    while (line < end && (feed = memchr(line, '\n', (size_t)(end - line))) != NULL &&
           feed - line == BODY_COLUMNS)
        line = feed + 1;
    if (line >= end || feed == NULL)
        return false;
    stanza.body.len = (size_t)(feed + 1 - stanza.body.ptr);
    stanza.text = pst_bytes(at, (size_t)(feed + 1 - at));
    *rest = pst_bytes(feed + 1, (size_t)(end - feed) - 1);
    *ret_stanza = stanza;
    return true;
}

enum pst_err pst_age_stanza_parse(struct pst_bytes text, struct pst_age_stanza *ret_stanza)
{
    struct pst_age_header_parser parser = {.expect = EXPECT_FIRST_STANZA};
    enum pst_err r = pst_age_header_feed(&parser, text);
    if (r == PST_ERR_TOO_LONG)
        return r;
    if (r != PST_ERR_TRUNCATED || parser.expect != EXPECT_STANZA_OR_END ||
        parser.line_at != text.len || parser.header.stanza_count != 1)
        return PST_ERR_SYNTAX;
    struct pst_age_stanza stanza;
    if (!pst_age_stanza_next(&text, &stanza))
        return PST_ERR_INTERNAL;
    *ret_stanza = stanza;
    return PST_OK;
}

#define CHUNK_SEALED_BYTES ((uint64_t)PST_AGE_CHUNK_BYTES + PST_AGE_TAG_BYTES)

bool pst_age_payload_len_possible(uint64_t payload_len)
{
    if (payload_len < PST_AGE_NONCE_BYTES + PST_AGE_TAG_BYTES)
        return false;
    uint64_t sealed = payload_len - PST_AGE_NONCE_BYTES, rest = sealed % CHUNK_SEALED_BYTES;
    bool only_chunk_empty = sealed == PST_AGE_TAG_BYTES;
    return rest == 0 || rest > PST_AGE_TAG_BYTES || only_chunk_empty;
}

uint64_t pst_age_payload_plaintext_len(uint64_t payload_len)
{
    if (!pst_age_payload_len_possible(payload_len))
        return 0;
    uint64_t sealed = payload_len - PST_AGE_NONCE_BYTES;
    uint64_t chunks = sealed / CHUNK_SEALED_BYTES + (sealed % CHUNK_SEALED_BYTES != 0);
    return sealed - chunks * PST_AGE_TAG_BYTES;
}

uint64_t pst_age_payload_len(uint64_t plaintext_len)
{
    uint64_t chunks =
        plaintext_len / PST_AGE_CHUNK_BYTES + (plaintext_len % PST_AGE_CHUNK_BYTES != 0);
    if (chunks == 0)
        chunks = 1;
    return PST_AGE_NONCE_BYTES + plaintext_len + chunks * PST_AGE_TAG_BYTES;
}
