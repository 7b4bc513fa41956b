#include "server/store/threads.h"

#include <stdlib.h>
#include <string.h>

#include "postern/time.h"
#include "server/store/sql.h"

static int64_t day_of(int64_t at_ms)
{
    return at_ms / PST_DAY_MS;
}

/* The columns every statement gives, from the thread's id on. */
static enum pst_err take_thread(struct pst_rows *rows, int first, struct pst_thread *ret_thread)
{
    pst_row_uuid(rows, first, &ret_thread->id);
    pst_row_uuid(rows, first + 1, &ret_thread->patient);
    pst_row_uuid(rows, first + 2, &ret_thread->team);
    enum pst_err r =
        pst_row_text_array(rows, first + 3, ret_thread->team_name, sizeof ret_thread->team_name);
    ret_thread->state = pst_row_int(rows, first + 4);
    pst_row_uuid(rows, first + 5, &ret_thread->assigned);
    ret_thread->last_seq = pst_row_int(rows, first + 6);
    pst_row_uuid(rows, first + 7, &ret_thread->created_by);
    ret_thread->created_at_ms = pst_row_int(rows, first + 8);
    ret_thread->changed_at_ms = pst_row_int(rows, first + 9);
    return r;
}

enum pst_err pst_thread_get(struct pst_tx *tx, const struct pst_uuid *id,
                            const struct pst_uuid *person, int64_t now_ms,
                            struct pst_thread *ret_thread)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_thread thread = {0};
    enum pst_err r = pst_sql_first(tx, PST_STMT_THREAD_GET, &rows, PST_V_UUID(id),
                                   PST_V_UUID(person), PST_V_INT(day_of(now_ms)));
    if (r != PST_OK)
        return r;
    thread.as = (enum pst_thread_as)pst_row_int(rows, 0);
    if (thread.as == PST_THREAD_AS_NONE)
        return PST_ERR_NOT_FOUND;
    r = take_thread(rows, 1, &thread);
    if (r == PST_OK)
        *ret_thread = thread;
    return r;
}

/* Who opened what under an id before. PST_ERR_NOT_FOUND: nobody. */
struct taken {
    struct pst_uuid patient;
    struct pst_uuid team;
    struct pst_uuid by;
};

static enum pst_err id_taken(struct pst_tx *tx, const struct pst_uuid *id, struct taken *ret_taken)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_THREAD_TAKEN, &rows, PST_V_UUID(id));
    if (r != PST_OK)
        return r;
    pst_row_uuid(rows, 0, &ret_taken->patient);
    pst_row_uuid(rows, 1, &ret_taken->team);
    pst_row_uuid(rows, 2, &ret_taken->by);
    return PST_OK;
}

static enum pst_err may_open(struct pst_tx *tx, const struct pst_uuid *patient,
                             const struct pst_uuid *team, const struct pst_uuid *person,
                             int64_t now_ms)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_THREAD_MAY_OPEN, &rows, PST_V_UUID(team), PST_V_UUID(patient),
                      PST_V_UUID(person), PST_V_INT(day_of(now_ms)));
    if (r != PST_OK)
        return r;
    bool team_active = pst_row_int(rows, 0) != 0;
    bool has_part = pst_row_int(rows, 1) != PST_THREAD_AS_NONE;
    return team_active && has_part ? PST_OK : PST_ERR_NOT_FOUND;
}

enum pst_err pst_thread_open(struct pst_tx *tx, const struct pst_uuid *id,
                             const struct pst_uuid *patient, const struct pst_uuid *team,
                             const struct pst_uuid *person, int64_t now_ms, bool *ret_new)
{
    struct taken taken = {0};
    enum pst_err r = may_open(tx, patient, team, person, now_ms);
    if (r != PST_OK)
        return r;
    r = id_taken(tx, id, &taken);
    if (r == PST_OK) {
        if (!pst_uuid_equal(&taken.patient, patient) || !pst_uuid_equal(&taken.team, team))
            return PST_ERR_EXISTS;
        *ret_new = false;
        return PST_OK;
    }
    if (r != PST_ERR_NOT_FOUND)
        return r;
    r = pst_sql_exec(tx, PST_STMT_THREAD_INSERT, PST_V_UUID(id), PST_V_UUID(patient),
                     PST_V_UUID(team), PST_V_UUID(person), PST_V_INT(now_ms));
    if (r == PST_OK)
        *ret_new = true;
    return r;
}

static enum pst_err clinician_active(struct pst_tx *tx, const struct pst_uuid *person)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_CLINICIAN_ACTIVE, &rows, PST_V_UUID(person));
    if (r != PST_OK)
        return r;
    return pst_row_int(rows, 0) == 1 ? PST_OK : PST_ERR_NOT_FOUND;
}

