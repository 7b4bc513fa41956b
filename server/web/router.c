#include "server/web/router.h"

#include <stdio.h>
#include <string.h>

static const char id_segment[] = "{id}";

/* The length of the segment at text, up to the next slash or the end. */
static size_t segment_len(const char *text)
{
    return strcspn(text, "/");
}

static bool segment_matches(const char *pattern, size_t pattern_len, const char *text,
                            size_t text_len, struct pst_uuid *ids, size_t *ids_count)
{
    if (pattern_len != sizeof id_segment - 1 || memcmp(pattern, id_segment, pattern_len) != 0)
        return pattern_len == text_len && memcmp(pattern, text, text_len) == 0;
    return *ids_count < PST_REQUEST_IDS_MAX &&
           pst_uuid_parse(text, text_len, &ids[(*ids_count)++]) == PST_OK;
}

static bool path_matches(const char *pattern, const char *path, struct pst_uuid *ids)
{
    size_t ids_count = 0;
    for (;;) {
        size_t pattern_len = segment_len(pattern);
        size_t path_len = segment_len(path);
        if (!segment_matches(pattern, pattern_len, path, path_len, ids, &ids_count))
            return false;
        pattern += pattern_len;
        path += path_len;
        if (*pattern != *path)
            return false;
        if (*pattern == '\0')
            return true;
        pattern++;
        path++;
    }
}

static bool method_matches(const struct pst_route *route, const char *method)
{
    if (strcmp(route->method, method) == 0)
        return true;
    return strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0 &&
           route->kind == PST_WEB_READ;
}

static void allow_add(char *allow, const char *method)
{
    size_t len = strlen(allow);
    if (strstr(allow, method) == NULL)
        (void)snprintf(allow + len, PST_ROUTER_ALLOW_SIZE - len, "%s%s", len == 0 ? "" : ", ",
                       method);
}

enum pst_err pst_router_find(const struct pst_route *const *tables, const char *method,
                             const char *path, struct pst_router_match *ret_match)
{
    struct pst_router_match match = {0};
    for (; *tables != NULL; tables++) {
        for (const struct pst_route *route = *tables; route->method != NULL; route++) {
            if (!path_matches(route->path, path, match.ids))
                continue;
            if (method_matches(route, method)) {
                match.route = route;
                *ret_match = match;
                return PST_OK;
            }
            allow_add(match.allow, route->method);
            if (method_matches(route, "HEAD"))
                allow_add(match.allow, "HEAD");
        }
    }
    if (match.allow[0] == '\0')
        return PST_ERR_NOT_FOUND;
    *ret_match = match;
    return PST_ERR_UNSUPPORTED;
}

bool pst_router_word_in(const char *list, const char *name)
{
    size_t name_len = strlen(name);
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, " ");
        if (len == name_len && memcmp(list, name, len) == 0)
            return true;
        list += len;
        list += *list == ' ';
    }
    return false;
}
