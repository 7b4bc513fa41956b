#include "postern/uuid.h"

#include <string.h>

/* Where RFC 9562 puts the hyphens. */
static bool is_hyphen_at(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void pst_uuid_v7(int64_t at_ms, const struct pst_random *random, struct pst_uuid *ret_uuid)
{
    uint64_t ms = at_ms < 0 ? 0 : (uint64_t)at_ms;
    pst_random_public(random, ret_uuid->bytes, sizeof ret_uuid->bytes);
    for (int i = 0; i < 6; i++)
        ret_uuid->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    ret_uuid->bytes[6] = (uint8_t)(0x70 | (ret_uuid->bytes[6] & 0x0f));
    ret_uuid->bytes[8] = (uint8_t)(0x80 | (ret_uuid->bytes[8] & 0x3f));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

enum pst_err pst_uuid_parse(const char *text, size_t text_len, struct pst_uuid *ret_uuid)
{
    struct pst_uuid uuid = {{0}};
    size_t digits = 0;
    if (text_len != PST_UUID_TEXT_LEN)
        return PST_ERR_SYNTAX;
    for (size_t i = 0; i < text_len; i++) {
        if (is_hyphen_at(i)) {
            if (text[i] != '-')
                return PST_ERR_SYNTAX;
            continue;
        }
        int value = hex_value(text[i]);
        if (value < 0)
            return PST_ERR_SYNTAX;
        uuid.bytes[digits / 2] = (uint8_t)(uuid.bytes[digits / 2] << 4 | value);
        digits++;
    }
    *ret_uuid = uuid;
    return PST_OK;
}

void pst_uuid_format(const struct pst_uuid *uuid, char *ret_text)
{
    static const char hex[] = "0123456789abcdef";
    size_t digits = 0;
    for (size_t i = 0; i < PST_UUID_TEXT_LEN; i++) {
        if (is_hyphen_at(i)) {
            ret_text[i] = '-';
            continue;
        }
        uint8_t byte = uuid->bytes[digits / 2];
        ret_text[i] = hex[digits % 2 == 0 ? byte >> 4 : byte & 0x0f];
        digits++;
    }
    ret_text[PST_UUID_TEXT_LEN] = 0;
}

int pst_uuid_compare(const struct pst_uuid *a, const struct pst_uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool pst_uuid_equal(const struct pst_uuid *a, const struct pst_uuid *b)
{
    return pst_uuid_compare(a, b) == 0;
}

bool pst_uuid_is_nil(const struct pst_uuid *uuid)
{
    static const struct pst_uuid nil;
    return pst_uuid_equal(uuid, &nil);
}

bool pst_uuid_is_v7(const struct pst_uuid *uuid)
{
    return uuid->bytes[6] >> 4 == 7 && uuid->bytes[8] >> 6 == 2;
}

int64_t pst_uuid_v7_ms(const struct pst_uuid *uuid)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}
