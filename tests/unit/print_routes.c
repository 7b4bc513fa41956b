/* Prints every route as one line of JSON: method, path, roles, step-up, query. */
#include <stdio.h>

#include "postern/names.h"
#include "server/web/route.h"

static void print_roles(uint32_t roles)
{
    const char *comma = "";
    (void)printf("[");
    if ((roles & PST_WEB_PUBLIC) != 0) {
        (void)printf("\"public\"");
        comma = ",";
    }
    for (unsigned i = 0; i < PST_ROLES_COUNT; i++)
        if ((roles & (1U << i)) != 0) {
            (void)printf("%s\"%s\"", comma, pst_role_name((enum pst_role)(1U << i)));
            comma = ",";
        }
    (void)printf("]");
}

int main(void)
{
    for (size_t t = 0; pst_routes[t] != NULL; t++)
        for (const struct pst_route *route = pst_routes[t]; route->method != NULL; route++) {
            (void)printf("{\"method\":\"%s\",\"path\":\"%s\",\"step_up\":%s,\"query\":\"%s\","
                         "\"json\":%s,\"roles\":",
                         route->method, route->path,
                         (route->flags & PST_WEB_STEP_UP) != 0 ? "true" : "false",
                         route->query != NULL ? route->query : "",
                         (route->flags & PST_WEB_JSON) != 0 ? "true" : "false");
            print_roles(route->roles);
            (void)printf("}\n");
        }
    return 0;
}
