/*
 * Visits, representatives, restrictions and break-glass: what is on record
 * about a patient beside consent. Visibility is decided before (patients.h).
 * Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_VISITS_H
#define POSTERN_SERVER_STORE_VISITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/people.h"
#include "server/store/store.h"

/* What a page of a patient shows. */
#define PST_VISITS_SHOWN 100

/* One professional service. Texts borrowed. */
struct pst_visit {
    struct pst_uuid id;
    struct pst_uuid patient; /* only written */
    struct pst_uuid clinician;
    const char *specialty, *subspecialty;
    int64_t date_days;
    const char *kind; /* in-person, telehealth */
    const char *code; /* "": none */
    struct pst_uuid recorded_by;
    int64_t recorded_at_ms;
};

/* PST_ERR_EXISTS; PST_ERR_CONFLICT (no such patient or clinician). */
PST_MUST_CHECK enum pst_err pst_visit_insert(struct pst_tx *tx, const struct pst_visit *visit);

typedef enum pst_err pst_visit_fn(void *ctx, const struct pst_visit *visit);

/* Newest first, limit of them. */
PST_MUST_CHECK enum pst_err pst_visit_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                           size_t limit, pst_visit_fn *fn, void *ctx);

/*
 * The specialty of a clinician on a day, by the newest credential that still
 * held then; both "" where there is none. PST_ERR_NOT_FOUND: no clinician of
 * the practice.
 */
PST_MUST_CHECK enum pst_err pst_visit_specialty(struct pst_tx *tx, const struct pst_uuid *clinician,
                                                int64_t date_days, char *ret_specialty,
                                                char *ret_subspecialty);

/* ---- representatives ---- */

struct pst_representative {
    struct pst_uuid patient; /* only written */
    struct pst_uuid person;
    struct pst_bytes name_enc; /* only read; borrowed */
    const char *authority;     /* parent, guardian, power-of-attorney, other */
    int64_t until_days;        /* last day; PST_NO_DAY: open */
    struct pst_uuid recorded_by;
    int64_t recorded_at_ms;
};
#define PST_NO_DAY INT64_MIN

/* A person who is a representative and nothing else yet, to be invited. */
PST_MUST_CHECK enum pst_err pst_representative_person_insert(struct pst_tx *tx,
                                                             const struct pst_uuid *id,
                                                             struct pst_bytes name_enc,
                                                             int64_t at_ms);
/* Gives a known person the role. PST_ERR_NOT_FOUND: nobody fit (staff, disabled, absent). */
PST_MUST_CHECK enum pst_err pst_representative_role_give(struct pst_tx *tx,
                                                         const struct pst_uuid *person);
/* Adds, or renews one that was there. */
PST_MUST_CHECK enum pst_err pst_representative_put(struct pst_tx *tx,
                                                   const struct pst_representative *one);
/* PST_ERR_NOT_FOUND when there is none that is live. */
PST_MUST_CHECK enum pst_err pst_representative_end(struct pst_tx *tx,
                                                   const struct pst_uuid *patient,
                                                   const struct pst_uuid *person, int64_t at_ms);

typedef enum pst_err pst_representative_fn(void *ctx, const struct pst_representative *one);
/* Those not ended, also when their last day is over. */
PST_MUST_CHECK enum pst_err pst_representative_list(struct pst_tx *tx,
                                                    const struct pst_uuid *patient,
                                                    pst_representative_fn *fn, void *ctx);
/* Those who may act today, in order; PST_ERR_TOO_LONG beyond max. */
PST_MUST_CHECK enum pst_err pst_representative_live(struct pst_tx *tx,
                                                    const struct pst_uuid *patient,
                                                    int64_t today_days, struct pst_uuid *ret_people,
                                                    size_t max, size_t *ret_count);

/* ---- restrictions ---- */

struct pst_restriction {
    struct pst_uuid id;
    struct pst_uuid patient;   /* only written */
    const char *kind;          /* no-messages, no-email-notice, no-sms-notice, not-team */
    struct pst_uuid team;      /* nil: none */
    struct pst_bytes note_enc; /* empty: none */
    struct pst_uuid recorded_by;
    int64_t recorded_at_ms;
};
PST_MUST_CHECK enum pst_err pst_restriction_insert(struct pst_tx *tx,
                                                   const struct pst_restriction *restriction);
PST_MUST_CHECK enum pst_err pst_restriction_end(struct pst_tx *tx, const struct pst_uuid *patient,
                                                const struct pst_uuid *id, int64_t at_ms);
typedef enum pst_err pst_restriction_fn(void *ctx, const struct pst_restriction *restriction);
PST_MUST_CHECK enum pst_err pst_restriction_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                                 pst_restriction_fn *fn, void *ctx);

/* ---- break-glass ---- */

struct pst_break_glass {
    struct pst_uuid id;
    struct pst_uuid patient;
    struct pst_uuid clinician;
    struct pst_bytes reason_enc;
    int64_t at_ms;
    int64_t until_ms;
};
/* May this clinician override not-established? An absent one may not. */
PST_MUST_CHECK enum pst_err pst_break_glass_right(struct pst_tx *tx,
                                                  const struct pst_uuid *clinician, bool *ret_may);
PST_MUST_CHECK enum pst_err pst_break_glass_insert(struct pst_tx *tx,
                                                   const struct pst_break_glass *one);

#endif
