#include "postern/random.h"

#include <sodium.h>

static void system_fill(void *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    randombytes_buf(ret_bytes, len);
}

static const struct pst_random system_random = {.fill = system_fill};

const struct pst_random *pst_random_system(void)
{
    return &system_random;
}

void pst_random_fill(const struct pst_random *random, void *ret_bytes, size_t len)
{
    if (random == NULL)
        random = &system_random;
    random->fill(random->ctx, ret_bytes, len);
}
