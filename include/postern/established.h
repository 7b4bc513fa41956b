/*
 * "Established patient", by the CPT definition: a professional service within
 * the past three years. Pure date arithmetic; which services count (clinician,
 * specialty, practice) is the caller's business.
 */
#ifndef POSTERN_ESTABLISHED_H
#define POSTERN_ESTABLISHED_H

#include <stdbool.h>

#include "postern/time.h"

#define PST_ESTABLISHED_YEARS 3

/*
 * Whether a service on visit makes a patient established on the day on.
 * Exactly three years later is still established. Three years after a 29
 * February there is none: 28 February is then the last day (the stricter
 * reading). A visit after the day on does not count.
 */
bool pst_established(const struct pst_date *visit, const struct pst_date *on);

/* The last day on which visit still makes established. */
void pst_established_until(const struct pst_date *visit, struct pst_date *ret_last);

#endif
