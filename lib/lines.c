#include "lines.h"

#include <string.h>

enum pst_err pst_line_take(struct pst_bytes *text, struct pst_bytes *ret_line)
{
    const uint8_t *end = text->len > 0 ? memchr(text->ptr, '\n', text->len) : NULL;
    if (end == NULL)
        return PST_ERR_SYNTAX;
    size_t len = (size_t)(end - text->ptr);
    *ret_line = pst_bytes(text->ptr, len);
    *text = pst_bytes(end + 1, text->len - len - 1);
    return PST_OK;
}

bool pst_line_after(struct pst_bytes line, const char *start, struct pst_bytes *ret_rest)
{
    size_t len = strlen(start);
    if (line.len < len || memcmp(line.ptr, start, len) != 0)
        return false;
    *ret_rest = pst_bytes(line.ptr + len, line.len - len);
    return true;
}

enum pst_err pst_line_number(struct pst_bytes text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.len == 0 || (text.ptr[0] == '0' && text.len > 1))
        return PST_ERR_SYNTAX;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';
        if (text.ptr[i] < '0' || digit > 9 || number > (max - digit) / 10)
            return PST_ERR_SYNTAX;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return PST_OK;
}
