#include "server/web/route.h"

/* One a line, sorted; a test finds a table that is declared and missing here. */
/* clang-format off */
const struct pst_route *const pst_routes[] = {
    pst_routes_break_glass,
    pst_routes_consents,
    pst_routes_drafts,
    pst_routes_enrolments,
    pst_routes_health,
    pst_routes_me,
    pst_routes_messages_get,
    pst_routes_messages_post,
    pst_routes_patient_end,
    pst_routes_patients,
    pst_routes_receipts,
    pst_routes_redirects,
    pst_routes_representatives,
    pst_routes_restrictions,
    pst_routes_retraction,
    pst_routes_session,
    pst_routes_terms,
    pst_routes_thread_keys,
    pst_routes_threads,
    pst_routes_visits,
    NULL,
};
/* clang-format on */
