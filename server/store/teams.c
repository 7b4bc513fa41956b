#include "server/store/teams.h"

#include "server/store/sql.h"

enum pst_err pst_team_insert(struct pst_tx *tx, const struct pst_team *team, int64_t at_ms)
{
    return pst_sql_exec(tx, PST_STMT_TEAM_INSERT, PST_V_UUID(&team->id), PST_V_TEXT(team->name),
                        PST_V_INT(at_ms));
}

static enum pst_err take_team(struct pst_rows *rows, struct pst_team *ret_team)
{
    pst_row_uuid(rows, 0, &ret_team->id);
    ret_team->active = pst_row_int(rows, 2) == 1;
    return pst_row_text_array(rows, 1, ret_team->name, sizeof ret_team->name);
}

enum pst_err pst_team_get(struct pst_tx *tx, const struct pst_uuid *id, struct pst_team *ret_team)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_TEAM_GET, &rows, PST_V_UUID(id));
    return r == PST_OK ? take_team(rows, ret_team) : r;
}

static enum pst_err list_begin(struct pst_tx *tx, enum pst_team_of of, const struct pst_uuid *id,
                               struct pst_rows **ret_rows)
{
    if (of == PST_TEAM_OF_ALL)
        return pst_sql_query(tx, PST_STMT_TEAM_LIST, ret_rows, PST_V_UUID(id),
                             PST_V_INT(PST_TEAMS_MAX));
    return pst_sql_query(
        tx, of == PST_TEAM_OF_MEMBER ? PST_STMT_TEAM_LIST_OF_MEMBER : PST_STMT_TEAM_LIST_OF_PATIENT,
        ret_rows, PST_V_UUID(id));
}

enum pst_err pst_team_list(struct pst_tx *tx, enum pst_team_of of, const struct pst_uuid *id,
                           struct pst_team *ret_teams, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = list_begin(tx, of, id, &rows);
    while (count < PST_TEAMS_MAX && pst_sql_each(rows, &r))
        r = take_team(rows, &ret_teams[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_team_members(struct pst_tx *tx, const struct pst_uuid *team,
                              struct pst_uuid *ret_members, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_TEAM_MEMBERS, &rows, PST_V_UUID(team));
    while (count < PST_TEAM_MEMBERS_MAX && pst_sql_each(rows, &r))
        pst_row_uuid(rows, 0, &ret_members[count++]);
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

static enum pst_err members_replace(struct pst_tx *tx, const struct pst_roster_row *roster)
{
    enum pst_err r = pst_sql_exec(tx, PST_STMT_TEAM_MEMBER_CLEAR, PST_V_UUID(&roster->team));
    for (size_t i = 0; r == PST_OK && i < roster->members_count; i++)
        r = pst_sql_exec(tx, PST_STMT_TEAM_MEMBER_INSERT, PST_V_UUID(&roster->team),
                         PST_V_UUID(&roster->members[i]));
    return r;
}

enum pst_err pst_roster_insert(struct pst_tx *tx, const struct pst_roster_row *roster,
                               const char *record)
{
    enum pst_err r = pst_sql_exec(
        tx, PST_STMT_ROSTER_INSERT, PST_V_UUID(&roster->team), PST_V_INT(roster->serial),
        PST_V_TEXT(record), PST_V_ARRAY(roster->hash.bytes), PST_V_ARRAY(roster->recipient),
        PST_V_ARRAY(roster->recipient_id.bytes), PST_V_INT(roster->at_ms));
    if (r == PST_OK)
        r = pst_sql_update(tx, PST_STMT_TEAM_CHANGED, PST_V_UUID(&roster->team),
                           PST_V_TEXT(roster->name));
    return r == PST_OK ? members_replace(tx, roster) : r;
}

enum pst_err pst_roster_each(struct pst_tx *tx, const struct pst_uuid *team,
                             enum pst_err (*each)(void *ctx, int64_t serial, const char *record,
                                                  struct pst_bytes hash),
                             void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_ROSTER_LIST, &rows, PST_V_UUID(team));
    while (pst_sql_each(rows, &r))
        r = each(ctx, pst_row_int(rows, 0), pst_row_text(rows, 1), pst_row_bytes(rows, 2));
    return r;
}

enum pst_err pst_team_key_insert(struct pst_tx *tx, const struct pst_uuid *team, int64_t serial,
                                 const struct pst_uuid *person, struct pst_bytes sealed)
{
    return pst_sql_exec(tx, PST_STMT_TEAM_KEY_INSERT, PST_V_UUID(team), PST_V_INT(serial),
                        PST_V_UUID(person), PST_V_BYTES(sealed));
}

enum pst_err pst_team_key_get(struct pst_tx *tx, const struct pst_uuid *team, int64_t serial,
                              const struct pst_uuid *person, struct pst_buf *ret_sealed)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_TEAM_KEY_GET, &rows, PST_V_UUID(team),
                                   PST_V_INT(serial), PST_V_UUID(person));
    return r == PST_OK ? pst_row_append(rows, 0, ret_sealed) : r;
}
