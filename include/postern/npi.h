/*
 * National Provider Identifier: ten digits, the last a Luhn check digit over
 * 80840 and the first nine (45 CFR 162.406, ISO/IEC 7812 prefix). Says only
 * that a number is well formed, never that it was issued.
 */
#ifndef POSTERN_NPI_H
#define POSTERN_NPI_H

#include <stdbool.h>
#include <stddef.h>

#define PST_NPI_DIGITS 10

/* Ten ASCII digits, the first 1 or 2, the check digit right. */
bool pst_npi_valid(const char *text, size_t text_len);

#endif
