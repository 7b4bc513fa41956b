/* GET /healthz: this role is alive and can begin a transaction. For load balancers. */
#include "postern/cleanup.h"
#include "server/web/request.h"

static enum pst_err health_show(struct pst_tx *tx, struct pst_request *request)
{
    PST_BUF struct pst_buf ok = {.max = 8};
    (void)tx;
    enum pst_err r = pst_buf_append_str(&ok, "ok\n");
    if (r != PST_OK)
        return r;
    return pst_request_bytes(request, 200, "text/plain; charset=utf-8", &ok);
}

const struct pst_route pst_routes_health[] = {
    {.method = "GET",
     .path = "/healthz",
     .roles = PST_WEB_PUBLIC,
     .kind = PST_WEB_READ,
     .run = health_show},
    {0},
};
