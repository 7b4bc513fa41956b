#include "postern/bech32.h"

#include <string.h>

#define CHECKSUM_CHARS 6
#define GROUP_BITS 5

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* One step of BIP 173's checksum over a group of five bits. */
static uint32_t polymod_step(uint32_t sum, uint8_t group)
{
    static const uint32_t generator[GROUP_BITS] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                   0x2a1462b3};
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << GROUP_BITS ^ group;
    for (int i = 0; i < GROUP_BITS; i++)
        sum ^= (top >> i & 1) != 0 ? generator[i] : 0;
    return sum;
}

static uint32_t polymod_prefix(const char *prefix)
{
    uint32_t sum = 1;
    for (const char *c = prefix; *c != 0; c++)
        sum = polymod_step(sum, (uint8_t)*c >> GROUP_BITS);
    sum = polymod_step(sum, 0);
    for (const char *c = prefix; *c != 0; c++)
        sum = polymod_step(sum, (uint8_t)*c & 31);
    return sum;
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool prefix_ok(const char *prefix)
{
    for (const char *c = prefix; *c != 0; c++)
        if (*c < 33 || *c > 126 || is_upper((uint8_t)*c))
            return false;
    return prefix[0] != 0;
}

/* Group number i of data, filled with zero bits at the end. */
static uint8_t group_at(struct pst_bytes data, size_t i)
{
    size_t bit = i * GROUP_BITS, byte = bit / 8;
    uint32_t two = (uint32_t)data.ptr[byte] << 8;
    if (byte + 1 < data.len)
        two |= data.ptr[byte + 1];
    return (uint8_t)(two >> (16 - GROUP_BITS - bit % 8) & 31);
}

static char in_case(char c, bool upper)
{
    return upper && is_lower((uint8_t)c) ? (char)(c - 'a' + 'A') : c;
}

enum pst_err pst_bech32_encode(const char *prefix, struct pst_bytes data, bool upper,
                               char *ret_text, size_t cap)
{
    size_t prefix_len = strlen(prefix);
    if (!prefix_ok(prefix))
        return PST_ERR_INVALID;
    if (cap <= prefix_len || data.len >= (SIZE_MAX - prefix_len) / 8 ||
        cap <= PST_BECH32_LEN(prefix_len, data.len))
        return PST_ERR_TOO_LONG;
    char *at = ret_text;
    for (const char *c = prefix; *c != 0; c++)
        *at++ = in_case(*c, upper);
    *at++ = '1';
    uint32_t sum = polymod_prefix(prefix);
    size_t groups = (data.len * 8 + GROUP_BITS - 1) / GROUP_BITS;
    for (size_t i = 0; i < groups; i++) {
        uint8_t group = group_at(data, i);
        sum = polymod_step(sum, group);
        *at++ = in_case(alphabet[group], upper);
    }
    for (int i = 0; i < CHECKSUM_CHARS; i++)
        sum = polymod_step(sum, 0);
    sum ^= 1;
    for (int i = CHECKSUM_CHARS - 1; i >= 0; i--)
        *at++ = in_case(alphabet[sum >> (GROUP_BITS * i) & 31], upper);
    *at = 0;
    return PST_OK;
}

static bool mixed_case(struct pst_bytes text)
{
    bool upper = false, lower = false;
    for (size_t i = 0; i < text.len; i++) {
        upper = upper || is_upper(text.ptr[i]);
        lower = lower || is_lower(text.ptr[i]);
    }
    return upper && lower;
}

static uint8_t to_lower(uint8_t c)
{
    return is_upper(c) ? (uint8_t)(c - 'A' + 'a') : c;
}

/* The whole text is prefix, then 1: the separator is the last 1, for the alphabet has none. */
static bool starts_with_prefix(struct pst_bytes text, const char *prefix, size_t prefix_len)
{
    for (size_t i = 0; i < prefix_len; i++)
        if (to_lower(text.ptr[i]) != (uint8_t)prefix[i])
            return false;
    return text.ptr[prefix_len] == '1';
}

/* Five bits of one character; 32 when it is none. */
static uint8_t group_of(uint8_t c)
{
    const char *found = c == 0 ? NULL : strchr(alphabet, to_lower(c));
    return found == NULL ? 32 : (uint8_t)(found - alphabet);
}

enum pst_err pst_bech32_decode_exact(struct pst_bytes text, const char *prefix, uint8_t *ret_data,
                                     size_t len)
{
    size_t prefix_len = strlen(prefix), at = 0;
    if (text.len != PST_BECH32_LEN(prefix_len, len) || mixed_case(text) || !prefix_ok(prefix) ||
        !starts_with_prefix(text, prefix, prefix_len))
        return PST_ERR_SYNTAX;
    uint32_t sum = polymod_prefix(prefix), bits = 0;
    unsigned held = 0;
    for (size_t i = prefix_len + 1; i < text.len; i++) {
        uint8_t group = group_of(text.ptr[i]);
        if (group > 31)
            return PST_ERR_SYNTAX;
        sum = polymod_step(sum, group);
        if (i >= text.len - CHECKSUM_CHARS)
            continue;
        bits = (bits << GROUP_BITS | group) & 0xfff;
        held += GROUP_BITS;
        if (held >= 8) {
            held -= 8;
            ret_data[at++] = (uint8_t)(bits >> held);
        }
    }
    bool padded_with_zeros = (bits & ((1U << held) - 1)) == 0;
    return sum == 1 && padded_with_zeros && at == len ? PST_OK : PST_ERR_SYNTAX;
}
