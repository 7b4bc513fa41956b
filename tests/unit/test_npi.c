#include "postern/npi.h"

#include <string.h>

#include "unit.h"

START_TEST(check_digit)
{
    /* 1234567893 is the worked example of the CMS check digit algorithm. */
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        {"1234567893", true},   {"1234567890", false}, {"1234567839", false}, {"123456789", false},
        {"12345678933", false}, {"3234567893", false}, {"123456789x", false}, {"", false},
        {"0000000000", false},  {"1 34567893", false}, {"2000000002", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(pst_npi_valid(cases[i].text, strlen(cases[i].text)) == cases[i].want, "%s",
                      cases[i].text);
}
END_TEST

START_TEST(every_single_wrong_digit_is_found)
{
    for (size_t at = 0; at < PST_NPI_DIGITS; at++) {
        char text[] = "1234567893";
        for (char digit = '0'; digit <= '9'; digit++) {
            bool same = text[at] == digit;
            char changed[] = "1234567893";
            changed[at] = digit;
            ck_assert(pst_npi_valid(changed, PST_NPI_DIGITS) == same);
        }
    }
}
END_TEST

PST_UNIT_MAIN("npi", check_digit, every_single_wrong_digit_is_found)
