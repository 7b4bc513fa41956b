#include "server/store/messages.h"

#include "server/store/sql.h"

enum pst_err pst_post_keys_get(struct pst_tx *tx, const struct pst_uuid *thread,
                               const struct pst_uuid *sender, struct pst_post_keys *ret_keys)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_MESSAGE_POST_KEYS, &rows, PST_V_UUID(thread),
                                   PST_V_UUID(sender));
    if (r != PST_OK)
        return r;
    bool has_key = !pst_row_is_null(rows, 0);
    if (has_key)
        r = pst_row_array(rows, 0, ret_keys->sign_key.bytes, sizeof ret_keys->sign_key.bytes);
    pst_buf_clear(&ret_keys->key_enc);
    if (r == PST_OK)
        r = pst_row_append(rows, 2, &ret_keys->key_enc);
    if (r != PST_OK)
        return r;
    pst_row_uuid(rows, 1, &ret_keys->patient);
    ret_keys->has_sign_key = has_key;
    return PST_OK;
}

/* ---- acceptance --------------------------------------------------------- */

static enum pst_err insert_row(struct pst_tx *tx, const struct pst_message_acceptance *a)
{
    const struct pst_message *m = &a->message;
    return pst_sql_exec(tx, PST_STMT_MESSAGE_INSERT, PST_V_UUID(&m->id), PST_V_UUID(&m->thread),
                        PST_V_INT(m->seq), PST_V_UUID(&m->sender), PST_V_INT(m->category),
                        PST_V_INT(m->sent_ms), PST_V_INT(m->accepted_ms), PST_V_INT(m->size_bytes),
                        PST_V_INT(m->attachments), PST_V_INT(m->images),
                        PST_V_UUID_IF(!pst_uuid_is_nil(&m->replyto), &m->replyto),
                        PST_V_INT(m->via), PST_V_ARRAY(a->hash.bytes), PST_V_UUID(&a->event),
                        PST_V_UUID_IF(!pst_uuid_is_nil(&a->consent), &a->consent));
}

/* Patient, team, records: what nearly every message is sealed to. */
#define USUAL_KEYS 3

static enum pst_err insert_keys(struct pst_tx *tx, const struct pst_message_acceptance *a)
{
    const struct pst_uuid *id = &a->message.id;
    enum pst_err r = PST_OK;
    if (a->keys_count == USUAL_KEYS)
        return pst_sql_exec(tx, PST_STMT_MESSAGE_KEYS_INSERT_3, PST_V_UUID(id),
                            PST_V_ARRAY(a->keys[0].bytes), PST_V_ARRAY(a->keys[1].bytes),
                            PST_V_ARRAY(a->keys[2].bytes));
    for (size_t i = 0; r == PST_OK && i < a->keys_count; i++)
        r = pst_sql_exec(tx, PST_STMT_MESSAGE_KEY_INSERT, PST_V_UUID(id), PST_V_INT((int64_t)i),
                         PST_V_ARRAY(a->keys[i].bytes));
    return r;
}

static enum pst_err insert_body(struct pst_tx *tx, const struct pst_message_acceptance *a)
{
    const struct pst_uuid *id = &a->message.id;
    if (pst_uuid_is_nil(&a->upload))
        return pst_sql_exec(tx, PST_STMT_BODY_INSERT_2, PST_V_UUID(id), PST_V_BYTES(a->head),
                            PST_V_BYTES(a->payload));
    enum pst_err r =
        pst_sql_exec(tx, PST_STMT_BODY_INSERT, PST_V_UUID(id), PST_V_INT(0), PST_V_BYTES(a->head));
    if (r == PST_OK)
        r = pst_sql_exec(tx, PST_STMT_BODY_FROM_STAGING, PST_V_UUID(id), PST_V_UUID(&a->upload));
    if (r == PST_OK)
        r = pst_staging_drop(tx, &a->upload);
    if (r == PST_OK && a->payload.len > 0)
        r = pst_sql_exec(tx, PST_STMT_BODY_INSERT, PST_V_UUID(id), PST_V_INT(a->upload_parts + 1),
                         PST_V_BYTES(a->payload));
    return r;
}

