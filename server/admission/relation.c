/*
 * From the date of a visit to a fact. Dates count in UTC, like every time of
 * the store: at the end of the three years a few hours go either way.
 */
#include "postern/established.h"
#include "server/admission/admission.h"

int64_t pst_admit_established_until_ms(const struct pst_date *visit)
{
    struct pst_date last = *visit;
    pst_established_until(visit, &last);
    return pst_admit_day_end_ms(pst_date_days(&last));
}