static bool among(const struct pst_uuid *members, size_t count, const struct pst_uuid *person)
{
    for (size_t i = 0; i < count; i++)
        if (pst_uuid_equal(&members[i], person))
            return true;
    return false;
}

/* Is the room under this id of exactly these members? */
static enum pst_err same_room(struct pst_tx *tx, const struct pst_uuid *id,
                              const struct pst_uuid *members, size_t members_count,
                              const struct pst_uuid *person)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t found = 0;
    bool same = true;
    enum pst_err r = pst_sql_query(tx, PST_STMT_ROOM_MEMBERS, &rows, PST_V_UUID(id));
    while (pst_sql_each(rows, &r)) {
        struct pst_uuid member;
        pst_row_uuid(rows, 0, &member);
        same = same && (pst_uuid_equal(&member, person) || among(members, members_count, &member));
        found++;
    }
    if (r != PST_OK)
        return r;
    size_t wanted = members_count + (among(members, members_count, person) ? 0 : 1);
    return same && found == wanted ? PST_OK : PST_ERR_EXISTS;
}

static enum pst_err insert_room(struct pst_tx *tx, const struct pst_uuid *id,
                                const struct pst_uuid *members, size_t members_count,
                                const struct pst_uuid *person, int64_t now_ms)
{
    enum pst_err r = pst_sql_exec(tx, PST_STMT_THREAD_INSERT, PST_V_UUID(id), PST_V_NULL,
                                  PST_V_NULL, PST_V_UUID(person), PST_V_INT(now_ms));
    for (size_t i = 0; r == PST_OK && i < members_count; i++)
        r = pst_sql_exec(tx, PST_STMT_ROOM_MEMBER_INSERT, PST_V_UUID(id), PST_V_UUID(&members[i]));
    if (r == PST_OK && !among(members, members_count, person))
        r = pst_sql_exec(tx, PST_STMT_ROOM_MEMBER_INSERT, PST_V_UUID(id), PST_V_UUID(person));
    return r;
}

enum pst_err pst_room_open(struct pst_tx *tx, const struct pst_uuid *id,
                           const struct pst_uuid *members, size_t members_count,
                           const struct pst_uuid *person, int64_t now_ms, bool *ret_new)
{
    struct taken taken = {0};
    enum pst_err r = clinician_active(tx, person);
    for (size_t i = 0; r == PST_OK && i < members_count; i++)
        r = clinician_active(tx, &members[i]);
    if (r != PST_OK)
        return r;
    r = id_taken(tx, id, &taken);
    if (r == PST_OK) {
        if (!pst_uuid_is_nil(&taken.patient))
            return PST_ERR_EXISTS;
        r = same_room(tx, id, members, members_count, person);
        if (r == PST_OK)
            *ret_new = false;
        return r;
    }
    if (r != PST_ERR_NOT_FOUND)
        return r;
    r = insert_room(tx, id, members, members_count, person, now_ms);
    if (r == PST_OK)
        *ret_new = true;
    return r;
}

enum pst_err pst_thread_state_set(struct pst_tx *tx, const struct pst_uuid *id, int64_t state)
{
    return pst_sql_exec(tx, PST_STMT_THREAD_STATE, PST_V_UUID(id), PST_V_INT(state));
}

enum pst_err pst_thread_assign(struct pst_tx *tx, const struct pst_thread *thread,
                               const struct pst_uuid *assigned)
{
    if (assigned != NULL) {
        PST_ROWS struct pst_rows *rows = NULL;
        enum pst_err r = clinician_active(tx, assigned);
        if (r == PST_OK)
            r = pst_sql_first(tx, PST_STMT_TEAM_HAS_MEMBER, &rows, PST_V_UUID(&thread->team),
                              PST_V_UUID(assigned));
        if (r != PST_OK)
            return r;
        if (pst_row_int(rows, 0) != 1)
            return PST_ERR_NOT_FOUND;
    }
    return pst_sql_exec(tx, PST_STMT_THREAD_ASSIGN, PST_V_UUID(&thread->id), PST_V_UUID(assigned));
}

/* ---- lists ------------------------------------------------------------ */

/* Sources a list is merged from: a person has few teams and stands for few patients. */
#define SOURCES_MAX 64

struct merge {
    struct pst_thread *threads;
    size_t max;
    size_t count;
};