/* All of the usual message in one statement. */
static enum pst_err accept_at_once(struct pst_tx *tx, const struct pst_message_acceptance *a)
{
    const struct pst_message *m = &a->message;
    return pst_sql_exec(
        tx, PST_STMT_MESSAGE_ACCEPT, PST_V_UUID(&m->id), PST_V_UUID(&m->thread), PST_V_INT(m->seq),
        PST_V_UUID(&m->sender), PST_V_INT(m->category), PST_V_INT(m->sent_ms),
        PST_V_INT(m->accepted_ms), PST_V_INT(m->size_bytes), PST_V_INT(m->attachments),
        PST_V_INT(m->images), PST_V_UUID_IF(!pst_uuid_is_nil(&m->replyto), &m->replyto),
        PST_V_INT(m->via), PST_V_ARRAY(a->hash.bytes), PST_V_UUID(&a->event),
        PST_V_UUID_IF(!pst_uuid_is_nil(&a->consent), &a->consent), PST_V_ARRAY(a->keys[0].bytes),
        PST_V_ARRAY(a->keys[1].bytes), PST_V_ARRAY(a->keys[2].bytes), PST_V_BYTES(a->head),
        PST_V_BYTES(a->payload));
}

static enum pst_err accept_by_parts(struct pst_tx *tx,
                                    const struct pst_message_acceptance *acceptance)
{
    const struct pst_message *m = &acceptance->message;
    enum pst_err r = insert_row(tx, acceptance);
    if (r == PST_OK)
        r = insert_keys(tx, acceptance);
    if (r == PST_OK)
        r = insert_body(tx, acceptance);
    if (r == PST_OK)
        r = pst_sql_exec(tx, PST_STMT_THREAD_ADVANCE, PST_V_UUID(&m->thread), PST_V_INT(m->seq),
                         PST_V_INT(m->accepted_ms), PST_V_INT(m->size_bytes));
    if (r == PST_OK)
        r = pst_sql_exec(tx, PST_STMT_DRAFT_DELETE, PST_V_UUID(&m->thread), PST_V_UUID(&m->sender));
    return r;
}

enum pst_err pst_message_accept(struct pst_tx *tx, const struct pst_message_acceptance *acceptance)
{
    const struct pst_message *m = &acceptance->message;
    bool usual = acceptance->keys_count == USUAL_KEYS && pst_uuid_is_nil(&acceptance->upload);
    enum pst_err r = usual && pst_sql_has(tx, PST_STMT_MESSAGE_ACCEPT)
                         ? accept_at_once(tx, acceptance)
                         : accept_by_parts(tx, acceptance);
    if (r == PST_OK && !pst_uuid_is_nil(&m->replyto))
        r = pst_sql_exec(tx, PST_STMT_MESSAGE_ANSWERED, PST_V_UUID(&m->replyto),
                         PST_V_UUID(&m->thread), PST_V_INT(m->accepted_ms));
    return r;
}

/* ---- reading ------------------------------------------------------------ */

static void take_message(struct pst_rows *rows, struct pst_message *ret_message)
{
    struct pst_message m = {0};
    pst_row_uuid(rows, 0, &m.id);
    pst_row_uuid(rows, 1, &m.thread);
    m.seq = pst_row_int(rows, 2);
    pst_row_uuid(rows, 3, &m.sender);
    m.category = (enum pst_category)pst_row_int(rows, 4);
    m.sent_ms = pst_row_int(rows, 5);
    m.accepted_ms = pst_row_int(rows, 6);
    m.size_bytes = pst_row_int(rows, 7);
    m.attachments = pst_row_int(rows, 8);
    m.images = pst_row_int(rows, 9);
    pst_row_uuid(rows, 10, &m.replyto);
    m.via = (enum pst_via)pst_row_int(rows, 11);
    m.retracted_at_ms = pst_row_int(rows, 12);
    m.answered_at_ms = pst_row_int(rows, 13);
    m.opened = pst_row_int(rows, 14) != 0;
    m.fetched = pst_row_int(rows, 15) != 0;
    *ret_message = m;
}

enum pst_err pst_message_get(struct pst_tx *tx, const struct pst_uuid *id,
                             struct pst_message *ret_message)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_MESSAGE_GET, &rows, PST_V_UUID(id));
    if (r == PST_OK)
        take_message(rows, ret_message);
    return r;
}

enum pst_err pst_message_at(struct pst_tx *tx, const struct pst_uuid *thread, int64_t seq,
                            struct pst_message *ret_message)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_MESSAGE_AT, &rows, PST_V_UUID(thread), PST_V_INT(seq));
    if (r == PST_OK)
        take_message(rows, ret_message);
    return r;
}

