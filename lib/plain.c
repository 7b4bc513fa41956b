/*
 * Whether the beginning of a payload looks like something readable. Against
 * accidents (a client that forgot to encrypt), not against malice: whoever wants
 * to can always hide a text. Random bytes must practically never match, so a
 * signature counts only when at least six of its bytes are fixed (2^-48); UTF-8
 * is rarer still (random bytes stay valid for 32 bytes with less than 2^-27, for
 * 64 with less than 2^-54; no payload of ours is shorter than 32).
 */
#include <string.h>
#include <unistr.h>

#include "postern/envelope.h"

/* mask: 'x' must be equal, '.' is anything. */
static const struct {
    const char *what;
    const char *bytes;
    const char *mask;
} signatures[] = {
    {"PDF", "%PDF-1.", "xxxxxxx"},
    {"PDF 2", "%PDF-2.", "xxxxxxx"},
    {"PNG", "\x89PNG\r\n\x1a\n", "xxxxxxxx"},
    /* Local header, version needed 1.0, 2.0 or 4.5, flags' high byte: ZIP and DOCX, XLSX, ODT. */
    {"ZIP 1.0", "PK\3\4\x0a\0", "xxxxxx"},
    {"ZIP 2.0", "PK\3\4\x14\0", "xxxxxx"},
    {"ZIP 4.5", "PK\3\4\x2d\0", "xxxxxx"},
    {"OLE (DOC, XLS, MSG)", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xxxxxxxx"},
    {"age", "age-encryption", "xxxxxxxxxxxxxx"},
    {"WEBP", "RIFF\0\0\0\0WEBP", "xxxx....xxxx"},
    {"WAVE", "RIFF\0\0\0\0WAVE", "xxxx....xxxx"},
    {"JPEG JFIF", "\xff\xd8\xff\xe0\0\x10JFIF", "xxxxxxxxxx"},
    {"JPEG EXIF", "\xff\xd8\xff\xe1\0\0Exif", "xxxx..xxxx"},
    {"GIF87a", "GIF87a", "xxxxxx"},
    {"GIF89a", "GIF89a", "xxxxxx"},
    {"HEIC, MP4", "\0\0\0\0ftyp\0\0\0\0", "xxx.xxxx"},
    {"TIFF little-endian", "II*\0\x08\0\0\0", "xxxxxxxx"},
    {"TIFF big-endian", "MM\0*\0\0\0\x08", "xxxxxxxx"},
    {"7-Zip", "7z\xbc\xaf\x27\x1c", "xxxxxx"},
    {"RAR", "Rar!\x1a\x07", "xxxxxx"},
    {"xz",
     "\xfd"
     "7zXZ\0",
     "xxxxxx"},
    /* No flags, no time, unknown extra flags: what gzip writes from a pipe. */
    {"gzip", "\x1f\x8b\x08\0\0\0\0\0", "xxxxxxxx"},
    {"SQLite", "SQLite format 3", "xxxxxxxxxxxxxxx"},
};

static bool begins_with(struct pst_bytes payload, const char *bytes, const char *mask)
{
    size_t len = strlen(mask);
    if (payload.len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (mask[i] == 'x' && payload.ptr[i] != (uint8_t)bytes[i])
            return false;
    }
    return true;
}

/* Valid UTF-8; the last character may be cut, as it is by where we look. */
static bool is_utf8(struct pst_bytes text)
{
    const uint8_t *wrong = u8_check(text.ptr, text.len);
    if (wrong == NULL)
        return true;
    size_t left = text.len - (size_t)(wrong - text.ptr);
    ucs4_t character = 0;
    /* -2: incomplete, and all that is there may be the beginning of one. */
    return left < 4 && u8_mbtoucr(&character, wrong, left) == -2;
}

bool pst_looks_plain(struct pst_bytes payload)
{
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (begins_with(payload, signatures[i].bytes, signatures[i].mask))
            return true;
    }
    size_t look = payload.len < PST_PLAIN_LOOK_BYTES ? payload.len : PST_PLAIN_LOOK_BYTES;
    return look > 0 && is_utf8(pst_bytes(payload.ptr, look));
}
