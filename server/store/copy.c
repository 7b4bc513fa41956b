#include "server/store/copy.h"

#include <string.h>

#include "postern/time.h"
#include "server/store/copy_state.h"
#include "server/store/target.h"

/* ---- the mark: is this store a whole practice? ----------------------------- */

struct mark {
    struct pst_copy_source source;
    int64_t rows;
    bool complete;
};

/* PST_ERR_NOT_FOUND: this store is nobody's copy. */
static enum pst_err mark_get(struct pst_tx *tx, struct mark *ret_mark)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct mark mark = {.rows = 0};
    enum pst_err r = pst_sql_first_values(tx, PST_STMT_COPY_MARK_GET, &rows, NULL, 0);
    if (r == PST_OK)
        r = pst_row_text_array(rows, 0, mark.source.origin, sizeof mark.source.origin);
    if (r == PST_OK && !pst_row_is_null(rows, 2)) {
        mark.source.has_event = true;
        r = pst_row_array(rows, 2, mark.source.last_event.bytes, PST_UUID_BYTES);
    }
    if (r != PST_OK)
        return r;
    mark.source.created_at_ms = pst_row_int(rows, 1);
    mark.rows = pst_row_int(rows, 4);
    mark.complete = !pst_row_is_null(rows, 5);
    *ret_mark = mark;
    return PST_OK;
}

enum pst_err pst_copy_whole(struct pst_tx *tx, struct pst_store_problem *ret_problem)
{
    struct mark mark;
    enum pst_err r = mark_get(tx, &mark);
    if (r == PST_ERR_NOT_FOUND)
        return PST_OK;
    if (r != PST_OK || mark.complete)
        return r;
    pst_store_problem_set(ret_problem,
                          "the store is an unfinished copy of a practice: go on "
                          "with posternd migrate --to, or use the store it comes from");
    return PST_ERR_TRUNCATED;
}

/* ---- beginning -------------------------------------------------------------- */

static enum pst_err last_event_read(struct pst_copy *copy)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first_values(copy->from, PST_STMT_COPY_LAST_EVENT, &rows, NULL, 0);
    if (r == PST_ERR_NOT_FOUND)
        return PST_OK;
    copy->source.has_event = r == PST_OK;
    return r == PST_OK ? pst_row_array(rows, 0, copy->source.last_event.bytes, PST_UUID_BYTES) : r;
}

static enum pst_err practice_read(struct pst_copy *copy)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first_values(copy->from, PST_STMT_COPY_PRACTICE, &rows, NULL, 0);
    if (r == PST_ERR_NOT_FOUND)
        pst_store_problem_set(copy->problem, "there is no practice in the store yet");
    if (r != PST_OK)
        return r;
    copy->source.created_at_ms = pst_row_int(rows, 1);
    return pst_row_text_array(rows, 0, copy->source.origin, sizeof copy->source.origin);
}

static enum pst_err rows_count(struct pst_copy *copy)
{
    enum pst_err r = PST_OK;
    for (int i = 0; r == PST_OK && i < PST_COPY_TABLES; i++) {
        PST_ROWS struct pst_rows *rows = NULL;
        const struct pst_copy_table *table = pst_copy_table((enum pst_copy_table_id)i);
        r = pst_sql_first_values(copy->from, table->count, &rows, NULL, 0);
        if (r == PST_OK)
            copy->progress.rows_all += pst_row_int(rows, 0);
    }
    return r;
}

static enum pst_err source_read(struct pst_copy *copy)
{
    copy->source = (struct pst_copy_source){.has_event = false};
    copy->progress = (struct pst_copy_progress){.phase = PST_COPY_COPYING};
    copy->stopped = false;
    enum pst_err r = pst_copy_whole(copy->from, copy->problem);
    if (r == PST_OK)
        r = practice_read(copy);
    if (r == PST_OK)
        r = last_event_read(copy);
    return r == PST_OK ? rows_count(copy) : r;
}

/* A first copy goes into a store in which nothing was ever written. */
static enum pst_err destination_empty(struct pst_tx *to, struct pst_store_problem *problem)
{
    PST_COPY_KEY struct pst_copy_key key = {.given = false};
    enum pst_err r = PST_OK;
    for (int i = 0; r == PST_OK && i < PST_COPY_TABLES; i++) {
        const struct pst_copy_table *table = pst_copy_table((enum pst_copy_table_id)i);
        r = pst_copy_key_last(to, table, &key);
        if (r == PST_OK && key.given) {
            pst_store_problem_set(problem, "the destination is in use: its table %s has rows",
                                  table->name);
            r = PST_ERR_EXISTS;
        }
    }
    return r;
}