enum pst_err pst_message_list(struct pst_tx *tx, const struct pst_uuid *thread, int64_t before_seq,
                              struct pst_message *ret_messages, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_MESSAGE_LIST, &rows, PST_V_UUID(thread),
                                   PST_V_INT(before_seq), PST_V_INT((int64_t)max));
    while (pst_sql_each(rows, &r)) {
        take_message(rows, &ret_messages[count]);
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_message_keys(struct pst_tx *tx, const struct pst_uuid *id,
                              struct pst_key_id *ret_keys, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_MESSAGE_KEYS, &rows, PST_V_UUID(id));
    while (pst_sql_each(rows, &r)) {
        if (count == max)
            return PST_ERR_TOO_LONG;
        r = pst_row_array(rows, 0, ret_keys[count].bytes, sizeof ret_keys[count].bytes);
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_message_to(struct pst_tx *tx, const struct pst_message *message,
                            struct pst_uuid *ret_to, size_t max, size_t *ret_count)
{
    PST_ROWS struct pst_rows *rows = NULL;
    size_t count = 0;
    enum pst_err r = pst_sql_query(tx, PST_STMT_MESSAGE_TO, &rows, PST_V_UUID(&message->id),
                                   PST_V_UUID(&message->sender));
    while (pst_sql_each(rows, &r)) {
        if (count == max)
            return PST_ERR_TOO_LONG;
        pst_row_uuid(rows, 0, &ret_to[count]);
        count++;
    }
    if (r == PST_OK)
        *ret_count = count;
    return r;
}

enum pst_err pst_message_patient_key(struct pst_tx *tx, const struct pst_uuid *id,
                                     struct pst_uuid *ret_patient, struct pst_buf *key_enc)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_MESSAGE_SECRETS, &rows, PST_V_UUID(id));
    if (r == PST_OK)
        r = pst_row_append(rows, 1, key_enc);
    if (r == PST_OK)
        pst_row_uuid(rows, 0, ret_patient);
    return r;
}

enum pst_err pst_body_size(struct pst_tx *tx, const struct pst_uuid *message, int64_t *ret_bytes,
                           int64_t *ret_last_part)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_BODY_SIZE, &rows, PST_V_UUID(message));
    if (r != PST_OK)
        return r;
    *ret_last_part = pst_row_int(rows, 0);
    *ret_bytes = pst_row_int(rows, 1);
    return PST_OK;
}

enum pst_err pst_body_part(struct pst_tx *tx, const struct pst_uuid *message, int64_t part,
                           struct pst_buf *out)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_BODY_PART, &rows, PST_V_UUID(message), PST_V_INT(part));
    return r == PST_OK ? pst_row_append(rows, 0, out) : r;
}

/* ---- uploads under way --------------------------------------------------- */

enum pst_err pst_staging_used(struct pst_tx *tx, const struct pst_uuid *person, int64_t *ret_bytes)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_STAGING_USED, &rows, PST_V_UUID(person));
    if (r == PST_OK)
        *ret_bytes = pst_row_int(rows, 0);
    return r;
}

enum pst_err pst_staging_add(struct pst_tx *tx, const struct pst_uuid *upload, int64_t part,
                             const struct pst_uuid *person, int64_t now_ms, int64_t quota_bytes,
                             struct pst_bytes bytes)
{
    int64_t used = 0;
    enum pst_err r = pst_sql_lock(tx, PST_STMT_PERSON_LOCK, PST_V_UUID(person));
    if (r == PST_OK)
        r = pst_staging_used(tx, person, &used);
    if (r != PST_OK)
        return r;
    if (used > quota_bytes - (int64_t)bytes.len)
        return PST_ERR_DENIED;
    return pst_sql_exec(tx, PST_STMT_STAGING_INSERT, PST_V_UUID(upload), PST_V_INT(part),
                        PST_V_UUID(person), PST_V_INT(now_ms), PST_V_BYTES(bytes));
}

enum pst_err pst_staging_drop(struct pst_tx *tx, const struct pst_uuid *upload)
{
    return pst_sql_exec(tx, PST_STMT_STAGING_DROP, PST_V_UUID(upload));
}

