#include "server/web/route.h"

/* clang-format off */
const struct pst_route *const pst_routes[] = {
    pst_routes_drafts,
    pst_routes_enrolments,
    pst_routes_health,
    pst_routes_messages_get,
    pst_routes_messages_post,
    pst_routes_receipts,
    pst_routes_redirects,
    pst_routes_retraction,
    pst_routes_session,
    pst_routes_thread_keys,
    pst_routes_threads,
    NULL,
};
