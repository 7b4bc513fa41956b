/*
 * From method and path to a route. Pure; any thread.
 *
 * Paths are matched whole and literally: no trailing slash, no case folding.
 * An "{id}" segment takes a UUID in lower case and nothing else.
 */
#ifndef POSTERN_SERVER_WEB_ROUTER_H
#define POSTERN_SERVER_WEB_ROUTER_H

#include <stdbool.h>

#include "server/web/request.h"

/* "DELETE, GET, HEAD, PATCH, POST, PUT" and a NUL. */
#define PST_ROUTER_ALLOW_SIZE 48

struct pst_router_match {
    const struct pst_route *route;
    struct pst_uuid ids[PST_REQUEST_IDS_MAX];
    char allow[PST_ROUTER_ALLOW_SIZE]; /* with PST_ERR_UNSUPPORTED: the methods there are */
};

/*
 * Find the route.
 *   tables  as pst_routes: ends with NULL, each table with a method NULL
 *   path    percent-decoded, NUL-terminated
 * HEAD finds the GET route if that one only reads. PST_OK;
 * PST_ERR_NOT_FOUND: no such path; PST_ERR_UNSUPPORTED: not with this method.
 */
PST_MUST_CHECK enum pst_err pst_router_find(const struct pst_route *const *tables,
                                            const char *method, const char *path,
                                            struct pst_router_match *ret_match);

/* Is name one of the words in list ("limit cursor")? list may be NULL. */
bool pst_router_word_in(const char *list, const char *name);

#endif