static bool same_moment(const struct pst_copy_source *a, const struct pst_copy_source *b)
{
    return a->has_event == b->has_event &&
           memcmp(&a->last_event, &b->last_event, sizeof a->last_event) == 0;
}

static enum pst_err refuse(const struct pst_copy *copy, const char *why, enum pst_err r)
{
    pst_store_problem_set(copy->problem, "%s", why);
    return r;
}

/* May this destination be gone on with? */
static enum pst_err mark_judge(const struct pst_copy *copy, const struct mark *mark)
{
    if (strcmp(mark->source.origin, copy->source.origin) != 0 ||
        mark->source.created_at_ms != copy->source.created_at_ms)
        return refuse(copy, "the destination is a copy of another practice", PST_ERR_EXISTS);
    if (mark->complete)
        return refuse(copy,
                      "the destination is a finished copy of this practice, and may be in use",
                      PST_ERR_EXISTS);
    if (!same_moment(&mark->source, &copy->source))
        return refuse(copy,
                      "the practice was used since this copy was begun: begin anew, with an "
                      "empty destination",
                      PST_ERR_CONFLICT);
    return PST_OK;
}

static enum pst_err mark_open(struct pst_tx *to, void *ctx)
{
    struct pst_copy *copy = ctx;
    struct mark mark;
    enum pst_err r = mark_get(to, &mark);
    copy->rows = 0;
    if (r == PST_OK) {
        copy->rows = mark.rows;
        return mark_judge(copy, &mark);
    }
    if (r == PST_ERR_NOT_FOUND)
        r = destination_empty(to, copy->problem);
    if (r != PST_OK)
        return r;
    const struct pst_copy_source *source = &copy->source;
    return pst_sql_exec(
        to, PST_STMT_COPY_MARK_INSERT, PST_V_TEXT(source->origin), PST_V_INT(source->created_at_ms),
        PST_V_BYTES_IF(source->has_event, pst_bytes(source->last_event.bytes, PST_UUID_BYTES)),
        PST_V_INT(pst_clock_now(NULL)));
}

/* ---- rows -------------------------------------------------------------------- */

/* One durable transaction; everything below table is set anew by each run. */
struct batch {
    struct pst_copy *copy;
    const struct pst_copy_table *table;
    const struct pst_copy_key *after;
    struct pst_copy_key reached;
    int64_t rows;
    int64_t bytes;
    bool ended; /* the table has no more */
};

static enum pst_err row_copy(struct pst_tx *to, struct batch *batch, struct pst_rows *rows)
{
    const struct pst_copy_table *table = batch->table;
    struct pst_value values[PST_STATEMENT_PARAMS_MAX];
    size_t count = strlen(table->types);
    for (size_t i = 0; i < count; i++) {
        values[i] = pst_copy_column(table, rows, (int)i);
        batch->bytes += pst_copy_weight(&values[i]);
    }
    enum pst_err r = pst_sql_exec_values(to, table->insert, NULL, values, count);
    if (r == PST_ERR_EXISTS || r == PST_ERR_CONFLICT)
        pst_store_problem_set(batch->copy->problem,
                              "the destination does not take a row of table %s: it was changed, "
                              "or the source is damaged",
                              table->name);
    return r;
}

static enum pst_err page_copy(struct pst_tx *to, struct batch *batch)
{
    PST_ROWS struct pst_rows *rows = NULL;
    int64_t count = 0;
    enum pst_err r = pst_copy_page(batch->copy->from, batch->table, &batch->reached, &rows);
    while (pst_sql_each(rows, &r)) {
        r = row_copy(to, batch, rows);
        if (r == PST_OK)
            r = pst_copy_key_take(batch->table, rows, &batch->reached);
        count++;
    }
    batch->rows += count;
    batch->ended = count < batch->table->page_rows;
    return r;
}

