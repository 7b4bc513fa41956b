#include "postern/age_armor.h"

#include <string.h>

#include "postern/base64.h"

/* ---- writing ------------------------------------------------------------ */

/* Lines are collected and given out in pieces of about this many bytes. */
#define OUT_BYTES ((size_t)64 * 1024)
/* Room for the begin line, a full line and the end line. */
#define ARMOR_LINES_BYTES ((size_t)256)

static enum pst_err begin(struct pst_age_armorer *armorer, struct pst_buf *text)
{
    if (armorer->begun)
        return PST_OK;
    armorer->begun = true;
    return pst_buf_append_str(text, PST_AGE_ARMOR_BEGIN "\n");
}

static enum pst_err line_append(struct pst_buf *text, const uint8_t *bytes, size_t len)
{
    enum pst_err r = pst_base64_padded_append(text, pst_bytes(bytes, len));
    return r == PST_OK ? pst_buf_append_byte(text, '\n') : r;
}

static enum pst_err give(struct pst_sink out, struct pst_buf *text)
{
    enum pst_err r = text->len == 0 ? PST_OK : out.write(out.ctx, pst_buf_bytes(text));
    pst_buf_clear(text);
    return r;
}

/* Takes what fills the line held; a line goes out as soon as it is full. */
static enum pst_err take_line(struct pst_age_armorer *armorer, struct pst_bytes *binary,
                              struct pst_buf *text)
{
    size_t room = PST_AGE_ARMOR_LINE_BYTES - armorer->held_len;
    size_t len = binary->len < room ? binary->len : room;
    memcpy(armorer->held + armorer->held_len, binary->ptr, len);
    armorer->held_len += len;
    *binary = pst_bytes(binary->ptr + len, binary->len - len);
    if (armorer->held_len < PST_AGE_ARMOR_LINE_BYTES)
        return PST_OK;
    armorer->held_len = 0;
    return line_append(text, armorer->held, PST_AGE_ARMOR_LINE_BYTES);
}

enum pst_err pst_age_armorer_update(struct pst_age_armorer *armorer, struct pst_bytes binary)
{
    struct pst_buf text = {.max = OUT_BYTES + ARMOR_LINES_BYTES};
    enum pst_err r = begin(armorer, &text);
    while (r == PST_OK && binary.len > 0) {
        r = take_line(armorer, &binary, &text);
        if (r == PST_OK && text.len >= OUT_BYTES)
            r = give(armorer->out, &text);
    }
    if (r == PST_OK)
        r = give(armorer->out, &text);
    pst_buf_free(&text);
    return r;
}

enum pst_err pst_age_armorer_finish(struct pst_age_armorer *armorer)
{
    struct pst_buf text = {.max = ARMOR_LINES_BYTES};
    enum pst_err r = begin(armorer, &text);
    if (r == PST_OK && armorer->held_len > 0)
        r = line_append(&text, armorer->held, armorer->held_len);
    if (r == PST_OK)
        r = pst_buf_append_str(&text, PST_AGE_ARMOR_END "\n");
    if (r == PST_OK)
        r = give(armorer->out, &text);
    pst_buf_free(&text);
    return r;
}

/* ---- reading ------------------------------------------------------------ */

enum expect { EXPECT_BEGIN, EXPECT_LINE, EXPECT_END, EXPECT_SPACE };

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whole lines decoded before they go to the sink. */
static enum pst_err body_line(struct pst_age_dearmorer *dearmorer, struct pst_bytes line,
                              struct pst_buf *binary)
{
    if (pst_bytes_equal(line, pst_bytes_str(PST_AGE_ARMOR_END))) {
        dearmorer->expect = EXPECT_SPACE;
        return PST_OK;
    }
    if (dearmorer->expect == EXPECT_END || line.len == 0)
        return PST_ERR_SYNTAX;
    size_t before = binary->len;
    enum pst_err r = pst_base64_padded_decode(line, binary);
    /* Only the last line may stand for less: then the end must follow. */
    if (r == PST_OK && binary->len - before < PST_AGE_ARMOR_LINE_BYTES)
        dearmorer->expect = EXPECT_END;
    return r;
}

static enum pst_err whole_line(struct pst_age_dearmorer *dearmorer, struct pst_buf *binary)
{
    struct pst_bytes line = pst_bytes(dearmorer->line, dearmorer->line_len);
    dearmorer->line_len = 0;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len > PST_AGE_ARMOR_COLUMNS)
        return PST_ERR_SYNTAX;
    if (dearmorer->expect != EXPECT_BEGIN)
        return body_line(dearmorer, line, binary);
    if (!pst_bytes_equal(line, pst_bytes_str(PST_AGE_ARMOR_BEGIN)))
        return PST_ERR_SYNTAX;
    dearmorer->expect = EXPECT_LINE;
    return PST_OK;
}

static enum pst_err take_char(struct pst_age_dearmorer *dearmorer, uint8_t c,
                              struct pst_buf *binary)
{
    bool outside = dearmorer->expect == EXPECT_SPACE ||
                   (dearmorer->expect == EXPECT_BEGIN && dearmorer->line_len == 0);
    if (outside && is_space(c))
        return ++dearmorer->space_len > PST_AGE_ARMOR_SPACE_MAX ? PST_ERR_TOO_LONG : PST_OK;
    if (dearmorer->expect == EXPECT_SPACE)
        return PST_ERR_SYNTAX;
    if (c == '\n')
        return whole_line(dearmorer, binary);
    if (dearmorer->line_len == sizeof dearmorer->line)
        return PST_ERR_SYNTAX;
    dearmorer->line[dearmorer->line_len++] = (char)c;
    return PST_OK;
}

enum pst_err pst_age_dearmorer_update(struct pst_age_dearmorer *dearmorer, struct pst_bytes text)
{
    struct pst_buf binary = {.max = OUT_BYTES + ARMOR_LINES_BYTES};
    enum pst_err r = PST_OK;
    for (size_t i = 0; r == PST_OK && i < text.len; i++) {
        r = take_char(dearmorer, text.ptr[i], &binary);
        if (r == PST_OK && binary.len >= OUT_BYTES)
            r = give(dearmorer->out, &binary);
    }
    if (r == PST_OK)
        r = give(dearmorer->out, &binary);
    pst_buf_free(&binary);
    return r;
}

enum pst_err pst_age_dearmorer_finish(struct pst_age_dearmorer *dearmorer)
{
    struct pst_bytes line = pst_bytes(dearmorer->line, dearmorer->line_len);
    /* The last line may lack its line feed. */
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    bool inside = dearmorer->expect == EXPECT_LINE || dearmorer->expect == EXPECT_END;
    if (inside && pst_bytes_equal(line, pst_bytes_str(PST_AGE_ARMOR_END)))
        dearmorer->expect = EXPECT_SPACE;
    return dearmorer->expect == EXPECT_SPACE ? PST_OK : PST_ERR_TRUNCATED;
}

bool pst_age_armor_likely(struct pst_bytes first)
{
    struct pst_bytes begin_mark = pst_bytes_str("-----BEGIN");
    size_t at = 0;
    while (at < first.len && is_space(first.ptr[at]))
        at++;
    return first.len - at >= begin_mark.len &&
           memcmp(first.ptr + at, begin_mark.ptr, begin_mark.len) == 0;
}