/* Last changed first; the id settles equal times, as the statements order them. */
static bool before(const struct pst_thread *a, const struct pst_thread *b)
{
    if (a->changed_at_ms != b->changed_at_ms)
        return a->changed_at_ms > b->changed_at_ms;
    return pst_uuid_compare(&a->id, &b->id) > 0;
}

/* Keep the first max of all that come, in order and once each. */
static void merge_in(struct merge *merge, const struct pst_thread *thread)
{
    size_t at = merge->count;
    while (at > 0 && before(thread, &merge->threads[at - 1]))
        at--;
    if (at > 0 && pst_uuid_equal(&merge->threads[at - 1].id, &thread->id))
        return;
    if (at == merge->max)
        return;
    size_t moved = (merge->count < merge->max ? merge->count : merge->max - 1) - at;
    memmove(&merge->threads[at + 1], &merge->threads[at], moved * sizeof *thread);
    merge->threads[at] = *thread;
    if (merge->count < merge->max)
        merge->count++;
}

static enum pst_err merge_source(struct pst_tx *tx, enum pst_statement statement,
                                 const struct pst_uuid *source,
                                 const struct pst_thread_filter *filter,
                                 const struct pst_thread_after *after, struct merge *merge)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, statement, &rows, PST_V_UUID(source),
                                   PST_V_INT(after->changed_at_ms), PST_V_UUID(&after->id),
                                   PST_V_INT(filter->state), PST_V_INT((int64_t)merge->max));
    while (pst_sql_each(rows, &r)) {
        struct pst_thread thread = {0};
        r = take_thread(rows, 0, &thread);
        bool wanted =
            pst_uuid_is_nil(&filter->patient) || pst_uuid_equal(&filter->patient, &thread.patient);
        if (r == PST_OK && wanted)
            merge_in(merge, &thread);
    }
    return r;
}

struct source {
    int64_t kind;
    struct pst_uuid id;
};

static enum pst_err find_sources(struct pst_tx *tx, const struct pst_uuid *person, int64_t now_ms,
                                 struct source *ret_sources, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_THREAD_SOURCES, &rows, PST_V_UUID(person),
                                   PST_V_INT(day_of(now_ms)));
    while (pst_sql_each(rows, &r)) {
        if (count == SOURCES_MAX)
            break;
        ret_sources[count].kind = pst_row_int(rows, 0);
        pst_row_uuid(rows, 1, &ret_sources[count].id);
        count++;
    }
    *ret_count = count;
    return r;
}

enum pst_err pst_thread_list(struct pst_tx *tx, const struct pst_uuid *person,
                             const struct pst_thread_filter *filter,
                             const struct pst_thread_after *after, int64_t now_ms,
                             struct pst_thread *ret_threads, size_t max, size_t *ret_count)
{
    struct merge merge = {.threads = ret_threads, .max = max};
    struct source sources[SOURCES_MAX];
    size_t count = 0;
    enum pst_err r = find_sources(tx, person, now_ms, sources, &count);
    for (size_t i = 0; r == PST_OK && i < count; i++)
        r = merge_source(tx,
                         sources[i].kind == PST_THREAD_AS_TEAM ? PST_STMT_THREADS_OF_TEAM
                                                               : PST_STMT_THREADS_OF_PATIENT,
                         &sources[i].id, filter, after, &merge);
    if (r == PST_OK)
        r = merge_source(tx, PST_STMT_ROOMS_OF_PERSON, person, filter, after, &merge);
    if (r == PST_OK)
        *ret_count = merge.count;
    return r;
}

/* ---- people ----------------------------------------------------------- */

enum pst_err pst_thread_people(struct pst_tx *tx, const struct pst_uuid *thread, int64_t now_ms,
                               enum pst_err (*each)(void *ctx,
                                                    const struct pst_thread_person *person),
                               void *ctx)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_THREAD_PEOPLE, &rows, PST_V_UUID(thread),
                                   PST_V_INT(day_of(now_ms)));
    while (pst_sql_each(rows, &r)) {
        struct pst_thread_person person = {.as = (enum pst_thread_as)pst_row_int(rows, 0)};
        pst_row_uuid(rows, 1, &person.id);
        person.name_enc = pst_row_bytes(rows, 2);
        r = each(ctx, &person);
    }
    return r;
}

enum pst_err pst_thread_unread(struct pst_tx *tx, const struct pst_thread *thread,
                               const struct pst_uuid *person, int64_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_THREAD_UNREAD, &rows, PST_V_UUID(&thread->id),
                      PST_V_UUID(person), PST_V_INT(thread->last_seq), PST_V_INT(PST_UNREAD_MAX));
    if (r == PST_OK)
        *ret_count = pst_row_int(rows, 0);
    return r;
}
