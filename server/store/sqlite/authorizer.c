#include <string.h>

#include "server/store/sqlite/sqlite.h"

/*
 * The second layer: what SQLite itself refuses to prepare, should the list of
 * statements ever say too much. Tables a role never touches, and tables whose
 * rows nobody ever changes or removes.
 */

static const struct {
    const char *table;
    unsigned roles;
} closed[] = {
    {"body", PST_BY_COURIER},
    {"staging", PST_BY_COURIER},
    {"draft", PST_BY_COURIER},
    {"message_key", PST_BY_COURIER},
    {"message_grant", PST_BY_COURIER},
    {"session", PST_BY_COURIER},
    {"account", PST_BY_COURIER | PST_BY_KEEPER},
    {"wrap", PST_BY_COURIER | PST_BY_KEEPER},
    {"factor", PST_BY_COURIER | PST_BY_KEEPER},
    {"team_key", PST_BY_COURIER | PST_BY_KEEPER},
};

/* Never overwritten; never deleted by those named. */
static const struct {
    const char *table;
    unsigned no_update, no_delete;
} kept[] = {
    {"consent", PST_BY_ALL, PST_BY_WEB | PST_BY_COURIER},
    {"consent_purpose", PST_BY_ALL, PST_BY_WEB | PST_BY_COURIER},
    {"event", PST_BY_WEB | PST_BY_COURIER | PST_BY_TOOL, PST_BY_WEB | PST_BY_COURIER},
    {"message_grant", PST_BY_ALL, PST_BY_WEB | PST_BY_COURIER},
    {"roster", PST_BY_ALL, PST_BY_ALL},
    {"statement", 0, PST_BY_ALL},
    {"terms", PST_BY_ALL, PST_BY_ALL},
    {"visit", PST_BY_ALL, PST_BY_WEB | PST_BY_COURIER},
};

static bool is_closed(const char *table, unsigned role)
{
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++) {
        if ((closed[i].roles & role) != 0 && strcmp(table, closed[i].table) == 0)
            return true;
    }
    return false;
}

static bool is_kept(const char *table, unsigned role, int action)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        unsigned roles = action == SQLITE_UPDATE ? kept[i].no_update : kept[i].no_delete;
        if ((roles & role) != 0 && strcmp(table, kept[i].table) == 0)
            return true;
    }
    return false;
}

/* Whoever copies appends, and changes nothing but the mark of how far it came. */
static bool copy_may(int action, const char *table)
{
    return action == SQLITE_INSERT || (action == SQLITE_UPDATE && strcmp(table, "copy") == 0);
}

static bool may_write(const struct pst_connection *connection, int action, const char *table)
{
    unsigned role = 1U << connection->role;
    if (connection->use != PST_CONNECTION_WRITE || strncmp(table, "sqlite_", 7) == 0 ||
        is_closed(table, role))
        return false;
    if (connection->role == PST_STORE_COPY)
        return copy_may(action, table);
    if (strcmp(table, "copy") == 0)
        return false;
    return action == SQLITE_INSERT || !is_kept(table, role, action);
}

int pst_sqlite_authorize(void *ctx, int action, const char *first, const char *second,
                         const char *database, const char *inner)
{
    const struct pst_connection *connection = ctx;
    bool allowed = false;
    (void)database;
    (void)inner;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        allowed = true;
        break;
    case SQLITE_FUNCTION:
        allowed = second != NULL && strcmp(second, "load_extension") != 0;
        break;
    case SQLITE_READ:
        allowed = first != NULL && !is_closed(first, 1U << connection->role);
        break;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        allowed = first != NULL && may_write(connection, action, first);
        break;
    default:
        break;
    }
    return allowed ? SQLITE_OK : SQLITE_DENY;
}