static enum pst_err batch_write(struct pst_tx *to, void *ctx)
{
    struct batch *batch = ctx;
    const struct pst_copy *copy = batch->copy;
    batch->rows = batch->bytes = 0;
    batch->ended = false;
    enum pst_err r = pst_copy_key_copy(batch->table, batch->after, &batch->reached);
    while (r == PST_OK && !batch->ended && batch->rows < PST_COPY_BATCH_ROWS &&
           batch->bytes < PST_COPY_BATCH_BYTES)
        r = page_copy(to, batch);
    if (r != PST_OK || batch->rows == 0)
        return r;
    r = pst_sql_update(to, PST_STMT_COPY_MARK_ADVANCE, PST_V_INT(copy->rows),
                       PST_V_INT(copy->rows + batch->rows));
    if (r != PST_ERR_NOT_FOUND)
        return r;
    return refuse(copy, "somebody else is copying into the same destination", PST_ERR_CONFLICT);
}

bool pst_copy_goes_on(struct pst_copy *copy)
{
    copy->stopped =
        copy->stopped || (copy->watch != NULL && !copy->watch(&copy->progress, copy->watch_ctx));
    return !copy->stopped;
}

struct place {
    const struct pst_copy_table *table;
    struct pst_copy_key *key;
};

static enum pst_err place_find(struct pst_tx *to, void *ctx)
{
    const struct place *place = ctx;
    return pst_copy_key_last(to, place->table, place->key);
}

static enum pst_err batch_run(struct pst_copy *copy, struct batch *batch)
{
    enum pst_err r = pst_store_write(copy->to, batch_write, batch);
    if (r != PST_OK)
        return r;
    copy->rows += batch->rows;
    copy->progress.rows = copy->rows;
    copy->progress.bytes += batch->bytes;
    (void)pst_copy_goes_on(copy);
    return PST_OK;
}

/* From wherever the destination stands. */
static enum pst_err table_copy(struct pst_copy *copy, enum pst_copy_table_id id)
{
    PST_COPY_KEY struct pst_copy_key after = {.given = false};
    struct batch batch = {.copy = copy, .table = pst_copy_table(id), .after = &after};
    struct place place = {batch.table, &after};
    copy->progress.table = id;
    enum pst_err r = pst_store_read(copy->to, place_find, &place);
    while (r == PST_OK && !batch.ended && !copy->stopped) {
        r = batch_run(copy, &batch);
        if (r == PST_OK)
            r = pst_copy_key_copy(batch.table, &batch.reached, &after);
    }
    pst_copy_key_free(&batch.reached);
    return r;
}

static enum pst_err tables_copy(struct pst_copy *copy)
{
    enum pst_err r = PST_OK;
    copy->progress.rows = copy->rows;
    for (int i = 0; r == PST_OK && !copy->stopped && i < PST_COPY_TABLES; i++)
        r = table_copy(copy, (enum pst_copy_table_id)i);
    return r;
}

/* ---- the whole ---------------------------------------------------------------- */

static enum pst_err mark_complete(struct pst_tx *to, void *ctx)
{
    const struct pst_copy *copy = ctx;
    enum pst_err r = pst_sql_update(to, PST_STMT_COPY_MARK_COMPLETE, PST_V_INT(copy->rows),
                                    PST_V_INT(pst_clock_now(NULL)));
    return r == PST_ERR_NOT_FOUND ? PST_ERR_CONFLICT : r;
}

/* Run again from its start if the source's connection is lost: then it goes on. */
static enum pst_err copy_run(struct pst_tx *from, void *ctx)
{
    struct pst_copy *copy = ctx;
    copy->from = from;
    *copy->result = (struct pst_copy_result){.end = PST_COPY_STOPPED};
    enum pst_err r = source_read(copy);
    if (r == PST_OK)
        r = pst_store_write(copy->to, mark_open, copy);
    if (r == PST_OK)
        r = tables_copy(copy);
    copy->result->rows = copy->rows;
    if (r == PST_OK && !copy->stopped)
        r = pst_copy_verify(copy);
    if (r != PST_OK || copy->stopped || copy->result->end == PST_COPY_DIFFERS)
        return r;
    r = pst_store_write(copy->to, mark_complete, copy);
    if (r == PST_OK)
        copy->result->end = PST_COPY_COMPLETE;
    return r;
}

enum pst_err pst_store_copy(struct pst_store *from, struct pst_store *to, pst_copy_watch watch,
                            void *ctx, struct pst_copy_result *ret_result,
                            struct pst_store_problem *ret_problem)
{
    struct pst_copy_result result = {.end = PST_COPY_STOPPED};
    struct pst_copy copy = {
        .to = to, .watch = watch, .watch_ctx = ctx, .result = &result, .problem = ret_problem};
    enum pst_err r = pst_store_read(from, copy_run, &copy);
    if (r == PST_OK)
        *ret_result = result;
    return r;
}
