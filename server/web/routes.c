#include "server/web/route.h"

const struct pst_route *const pst_routes[] = {
    pst_routes_health,
    NULL,
};
