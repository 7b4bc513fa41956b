#include "server/web/site.h"

#include <string.h>

static const char cookie_prefix[] = PST_WEB_COOKIE "=";

const char *pst_web_cookie_find(const char *header, size_t *ret_len)
{
    const char *found = NULL;
    while (header != NULL && *header != '\0') {
        header += strspn(header, " ;");
        size_t len = strcspn(header, ";");
        if (strncmp(header, cookie_prefix, sizeof cookie_prefix - 1) == 0) {
            /* Twice means that somebody else set one of them. */
            if (found != NULL)
                return NULL;
            found = header + sizeof cookie_prefix - 1;
            *ret_len = len - (sizeof cookie_prefix - 1);
        }
        header += len;
    }
    return found;
}

bool pst_web_same_site(const char *sec_fetch_site, const char *origin, const char *host)
{
    static const char https[] = "https://";
    if (sec_fetch_site != NULL)
        return strcmp(sec_fetch_site, "same-origin") == 0;
    return origin != NULL && host != NULL && strncmp(origin, https, sizeof https - 1) == 0 &&
           strcmp(origin + sizeof https - 1, host) == 0;
}
