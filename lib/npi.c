#include "postern/npi.h"

/* What the Luhn digits of the prefix 80840 add up to. */
#define NPI_PREFIX_SUM 24

bool pst_npi_valid(const char *text, size_t text_len)
{
    int sum = NPI_PREFIX_SUM;
    if (text_len != PST_NPI_DIGITS || (text[0] != '1' && text[0] != '2'))
        return false;
    for (size_t i = 0; i < text_len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        int digit = text[i] - '0';
        /* Every second digit counts double, from the one beside the check digit. */
        if (i % 2 == 0)
            digit *= 2;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}
