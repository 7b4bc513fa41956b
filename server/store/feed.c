#include "server/store/feed.h"

#include "postern/time.h"
#include "server/store/people.h"
#include "server/store/sql.h"

enum pst_err pst_feed_after(struct pst_tx *tx, const struct pst_uuid *after, size_t max,
                            enum pst_err (*each)(void *ctx, const struct pst_uuid *id,
                                                 struct pst_bytes line),
                            void *ctx, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r =
        pst_sql_query(tx, PST_STMT_FEED_AFTER, &rows, PST_V_UUID(after), PST_V_INT((int64_t)max));
    while (pst_sql_each(rows, &r)) {
        struct pst_uuid id;
        pst_row_uuid(rows, 0, &id);
        r = each(ctx, &id, pst_row_bytes(rows, 1));
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_thread_readers(struct pst_tx *tx, const struct pst_uuid *thread, int64_t now_ms,
                                struct pst_buf *people)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_THREAD_READERS, &rows, PST_V_UUID(thread),
                                   PST_V_INT(PST_PERSON_ACTIVE), PST_V_INT(now_ms / PST_DAY_MS));
    while (pst_sql_each(rows, &r)) {
        struct pst_uuid person;
        pst_row_uuid(rows, 0, &person);
        r = pst_buf_append(people, person.bytes, sizeof person.bytes);
    }
    return r;
}
