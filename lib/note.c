#include "postern/note.h"

#include <stdbool.h>
#include <string.h>
#include <unistr.h>

#include "lines.h"
#include "note_internal.h"
#include "postern/base64.h"
#include "postern/cleanup.h"

/* Em dash (U+2014) and space. */
#define LINE_START "\xe2\x80\x94 "
#define COSIGNATURE_HEAD "cosignature/v1\n"
#define TIME_BYTES ((size_t)8)
/* C2SP: post-quantum signatures are nearly 5 kB; with base64 a third more. */
#define SIGNATURE_TEXT_MAX_BYTES ((size_t)8 * 1024)
/* Times beyond 2^63-1 are none. */
#define TIME_MAX ((uint64_t)INT64_MAX)
_Static_assert(PST_NOTE_SIGNATURES_MAX <= 32, "one bit a key");

bool pst_note_text_valid(struct pst_bytes text)
{
    if (text.len == 0 || text.len > PST_NOTE_MAX_BYTES || text.ptr[text.len - 1] != '\n')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 && text.ptr[i] != '\n')
            return false;
    }
    return u8_check(text.ptr, text.len) == NULL;
}

/* ---- signing ------------------------------------------------------------ */

static void time_write(uint64_t time_s, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < TIME_BYTES; i++)
        ret_bytes[i] = (uint8_t)(time_s >> (8 * (TIME_BYTES - 1 - i)));
}

static uint64_t time_read(const uint8_t *bytes)
{
    uint64_t time_s = 0;
    for (size_t i = 0; i < TIME_BYTES; i++)
        time_s = time_s << 8 | bytes[i];
    return time_s;
}

static enum pst_err cosigned_message(struct pst_bytes text, uint64_t time_s, struct pst_buf *out)
{
    enum pst_err r =
        pst_buf_printf(out, COSIGNATURE_HEAD "time %llu\n", (unsigned long long)time_s);
    return r == PST_OK ? pst_buf_append_bytes(out, text) : r;
}

/* Key id, time if it is a cosignature, signature. */
static enum pst_err signature_make(const struct pst_note_signer *signer, struct pst_bytes text,
                                   uint64_t time_s, struct pst_buf *out)
{
    PST_BUF struct pst_buf message = {.max = PST_NOTE_MAX_BYTES + 64};
    struct pst_signature signature;
    uint8_t time_bytes[TIME_BYTES];
    bool cosigns = signer->verifier.type == PST_NOTE_COSIGNATURE;
    enum pst_err r = pst_buf_append(out, signer->verifier.id, sizeof signer->verifier.id);
    if (r == PST_OK && cosigns) {
        time_write(time_s, time_bytes);
        r = pst_buf_append(out, time_bytes, sizeof time_bytes);
        if (r == PST_OK)
            r = cosigned_message(text, time_s, &message);
    }
    if (r == PST_OK)
        r = pst_sign(signer->signer, cosigns ? pst_buf_bytes(&message) : text, &signature);
    return r == PST_OK ? pst_buf_append(out, signature.bytes, sizeof signature.bytes) : r;
}

enum pst_err pst_note_signature_append(const struct pst_note_signer *signer, struct pst_bytes text,
                                       uint64_t time_s, struct pst_buf *out)
{
    PST_BUF struct pst_buf bytes = {.max = PST_NOTE_ID_BYTES + PST_NOTE_SIGNATURE_BYTES};
    PST_BUF struct pst_buf line = {.max = PST_NOTE_KEY_MAX_BYTES + PST_NOTE_SIGNATURE_BYTES};
    bool cosigns = signer->verifier.type == PST_NOTE_COSIGNATURE;
    if (!pst_note_text_valid(text) || time_s > (cosigns ? TIME_MAX : 0))
        return PST_ERR_INVALID;
    enum pst_err r = signature_make(signer, text, time_s, &bytes);
    if (r == PST_OK)
        r = pst_buf_printf(&line, LINE_START "%s ", signer->verifier.name);
    if (r == PST_OK)
        r = pst_base64_padded_append(&line, pst_buf_bytes(&bytes));
    if (r == PST_OK)
        r = pst_buf_append_byte(&line, '\n');
    return r == PST_OK ? pst_buf_append_bytes(out, pst_buf_bytes(&line)) : r;
}

enum pst_err pst_note_sign(const struct pst_note_signer *signer, struct pst_bytes text,
                           struct pst_buf *out)
{
    size_t start = out->len;
    enum pst_err r = pst_buf_append_bytes(out, text);
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    if (r == PST_OK)
        r = pst_note_signature_append(signer, text, /* time_s= */ 0, out);
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}

/* ---- reading ------------------------------------------------------------ */

