#include "postern/fingerprint.h"

#include <sodium.h>
#include <stdio.h>

#define FINGERPRINT_CONTEXT "postern fingerprint/1\n"
#define GROUPS 8
#define GROUP_BYTES 5
#define GROUP_MODULUS 100000
#define GROUP_TEXT_LEN 6

void pst_fingerprint(const struct pst_sign_public *sign, const uint8_t *recipient, char *ret_text)
{
    crypto_hash_sha512_state state;
    uint8_t hash[crypto_hash_sha512_BYTES];
    (void)crypto_hash_sha512_init(&state);
    (void)crypto_hash_sha512_update(&state, (const uint8_t *)FINGERPRINT_CONTEXT,
                                    sizeof FINGERPRINT_CONTEXT - 1);
    if (sign != NULL)
        (void)crypto_hash_sha512_update(&state, sign->bytes, sizeof sign->bytes);
    (void)crypto_hash_sha512_update(&state, recipient, PST_PUBLIC_KEY_BYTES);
    (void)crypto_hash_sha512_final(&state, hash);
    for (size_t group = 0; group < GROUPS; group++) {
        uint64_t value = 0;
        for (size_t i = 0; i < GROUP_BYTES; i++)
            value = value << 8 | hash[group * GROUP_BYTES + i];
        /* Each group and the blank (last: the NUL) after it. */
        (void)snprintf(ret_text + group * GROUP_TEXT_LEN, GROUP_TEXT_LEN, "%05u",
                       (unsigned)(value % GROUP_MODULUS));
        ret_text[group * GROUP_TEXT_LEN + GROUP_TEXT_LEN - 1] = group + 1 < GROUPS ? ' ' : '\0';
    }
}
