/*
 * Cookies and where a request comes from. Pure.
 *
 * A cookie is sent by browsers on their own, so what came by cookie and
 * changes anything must also come from our own page: Sec-Fetch-Site (W3C Fetch
 * Metadata), or where a browser does not send it, Origin equal to Host.
 */
#ifndef POSTERN_SERVER_WEB_SITE_H
#define POSTERN_SERVER_WEB_SITE_H

#include <stdbool.h>
#include <stddef.h>

#define PST_WEB_COOKIE "__Host-postern"

/* Whether a request that came by cookie may change something. Texts may be NULL. */
bool pst_web_same_site(const char *sec_fetch_site, const char *origin, const char *host);

/*
 * The value of our cookie in a Cookie header (may be NULL); NULL when it is
 * not there exactly once.
 *   ret_len  its length
 */
const char *pst_web_cookie_find(const char *header, size_t *ret_len);

#endif