enum pst_err pst_staging_sweep(struct pst_tx *tx, int64_t before_ms, int64_t *ret_parts)
{
    return pst_sql_change(tx, PST_STMT_STAGING_SWEEP, ret_parts, PST_V_INT(before_ms));
}

/* ---- receipts ------------------------------------------------------------ */

static enum pst_err take_flag(struct pst_rows *rows, enum pst_err r, bool *ret_flag)
{
    if (r == PST_OK)
        *ret_flag = pst_row_int(rows, 0) != 0;
    return r;
}

enum pst_err pst_message_received_by(struct pst_tx *tx, const struct pst_uuid *id,
                                     const struct pst_uuid *person, bool *ret_received)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_MESSAGE_RECEIVED_BY, &rows, PST_V_UUID(id), PST_V_UUID(person));
    return take_flag(rows, r, ret_received);
}

enum pst_err pst_thread_answerable(struct pst_tx *tx, const struct pst_uuid *thread,
                                   const struct pst_uuid *patient, bool to_team, int64_t last_seq,
                                   bool *ret_answerable)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_THREAD_ANSWERABLE, &rows, PST_V_UUID(thread),
                      PST_V_UUID(patient), PST_V_INT(to_team ? 0 : 1), PST_V_INT(last_seq));
    return take_flag(rows, r, ret_answerable);
}

enum pst_err pst_receipt_get(struct pst_tx *tx, const struct pst_uuid *message,
                             const struct pst_uuid *person, int64_t *ret_opened_ms)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r =
        pst_sql_first(tx, PST_STMT_RECEIPT_GET, &rows, PST_V_UUID(message), PST_V_UUID(person));
    if (r == PST_OK)
        *ret_opened_ms = pst_row_int(rows, 1);
    return r;
}

enum pst_err pst_receipt_fetched(struct pst_tx *tx, const struct pst_uuid *message,
                                 const struct pst_uuid *thread, const struct pst_uuid *person,
                                 int64_t now_ms, bool *ret_first)
{
    int64_t changes = 0;
    enum pst_err r = pst_sql_change(tx, PST_STMT_RECEIPT_FETCHED, &changes, PST_V_UUID(message),
                                    PST_V_UUID(person), PST_V_INT(now_ms));
    if (r == PST_OK)
        r = pst_sql_exec(tx, PST_STMT_NOTICE_SEEN, PST_V_UUID(thread), PST_V_UUID(person));
    if (r == PST_OK)
        *ret_first = changes == 1;
    return r;
}

enum pst_err pst_receipt_opened(struct pst_tx *tx, const struct pst_uuid *message,
                                const struct pst_uuid *person, int64_t now_ms, const char *record,
                                bool *ret_first)
{
    int64_t changes = 0;
    enum pst_err r = pst_sql_change(tx, PST_STMT_RECEIPT_OPENED, &changes, PST_V_UUID(message),
                                    PST_V_UUID(person), PST_V_INT(now_ms), PST_V_TEXT(record));
    if (r == PST_OK)
        *ret_first = changes == 1;
    return r;
}

enum pst_err pst_message_retract(struct pst_tx *tx, const struct pst_uuid *id, int64_t now_ms,
                                 const char *record, bool *ret_first)
{
    int64_t changes = 0;
    enum pst_err r = pst_sql_change(tx, PST_STMT_MESSAGE_RETRACT, &changes, PST_V_UUID(id),
                                    PST_V_INT(now_ms), PST_V_TEXT(record));
    if (r == PST_OK)
        *ret_first = changes == 1;
    return r;
}

/* ---- notices -------------------------------------------------------------- */

enum pst_err pst_notice_queue(struct pst_tx *tx, const struct pst_notice_order *order)
{
    if (!order->email && !order->sms)
        return PST_OK;
    return pst_sql_exec(
        tx, PST_STMT_NOTICE_QUEUE, PST_V_UUID(&order->email_id), PST_V_UUID(&order->sms_id),
        PST_V_UUID(&order->thread), PST_V_INT(order->now_ms), PST_V_UUID(&order->consent),
        PST_V_UUID(&order->patient), PST_V_INT(order->email), PST_V_INT(order->sms));
}

enum pst_err pst_notice_sweep(struct pst_tx *tx, int64_t before_ms)
{
    return pst_sql_exec(tx, PST_STMT_NOTICE_SWEEP, PST_V_INT(before_ms));
}
