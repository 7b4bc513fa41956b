#include "postern/established.h"

void pst_established_until(const struct pst_date *visit, struct pst_date *ret_last)
{
    pst_date_add_years(visit, PST_ESTABLISHED_YEARS, ret_last);
}

bool pst_established(const struct pst_date *visit, const struct pst_date *on)
{
    struct pst_date last = {0};
    pst_established_until(visit, &last);
    return pst_date_compare(visit, on) <= 0 && pst_date_compare(on, &last) <= 0;
}