/* "— <name> <base64>", the line feed cut off. */
static enum pst_err signature_parse(struct pst_bytes line, struct pst_note_signature *ret_signature)
{
    PST_BUF struct pst_buf bytes = {.max = SIGNATURE_TEXT_MAX_BYTES};
    size_t start = strlen(LINE_START);
    if (line.len <= start || memcmp(line.ptr, LINE_START, start) != 0)
        return PST_ERR_SYNTAX;
    struct pst_bytes rest = pst_bytes(line.ptr + start, line.len - start);
    const uint8_t *space = memchr(rest.ptr, ' ', rest.len);
    if (space == NULL)
        return PST_ERR_SYNTAX;
    ret_signature->name = pst_bytes(rest.ptr, (size_t)(space - rest.ptr));
    if (ret_signature->name.len > PST_NOTE_NAME_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    if (!pst_note_name_valid(ret_signature->name))
        return PST_ERR_SYNTAX;
    size_t used = ret_signature->name.len + 1;
    enum pst_err r = pst_base64_padded_decode(pst_bytes(rest.ptr + used, rest.len - used), &bytes);
    if (r != PST_OK)
        return r;
    if (bytes.len <= PST_NOTE_ID_BYTES)
        return PST_ERR_SYNTAX;
    memcpy(ret_signature->id, bytes.bytes, PST_NOTE_ID_BYTES);
    ret_signature->len = bytes.len - PST_NOTE_ID_BYTES;
    size_t kept = ret_signature->len < sizeof ret_signature->bytes ? ret_signature->len
                                                                   : sizeof ret_signature->bytes;
    memcpy(ret_signature->bytes, bytes.bytes + PST_NOTE_ID_BYTES, kept);
    return PST_OK;
}

/* Where the signatures begin: behind the last empty line; 0: there is none. */
static size_t signatures_start(struct pst_bytes bytes)
{
    for (size_t i = bytes.len; i >= 2; i--) {
        if (bytes.ptr[i - 1] == '\n' && bytes.ptr[i - 2] == '\n')
            return i;
    }
    return 0;
}

enum pst_err pst_note_parse(struct pst_bytes bytes, struct pst_note *ret_note)
{
    struct pst_note note = {.count = 0};
    struct pst_bytes line;
    if (bytes.len > PST_NOTE_MAX_BYTES)
        return PST_ERR_TOO_LONG;
    size_t start = signatures_start(bytes);
    if (start == 0 || start == bytes.len || !pst_note_text_valid(bytes))
        return PST_ERR_SYNTAX;
    note.text = pst_bytes(bytes.ptr, start - 1);
    struct pst_bytes rest = pst_bytes(bytes.ptr + start, bytes.len - start);
    enum pst_err r = PST_OK;
    while (r == PST_OK && rest.len > 0) {
        if (note.count == PST_NOTE_SIGNATURES_MAX)
            return PST_ERR_TOO_LONG;
        r = pst_line_take(&rest, &line);
        if (r == PST_OK)
            r = signature_parse(line, &note.signatures[note.count++]);
    }
    if (r == PST_OK)
        *ret_note = note;
    return r;
}

/* ---- verifying ---------------------------------------------------------- */

static bool is_of(const struct pst_note_signature *signature, const struct pst_note_verifier *key)
{
    return memcmp(signature->id, key->id, sizeof key->id) == 0 &&
           pst_bytes_equal(signature->name, pst_bytes_str(key->name));
}

static enum pst_err signature_verify(const struct pst_note_signature *signature,
                                     struct pst_bytes text, const struct pst_note_verifier *key,
                                     uint64_t *ret_time_s)
{
    PST_BUF struct pst_buf message = {.max = PST_NOTE_MAX_BYTES + 64};
    struct pst_signature bytes;
    size_t skip = key->type == PST_NOTE_COSIGNATURE ? TIME_BYTES : 0;
    uint64_t time_s = 0;
    if (signature->len != skip + sizeof bytes.bytes)
        return PST_ERR_CRYPTO;
    memcpy(bytes.bytes, signature->bytes + skip, sizeof bytes.bytes);
    if (skip > 0) {
        time_s = time_read(signature->bytes);
        enum pst_err r =
            time_s <= TIME_MAX ? cosigned_message(text, time_s, &message) : PST_ERR_CRYPTO;
        if (r != PST_OK)
            return r;
        text = pst_buf_bytes(&message);
    }
    *ret_time_s = time_s;
    return pst_sign_verify(&key->key, text, &bytes);
}

/* The key a line is by; count: none of them. */
static size_t key_of(const struct pst_note_signature *signature,
                     const struct pst_note_verifier *keys, size_t count)
{
    size_t i = 0;
    while (i < count && !is_of(signature, &keys[i]))
        i++;
    return i;
}

enum pst_err pst_note_verify(const struct pst_note *note, const struct pst_note_verifier *keys,
                             size_t count, enum pst_note_rule rule, uint64_t *ret_times)
{
    uint64_t times[PST_NOTE_SIGNATURES_MAX] = {0};
    uint32_t seen = 0;
    if (count == 0 || count > PST_NOTE_SIGNATURES_MAX)
        return PST_ERR_INVALID;
    for (size_t i = 0; i < note->count; i++) {
        size_t key = key_of(&note->signatures[i], keys, count);
        bool misplaced = key == count || (seen >> key & 1U) != 0 || (key == 0) != (i == 0);
        if (rule == PST_NOTE_EXACT && misplaced)
            return PST_ERR_TRAILING;
        if (key == count)
            continue;
        enum pst_err r =
            signature_verify(&note->signatures[i], note->text, &keys[key], &times[key]);
        if (r != PST_OK)
            return r;
        seen |= UINT32_C(1) << key;
    }
    uint32_t wanted = rule == PST_NOTE_EXACT ? (uint32_t)((UINT64_C(1) << count) - 1) : 1U;
    if ((seen & wanted) != wanted)
        return PST_ERR_NOT_FOUND;
    if (ret_times != NULL)
        memcpy(ret_times, times, count * sizeof times[0]);
    return PST_OK;
}
