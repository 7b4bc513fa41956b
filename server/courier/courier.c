#include "server/courier/courier.h"

#include "server/role/idle.h"

enum pst_err pst_courier_run(struct pst_role_start *start)
{
    return pst_role_idle(start);
}
